//! What somebody sees who came back to have Composio told whose sign-in it was.

use serde_json::json;

use super::*;

#[test]
fn who_came_back_to_have_composio_told_is_told_what_came_of_that() {
    let last = |uid: &str, outcome: &str| json!({"lastConnectRequest": {"uid": uid, "kind": "CompleteAuth", "outcome": outcome}});
    let waits = |more| status("INITIATED", "AwaitingUser", more);
    let look = |is_long, is_settled| Returning::Look {
        is_long,
        is_settled,
    };
    for (sentence, status, request, former, age, expected) in [
        (
            "nothing yet",
            waits(json!({})),
            "c-1",
            "",
            5,
            look(false, false),
        ),
        (
            "for long",
            waits(json!({})),
            "c-1",
            "",
            70,
            look(true, true),
        ),
        (
            "for too long",
            waits(json!({})),
            "c-1",
            "",
            700,
            Returning::Over,
        ),
        (
            "refused",
            waits(last("c-1", "Refused")),
            "c-1",
            "",
            5,
            Returning::NotFinished,
        ),
        (
            "another one was",
            waits(last("c-0", "Refused")),
            "c-1",
            "",
            5,
            look(false, false),
        ),
        (
            "of another tab, nothing yet",
            waits(last("c-0", "Refused")),
            "",
            "c-0",
            5,
            look(false, false),
        ),
        (
            "of another tab, refused",
            waits(last("c-1", "Refused")),
            "",
            "c-0",
            5,
            Returning::NotFinished,
        ),
        (
            "Composio does not show it yet",
            waits(last("c-1", "Completed")),
            "c-1",
            "",
            5,
            Returning::Settling,
        ),
        (
            "nor ever",
            waits(last("c-1", "Completed")),
            "c-1",
            "",
            40,
            Returning::NotFinished,
        ),
        (
            "connected",
            status("ACTIVE", "Connected", json!({})),
            "c-1",
            "",
            5,
            Returning::Done,
        ),
        (
            "the proof was lost",
            status("ACTIVE", "AwaitingUser", json!({})),
            "c-1",
            "",
            5,
            Returning::Unproved,
        ),
        (
            "and is over",
            status("INACTIVE", "FinishedElsewhere", json!({})),
            "c-1",
            "",
            5,
            Returning::Unproved,
        ),
        (
            "somebody else",
            status("INACTIVE", "WrongIdentity", json!({})),
            "c-1",
            "",
            5,
            Returning::WrongIdentity,
        ),
    ] {
        let stage = completing(&of(status), request, former, at(NOW - age), at(NOW));
        assert_eq!(stage, expected, "{sentence}");
    }
}
