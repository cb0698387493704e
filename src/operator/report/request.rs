//! What came of the ConnectRequests of an object, and what they tell of a sign-in.

use jiff::Timestamp;

use crate::{
    composio::model::Account,
    crd::{
        ConnectRequestKind, ConnectRequestOutcome, ConnectedAccountStatus, FinishedIn,
        HandledConnectRequest, Reason, SignIn,
    },
    plan::{
        Answer, Applied, Desired, Effect, Failure, NoSession, Outcome, OutcomeKind, PendingRequest,
        Wait, sign_in, was_connected,
    },
};

/// The requests that an outcome has handled, with what came of each. `status` is the status after it, `previous` the
/// one before. The others wait for another pass.
pub fn handled_requests(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    status: &ConnectedAccountStatus,
    outcome: &Outcome,
) -> Vec<HandledConnectRequest> {
    let open = desired.requests.iter();
    let open = open.filter(|request| !request.is_handled(previous));
    open.filter_map(|request| {
        Some(HandledConnectRequest {
            uid: request.uid.clone(),
            kind: request.kind,
            outcome: came_of(request, desired, status, outcome)?,
        })
    })
    .collect()
}

/// Takes the requests that were handled into the status. One of them stands there: that for a link, which must not be
/// handled twice, and so it stays there until it is deleted. To look twice does no harm.
pub(super) fn record_requests(
    status: &mut ConnectedAccountStatus,
    previous: &ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
) {
    let handled = handled_requests(desired, previous, status, outcome);
    let known = status.last_connect_request.take();
    let is_there = |known: &HandledConnectRequest| {
        let mut requests = desired.requests.iter();
        requests.any(|request| request.uid == known.uid)
    };
    let kept = known.clone().filter(is_there);
    let told = kept
        .into_iter()
        .chain(handled)
        .max_by_key(|one| match one.kind {
            ConnectRequestKind::Look => 0,
            ConnectRequestKind::Returned => 1,
            ConnectRequestKind::CompleteAuth => 2,
            ConnectRequestKind::Link => 3,
            ConnectRequestKind::StartOver => 4,
        });
    status.last_connect_request = told.or(known);
}

/// Takes what the account and the requests tell of the sign-in through the last link.
pub(super) fn record_sign_in(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    account: &Account,
    now: Timestamp,
) {
    status.sign_in = sign_in(desired, status, Some(account), now);
}

/// The page has vouched for the browser and the person, and Composio has taken its word.
pub(super) fn record_completed(status: &mut ConnectedAccountStatus) {
    let link = status.link.as_ref();
    let Some(asked) = link.and_then(|link| link.requested_by.clone()) else {
        return;
    };
    status.sign_in = Some(SignIn {
        request: asked.uid,
        browser: asked.browser,
        finished_in: Some(FinishedIn::Same),
        return_by: None,
        callback_host: None,
    });
}

/// Takes a link out of the status that is over, unless somebody came back from it in time and Composio is still to be
/// told.
pub(super) fn end_link(status: &mut ConnectedAccountStatus, desired: &Desired, outcome: &Outcome) {
    let came_of = |one| came_of_completion(one, desired, status, outcome);
    let is_back = desired
        .to_complete(status)
        .is_some_and(|one| came_of(one).is_none());
    if !is_back {
        status.link = None;
    }
}

fn came_of_completion(
    request: &PendingRequest,
    desired: &Desired,
    status: &ConnectedAccountStatus,
    outcome: &Outcome,
) -> Option<ConnectRequestOutcome> {
    let is_this = |uid: &String| *uid == request.uid;
    match &outcome.kind {
        OutcomeKind::Applied(Applied::AuthCompleted { request: uid }) if is_this(uid) => {
            return Some(ConnectRequestOutcome::Completed);
        }
        OutcomeKind::Waiting(wait) if wait.reason == Reason::Suspended => {
            return Some(ConnectRequestOutcome::Refused);
        }
        OutcomeKind::Settled
        | OutcomeKind::Waiting(_)
        | OutcomeKind::Refused(_)
        | OutcomeKind::Applied(_)
        | OutcomeKind::Failed(_) => {}
    }
    // A session is used up by a refusal, too; and what was told before, by a call whose answer was lost or by another
    // replica, is refused and has connected the account. The next look tells.
    let is_fresh = outcome.observed.fresh;
    if is_fresh && was_connected(status) {
        return Some(ConnectRequestOutcome::NotNeeded);
    }
    let is_refused = refusal_of(request, outcome).is_some();
    // Nobody came back from the link that is out, or not who it is for.
    let is_idle = desired.session(request, status).is_err();
    let is_over = is_fresh && (is_refused || is_idle);
    (is_over || matches!(outcome.kind, OutcomeKind::Refused(_)))
        .then_some(ConnectRequestOutcome::Refused)
}

