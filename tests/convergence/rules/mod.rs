//! The table of decisions, said apart from the decider: which rules hold for what is seen. The first of them in
//! the table's order must be the one that decided.
//!
//! The unit tests of `plan` include this file too, and ask it of everything that can be drawn.

use composio_operator::composio::State;
use composio_operator::plan::{Claim, Decision, Desired, Observed, Plan, Presence, Proof, Rule};
use jiff::Timestamp;
use strum::IntoEnumIterator;

mod claims;
mod data;
mod declared;
mod deleting;
mod grant;
mod link;
mod refusals;
mod request;
mod says;
mod sight;

use sight::Situation;

/// The rules in the order in which they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Table(Vec<Rule>);

/// What a rule does, as far as the rules that guard others must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// It concludes without asking Composio, or reads the Secret.
    Rests,
    /// It reads from Composio.
    Looks,
    /// It refuses, or changes the object or its status only.
    Concludes,
    /// It changes something at Composio.
    Writes,
}

impl Table {
    /// The rules for an object of that presence, in the order of [`Rule`]. `LookAfresh` is in both tables, and
    /// behind the rule of the project in each: it has one place in the enum, among the rules for what is declared.
    pub(crate) fn new(presence: Presence) -> Self {
        let mut rules: Vec<Rule> = Rule::iter().filter(|rule| is_of(*rule, presence)).collect();
        if presence != Presence::Present {
            let of_project = |rule: &Rule| *rule == Rule::DeletingProjectUnavailable;
            let at = rules.iter().position(of_project).map_or(0, |at| at + 1);
            rules.insert(at, Rule::LookAfresh);
        }
        Self(rules)
    }

    /// The same with two neighbours exchanged.
    pub(crate) fn swapped(&self, first: usize) -> Self {
        let mut rules = self.0.clone();
        rules.swap(first, first + 1);
        Self(rules)
    }

    /// Every two neighbours.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = (usize, (Rule, Rule))> {
        let pairs = self.0.windows(2).map(|pair| (pair[0], pair[1]));
        pairs.enumerate()
    }

    /// Those that hold, in order.
    pub(crate) fn holding(
        &self,
        desired: &Desired,
        observed: &Observed,
        now: Timestamp,
    ) -> Vec<Rule> {
        let sight = Situation::new(desired, observed, now);
        let rules = self.0.iter().copied();
        rules.filter(|rule| self.holds(*rule, &sight)).collect()
    }

    fn holds(&self, rule: Rule, sight: &Situation<'_>) -> bool {
        let otherwise = || self.after(rule, sight);
        match rule {
            Rule::ProjectUnavailable => {
                !self.holds(Rule::Suspended, sight)
                    && !self.holds(Rule::ProjectMismatch, sight)
                    && otherwise().is_some_and(|next| needs_project(next, sight))
            }
            Rule::DeletingProjectUnavailable => {
                !self.holds(Rule::DeletingAbandoned, sight)
                    && !self.holds(Rule::DeletingProjectMismatch, sight)
                    && otherwise().is_some_and(|next| needs_project(next, sight))
            }
            Rule::LookAfresh => {
                sight.lacks_account()
                    || (!sight.observed.fresh
                        && (sight.has_unanswered_request()
                            || sight.came_to_nothing()
                            || otherwise().is_some_and(|next| act(next, sight) != Act::Rests)))
            }
            Rule::Unproved => {
                (sight.found() && sight.claim().is_none())
                    || (sight.claim() != Some(Claim::Own)
                        && match otherwise() {
                            Some(Rule::MakeRoom) => true,
                            Some(
                                Rule::FinishedElsewhere | Rule::NotReturned | Rule::WrongIdentity,
                            ) => !sight.is(&[State::Active]) && sight.asked_for_link(),
                            Some(Rule::Recreate) => !sight.sent_lately(),
                            Some(Rule::Remake) => !sight.remade_lately(),
                            Some(_) | None => false,
                        })
            }
            _ => match sight.desired.presence {
                Presence::Present => declared::holds(rule, sight),
                Presence::Deleting { since } => deleting::holds(rule, sight, since),
            },
        }
    }

    /// The first of the rules behind this one that holds: what would be done without it.
    fn after(&self, rule: Rule, sight: &Situation<'_>) -> Option<Rule> {
        let behind = self.0.iter().skip_while(|one| **one != rule).skip(1);
        behind.copied().find(|one| self.holds(*one, sight))
    }
}

/// Whether that rule is for objects of that presence.
fn is_of(rule: Rule, presence: Presence) -> bool {
    rule.as_str().starts_with("Deleting") == (presence != Presence::Present)
}

/// Whether what the rule does cannot be done while the project is as it is seen.
fn needs_project(rule: Rule, sight: &Situation<'_>) -> bool {
    let gate = &sight.observed.gate;
    let is_proved = gate.proof == Proof::Given;
    let pins = matches!(
        rule,
        Rule::Adopt | Rule::RestoreMarks | Rule::Mark | Rule::PinAgain | Rule::Move
    );
    if pins && sight.is_new_where_nothing_new_is_taken() {
        return true;
    }
    match act(rule, sight) {
        Act::Rests => false,
        Act::Looks => !gate.may_read(),
        Act::Concludes => !is_proved,
        Act::Writes => !is_proved || !gate.may_write(),
    }
}

