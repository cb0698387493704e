//! What came of the ConnectRequests of an object, and what they tell of a sign-in.

use jiff::Timestamp;

use crate::{
    composio::model::{Account, State},
    crd::{
        ConnectRequestKind, ConnectRequestOutcome, ConnectedAccountStatus, FinishedIn,
        HandledConnectRequest, Reason, SignIn,
    },
    plan::{
        Answer, Applied, Desired, Effect, Failure, Outcome, OutcomeKind, PendingRequest, Wait,
        sign_in,
    },
};

use super::is_in;

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
    // A session is used up by a refusal, too.
    let is_refused = outcome.observed.refused.iter().any(|refused| {
        matches!(&refused.effect, Effect::CompleteAuth { request: uid, .. } if is_this(uid))
    });
    if is_refused {
        return Some(ConnectRequestOutcome::Refused);
    }
    let is_fresh = outcome.observed.fresh;
    if is_fresh && is_in(status, &[State::Active, State::Inactive]) {
        return Some(ConnectRequestOutcome::NotNeeded);
    }
    // Nobody came back from the link that is out, or not who it is for.
    let is_idle = is_fresh && desired.session(request, status).is_none();
    (is_idle || matches!(outcome.kind, OutcomeKind::Refused(_)))
        .then_some(ConnectRequestOutcome::Refused)
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
    let is_connected = is_in(status, &[State::Active, State::Inactive]);
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
