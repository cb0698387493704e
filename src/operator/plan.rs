//! The only decider: what is wanted and what is seen go in, one next step comes out. No I/O.
//!
//! [`decide`] comes first: the project, and whether to look afresh. Of what is declared the table in `present` says which
//! module decides the rest; what is being deleted is for `deleting`.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use jiff::{SignedDuration, Timestamp};

use crate::{
    composio::model::Account,
    connect::page_address::PageOf,
    crd::{ConnectedAccountStatus, DeletionPolicy, Link, Reason},
};

mod allowed;
mod change;
mod checks;
mod claim;
mod config_map;
mod connected;
pub(crate) mod connection_data;
pub(crate) mod credentials;
mod decision;
mod deleting;
mod desired;
mod duplicates;
mod effect;
mod failure;
mod identity;
mod link_turn;
mod marks;
mod observed;
mod pin;
mod policy;
mod present;
mod recorded;
mod request;
mod rule;
mod sharing;
mod sign_in;
#[cfg(test)]
pub(crate) mod tests;
mod unavailable;
mod unrecorded;
mod unused;
mod urgency;
mod waiting;

pub(crate) use allowed::is_not_allowed;
pub use change::{Change, ChangeKind};
pub use claim::{Claim, Claimant, Precedence};
pub use composio_api::{computed_alias, is_computed_form};
pub use config_map::{
    ConfigMapCall, ConfigMapStep, ConfigMapVersion, config_map_call, config_map_step,
};
pub use connected::CORRECTIONS_WINDOW;
pub use connection_data::connection_data_digest;
pub use decision::Decision;
pub(crate) use deleting::{is_abandoned, is_ours};
pub(crate) use desired::own_account;
pub use desired::{Desired, Flags, Presence};
pub use effect::{Effect, EffectKind};
pub use failure::{AfterFailure, Answer, Failure};
pub use identity::{identity_verdict, may_be_put_off};
pub use observed::{
    AccessGate, AccountLookup, AuthConfigCheck, Holder, Observed, ProjectState, Proof, Refused,
    SecretSeen, SecretVersion,
};
pub use pin::{KeptPin, OwnPin, Pin};
pub use policy::{Labels, NotAllowed, Policy};
pub use request::{NoSession, PendingRequest};
pub use rule::Rule;
pub use sign_in::{sign_in, was_connected};
use unavailable::{is_refused_as_new, project_unavailable};
pub use unrecorded::came_to_nothing;
pub use urgency::urgency;

/// Of a project in which what is recorded is not there.
pub const ANOTHER_PROJECT: &str = "the accounts on record, of all namespaces or of this one, are not in this project: the API key or the base URL seems to be another project's. Nothing is concluded from that. Only if they were deleted on purpose, start the operator with --accept-missing, which counts for all projects";

/// Of an account that was made a moment ago.
const NOT_VISIBLE: &str = "the account was made a moment ago and may not be visible yet";

/// The most characters of a project's name that are repeated: whoever may edit the object has written it.
const MAX_PROJECT: usize = 320;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The account is as declared.
    Nothing,
    /// Nothing can or may be done now.
    Wait(Wait),
    /// Only a person can help: no retry before something changes.
    Refuse(Refusal),
    /// What is known is too little, or too old, to act on.
    Look(Need),
    /// Exactly one call, or one record.
    Do(Effect),
}

/// What must be read before anything can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The account, in Composio.
    Account,
    /// The auth config, in Composio.
    AuthConfig,
    /// The Secret with the credentials.
    Secret,
}

/// Why there is nothing to do now, and when to look again.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// The reason of the conditions; it also says when to look again.
    pub reason: Reason,
    /// Said to the user before the reason's own meaning; may be empty.
    pub detail: String,
    /// When time alone changes the answer.
    pub until: Option<Timestamp>,
}

/// Why the operator does not go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The reason of the conditions.
    pub reason: Reason,
    /// What exactly is wrong.
    pub detail: String,
}

/// What came of one round of looking and acting. It carries what it was decided on, so that a status
/// can be built from nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was seen; after an effect, with what its answer says.
    pub observed: Observed,
    /// What happened.
    pub kind: OutcomeKind,
}

