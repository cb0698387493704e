//! What a status remembers of the ConnectRequests that were handled.

use super::*;
use crate::{
    crd::{ConnectRequestKind, ConnectRequestOutcome, HandledConnectRequest},
    plan::PendingRequest,
};

fn request(uid: &str, kind: ConnectRequestKind) -> PendingRequest {
    PendingRequest {
        uid: uid.into(),
        kind,
        browser: None,
        requested_by: None,
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
