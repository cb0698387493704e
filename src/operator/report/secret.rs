//! Which data of the Secret the account has.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    crd::{ConnectedAccountStatus, CredentialsStatus, CredentialsStep},
    plan::{Desired, Outcome, credentials},
    record::SecretChange,
};

/// Records what was done with the data of the Secret as it was read.
pub(super) fn record_secret(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    outcome: &Outcome,
    step: CredentialsStep,
    at: Option<Time>,
) {
    let account = status.connected_account_id.as_deref();
    if let Some(record) = credentials::record(desired, &outcome.observed, account, step, at) {
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
    let is_patchable = credentials::is_patchable(declared, &observed.secret);
    let sent = status.credentials.as_ref();
    let step = match sent.filter(|sent| sent.account_id.as_deref() == account) {
        Some(sent) => {
            let change = credentials::change(desired, &observed.keys, &observed.secret, sent);
            match change {
                SecretChange::Same => Some(sent.step),
                // Nothing tells whether the account has it, and nothing can make it have it.
                SecretChange::Unknown => (!is_patchable).then_some(CredentialsStep::Assumed),
                SecretChange::Patchable | SecretChange::CreateOnly => None,
            }
        }
        None => (!is_patchable).then_some(CredentialsStep::Assumed),
    };
    if let Some(step) = step {
        let at = sent.and_then(|sent| sent.at.clone());
        record_secret(status, desired, outcome, step, at);
    }
}

/// Something else is declared, or somebody asks: the refusal of the former data was the answer to what was
/// before, and what is noted in between must not pass for the answer to this.
pub(super) fn drop_former_refusal(
    status: &mut ConnectedAccountStatus,
    previous: &ConnectedAccountStatus,
    desired: &Desired,
) {
    let is_new = previous.observed_generation != Some(desired.generation)
        || desired.has_unanswered_request(previous);
    let is_refused = |sent: &CredentialsStatus| sent.step == CredentialsStep::Refused;
    if is_new && !desired.spec.suspend && status.credentials.as_ref().is_some_and(is_refused) {
        status.credentials = None;
    }
}
