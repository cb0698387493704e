//! What is seen, in the words of the rules.

use composio_operator::composio::State;
use composio_operator::plan::{
    AccountLookup, Change, Claim, Desired, Effect, Kind, Observed, Pin, SecretSeen,
};
use jiff::Timestamp;

/// What is seen, in the words of the rules.
pub(super) struct Sight<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) now: Timestamp,
}

impl Sight<'_> {
    pub(super) fn recorded(&self) -> bool {
        self.observed.recorded.connected_account_id.is_some()
    }

    /// What the object has to say for the account that was found.
    pub(super) fn claim(&self) -> Option<Claim> {
        let account = self.observed.account.account()?;
        self.observed.claim(self.desired, account)
    }

    pub(super) fn absent(&self) -> bool {
        self.observed.account == AccountLookup::Absent
    }

    pub(super) fn may_be_anothers(&self) -> bool {
        !self.observed.all_objects_known && self.observed.account.account().is_some()
    }

    pub(super) fn is(&self, states: &[State]) -> bool {
        let account = self.observed.account.account();
        account.is_some_and(|account| states.contains(&account.state))
    }

    pub(super) fn dead(&self) -> bool {
        self.is(&[State::Expired, State::Failed, State::Revoked])
    }

    pub(super) fn connected(&self) -> bool {
        self.is(&[State::Active, State::Inactive])
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.desired.spec.credentials.is_some()
    }

    pub(super) fn asked(&self) -> bool {
        let handled = &self.observed.recorded.last_handled_link_request;
        self.desired.link_request.is_some() && self.desired.link_request != *handled
    }

    pub(super) fn marked(&self) -> bool {
        self.desired.is_marked()
    }

    pub(super) fn stale(&self) -> bool {
        let is_former = matches!(self.desired.pin, Pin::Former { .. });
        is_former
            || self
                .desired
                .pin
                .alias()
                .is_some_and(|pin| *pin != self.desired.alias)
    }

    pub(super) fn refused(&self, kind: Kind) -> bool {
        let mut refused = self.observed.refused.iter();
        refused.any(|refused| refused.effect.kind() == kind)
    }

    pub(super) fn version_is_new(&self) -> bool {
        let sent = self.observed.recorded.credentials.as_ref();
        match &self.observed.secret {
            SecretSeen::Present { version, .. } => sent.is_none_or(|sent| sent.version != *version),
            SecretSeen::NotUsed
            | SecretSeen::NotRead
            | SecretSeen::Missing(_)
            | SecretSeen::Unfit(_) => false,
        }
    }

    /// The change that the effect makes with a PATCH.
    pub(super) fn change<'e>(&self, effect: Option<&'e Effect>) -> Option<&'e Change> {
        effect.and_then(Effect::change)
    }

    pub(super) fn sends_credentials(&self, effect: Option<&Effect>) -> bool {
        self.change(effect) == Some(&Change::Credentials)
    }

    /// Whether the row of that account is so.
    pub(super) fn shows(&self, id: &str, states: &[State]) -> bool {
        let rows = match &self.observed.account {
            AccountLookup::NotLooked | AccountLookup::Absent => &[],
            AccountLookup::One(account) => std::slice::from_ref(account),
            AccountLookup::Many(accounts) => accounts.as_slice(),
        };
        let mut rows = rows.iter().filter(|row| row.id == id);
        rows.any(|row| states.contains(&row.state))
    }

    /// Whether the recorded account was made so short a time ago that a look may not know it.
    pub(super) fn is_new(&self) -> bool {
        let recorded = &self.observed.recorded;
        let made = match (&recorded.last_link_issued_at, &recorded.connected_at) {
            (Some(issued), _) => issued.0,
            (None, Some(connected)) => connected.0,
            (None, None) => return false,
        };
        self.now.duration_since(made) < self.desired.flags.unknown_outcome_wait
    }

    pub(super) fn several(&self) -> bool {
        matches!(self.observed.account, AccountLookup::Many(_))
    }
}
