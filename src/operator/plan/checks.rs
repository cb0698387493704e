//! Whether an account that was found can be the declared one: what of it cannot be changed.

use crate::{composio::model::Account, crd::Reason};

use super::{AuthConfigCheck, Decision, Desired, Need, Observed, Rule};

/// The refusal where another object manages the account. Those of other namespaces are other people's.
pub(super) fn held_by_another(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
) -> Option<Decision> {
    let holder = observed.holder.as_ref()?;
    let object = match holder.object.split_once('/') {
        Some((namespace, _)) if namespace == desired.namespace => holder.object.as_str(),
        Some(_) | None => "another object",
    };
    let detail = format!("account {} is managed by {object}", account.id);
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

/// The auth config that an account can be made from; else what is to be done first, or why there is none.
pub(super) fn auth_config<'a>(
    desired: &Desired,
    observed: &'a Observed,
) -> Result<&'a str, Decision> {
    let id = match &observed.auth_config {
        AuthConfigCheck::NotAsked => return Err(Rule::FindAuthConfig.looks(Need::AuthConfig)),
        AuthConfigCheck::Unfit { reason, detail } => {
            return Err(Rule::NoAuthConfig.refuses(*reason, detail.clone()));
        }
        AuthConfigCheck::Fit(id) => id,
    };
    match desired.not_allowed_from(id) {
        Some(not_allowed) => {
            Err(Rule::NoAuthConfig.refuses(Reason::NotAllowed, not_allowed.to_string()))
        }
        None => Ok(id),
    }
}

/// What tells an account that was found from the declared one, in something that cannot be changed. What the
/// account has instead is not told: it may be anybody's.
pub(super) fn mismatch(desired: &Desired, account: &Account) -> Option<String> {
    let spec = &desired.spec;
    let id = &account.id;
    if account
        .user_id
        .as_ref()
        .is_some_and(|user| *user != spec.user)
    {
        return Some(format!("account {id} is not of user {:?}", spec.user));
    }
    if account.toolkit != spec.toolkit {
        return Some(format!("account {id} is not of toolkit {:?}", spec.toolkit));
    }
    if account.visibility != desired.visibility() {
        return Some(format!(
            "account {id} is not {:?}, as is declared, and Composio cannot change it",
            spec.visibility
        ));
    }
    made_elsewhere(desired, account)
}

/// The auth config of an account cannot be changed either, and may be declared after it was made.
pub(super) fn made_elsewhere(desired: &Desired, account: &Account) -> Option<String> {
    let declared = desired.spec.auth_config.as_ref()?;
    (*declared != account.auth_config).then(|| {
        format!(
            "account {} was not made from auth config {declared:?}",
            account.id
        )
    })
}
