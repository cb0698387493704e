//! The marks on an object, its finalizer and its pin, where somebody took them off.

use crate::composio::model::Account;

use super::{Claim, Decision, Desired, Effect, Observed, Pin, Rule};

/// Somebody took our marks off the object: without them nobody would find its account, or end it. `managed` is
/// the account that the object has on record and claims; without it the pin tells that there may be one. They
/// are written again before anything that only waits: the object may be deleted meanwhile.
pub(super) fn restored(desired: &Desired, managed: Option<(Claim, &Account)>) -> Option<Decision> {
    let alias = match (managed, &desired.pin) {
        _ if desired.is_marked() => return None,
        (Some((claim, account)), _) => {
            desired.to_pin(claim, account.alias.as_deref().unwrap_or(&desired.alias))
        }
        (None, Pin::Own { alias: Some(alias) }) => Some(alias.clone()),
        (
            None,
            Pin::Own { alias: None } | Pin::Former { .. } | Pin::Foreign { .. } | Pin::Absent,
        ) => {
            return None;
        }
    };
    Some(Rule::RestoreMarks.does(Effect::Pin { alias }))
}

/// Whether something other than its name in the declaration tells that the account is this object's own. What
/// is only named to it is looked at more closely before it is taken over.
pub(super) fn are_for(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    let proved = desired.claimant().without_names();
    proved.claim(&observed.recorded, &observed.keys, account) == Some(Claim::Own)
}