/// What happened in a round.
#[derive(Clone, Debug, PartialEq)]
pub enum OutcomeKind {
    /// Nothing was to be done.
    Settled,
    /// Nothing could be done yet.
    Waiting(Wait),
    /// A person must help.
    Refused(Refusal),
    /// An effect went through.
    Applied(Applied),
    /// A look or an effect did not.
    Failed(Failure),
}

/// An effect that went through, with the facts of its answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// The object holds finalizer and alias now, or no alias any more.
    Marked,
    /// The account that was seen is ours.
    Adopted,
    /// The recorded account is ours no more: it is gone.
    Forgotten,
    /// The recorded account was never this object's: its record was copied or written by hand.
    Disowned,
    /// A link was issued, for a new account or for the recorded one.
    Linked {
        /// Its address and its end by our own clock, in whole seconds.
        link: Link,
    },
    /// Composio took the sign-in for the declared user's.
    AuthCompleted {
        /// `metadata.uid` of the ConnectRequest that held the session.
        request: String,
    },
    /// An account was made from the Secret.
    Created,
    /// The Secret's values were sent to the account.
    Rotated,
    /// The account was changed, as the observed account shows.
    Changed,
    /// The grant was revoked.
    Revoked {
        /// What was revoked, in Composio's words.
        tokens: Vec<String>,
    },
    /// The account was deleted.
    Deleted,
    /// The object is let go.
    Released,
}

/// Decides the next step: the first rule of the table that fits.
///
/// # Guarantees
/// - An effect is planned only on a fresh look; a cached one may conclude `Nothing`, `Wait` or `Look`,
///   and the Secret, which is none of Composio's, may be read beside it. Release of an object whose
///   account is not to be touched, or that a person has given up, is the one exception: it asks nothing.
/// - Of an object that asks for what the project does not allow, and has no account that is proved to be its own,
///   nothing is looked at.
/// - While the project's gate is closed, or it is not proved that the project is ours, nothing but that
///   Release is planned that would need it.
/// - The same arguments give the same answer.
///
/// # Assumptions
/// - `observed.account` was looked for under the rules of look-up: the recorded id, else the declared
///   one, else the pinned or computed alias; `Absent` for a recorded id is proved by a GET.
///
/// # Errors
/// None: what cannot be done is a `Wait` or a `Refuse` with its reason.
pub fn decide(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    if desired.presence != Presence::Present && deleting::needs_no_look(desired, observed, now) {
        return Rule::DeletingUntouched.does(Effect::Release);
    }
    if deleting::is_abandoned(desired, observed) {
        return Rule::DeletingAbandoned.does(Effect::Release);
    }
    if let Some(refused) = allowed::refused_unseen(desired, observed) {
        return refused;
    }
    let mut decision = match another_project(desired) {
        None => first_rule(desired, observed, now),
        Some(mismatch) => match unused::in_spite_of_pin(desired, observed, now) {
            Some(decision) => decision,
            None => return mismatch,
        },
    };
    let is_conclusive = match &decision.plan {
        Plan::Do(_) | Plan::Refuse(_) | Plan::Look(Need::Account | Need::AuthConfig) => false,
        Plan::Nothing | Plan::Wait(_) | Plan::Look(Need::Secret) => {
            !has_unanswered_request(desired, observed) && !came_to_nothing(desired, observed, now)
        }
    };
    if !observed.fresh && !is_conclusive {
        decision = Rule::LookAfresh.looks(Need::Account);
    }
    match &decision.plan {
        Plan::Look(Need::Account | Need::AuthConfig) if !observed.gate.may_read() => {
            project_unavailable(desired, observed)
        }
        // What is concluded here may rest on an account not being there.
        Plan::Do(_) | Plan::Refuse(_) if observed.gate.proof != Proof::Given => {
            project_unavailable(desired, observed)
        }
        Plan::Do(effect) if effect.writes_to_composio() && !observed.gate.may_write() => {
            project_unavailable(desired, observed)
        }
        Plan::Do(Effect::Pin { .. }) if is_refused_as_new(desired, observed) => {
            project_unavailable(desired, observed)
        }
        Plan::Nothing | Plan::Wait(_) | Plan::Refuse(_) | Plan::Look(_) | Plan::Do(_) => decision,
    }
}

