//! The address of the connect page, while a person is awaited.

use jiff::Timestamp;

use crate::{
    composio::model::State,
    crd::{ConnectedAccountStatus, Reason},
    plan::{Desired, Presence, page_of},
};

use super::{conditions::Verdict, is_in};

/// Writes where the person asks for a link, while one is awaited. What fails meanwhile takes no address away that was
/// mailed, and what stands stays as long as it is good: at rest nothing is written.
pub(super) fn record_page(
    status: &mut ConnectedAccountStatus,
    desired: &Desired,
    verdict: &Verdict,
    now: Timestamp,
) {
    let is_asked_of_a_person =
        desired.presence == Presence::Present && desired.spec.credentials.is_none();
    let page = desired.flags.page.as_ref();
    let page = page.filter(|_| {
        is_asked_of_a_person
            && match waits_for_person(verdict.reason) {
                Some(waits) => waits,
                None => status.connect_page.is_some() && !has_grant(status),
            }
    });
    status.connect_page =
        page.map(|page| page.page(page_of(desired), status.connect_page.as_ref(), now));
}

fn has_grant(status: &ConnectedAccountStatus) -> bool {
    is_in(status, &[State::Active, State::Inactive])
}

/// Whether a person who signs in is what helps; `None`: the reason speaks of something that passes.
fn waits_for_person(reason: Reason) -> Option<bool> {
    match reason {
        Reason::AwaitingUser
        | Reason::LinkIssued
        | Reason::LinkExpired
        | Reason::SignInDeclined
        | Reason::SignInFailed
        | Reason::IdentityRefused
        | Reason::FinishedElsewhere
        | Reason::WrongIdentity
        | Reason::ReauthorizationRequired
        | Reason::Revoked => Some(true),
        Reason::Progressing
        | Reason::OutcomeUnknown
        | Reason::ComposioUnavailable
        | Reason::RateLimited
        | Reason::ProjectUnavailable
        | Reason::ProjectNotFound
        | Reason::NamespaceUnreachable
        | Reason::KubernetesRefused
        | Reason::UnknownState => None,
        Reason::Connected
        | Reason::Disabled
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
        | Reason::AuthConfigAmbiguous => Some(false),
    }
}
