//! What is told of the ConfigMap in which others find the account's id.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::MAX_MESSAGE;
use crate::{
    crd::{ConfigMapReason, ConnectedAccountStatus, WrittenTo, condition, config_map_name},
    plan::{ConfigMapStep, Desired, Presence, config_map_step},
    text,
    time::whole_seconds,
};

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapResult {
    /// What was due.
    pub step: ConfigMapStep,
    /// How it ended: [`ConfigMapReason::Written`], or why it was not done.
    pub reason: ConfigMapReason,
    /// What exactly is so; empty where the reason says all.
    pub detail: String,
}

/// Takes note of a ConfigMap before the first call for it, so that one which was made before a crash is deleted
/// when it is declared no more.
pub(super) fn intend(status: &mut ConnectedAccountStatus, desired: &Desired) {
    if desired.presence == Presence::Present && desired.spec.write_to.is_some() {
        status.written_to.get_or_insert_with(|| WrittenTo {
            config_map: config_map_name(&desired.name),
            digest: None,
        });
    }
}

/// The condition as it was. It speaks of this generation if nothing is due for it.
pub(super) fn keep_condition(
    status: &mut ConnectedAccountStatus,
    previous: &ConnectedAccountStatus,
    desired: &Desired,
) {
    let Some(condition) = previous.condition(condition::CONFIG_MAP_WRITTEN) else {
        return;
    };
    if status.written_to.is_none() {
        return;
    }
    status.conditions.push(condition.clone());
    if config_map_step(desired, status, false).is_none()
        && let Some(kept) = status.conditions.last_mut()
    {
        kept.observed_generation = Some(desired.generation);
    }
}

/// Takes in how a step ended.
///
/// # Guarantees
/// As [`super::report`]: the same facts give the same status, and the condition's transition time moves only with
/// its status.
pub fn report_config_map(
    previous: &ConnectedAccountStatus,
    desired: &Desired,
    result: &ConfigMapResult,
    now: Timestamp,
) -> ConnectedAccountStatus {
    let mut status = previous.clone();
    let is_ours = |one: &Condition| one.type_ == condition::CONFIG_MAP_WRITTEN;
    status.conditions.retain(|one| !is_ours(one));
    let ConfigMapResult {
        step,
        reason,
        detail,
    } = result;
    let digest = match (step, reason) {
        // What belongs to somebody else is none of ours to delete.
        (ConfigMapStep::Remove, ConfigMapReason::Written | ConfigMapReason::NotOurs) => {
            status.written_to = None;
            return status;
        }
        (ConfigMapStep::Write { digest, .. }, ConfigMapReason::Written) => Some(digest.clone()),
        (_, ConfigMapReason::NotOurs) => None,
        (_, ConfigMapReason::Forbidden | ConfigMapReason::Failed) => {
            let written = previous.written_to.as_ref();
            written.and_then(|written| written.digest.clone())
        }
    };
    status.written_to = Some(WrittenTo {
        config_map: config_map_name(&desired.name),
        digest,
    });
    let value = match reason {
        ConfigMapReason::Written => "True",
        ConfigMapReason::NotOurs | ConfigMapReason::Forbidden | ConfigMapReason::Failed => "False",
    };
    let message = match detail.trim_end_matches('.') {
        "" => reason.meaning().to_owned(),
        detail => format!("{detail}. {}", reason.meaning()),
    };
    let former = previous.conditions.iter().find(|one| is_ours(one));
    let unchanged = former.filter(|one| one.status == value);
    status.conditions.push(Condition {
        type_: condition::CONFIG_MAP_WRITTEN.to_owned(),
        status: value.to_owned(),
        reason: reason.as_str().to_owned(),
        message: text::sanitize_line(&message, MAX_MESSAGE),
        observed_generation: Some(desired.generation),
        last_transition_time: unchanged.map_or_else(
            || Time(whole_seconds(now)),
            |one| one.last_transition_time.clone(),
        ),
    });
    status
}
