//! How the sign-in through the last link went, and whether the grant that came of it may be used.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    composio::model::{Account, State},
    crd::{ConnectedAccountStatus, FinishedIn, LinkRequestedBy, SignIn},
};

use super::{Desired, after};

/// So long after a grant was seen the person may still come back to the page.
const RETURN_WAIT: SignedDuration = SignedDuration::from_mins(10);
/// So long after it was seen it still counts in which browser somebody comes back.
const RETURN_COUNTS: SignedDuration = SignedDuration::from_hours(1);

/// The request whose link is out, or has brought the sign-in.
pub(super) fn link_of(recorded: &ConnectedAccountStatus) -> Option<LinkRequestedBy> {
    let link = recorded.link.as_ref();
    let link = link.and_then(|link| link.requested_by.clone());
    link.or_else(|| {
        let sign_in = recorded.sign_in.as_ref()?;
        Some(LinkRequestedBy {
            uid: sign_in.request.clone(),
            browser: sign_in.browser.clone(),
        })
    })
}

/// What is known already of the sign-in through that link.
pub(super) fn known_of<'a>(
    recorded: &'a ConnectedAccountStatus,
    link: &LinkRequestedBy,
) -> Option<&'a SignIn> {
    let known = recorded.sign_in.as_ref();
    known.filter(|known| known.request == link.uid)
}

/// How the sign-in through the last link went, with what the account and the requests tell.
///
/// That it was finished in another browser sticks: whoever has the address could come back in the first one later.
/// That it was finished in the one that asked counts only with an account that is connected: before, the same link
/// may still be finished elsewhere. Where the project demands it, it also counts in time alone; of an account that was
/// found nobody can come back, so there the time is over at once.
pub fn sign_in(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    account: Option<&Account>,
    now: Timestamp,
) -> Option<SignIn> {
    let connected = account.filter(|account| account.state.is_connected());
    let is_demanded =
        is_new_grant(recorded) && connected.is_some_and(|account| desired.is_bound(Some(account)));
    let asked = link_of(recorded);
    // One that was made for nobody, or that nobody knows of any more, can bring nobody back.
    let return_wait = match &asked {
        Some(_) => RETURN_WAIT,
        None => SignedDuration::ZERO,
    };
    let link = asked.or_else(|| is_demanded.then(no_request))?;
    let known = known_of(recorded, &link);
    let told = desired
        .requests
        .iter()
        .filter_map(|request| desired.finished_in(request, &link));
    let told = told.max_by_key(|told| *told == FinishedIn::Another);
    let is_too_late = is_return_over(recorded, now);
    let told = told.filter(|_| !is_too_late);
    let return_by = known.and_then(|known| known.return_by.clone());
    let return_by = return_by.or_else(|| is_demanded.then(|| Time(after(now, return_wait))));
    let is_over = return_by.as_ref().is_some_and(|by| by.0 <= now);
    let finished_in = match (known.and_then(|known| known.finished_in), told) {
        (known @ Some(_), _) => known,
        (None, Some(FinishedIn::Another)) => Some(FinishedIn::Another),
        (None, Some(FinishedIn::Same)) => {
            Some(FinishedIn::Same).filter(|_| connected.is_some() && !is_over)
        }
        (None, None) => None,
    };
    // Nobody is waited for any more, so nobody who has the address is told anything either.
    if is_too_late && finished_in.is_none() && return_by.is_none() {
        return None;
    }
    let is_worth_keeping = known.is_some()
        || finished_in.is_some()
        || return_by.is_some()
        || (connected.is_some() && link.browser.is_some());
    is_worth_keeping.then(|| SignIn {
        request: link.uid,
        browser: link.browser,
        finished_in,
        return_by: return_by.filter(|_| finished_in.is_none()),
        callback_host: connected
            .filter(|_| finished_in == Some(FinishedIn::Same))
            .and_then(|account| desired.callback_host(account)),
    })
}

/// Whether it is too late to come back from a sign-in: its grant was seen long ago. The address that is come back to does
/// not end, and may be in a log or a history.
pub(super) fn is_return_over(recorded: &ConnectedAccountStatus, now: Timestamp) -> bool {
    let connected = recorded.connected_at.as_ref();
    let seen = connected.filter(|_| recorded.link.is_none() && was_connected(recorded));
    seen.is_some_and(|seen| after(seen.0, RETURN_COUNTS) <= now)
}

/// Whether a grant that is there now was not seen before: it was given since, by a link of this object or in whatever
/// other way, or it is that of an account that was found.
fn is_new_grant(recorded: &ConnectedAccountStatus) -> bool {
    let is_newer = match (&recorded.last_link_issued_at, &recorded.connected_at) {
        (Some(issued), Some(connected)) => issued.0 > connected.0,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    !was_connected(recorded) && is_newer
}

/// Whether the account had a grant when it was seen last.
pub fn was_connected(recorded: &ConnectedAccountStatus) -> bool {
    [State::Active, State::Inactive]
        .iter()
        .any(|state| recorded.state.as_deref() == Some(state.as_str()))
}

fn no_request() -> LinkRequestedBy {
    LinkRequestedBy {
        uid: String::new(),
        browser: None,
    }
}

/// Why an account with a grant is not to be used, by how its sign-in was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unbound {
    /// Nobody knows who gave the grant: it was given in another browser than the one that had asked.
    Elsewhere,
    /// The project demands that the person comes back, and there is time for it until then.
    Awaited(Timestamp),
    /// That time is over.
    NotReturned,
}

/// Whether nothing tells that the person has signed in, where that matters.
pub(super) fn unbound(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    account: &Account,
    now: Timestamp,
) -> Option<Unbound> {
    if !account.state.is_connected() {
        return None;
    }
    let sign_in = sign_in(desired, recorded, Some(account), now)?;
    match (sign_in.finished_in, sign_in.return_by) {
        (Some(FinishedIn::Another), _) => Some(Unbound::Elsewhere),
        (_, Some(by)) if now < by.0 => Some(Unbound::Awaited(by.0)),
        (_, Some(_)) => Some(Unbound::NotReturned),
        (Some(FinishedIn::Same) | None, None) => None,
    }
}
