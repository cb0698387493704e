//! What the Secret asks for: its data is sent once, and never is a person asked instead.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    composio::model::{Account, PATCHABLE_FIELDS},
    crd::{CREDENTIALS_ANNOTATION, Credentials, CredentialsStatus, CredentialsStep, Reason},
    record::{RecordKeys, SecretChange, SecretData},
};

use super::{
    Change, Decision, Desired, Effect, EffectKind, Need, Observed, Rule, SecretSeen, checks,
    has_unanswered_request, still_within, stopped, unconfirmed,
};

/// A live account is made anew for other data of its Secret no more often than this.
const BETWEEN_REMAKES: SignedDuration = SignedDuration::from_hours(1);
const REMADE_LATELY: &str = "the account was made anew within the hour, and the Secret holds other data again in a field that only a new account takes: name the fields that are meant in secretRef.keys";

const SENT_LATELY: &str = "what the Secret holds was sent a moment ago, and the account may be connected by it and not show it yet";

/// What is to be made of the Secret.
pub(super) enum CredentialsState {
    /// Nothing can be made of it; the decision says why.
    Unusable(Decision),
    /// The account is to have this data, which a PATCH takes.
    New,
    /// The account is to have this data, and only a new one takes it.
    NeedsNewAccount,
    /// Nothing tells whether the account has this data, and no PATCH takes it.
    Unverifiable,
    /// This data was sent, and this came of it.
    Sent(CredentialsStep),
}

pub(super) fn state(
    desired: &Desired,
    declared: &Credentials,
    observed: &Observed,
) -> CredentialsState {
    if let SecretSeen::NotUsed | SecretSeen::NotRead = &observed.secret {
        return CredentialsState::Unusable(Rule::ReadSecret.looks(Need::Secret));
    }
    let name = declared.secret_ref.as_ref().map(|secret| &secret.name);
    let detail = |what: &str| {
        let (namespace, name) = (&desired.namespace, name.map_or("", String::as_str));
        format!("Secret {namespace}/{name} {what}")
    };
    match &observed.secret {
        SecretSeen::Missing(why) => CredentialsState::Unusable(Rule::SecretMissing.waits(
            Reason::SecretMissing,
            detail(why),
            None,
        )),
        SecretSeen::Unfit(why) => CredentialsState::Unusable(Rule::SecretInvalid.waits(
            Reason::SecretInvalid,
            detail(why),
            None,
        )),
        SecretSeen::NotOffered => {
            let (namespace, name) = (&desired.namespace, name.map_or("", String::as_str));
            let command = format!(
                "kubectl annotate secret -n {namespace} {name} {CREDENTIALS_ANNOTATION}=true"
            );
            let detail = detail(&format!("is not offered: {command}"));
            CredentialsState::Unusable(Rule::SecretInvalid.waits(
                Reason::SecretNotOffered,
                detail,
                None,
            ))
        }
        SecretSeen::NotUsed | SecretSeen::NotRead | SecretSeen::Present { .. } => {
            of_data(desired, declared, observed)
        }
    }
}

fn of_data(desired: &Desired, declared: &Credentials, observed: &Observed) -> CredentialsState {
    let recorded = &observed.recorded;
    let sent = recorded
        .credentials
        .as_ref()
        .filter(|sent| sent.account_id == recorded.connected_account_id);
    let is_patchable = is_patchable(declared, &observed.secret);
    let Some(sent) = sent else {
        // What was sent before, or by whom, is not known: a PATCH makes it known.
        return if is_patchable {
            CredentialsState::New
        } else {
            CredentialsState::Unverifiable
        };
    };
    match change(desired, &observed.keys, &observed.secret, sent) {
        // Something else is declared, or somebody asks: what was refused may be taken now.
        SecretChange::Same
            if sent.step == CredentialsStep::Refused && !was_answered(desired, observed) =>
        {
            CredentialsState::New
        }
        SecretChange::Same => CredentialsState::Sent(sent.step),
        SecretChange::Patchable | SecretChange::Unknown if is_patchable => CredentialsState::New,
        // No live account ends for what cannot be told.
        SecretChange::Unknown => CredentialsState::Unverifiable,
        SecretChange::Patchable | SecretChange::CreateOnly => CredentialsState::NeedsNewAccount,
    }
}

