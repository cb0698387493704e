//! The rules for what is declared.

use composio_operator::composio::State;
use composio_operator::crd::Reason;
use composio_operator::plan::{
    AuthConfigCheck, Change, Claim, Decision, Effect, Kind, Need, Plan, Proof, Rule, SecretSeen,
};

use super::sight::Sight;

pub(super) fn fits(sight: &Sight<'_>, decision: &Decision) -> bool {
    let Sight {
        desired,
        observed,
        now,
    } = sight;
    let recorded = &observed.recorded;
    let plan = &decision.plan;
    let effect = match plan {
        Plan::Do(effect) => Some(effect),
        Plan::Nothing | Plan::Wait(_) | Plan::Refuse(_) | Plan::Look(_) => None,
    };
    let waits =
        |reasons: &[Reason]| matches!(plan, Plan::Wait(wait) if reasons.contains(&wait.reason));
    let refuses = |reasons: &[Reason]| matches!(plan, Plan::Refuse(refusal) if reasons.contains(&refusal.reason));
    let carried = observed
        .account
        .account()
        .and_then(|account| account.alias.as_deref());
    let free = !desired.spec.suspend && observed.holder.is_none();
    match decision.rule {
        Rule::Suspended => {
            desired.spec.suspend
                && (waits(&[Reason::Suspended]) || *plan == Plan::Look(Need::Account))
        }
        Rule::LookAfresh => *plan == Plan::Look(Need::Account) && !observed.fresh,
        Rule::ProjectUnavailable => {
            waits(&[Reason::ProjectUnavailable, Reason::RateLimited])
                && (!observed.gate.may_write() || observed.gate.proof != Proof::Given)
        }
        Rule::HeldByAnother => refuses(&[Reason::Conflict]) && observed.holder.is_some(),
        Rule::Mismatch => refuses(&[Reason::Mismatch]) && observed.account.account().is_some(),
        Rule::HolderUnknown => {
            waits(&[Reason::NamespaceUnreachable]) && sight.may_be_anothers() && !sight.recorded()
        }
        Rule::UnknownState => {
            waits(&[Reason::UnknownState])
                && observed
                    .account
                    .account()
                    .is_some_and(|account| matches!(account.state, State::Unknown(_)))
        }
        Rule::NotVisibleYet => {
            waits(&[Reason::Progressing]) && sight.recorded() && sight.absent() && sight.is_new()
        }
        Rule::AccountGone => effect == Some(&Effect::Forget) && sight.recorded() && sight.absent(),
        Rule::NotOurs => {
            effect == Some(&Effect::Forget)
                && sight.recorded()
                && !sight.absent()
                && sight.claim().is_none()
        }
        Rule::Unproved => refuses(&[Reason::AliasChanged]) && sight.claim() != Some(Claim::Own),
        Rule::Adopt => {
            let is_it = match effect {
                Some(Effect::Adopt) => sight.marked(),
                Some(Effect::Pin { .. }) => !sight.marked(),
                _ => false,
            };
            is_it && free && !sight.recorded() && !sight.absent()
        }
        Rule::RestoreMarks => {
            let was_pinned = desired.pin.is_own() && desired.pin.alias().is_some();
            matches!(effect, Some(Effect::Pin { .. }))
                && free
                && !sight.marked()
                && (sight.recorded() || was_pinned)
        }
        Rule::DeleteDuplicate => {
            let id = recorded.connected_account_id.as_ref();
            matches!(effect, Some(Effect::Delete { id: other, revoke: false }) if id != Some(other))
                && free
                && sight.several()
        }
        Rule::AccountNotFound => {
            refuses(&[Reason::AccountNotFound])
                && sight.absent()
                && desired.spec.connected_account_id.is_some()
        }
        Rule::OutcomeUnknown => {
            waits(&[Reason::OutcomeUnknown])
                && !sight.is(&[State::Active])
                && (recorded.unknown_since.is_some() || sight.stale())
        }
        Rule::DropFormerAlias => {
            effect == Some(&Effect::Unpin)
                && sight.absent()
                && sight.stale()
                && recorded.unknown_since.is_some()
        }
        Rule::FindAuthConfig => {
            *plan == Plan::Look(Need::AuthConfig)
                && (sight.absent() || sight.may_remake())
                && observed.auth_config == AuthConfigCheck::NotAsked
        }
        Rule::NoAuthConfig => {
            refuses(&[
                Reason::AuthConfigNotFound,
                Reason::AuthConfigDisabled,
                Reason::AuthConfigAmbiguous,
                Reason::ToolkitMismatch,
            ]) && (sight.absent() || sight.may_remake())
                && matches!(observed.auth_config, AuthConfigCheck::Unfit { .. })
        }
        Rule::Mark => {
            matches!(effect, Some(Effect::Pin { .. }))
                && free
                && sight.absent()
                && (!sight.marked() || desired.pin.alias().is_none())
                && !sight.stale()
        }
        Rule::Link => {
            matches!(effect, Some(Effect::Link { alias, .. }) if desired.pin.alias() == Some(alias))
                && free
                && sight.absent()
                && !sight.has_credentials()
                && (recorded.last_link_issued_at.is_none() || sight.asked())
        }
        Rule::Create => {
            matches!(effect, Some(Effect::Create { alias, .. }) if desired.pin.alias() == Some(alias))
                && free
                && sight.absent()
                && sight.has_credentials()
        }
        Rule::CreationRefused => {
            let refused = sight.refused(Kind::Link) || sight.refused(Kind::Create);
            refused
                && sight.absent()
                && match effect {
                    Some(effect) => *effect == Effect::Unpin && desired.pin.alias().is_some(),
                    None => matches!(plan, Plan::Refuse(_)),
                }
        }
        Rule::AliasInUse => waits(&[Reason::AliasInUse]) && !observed.refused.is_empty(),
        Rule::ReadSecret => *plan == Plan::Look(Need::Secret) && sight.has_credentials(),
        Rule::SecretMissing => {
            waits(&[Reason::SecretMissing]) && matches!(observed.secret, SecretSeen::Missing(_))
        }
        Rule::SecretInvalid => {
            waits(&[Reason::SecretInvalid]) && matches!(observed.secret, SecretSeen::Unfit(_))
        }
        Rule::Revive => {
            sight.sends_credentials(effect)
                && free
                && !sight.connected()
                && sight.secret_was_written()
        }
        Rule::Rotate => {
            sight.sends_credentials(effect)
                && free
                && sight.connected()
                && sight.secret_was_written()
        }
        Rule::Remake => {
            let may_wait = waits(&[Reason::DoesNotConverge]);
            let ends = matches!(effect, Some(Effect::Delete { revoke: false, .. })) && free;
            (ends || may_wait) && sight.may_remake()
        }
        Rule::Recreate => {
            matches!(effect, Some(Effect::Delete { revoke: false, .. }))
                && free
                && sight.has_credentials()
                && !sight.is(&[State::Active])
        }
        Rule::CredentialsRejected => {
            sight.has_credentials() && matches!(plan, Plan::Refuse(_) | Plan::Wait(_))
        }
        Rule::AwaitUser => {
            waits(&[Reason::AwaitingUser])
                && !sight.is(&[State::Active])
                && !sight.asked()
                && recorded
                    .link
                    .as_ref()
                    .is_some_and(|link| *now < link.expires_at.0)
        }
        Rule::GrantRevoked => {
            waits(&[Reason::Revoked]) && sight.is(&[State::Revoked]) && !sight.asked()
        }
        Rule::DisabledAndDead => {
            waits(&[Reason::Disabled]) && sight.dead() && !desired.spec.enabled && !sight.asked()
        }
        Rule::SignInAgain => {
            matches!(effect, Some(Effect::Refresh { .. }))
                && free
                && !sight.is(&[State::Active])
                && !sight.has_credentials()
        }
        Rule::MakeRoom => {
            matches!(effect, Some(Effect::Delete { revoke: false, .. }))
                && free
                && !sight.is(&[State::Active])
                && sight.refused(Kind::Refresh)
        }
        Rule::LinkOver => {
            waits(&[Reason::LinkExpired, Reason::ReauthorizationRequired])
                && recorded.last_link_issued_at.is_some()
                && !sight.asked()
                && !sight.is(&[State::Active])
        }
        Rule::DoesNotConverge => {
            waits(&[Reason::DoesNotConverge])
                && recorded
                    .corrections
                    .as_ref()
                    .is_some_and(|tally| tally.count >= 3)
        }
        Rule::Enable => {
            matches!(effect, Some(Effect::Enable { .. }))
                && free
                && desired.spec.enabled
                && sight.is(&[State::Inactive])
        }
        Rule::Disable => {
            matches!(effect, Some(Effect::Disable { .. }))
                && free
                && !desired.spec.enabled
                && sight.is(&[State::Active])
        }
        Rule::Share => {
            matches!(sight.change(effect), Some(Change::Sharing(_)))
                && free
                && desired.spec.sharing.is_some()
                && sight.connected()
        }
        Rule::Rename => {
            matches!(sight.change(effect), Some(Change::Alias(alias))
                if carried != Some(alias) && *alias == desired.alias)
                && free
        }
        Rule::PinAgain => {
            matches!(effect, Some(Effect::Pin { alias })
                if carried.is_none_or(|carried| Some(carried) == alias.as_deref())
                    && desired.pin.alias() != alias.as_deref())
                && free
                && sight.recorded()
                && sight.marked()
        }
        Rule::Refused => {
            !observed.refused.is_empty() && matches!(plan, Plan::Refuse(_) | Plan::Wait(_))
        }
        Rule::AsDeclared => {
            let state = match desired.spec.enabled {
                true => State::Active,
                false => State::Inactive,
            };
            *plan == Plan::Nothing && sight.recorded() && sight.marked() && sight.is(&[state])
        }
        Rule::DeletingUntouched
        | Rule::DeletingProjectUnavailable
        | Rule::DeletingNotOurs
        | Rule::DeletingHolderUnknown
        | Rule::DeletingDelete
        | Rule::DeletingOthersFirst
        | Rule::DeletingRevoke
        | Rule::DeletingEnable
        | Rule::DeletingRevoked
        | Rule::DeletingCannotRevoke
        | Rule::DeletingNoGrant
        | Rule::DeletingProviderRefuses
        | Rule::DeletingGone
        | Rule::DeletingMayShowUp
        | Rule::DeletingRefused => false,
    }
}
