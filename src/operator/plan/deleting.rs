//! What to do for an object that is being deleted: its account ends as the policy says, then it is
//! let go.

use jiff::{SignedDuration, Timestamp};

use crate::{
    composio::model::{Account, State},
    crd::{DeletionPolicy, Reason, condition},
};

use super::{
    AccountLookup, Answer, Claim, Decision, Desired, Effect, Kind, NOT_VISIBLE, Need, Observed,
    Pin, Rule, after, checks, ends_with_object, stopped,
};

/// For so long, and so often, the provider is asked to revoke before the account is deleted without
/// its agreement: a namespace must not hang for ever.
const REVOKE_PATIENCE: SignedDuration = SignedDuration::from_hours(1);
const REVOKE_ATTEMPTS: u32 = 5;

/// Whether the object can be let go without asking Composio: nothing of it is there, or nothing of it
/// is to be touched.
pub(super) fn needs_no_look(desired: &Desired, observed: &Observed) -> bool {
    if !desired.finalizer {
        return false;
    }
    let recorded = observed.recorded.connected_account_id.is_some();
    !ends_with_object(desired.spec.deletion_policy)
        || (!recorded && (desired.pin.alias().is_none() || never_adopted(observed)))
}

/// The account that was found belongs to another object, or is not the declared one. Synced tells what
/// came of the last round; Ready may still speak of an earlier one, and does so where the project was
/// not to be used since.
fn never_adopted(observed: &Observed) -> bool {
    let recorded = &observed.recorded;
    let lost = |type_| recorded.says(type_, &[Reason::Conflict, Reason::Mismatch]);
    lost(condition::SYNCED)
        || (recorded.says(
            condition::SYNCED,
            &[Reason::ProjectUnavailable, Reason::NamespaceUnreachable],
        ) && recorded.unknown_since.is_none()
            && lost(condition::READY))
}

/// Whether the account is this object's to end: it is proved to be its own, and it is recorded or passes the
/// checks of an adoption.
pub(crate) fn is_ours(desired: &Desired, observed: &Observed, account: &Account) -> bool {
    let mut claimant = desired.claimant();
    if let Pin::Foreign { .. } = desired.pin {
        // A copy that was never marked has not taken over what its declaration names.
        claimant.connected_account_id = None;
    }
    if claimant.claim(&observed.recorded, &observed.keys, account) != Some(Claim::Own) {
        return false;
    }
    if observed.recorded.connected_account_id.as_ref() == Some(&account.id) {
        // Of another user it is not, whoever wrote its id into the status.
        return account.is_of(&desired.spec.user, &desired.spec.toolkit);
    }
    desired.pin.is_own() && checks::mismatch(desired, account).is_none()
}

pub(super) fn decide(
    desired: &Desired,
    observed: &Observed,
    since: Timestamp,
    now: Timestamp,
) -> Decision {
    if !desired.finalizer {
        return Rule::DeletingMayShowUp.waits(Reason::Deleting, "nothing is left to do here", None);
    }
    match &observed.account {
        AccountLookup::NotLooked => Rule::LookAfresh.looks(Need::Account),
        AccountLookup::Absent => absent(desired, observed, since, now),
        AccountLookup::One(_) | AccountLookup::Many(_) if observed.holder.is_some() => {
            Rule::DeletingNotOurs.does(Effect::Release)
        }
        AccountLookup::One(account) => {
            end_all(desired, observed, std::slice::from_ref(account), now)
        }
        AccountLookup::Many(accounts) => end_all(desired, observed, accounts, now),
    }
}

/// Ends what is the object's own: the recorded one, or else the first, whose grant is the likeliest to be
/// alive, as the policy says, after the others.
fn end_all(
    desired: &Desired,
    observed: &Observed,
    accounts: &[Account],
    now: Timestamp,
) -> Decision {
    let ours = || {
        accounts
            .iter()
            .filter(|account| is_ours(desired, observed, account))
    };
    let recorded = observed.recorded.connected_account_id.as_ref();
    let is_recorded = |account: &&Account| recorded == Some(&account.id);
    let Some(last) = ours().find(is_recorded).or_else(|| ours().next()) else {
        return Rule::DeletingNotOurs.does(Effect::Release);
    };
    if ours().any(|account| checks::may_be_anothers(desired, observed, account)) {
        return Rule::DeletingHolderUnknown.waits(Reason::NamespaceUnreachable, "", None);
    }
    if let Some(refused) = observed.refused(Kind::Delete) {
        return stopped(Rule::DeletingRefused, &refused.failure);
    }
    match ours().find(|account| account.id != last.id) {
        // One that has a grant is no mere row: it ends as the policy says, too.
        Some(other) if other.state.is_connected() => end(desired, observed, other, now),
        Some(duplicate) => Rule::DeletingOthersFirst.does(Effect::Delete {
            id: duplicate.id.clone(),
            revoke: false,
        }),
        None => end(desired, observed, last, now),
    }
}

