//! What the Secret asks for: its values are sent once for each of its versions, and never is a person
//! asked instead.

use crate::{
    composio::model::Account,
    crd::{Credentials, CredentialsStep, Reason},
};

use super::{
    Change, Decision, Desired, Effect, Kind, Need, Observed, Rule, SecretSeen, stopped, unconfirmed,
};

/// What is to be made of the Secret.
pub(super) enum CredentialsState {
    /// Nothing can be made of it; the decision says why.
    Unusable(Decision),
    /// This version was not sent to the recorded account.
    New,
    /// This version was sent, and this came of it.
    Sent(CredentialsStep),
}

pub(super) fn state(
    desired: &Desired,
    declared: &Credentials,
    observed: &Observed,
) -> CredentialsState {
    let version = match &observed.secret {
        SecretSeen::NotUsed | SecretSeen::NotRead => {
            return CredentialsState::Unusable(Rule::ReadSecret.looks(Need::Secret));
        }
        SecretSeen::Missing(why) => {
            let (namespace, name) = (&desired.namespace, &declared.secret_ref.name);
            let detail = format!("Secret {namespace}/{name} {why}");
            let waits = Rule::SecretMissing.waits(Reason::SecretMissing, detail, None);
            return CredentialsState::Unusable(waits);
        }
        SecretSeen::Unfit(why) => {
            let refuses =
                Rule::CredentialsRejected.refuses(Reason::CredentialsRejected, why.clone());
            return CredentialsState::Unusable(refuses);
        }
        SecretSeen::Present { version, .. } => version,
    };
    match &observed.recorded.credentials {
        Some(sent) if sent.version == *version => CredentialsState::Sent(sent.step),
        // What was sent before, or by whom, is not known: a PATCH makes it known.
        Some(_) | None => CredentialsState::New,
    }
}

/// For an account with a grant: what the Secret makes different, or what is in the way of knowing.
pub(super) fn difference(desired: &Desired, observed: &Observed, account: &Account) -> Decision {
    let Some(declared) = &desired.spec.credentials else {
        return Rule::AsDeclared.nothing();
    };
    match state(desired, declared, observed) {
        CredentialsState::Unusable(decision) => decision,
        CredentialsState::New => Rule::Rotate.does(Change::Credentials.of(account)),
        CredentialsState::Sent(CredentialsStep::Created | CredentialsStep::Patched) => {
            Rule::AsDeclared.nothing()
        }
        CredentialsState::Sent(CredentialsStep::Refused) => rejected(observed, account),
    }
}

/// For an account without a grant: a new version may bring it back to life. Where it does not, the
/// account is made anew from it, once.
pub(super) fn revive(
    desired: &Desired,
    declared: &Credentials,
    observed: &Observed,
    account: &Account,
) -> Decision {
    match state(desired, declared, observed) {
        CredentialsState::Unusable(decision) => decision,
        CredentialsState::New => match observed.refused_like(&Change::Credentials.of(account)) {
            None => Rule::Revive.does(Change::Credentials.of(account)),
            Some(refused) => stopped(Rule::CredentialsRejected, &refused.failure),
        },
        // A record of a connection would be newer than the PATCH: it worked, and ended since.
        CredentialsState::Sent(CredentialsStep::Patched)
            if observed.recorded.connected_at.is_none() =>
        {
            match (
                observed.refused(Kind::Delete),
                unconfirmed(desired, observed, account),
            ) {
                (Some(refused), _) => stopped(Rule::Refused, &refused.failure),
                (None, Some(unconfirmed)) => unconfirmed,
                (None, None) => Rule::Recreate.does(Effect::Delete {
                    id: account.id.clone(),
                    revoke: false,
                }),
            }
        }
        CredentialsState::Sent(CredentialsStep::Created | CredentialsStep::Patched) => {
            Rule::CredentialsRejected.refuses(
                Reason::CredentialsRejected,
                format!("the account made from the Secret is {}", account.state),
            )
        }
        CredentialsState::Sent(CredentialsStep::Refused) => rejected(observed, account),
    }
}

/// Only the pass that was refused knows what was answered; the status keeps it.
fn rejected(observed: &Observed, account: &Account) -> Decision {
    let detail = observed
        .refused_like(&Change::Credentials.of(account))
        .map(|refused| refused.failure.message.clone());
    Rule::CredentialsRejected.refuses(Reason::CredentialsRejected, detail.unwrap_or_default())
}
