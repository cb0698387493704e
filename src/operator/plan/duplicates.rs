//! Several accounts with one alias: a server that does not enforce uniqueness, or shows a new account
//! late, lets a call whose answer was lost make a second one.

use crate::composio::model::{Account, State};

use super::{AccountLookup, Desired, EffectKind, Observed, Pin, checks};

/// The next account to delete besides the one that is kept, which is the recorded one.
///
/// Only what holds nobody's grant: a sign-in that Composio itself says was never finished, or what a
/// Secret made, which can be made again. Whatever else has our alias is left alone, and so is what took it
/// when somebody had renamed the one that is kept: no call of this object has made that.
pub(super) fn to_delete<'a>(desired: &Desired, observed: &'a Observed) -> Option<&'a Account> {
    let AccountLookup::Many(accounts) = &observed.account else {
        return None;
    };
    if observed.refused(EffectKind::Delete).is_some() {
        return None;
    }
    // Neither the one that is dealt with nor the recorded one is ever a duplicate, wherever it stands.
    let kept = [
        accounts.first().map(|account| &account.id),
        observed.recorded.connected_account_id.as_ref(),
    ];
    accounts
        .iter()
        .filter(|account| !kept.contains(&Some(&account.id)))
        .filter(|account| is_duplicate(desired, observed, account) && !observed.is_held(account))
        .filter(|account| !checks::may_be_anothers(desired, observed, account))
        .find(|account| is_made_again(desired, observed, account) || was_never_connected(account))
}

/// Whether the Secret has made it, beside another one with the same alias.
fn is_made_again(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    let kept = observed.account.account();
    desired.spec.credentials.is_some() && kept.is_some_and(|kept| kept.alias == account.alias)
}

/// Whether it is an account that this object has made, as far as that can be told.
fn is_duplicate(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    let Pin::Own {
        alias: Some(pinned),
    } = &desired.pin
    else {
        return false;
    };
    account.alias.as_ref() == Some(pinned)
        && Some(&account.auth_config) == observed.recorded.auth_config.as_ref()
        && checks::mismatch(desired, account).is_none()
}

fn was_never_connected(account: &Account) -> bool {
    match account.state {
        State::Expired | State::Failed => account.timed_out(),
        State::Initializing
        | State::Initiated
        | State::Active
        | State::Inactive
        | State::Revoked
        | State::Unknown(_) => false,
    }
}
