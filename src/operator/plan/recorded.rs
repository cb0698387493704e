//! An account is on record: whether it is there, whether it is this object's, and what is put right before its
//! grant matters.

use jiff::Timestamp;

use crate::{
    composio::model::{Account, State},
    crd::Reason,
};

use super::{
    AccountLookup, Claim, Decision, Desired, Effect, NOT_VISIBLE, Observed, Pin, Rule, allowed,
    checks, connected, duplicates, marks,
    sign_in::{self, Unbound},
    unused, waiting,
};

/// Of a grant that is there, and does not count yet.
const AWAITING_RETURN: &str =
    "somebody has signed in, and has not come back to the connect page yet, as the project demands";

/// The recorded account is not there. One that was made a moment ago may not be visible yet; one that this
/// object has never had is not waited for: meanwhile its own might be lost, with what is declared to find it by.
pub(super) fn absent(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    let hidden = observed.hidden_until(desired.flags.unknown_outcome_wait, now);
    match hidden.filter(|_| !observed.is_record_of_another(desired)) {
        Some(until) => Rule::NotVisibleYet.waits(Reason::Progressing, NOT_VISIBLE, Some(until)),
        None => Rule::AccountGone.does(Effect::Forget),
    }
}

/// It is there, or was not what the id said.
pub(super) fn found(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Decision {
    let Some(claim) = observed.claim(desired, account) else {
        return disown(desired, observed, account);
    };
    if let Some(held) = checks::held_by_another(desired, observed, account) {
        return held;
    }
    if let Some(id) = &observed.recorded.connected_account_id
        && *id != account.id
    {
        let other = format!("account {id} was asked for, {} was shown", account.id);
        return Rule::Mismatch.refuses(Reason::Mismatch, other);
    }
    let is_proved = marks::are_for(desired, observed, account);
    let not_allowed = allowed::refuses(desired, &observed.recorded, &observed.keys, account);
    let managed = Some((claim, account)).filter(|_| is_proved && not_allowed.is_none());
    if let Some(marks) = marks::restored(desired, managed) {
        return marks;
    }
    if let Some(difference) = checks::made_elsewhere(desired, account) {
        return Rule::Mismatch.refuses(Reason::Mismatch, difference);
    }
    if let Some(not_allowed) = &not_allowed {
        return allowed::refused_as_found(not_allowed);
    }
    if let Some(marks) = marks::restored(desired, Some((claim, account))) {
        return marks;
    }
    let has_grant = match &account.state {
        State::Unknown(word) => {
            let detail = format!("the state is {word:?}");
            return Rule::UnknownState.waits(Reason::UnknownState, detail, None);
        }
        State::Active => true,
        // Disabled before it ever had a grant: to enable it would call it connected.
        State::Inactive => {
            observed.recorded.connected_at.is_some()
                || !desired.spec.enabled
                || desired.spec.credentials.is_some()
                // Only an active one goes with its auth config.
                || account.went_with_auth_config()
        }
        State::Initializing
        | State::Initiated
        | State::Expired
        | State::Failed
        | State::Revoked => false,
    };
    if let Some(duplicate) = duplicates::to_delete(desired, observed) {
        return Rule::DeleteDuplicate.does(Effect::Delete {
            id: duplicate.id.clone(),
            revoke: false,
        });
    }
    let recorded = &observed.recorded;
    if let Some(unused) = unused::why(desired, recorded, account, now) {
        return unused::decide(desired, observed, account, &unused);
    }
    if let Some(Unbound::Awaited(until)) = sign_in::unbound(desired, recorded, account, now)
        && has_grant
        && desired.spec.enabled
    {
        return Rule::AwaitReturn.waits(Reason::AwaitingUser, AWAITING_RETURN, Some(until));
    }
    match has_grant {
        true => connected::decide(desired, observed, account, now),
        false => waiting::decide(desired, observed, account, now),
    }
}

/// The status names an account that is not this object's: it was copied, or written by hand. Where the
/// API key was changed the record may still be true, and only a person can tell, unless another object has
/// proved it to be its own, or the pin tells that the object is a copy.
fn disown(desired: &Desired, observed: &Observed, account: &Account) -> Decision {
    let has_own = match &observed.account {
        AccountLookup::Many(accounts) => accounts
            .iter()
            .any(|other| observed.claim(desired, other) == Some(Claim::Own)),
        AccountLookup::NotLooked | AccountLookup::Absent | AccountLookup::One(_) => false,
    };
    let may_be_true =
        observed.is_record_of_another_key(desired) || observed.recorded.adopted.is_some();
    let is_held = observed.holder.is_some();
    let is_copy = match &desired.pin {
        Pin::Foreign { .. } => true,
        // It is found again by the pin, and then the refusal says what the pin does.
        Pin::Former { alias, .. } => alias.is_some() && account.alias == *alias,
        Pin::Own { .. } | Pin::Absent => false,
    };
    if has_own || is_held || is_copy || !may_be_true {
        return Rule::NotOurs.does(Effect::Forget);
    }
    Rule::Unproved.refuses(
        Reason::AliasChanged,
        format!(
            "account {} does not have the alias of this object, {:?}",
            account.id, desired.alias
        ),
    )
}
