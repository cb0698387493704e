//! The only builder of a status: what was wanted, what was reported before and what came of it go in,
//! the new status comes out. No I/O.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::{
    composio::model::{Account, State, without},
    crd::{ConnectedAccountStatus, Reason, Tally, condition},
    plan::{
        Applied, CORRECTIONS_WINDOW, Desired, Outcome, OutcomeKind, Presence, Refusal,
        connection_data_digest, identity_verdict, link_out, usable_link, was_connected,
    },
    record::Proven,
    text,
};

mod account_id;
mod claim;
mod conditions;
mod config_map;
mod notification;
pub mod object_event;
mod outcome;
mod page;
mod request;
mod requeue;
mod secret;
#[cfg(test)]
mod tests;

use claim::record_claim;
use conditions::{conditions, verdict};
pub use config_map::{ConfigMapResult, report_config_map};
use config_map::{intend, keep_condition};
use notification::record_notification;
use outcome::record_outcome;
use page::record_page;
use request::{end_link, record_sign_in};
pub use request::{handled_requests, not_completed};
pub use requeue::{RequeuePolicy, config_map_requeue_after, requeue_after};
use secret::{drop_former_refusal, renew_secret};

/// The longest message of a condition: several sentences of Composio's, and a list of ids.
const MAX_MESSAGE: usize = 2048;
/// How much of what exactly is so stands where the whole sentence does not.
const MAX_DETAIL: usize = 256;

/// Builds the status after a round.
///
/// # Guarantees
/// - The same facts give the same status: a steady object is never written.
/// - A condition's transition time moves only with its status.
/// - A failed look or effect changes what is said of Synced; what was last seen of the account stays.
/// - No time in it is in the future, whoever wrote it there, but that of the link's end.
///
/// # Assumptions
/// - `desired` is what the outcome was decided on, so its generation is the one that the conditions
///   speak of; `previous` may be newer than it.
pub fn report(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    outcome: &Outcome,
    now: Timestamp,
) -> ConnectedAccountStatus {
    let mut status = previous.clone();
    repair_times(&mut status, now);
    if previous.observed_generation != Some(desired.generation) {
        status.corrections = None;
    }
    drop_former_refusal(&mut status, previous, desired);
    record_correction(&mut status, desired, outcome, now);
    record_outcome(&mut status, desired, outcome, now);
    record_account(&mut status, desired, outcome, now);
    record_annotations(&mut status, desired, outcome);
    request::record_requests(&mut status, previous, desired, outcome);
    intend(&mut status, desired);
    status.observed_generation = Some(desired.generation);
    let verdict = verdict(desired, &status, &outcome.kind);
    record_page(&mut status, desired, &verdict, now);
    record_notification(&mut status, previous, desired, &verdict, outcome, now);
    status.conditions = conditions(previous, desired, &status, &verdict, now);
    keep_condition(&mut status, previous, desired);
    status
}

/// A clock that was wrong, or a hand in the status, must not hold anything up for ever.
fn repair_times(status: &mut ConnectedAccountStatus, now: Timestamp) {
    let tallies = [&mut status.revoke_refusals, &mut status.corrections];
    let begun = tallies.into_iter().flatten().map(|tally| &mut tally.since);
    let times = [
        &mut status.last_link_issued_at,
        &mut status.connected_at,
        &mut status.first_connected_at,
        &mut status.unknown_since,
    ];
    for time in times.into_iter().flatten().chain(begun) {
        time.0 = time.0.min(now);
    }
}

/// Something that was as declared had to be put right: counted once a pass.
fn record_correction(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    now: Timestamp,
) {
    let done = outcome.observed.done.iter();
    let is_first = done.filter(|effect| effect.is_correction()).count() == 1;
    if outcome.kind != OutcomeKind::Applied(Applied::Changed) || !is_first {
        return;
    }
    let was_as_declared = status
        .condition(condition::SYNCED)
        .is_some_and(|synced| synced.observed_generation == Some(desired.generation))
        && status
            .reason(condition::SYNCED)
            .is_some_and(|reason| reason.is_settled() || reason == Reason::DoesNotConverge);
    if desired.presence != Presence::Present || !was_as_declared {
        return;
    }
    let counts = |tally: &Tally| now.duration_since(tally.since.0) < CORRECTIONS_WINDOW;
    match status.corrections.as_mut().filter(|tally| counts(tally)) {
        Some(tally) => tally.add_one(),
        None => {
            status.corrections = Some(Tally {
                since: MicroTime(now),
                count: 1,
            });
        }
    }
}

