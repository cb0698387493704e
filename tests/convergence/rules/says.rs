//! What each rule does: whether a plan is what the rule says.

use composio_operator::composio::State;
use composio_operator::crd::Reason;
use composio_operator::plan::{Change, Decision, Effect, EffectKind, Need, Plan, Rule};

use super::sight::Situation;

pub(super) fn fits(sight: &Situation<'_>, decision: &Decision) -> bool {
    let Situation {
        desired, observed, ..
    } = *sight;
    let plan = &decision.plan;
    let effect = match plan {
        Plan::Do(effect) => Some(effect),
        Plan::Nothing | Plan::Wait(_) | Plan::Refuse(_) | Plan::Look(_) => None,
    };
    let looks = |need| *plan == Plan::Look(need);
    let waits =
        |reasons: &[Reason]| matches!(plan, Plan::Wait(wait) if reasons.contains(&wait.reason));
    let refuses = |reasons: &[Reason]| matches!(plan, Plan::Refuse(refusal) if reasons.contains(&refusal.reason));
    let stops = matches!(plan, Plan::Wait(_) | Plan::Refuse(_));
    let account = sight.account().map(|account| account.id.as_str());
    let deleted = |with: bool| match effect {
        Some(Effect::Delete { id, revoke }) if *revoke == with => Some(id.as_str()),
        _ => None,
    };
    let deletes_it = |with| deleted(with).is_some() && deleted(with) == account;
    let pins = |alias: Option<&str>| matches!(effect, Some(Effect::Pin { alias: pinned }) if pinned.as_deref() == alias);
    match decision.rule {
        Rule::NotAllowed | Rule::FoundNotAllowed => refuses(&[Reason::NotAllowed]),
        Rule::NoLongerAllowed => waits(&[Reason::NotAllowed]),
        Rule::Suspended => waits(&[Reason::Suspended]),
        Rule::ProjectMismatch => refuses(&[Reason::ProjectMismatch]),
        Rule::LookAfresh => looks(Need::Account),
        Rule::ProjectUnavailable | Rule::DeletingProjectUnavailable => waits(&[
            Reason::ProjectUnavailable,
            Reason::ProjectNotFound,
            Reason::RateLimited,
        ]),
        Rule::DeletingProjectMismatch => waits(&[Reason::ProjectUnavailable]),
        Rule::HeldByAnother => refuses(&[Reason::Conflict]),
        Rule::Mismatch => refuses(&[Reason::Mismatch]),
        Rule::HolderUnknown | Rule::DeletingHolderUnknown => waits(&[Reason::NamespaceUnreachable]),
        Rule::UnknownState => waits(&[Reason::UnknownState]),
        Rule::NotVisibleYet => waits(&[Reason::Progressing]),
        Rule::Move if sight.recorded() => effect == Some(&Effect::Forget),
        Rule::Move => matches!(effect, Some(Effect::Pin { .. })),
        Rule::AccountGone | Rule::NotOurs => effect == Some(&Effect::Forget),
        Rule::Unproved => refuses(&[Reason::AliasChanged]),
        Rule::Adopt => match desired.is_marked() {
            true => effect == Some(&Effect::Adopt),
            false => matches!(effect, Some(Effect::Pin { .. })),
        },
        Rule::RestoreMarks => matches!(effect, Some(Effect::Pin { .. })),
        Rule::DeleteDuplicate => {
            deleted(false).is_some_and(|id| Some(id) != account && Some(id) != sight.recorded_id())
        }
        Rule::AccountNotFound => refuses(&[Reason::AccountNotFound]),
        Rule::OutcomeUnknown => waits(&[Reason::OutcomeUnknown]),
        Rule::DropFormerAlias => effect == Some(&Effect::Unpin),
        Rule::FindAuthConfig => looks(Need::AuthConfig),
        Rule::NoAuthConfig => matches!(plan, Plan::Refuse(_)),
        Rule::Mark => pins(Some(&desired.alias)),
        Rule::Link => {
            matches!(effect, Some(Effect::Link { alias, .. }) if desired.pin.alias() == Some(alias))
        }
        Rule::Create => {
            matches!(effect, Some(Effect::Create { alias, .. }) if desired.pin.alias() == Some(alias))
        }
        Rule::CreationRefused => match desired.pin.alias() {
            Some(_) => effect == Some(&Effect::Unpin),
            None => matches!(plan, Plan::Refuse(_)),
        },
        Rule::AliasInUse => waits(&[Reason::AliasInUse]),
        Rule::ReadSecret => looks(Need::Secret),
        Rule::SecretMissing => waits(&[Reason::SecretMissing]),
        Rule::SecretInvalid => waits(&[Reason::SecretInvalid, Reason::SecretNotOffered]),
        Rule::Revive | Rule::Rotate => sight.change(effect) == Some(&Change::Credentials),
        Rule::Remake if sight.remade_lately() => waits(&[Reason::DoesNotConverge]),
        Rule::Recreate if sight.sent_lately() => waits(&[Reason::Progressing]),
        Rule::Recreate | Rule::Remake | Rule::MakeRoom => deletes_it(false),
        Rule::CredentialsRejected | Rule::Refused | Rule::DeletingRefused => stops,
        Rule::CompleteAuth => effect.is_some() && effect == sight.completion().as_ref(),
        Rule::AwaitUser => waits(&[Reason::AwaitingUser]),
        Rule::GrantRevoked => waits(&[Reason::Revoked]),
        Rule::DisabledAndDead => waits(&[Reason::Disabled]),
        Rule::SignInAgain => matches!(effect, Some(Effect::Refresh { .. })),
        Rule::LinkOver => waits(&[how_it_ended(sight)]),
        Rule::AwaitRequest => waits(&[Reason::AwaitingUser]),
        Rule::AwaitReturn => waits(&[Reason::AwaitingUser]),
        Rule::FinishedElsewhere | Rule::NotReturned | Rule::WrongIdentity => match effect {
            Some(_) => deletes_it(false) && sight.asked_for_link(),
            None => match (sight.not_used_refused(), decision.rule) {
                (Some(_), _) => stops,
                (None, Rule::FinishedElsewhere | Rule::NotReturned) => {
                    refuses(&[Reason::FinishedElsewhere])
                }
                (None, _) => refuses(&[Reason::WrongIdentity]),
            },
        },
        Rule::DisableAtOnce => {
            matches!(effect, Some(Effect::Disable { id }) if sight.shows(id, &[State::Active]))
        }
        Rule::DoesNotConverge => waits(&[Reason::DoesNotConverge]),
        Rule::Enable => {
            matches!(effect, Some(Effect::Enable { id }) if Some(id.as_str()) == account)
        }
        Rule::Disable => {
            matches!(effect, Some(Effect::Disable { id }) if Some(id.as_str()) == account)
        }
        Rule::Share => matches!(sight.change(effect), Some(Change::Sharing(_))),
        Rule::Rename => sight.change(effect) == Some(&Change::Alias(desired.alias.clone())),
        Rule::PinAgain => {
            matches!(effect, Some(Effect::Pin { alias }) if alias.as_deref() != desired.pin.alias())
        }
        Rule::AuthConfigDisabled => waits(&[Reason::AuthConfigDisabled]),
        Rule::ConnectionDataChanged => waits(&[Reason::ConnectionDataChanged]),
        Rule::AsDeclared => *plan == Plan::Nothing,
        Rule::DeletingUntouched
        | Rule::DeletingAbandoned
        | Rule::DeletingNotOurs
        | Rule::DeletingRetained
        | Rule::DeletingGone => effect == Some(&Effect::Release),
        Rule::DeletingDelete
        | Rule::DeletingRevoked
        | Rule::DeletingOthersFirst
        | Rule::DeletingUnused => deleted(false).is_some(),
        Rule::DeletingRevoke => {
            matches!(effect, Some(Effect::Revoke { id }) if sight.shows(id, &[State::Active]))
        }
        Rule::DeletingEnable => {
            matches!(effect, Some(Effect::Enable { id }) if sight.shows(id, &[State::Inactive]))
        }
        Rule::DeletingCannotRevoke | Rule::DeletingNoGrant => deleted(true).is_some(),
        Rule::DeletingProviderRefuses => match effect {
            Some(effect) => effect.kind() == EffectKind::Disable && !desired.spec.enabled,
            None => {
                stops
                    && observed
                        .refused
                        .iter()
                        .any(|one| one.effect.kind() == EffectKind::Revoke)
            }
        },
        Rule::DeletingMayShowUp => waits(&[Reason::Deleting]),
    }
}

/// How the sign-in ended, by what Composio says of a failed one.
fn how_it_ended(sight: &Situation<'_>) -> Reason {
    let row = sight.account().filter(|row| row.state == State::Failed);
    let says = |word| row.is_some_and(|row| row.state_reason.iter().any(|why| why.contains(word)));
    match sight.observed.recorded.first_connected_at {
        _ if says("IDENTITY_VERIFICATION_FAILED") => Reason::IdentityRefused,
        _ if says("access_denied") => Reason::SignInDeclined,
        _ if row.is_some() => Reason::SignInFailed,
        None => Reason::LinkExpired,
        Some(_) => Reason::ReauthorizationRequired,
    }
}
