//! What the Secret asks for: its values are sent once for each of its versions, and never is a person
//! asked instead.

use crate::{
    composio::model::Account,
    crd::{Credentials, CredentialsStep, Reason},
};

use super::{
    Desired, Effect, Kind, Need, Observed, Plan, SecretSeen, refuse, stopped, unconfirmed, wait,
};

/// What is to be made of the Secret.
pub(super) enum Standing {
    /// Nothing can be made of it; the plan says why.
    Unusable(Plan),
    /// This version was not sent to the recorded account.
    New,
    /// This version was sent, and this came of it.
    Sent(CredentialsStep),
}

pub(super) fn standing(declared: &Credentials, observed: &Observed) -> Standing {
    let version = match &observed.secret {
        SecretSeen::NotUsed | SecretSeen::NotRead => {
            return Standing::Unusable(Plan::Look(Need::Secret));
        }
        SecretSeen::Missing(why) => {
            let detail = format!("{why} (Secret {})", declared.secret_ref.name);
            return Standing::Unusable(wait(Reason::SecretMissing, detail, None));
        }
        SecretSeen::Unfit(why) => {
            return Standing::Unusable(refuse(Reason::CredentialsRejected, why.clone()));
        }
        SecretSeen::Present { version, .. } => version,
    };
    match &observed.recorded.credentials {
        Some(sent) if sent.version == *version => Standing::Sent(sent.step),
        // What was sent before, or by whom, is not known: a PATCH makes it known.
        Some(_) | None => Standing::New,
    }
}

/// For an account with a grant: what the Secret makes different, or what is in the way of knowing.
pub(super) fn difference(desired: &Desired, observed: &Observed, account: &Account) -> Plan {
    let Some(declared) = &desired.spec.credentials else {
        return Plan::Nothing;
    };
    match standing(declared, observed) {
        Standing::Unusable(plan) => plan,
        Standing::New => rotate(account),
        Standing::Sent(CredentialsStep::Created | CredentialsStep::Patched) => Plan::Nothing,
        Standing::Sent(CredentialsStep::Refused) => rejected(observed),
    }
}

/// For an account without a grant: a new version may bring it back to life. Where it does not, the
/// account is made anew from it, once.
pub(super) fn revive(
    desired: &Desired,
    declared: &Credentials,
    observed: &Observed,
    account: &Account,
) -> Plan {
    match standing(declared, observed) {
        Standing::Unusable(plan) => plan,
        Standing::New => match observed.refused(Kind::Rotate) {
            None => rotate(account),
            Some(refused) => stopped(&refused.failure),
        },
        // A record of a connection would be newer than the PATCH: it worked, and ended since.
        Standing::Sent(CredentialsStep::Patched) if observed.recorded.connected_at.is_none() => {
            match (
                observed.refused(Kind::Delete),
                unconfirmed(desired, observed, account),
            ) {
                (Some(refused), _) => stopped(&refused.failure),
                (None, Some(plan)) => plan,
                (None, None) => Plan::Do(Effect::Delete {
                    id: account.id.clone(),
                    revoke: false,
                }),
            }
        }
        Standing::Sent(CredentialsStep::Created | CredentialsStep::Patched) => refuse(
            Reason::CredentialsRejected,
            format!("the account made from the Secret is {}", account.state),
        ),
        Standing::Sent(CredentialsStep::Refused) => rejected(observed),
    }
}

fn rotate(account: &Account) -> Plan {
    Plan::Do(Effect::Rotate {
        id: account.id.clone(),
    })
}

/// Only the pass that was refused knows what was answered; the status keeps it.
fn rejected(observed: &Observed) -> Plan {
    let detail = observed
        .refused(Kind::Rotate)
        .map(|refused| refused.failure.message.clone());
    refuse(Reason::CredentialsRejected, detail.unwrap_or_default())
}
