//! The conditions: one reason for all of them, and what it says of each.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    composio::model::State,
    crd::{ConnectedAccountStatus, Progress, ReadyRule, ReadyWhen, Reason, condition},
    plan::{Desired, Happened, Presence},
    text,
};

use super::{MAX_MESSAGE, is_in};

/// The one reason for all conditions, and what is said to the user.
pub(super) fn standing(
    desired: &Desired,
    status: &ConnectedAccountStatus,
    event: &Happened,
) -> (Reason, String) {
    let (reason, detail) = match event {
        Happened::Settled if desired.spec.enabled => (Reason::Connected, ""),
        Happened::Settled => (Reason::Disabled, ""),
        Happened::Waiting(wait) => (wait.reason, wait.detail.as_str()),
        Happened::Refused(refusal) => (refusal.reason, refusal.detail.as_str()),
        Happened::Failed(failure) => (failure.reason, failure.message.as_str()),
        Happened::Did(_) => match desired.presence {
            Presence::Present => (Reason::Progressing, ""),
            Presence::Gone { .. } => (Reason::Deleting, ""),
        },
    };
    let reason = match reason {
        // Also past the link's expiry, so that a wave that went on is not called broken later.
        Reason::AwaitingUser | Reason::LinkExpired if content_with_link(desired, status) => {
            Reason::LinkIssued
        }
        other => other,
    };
    let told_before = status
        .condition(condition::SYNCED)
        .filter(|told| told.reason == reason.as_str());
    let message = match (detail, event, told_before) {
        // A refusal that stands says no more than when it came.
        ("", Happened::Refused(_), Some(told)) => told.message.clone(),
        ("", _, _) => reason.meaning().to_owned(),
        (detail, _, _) => format!("{} ({})", reason.meaning(), detail.trim_end_matches('.')),
    };
    (reason, text::line(&message, MAX_MESSAGE))
}

fn content_with_link(desired: &Desired, status: &ConnectedAccountStatus) -> bool {
    match desired.spec.ready_when {
        ReadyWhen::Active => false,
        ReadyWhen::LinkIssued => {
            status.first_connected_at.is_none() && status.last_link_issued_at.is_some()
        }
    }
}

/// Whether an account that was ready can still be called so, as it was seen last.
fn may_be_ready(desired: &Desired, status: &ConnectedAccountStatus) -> bool {
    is_in(status, &[State::Active])
        || content_with_link(desired, status)
        || (!desired.spec.enabled
            && (status.connected_at.is_some() || is_in(status, &[State::Inactive])))
}

pub(super) fn conditions(
    previous: &ConnectedAccountStatus,
    desired: &Desired,
    status: &ConnectedAccountStatus,
    reason: Reason,
    message: &str,
    now: Timestamp,
) -> Vec<Condition> {
    let build = |type_: &str, value: &str| {
        let unchanged = previous
            .condition(type_)
            .filter(|condition| condition.status == value);
        Condition {
            type_: type_.to_owned(),
            status: value.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: Some(desired.generation),
            last_transition_time: unchanged.map_or_else(
                || Time(whole_second(now)),
                |condition| condition.last_transition_time.clone(),
            ),
        }
    };
    let ready = match reason.ready() {
        ReadyRule::True => build(condition::READY, "True"),
        ReadyRule::False => build(condition::READY, "False"),
        ReadyRule::Unknown => build(condition::READY, "Unknown"),
        ReadyRule::Kept => match previous.condition(condition::READY) {
            None => build(condition::READY, "Unknown"),
            // What is kept is what was seen last: a grant that was seen dead is not ready.
            Some(ready) if ready.status == "True" && !may_be_ready(desired, status) => {
                build(condition::READY, "False")
            }
            Some(ready) => ready.clone(),
        },
    };
    let synced = build(
        condition::SYNCED,
        if reason.synced() { "True" } else { "False" },
    );
    let progress = match reason.progress() {
        Progress::None => None,
        Progress::Reconciling => Some(build(condition::RECONCILING, "True")),
        Progress::Stalled => Some(build(condition::STALLED, "True")),
    };
    let ours = [ready, synced].into_iter().chain(progress);
    // Whoever else keeps one here would write it again, and that would bring the object back each time.
    let others = previous
        .conditions
        .iter()
        .filter(|one| !condition::ALL.contains(&one.type_.as_str()));
    ours.chain(others.cloned()).collect()
}

/// The apiserver keeps a condition's time in whole seconds.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
