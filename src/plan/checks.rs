//! Whether an account that was found can be the declared one: what of it cannot be changed.

use crate::composio::model::Account;

use super::Desired;

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
