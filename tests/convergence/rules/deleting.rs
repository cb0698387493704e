//! The rules for what is being deleted.

use composio_operator::composio::State;
use composio_operator::crd::{DeletionPolicy, Reason};
use composio_operator::plan::{Decision, Effect, Kind, Need, Plan, Proof, Rule};
use jiff::Timestamp;

use super::sight::{Sight, about};

const CONNECTED: &[State] = &[State::Active, State::Inactive];

pub(super) fn fits(sight: &Sight<'_>, decision: &Decision, since: Timestamp) -> bool {
    let Sight {
        desired,
        observed,
        now,
    } = sight;
    let policy = desired.spec.deletion_policy;
    let revokes = policy == DeletionPolicy::Revoke;
    let plan = &decision.plan;
    let releases = *plan == Plan::Do(Effect::Release);
    let waits =
        |reasons: &[Reason]| matches!(plan, Plan::Wait(wait) if reasons.contains(&wait.reason));
    let stops = matches!(plan, Plan::Wait(_) | Plan::Refuse(_)) && !observed.refused.is_empty();
    let deleted = |with: bool| match plan {
        Plan::Do(Effect::Delete { id, revoke }) if *revoke == with => Some(id.as_str()),
        _ => None,
    };
    let deletes = |with, states: &[State]| deleted(with).is_some_and(|id| sight.shows(id, states));
    match decision.rule {
        Rule::LookAfresh => *plan == Plan::Look(Need::Account) && !observed.fresh,
        Rule::DeletingUntouched => {
            releases && (policy == DeletionPolicy::Retain || !sight.recorded())
        }
        Rule::DeletingProjectUnavailable => {
            waits(&[Reason::ProjectUnavailable, Reason::RateLimited])
                && (!observed.gate.may_write() || observed.gate.proof != Proof::Given)
        }
        Rule::DeletingNotOurs => releases && !sight.absent(),
        Rule::DeletingHolderUnknown => {
            waits(&[Reason::NamespaceUnreachable]) && sight.may_be_anothers()
        }
        Rule::DeletingDelete => policy == DeletionPolicy::Delete && deleted(false).is_some(),
        Rule::DeletingOthersFirst => {
            sight.several() && deleted(false).is_some_and(|id| !sight.shows(id, CONNECTED))
        }
        Rule::DeletingRevoke => {
            revokes
                && matches!(plan, Plan::Do(Effect::Revoke { id }) if sight.shows(id, &[State::Active]))
        }
        Rule::DeletingEnable => {
            revokes
                && matches!(plan, Plan::Do(Effect::Enable { id })
                    if sight.shows(id, &[State::Inactive]) && !sight.refused_for(Kind::Revoke, id))
        }
        Rule::DeletingRevoked => revokes && deletes(false, &[State::Revoked]),
        Rule::DeletingCannotRevoke => {
            revokes
                && deletes(true, CONNECTED)
                && (deleted(true).is_some_and(|id| {
                    sight.refused_for(Kind::Revoke, id) || sight.refused_for(Kind::Enable, id)
                }) || observed.recorded.revoke_refusals.is_some())
        }
        Rule::DeletingNoGrant => {
            revokes && deleted(true).is_some_and(|id| !sight.shows(id, CONNECTED))
        }
        Rule::DeletingProviderRefuses => {
            revokes
                && sight.refused(Kind::Revoke)
                && match plan {
                    Plan::Do(effect) => {
                        effect.kind() == Kind::Disable
                            && !desired.spec.enabled
                            && about(effect).is_some_and(|id| sight.refused_for(Kind::Revoke, id))
                    }
                    // The one that was tried waits as declared. Another one beside it was not tried yet.
                    _ => sight.refused_ids(Kind::Revoke).all(|id| {
                        desired.spec.enabled
                            || !sight.shows(id, &[State::Active])
                            || sight.refused_for(Kind::Disable, id)
                    }),
                }
        }
        Rule::DeletingGone => releases && sight.absent() && (sight.recorded() || *now > since),
        Rule::DeletingMayShowUp => {
            waits(&[Reason::Deleting])
                && (!desired.finalizer || (sight.absent() && (!sight.recorded() || sight.is_new())))
        }
        Rule::DeletingRefused => stops,
        _ => false,
    }
}
