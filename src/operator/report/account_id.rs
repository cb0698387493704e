//! Which account is on record, and what goes with the record of another one.

use jiff::Timestamp;

use super::is_recorded;
use crate::{
    composio::model::Account,
    crd::{ConnectedAccountStatus, CredentialsStep, Reason},
    plan::{Desired, Outcome, OutcomeKind, came_to_nothing, connection_data},
};

/// The account is the recorded one from here on.
pub(super) fn take(status: &mut ConnectedAccountStatus, account: &Account) {
    if status.connected_account_id.as_ref() != Some(&account.id) {
        forget(status);
        status.connected_account_id = Some(account.id.clone());
    }
    if status.previous_connected_account_id.as_ref() == Some(&account.id) {
        status.previous_connected_account_id = None;
    }
}

/// The recorded account is gone.
pub(super) fn lose(status: &mut ConnectedAccountStatus, desired: &Desired) {
    // An unused row that vanished earns no new link by itself, a grant that was alive does, and so does one that
    // made room for other connection data.
    if status.connected_at.is_some() || connection_data::is_other(desired, status) {
        status.last_link_issued_at = None;
    }
    status.unknown_since = None;
    forget(status);
}

fn forget(status: &mut ConnectedAccountStatus) {
    status.sign_in = None;
    status.identity_verdict = None;
    let was_usable = status.connected_at.is_some()
        || (status.credentials.as_ref()).is_some_and(|sent| sent.step != CredentialsStep::Refused);
    // Nobody names one that was never connected.
    if let Some(id) = status.connected_account_id.take().filter(|_| was_usable) {
        status.previous_connected_account_id = Some(id);
    }
    status.record = None;
    status.adopted = None;
    status.state = None;
    status.state_reason = None;
    status.identity = None;
    status.link = None;
    status.connected_at = None;
    status.credentials = None;
    status.connection_data_digest = None;
}

/// Whether it shows what became of an effect of unknown outcome: by the account, or by its absence once it would be there.
/// One that is not seen, and has the alias, may be it.
pub(super) fn is_outcome_known(
    status: &ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    now: Timestamp,
) -> bool {
    let seen = &outcome.observed;
    let is_taken =
        matches!(&outcome.kind, OutcomeKind::Waiting(wait) if wait.reason == Reason::AliasInUse);
    let is_shown = is_recorded(status, seen.account.account());
    seen.fresh && (is_shown || (!is_taken && came_to_nothing(desired, seen, now)))
}
