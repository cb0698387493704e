//! The rows of what is declared.

use composio_operator::composio::State;
use composio_operator::crd::Reason;
use composio_operator::plan::{
    AuthConfigCheck, Change, Claim, Effect, Kind, Need, Plan, Proof, SecretSeen, Wait,
};

use super::sight::Sight;

pub(super) fn present(sight: &Sight<'_>, plan: &Plan) -> (&'static str, bool) {
    let Sight {
        desired,
        observed,
        now,
    } = sight;
    let recorded = &observed.recorded;
    match plan {
        Plan::Nothing => (
            "as declared",
            sight.recorded()
                && sight.marked()
                && sight.is(&[if desired.spec.enabled {
                    State::Active
                } else {
                    State::Inactive
                }]),
        ),
        Plan::Look(Need::Account) => ("what is remembered asks for something", !observed.fresh),
        Plan::Look(Need::AuthConfig) => (
            "an account is due",
            sight.absent() && observed.auth_config == AuthConfigCheck::NotAsked,
        ),
        Plan::Look(Need::Secret) => ("credentials are declared", sight.has_credentials()),
        Plan::Wait(Wait { reason, .. }) => match reason {
            Reason::Suspended => ("suspended", desired.spec.suspend),
            Reason::ProjectUnavailable | Reason::RateLimited => (
                "the project cannot be used now",
                !observed.gate.may_write() || observed.gate.proof != Proof::Given,
            ),
            Reason::NamespaceUnreachable => (
                "an account is found, and an object that cannot be read may manage it",
                sight.may_be_anothers() && !sight.recorded(),
            ),
            Reason::UnknownState => (
                "the state is a word that is not known",
                observed
                    .account
                    .account()
                    .is_some_and(|account| matches!(account.state, State::Unknown(_))),
            ),
            Reason::OutcomeUnknown => (
                "an account or a link is due, and an earlier call may still bring one",
                !sight.is(&[State::Active]) && (recorded.unknown_since.is_some() || sight.stale()),
            ),
            Reason::Progressing => (
                "the recorded account is not there, and was made a moment ago",
                sight.recorded() && sight.absent() && sight.is_new(),
            ),
            Reason::SecretMissing => (
                "the Secret or a key in it is missing",
                matches!(observed.secret, SecretSeen::Missing(_)),
            ),
            Reason::AwaitingUser => (
                "a link waits for the person",
                !sight.is(&[State::Active])
                    && !sight.asked()
                    && recorded
                        .link
                        .as_ref()
                        .is_some_and(|link| *now < link.expires_at.0),
            ),
            Reason::Revoked => (
                "somebody revoked the grant",
                sight.is(&[State::Revoked]) && !sight.asked(),
            ),
            Reason::Disabled => (
                "disabled, and the grant is dead",
                sight.dead() && !desired.spec.enabled && !sight.asked(),
            ),
            Reason::LinkExpired | Reason::ReauthorizationRequired => (
                "a link was issued, and is over",
                recorded.last_link_issued_at.is_some()
                    && !sight.asked()
                    && !sight.is(&[State::Active]),
            ),
            Reason::DoesNotConverge => (
                "what was put right is changed back again and again",
                recorded
                    .corrections
                    .as_ref()
                    .is_some_and(|tally| tally.count >= 3),
            ),
            Reason::AliasInUse => ("the alias is taken", !observed.refused.is_empty()),
            _ => (
                "Composio refuses a difference, or a look",
                !observed.refused.is_empty(),
            ),
        },
        Plan::Refuse(refusal) => match refusal.reason {
            Reason::Conflict => (
                "another object manages the account",
                observed.holder.is_some(),
            ),
            Reason::Mismatch => (
                "what was found differs in something that cannot be changed",
                observed.account.account().is_some(),
            ),
            Reason::AliasChanged => (
                "the account has another alias, and nothing proves that it is this object's",
                sight.claim() != Some(Claim::Own),
            ),
            Reason::AccountNotFound => (
                "`connectedAccountId` names no account, and none was ever there",
                sight.absent() && desired.spec.connected_account_id.is_some(),
            ),
            Reason::AuthConfigNotFound
            | Reason::AuthConfigDisabled
            | Reason::AuthConfigAmbiguous
            | Reason::ToolkitMismatch
                if observed.refused.is_empty() =>
            {
                (
                    "an account is due, and no auth config will do",
                    sight.absent() && matches!(observed.auth_config, AuthConfigCheck::Unfit { .. }),
                )
            }
            Reason::CredentialsRejected => (
                "credentials, and Composio does not take them",
                sight.has_credentials(),
            ),
            _ => (
                "Composio refuses a difference, or a look",
                !observed.refused.is_empty(),
            ),
        },
        Plan::Do(effect) => present_does(sight, effect),
    }
}

