//! What is told of the ConfigMap in which others find the account's id.

use std::time::Duration;

use super::*;
use crate::{
    crd::{ConfigMapReason, WriteTo},
    plan::{ConfigMapStep, Desired, config_map_step},
    report::object_event::{EventReason, of_status},
};

fn declared() -> DesiredBuilder {
    object().with(|desired| desired.spec.write_to = Some(WriteTo::default()))
}

/// The status of a connected account, in which the ConfigMap is intended.
fn intended() -> ConnectedAccountStatus {
    let sight = seen(account("ca_1").is(State::Active)).recorded("ca_1");
    after(&declared(), &sight, OutcomeKind::Settled)
}

fn ended(
    desired: &Desired,
    status: &ConnectedAccountStatus,
    reason: ConfigMapReason,
    now: Timestamp,
) -> ConnectedAccountStatus {
    let result = ConfigMapResult {
        step: config_map_step(desired, status, true).expect("it is due"),
        reason,
        detail: String::new(),
    };
    report_config_map(status, desired, &result, now)
}

fn says(status: &ConnectedAccountStatus) -> Option<(&str, &str)> {
    let condition = status.condition(condition::CONFIG_MAP_WRITTEN)?;
    Some((&condition.status, &condition.reason))
}

#[test]
fn it_is_noted_before_it_is_made_and_told_when_it_is() {
    let desired = declared().0;
    let status = intended();
    let note = status.written_to.as_ref().expect("it is noted");
    assert_eq!(note.config_map, "support-gmail-composio");
    assert_eq!(note.digest, None);
    assert_eq!(says(&status), None);
    let written = ended(&desired, &status, ConfigMapReason::Written, NOW);
    assert_eq!(says(&written), Some(("True", "Written")));
    // What comes after at rest says the same.
    let sight = seen(account("ca_1").is(State::Active)).with(|observed| {
        observed.recorded = written.clone();
    });
    assert_eq!(after(&declared(), &sight, OutcomeKind::Settled), written);
    assert_eq!(config_map_step(&desired, &written, false), None);
}

#[test]
fn a_condition_speaks_of_a_new_generation_only_once_nothing_is_due_for_it() {
    let written = ended(&declared().0, &intended(), ConfigMapReason::Written, NOW);
    let of = |status: &ConnectedAccountStatus| {
        let condition = status.condition(condition::CONFIG_MAP_WRITTEN);
        condition.and_then(|condition| condition.observed_generation)
    };
    assert_eq!(of(&written), Some(1));
    let newer = declared().with(|desired| desired.generation = 2);
    let sight = |state| {
        seen(account("ca_1").is(state)).with(|observed| observed.recorded = written.clone())
    };
    let same = after(&newer, &sight(State::Active), OutcomeKind::Settled);
    assert_eq!(of(&same), Some(2));
    let changed = after(&newer, &sight(State::Inactive), OutcomeKind::Settled);
    assert_eq!(of(&changed), Some(1), "it does not say INACTIVE yet");
}

#[test]
fn what_hinders_it_is_told_once_and_leaves_the_account_as_it_is() {
    let desired = declared().0;
    let before = intended();
    for reason in [
        ConfigMapReason::NotOurs,
        ConfigMapReason::Forbidden,
        ConfigMapReason::Failed,
    ] {
        let told = ended(&desired, &before, reason, NOW);
        assert_eq!(says(&told), Some(("False", reason.as_str())));
        assert_eq!(
            told.condition(condition::READY),
            before.condition(condition::READY)
        );
        let events = of_status(&desired, &before, &told);
        let reasons: Vec<_> = events.iter().map(|event| event.reason).collect();
        assert_eq!(reasons, [EventReason::ConfigMapNotWritten]);
        assert!(events[0].warning);
        // It is tried again, and says the same.
        let again = ended(&desired, &told, reason, ago(-60));
        assert_eq!(again, told);
        assert_eq!(of_status(&desired, &told, &again), []);
        let written = ended(&desired, &again, ConfigMapReason::Written, ago(-90));
        assert_eq!(says(&written), Some(("True", "Written")));
    }
}

#[test]
fn what_failed_is_tried_again_at_growing_intervals() {
    let policy = RequeuePolicy {
        min: Duration::from_secs(5),
        max: Duration::from_secs(600),
        slow: Duration::from_secs(1800),
        secret: Duration::from_secs(300),
    };
    let desired = declared().0;
    let failed = ended(&desired, &intended(), ConfigMapReason::Forbidden, NOW);
    for (after, wait) in [(0, 5), (5, 5), (40, 40), (7200, 600)] {
        let next = config_map_requeue_after(&failed, policy, ago(-after));
        assert_eq!(next, Some(Duration::from_secs(wait)));
    }
    let written = ended(&desired, &failed, ConfigMapReason::Written, NOW);
    assert_eq!(config_map_requeue_after(&written, policy, NOW), None);
    assert_eq!(config_map_requeue_after(&intended(), policy, NOW), None);
}

#[test]
fn one_that_went_is_told_no_more_and_one_that_could_not_is() {
    let written = ended(&declared().0, &intended(), ConfigMapReason::Written, NOW);
    let desired = object().0;
    assert_eq!(
        config_map_step(&desired, &written, false),
        Some(ConfigMapStep::Remove)
    );
    for reason in [ConfigMapReason::Written, ConfigMapReason::NotOurs] {
        let gone = ended(&desired, &written, reason, NOW);
        assert_eq!(gone.written_to, None);
        assert_eq!(says(&gone), None);
    }
    let kept = ended(&desired, &written, ConfigMapReason::Forbidden, NOW);
    assert_eq!(says(&kept), Some(("False", "Forbidden")));
    assert_eq!(
        config_map_step(&desired, &kept, false),
        Some(ConfigMapStep::Remove)
    );
}
