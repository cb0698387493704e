//! What becomes of an object that is suspended.

use super::*;

fn waits_for(reason: Reason, detail: &str) -> Plan {
    Plan::Wait(Wait {
        reason,
        detail: detail.into(),
        until: None,
    })
}

#[test]
fn a_suspended_object_is_left_alone() {
    check([
        (
            "whatever is seen",
            object().suspended(),
            seen_none().recorded("ca_1"),
            Waits(Reason::Suspended),
        ),
        (
            "that its account is gone is told",
            object().suspended(),
            seen_none().recorded("ca_1"),
            Exactly(waits_for(Reason::Suspended, "the account is gone")),
        ),
        (
            "none is missed where none was made",
            object().suspended(),
            seen_none(),
            Exactly(waits_for(Reason::Suspended, "")),
        ),
        (
            "nor is one that is there",
            object().suspended(),
            seen(account("ca_1").active()).recorded("ca_1"),
            Exactly(waits_for(Reason::Suspended, "")),
        ),
        (
            "nor where there are several",
            object().suspended(),
            seen_all(vec![account("ca_1").active(), account("ca_2")]).recorded("ca_1"),
            Exactly(waits_for(Reason::Suspended, "")),
        ),
        (
            "its account is looked at",
            object().suspended(),
            not_looked().recorded("ca_1"),
            looks(Need::Account),
        ),
        (
            "none is looked for",
            object().suspended(),
            not_looked(),
            Exactly(waits_for(Reason::Suspended, "")),
        ),
        (
            "requests wait",
            object()
                .suspended()
                .asking_for_link("now")
                .asking_for_look("now"),
            seen(account("ca_1")).recorded("ca_1").cached(),
            Waits(Reason::Suspended),
        ),
        (
            "but not once it is deleted",
            object().suspended().deleted(DeletionPolicy::Delete),
            seen(account("ca_1")).recorded("ca_1"),
            does(delete(false)),
        ),
    ]);
}
