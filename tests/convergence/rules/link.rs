//! What is known of the link to sign in with.

use composio_operator::composio::State;
use composio_operator::crd::{Reason, condition};

use super::sight::Situation;

impl Situation<'_> {
    /// Whether nothing tells when the account's link was issued, or a grant came since.
    pub(super) fn link_was_lost(&self) -> bool {
        let recorded = &self.observed.recorded;
        match (&recorded.last_link_issued_at, &recorded.connected_at) {
            (None, _) => true,
            (Some(issued), connected) => connected.as_ref().is_some_and(|at| issued.0 < at.0),
        }
    }

    /// Whether somebody took the link out of the status.
    pub(super) fn link_was_taken(&self) -> bool {
        let recorded = &self.observed.recorded;
        recorded.link.is_none()
            && !self.dead()
            && recorded.says(condition::SYNCED, &[Reason::AwaitingUser])
    }

    /// Whether the recorded link leads to a sign-in that can still be finished.
    pub(super) fn link_is_usable(&self) -> bool {
        let mut link = self.observed.recorded.link.iter();
        link.any(|link| self.now < link.expires_at.0) && self.may_still_sign_in()
    }

    /// Whether the sign-in has come to no end: it may be finished, also when the link is over.
    pub(super) fn may_still_sign_in(&self) -> bool {
        let recorded = &self.observed.recorded;
        let state = self.account().map(|account| account.state.as_str());
        let has_died = self.dead() && recorded.state.as_deref() != state;
        !has_died && !self.is(&[State::Active, State::Inactive])
    }
}
