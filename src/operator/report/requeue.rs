//! When to come again: what is known of time, of failures and of what nobody tells us.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    crd::{ConnectedAccountStatus, Reason, condition},
    plan::{Answer, Desired, OutcomeKind, Presence, Wait},
    time::to_std,
};

/// The bounds of the wait between two tries, and of the slow look-again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequeuePolicy {
    /// The shortest wait after a failure.
    pub min: Duration,
    /// The longest wait after a failure.
    pub max: Duration,
    /// How often an object that only a person can help is looked at again.
    pub slow: Duration,
    /// How often a Secret that an account is made from is read.
    pub secret: Duration,
}

/// When a ConfigMap that could not be written is to be looked at again; `None`: it says what it must. The wait
/// doubles by itself, as that of a failure does.
pub fn config_map_requeue_after(
    status: &ConnectedAccountStatus,
    requeue_policy: RequeuePolicy,
    now: Timestamp,
) -> Option<Duration> {
    let written = status.condition(condition::CONFIG_MAP_WRITTEN)?;
    (written.status == "False").then(|| {
        let lasted = to_std(now.duration_since(written.last_transition_time.0));
        lasted.clamp(requeue_policy.min, requeue_policy.max)
    })
}

/// When the object is to be looked at again if nothing happens to it before; `None`: never.
///
/// After a failure the wait is as long as the failure has lasted: it doubles by itself, needs no
/// memory, and survives a restart.
pub fn requeue_after(
    desired: &Desired,
    status: &ConnectedAccountStatus,
    outcome: &OutcomeKind,
    requeue_policy: RequeuePolicy,
    now: Timestamp,
) -> Option<Duration> {
    // Secrets are not watched: a new version is found by looking.
    let secret = match desired.presence {
        Presence::Present => desired
            .spec
            .credentials
            .as_ref()
            .map(|_| requeue_policy.secret),
        Presence::Deleting { .. } => None,
    };
    let until = match outcome {
        // The poll tells when it is enabled, and the watch when something else is declared.
        OutcomeKind::Waiting(Wait {
            reason: Reason::AuthConfigDisabled | Reason::ConnectionDataChanged | Reason::NotAllowed,
            ..
        }) => return secret,
        OutcomeKind::Waiting(wait) => wait.until,
        OutcomeKind::Failed(failure) => match failure.answer {
            Answer::NotNow { after: Some(after) } => return Some(after),
            Answer::Refused(_) => return Some(requeue_policy.slow),
            Answer::NotNow { after: None } | Answer::Unknown | Answer::LookAgain => None,
        },
        OutcomeKind::Refused(refusal) => {
            // A Secret that is looked at again must not ask again for what Composio has refused to make.
            let by_secret = status.connected_account_id.is_some()
                || refusal.reason == Reason::CredentialsRejected;
            return Some(
                secret
                    .filter(|_| by_secret)
                    .unwrap_or(requeue_policy.slow)
                    .min(requeue_policy.slow),
            );
        }
        OutcomeKind::Settled => return secret,
        OutcomeKind::Applied(_) => None,
    };
    if let Some(until) = until.filter(|until| now < *until) {
        return Some(to_std(until.duration_since(now)));
    }
    let failing_since = status
        .condition(condition::SYNCED)
        .filter(|synced| synced.status == "False")
        .map(|synced| synced.last_transition_time.0);
    let failing = failing_since.map(|since| to_std(now.duration_since(since)));
    // A time that is over and changed nothing is no reason to come again at once, nor again and again.
    let is_over = until.map(|_| requeue_policy.min);
    failing
        .map(|failing| failing.clamp(requeue_policy.min, requeue_policy.max))
        .or(is_over)
}
