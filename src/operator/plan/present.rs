//! An object that is declared: which situation it is in says whose rules decide.
//!
//! | situation | decided in |
//! |---|---|
//! | a grant that is not to be used | `unused` |
//! | suspended, or nothing was looked at, or it comes from another project | here |
//! | no account on record: one is found, or is to be made | `unrecorded` |
//! | an account on record: is it there, and this object's | `recorded` |
//! | ours, without a grant: a person or a Secret is waited for | `waiting` |
//! | ours, with a grant: made as declared | `connected` |

use jiff::Timestamp;

use crate::crd::Reason;

use super::{
    AccountLookup, Claim, Decision, Desired, Effect, Need, Observed, Rule, marks, recorded,
    sign_in::{self, Unbound},
    unrecorded, unused,
};

pub(super) fn decide(desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    let is_recorded = observed.recorded.connected_account_id.is_some();
    if let Some(disabled) = unused::disables(desired, observed, now) {
        return disabled;
    }
    if desired.spec.suspend {
        // What is on record of one that is pinned elsewhere is not here to be observed, unless that is proved.
        let is_here = is_recorded
            && (desired.pinned_elsewhere().is_none() || unused::is_signed(desired, observed));
        return suspended(desired, observed, is_here, now);
    }
    if observed.account == AccountLookup::NotLooked {
        return Rule::LookAfresh.looks(Need::Account);
    }
    if desired.leaves().is_some() {
        return moved(desired, is_recorded);
    }
    let account = match &observed.account {
        AccountLookup::NotLooked | AccountLookup::Absent => {
            return not_there(desired, observed, is_recorded, now);
        }
        AccountLookup::One(account) => account,
        AccountLookup::Many(accounts) => match accounts.first() {
            Some(kept) => kept,
            None => return not_there(desired, observed, is_recorded, now),
        },
    };
    match is_recorded {
        true => recorded::found(desired, observed, account, now),
        false => unrecorded::found(desired, observed, account),
    }
}

/// The object goes on here, and what it had in the other project is left as it is: the record of it goes first, for
/// beside the new pin it would be looked for here.
fn moved(desired: &Desired, is_recorded: bool) -> Decision {
    let alias = desired.pin.alias();
    Rule::Move.does(match is_recorded {
        true => Effect::Forget,
        false => Effect::Pin {
            alias: alias.and_then(|alias| desired.to_pin(Claim::Own, alias)),
        },
    })
}

/// Nothing is done, and the account is still observed: that it is gone, too, is told, and the time to come back from a
/// sign-in goes on.
fn suspended(desired: &Desired, observed: &Observed, is_here: bool, now: Timestamp) -> Decision {
    let rule = Rule::Suspended;
    let recorded = &observed.recorded;
    let account = observed
        .account
        .account()
        .filter(|account| is_here && recorded.connected_account_id.as_ref() == Some(&account.id));
    let unbound = account.and_then(|account| sign_in::unbound(desired, recorded, account, now));
    let until = match unbound {
        Some(Unbound::Awaited(until)) => Some(until),
        Some(Unbound::Elsewhere | Unbound::NotReturned) | None => None,
    };
    match observed.account {
        AccountLookup::NotLooked if is_here => Rule::LookAfresh.looks(Need::Account),
        AccountLookup::Absent if is_here => {
            rule.waits(Reason::Suspended, "the account is gone", None)
        }
        AccountLookup::NotLooked
        | AccountLookup::Absent
        | AccountLookup::One(_)
        | AccountLookup::Many(_) => rule.waits(Reason::Suspended, "", until),
    }
}

/// No account is there.
fn not_there(
    desired: &Desired,
    observed: &Observed,
    is_recorded: bool,
    now: Timestamp,
) -> Decision {
    if let Some(marks) = marks::restored(desired, None) {
        return marks;
    }
    match is_recorded {
        true => recorded::absent(desired, observed, now),
        false => unrecorded::absent(desired, observed, now),
    }
}
