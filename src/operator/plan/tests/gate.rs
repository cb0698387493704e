//! The gate of the project: what it lets through, and what is waited for while it is closed.

use super::*;
use crate::{crd::ProjectReason, plan::unavailable::NOT_PROVED};

fn gate(change: impl FnOnce(&mut AccessGate)) -> AccessGate {
    let mut gate = AccessGate::default();
    change(&mut gate);
    gate
}

#[test]
fn a_gate_lets_through_what_nothing_stands_in_the_way_of() {
    let later = Some(ago(-30));
    for (sentence, gate, read, write) in [
        ("it is open", AccessGate::default(), true, true),
        (
            "the key may not write",
            gate(|gate| gate.write_closed_until = later),
            true,
            false,
        ),
        (
            "who may not read does not write",
            gate(|gate| gate.read_closed_until = later),
            false,
            false,
        ),
        (
            "nothing may be asked now",
            gate(|gate| gate.paused_until = later),
            false,
            false,
        ),
        (
            "to find out whose project it is takes reading",
            gate(|gate| gate.proof = Proof::Awaited),
            true,
            true,
        ),
        (
            "it is another project",
            gate(|gate| gate.proof = Proof::Failed),
            false,
            false,
        ),
    ] {
        assert_eq!(
            (gate.may_read(), gate.may_write()),
            (read, write),
            "{sentence}"
        );
    }
}

#[test]
fn whoever_waits_for_the_project_is_told_why_and_until_when() {
    let another = format!(
        "project ComposioProject/default is not available (AnotherProject): {ANOTHER_PROJECT}"
    );
    let unread = || not_looked().recorded("ca_1");
    let gone = || seen_none().recorded("ca_1");
    let (soon, late) = (Some(ago(-30)), Some(ago(-90)));
    for (sentence, sight, gate, reason, detail, until) in [
        (
            "what limits the rate goes before all else",
            unread(),
            gate(|gate| {
                gate.paused_until = soon;
                gate.read_closed_until = late;
                gate.proof = Proof::Failed;
            }),
            Reason::RateLimited,
            "",
            soon,
        ),
        (
            "time alone does not make it the right project",
            unread(),
            gate(|gate| {
                gate.read_closed_until = soon;
                gate.proof = Proof::Failed;
            }),
            Reason::ProjectUnavailable,
            &another,
            None,
        ),
        (
            "what is gone may be so for want of the right project",
            gone(),
            gate(|gate| {
                gate.write_closed_until = soon;
                gate.proof = Proof::Awaited;
            }),
            Reason::ProjectUnavailable,
            NOT_PROVED,
            soon,
        ),
        (
            "the later of the two rights is waited for",
            unread(),
            gate(|gate| {
                gate.read_closed_until = soon;
                gate.write_closed_until = late;
            }),
            Reason::ProjectUnavailable,
            "project ComposioProject/default is not available (KeyRejected)",
            late,
        ),
        (
            "the project that is not there is named",
            unread(),
            gate(|gate| gate.project = ProjectState::NotFound),
            Reason::ProjectNotFound,
            "ComposioProject/default is not there",
            None,
        ),
        (
            "why Composio does not take the key is told on the project",
            unread(),
            gate(|gate| gate.project = ProjectState::Unavailable(ProjectReason::KeyMissing)),
            Reason::ProjectUnavailable,
            "project ComposioProject/default is not available (KeyMissing)",
            None,
        ),
    ] {
        for (DesiredBuilder(desired), rule) in [
            (object(), Rule::ProjectUnavailable),
            (
                object().deleted(DeletionPolicy::Delete),
                Rule::DeletingProjectUnavailable,
            ),
        ] {
            let ObservedBuilder(observed) =
                sight.clone().with(|observed| observed.gate = gate.clone());
            let detail = detail.to_owned();
            let plan = Plan::Wait(Wait {
                reason,
                detail,
                until,
            });
            let expected = Decision { rule, plan };
            assert_eq!(decide(&desired, &observed, NOW), expected, "{sentence}");
        }
    }
}

#[test]
fn what_is_written_in_the_cluster_needs_no_right_to_write_in_composio() {
    check([
        (
            "the account that was found is recorded",
            object(),
            seen(account("ca_1").active()).write_closed(),
            does(Effect::Adopt),
        ),
        (
            "but none is made",
            object(),
            seen_none().write_closed(),
            Waits(Reason::ProjectUnavailable),
        ),
    ]);
}

#[test]
fn a_project_that_takes_nothing_new_goes_on_with_what_it_has() {
    let unmarked = || {
        let DesiredBuilder(mut desired) = object();
        (desired.pin, desired.finalizer) = (Pin::Absent, false);
        DesiredBuilder(desired)
    };
    let nothing_new =
        |seen: ObservedBuilder| seen.with(|seen| seen.gate.project = ProjectState::NothingNew);
    check([
        (
            "an object that was never marked is not",
            unmarked(),
            nothing_new(seen_none()),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "nor does it take what is there",
            unmarked(),
            nothing_new(seen(account("ca_1").active())),
            Waits(Reason::ProjectUnavailable),
        ),
        (
            "what is marked is made as declared",
            object().disabled(),
            nothing_new(seen(account("ca_1").active()).recorded("ca_1")),
            does(Effect::Disable {
                id: "ca_1".to_owned(),
            }),
        ),
    ]);
}