/// Composio's refusal of the sign-in that the request holds the session of.
fn refusal_of<'a>(request: &PendingRequest, outcome: &'a Outcome) -> Option<&'a Failure> {
    let mut refused = outcome.observed.refused.iter();
    let refused = refused.find(|refused| {
        matches!(&refused.effect, Effect::CompleteAuth { request: uid, .. } if *uid == request.uid)
    });
    refused.map(|refused| &refused.failure)
}

/// Why a sign-in was not completed, where that outcome has refused a request to complete it.
pub fn not_completed(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    outcome: &Outcome,
    handled: &[HandledConnectRequest],
) -> Option<String> {
    let is_refused = |one: &&HandledConnectRequest| {
        one.kind == ConnectRequestKind::CompleteAuth
            && one.outcome == ConnectRequestOutcome::Refused
    };
    let uid = &handled.iter().find(is_refused)?.uid;
    let request = desired.requests.iter().find(|one| one.uid == *uid)?;
    if let Some(failure) = refusal_of(request, outcome) {
        return Some(failure.message.clone());
    }
    let why = match (&outcome.kind, desired.session(request, previous)) {
        (_, Err(NoSession::NotOfLink)) => {
            "it was not through the link that is out now, or in another browser than had asked for that"
        }
        (_, Err(NoSession::NotOfPerson)) => "somebody else came back than the link is for",
        (_, Err(NoSession::NotOpened)) => {
            "the page has sealed its session with a key that this operator does not have: both need the same --connect-key-file; a new key is in the second line of both before it is in the first of either"
        }
        (OutcomeKind::Refused(refusal), Ok(_)) => {
            return Some(format!("{} {}", refusal.reason, refusal.detail));
        }
        (OutcomeKind::Waiting(wait), Ok(_)) if wait.reason == Reason::Suspended => {
            "the object, or its project, is suspended"
        }
        (_, Ok(_)) => "it is not awaited any more",
    };
    Some(why.to_owned())
}

fn came_of(
    request: &PendingRequest,
    desired: &Desired,
    status: &ConnectedAccountStatus,
    outcome: &Outcome,
) -> Option<ConnectRequestOutcome> {
    let is_fresh = outcome.observed.fresh;
    let is_suspended =
        matches!(&outcome.kind, OutcomeKind::Waiting(wait) if wait.reason == Reason::Suspended);
    if request.kind == ConnectRequestKind::CompleteAuth {
        return came_of_completion(request, desired, status, outcome);
    }
    if !request.is_for_link() {
        // Nobody looks at what is suspended because somebody asks.
        let refused = is_suspended.then_some(ConnectRequestOutcome::Refused);
        return is_fresh
            .then_some(ConnectRequestOutcome::Looked)
            .or(refused);
    }
    if is_suspended || !desired.may_bring_link(request) {
        return Some(ConnectRequestOutcome::Refused);
    }
    if desired.spec.credentials.is_some() {
        return Some(ConnectRequestOutcome::NotNeeded);
    }
    let made_for = status.link.as_ref();
    let made_for = made_for.and_then(|link| link.requested_by.as_ref());
    let is_connected = was_connected(status);
    // Of one that was disabled at once nobody has seen the grant.
    let has_grant = status.connected_at.is_some() && is_connected;
    match &outcome.kind {
        OutcomeKind::Applied(Applied::Linked { .. }) => made_for
            .is_some_and(|made_for| made_for.uid == request.uid)
            .then_some(ConnectRequestOutcome::LinkIssued),
        OutcomeKind::Settled if is_fresh && is_connected => Some(ConnectRequestOutcome::NotNeeded),
        OutcomeKind::Waiting(Wait {
            reason: Reason::AwaitingUser,
            ..
        }) if is_fresh
            && status
                .link
                .as_ref()
                .is_some_and(|link| request.is_met_by(link)) =>
        {
            Some(ConnectRequestOutcome::LinkReused)
        }
        // What has the alias may be what was made for this request by a call whose answer was lost, and show up.
        OutcomeKind::Failed(failure) if failure.reason == Reason::AliasInUse => None,
        // The same call would be refused again, as often as the request is looked at.
        OutcomeKind::Refused(_)
        | OutcomeKind::Failed(Failure {
            answer: Answer::Refused(_),
            ..
        }) => Some(ConnectRequestOutcome::Refused),
        OutcomeKind::Waiting(_) if is_fresh && has_grant => Some(ConnectRequestOutcome::NotNeeded),
        OutcomeKind::Settled
        | OutcomeKind::Waiting(_)
        | OutcomeKind::Applied(_)
        | OutcomeKind::Failed(_) => None,
    }
}