/// Whether a PATCH takes anything of the Secret: one without a field would be answered and change nothing.
pub(crate) fn is_patchable(declared: &Credentials, secret: &SecretSeen) -> bool {
    let fields = secret.values().into_iter().flat_map(|values| values.keys());
    let mut fields = fields.map(String::as_str);
    declared.scheme.is_patchable() && fields.any(|field| PATCHABLE_FIELDS.contains(&field))
}

/// Whether what is declared now, and asked for, has had its answer: the same again would have the same.
fn was_answered(desired: &Desired, observed: &Observed) -> bool {
    observed.recorded.observed_generation == Some(desired.generation)
        && !has_unanswered_request(desired, observed)
}

/// What of the data is another one than what is recorded as sent. A Secret that was not written since is the
/// same, whatever its record was signed with.
pub(crate) fn change(
    desired: &Desired,
    keys: &RecordKeys,
    secret: &SecretSeen,
    sent: &CredentialsStatus,
) -> SecretChange {
    let SecretSeen::Present { version, .. } = secret else {
        return SecretChange::Same;
    };
    let is_unwritten =
        (&sent.uid, &sent.resource_version) == (&version.uid, &version.resource_version);
    match data(desired, secret, sent.account_id.as_deref()) {
        Some(data) if !is_unwritten => keys.secret_change(sent, &data),
        Some(_) | None => SecretChange::Same,
    }
}

/// The data that is sent for an account; `None`: there is none.
fn data<'a>(
    desired: &'a Desired,
    secret: &'a SecretSeen,
    account: Option<&'a str>,
) -> Option<SecretData<'a>> {
    let declared = desired.spec.credentials.as_ref()?;
    let secret_ref = declared.secret_ref.as_ref();
    Some(SecretData {
        own_alias: &desired.own_alias,
        account,
        secret: secret_ref.map_or("", |secret| &secret.name),
        scheme: declared.scheme,
        fields: secret.values()?,
    })
}

/// The record that this data of the Secret was sent, or refused, at that time.
pub(crate) fn record(
    desired: &Desired,
    observed: &Observed,
    account: Option<&str>,
    step: CredentialsStep,
    at: Option<Time>,
) -> Option<CredentialsStatus> {
    let SecretSeen::Present { version, .. } = &observed.secret else {
        return None;
    };
    let macs = observed
        .keys
        .sign_secret(&data(desired, &observed.secret, account)?);
    Some(CredentialsStatus {
        account_id: account.map(str::to_owned),
        uid: version.uid.clone(),
        resource_version: version.resource_version.clone(),
        key_id: macs.key_id,
        mac: macs.all,
        create_only_mac: macs.create_only,
        step,
        at,
    })
}