fn act(rule: Rule, sight: &Situation<'_>) -> Act {
    match rule {
        Rule::NotAllowed
        | Rule::NoLongerAllowed
        | Rule::Suspended
        | Rule::ProjectMismatch
        | Rule::ProjectUnavailable
        | Rule::HolderUnknown
        | Rule::UnknownState
        | Rule::NotVisibleYet
        | Rule::OutcomeUnknown
        | Rule::AliasInUse
        | Rule::ReadSecret
        | Rule::SecretMissing
        | Rule::SecretInvalid
        | Rule::AwaitReturn
        | Rule::AwaitUser
        | Rule::GrantRevoked
        | Rule::DisabledAndDead
        | Rule::LinkOver
        | Rule::AwaitRequest
        | Rule::DoesNotConverge
        | Rule::AuthConfigDisabled
        | Rule::ConnectionDataChanged
        | Rule::AsDeclared
        | Rule::DeletingAbandoned
        | Rule::DeletingProjectMismatch
        | Rule::DeletingProjectUnavailable
        | Rule::DeletingHolderUnknown
        | Rule::DeletingMayShowUp => Act::Rests,
        Rule::LookAfresh | Rule::FindAuthConfig => Act::Looks,
        Rule::HeldByAnother
        | Rule::FoundNotAllowed
        | Rule::Mismatch
        | Rule::Move
        | Rule::AccountGone
        | Rule::NotOurs
        | Rule::Unproved
        | Rule::Adopt
        | Rule::RestoreMarks
        | Rule::AccountNotFound
        | Rule::DropFormerAlias
        | Rule::NoAuthConfig
        | Rule::Mark
        | Rule::CreationRefused
        | Rule::PinAgain
        | Rule::DeletingUntouched
        | Rule::DeletingRetained
        | Rule::DeletingNotOurs
        | Rule::DeletingGone => Act::Concludes,
        Rule::DeleteDuplicate
        | Rule::DisableAtOnce
        | Rule::CompleteAuth
        | Rule::Link
        | Rule::Create
        | Rule::Revive
        | Rule::SignInAgain
        | Rule::MakeRoom
        | Rule::Enable
        | Rule::Disable
        | Rule::Share
        | Rule::Rotate
        | Rule::Rename
        | Rule::DeletingDelete
        | Rule::DeletingOthersFirst
        | Rule::DeletingUnused
        | Rule::DeletingRevoke
        | Rule::DeletingEnable
        | Rule::DeletingRevoked
        | Rule::DeletingCannotRevoke
        | Rule::DeletingNoGrant => Act::Writes,
        Rule::Recreate => match sight.sent_lately() {
            true => Act::Rests,
            false => Act::Writes,
        },
        Rule::Remake => match sight.remade_lately() {
            true => Act::Rests,
            false => Act::Writes,
        },
        Rule::FinishedElsewhere | Rule::NotReturned | Rule::WrongIdentity => {
            match sight.not_used_refused() {
                Some(refused) if refusals::is_final(refused) => Act::Concludes,
                Some(_) => Act::Rests,
                None if sight.is(&[State::Active]) || sight.asked_for_link() => Act::Writes,
                None => Act::Concludes,
            }
        }
        // Whether it is for a person or for later depends on what Composio answered.
        Rule::Refused | Rule::CredentialsRejected | Rule::DeletingRefused => {
            match sight.stopped_by(rule).is_none_or(refusals::is_final) {
                true => Act::Concludes,
                false => Act::Rests,
            }
        }
        Rule::DeletingProviderRefuses => match sight.disables_again() {
            true => Act::Writes,
            false => Act::Rests,
        },
    }
}

/// Whether the first rule that holds has decided, and the plan is what the rule says.
pub(crate) fn judge(
    table: &Table,
    desired: &Desired,
    observed: &Observed,
    decision: &Decision,
    now: Timestamp,
) -> Result<(), String> {
    let sight = Situation::new(desired, observed, now);
    let mut rules = table.0.iter().copied();
    if rules.find(|rule| table.holds(*rule, &sight)) != Some(decision.rule) {
        let holding = table.holding(desired, observed, now);
        return Err(format!(
            "{:?} decided {:?}, and these hold: {holding:?}, of {desired:?} {observed:?}",
            decision.rule, decision.plan
        ));
    }
    let acts_on_a_look = match &decision.plan {
        Plan::Do(_) => {
            observed.fresh
                || [Rule::DeletingUntouched, Rule::DeletingAbandoned].contains(&decision.rule)
        }
        Plan::Nothing | Plan::Wait(_) | Plan::Refuse(_) | Plan::Look(_) => true,
    };
    if acts_on_a_look && says::fits(&sight, decision) {
        return Ok(());
    }
    Err(format!(
        "{:?} does not say {:?} of {desired:?} {observed:?}",
        decision.rule, decision.plan
    ))
}
