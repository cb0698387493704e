//! What is seen, in the words of the rules.

use composio_operator::composio::{Account, State};
use composio_operator::plan::{
    AccountLookup, Change, Desired, Effect, EffectKind, Observed, Pin, Presence, ProjectState,
    connection_data_digest,
};
use jiff::{SignedDuration, Timestamp};

/// What is wanted and what is seen.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) now: Timestamp,
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
                self.recorded() && (!self.is_pinned_elsewhere() || self.is_signed())
            }
            Presence::Present => true,
            Presence::Deleting { .. } => self.desired.finalizer,
        };
        self.observed.account == AccountLookup::NotLooked && is_asked_for
    }

    /// Whether a request by annotation, for a look or a link, was not answered yet.
    pub(super) fn has_unanswered_request(&self) -> bool {
        let handled = &self.observed.recorded.last_handled_reconcile_at;
        let request = &self.desired.reconcile_request;
        if self.desired.spec.suspend {
            let is_told_of = self.desired.has_return(&self.observed.recorded);
            return self.desired.presence == Presence::Present && is_told_of;
        }
        self.desired.presence == Presence::Present
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
}
