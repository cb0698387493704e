//! What somebody sees who came back to have Composio told whose sign-in it was.

use serde_json::{Value, json};

use super::*;

#[test]
fn who_completes_a_sign_in_is_told_of_that_one_alone() {
    let finished = |state: &str, reason: &str, how: Option<&str>, last: Value| {
        let sign_in = json!({"request": "r-1", "browser": OURS, "finishedIn": how});
        status(
            state,
            reason,
            json!({"signIn": sign_in, "lastConnectRequest": last}),
        )
    };
    let last = |outcome: &str| json!({"uid": "r-2", "kind": "CompleteAuth", "outcome": outcome});
    let out = |last: Value| {
        let link = link(OURS, 10);
        status(
            "INITIATED",
            "AwaitingUser",
            json!({"link": link, "lastConnectRequest": last}),
        )
    };
    let other =
        |state: &str, last: Value| status(state, "Connected", json!({"lastConnectRequest": last}));
    let none = || Value::Null;
    let look = |is_long, is_settled| Returning::Look {
        is_long,
        is_settled,
    };
    // Status, age, what is shown.
    let cases = [
        (out(none()), 0, look(false, false)),
        (out(none()), 60, look(true, true)),
        (out(none()), 600, Returning::Over),
        (out(last("Refused")), 0, Returning::NotFinished),
        (out(last("Completed")), 29, Returning::Settling),
        (out(last("Completed")), 30, Returning::NotFinished),
        (
            finished("INITIATED", "AwaitingUser", Some("Same"), last("Completed")),
            29,
            Returning::Settling,
        ),
        (
            finished("INITIATED", "AwaitingUser", Some("Same"), last("Completed")),
            30,
            Returning::NotFinished,
        ),
        (
            finished("FAILED", "SignInFailed", Some("Same"), none()),
            0,
            Returning::NotFinished,
        ),
        (
            finished("ACTIVE", "Connected", Some("Same"), none()),
            0,
            Returning::Done,
        ),
        (
            finished("INACTIVE", "Disabled", Some("Same"), none()),
            0,
            Returning::Off,
        ),
        (
            finished("INACTIVE", "WrongIdentity", Some("Same"), none()),
            0,
            Returning::WrongIdentity,
        ),
        (
            finished("INACTIVE", "FinishedElsewhere", Some("Another"), none()),
            0,
            Returning::Elsewhere,
        ),
        // Composio's answer to what it was told was lost: where sign-ins are bound to the person, it does not count.
        (
            finished("ACTIVE", "Connected", None, none()),
            0,
            Returning::Done,
        ),
        (
            finished("ACTIVE", "AwaitingUser", None, none()),
            0,
            Returning::Unproved,
        ),
        (
            finished("INACTIVE", "FinishedElsewhere", None, none()),
            0,
            Returning::Unproved,
        ),
        (
            finished("INACTIVE", "WrongIdentity", None, none()),
            0,
            Returning::WrongIdentity,
        ),
        // Another request was handled meanwhile.
        (
            out(json!({"uid": "r-0", "kind": "CompleteAuth", "outcome": "Refused"})),
            5,
            look(false, false),
        ),
        // A grant that did not come of this link.
        (other("ACTIVE", none()), 0, Returning::Over),
        (other("ACTIVE", last("NotNeeded")), 0, Returning::Over),
        (other("ACTIVE", last("Completed")), 0, Returning::Over),
    ];
    for (status, age, expected) in cases {
        let shown = completing(&of(status.clone()), "r-1", "r-2", at(NOW - age), at(NOW));
        assert_eq!(shown, expected, "{age} {status}");
    }
}
