//! What an outcome itself adds to the status, or takes away.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

use super::{
    account_id::{is_outcome_known, lose, take},
    is_recorded,
    request::record_completed,
    secret::record_secret,
};
use crate::{
    composio::model::Account,
    crd::{ConnectedAccountStatus, CredentialsStep, Link, Reason, Tally},
    plan::{
        Answer, Applied, Desired, Effect, Failure, Outcome, OutcomeKind, Pin, Presence, Wait,
        connection_data_digest,
    },
};

pub(super) fn record_outcome(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    now: Timestamp,
) {
    match &outcome.kind {
        OutcomeKind::Settled => status.unknown_since = None,
        // Also where nothing was asked: an account may be there that no look has shown yet.
        OutcomeKind::Waiting(Wait {
            reason: Reason::OutcomeUnknown,
            ..
        }) => {
            status.unknown_since.get_or_insert(MicroTime(now));
        }
        OutcomeKind::Waiting(_) | OutcomeKind::Refused(_) => {
            if is_outcome_known(status, desired, outcome, now) {
                status.unknown_since = None;
            }
        }
        OutcomeKind::Applied(applied) => {
            record_applied(status, desired, outcome, applied, now);
        }
        OutcomeKind::Failed(failure) => record_failure(status, desired, outcome, failure, now),
    }
}

/// What an effect that went through adds. What Composio has answered ends the doubt about the effect before.
fn record_applied(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    applied: &Applied,
    now: Timestamp,
) {
    let account = outcome.observed.account.account();
    match applied {
        Applied::Released => {}
        Applied::Marked => {
            // The alias is taken out only when it is proved that no account carries it.
            if desired.pin == Pin::Absent {
                status.unknown_since = None;
            }
        }
        Applied::Changed => status.unknown_since = None,
        Applied::Adopted => record_taken(status, account),
        Applied::Linked { link } => record_linked(status, desired, outcome, link, now),
        Applied::AuthCompleted { .. } => record_completed(status),
        Applied::Created => {
            record_taken(status, account);
            let step = match status.previous_connected_account_id {
                Some(_) => CredentialsStep::Remade,
                None => CredentialsStep::Created,
            };
            record_secret(status, desired, outcome, step, Some(Time(now)));
        }
        Applied::Rotated => {
            status.unknown_since = None;
            // What is recorded from here on tells whether this version brought it back to life.
            if !account.is_some_and(|account| account.state.is_connected()) {
                status.connected_at = None;
            }
            let step = CredentialsStep::Patched;
            record_secret(status, desired, outcome, step, Some(Time(now)));
        }
        Applied::Revoked { .. } => {
            status.unknown_since = None;
            status.revoke_refusals = None;
        }
        Applied::Disowned => {
            let previous = status.previous_connected_account_id.take();
            lose(status, desired);
            // It was never this object's.
            status.previous_connected_account_id = previous;
        }
        Applied::Forgotten => {
            // What was made a moment ago may be another account, which no list shows yet.
            let wait = desired.flags.unknown_outcome_wait;
            let hidden = outcome.observed.hidden_until(wait, now);
            lose(status, desired);
            status.unknown_since = hidden.and(Some(MicroTime(now)));
        }
        Applied::Deleted => match desired.presence {
            // A second one under our alias went, and the recorded one is still there.
            Presence::Present if is_recorded(status, account) => {}
            // The row made room for a new link, which is due for the same reason as the refresh was.
            Presence::Present => lose(status, desired),
            // The record stays: it proves that there was an account, and that it is gone.
            Presence::Deleting { .. } => {}
        },
    }
}

/// The account that was made or found is the recorded one from here on.
fn record_taken(status: &mut ConnectedAccountStatus, account: Option<&Account>) {
    status.unknown_since = None;
    if let Some(account) = account {
        take(status, account);
    }
}

fn record_linked(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    link: &Link,
    now: Timestamp,
) {
    let account = outcome.observed.account.account();
    record_taken(status, account);
    // A refreshed account may stay in a dead state: only what comes after ends the link.
    if let Some(account) = account.filter(|account| !account.state.is_connected()) {
        status.state = Some(account.state.as_str().to_owned());
    }
    // A refresh takes none: the account keeps what it was linked with.
    if let Some(Effect::Link { .. }) = outcome.observed.done.last() {
        status.connection_data_digest = Some(connection_data_digest(&desired.spec));
    }
    status.link = Some(link.clone());
    status.sign_in = None;
    status.last_link_issued_at = Some(MicroTime(now));
    status.last_handled_link_request = desired.link_request.clone();
}

fn record_failure(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    failure: &Failure,
    now: Timestamp,
) {
    match failure.answer {
        // The last one counts: it is the one that may still take effect.
        Answer::Unknown => status.unknown_since = Some(MicroTime(now)),
        Answer::NotNow { .. } | Answer::Refused(_) | Answer::LookAgain => {}
    }
    if failure.reason == Reason::CredentialsRejected {
        let step = CredentialsStep::Refused;
        record_secret(status, desired, outcome, step, Some(Time(now)));
    }
    if failure.reason == Reason::RevokeRefused {
        let refusals = status.revoke_refusals.get_or_insert(Tally {
            since: MicroTime(now),
            count: 0,
        });
        refusals.add_one();
    }
}
