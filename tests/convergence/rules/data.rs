//! What the Secret holds beside what the account has.

use composio_operator::crd::CredentialsStep;
use composio_operator::plan::SecretSeen;
use composio_operator::record::{SecretChange, SecretData};

use super::sight::Sight;

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

impl Sight<'_> {
    /// What the Secret holds beside what the account has.
    pub(super) fn data(&self) -> Data {
        let Some(declared) = &self.desired.spec.credentials else {
            return Data::NotDeclared;
        };
        let (version, fields) = match &self.observed.secret {
            SecretSeen::NotUsed | SecretSeen::NotRead => return Data::Unread,
            SecretSeen::Missing(_) => return Data::Missing,
            SecretSeen::Unfit(_) => return Data::Invalid,
            SecretSeen::Present { version, values } => (version, values),
        };
        let sent = self.observed.recorded.credentials.as_ref();
        let sent = sent.filter(|sent| sent.account_id.as_deref() == self.recorded_id());
        let is_patchable = declared.scheme.is_patchable();
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
            _ if is_unwritten => Data::Sent(sent.step),
            SecretChange::Same => Data::Sent(sent.step),
            SecretChange::Patchable | SecretChange::Unknown if is_patchable => Data::New,
            SecretChange::Patchable | SecretChange::CreateOnly | SecretChange::Unknown => {
                Data::NeedsNewAccount
            }
        }
    }
}
