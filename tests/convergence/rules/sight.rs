//! What is seen, in the words of the rules.

use composio_operator::composio::{Account, State};
use composio_operator::plan::{
    AccountLookup, Answer, AuthConfigCheck, Change, Claim, Desired, Effect, EffectKind, Failure,
    Observed, Pin, Presence, ProjectState, Rule, connection_data_digest, is_computed_form,
};
use composio_operator::record::Proven;
use jiff::{SignedDuration, Timestamp};

use super::data::Data;
use super::{deleting, grant};

/// What is wanted and what is seen.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) now: Timestamp,
}

/// The account that an effect is about, if it is about one alone.
fn about(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Refresh { id }
        | Effect::Enable { id }
        | Effect::Disable { id }
        | Effect::Revoke { id } => Some(id),
        _ => None,
    }
}

/// Whether Composio refused for good, so that only a person can help.
pub(super) fn is_final(failure: &Failure) -> bool {
    matches!(failure.answer, Answer::Refused(_))
}

pub(super) fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

impl<'a> Situation<'a> {
    pub(super) fn new(desired: &'a Desired, observed: &'a Observed, now: Timestamp) -> Self {
        Self {
            desired,
            observed,
            now,
        }
    }

    pub(super) fn recorded_id(&self) -> Option<&'a str> {
        self.observed.recorded.connected_account_id.as_deref()
    }

    pub(super) fn recorded(&self) -> bool {
        self.recorded_id().is_some()
    }

    pub(super) fn absent(&self) -> bool {
        self.observed.account == AccountLookup::Absent
    }

    pub(super) fn account(&self) -> Option<&'a Account> {
        self.observed.account.account()
    }

    pub(super) fn found(&self) -> bool {
        self.account().is_some()
    }

    /// All that were found.
    pub(super) fn accounts(&self) -> &'a [Account] {
        match &self.observed.account {
            AccountLookup::NotLooked | AccountLookup::Absent => &[],
            AccountLookup::One(account) => std::slice::from_ref(account),
            AccountLookup::Many(accounts) => accounts,
        }
    }

    /// Whether the object was never marked, and the project takes none that is new.
    pub(super) fn is_new_where_nothing_new_is_taken(&self) -> bool {
        self.observed.gate.project == ProjectState::NothingNew
            && !self.desired.is_marked()
            && !self.recorded()
    }

    /// Whether nothing can be said before the account was looked at.
    pub(super) fn lacks_account(&self) -> bool {
        let is_asked_for = match self.desired.presence {
            Presence::Present if self.desired.spec.suspend => {
                self.recorded() && !self.is_pinned_elsewhere()
            }
            Presence::Present => true,
            Presence::Deleting { .. } => self.desired.finalizer,
        };
        self.observed.account == AccountLookup::NotLooked && is_asked_for
    }

    /// Whether a request by annotation, for a look or a link, was not answered yet.
    pub(super) fn asks_for_look(&self) -> bool {
        let handled = &self.observed.recorded.last_handled_reconcile_at;
        let request = &self.desired.reconcile_request;
        self.desired.presence == Presence::Present
            && !self.desired.spec.suspend
            && ((request.is_some() && request != handled)
                || self.asked()
                || self.desired.requests.iter().any(|one| self.is_open(one)))
    }

    /// Whether a call of unknown outcome has brought no account that is shown, and could bring none any more.
    pub(super) fn came_to_nothing(&self) -> bool {
        let since = self
            .observed
            .recorded
            .unknown_since
            .as_ref()
            .map(|since| since.0);
        let is_over = |since: Timestamp| after(since.min(self.now), self.wait()) <= self.now;
        self.desired.presence == Presence::Present
            && !self.desired.spec.suspend
            && self.recorded_id().is_none()
            && self.absent()
            && since.is_some_and(is_over)
    }

    /// What the object has to say for the account that was found.
    pub(super) fn claim(&self) -> Option<Claim> {
        self.observed.claim(self.desired, self.account()?)
    }

    /// Whether an object that is not known may manage that account.
    pub(super) fn may_be_anothers(&self, account: &Account) -> bool {
        let own = Some(self.desired.own_alias.as_str());
        let pin = &self.desired.pin;
        let was_asked_for = pin.is_own() && pin.alias() == own && account.alias.as_deref() == own;
        !self.observed.all_objects_known
            && self.recorded_id() != Some(&account.id)
            && !was_asked_for
    }

    /// Whether the account was made from another auth config than the declared one.
    pub(super) fn made_elsewhere(&self, account: &Account) -> bool {
        let declared = self.desired.spec.auth_config.as_ref();
        declared.is_some_and(|declared| *declared != account.auth_config)
    }

    /// Whether something of the account differs that cannot be changed.
    pub(super) fn mismatched(&self, account: &Account) -> bool {
        let spec = &self.desired.spec;
        !account.is_of(&spec.user, &spec.toolkit)
            || account.visibility != self.desired.visibility()
            || self.made_elsewhere(account)
    }

    pub(super) fn is(&self, states: &[State]) -> bool {
        self.account()
            .is_some_and(|account| states.contains(&account.state))
    }

    pub(super) fn dead(&self) -> bool {
        self.is(&[State::Expired, State::Failed, State::Revoked])
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.desired.spec.credentials.is_some()
    }

    pub(super) fn asked(&self) -> bool {
        let handled = &self.observed.recorded.last_handled_link_request;
        self.desired.link_request.is_some()
            && self.desired.link_request != *handled
            && !self.desired.is_bound(None)
    }

    /// Whether an alias is pinned that is not the declared one.
    pub(super) fn stale(&self) -> bool {
        let pin = self.desired.pin.alias();
        matches!(self.desired.pin, Pin::Former { .. })
            || pin.is_some_and(|pin| *pin != self.desired.alias)
    }

    pub(super) fn refusal(&self, kinds: &[EffectKind]) -> Option<&'a Failure> {
        let mut refused = self.observed.refused.iter();
        let refused = refused.find(|refused| kinds.contains(&refused.effect.kind()))?;
        Some(&refused.failure)
    }

    pub(super) fn refused(&self, kind: EffectKind) -> bool {
        self.refusal(&[kind]).is_some()
    }

    /// The refusal of a PATCH like that one.
    pub(super) fn refused_change(&self, is_like: fn(&Change) -> bool) -> Option<&'a Failure> {
        let mut refused = self.observed.refused.iter();
        let refused = refused.find(|refused| refused.effect.change().is_some_and(is_like))?;
        Some(&refused.failure)
    }

    /// The refusal that stands in the way where that rule decides.
    pub(super) fn stopped_by(&self, rule: Rule) -> Option<&'a Failure> {
        match rule {
            Rule::Refused if self.has_grant() => {
                grant::first_refusal(self).or(self.refusal(&[EffectKind::Delete]))
            }
            Rule::Refused => self
                .refusal(&[EffectKind::Delete])
                .or(self.refresh_refused()),
            Rule::CredentialsRejected if self.waits() && self.data() == Data::New => {
                self.refused_change(|change| *change == Change::Credentials)
            }
            Rule::DeletingRefused => {
                let revoke = |account| self.refused_for(EffectKind::Revoke, account);
                self.refusal(&[EffectKind::Delete])
                    .or(deleting::ended(self).and_then(revoke))
            }
            _ => None,
        }
    }

    /// Whether the account was enabled only to be revoked, and is to be disabled again.
    pub(super) fn disables_again(&self) -> bool {
        let is_enabled = |account: &&Account| account.state == State::Active;
        let ended = deleting::ended(self).filter(is_enabled);
        !self.desired.spec.enabled
            && ended.is_some_and(|account| self.refused_for(EffectKind::Disable, account).is_none())
    }

    /// That to start the sign-in of the account that was found again was refused.
    pub(super) fn refresh_refused(&self) -> Option<&'a Failure> {
        self.refused_for(EffectKind::Refresh, self.account()?)
    }

    /// That an effect of that kind was refused for that account.
    pub(super) fn refused_for(&self, kind: EffectKind, account: &Account) -> Option<&'a Failure> {
        let mut refused = self.observed.refused.iter();
        let refused = refused.find(|one| {
            one.effect.kind() == kind && about(&one.effect) == Some(account.id.as_str())
        })?;
        Some(&refused.failure)
    }

    /// Whether another object manages that account, which is one of those that were found.
    pub(super) fn is_held(&self, account: &Account) -> bool {
        match self.account().map(|first| &first.id) == Some(&account.id) {
            true => self.observed.holder.is_some(),
            false => self.observed.others_held.contains(&account.id),
        }
    }

    /// Whether more than its name in the declaration tells that the account is this object's.
    pub(super) fn is_proved(&self) -> bool {
        let claimant = self.desired.claimant().without_names();
        let (recorded, keys) = (&self.observed.recorded, &self.observed.keys);
        let account = self.account();
        let claim = account.and_then(|account| claimant.claim(recorded, keys, account));
        claim == Some(Claim::Own)
    }

    /// The change that the effect makes with a PATCH.
    pub(super) fn change<'e>(&self, effect: Option<&'e Effect>) -> Option<&'e Change> {
        effect.and_then(Effect::change)
    }

    /// Whether the row of that account is so.
    pub(super) fn shows(&self, id: &str, states: &[State]) -> bool {
        let mut rows = self.accounts().iter().filter(|row| row.id == id);
        rows.any(|row| states.contains(&row.state))
    }

    /// Whether the recorded account was made so short a time ago that a look may not know it.
    pub(super) fn hidden(&self) -> bool {
        let recorded = &self.observed.recorded;
        let made = recorded.last_link_issued_at.as_ref();
        let Some(made) = made.or(recorded.connected_at.as_ref()) else {
            return false;
        };
        let mut done = self.observed.done.iter();
        let until = after(made.0.min(self.now), self.wait());
        self.now < until && done.all(|done| done.kind() != EffectKind::Delete)
    }

    /// How long an effect of unknown outcome may still take effect.
    pub(super) fn wait(&self) -> SignedDuration {
        self.desired.flags.unknown_outcome_wait
    }

    /// Composio refused to make the account in this pass.
    pub(super) fn make_refused(&self) -> Option<&'a Failure> {
        self.refusal(&[EffectKind::Link, EffectKind::Create])
    }

    /// An account is to be made.
    pub(super) fn makes(&self) -> bool {
        self.absent() && !self.recorded() && self.make_refused().is_none()
    }

    /// The account on record has a grant, or had one and is disabled.
    pub(super) fn has_grant(&self) -> bool {
        let never = self.observed.recorded.connected_at.is_none();
        let was_active = |account: &Account| account.went_with_auth_config();
        let is_abandoned = self.desired.spec.enabled
            && never
            && !self.has_credentials()
            && !self.account().is_some_and(was_active);
        self.recorded()
            && (self.is(&[State::Active]) || (self.is(&[State::Inactive]) && !is_abandoned))
    }

    /// The account on record has none.
    pub(super) fn waits(&self) -> bool {
        self.recorded() && self.found() && !self.has_grant() && !self.state_is_unknown()
    }

    pub(super) fn state_is_unknown(&self) -> bool {
        self.account()
            .is_some_and(|account| matches!(account.state, State::Unknown(_)))
    }

    /// Whether it was linked with other connection data than is declared.
    pub(super) fn has_other_data(&self) -> bool {
        let sent = self.observed.recorded.connection_data_digest.as_ref();
        let declared = connection_data_digest(&self.desired.spec);
        !self.has_credentials() && sent.is_some_and(|sent| *sent != declared)
    }

    /// Whether that is so, and nobody has signed in to it yet, or a link to do so is still there.
    pub(super) fn is_corrected(&self) -> bool {
        let recorded = &self.observed.recorded;
        let is_awaited = recorded.link.is_some() || recorded.connected_at.is_none();
        self.waits() && is_awaited && !self.is(&[State::Revoked]) && self.has_other_data()
    }

    /// Whether the record names an account and is signed for it, by a key that is known.
    pub(super) fn is_signed(&self) -> bool {
        self.verified() == Some(Proven::Valid)
    }

    /// What the signature tells of the record, if there is one.
    fn verified(&self) -> Option<Proven> {
        let record = self.observed.recorded.record.as_ref();
        let own_alias = &self.desired.own_alias;
        let id = self.recorded_id()?;
        Some(self.observed.keys.verify(record, own_alias, id))
    }

    /// Whether the pin names another project.
    pub(super) fn is_pinned_elsewhere(&self) -> bool {
        let here = &self.desired.flags.project;
        let is_named = matches!(&self.desired.pin, Pin::Former { project, .. } if project != here);
        is_named || self.project_is_another()
    }

    /// Whether the project of the pin is by now another one of Composio's.
    pub(super) fn project_is_another(&self) -> bool {
        let Pin::Former { other_id, .. } = &self.desired.pin else {
            return false;
        };
        other_id.is_some()
    }

    /// Whether the project does not allow what is declared, and nothing tells yet that the object has an account.
    pub(super) fn is_refused_unseen(&self) -> bool {
        let is_unproved = self.verified().is_none_or(|one| one == Proven::Invalid)
            || (self.is_pinned_elsewhere() && self.desired.moves_here);
        is_unproved && self.desired.not_allowed_as_new().is_some()
    }

    /// Whether the project does not allow that account, which is not proved to be the object's own.
    pub(super) fn is_refused(&self, account: &Account) -> bool {
        let is_it = self.recorded_id() == Some(&account.id) && self.is_signed();
        let is_own = is_it || account.alias.as_ref() == Some(&self.desired.own_alias);
        !is_own && self.desired.not_allowed_of(account, false).is_some()
    }

    /// Whether the project does not allow the account that was found, whosoever it is.
    pub(super) fn is_not_allowed(&self) -> bool {
        self.account().is_some_and(|account| {
            let is_signed = self.recorded_id() == Some(&account.id) && self.is_signed();
            self.desired.not_allowed_of(account, is_signed).is_some()
        })
    }

    /// Whether an account may be made from the auth config that was found.
    pub(super) fn may_be_made(&self) -> bool {
        match &self.observed.auth_config {
            AuthConfigCheck::Fit(id) => self.desired.may_use(id),
            AuthConfigCheck::NotAsked | AuthConfigCheck::Unfit { .. } => false,
        }
    }

    /// Whether the record may be true, and no key that is known here proves it.
    pub(super) fn may_be_true(&self) -> bool {
        let recorded = &self.observed.recorded;
        let record = recorded.record.as_ref();
        let alias = &self.desired.own_alias;
        let proven = |id| self.observed.keys.verify(record, alias, id);
        recorded.adopted.is_some() || self.recorded_id().map(proven) == Some(Proven::UnknownKey)
    }

    /// Whether nothing but the status speaks for the recorded account, and that is not signed.
    pub(super) fn is_only_written_down(&self) -> bool {
        let recorded = &self.observed.recorded;
        let own_alias = &self.desired.own_alias;
        let names = |id: &str| {
            let spec = &self.desired.spec;
            spec.connected_account_id.as_deref() == Some(id)
                || self.desired.own_account.as_deref() == Some(id)
        };
        let proven = |id| {
            let record = recorded.record.as_ref();
            self.observed.keys.verify(record, own_alias, id)
        };
        self.recorded_id()
            .is_some_and(|id| !names(id) && proven(id) == Proven::Invalid)
            && recorded.adopted.is_none()
    }

    /// Whether the object was copied with the record.
    pub(super) fn is_copy(&self) -> bool {
        let carried = self.account().and_then(|account| account.alias.as_ref());
        match &self.desired.pin {
            Pin::Foreign { .. } => true,
            Pin::Former { alias, .. } => alias.is_some() && carried == alias.as_ref(),
            Pin::Own { .. } | Pin::Absent => false,
        }
    }

    /// Whether one of several is certainly the object's own.
    pub(super) fn has_own(&self) -> bool {
        let is_own = |account| self.observed.claim(self.desired, account) == Some(Claim::Own);
        matches!(self.observed.account, AccountLookup::Many(_))
            && self.accounts().iter().any(is_own)
    }

    /// Whether a second account of ours holds nobody's grant.
    pub(super) fn has_duplicate(&self) -> bool {
        let pin = &self.desired.pin;
        let mut others = self.accounts().iter().filter(|other| {
            Some(&other.id) != self.account().map(|account| &account.id)
                && Some(other.id.as_str()) != self.recorded_id()
        });
        !self.refused(EffectKind::Delete)
            && pin.is_own()
            && pin.alias().is_some()
            && others.any(|other| {
                let never_connected =
                    matches!(other.state, State::Expired | State::Failed) && other.timed_out();
                other.alias.as_deref() == pin.alias()
                    && !self.is_held(other)
                    && Some(&other.auth_config) == self.observed.recorded.auth_config.as_ref()
                    && !self.mismatched(other)
                    && !self.may_be_anothers(other)
                    && (never_connected || (self.has_credentials() && self.carries(&other.alias)))
            })
    }

    /// Whether the account that is dealt with has that alias.
    fn carries(&self, alias: &Option<String>) -> bool {
        self.account()
            .is_some_and(|account| account.alias == *alias)
    }

    /// What is pinned beside an account of that alias.
    pub(super) fn pin_of<'s>(&self, alias: &'s str) -> Option<&'s str> {
        let is_of_another = is_computed_form(alias) && *alias != self.desired.own_alias;
        (!is_of_another).then_some(alias)
    }
}
