//! When the rules for what is being deleted hold.

use composio_operator::composio::{Account, State};
use composio_operator::crd::{DeletionPolicy, ProjectReason, Reason, condition};
use composio_operator::plan::{Claim, Claimant, EffectKind, Pin, ProjectState, Rule};
use jiff::Timestamp;

use super::refusals::is_final;
use super::sight::{Situation, after};

const CONNECTED: &[State] = &[State::Active, State::Inactive];

pub(super) fn holds(rule: Rule, sight: &Situation<'_>, since: Timestamp) -> bool {
    let Situation {
        desired,
        observed,
        now,
    } = *sight;
    let held = desired.finalizer;
    let absent = held && sight.absent();
    let found = held && sight.found();
    let revokes = desired.deletion_policy() == DeletionPolicy::Revoke;
    let ended = ended(sight).filter(|_| held);
    let ends = |states: &[State]| {
        let is_so = |account: &Account| states.contains(&account.state);
        revokes && ended.is_some_and(is_so)
    };
    let revoke = ended.and_then(|account| sight.refused_for(EffectKind::Revoke, account));
    let may_go_through = revoke.is_some_and(|failure| !is_final(failure));
    match rule {
        Rule::DeletingUntouched => {
            let is_kept = is_retained(sight) && !sight.has_open_sign_in();
            let has_none = desired.pin.alias().is_none() || never_adopted(sight);
            held && (is_kept || (!sight.recorded() && has_none))
        }
        Rule::DeletingAbandoned => {
            let is_gone = [
                ProjectState::NotFound,
                ProjectState::Unavailable(ProjectReason::KeyMissing),
            ];
            let account = sight.recorded_id().or(desired.pin.alias());
            let is_given_up = account.is_some() && desired.abandon.as_deref() == account;
            let cannot_be_ended =
                is_gone.contains(&observed.gate.project) || sight.project_is_another();
            held && cannot_be_ended && is_given_up
        }
        Rule::DeletingProjectMismatch => held && sight.project_is_another(),
        Rule::DeletingMayShowUp => {
            let unknown = observed.recorded.unknown_since.as_ref();
            let asked = unknown.map_or(since, |unknown| unknown.0.max(since));
            let may_come = match sight.recorded() {
                true => sight.hidden(),
                false => now < after(asked, sight.wait()),
            };
            !held || (absent && may_come)
        }
        Rule::DeletingGone => absent,
        Rule::DeletingNotOurs => found && ours(sight).is_empty(),
        Rule::DeletingHolderUnknown => {
            let mut ours = ours(sight).into_iter();
            found && ours.any(|account| sight.may_be_anothers(account))
        }
        Rule::DeletingRefused => {
            let is_forbidden = revoke.is_some_and(|one| one.reason == Reason::Forbidden);
            let is_stopped =
                ends(&[State::Active]) && !keeps_refusing(sight) && is_forbidden && !may_go_through;
            found && (sight.refused(EffectKind::Delete) || is_stopped)
        }
        Rule::DeletingOthersFirst => found && ended.is_none(),
        Rule::DeletingUnused => {
            is_retained(sight) && ended.is_some_and(|account| sight.is_not_left(account))
        }
        Rule::DeletingRetained => is_retained(sight) && ended.is_some(),
        Rule::DeletingDelete => ended.is_some() && !revokes && !is_retained(sight),
        Rule::DeletingRevoke => {
            ends(&[State::Active]) && revoke.is_none() && !keeps_refusing(sight)
        }
        Rule::DeletingProviderRefuses => {
            let is_tried = ends(&[State::Active]) && !keeps_refusing(sight);
            may_go_through && (is_tried || ends(&[State::Inactive]))
        }
        Rule::DeletingEnable => {
            let is_refused = |account| sight.refused_for(EffectKind::Enable, account).is_some();
            ends(&[State::Inactive]) && !ended.is_some_and(is_refused)
        }
        Rule::DeletingRevoked => ends(&[State::Revoked]),
        Rule::DeletingCannotRevoke => ends(CONNECTED),
        Rule::DeletingNoGrant => ended.is_some() && revokes,
        rule => {
            let is_decided_above = rule == Rule::DeletingProjectUnavailable;
            assert!(
                is_decided_above || !rule.as_str().starts_with("Deleting"),
                "{rule:?} has no condition here"
            );
            false
        }
    }
}

fn is_retained(sight: &Situation<'_>) -> bool {
    sight.desired.deletion_policy() == DeletionPolicy::Retain
}

/// Whether what was found before was another object's, or not the declared one.
fn never_adopted(sight: &Situation<'_>) -> bool {
    let recorded = &sight.observed.recorded;
    let lost = |type_| recorded.says(type_, &[Reason::Conflict, Reason::Mismatch]);
    let unknown = [
        Reason::ProjectUnavailable,
        Reason::ProjectNotFound,
        Reason::NamespaceUnreachable,
    ];
    lost(condition::SYNCED)
        || (recorded.says(condition::SYNCED, &unknown)
            && recorded.unknown_since.is_none()
            && lost(condition::READY))
}

/// The accounts that are the object's to end, and managed by no other object.
fn ours<'a>(sight: &Situation<'a>) -> Vec<&'a Account> {
    let desired = sight.desired;
    let claimant = Claimant {
        // A copy has taken over nothing.
        connected_account_id: match desired.pin {
            Pin::Foreign { .. } => None,
            Pin::Own { .. } | Pin::Former { .. } | Pin::Absent => {
                desired.spec.connected_account_id.as_deref()
            }
        },
        ..desired.claimant()
    };
    let (recorded, keys) = (&sight.observed.recorded, &sight.observed.keys);
    let is_ours = |account: &&Account| {
        !sight.is_held(account)
            && !sight.is_refused(account)
            && claimant.claim(recorded, keys, account) == Some(Claim::Own)
            && match sight.recorded_id() == Some(&account.id) {
                true => account.is_of(&desired.spec.user, &desired.spec.toolkit),
                false => desired.pin.is_own() && !sight.mismatched(account),
            }
    };
    sight.accounts().iter().filter(is_ours).collect()
}

/// The account that is ended now as the policy says: another one of ours that has a grant, else the recorded or
/// first. `None` while one without a grant is to be deleted first.
pub(super) fn ended<'a>(sight: &Situation<'a>) -> Option<&'a Account> {
    let ours = ours(sight);
    let recorded = ours
        .iter()
        .find(|one| Some(one.id.as_str()) == sight.recorded_id());
    let last = *recorded.or(ours.first())?;
    match ours.iter().find(|one| one.id != last.id) {
        _ if is_retained(sight) => Some(last),
        Some(other) => CONNECTED.contains(&other.state).then_some(*other),
        None => Some(last),
    }
}

/// Whether the provider has refused three times, and for as long as `--revoke-patience` says.
fn keeps_refusing(sight: &Situation<'_>) -> bool {
    let refusals = sight.observed.recorded.revoke_refusals.as_ref();
    refusals.is_some_and(|refusals| {
        let patience = after(refusals.since.0, sight.desired.flags.revoke_patience);
        refusals.count >= 3 && sight.now >= patience
    })
}
