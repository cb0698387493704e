//! What to do for an object that is being deleted: its account ends as the policy says, then it is
//! let go.

use jiff::Timestamp;

use crate::{
    composio::model::{Account, State},
    crd::{DeletionPolicy, ProjectReason, Reason, condition},
};

use super::{
    AccountLookup, Answer, Claim, Decision, Desired, Effect, EffectKind, NOT_VISIBLE, Need,
    Observed, Pin, Presence, ProjectState, Rule, after, allowed, checks, ends_with_object, stopped,
    unused,
};

/// For so long, and so often, the provider is asked to revoke before the account is deleted without
/// its agreement: a namespace must not hang for ever.
const REVOKE_ATTEMPTS: u32 = 3;

/// Whether the object can be let go without asking Composio: nothing of it is there, or nothing of it
/// is to be touched. A sign-in that is open, or not to be used, is looked at even where the account is to be retained.
pub(super) fn needs_no_look(desired: &Desired, observed: &Observed, now: Timestamp) -> bool {
    if !desired.finalizer {
        return false;
    }
    let recorded = observed.recorded.connected_account_id.is_some();
    let is_retained = !ends_with_object(desired.deletion_policy());
    (is_retained && !unused::may_be(&observed.recorded, now))
        || (!recorded && (desired.pin.alias().is_none() || never_adopted(observed)))
}

/// Whether a person has given the account up, because nothing can end it: the project is gone or has become another
/// one, or its key is gone.
pub(crate) fn is_abandoned(desired: &Desired, observed: &Observed) -> bool {
    let is_gone = match observed.gate.project {
        _ if desired.pin.other_id().is_some() => true,
        ProjectState::NotFound => true,
        ProjectState::Unavailable(why) => why == ProjectReason::KeyMissing,
        ProjectState::Available | ProjectState::OnlyDeletions(_) | ProjectState::NothingNew => {
            false
        }
    };
    let recorded = observed.recorded.connected_account_id.as_deref();
    let account = recorded.or(desired.pin.alias());
    let is_deleting = desired.presence != Presence::Present && desired.finalizer;
    is_deleting && is_gone && account.is_some() && desired.abandon.as_deref() == account
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
            &[
                Reason::ProjectUnavailable,
                Reason::ProjectNotFound,
                Reason::NamespaceUnreachable,
            ],
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
    if allowed::refuses(desired, &observed.recorded, &observed.keys, account).is_some() {
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
    // Of what is not here it would be concluded that nothing is left to end.
    if let Some(id) = desired.pin.other_id() {
        let here = &desired.flags.project;
        let detail =
            format!("the account is, or may be, in {id:?}, and {here} is another one by now");
        return Rule::DeletingProjectMismatch.waits(Reason::ProjectUnavailable, detail, None);
    }
    match &observed.account {
        AccountLookup::NotLooked => Rule::LookAfresh.looks(Need::Account),
        AccountLookup::Absent => absent(desired, observed, since, now),
        AccountLookup::One(account) => {
            end_all(desired, observed, std::slice::from_ref(account), now)
        }
        AccountLookup::Many(accounts) => end_all(desired, observed, accounts, now),
    }
}

/// Ends what is the object's own, and managed by no other object: the recorded one, or else the first, whose
/// grant is the likeliest to be alive, as the policy says, after the others.
fn end_all(
    desired: &Desired,
    observed: &Observed,
    accounts: &[Account],
    now: Timestamp,
) -> Decision {
    let ours = || {
        accounts
            .iter()
            .filter(|account| is_ours(desired, observed, account) && !observed.is_held(account))
    };
    let recorded = observed.recorded.connected_account_id.as_ref();
    let is_recorded = |account: &&Account| recorded == Some(&account.id);
    let Some(last) = ours().find(is_recorded).or_else(|| ours().next()) else {
        return Rule::DeletingNotOurs.does(Effect::Release);
    };
    if ours().any(|account| checks::may_be_anothers(desired, observed, account)) {
        return Rule::DeletingHolderUnknown.waits(Reason::NamespaceUnreachable, "", None);
    }
    if let Some(refused) = observed.refused(EffectKind::Delete) {
        return stopped(Rule::DeletingRefused, &refused.failure);
    }
    match ours().find(|account| account.id != last.id) {
        _ if !ends_with_object(desired.deletion_policy()) => end(desired, observed, last, now),
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
    match desired.deletion_policy() {
        DeletionPolicy::Retain => {
            match unused::is_not_retained(desired, &observed.recorded, account, now) {
                true => Rule::DeletingUnused.does(Effect::Delete { id, revoke: false }),
                false => Rule::DeletingRetained.does(Effect::Release),
            }
        }
        DeletionPolicy::Delete => Rule::DeletingDelete.does(Effect::Delete { id, revoke: false }),
        DeletionPolicy::Revoke => match &account.state {
            State::Active if !provider_keeps_refusing(desired, observed, now) => {
                revoke(desired, observed, id)
            }
            // Only an active account can be revoked; one that was not, in this pass, waits disabled.
            State::Inactive => {
                let enable = Effect::Enable { id: id.clone() };
                match (defer(observed, &id), observed.refused_exactly(&enable)) {
                    (Some(waits), _) => waits,
                    (None, None) => Rule::DeletingEnable.does(enable),
                    (None, Some(_)) => {
                        Rule::DeletingCannotRevoke.does(Effect::Delete { id, revoke: true })
                    }
                }
            }
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
    let revoke = Effect::Revoke { id: id.clone() };
    let Some(refused) = observed.refused_exactly(&revoke) else {
        return Rule::DeletingRevoke.does(revoke);
    };
    if let Some(waits) = defer(observed, &id) {
        // It was enabled only to be revoked.
        let disable = Effect::Disable { id };
        return if !desired.spec.enabled && observed.refused_exactly(&disable).is_none() {
            Rule::DeletingProviderRefuses.does(disable)
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

/// What to wait for when a revocation of that account that was tried in this pass may go through later.
fn defer(observed: &Observed, id: &str) -> Option<Decision> {
    let revoke = Effect::Revoke { id: id.to_owned() };
    let failure = &observed.refused_exactly(&revoke)?.failure;
    match failure.answer {
        Answer::Refused(_) => None,
        Answer::NotNow { .. } | Answer::Unknown | Answer::LookAgain => {
            Some(stopped(Rule::DeletingProviderRefuses, failure))
        }
    }
}

fn provider_keeps_refusing(desired: &Desired, observed: &Observed, now: Timestamp) -> bool {
    let patience = desired.flags.revoke_patience;
    let refusals = observed.recorded.revoke_refusals.as_ref();
    refusals.is_some_and(|refusals| {
        refusals.count >= REVOKE_ATTEMPTS && now >= after(refusals.since.0, patience)
    })
}
