//! Which ConnectRequest the next link is made for, and when.

use jiff::{SignedDuration, Timestamp};

use crate::crd::{ConnectRequestKind, ConnectedAccountStatus, Link};

use super::{Desired, request::PendingRequest, still_within};

/// So long a link that was made for a browser is not ended by who asks from anywhere else: its person may be signing in.
const LINK_KEPT: SignedDuration = SignedDuration::from_mins(1);

impl Desired {
    /// The request that a new link is due for now; `usable` is the link that can still be used.
    pub fn link_asked_for(
        &self,
        recorded: &ConnectedAccountStatus,
        usable: Option<&Link>,
        now: Timestamp,
    ) -> Option<&PendingRequest> {
        let next = self.next_for_link(recorded, usable)?;
        kept_until(recorded, usable, next, now)
            .is_none()
            .then_some(next)
    }

    /// Until when the request that a new link is due for next waits, for whoever has the one that is out.
    pub(super) fn link_kept_until(
        &self,
        recorded: &ConnectedAccountStatus,
        usable: Option<&Link>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let next = self.next_for_link(recorded, usable)?;
        kept_until(recorded, usable, next, now)
    }

    /// They take turns, so that nobody is kept waiting by who asks again and again: also while the first waits, nobody
    /// comes before it. Of two that were made in the same second, who starts over goes first: that may bring a link to the
    /// other too. While one that was answered is still there, none is due: of several answers the status remembers the last,
    /// and to the others there would be a second one.
    pub(super) fn next_for_link(
        &self,
        recorded: &ConnectedAccountStatus,
        usable: Option<&Link>,
    ) -> Option<&PendingRequest> {
        let for_link = || self.requests.iter().filter(|one| self.may_bring_link(one));
        if for_link().any(|request| request.is_handled(recorded)) {
            return None;
        }
        let open = |request: &&PendingRequest| !usable.is_some_and(|link| request.is_met_by(link));
        for_link().filter(open).min_by_key(|request| {
            (
                request.created,
                request.kind != ConnectRequestKind::StartOver,
            )
        })
    }
}

/// Until when that request does not end the link that is out, since another browser was given it a moment ago.
fn kept_until(
    recorded: &ConnectedAccountStatus,
    usable: Option<&Link>,
    request: &PendingRequest,
    now: Timestamp,
) -> Option<Timestamp> {
    let made_for = usable?.requested_by.as_ref()?.browser.as_ref()?;
    let issued = recorded.last_link_issued_at.as_ref()?.0;
    let until = still_within(issued, LINK_KEPT, now)?;
    (request.browser.as_ref() != Some(made_for)).then_some(until)
}
