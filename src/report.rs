//! The only builder of a status: what was wanted, what was reported before and what came of it go in,
//! the new status comes out. No I/O.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};

use crate::{
    composio::model::{Account, State, without},
    crd::{
        ConnectedAccountStatus, CredentialsStatus, CredentialsStep, Progress, ReadyRule, ReadyWhen,
        Reason, Tally, condition,
    },
    plan::{Answer, Desired, Done, Happened, Outcome, Presence, SecretSeen, Wait, usable_link},
    text,
};

pub mod news;
mod pace;
#[cfg(test)]
mod tests;

pub use pace::{Pace, next_look};

/// The longest message of a condition: several sentences of Composio's, and a list of ids.
const MAX_MESSAGE: usize = 2048;

/// Builds the status after a round.
///
/// # Guarantees
/// - The same facts give the same status: a steady object is never written.
/// - A condition's transition time moves only with its status.
/// - A failed look or effect changes what is said of Synced; what was last seen of the account stays.
///
/// # Assumptions
/// - `desired` is what the outcome was decided on, so its generation is the one that the conditions
///   speak of; `previous` may be newer than it.
///
/// # Errors
/// None.
pub fn report(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    outcome: &Outcome,
    now: Timestamp,
) -> ConnectedAccountStatus {
    let mut status = previous.clone();
    record_event(&mut status, desired, outcome, now);
    record_account(&mut status, outcome, now);
    record_requests(&mut status, desired, outcome);
    status.observed_generation = Some(desired.generation);
    let (reason, message) = standing(desired, &status, &outcome.event);
    status.conditions = conditions(previous, desired, &status, reason, &message, now);
    status
}

/// What the event itself adds or takes away.
fn record_event(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    now: Timestamp,
) {
    let account = outcome.observed.account.account();
    match &outcome.event {
        Happened::Waiting(Wait {
            reason: Reason::OutcomeUnknown,
            ..
        })
        | Happened::Did(Done::Released) => {}
        Happened::Waiting(_) | Happened::Refused(_) => {
            // The account shows what became of the effect.
            if outcome.observed.fresh && is_recorded(status, account) {
                status.unknown_since = None;
            }
        }
        Happened::Did(Done::Marked) => {
            // The alias is taken out only when it is proved that no account carries it.
            if desired.pin.is_none() {
                status.unknown_since = None;
            }
        }
        Happened::Settled | Happened::Did(Done::Changed) => {
            status.unknown_since = None;
        }
        Happened::Did(Done::Adopted) => {
            status.unknown_since = None;
            if let Some(account) = account {
                take(status, account);
                if account.state.is_connected() {
                    connected(status, now);
                }
            }
        }
        Happened::Did(Done::Linked { link }) => {
            status.unknown_since = None;
            if let Some(account) = account {
                take(status, account);
                // A refreshed account may stay in a dead state: only what comes after ends the link.
                if !account.state.is_connected() {
                    status.state = Some(account.state.as_str().to_owned());
                }
            }
            status.link = Some(link.clone());
            status.last_link_issued_at = Some(MicroTime(now));
            status.last_handled_link_request = desired.link_request.clone();
        }
        Happened::Did(Done::Created { secret_version }) => {
            status.unknown_since = None;
            if let Some(account) = account {
                take(status, account);
            }
            status.credentials = Some(CredentialsStatus {
                version: secret_version.clone(),
                step: CredentialsStep::Created,
            });
        }
        Happened::Did(Done::Rotated { secret_version }) => {
            status.unknown_since = None;
            // What is recorded from here on tells whether this version brought it back to life.
            if !account.is_some_and(|account| account.state.is_connected()) {
                status.connected_at = None;
            }
            status.credentials = Some(CredentialsStatus {
                version: secret_version.clone(),
                step: CredentialsStep::Patched,
            });
        }
        Happened::Did(Done::Revoked { .. }) => {
            status.unknown_since = None;
            status.revoke_refusals = None;
        }
        Happened::Did(Done::Forgotten) => lose(status),
        Happened::Did(Done::Deleted) => match desired.presence {
            // The row made room for a new link, which is due for the same reason as the refresh was.
            Presence::Present => lose(status),
            // The record stays: it proves that there was an account, and that it is gone.
            Presence::Gone { .. } => {}
        },
        Happened::Failed(failure) => {
            match failure.answer {
                // The last one counts: it is the one that may still take effect.
                Answer::Unknown => status.unknown_since = Some(MicroTime(now)),
                Answer::NotNow { .. } | Answer::Refused(_) | Answer::LookAgain => {}
            }
            if failure.reason == Reason::CredentialsRejected
                && let SecretSeen::Present { version, .. } = &outcome.observed.secret
            {
                status.credentials = Some(CredentialsStatus {
                    version: version.clone(),
                    step: CredentialsStep::Refused,
                });
            }
            if failure.reason == Reason::RevokeRefused {
                let refusals = status.revoke_refusals.get_or_insert(Tally {
                    since: MicroTime(now),
                    count: 0,
                });
                refusals.count = refusals.count.saturating_add(1);
            }
        }
    }
}

