//! Whether an account that was found can be the declared one: what of it cannot be changed.

use crate::{composio::model::Account, crd::Reason};

use super::{Decision, Desired, Observed, Rule};

/// The refusal where another object manages the account.
pub(super) fn held_by_another(observed: &Observed, account: &Account) -> Option<Decision> {
    let holder = observed.holder.as_ref()?;
    let detail = format!("account {} is managed by {}", account.id, holder.object);
    Some(Rule::HeldByAnother.refuses(Reason::Conflict, detail))
}

/// Whether an object that is not known may manage the account.
///
/// Who holds an account is told by what the other objects record. While some of them are unknown, absent is
/// not the same as none: to adopt, or to end, what was found may take it from an object that has had it all
/// along. Two things are proof enough: that this object has the account on record, and that the account
/// carries the alias of this object's own name, which this object was marked with before it asked for one.
/// To be found by a declared id or alias proves nothing, another object may declare the same.
pub(super) fn may_be_anothers(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    if observed.all_objects_known {
        return false;
    }
    let is_recorded = observed.recorded.connected_account_id.as_ref() == Some(&account.id);
    let own = Some(desired.own_alias.as_str());
    let was_asked_for =
        desired.pin.is_own() && desired.pin.alias() == own && account.alias.as_deref() == own;
    !is_recorded && !was_asked_for
}

/// What tells an account that was found from the declared one, in something that cannot be changed.
pub(super) fn mismatch(desired: &Desired, account: &Account) -> Option<String> {
    let spec = &desired.spec;
    let id = &account.id;
    if let Some(user) = account.user_id.as_ref().filter(|user| **user != spec.user) {
        return Some(format!(
            "account {id} belongs to user {user:?}, declared is {:?}",
            spec.user
        ));
    }
    if account.toolkit != spec.toolkit {
        return Some(format!(
            "account {id} is of toolkit {:?}, declared is {:?}",
            account.toolkit, spec.toolkit
        ));
    }
    if account.visibility != desired.visibility() {
        return Some(format!(
            "account {id} is {:?}, declared is {:?}, and Composio cannot change it",
            account.visibility, spec.visibility
        ));
    }
    made_elsewhere(desired, account)
}

/// The auth config of an account cannot be changed either, and may be declared after it was made.
pub(super) fn made_elsewhere(desired: &Desired, account: &Account) -> Option<String> {
    let declared = desired.spec.auth_config.as_ref()?;
    (*declared != account.auth_config).then(|| {
        format!(
            "account {} was made from auth config {:?}, declared is {declared:?}",
            account.id, account.auth_config
        )
    })
}