/// The decision if all that is known could be acted on.
fn first_rule(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    match desired.presence {
        Presence::Present => present::decide(desired, observed, now),
        Presence::Deleting { since } => deleting::decide(desired, observed, since, now),
    }
}

/// Whether a person or a tool asked, by annotation, for a look or a link and was not answered yet. That
/// a link is needless, too, is not concluded from what is remembered. Of one that is suspended it is asked for by whoever
/// comes back from a sign-in alone: the grant may be one that is not to be used.
fn has_unanswered_request(desired: &Desired, observed: &Observed) -> bool {
    let recorded = &observed.recorded;
    desired.presence == Presence::Present
        && match desired.spec.suspend {
            true => desired.has_return(recorded),
            false => desired.has_unanswered_request(recorded),
        }
}

/// The refusal where the pin names another project than the object refers to. Its account, or the one that may
/// still come of a POST, is there, and here is nothing of it, until a person says that the object goes on here. An
/// object that is being deleted is dealt with in the project of its pin.
fn another_project(desired: &Desired) -> Option<Decision> {
    let project = desired.pinned_elsewhere()?;
    let here = desired.flags.destination(&desired.pin);
    (!desired.spec.suspend && desired.leaves().is_none()).then(|| {
        let project: String = project.chars().take(MAX_PROJECT).collect();
        let detail = format!("the account is, or may be, in {project:?}, not in {here:?}");
        Rule::ProjectMismatch.refuses(Reason::ProjectMismatch, detail)
    })
}

/// What a failure that stands in the way leaves to do, by that rule.
fn stopped(rule: Rule, failure: &Failure) -> Decision {
    let (reason, message) = (failure.reason, failure.message.clone());
    match failure.answer {
        Answer::Refused(_) => rule.refuses(reason, message),
        Answer::NotNow { .. } | Answer::Unknown | Answer::LookAgain => {
            rule.waits(reason, message, None)
        }
    }
}

/// The recorded link, if the person can still use it: its time is not over, and its account has not
/// moved to an end (a cancelled sign-in cannot be taken up again) since the link was issued.
pub fn usable_link<'a>(
    recorded: &'a ConnectedAccountStatus,
    account: &Account,
    now: Timestamp,
) -> Option<&'a Link> {
    link_out(recorded, account).filter(|link| now < link.expires_at.0)
}

/// The same, also if its time is over: who has come back from it in time may still be waited for.
pub fn link_out<'a>(recorded: &'a ConnectedAccountStatus, account: &Account) -> Option<&'a Link> {
    let link = recorded.link.as_ref()?;
    let same = recorded.connected_account_id.as_deref() == Some(&account.id);
    let over = account.state.is_connected()
        || (account.state.is_dead() && recorded.state.as_deref() != Some(account.state.as_str()));
    (same && !over).then_some(link)
}

/// How the object's page of the connect page is addressed.
pub fn page_of(desired: &Desired) -> PageOf<'_> {
    PageOf {
        namespace: &desired.namespace,
        name: &desired.name,
        uid: &desired.uid,
        epoch: &desired.connect_epoch,
    }
}

/// Why an account must not be deleted to make room for another one: nothing tells that this object has made it.
fn unconfirmed(desired: &Desired, observed: &Observed, account: &Account) -> Option<Decision> {
    (observed.claim(desired, account) != Some(Claim::Own)).then(|| {
        Rule::Unproved.refuses(
            Reason::AliasChanged,
            format!(
                "account {} was found by its declared alias and cannot be taken up again",
                account.id
            ),
        )
    })
}

fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// Until when less than `wait` has passed since then; `None` if that time is over. A time in the future was not
/// written by a clock that can be trusted, and counts as now.
fn still_within(since: Timestamp, wait: SignedDuration, now: Timestamp) -> Option<Timestamp> {
    let until = after(since.min(now), wait);
    (now < until).then_some(until)
}

/// Whether the account must end together with the object.
pub(crate) fn ends_with_object(policy: DeletionPolicy) -> bool {
    match policy {
        DeletionPolicy::Revoke | DeletionPolicy::Delete => true,
        DeletionPolicy::Retain => false,
    }
}
