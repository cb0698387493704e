//! What the Secret holds beside what the account has.

use composio_operator::composio::model::PATCHABLE_FIELDS;
use composio_operator::crd::CredentialsStep;
use composio_operator::plan::SecretSeen;
use composio_operator::record::{SecretChange, SecretData};
use jiff::SignedDuration;

use super::sight::{Situation, after};

/// What the Secret holds beside what the account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// No credentials are declared.
    NotDeclared,
    /// It was not read.
    Unread,
    /// It, or a key in it, is missing.
    Missing,
    /// It must not, or cannot, be sent.
    Invalid,
    /// Other data, which a PATCH takes.
    New,
    /// Other data, which only a new account takes.
    NeedsNewAccount,
    /// What the account has is not told, and no PATCH takes data.
    Unverifiable,
    /// The same data, and this came of it when it was sent.
    Sent(CredentialsStep),
}

impl Situation<'_> {
    /// What the Secret holds beside what the account has.
    pub(super) fn data(&self) -> Data {
        let Some(declared) = &self.desired.spec.credentials else {
            return Data::NotDeclared;
        };
        let (version, fields) = match &self.observed.secret {
            SecretSeen::NotUsed | SecretSeen::NotRead => return Data::Unread,
            SecretSeen::Missing(_) => return Data::Missing,
            SecretSeen::Unfit(_) | SecretSeen::NotOffered => return Data::Invalid,
            SecretSeen::Present { version, values } => (version, values),
        };
        let sent = self.observed.recorded.credentials.as_ref();
        let sent = sent.filter(|sent| sent.account_id.as_deref() == self.recorded_id());
        let is_patchable = declared.scheme.is_patchable()
            && fields
                .keys()
                .any(|field| PATCHABLE_FIELDS.contains(&field.as_str()));
        let Some(sent) = sent else {
            return if is_patchable {
                Data::New
            } else {
                Data::Unverifiable
            };
        };
        let data = SecretData {
            own_alias: &self.desired.own_alias,
            account: self.recorded_id(),
            secret: declared.secret_ref.as_ref().map_or("", |one| &one.name),
            scheme: declared.scheme,
            fields,
        };
        let is_unwritten =
            sent.uid == version.uid && sent.resource_version == version.resource_version;
        match self.observed.keys.secret_change(sent, &data) {
            change if is_unwritten || change == SecretChange::Same => match sent.step {
                CredentialsStep::Refused if !self.was_answered() => Data::New,
                step => Data::Sent(step),
            },
            SecretChange::Patchable | SecretChange::Unknown if is_patchable => Data::New,
            SecretChange::Unknown => Data::Unverifiable,
            SecretChange::Same | SecretChange::Patchable | SecretChange::CreateOnly => {
                Data::NeedsNewAccount
            }
        }
    }

    /// Whether what is declared now, and asked for, had its answer.
    fn was_answered(&self) -> bool {
        let generation = self.observed.recorded.observed_generation;
        generation == Some(self.desired.generation) && !self.has_unanswered_request()
    }

    /// Whether the account may be connected by what was sent to it, and not show it yet.
    pub(super) fn sent_lately(&self) -> bool {
        let sent = self.observed.recorded.credentials.as_ref();
        let sent = sent.filter(|sent| sent.step == CredentialsStep::Patched);
        sent.and_then(|sent| sent.at.as_ref()).is_some_and(|at| {
            self.now < after(at.0.min(self.now), self.desired.flags.unknown_outcome_wait)
        })
    }

    /// Whether the account was made anew for its Secret within the hour.
    pub(super) fn remade_lately(&self) -> bool {
        let recorded = &self.observed.recorded;
        let sent = recorded.credentials.as_ref();
        let is_remade = sent.is_some_and(|sent| sent.step == CredentialsStep::Remade);
        let made = recorded.connected_at.as_ref().filter(|_| is_remade);
        made.is_some_and(|made| {
            self.now < after(made.0.min(self.now), SignedDuration::from_hours(1))
        })
    }
}
