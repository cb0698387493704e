//! How an account ended.

use super::{EventReason, ObjectEvent, normal, warning};
use crate::{
    crd::{ConnectedAccountStatus, DeletionPolicy, FinishedIn, Verdict},
    plan::Desired,
};

/// The account did not end as declared.
pub(super) fn policy_replaced(
    desired: &Desired,
    previous: &ConnectedAccountStatus,
    taken: DeletionPolicy,
) -> Option<ObjectEvent> {
    let (declared, effective) = (desired.spec.deletion_policy, desired.deletion_policy());
    let is_replaced = declared != effective && taken == effective;
    (is_replaced && previous.connected_account_id.is_some()).then(|| {
        let note = format!(
            "the project does not allow deletionPolicy {declared:?}: {effective:?} was taken instead"
        );
        warning(EventReason::DeletionPolicyReplaced, note)
    })
}

pub(super) fn deleted(
    id: &str,
    revoke: bool,
    declared: bool,
    previous: &ConnectedAccountStatus,
) -> ObjectEvent {
    let refusals = previous.revoke_refusals.as_ref().filter(|_| revoke);
    let is_recorded = previous.connected_account_id.as_deref() == Some(id);
    let note = match (revoke, declared) {
        (true, _) => {
            format!("account {id} was deleted; revocation was requested, its outcome is unknown")
        }
        (false, false) => format!("account {id} was deleted"),
        (false, true) if is_recorded => match &previous.credentials {
            Some(_) => format!(
                "account {id} was deleted to make room for a new one: it cannot be given what the Secret holds now"
            ),
            None => format!("account {id} was deleted to make room for a new one"),
        },
        (false, true) => {
            format!(
                "account {id} was deleted: a second one under the same alias, without a grant that is kept"
            )
        }
    };
    match refusals {
        Some(refusals) => warning(
            EventReason::Deleted,
            format!(
                "{note} (the provider had refused to revoke {} times)",
                refusals.count
            ),
        ),
        None => normal(EventReason::Deleted, note),
    }
}

/// Why an account was disabled, as an event tells it.
pub(super) fn why_disabled(status: &ConnectedAccountStatus) -> &'static str {
    let finished_in = status.sign_in.as_ref();
    let judged = status.identity_verdict.as_ref();
    if finished_in.and_then(|sign_in| sign_in.finished_in) == Some(FinishedIn::Another) {
        "since its sign-in was finished in another browser than the one that had asked for the link"
    } else if finished_in.is_some_and(|sign_in| sign_in.return_by.is_some()) {
        "since nobody came back to the connect page in time, as the project demands"
    } else if judged.is_some_and(|judged| judged.verdict == Verdict::AnotherIdentity) {
        "since somebody else than was expected has signed in"
    } else if judged.is_some_and(|judged| judged.verdict == Verdict::NotShown) {
        "since the project demands to see who has signed in, and the toolkit does not show it"
    } else {
        "as declared"
    }
}
