use serde_json::{Value, json};

use super::*;
use crate::{connect::account::tests::account, crd::FinishedIn};

mod completing;

const NOW: i64 = 1_000_000;
const OURS: &str = "our-browser";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn of(status: Value) -> std::sync::Arc<Account> {
    account(json!({"user": "ann", "toolkit": "gmail"}), status)
}

/// A status of that state and reason, with more in it.
fn status(state: &str, reason: &str, more: Value) -> Value {
    let mut status = json!({
        "state": state,
        "conditions": [{"type": "Ready", "status": "False", "reason": reason, "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    });
    let more = more.as_object().expect("an object").clone();
    status.as_object_mut().expect("an object").extend(more);
    status
}

fn link(browser: &str, left: i64) -> Value {
    let end = at(NOW + left).to_string();
    json!({"url": "https://c.dev/lk", "requestedBy": {"uid": "r-1", "browser": browser}, "expiresAt": end})
}

#[test]
fn the_button_is_shown_while_a_sign_in_is_of_use() {
    let ask = |last| Asking::Ask { last, again: false };
    let none = || json!({});
    let elsewhere = || json!({"signIn": {"request": "r", "finishedIn": "Another"}});
    let cases = [
        (status("INITIATED", "AwaitingUser", none()), ask(None)),
        (json!({}), ask(None)),
        (
            status("FAILED", "SignInFailed", none()),
            ask(Some(Last::NotFinished)),
        ),
        (
            status("EXPIRED", "LinkExpired", none()),
            ask(Some(Last::NotFinished)),
        ),
        (
            status("EXPIRED", "ReauthorizationRequired", none()),
            ask(Some(Last::Ended)),
        ),
        (
            status("FAILED", "SignInDeclined", none()),
            ask(Some(Last::NotFinished)),
        ),
        (
            status("FAILED", "IdentityRefused", none()),
            ask(Some(Last::Refused)),
        ),
        (status("EXPIRED", "LinkIssued", none()), ask(None)),
        (status("REVOKED", "Revoked", none()), ask(Some(Last::Ended))),
        (status("ACTIVE", "Connected", none()), Asking::Connected),
        (status("ACTIVE", "AwaitingUser", none()), Asking::Checking),
        (status("INACTIVE", "AwaitingUser", none()), Asking::Checking),
        (status("INACTIVE", "Disabled", none()), Asking::Off),
        (
            status("ACTIVE", "Connected", elsewhere()),
            ask(Some(Last::Elsewhere)),
        ),
        (
            status("INACTIVE", "Disabled", elsewhere()),
            ask(Some(Last::Elsewhere)),
        ),
        (
            status("INACTIVE", "WrongIdentity", json!({"identity": "bob"})),
            ask(Some(Last::WrongIdentity)),
        ),
        (
            status("INACTIVE", "WrongIdentity", none()),
            ask(Some(Last::IdentityNotShown)),
        ),
    ];
    for (status, expected) in cases {
        assert_eq!(asking(&of(status.clone()), at(NOW)), expected, "{status}");
    }
    let out = status("INITIATED", "AwaitingUser", json!({"link": link(OURS, 10)}));
    let again = Asking::Ask {
        last: None,
        again: true,
    };
    assert_eq!(asking(&of(out), at(NOW)), again);
}

#[test]
fn who_asked_waits_until_there_is_a_link_for_this_browser() {
    let last = |outcome: &str| json!({"uid": "r-1", "kind": "Link", "outcome": outcome});
    let again = |last, again| {
        Waiting::Page(Asking::Ask {
            last: Some(last),
            again,
        })
    };
    let wait = |is_long| Waiting::Wait {
        is_long,
        is_behind: false,
    };
    let more = |link: Value, last: Value| {
        status(
            "INITIATED",
            "AwaitingUser",
            json!({"link": link, "lastConnectRequest": last}),
        )
    };
    let none = || Value::Null;
    // Status, request, age, what is shown.
    let cases = [
        (more(none(), none()), "r-1", 0, wait(false)),
        (more(none(), none()), "r-1", 59, wait(false)),
        (more(none(), none()), "r-1", 60, wait(true)),
        (
            more(none(), none()),
            "r-1",
            600,
            again(Last::Unanswered, false),
        ),
        (more(none(), none()), "", 9, wait(false)),
        (more(none(), none()), "", 10, again(Last::InTheWay, false)),
        (more(link(OURS, 10), none()), "r-1", 0, Waiting::Ready),
        (
            more(link(OURS, 10), last("LinkIssued")),
            "r-1",
            44,
            Waiting::Ready,
        ),
        (
            more(link(OURS, 10), last("LinkIssued")),
            "r-1",
            45,
            Waiting::Ready,
        ),
        (
            more(link(OURS, 10), last("LinkIssued")),
            "",
            0,
            Waiting::Ready,
        ),
        (
            more(link(OURS, 10), last("Refused")),
            "r-1",
            0,
            Waiting::Ready,
        ),
        (
            more(link(OURS, 0), last("LinkIssued")),
            "r-1",
            0,
            again(Last::NotFinished, false),
        ),
        (
            more(link("another", 10), last("LinkIssued")),
            "r-1",
            0,
            again(Last::OtherBrowser, true),
        ),
        (
            more(link("another", 10), none()),
            "",
            0,
            again(Last::OtherBrowser, true),
        ),
        (
            more(link("another", 10), none()),
            "r-1",
            0,
            Waiting::Wait {
                is_long: false,
                is_behind: true,
            },
        ),
        (more(none(), last("Refused")), "r-1", 0, Waiting::Refused),
        (more(none(), last("Refused")), "r-2", 0, wait(false)),
        (more(none(), last("Refused")), "", 0, wait(false)),
        (
            more(none(), last("NotNeeded")),
            "r-1",
            0,
            Waiting::Page(Asking::Ask {
                last: None,
                again: false,
            }),
        ),
        (
            status("ACTIVE", "Connected", json!({})),
            "r-1",
            0,
            Waiting::Page(Asking::Connected),
        ),
        (
            status("ACTIVE", "AwaitingUser", json!({})),
            "r-1",
            0,
            Waiting::Page(Asking::Checking),
        ),
    ];
    for (status, request, age, expected) in cases {
        let shown = waiting(
            &of(status.clone()),
            OURS,
            request,
            "",
            at(NOW - age),
            at(NOW),
        );
        assert_eq!(shown, expected, "{request} {age} {status}");
    }
}

#[test]
fn who_comes_back_is_told_what_was_seen_afterwards() {
    use FinishedIn::{Another, Same};
    let finished = |state: &str, reason: &str, how: Value| {
        status(
            state,
            reason,
            json!({"signIn": {"request": "r-1", "browser": OURS, "finishedIn": how}}),
        )
    };
    let out = || status("INITIATED", "AwaitingUser", json!({"link": link(OURS, 10)}));
    let look = |is_long, is_settled| Returning::Look {
        is_long,
        is_settled,
    };
    // Status, in which browser, age, what is shown.
    let cases = [
        (out(), Same, 0, look(false, false)),
        (out(), Another, 0, look(false, false)),
        (out(), Same, 60, look(true, true)),
        (out(), Same, 600, Returning::Over),
        (
            status("INITIATED", "AwaitingUser", json!({})),
            Same,
            0,
            Returning::Over,
        ),
        (
            finished("INITIATED", "AwaitingUser", Value::Null),
            Same,
            0,
            look(false, false),
        ),
        (
            finished("ACTIVE", "Connected", json!("Same")),
            Same,
            0,
            Returning::Done,
        ),
        (
            finished("INACTIVE", "Disabled", json!("Same")),
            Same,
            0,
            Returning::Off,
        ),
        (
            finished("ACTIVE", "Connected", Value::Null),
            Same,
            599,
            look(true, true),
        ),
        (
            finished("ACTIVE", "Connected", Value::Null),
            Same,
            600,
            Returning::Unheard,
        ),
        (
            finished("ACTIVE", "Connected", Value::Null),
            Another,
            600,
            Returning::Unheard,
        ),
        (
            finished("INACTIVE", "FinishedElsewhere", Value::Null),
            Same,
            0,
            Returning::TooLate,
        ),
        (
            finished("INACTIVE", "FinishedElsewhere", Value::Null),
            Another,
            0,
            look(false, false),
        ),
        (
            finished("ACTIVE", "Connected", json!("Same")),
            Another,
            0,
            Returning::Over,
        ),
        (
            finished("ACTIVE", "Connected", json!("Another")),
            Same,
            0,
            Returning::Elsewhere,
        ),
        (
            finished("INACTIVE", "Disabled", json!("Another")),
            Another,
            0,
            Returning::Elsewhere,
        ),
        (
            finished("INACTIVE", "WrongIdentity", json!("Same")),
            Same,
            0,
            Returning::WrongIdentity,
        ),
        (
            status("FAILED", "SignInDeclined", json!({})),
            Same,
            0,
            Returning::NotFinished,
        ),
        (
            status("FAILED", "SignInDeclined", json!({})),
            Another,
            0,
            Returning::Over,
        ),
        // Somebody signs in again, on the account that had failed.
        (
            status("FAILED", "AwaitingUser", json!({"link": link(OURS, 10)})),
            Same,
            0,
            look(false, false),
        ),
        (
            finished("FAILED", "SignInDeclined", json!("Same")),
            Same,
            0,
            Returning::NotFinished,
        ),
        (
            finished("INITIATED", "AwaitingUser", json!("Same")),
            Same,
            29,
            Returning::Settling,
        ),
        (
            finished("INITIATED", "AwaitingUser", json!("Same")),
            Same,
            30,
            Returning::NotFinished,
        ),
    ];
    for (status, came_in, age, expected) in cases {
        let shown = returning(&of(status.clone()), "r-1", came_in, at(NOW - age), at(NOW));
        assert_eq!(shown, expected, "{came_in:?} {age} {status}");
        // The link of another request, which is not on record.
        let other = returning(&of(status.clone()), "r-2", came_in, at(NOW - age), at(NOW));
        assert!(
            matches!(other, Returning::Over | Returning::NotFinished),
            "{other:?} {status}"
        );
    }
}

#[test]
fn who_starts_over_waits_for_another_link_than_the_one_that_was_out() {
    let out = |request: &str| {
        let mut link = link(OURS, 300);
        link["requestedBy"]["uid"] = json!(request);
        of(status("INITIATED", "AwaitingUser", json!({"link": link})))
    };
    let ready = Waiting::Ready;
    let waits = Waiting::Wait {
        is_long: false,
        is_behind: false,
    };
    for (link, request, former, expected) in [
        ("r-1", "r-2", "r-1", waits),
        ("r-1", "", "r-1", waits),
        ("r-2", "r-2", "r-1", ready),
        ("r-2", "", "r-1", ready),
        ("r-1", "r-2", "", ready),
    ] {
        let shown = waiting(&out(link), OURS, request, former, at(NOW - 5), at(NOW));
        assert_eq!(shown, expected, "{link} {request} {former}");
    }
}