/// For an account with a grant: what the Secret makes different, or what is in the way of knowing; `None`:
/// nothing.
pub(super) fn difference(
    desired: &Desired,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Option<Decision> {
    let declared = desired.spec.credentials.as_ref()?;
    match state(desired, declared, observed) {
        CredentialsState::Unusable(decision) => Some(decision),
        CredentialsState::New => Some(Rule::Rotate.does(Change::Credentials.of(account))),
        CredentialsState::NeedsNewAccount => Some(remake(desired, observed, account, now)),
        CredentialsState::Unverifiable
        | CredentialsState::Sent(
            CredentialsStep::Created
            | CredentialsStep::Remade
            | CredentialsStep::Patched
            | CredentialsStep::Assumed,
        ) => None,
        CredentialsState::Sent(CredentialsStep::Refused) => Some(rejected(observed, account)),
    }
}

/// For an account without a grant: other data may bring it back to life. Where it does not, the
/// account is made anew from it, once.
pub(super) fn revive(
    desired: &Desired,
    declared: &Credentials,
    observed: &Observed,
    account: &Account,
    now: Timestamp,
) -> Decision {
    match state(desired, declared, observed) {
        CredentialsState::Unusable(decision) => decision,
        CredentialsState::New => match observed.refused_like(&Change::Credentials.of(account)) {
            None => Rule::Revive.does(Change::Credentials.of(account)),
            Some(refused) => stopped(Rule::CredentialsRejected, &refused.failure),
        },
        CredentialsState::NeedsNewAccount => recreate(desired, observed, account, now),
        // A record of a connection would be newer than the PATCH: it worked, and ended since.
        CredentialsState::Sent(CredentialsStep::Patched)
            if observed.recorded.connected_at.is_none() =>
        {
            recreate(desired, observed, account, now)
        }
        CredentialsState::Unverifiable
        | CredentialsState::Sent(
            CredentialsStep::Created
            | CredentialsStep::Remade
            | CredentialsStep::Patched
            | CredentialsStep::Assumed,
        ) => Rule::CredentialsRejected.refuses(
            Reason::CredentialsRejected,
            format!("the account made from the Secret is {}", account.state),
        ),
        CredentialsState::Sent(CredentialsStep::Refused) => rejected(observed, account),
    }
}

/// An account without a grant makes room for one that has the data. What was sent to it may have brought it back
/// to life and not be seen yet: a look may lag behind a PATCH as it does behind a POST.
fn recreate(desired: &Desired, observed: &Observed, account: &Account, now: Timestamp) -> Decision {
    let recorded = &observed.recorded;
    let sent = (recorded.credentials.as_ref()).filter(|sent| sent.step == CredentialsStep::Patched);
    if observed.refused(EffectKind::Delete).is_none()
        && let Some(at) = sent.and_then(|sent| sent.at.as_ref())
        && let Some(until) = still_within(at.0, desired.flags.unknown_outcome_wait, now)
    {
        return Rule::Recreate.waits(Reason::Progressing, SENT_LATELY, Some(until));
    }
    make_anew(Rule::Recreate, desired, observed, account)
}

/// A live account makes room for one with other data: only once it is known what the next can be made from, and
/// no more often than once an hour, whoever writes the Secret.
fn remake(desired: &Desired, observed: &Observed, account: &Account, now: Timestamp) -> Decision {
    let recorded = &observed.recorded;
    let step = recorded.credentials.as_ref().map(|sent| sent.step);
    let is_remade = step == Some(CredentialsStep::Remade);
    let made = recorded.connected_at.as_ref().filter(|_| is_remade);
    if let Some(made) = made
        && let Some(until) = still_within(made.0, BETWEEN_REMAKES, now)
    {
        return Rule::Remake.waits(Reason::DoesNotConverge, REMADE_LATELY, Some(until));
    }
    match checks::auth_config(desired, observed) {
        Ok(_) => make_anew(Rule::Remake, desired, observed, account),
        Err(decision) => decision,
    }
}

/// The account makes room for one with this data, without revocation: no person has signed in to it.
fn make_anew(rule: Rule, desired: &Desired, observed: &Observed, account: &Account) -> Decision {
    if let Some(refused) = observed.refused(EffectKind::Delete) {
        return stopped(Rule::Refused, &refused.failure);
    }
    unconfirmed(desired, observed, account).unwrap_or_else(|| {
        rule.does(Effect::Delete {
            id: account.id.clone(),
            revoke: false,
        })
    })
}

/// Only the pass that was refused knows what was answered; the status keeps it.
fn rejected(observed: &Observed, account: &Account) -> Decision {
    let detail = observed
        .refused_like(&Change::Credentials.of(account))
        .map(|refused| refused.failure.message.clone());
    Rule::CredentialsRejected.refuses(Reason::CredentialsRejected, detail.unwrap_or_default())
}
