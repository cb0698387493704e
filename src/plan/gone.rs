//! What to do for an object that is being deleted: its account ends as the policy says, then it is
//! let go.

use jiff::{SignedDuration, Timestamp};

use crate::{
    composio::model::{Account, State},
    crd::{DeletionPolicy, Reason, condition},
};

use super::{Desired, Effect, Need, Observed, Plan, Seen, after, ends_with_object, wait};

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
        || (!recorded && (desired.pin.is_none() || never_adopted(observed)))
}

/// The account that was found belongs to another object, or is not the declared one.
fn never_adopted(observed: &Observed) -> bool {
    observed
        .recorded
        .condition(condition::READY)
        .is_some_and(|ready| {
            [Reason::Conflict.as_str(), Reason::Mismatch.as_str()].contains(&ready.reason.as_str())
        })
}

pub(super) fn decide(
    desired: &Desired,
    observed: &Observed,
    since: Timestamp,
    now: Timestamp,
) -> Plan {
    if !desired.finalizer {
        return Plan::Nothing;
    }
    match &observed.account {
        Seen::NotLooked => Plan::Look(Need::Account),
        Seen::Absent => absent(desired, observed, since, now),
        Seen::One(_) | Seen::Many(_) if observed.holder.is_some() => Plan::Do(Effect::Release),
        Seen::One(account) => end(desired, observed, account, now),
        // All carry our alias; the last is the least.
        Seen::Many(accounts) => match accounts.last() {
            Some(duplicate) => Plan::Do(Effect::Delete {
                id: duplicate.id.clone(),
                revoke: false,
            }),
            None => absent(desired, observed, since, now),
        },
    }
}

fn absent(desired: &Desired, observed: &Observed, since: Timestamp, now: Timestamp) -> Plan {
    if observed.recorded.connected_account_id.is_some() {
        return Plan::Do(Effect::Release);
    }
    // Pinned, and no account known: a POST may still be on its way.
    let settled = after(since, desired.flags.unknown_outcome_wait);
    if now < settled {
        return wait(
            Reason::Deleting,
            "an account may have been asked for and not be visible yet",
            Some(settled),
        );
    }
    Plan::Do(Effect::Release)
}

fn end(desired: &Desired, observed: &Observed, account: &Account, now: Timestamp) -> Plan {
    let id = account.id.clone();
    let refused = |effect: &str| {
        observed
            .refused
            .iter()
            .any(|refused| refused.effect == effect)
    };
    if refused("Delete") {
        let detail = observed
            .refused
            .iter()
            .map(|refused| refused.failure.message.as_str())
            .collect::<Vec<_>>();
        return super::refuse(Reason::Rejected, detail.join("; "));
    }
    match desired.spec.deletion_policy {
        DeletionPolicy::Delete | DeletionPolicy::Retain => {
            Plan::Do(Effect::Delete { id, revoke: false })
        }
        DeletionPolicy::Revoke => match &account.state {
            State::Active if !refused("Revoke") && !provider_keeps_refusing(observed, now) => {
                Plan::Do(Effect::Revoke { id })
            }
            // Only an active account can be revoked.
            State::Inactive if !refused("Enable") => Plan::Do(Effect::Enable { id }),
            State::Revoked => Plan::Do(Effect::Delete { id, revoke: false }),
            // The person may have consented a moment ago, and an expired account may hold a live
            // refresh token: ask Composio to revoke in the background.
            State::Active
            | State::Inactive
            | State::Initializing
            | State::Initiated
            | State::Expired
            | State::Failed
            | State::Unknown(_) => Plan::Do(Effect::Delete { id, revoke: true }),
        },
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