fn connected(status: &mut ConnectedAccountStatus, now: Timestamp) {
    status.connected_at = Some(MicroTime(now));
    status.first_connected_at.get_or_insert(MicroTime(now));
}

/// What the recorded account looks like now.
fn record_account(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    now: Timestamp,
) {
    let account = outcome.observed.account.account();
    // What is not this object's is nobody's to read here, whoever wrote its id into the status.
    let is_its_own = |account: &&Account| {
        is_recorded(status, Some(account)) && outcome.observed.claim(desired, account).is_some()
    };
    let Some(account) = account.filter(is_its_own) else {
        if status.connected_account_id.is_none() {
            status.alias = Some(desired.lookup_alias().to_owned());
        }
        let link = status.link.as_ref();
        if link.is_some_and(|link| now >= link.expires_at.0) {
            end_link(status, desired, outcome);
        }
        return;
    };
    let keys = &outcome.observed.keys;
    let has_issued = matches!(outcome.kind, OutcomeKind::Applied(Applied::Linked { .. }));
    let had_own_link = status.link.as_ref().is_some_and(|link| {
        let record = status.record.as_ref();
        let proven = keys.verify_link(record, &desired.own_alias, &account.id, link.text());
        has_issued || proven == Proven::Valid
    });
    record_sign_in(status, desired, account, now);
    status.identity_verdict = identity_verdict(desired, status, account);
    if link_out(status, account).is_none() {
        status.link = None;
    } else if usable_link(status, account, now).is_none() {
        end_link(status, desired, outcome);
    }
    let became_active = became_active(status, account, outcome);
    if became_active {
        connected(status, now);
    }
    let is_decided = outcome.observed.fresh
        && matches!(outcome.kind, OutcomeKind::Settled | OutcomeKind::Applied(_));
    let signed_in = had_own_link && became_active;
    record_claim(
        status,
        desired,
        keys,
        account,
        had_own_link,
        signed_in,
        is_decided,
    );
    let is_judged = |refusal: &Refusal| refusal.reason == Reason::CredentialsRejected;
    if is_decided || matches!(&outcome.kind, OutcomeKind::Refused(one) if is_judged(one)) {
        renew_secret(status, desired, outcome);
    }
    // What it was linked with nobody knows: from here on another one is told from what is declared now.
    if status.connection_data_digest.is_none()
        && desired.presence == Presence::Present
        && desired.spec.connection_data.is_some()
    {
        status.connection_data_digest = Some(connection_data_digest(&desired.spec));
    }
    record_shown(status, account, outcome, became_active);
}

/// Whether the account has come to life since the last look.
fn became_active(status: &ConnectedAccountStatus, account: &Account, outcome: &Outcome) -> bool {
    let was_connected = was_connected(status);
    match account.state {
        State::Active => !was_connected || status.connected_at.is_none(),
        // It was active when we disabled it, though that was not reported, or before it was found.
        State::Inactive => {
            let is_told = [Applied::Changed, Applied::Adopted].map(OutcomeKind::Applied);
            !was_connected && is_told.contains(&outcome.kind)
        }
        State::Initializing
        | State::Initiated
        | State::Expired
        | State::Failed
        | State::Revoked
        | State::Unknown(_) => false,
    }
}

/// What Composio shows of it.
fn record_shown(
    status: &mut ConnectedAccountStatus,
    account: &Account,
    outcome: &Outcome,
    became_active: bool,
) {
    status.state = Some(account.state.as_str().to_owned());
    // It may repeat a value of the Secret, which is recognised only where the Secret was read.
    let secrets = outcome.observed.secrets();
    status.state_reason = account
        .state_reason
        .as_ref()
        .zip(secrets)
        .map(|(reason, secrets)| text::sentence(&without(reason, &secrets)));
    // Where it is not shown any more nothing is taken back, but of another sign-in it may be another one.
    if account.identity.is_some() || became_active {
        status.identity.clone_from(&account.identity);
    }
    status.auth_config = Some(account.auth_config.clone());
}

fn is_recorded(status: &ConnectedAccountStatus, account: Option<&Account>) -> bool {
    account.is_some_and(|account| status.connected_account_id.as_ref() == Some(&account.id))
}

/// Which requests by annotation are answered.
fn record_annotations(status: &mut ConnectedAccountStatus, desired: &Desired, outcome: &Outcome) {
    if desired.spec.suspend {
        return;
    }
    if outcome.observed.fresh {
        status.last_handled_reconcile_at = desired.reconcile_request.clone();
        // On a live account, or one that no person signs in to, a request for a link has no effect.
        let has_grant = status.connected_at.is_some() && was_connected(status);
        if has_grant || desired.spec.credentials.is_some() || desired.is_bound(None) {
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
