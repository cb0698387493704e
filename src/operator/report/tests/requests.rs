//! What a status remembers of the ConnectRequests that were handled.

use super::*;
use crate::{
    crd::{ConnectRequestKind, ConnectRequestOutcome, HandledConnectRequest},
    plan::{
        Answer, PendingRequest,
        tests::sign_ins::{BROWSER, back, link_out, over},
    },
};

fn request(uid: &str, kind: ConnectRequestKind) -> PendingRequest {
    PendingRequest {
        uid: uid.into(),
        created: None,
        kind,
        browser: None,
        requested_by: None,
        proof: None,
        returned: None,
        session: None,
    }
}

/// The request of which the status tells after somebody came back from a sign-in that failed, where the link of the
/// request "asked" was out and these requests are there.
fn remembered(there: &[PendingRequest]) -> String {
    let mut wanted = object();
    wanted.0.requests = there.to_vec();
    let row = account("ca_1").is(State::Failed);
    let sight = seen(row).recorded("ca_1").with(|observed| {
        observed.recorded.last_connect_request = Some(HandledConnectRequest {
            uid: "asked".into(),
            kind: ConnectRequestKind::Link,
            outcome: ConnectRequestOutcome::LinkIssued,
        });
    });
    let status = after(&wanted, &sight, waiting(Reason::SignInFailed));
    let handled = status.last_connect_request.expect("it is told");
    handled.uid
}

#[test]
fn a_request_for_a_link_is_remembered_until_it_is_deleted() {
    let (asked, back) = (
        request("asked", ConnectRequestKind::Link),
        request("back", ConnectRequestKind::Returned),
    );
    assert_eq!(
        remembered(&[asked, back.clone()]),
        "asked",
        "or it would be answered twice"
    );
    assert_eq!(remembered(&[back]), "back");
    assert_eq!(remembered(&[]), "asked");
}

/// Composio is to be told of a sign-in through a link that has ended meanwhile.
fn back_from_ended_link() -> (DesiredBuilder, ObservedBuilder) {
    (back(false, BROWSER, None), over(link_out(State::Initiated)))
}

#[test]
fn a_link_that_is_over_stays_until_composio_was_told_of_the_sign_in_through_it() {
    let busy = || {
        let answer = Answer::NotNow { after: None };
        OutcomeKind::Failed(failure(Reason::RateLimited, answer))
    };
    let (wanted, sight) = back_from_ended_link();
    assert!(after(&wanted, &sight, busy()).link.is_some());
    let unseen = not_looked().with(|observed| observed.recorded = sight.0.recorded.clone());
    assert!(after(&wanted, &unseen, busy()).link.is_some());
    assert_eq!(after(&object(), &sight, busy()).link, None, "nobody came");
    assert_eq!(after(&object(), &unseen, busy()).link, None, "nobody came");
    let told = refusing(sight);
    let status = after(&wanted, &told, waiting(Reason::LinkExpired));
    assert_eq!(status.link, None);
    let handled = status.last_connect_request.expect("it is told");
    assert_eq!(handled.outcome, ConnectRequestOutcome::Refused);
}

/// The same, once Composio has refused the session.
fn refusing(sight: ObservedBuilder) -> ObservedBuilder {
    let effect = Effect::CompleteAuth {
        id: "ca_1".into(),
        request: "back".into(),
    };
    sight.refused(effect, rejected())
}

/// What came of the request, and why nothing, if that is told.
fn came_of(
    (wanted, sight): &(DesiredBuilder, ObservedBuilder),
    outcome: OutcomeKind,
) -> (Option<ConnectRequestOutcome>, Option<String>) {
    let previous = &sight.0.recorded;
    let outcome = Outcome {
        observed: sight.0.clone(),
        kind: outcome,
    };
    let status = report(&wanted.0, previous, &outcome, NOW);
    let handled = handled_requests(&wanted.0, previous, &status, &outcome);
    let why = not_completed(&wanted.0, previous, &outcome, &handled);
    (handled.first().map(|one| one.outcome), why)
}

#[test]
fn a_session_that_was_used_is_a_refusal_only_if_it_connected_nothing() {
    use ConnectRequestOutcome::{NotNeeded, Refused};
    let back = |state| (back(false, BROWSER, None), refusing(link_out(state)));
    let waits = || waiting(Reason::AwaitingUser);
    let (outcome, why) = came_of(&back(State::Initiated), waits());
    assert_eq!(outcome, Some(Refused));
    assert_eq!(why, Some(rejected().message));
    // A call whose answer was lost had told it.
    let (outcome, why) = came_of(&back(State::Active), OutcomeKind::Settled);
    assert_eq!((outcome, why), (Some(NotNeeded), None));
    // That is known after another look alone.
    let (wanted, sight) = back(State::Initiated);
    let unseen = (wanted, sight.with(|observed| observed.fresh = false));
    assert_eq!(
        came_of(&unseen, OutcomeKind::Failed(rejected())),
        (None, None)
    );
}

#[test]
fn why_composio_is_not_told_is_said() {
    let waits = || waiting(Reason::AwaitingUser);
    let out = || link_out(State::Initiated);
    let another_key = back(false, BROWSER, None).with(|desired| desired.flags.page = None);
    for (wanted, sight, words) in [
        (back(false, "browser-b", None), out(), "in another browser"),
        (back(true, BROWSER, Some("mallory")), out(), "somebody else"),
        (another_key, out(), "--connect-key-file"),
    ] {
        let (outcome, why) = came_of(&(wanted, sight), waits());
        assert_eq!(outcome, Some(ConnectRequestOutcome::Refused), "{words}");
        let why = why.unwrap_or_default();
        assert!(why.contains(words), "{words}: {why}");
    }
    let (_, why) = came_of(
        &(back(false, BROWSER, None), out()),
        waiting(Reason::Suspended),
    );
    assert!(why.unwrap_or_default().contains("suspended"));
}
