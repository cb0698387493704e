//! The rows of what is deleted.

use composio_operator::composio::State;
use composio_operator::crd::{DeletionPolicy, Reason};
use composio_operator::plan::{Effect, Kind, Need, Plan, Proof, Wait};
use jiff::Timestamp;

use super::sight::Sight;

const CONNECTED: &[State] = &[State::Active, State::Inactive];

pub(super) fn gone(sight: &Sight<'_>, plan: &Plan, since: Timestamp) -> (&'static str, bool) {
    let Sight {
        desired,
        observed,
        now,
    } = sight;
    let revokes = sight.policy() == DeletionPolicy::Revoke;
    let (row, holds) = match plan {
        Plan::Nothing => ("going: the account is gone", false),
        Plan::Look(need) => (
            "what is remembered asks for something",
            *need == Need::Account && !observed.fresh,
        ),
        Plan::Wait(Wait { reason, .. }) => match reason {
            Reason::ProjectUnavailable | Reason::RateLimited if observed.refused.is_empty() => (
                "going: the project cannot be used now",
                !observed.gate.may_write() || observed.gate.proof != Proof::Given,
            ),
            Reason::NamespaceUnreachable => (
                "going: an account is found, and an object that cannot be read may manage it",
                sight.may_be_anothers(),
            ),
            Reason::Deleting => (
                "going: an account may still be made or show up",
                !desired.finalizer || (sight.absent() && (!sight.recorded() || sight.is_new())),
            ),
            _ if sight.refused(Kind::Revoke) => (
                "going: the provider refuses to revoke",
                revokes
                    && (desired.spec.enabled
                        || !sight.is(&[State::Active])
                        || sight.refused(Kind::Disable)),
            ),
            _ => ("going: Composio refuses", !observed.refused.is_empty()),
        },
        Plan::Refuse(_) => ("going: Composio refuses", !observed.refused.is_empty()),
        Plan::Do(effect) => match effect {
            Effect::Release if !observed.fresh => (
                "going: nothing of it is there, or it is not to be touched",
                sight.policy() == DeletionPolicy::Retain || !sight.recorded(),
            ),
            Effect::Release if sight.absent() => (
                "going: the account is gone",
                sight.recorded() || *now > since,
            ),
            Effect::Release if sight.policy() == DeletionPolicy::Retain => (
                "going: nothing of it is there, or it is not to be touched",
                true,
            ),
            Effect::Release => (
                "going: what was found is not this object's",
                !sight.absent(),
            ),
            Effect::Delete { revoke: false, id } if sight.several() => (
                "going: several accounts are its own",
                !(revokes && sight.shows(id, CONNECTED)),
            ),
            Effect::Delete { revoke, .. } if !revokes => {
                ("going: `deletionPolicy: Delete`", !revoke)
            }
            Effect::Delete { revoke, id } if sight.shows(id, &[State::Revoked]) => {
                ("going: the grant is revoked", !revoke)
            }
            Effect::Delete { revoke, id } if sight.shows(id, CONNECTED) => (
                "going: it cannot be revoked, or the provider refused for an hour",
                *revoke
                    && (sight.refused(Kind::Revoke)
                        || sight.refused(Kind::Enable)
                        || observed.recorded.revoke_refusals.is_some()),
            ),
            Effect::Delete { revoke, .. } => ("going: no live grant is seen", *revoke),
            Effect::Revoke { id } => (
                "going: active",
                revokes && sight.shows(id, &[State::Active]),
            ),
            Effect::Enable { id } => (
                "going: disabled",
                revokes && sight.shows(id, &[State::Inactive]) && !sight.refused(Kind::Revoke),
            ),
            Effect::Disable { .. } => (
                "going: the provider refuses to revoke",
                sight.refused(Kind::Revoke) && !desired.spec.enabled,
            ),
            Effect::Pin { .. }
            | Effect::Unpin
            | Effect::Adopt
            | Effect::Forget
            | Effect::Link { .. }
            | Effect::Create { .. }
            | Effect::Refresh { .. }
            | Effect::Patch { .. } => ("as declared", false),
        },
    };
    let acts = match plan {
        Plan::Do(effect) => observed.fresh || *effect == Effect::Release,
        Plan::Nothing | Plan::Wait(_) | Plan::Refuse(_) | Plan::Look(_) => true,
    };
    (row, holds && acts)
}
