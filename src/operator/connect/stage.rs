//! How far a person has come, by what the object says. It decides, and does nothing.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use jiff::Timestamp;

use super::account::{Account, State};
use crate::crd::{
    ConnectRequestOutcome, FinishedIn, ForPerson, NotificationType, Progress, Reason,
};

#[cfg(test)]
mod tests;

/// From then on, in seconds, the person reads that it takes longer than usual.
const LONG: i64 = 60;
/// An unanswered request is over, in seconds.
const OVER: i64 = 10 * 60;
/// So long, in seconds, whoever could not ask since another request was in the way waits for what comes of that one.
const IN_THE_WAY: i64 = 10;
/// So long, in seconds, a sign-in that succeeded may still look unfinished.
const SETTLING: i64 = 30;

/// What the page of an object shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// The button. `again`: a link may be out already.
    Ask {
        /// What happened last.
        last: Option<Last>,
        /// Whether to offer to start over.
        again: bool,
    },
    /// Somebody has signed in, and nothing tells yet that it was the person, as the project demands.
    Checking,
    /// Nothing is to be done.
    Connected,
    /// There is a grant, and the team does not use it now.
    Off,
}

/// What happened last, where the person is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// The sign-in was finished in another browser.
    Elsewhere,
    /// Nobody came back in the browser that had asked, as the project demands.
    NotReturned,
    /// Somebody else signed in than was expected.
    WrongIdentity,
    /// The project demands the person, and nothing shows who signed in.
    IdentityNotShown,
    /// The sign-in failed, was cancelled, or the link ran out.
    NotFinished,
    /// The application that verifies sign-ins saw somebody else.
    Refused,
    /// There was a grant, and it has ended.
    Ended,
    /// The link was made for another browser.
    OtherBrowser,
    /// Nobody answered.
    Unanswered,
    /// Another request was in the way, and no link for this browser has come of it.
    InTheWay,
}

/// What a person sees who has asked for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Nothing yet.
    Wait {
        /// It takes longer than usual.
        is_long: bool,
        /// Another browser has a link, which is not taken from it at once.
        is_behind: bool,
    },
    /// There is a link for this browser.
    Ready,
    /// There will be none for this request.
    Refused,
    /// As on the page of the object.
    Page(Asking),
}

/// What a person sees who comes back from the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returning {
    /// A fresh look is to be asked for, and awaited.
    Look {
        /// It takes longer than usual.
        is_long: bool,
        /// Whoever has looked by now would have seen a grant.
        is_settled: bool,
    },
    /// It was looked at, and Composio does not show the grant yet.
    Settling,
    /// Signed in.
    Done,
    /// Signed in, and the team does not use the account now.
    Off,
    /// Nobody had come back in time, as the project demands, and the grant is not used.
    TooLate,
    /// The sign-in was cancelled, or has failed.
    NotFinished,
    /// Somebody else signed in than was expected.
    WrongIdentity,
    /// It was finished in another browser than the one that had asked.
    Elsewhere,
    /// There is a grant, and nobody can say any more that it was this person who signed in, as the project demands.
    Unproved,
    /// There is a grant, and the operator was not told in which browser it was given.
    Unheard,
    /// The link is none of those that are on record.
    Over,
}

/// What to show to somebody who opens the page.
pub(super) fn asking(account: &Account, now: Timestamp) -> Asking {
    let last = match (account.state(), reason(account)) {
        (State::Active | State::Inactive, _) if account.was_finished_elsewhere() => {
            Some(Last::Elsewhere)
        }
        (State::Active | State::Inactive, Some(Reason::WrongIdentity)) => {
            Some(match account.identity() {
                Some(_) => Last::WrongIdentity,
                None => Last::IdentityNotShown,
            })
        }
        (State::Active | State::Inactive, Some(Reason::FinishedElsewhere)) => {
            Some(Last::NotReturned)
        }
        (State::Active | State::Inactive, Some(Reason::AwaitingUser)) => return Asking::Checking,
        (State::Active, _) => return Asking::Connected,
        (State::Inactive, _) => return Asking::Off,
        (State::Waiting | State::Over, reason) => reason.and_then(last_of),
    };
    Asking::Ask {
        last,
        again: account.open_link(now).is_some(),
    }
}

/// Why the condition Ready is as it is; `None`: it is not there, or says a word that this version does not know.
fn reason(account: &Account) -> Option<Reason> {
    Reason::named(account.reason())
}

/// What happened last to an account without a grant, by the reason of its condition Ready.
fn last_of(reason: Reason) -> Option<Last> {
    match reason.for_person() {
        ForPerson::Asked(NotificationType::AwaitingUser) => match (reason, reason.progress()) {
            (Reason::IdentityRefused, _) => Some(Last::Refused),
            (_, Progress::Stalled) => Some(Last::NotFinished),
            (_, Progress::None | Progress::Reconciling) => None,
        },
        ForPerson::Asked(NotificationType::ReauthorizationRequired | NotificationType::Revoked) => {
            Some(Last::Ended)
        }
        ForPerson::Asked(NotificationType::WrongIdentity | NotificationType::Connected)
        | ForPerson::Connected
        | ForPerson::Passing
        | ForPerson::Nothing => None,
    }
}

