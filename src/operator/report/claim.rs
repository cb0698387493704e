//! Whose account the status says it is.

use crate::{
    composio::model::Account,
    crd::{Adopted, ConnectedAccountStatus},
    plan::{Claim, Desired, is_not_allowed},
    record::RecordKeys,
};

/// Signs the record of an account that is this object's own. One that was found by its declared alias becomes
/// its own when somebody signs in by a link of this object, which is signed until then: a link can be copied
/// with the rest of a status.
pub(super) fn record_claim(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    keys: &RecordKeys,
    account: &Account,
    had_own_link: bool,
    signed_in: bool,
    is_decided: bool,
) {
    status.alias.clone_from(&account.alias);
    let proved = desired.claimant().without_names();
    let is_proved = proved.claim(status, keys, account) == Some(Claim::Own);
    match desired.claim(status, keys, account) {
        Some(Claim::DeclaredAlias) if !signed_in => {
            let link = status.link.as_ref().filter(|_| had_own_link);
            status.record =
                link.map(|link| keys.sign_link(&desired.own_alias, &account.id, link.text()));
            status.adopted = Some(Adopted::ByDeclaredAlias);
        }
        // It is only named to this object, and nothing was decided on a look at who else has it.
        Some(Claim::Own) if !(is_proved || is_decided) => {}
        // It is only named to this object, and the project does not allow that.
        Some(Claim::Own) if is_not_allowed(desired, status, keys, account) => {}
        Some(Claim::Own | Claim::DeclaredAlias) => {
            status.record = Some(keys.sign(&desired.own_alias, &account.id));
            status.adopted = None;
        }
        None => {}
    }
}
