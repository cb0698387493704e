//! What a reason means to the person who signs in: the address of the page and the notifications go by it.

use crate::crd::{NotificationType, Reason};

/// What a reason means to the person who signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForPerson {
    /// Their sign-in is what helps, and this is what they are told.
    Asked(NotificationType),
    /// They have signed in.
    Connected,
    /// It passes by itself, and what was so before still is.
    Passing,
    /// Somebody else must do something, or nobody.
    Nothing,
}

/// Whether a person must sign in, or has. An object gets such a reason only once its project allows what it declares.
pub(crate) fn concerns_a_person(reason: Reason) -> bool {
    matches!(
        for_person(reason),
        ForPerson::Asked(_) | ForPerson::Connected
    )
}

pub(super) fn for_person(reason: Reason) -> ForPerson {
    match reason {
        Reason::AwaitingUser
        | Reason::LinkIssued
        | Reason::LinkExpired
        | Reason::SignInDeclined
        | Reason::SignInFailed
        | Reason::IdentityRefused => ForPerson::Asked(NotificationType::AwaitingUser),
        Reason::FinishedElsewhere | Reason::WrongIdentity => {
            ForPerson::Asked(NotificationType::WrongIdentity)
        }
        Reason::ReauthorizationRequired => {
            ForPerson::Asked(NotificationType::ReauthorizationRequired)
        }
        Reason::Revoked => ForPerson::Asked(NotificationType::Revoked),
        Reason::Connected => ForPerson::Connected,
        Reason::Progressing
        | Reason::OutcomeUnknown
        | Reason::ComposioUnavailable
        | Reason::RateLimited
        | Reason::ProjectUnavailable
        | Reason::ProjectNotFound
        | Reason::NamespaceUnreachable
        | Reason::KubernetesRefused
        | Reason::UnknownState => ForPerson::Passing,
        Reason::Disabled
        | Reason::ConnectionDataChanged
        | Reason::Suspended
        | Reason::Deleting
        | Reason::SecretMissing
        | Reason::SecretInvalid
        | Reason::SecretNotOffered
        | Reason::RevokeRefused
        | Reason::AliasInUse
        | Reason::DoesNotConverge
        | Reason::Rejected
        | Reason::Forbidden
        | Reason::CredentialsRejected
        | Reason::NotAllowed
        | Reason::Conflict
        | Reason::ProjectMismatch
        | Reason::Mismatch
        | Reason::AliasChanged
        | Reason::AccountNotFound
        | Reason::AuthConfigNotFound
        | Reason::AuthConfigDisabled
        | Reason::ToolkitMismatch
        | Reason::AuthConfigAmbiguous => ForPerson::Nothing,
    }
}