fn present_does(sight: &Sight<'_>, effect: &Effect) -> (&'static str, bool) {
    let Sight {
        desired, observed, ..
    } = sight;
    let recorded = &observed.recorded;
    let alias = observed
        .account
        .account()
        .and_then(|account| account.alias.as_deref());
    let acts = observed.fresh && !desired.spec.suspend && observed.holder.is_none();
    let (row, holds) = match effect {
        Effect::Forget if sight.absent() => ("the recorded account is gone", sight.recorded()),
        Effect::Forget => (
            "the recorded account is not this object's",
            sight.recorded() && sight.claim().is_none(),
        ),
        Effect::Adopt => (
            "an account is found that is ours and not recorded",
            !sight.recorded() && sight.marked() && !sight.absent(),
        ),
        Effect::Pin { .. } if sight.absent() => (
            "an account is due, finalizer and alias are not on the object",
            (!sight.marked() || desired.pin.alias().is_none()) && !sight.stale(),
        ),
        Effect::Pin { .. } if !sight.recorded() => (
            "an account is found that is ours and not recorded",
            !sight.marked(),
        ),
        Effect::Pin { .. } if !sight.marked() => (
            "finalizer or alias was taken off the object",
            sight.recorded(),
        ),
        Effect::Pin { alias: written } => (
            "the alias on the object is not the account's",
            alias.is_none_or(|alias| Some(alias) == written.as_deref())
                && desired.pin.alias() != written.as_deref(),
        ),
        Effect::Unpin if sight.refused(Kind::Link) || sight.refused(Kind::Create) => (
            "Composio refused to make the account",
            sight.absent() && desired.pin.alias().is_some(),
        ),
        Effect::Unpin => (
            "an account is due, the alias was changed, and nothing carries the former",
            sight.absent() && sight.stale() && recorded.unknown_since.is_some(),
        ),
        Effect::Link { alias, .. } => (
            "no account, and no link was issued, or the last account had been connected",
            sight.absent()
                && !sight.has_credentials()
                && desired.pin.alias() == Some(alias)
                && (recorded.last_link_issued_at.is_none() || sight.asked()),
        ),
        Effect::Create { alias, .. } => (
            "no account, its credentials are there",
            sight.absent() && sight.has_credentials() && desired.pin.alias() == Some(alias),
        ),
        Effect::Refresh { .. } => (
            "no grant, and the link was lost, the grant has died, or a new link is asked for",
            !sight.is(&[State::Active]) && !sight.has_credentials(),
        ),
        Effect::Delete { id, revoke } if recorded.connected_account_id.as_ref() != Some(id) => (
            "a second account with our alias holds nobody's grant",
            !revoke && sight.several(),
        ),
        Effect::Delete { revoke, .. } if sight.has_credentials() => (
            "credentials, no grant, sending did not help",
            !revoke && !sight.is(&[State::Active]),
        ),
        Effect::Delete { revoke, .. } => (
            "that was refused, or brought no link",
            !revoke && !sight.is(&[State::Active]) && sight.refused(Kind::Refresh),
        ),
        Effect::Enable { .. } => (
            "enabled, and the account is not",
            desired.spec.enabled && sight.is(&[State::Inactive]),
        ),
        Effect::Disable { .. } => (
            "disabled, and the account is not",
            !desired.spec.enabled && sight.is(&[State::Active]),
        ),
        Effect::Patch { change, .. } => match change {
            Change::Sharing(_) => (
                "another access list",
                desired.spec.sharing.is_some() && sight.connected(),
            ),
            Change::Credentials if sight.connected() => (
                "a grant, and a new version of the Secret",
                sight.version_is_new(),
            ),
            Change::Credentials => (
                "credentials, no grant, a new version of the Secret",
                sight.version_is_new(),
            ),
            Change::Alias(wanted) => (
                "another alias",
                alias != Some(wanted) && *wanted == desired.alias,
            ),
        },
        Effect::Revoke { .. } | Effect::Release => ("as declared", false),
    };
    (row, holds && acts)
}
