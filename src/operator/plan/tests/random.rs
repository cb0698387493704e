//! The whole of what can be wanted and seen, drawn at random: also what no look and no apiserver would
//! bring, since `plan` and `report` must stand that too.

use super::*;
use composio_testing::{Dice, assert_plain, for_seeds};

use crate::crd;

pub(in crate::plan::tests) mod draw;
pub(super) mod invariants;
use draw::{failure, sight, wanted};

/// How a pass may end that sees this.
fn end(desired: &Desired, observed: &Observed, dice: &mut Dice) -> OutcomeKind {
    match plan(desired, observed, NOW) {
        Plan::Nothing => OutcomeKind::Settled,
        Plan::Wait(wait) => OutcomeKind::Waiting(wait),
        Plan::Refuse(refusal) => OutcomeKind::Refused(refusal),
        Plan::Look(_) | Plan::Do(_) => OutcomeKind::Failed(failure(dice)),
    }
}

#[test]
fn whatever_is_planned_can_be_reported_in_plain_words() {
    for_seeds(10_000, |dice| {
        let DesiredBuilder(desired) = wanted(dice);
        let ObservedBuilder(observed) = sight(dice, &desired);
        let event = end(&desired, &observed, dice);
        let previous = observed.recorded.clone();
        let outcome = Outcome {
            observed,
            kind: event,
        };
        let status = crate::report::report(&desired, &previous, &outcome, NOW);
        for condition in &status.conditions {
            // What was kept was reported before.
            if !previous.conditions.contains(condition) {
                assert_plain("a message", &condition.message);
                assert!(condition.message.chars().count() <= 2048);
            }
        }
        if status.state_reason != previous.state_reason {
            let reason = status.state_reason.as_deref().unwrap_or_default();
            assert_plain("the reason of the state", reason);
            assert!(reason.chars().count() <= 256);
        }
        for event in crate::report::object_event::of_status(&desired, &previous, &status) {
            if !previous
                .conditions
                .iter()
                .any(|before| before.message == event.note)
            {
                assert_plain("an event", &event.note);
            }
            assert!(event.note.len() <= 1024);
        }
        let requeue_policy = crate::report::RequeuePolicy {
            min: std::time::Duration::from_secs(5),
            max: std::time::Duration::from_secs(600),
            slow: std::time::Duration::from_secs(600),
            secret: std::time::Duration::from_secs(300),
        };
        crate::report::requeue_after(&desired, &status, &outcome.kind, requeue_policy, NOW);
    });
}

#[test]
fn a_status_of_any_json_is_read_field_by_field_and_stands_every_decision() {
    const NAMES: [&str; 22] = [
        "observedGeneration",
        "connectedAccountId",
        "authConfig",
        "state",
        "stateReason",
        "link",
        "url",
        "expiresAt",
        "lastLinkIssuedAt",
        "connectedAt",
        "firstConnectedAt",
        "lastHandledLinkRequest",
        "credentials",
        "resourceVersion",
        "step",
        "unknownSince",
        "revokeRefusals",
        "since",
        "count",
        "conditions",
        "reason",
        "type",
    ];
    const WORDS: [&str; 8] = [
        "ca_1",
        "ACTIVE",
        "Patched",
        "Ready",
        "Conflict",
        "2026-09-01T08:00:00.000000Z",
        "-009999-01-01T00:00:00.000000Z",
        "9999-12-31T23:59:60Z",
    ];
    let whole = serde_json::json!({
        "observedGeneration": 1, "connectedAccountId": "ca_1", "authConfig": "ac_1", "state": "ACTIVE",
        "link": {"url": "https://connect.example/1", "expiresAt": "2027-01-15T08:00:00Z"},
        "connectedAt": "2027-01-15T08:00:00.000000Z", "unknownSince": "2027-01-15T08:00:00.000000Z",
        "credentials": {
            "accountId": "ca_1", "uid": "uid", "resourceVersion": "7", "keyId": "k", "mac": "m",
            "createOnlyMac": "m", "step": "Patched",
        },
        "revokeRefusals": {"since": "2027-01-15T08:00:00.000000Z", "count": 5},
        "conditions": [{"type": "Synced", "status": "True", "reason": "Connected", "message": "",
            "lastTransitionTime": "2027-01-15T08:00:00Z"}],
    });
    let (mut odd, mut good) = (0, 0);
    for_seeds(10_000, |dice| {
        let mut status = whole.clone();
        let mut written = Vec::new();
        for _ in 0..dice.number(4) {
            let name = dice.of(&NAMES);
            status[name] = dice.json(&NAMES, &WORDS, 3);
            written.push(name);
        }
        if dice.once_in(10) {
            status = dice.json(&NAMES, &WORDS, 4);
            written.extend(NAMES);
        }
        let left_out = crd::ConnectedAccountStatus::decode(&status.to_string()).left_out;
        odd += left_out.len();
        let object = serde_json::json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": "mail", "namespace": "agents"},
            "spec": {"user": "u", "toolkit": "gmail"}, "status": status,
        });
        let object: crd::ConnectedAccount =
            serde_json::from_value(object).expect("whatever stands in the status");
        let DesiredBuilder(desired) = wanted(dice);
        let ObservedBuilder(mut observed) = sight(dice, &desired);
        observed.recorded = object.status.unwrap_or_default();
        let read = serde_json::to_value(&observed.recorded).expect("a status can be written");
        for (name, value) in whole.as_object().expect("an object") {
            if !written.contains(&name.as_str()) {
                assert_eq!(read[name], *value, "{name} of {status}");
                good += usize::from(!left_out.is_empty());
            }
        }
        let event = end(&desired, &observed, dice);
        let previous = observed.recorded.clone();
        let outcome = Outcome {
            observed,
            kind: event,
        };
        let status = crate::report::report(&desired, &previous, &outcome, NOW);
        serde_json::to_value(status).expect("a status can be written");
    });
    assert!(
        std::env::var("SEED").is_ok() || (odd >= 200 && good >= 200),
        "{odd} fields could not be read, and {good} beside them could: that is too few to tell anything"
    );
}
