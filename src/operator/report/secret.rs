//! Which data of the Secret the account has.

use crate::{
    crd::{ConnectedAccountStatus, CredentialsStep},
    plan::{Desired, Outcome, credentials},
    record::SecretChange,
};

/// Records what was done with the data of the Secret as it was read.
pub(super) fn record_secret(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    step: CredentialsStep,
) {
    let account = status.connected_account_id.as_deref();
    if let Some(record) = credentials::record(desired, &outcome.observed, account, step) {
        status.credentials = Some(record);
    }
}

/// Signs the record of a Secret with the key in use, and takes note of what is assumed of it, once that was
/// decided.
pub(super) fn renew_secret(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
) {
    let Some(declared) = &desired.spec.credentials else {
        return;
    };
    let account = status.connected_account_id.as_deref();
    let observed = &outcome.observed;
    let sent = status.credentials.as_ref();
    let step = match sent.filter(|sent| sent.account_id.as_deref() == account) {
        Some(sent) => {
            let change = credentials::change(desired, &observed.keys, &observed.secret, sent);
            (change == SecretChange::Same).then_some(sent.step)
        }
        None => (!declared.scheme.is_patchable()).then_some(CredentialsStep::Assumed),
    };
    if let Some(step) = step {
        record_secret(status, desired, outcome, step);
    }
}
