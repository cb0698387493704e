//! What the project does not allow: of a new object nothing is looked at, and of one that has its account, what
//! takes access away goes on.

use crate::{
    composio::model::Account,
    crd::{ConnectedAccountStatus, Reason},
    record::{Proven, RecordKeys},
};

use super::{
    Change, Decision, Desired, Effect, Need, NotAllowed, Observed, Plan, Presence, Rule, sharing,
};

/// The refusal of an object that asks for what is not allowed, and has no account of its own. Whoever may write the
/// object may write a record into its status, so that must be signed.
pub(super) fn refused_unseen(desired: &Desired, observed: &Observed) -> Option<Decision> {
    let is_present = desired.presence == Presence::Present;
    if !is_present || may_have_account(desired, observed) {
        return None;
    }
    let not_allowed = desired.not_allowed_as_new()?;
    Some(Rule::NotAllowed.refuses(Reason::NotAllowed, not_allowed.to_string()))
}

/// Whether an account on record is the object's own, or may be: that is told by a look where the key that signed
/// the record is not known any more.
fn may_have_account(desired: &Desired, observed: &Observed) -> bool {
    if desired.leaves().is_some() {
        // Whatever is on record was in the other project.
        return false;
    }
    match observed.proven(desired) {
        Some(Proven::Valid | Proven::UnknownKey) => true,
        Some(Proven::Invalid) | None => false,
    }
}

/// The refusal of an account that was found and is more than is allowed.
pub(super) fn refused_as_found(not_allowed: &NotAllowed) -> Decision {
    Rule::FoundNotAllowed.refuses(Reason::NotAllowed, not_allowed.to_string())
}

/// What is not allowed of an account that was found, unless it is proved to be the object's own: neither names nor
/// the pin nor a record without a signature proves that, all of which can be written by hand.
pub(super) fn refuses(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    keys: &RecordKeys,
    account: &Account,
) -> Option<NotAllowed> {
    let own_alias = &desired.own_alias;
    if is_signed(desired, recorded, keys, account) || account.alias.as_ref() == Some(own_alias) {
        return None;
    }
    desired.not_allowed_of(account, false)
}

/// What is not allowed of an account that is this object's.
pub(super) fn of_own(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
) -> Option<NotAllowed> {
    let is_signed = is_signed(desired, &observed.recorded, &observed.keys, account);
    desired.not_allowed_of(account, is_signed)
}

/// Whether the account is on record, and the record is signed for this object.
fn is_signed(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    keys: &RecordKeys,
    account: &Account,
) -> bool {
    let proven = || keys.verify(recorded.record.as_ref(), &desired.own_alias, &account.id);
    recorded.connected_account_id.as_ref() == Some(&account.id) && proven() == Proven::Valid
}

/// Whether an account that was found is more than is allowed, and not proved to be the object's own.
pub(crate) fn is_not_allowed(
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
    keys: &RecordKeys,
    account: &Account,
) -> bool {
    refuses(desired, recorded, keys, account).is_some()
}

/// What is told of an account that the object has, and might not have now: it stays as it is.
pub(super) fn kept(not_allowed: &NotAllowed) -> Decision {
    Rule::NoLongerAllowed.waits(Reason::NotAllowed, not_allowed.to_string(), None)
}

/// Whether what is due for an account with a grant gives access, or leads to a new account.
pub(super) fn gives(decision: &Decision, account: &Account) -> bool {
    match (&decision.plan, decision.rule) {
        (Plan::Do(effect), _) => match effect {
            Effect::Disable { .. }
            | Effect::Pin { .. }
            | Effect::Unpin
            | Effect::Forget
            | Effect::Revoke { .. }
            | Effect::Release
            | Effect::Patch {
                change: Change::Credentials,
                ..
            } => false,
            Effect::Patch {
                change: Change::Sharing(patch),
                ..
            } => {
                let current = account.sharing.as_ref();
                current.is_none_or(|current| sharing::gives(current, patch))
            }
            Effect::Adopt
            | Effect::Link { .. }
            | Effect::Create { .. }
            | Effect::Refresh { .. }
            | Effect::CompleteAuth { .. }
            | Effect::Enable { .. }
            | Effect::Patch {
                change: Change::Alias(_),
                ..
            }
            // It would make room for another.
            | Effect::Delete { .. } => true,
        },
        (Plan::Look(Need::AuthConfig), _) | (_, Rule::Remake | Rule::NoAuthConfig) => true,
        (Plan::Look(_) | Plan::Wait(_) | Plan::Refuse(_) | Plan::Nothing, _) => false,
    }
}