/// What to show to a browser that has asked for a link, by that request, at that time. The request is empty where
/// another one was in the way. `former` is the request whose link was out, and does not do; empty: any does.
pub(super) fn waiting(
    account: &Account,
    browser: &str,
    request: &str,
    former: &str,
    asked_at: Timestamp,
    now: Timestamp,
) -> Waiting {
    let age = now.as_second().saturating_sub(asked_at.as_second());
    let page = asking(account, now);
    if matches!(page, Asking::Connected | Asking::Checking) {
        return Waiting::Page(page);
    }
    let link = account.open_link(now);
    let is_former = !former.is_empty() && account.link_request() == former;
    if link.is_some_and(|link| link.is_for(browser)) && !is_former {
        return Waiting::Ready;
    }
    let again = |last| {
        Waiting::Page(Asking::Ask {
            last,
            again: link.is_some(),
        })
    };
    match account.outcome_of(request).map(|(_, outcome)| outcome) {
        Some(ConnectRequestOutcome::Refused) => Waiting::Refused,
        Some(ConnectRequestOutcome::NotNeeded) => Waiting::Page(page),
        Some(ConnectRequestOutcome::LinkIssued | ConnectRequestOutcome::LinkReused) => {
            again(match link {
                Some(_) => Some(Last::OtherBrowser),
                None => Some(Last::NotFinished),
            })
        }
        Some(ConnectRequestOutcome::Looked | ConnectRequestOutcome::Completed) | None => match link
        {
            Some(_) if request.is_empty() && !is_former => again(Some(Last::OtherBrowser)),
            _ if request.is_empty() && age >= IN_THE_WAY => again(Some(Last::InTheWay)),
            _ if age >= OVER => again(Some(Last::Unanswered)),
            _ => Waiting::Wait {
                is_long: age >= LONG,
                is_behind: link.is_some_and(|link| !link.is_for(browser)),
            },
        },
    }
}

/// What to show to somebody who came back, at that time, from the link of that request, in the browser that had asked or
/// in another one.
pub(super) fn returning(
    account: &Account,
    request: &str,
    came_in: FinishedIn,
    came_at: Timestamp,
    now: Timestamp,
) -> Returning {
    let age = now.as_second().saturating_sub(came_at.as_second());
    match (account.finished_in(request), came_in) {
        (Some(FinishedIn::Another), _) => Returning::Elsewhere,
        // The one who finished it was told; whoever else has the address is told nothing.
        (Some(FinishedIn::Same), FinishedIn::Another) => Returning::Over,
        (Some(FinishedIn::Same), FinishedIn::Same) => match (account.state(), reason(account)) {
            (State::Active | State::Inactive, Some(Reason::WrongIdentity)) => {
                Returning::WrongIdentity
            }
            (State::Active, _) => Returning::Done,
            (State::Inactive, _) => Returning::Off,
            (State::Waiting, _) if age < SETTLING => Returning::Settling,
            (State::Waiting | State::Over, _) => Returning::NotFinished,
        },
        (None, FinishedIn::Same)
            if account.has_on_record(request)
                && account.has_grant()
                && reason(account) == Some(Reason::FinishedElsewhere) =>
        {
            Returning::TooLate
        }
        (None, _) if account.has_on_record(request) && age < OVER => Returning::Look {
            is_long: age >= LONG,
            is_settled: age >= SETTLING,
        },
        (None, _) if account.has_on_record(request) && account.has_grant() => Returning::Unheard,
        // That it was finished here is recorded with a grant alone.
        (None, FinishedIn::Same) if account.state() == State::Over => Returning::NotFinished,
        (None, _) => Returning::Over,
    }
}

/// What to show to the browser that had asked for the link of the request `link`, and came back at that time to have
/// Composio told, by the request `request`, whose sign-in it was.
///
/// What there is besides, however it came to be, is nothing that was done here.
pub(super) fn completing(
    account: &Account,
    link: &str,
    request: &str,
    came_at: Timestamp,
    now: Timestamp,
) -> Returning {
    let age = now.as_second().saturating_sub(came_at.as_second());
    match (account.state(), account.finished_in(link)) {
        (_, Some(FinishedIn::Another)) => return Returning::Elsewhere,
        (State::Active | State::Inactive, _) if !account.has_on_record(link) => {
            return Returning::Over;
        }
        (State::Active | State::Inactive, _) => {
            return match reason(account) {
                Some(Reason::WrongIdentity) => Returning::WrongIdentity,
                // What came of it was lost, and where sign-ins are bound to the person, it does not count.
                Some(Reason::AwaitingUser | Reason::FinishedElsewhere) => Returning::Unproved,
                _ if account.state() == State::Inactive => Returning::Off,
                _ => Returning::Done,
            };
        }
        (State::Waiting, Some(FinishedIn::Same)) if age < SETTLING => return Returning::Settling,
        (State::Waiting | State::Over, Some(FinishedIn::Same)) => return Returning::NotFinished,
        (State::Waiting | State::Over, None) => {}
    }
    match account.outcome_of(request).map(|(_, outcome)| outcome) {
        Some(ConnectRequestOutcome::Completed) if age < SETTLING => Returning::Settling,
        Some(_) => Returning::NotFinished,
        None if age < OVER => Returning::Look {
            is_long: age >= LONG,
            is_settled: age >= SETTLING,
        },
        None => Returning::Over,
    }
}