fn take(status: &mut ConnectedAccountStatus, account: &Account) {
    if status.connected_account_id.as_ref() != Some(&account.id) {
        forget(status);
        status.connected_account_id = Some(account.id.clone());
    }
}

/// The recorded account is gone.
fn lose(status: &mut ConnectedAccountStatus) {
    // An unused row that vanished earns no new link by itself, a grant that was alive does.
    if status.connected_at.is_some() {
        status.last_link_issued_at = None;
    }
    status.unknown_since = None;
    forget(status);
}

fn forget(status: &mut ConnectedAccountStatus) {
    status.connected_account_id = None;
    status.state = None;
    status.state_reason = None;
    status.link = None;
    status.connected_at = None;
    status.credentials = None;
}

fn connected(status: &mut ConnectedAccountStatus, now: Timestamp) {
    status.connected_at = Some(MicroTime(now));
    status.first_connected_at.get_or_insert(MicroTime(now));
}

/// What the recorded account looks like now.
fn record_account(status: &mut ConnectedAccountStatus, outcome: &Outcome, now: Timestamp) {
    let account = outcome.observed.account.account();
    let Some(account) = account.filter(|account| is_recorded(status, Some(account))) else {
        if status
            .link
            .as_ref()
            .is_some_and(|link| now >= link.expires_at.0)
        {
            status.link = None;
        }
        return;
    };
    if usable_link(status, account, now).is_none() {
        status.link = None;
    }
    let was_connected = is_in(status, &[State::Active, State::Inactive]);
    let became_active = match account.state {
        State::Active => !was_connected || status.connected_at.is_none(),
        // It was active when we disabled it, though that was not reported.
        State::Inactive => !was_connected && outcome.event == Happened::Did(Done::Changed),
        State::Initializing
        | State::Initiated
        | State::Expired
        | State::Failed
        | State::Revoked
        | State::Unknown(_) => false,
    };
    if became_active {
        connected(status, now);
    }
    status.state = Some(account.state.as_str().to_owned());
    // It may repeat a value of the Secret, which is recognised only where the Secret was read.
    let secrets = outcome.observed.secrets();
    status.state_reason = account
        .state_reason
        .as_ref()
        .zip(secrets)
        .map(|(reason, secrets)| text::sentence(&without(reason, &secrets)));
    status.auth_config = Some(account.auth_config.clone());
}

fn is_recorded(status: &ConnectedAccountStatus, account: Option<&Account>) -> bool {
    account.is_some_and(|account| status.connected_account_id.as_ref() == Some(&account.id))
}

fn record_requests(status: &mut ConnectedAccountStatus, desired: &Desired, outcome: &Outcome) {
    if desired.spec.suspend {
        return;
    }
    if outcome.observed.fresh {
        status.last_handled_reconcile_at = desired.reconcile_request.clone();
        // On a live account, or one that no person signs in to, a request for a link has no effect.
        let has_grant =
            status.connected_at.is_some() && is_in(status, &[State::Active, State::Inactive]);
        if has_grant || desired.spec.credentials.is_some() {
            status.last_handled_link_request = desired.link_request.clone();
        }
    }
    if let Some(ignored) = &desired.ignored_link_request {
        status.last_handled_link_request = Some(ignored.clone());
    }
}

fn is_in(status: &ConnectedAccountStatus, states: &[State]) -> bool {
    states
        .iter()
        .any(|state| status.state.as_deref() == Some(state.as_str()))
}

/// The one reason for all conditions, and what is said to the user.
fn standing(
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

fn conditions(
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
    [ready, synced].into_iter().chain(progress).collect()
}

/// The apiserver keeps a condition's time in whole seconds.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Whether this status must be written before anything else is done: it holds what nobody could tell
/// us again.
pub fn must_be_kept(previous: &ConnectedAccountStatus, status: &ConnectedAccountStatus) -> bool {
    fn learned<T: PartialEq>(before: &Option<T>, now: &Option<T>) -> bool {
        now.is_some() && before != now
    }
    learned(&previous.connected_account_id, &status.connected_account_id)
        || learned(&previous.link, &status.link)
        || learned(&previous.credentials, &status.credentials)
        || learned(&previous.unknown_since, &status.unknown_since)
}