fn absent(desired: &Desired, observed: &Observed, since: Timestamp, now: Timestamp) -> Decision {
    if observed.recorded.connected_account_id.is_some() {
        return match observed.hidden_until(desired.flags.unknown_outcome_wait, now) {
            Some(until) => {
                Rule::DeletingMayShowUp.waits(Reason::Deleting, NOT_VISIBLE, Some(until))
            }
            None => Rule::DeletingGone.does(Effect::Release),
        };
    }
    // Pinned, and no account known: a POST may still be on its way.
    let unknown_since = observed.recorded.unknown_since.as_ref();
    let settled = after(
        unknown_since.map_or(since, |unknown| unknown.0.max(since)),
        desired.flags.unknown_outcome_wait,
    );
    if now < settled {
        return Rule::DeletingMayShowUp.waits(
            Reason::Deleting,
            "an account may have been asked for and not be visible yet",
            Some(settled),
        );
    }
    Rule::DeletingGone.does(Effect::Release)
}

fn end(desired: &Desired, observed: &Observed, account: &Account, now: Timestamp) -> Decision {
    let id = account.id.clone();
    match desired.spec.deletion_policy {
        DeletionPolicy::Delete | DeletionPolicy::Retain => {
            Rule::DeletingDelete.does(Effect::Delete { id, revoke: false })
        }
        DeletionPolicy::Revoke => match &account.state {
            State::Active if !provider_keeps_refusing(observed, now) => {
                revoke(desired, observed, id)
            }
            // Only an active account can be revoked; one that was not, in this pass, waits disabled.
            State::Inactive => match (put_off(observed), observed.refused(Kind::Enable)) {
                (Some(waits), _) => waits,
                (None, None) => Rule::DeletingEnable.does(Effect::Enable { id }),
                (None, Some(_)) => {
                    Rule::DeletingCannotRevoke.does(Effect::Delete { id, revoke: true })
                }
            },
            State::Revoked => Rule::DeletingRevoked.does(Effect::Delete { id, revoke: false }),
            // The person may have consented a moment ago, and an expired account may hold a live
            // refresh token: ask Composio to revoke in the background.
            State::Active => Rule::DeletingCannotRevoke.does(Effect::Delete { id, revoke: true }),
            State::Initializing
            | State::Initiated
            | State::Expired
            | State::Failed
            | State::Unknown(_) => Rule::DeletingNoGrant.does(Effect::Delete { id, revoke: true }),
        },
    }
}

/// An active account, to be revoked before it is deleted.
fn revoke(desired: &Desired, observed: &Observed, id: String) -> Decision {
    let Some(refused) = observed.refused(Kind::Revoke) else {
        return Rule::DeletingRevoke.does(Effect::Revoke { id });
    };
    if let Some(waits) = put_off(observed) {
        // It was enabled only to be revoked.
        return if !desired.spec.enabled && observed.refused(Kind::Disable).is_none() {
            Rule::DeletingProviderRefuses.does(Effect::Disable { id })
        } else {
            waits
        };
    }
    if refused.failure.reason == Reason::Forbidden {
        return stopped(Rule::DeletingRefused, &refused.failure);
    }
    // The toolkit cannot revoke.
    Rule::DeletingCannotRevoke.does(Effect::Delete { id, revoke: true })
}

/// What to wait for when a revocation that was tried in this pass may go through later.
fn put_off(observed: &Observed) -> Option<Decision> {
    let failure = &observed.refused(Kind::Revoke)?.failure;
    match failure.answer {
        Answer::Refused(_) => None,
        Answer::NotNow { .. } | Answer::Unknown | Answer::LookAgain => {
            Some(stopped(Rule::DeletingProviderRefuses, failure))
        }
    }
}

fn provider_keeps_refusing(observed: &Observed, now: Timestamp) -> bool {
    observed
        .recorded
        .revoke_refusals
        .as_ref()
        .is_some_and(|refusals| {
            refusals.count >= REVOKE_ATTEMPTS && now >= after(refusals.since.0, REVOKE_PATIENCE)
        })
}
