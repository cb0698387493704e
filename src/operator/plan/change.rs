//! The changes of an account that are made with a PATCH: what is sent, what it makes of the account, and what
//! is told of it. A field that can be patched is a variant here.

use strum::{EnumDiscriminants, EnumIter, IntoStaticStr};

use crate::composio::{
    PatchRequest, SharingPatch,
    model::{Account, Acl, PATCHABLE_FIELDS},
};

use super::{Applied, Desired, Effect, SecretSeen, sharing};

/// One change of an account, sent in a PATCH of its own: a refusal of one does not stop the others.
#[derive(Clone, Debug, PartialEq, EnumDiscriminants)]
#[strum_discriminants(
    name(ChangeKind),
    derive(Hash, PartialOrd, Ord, EnumIter, IntoStaticStr),
    doc = "Which change, without its particulars."
)]
#[strum_discriminants(allow(missing_docs, reason = "the changes of the same names"))]
pub enum Change {
    /// The alias becomes this one.
    Alias(String),
    /// The access list is changed by this; Composio merges it.
    Sharing(SharingPatch),
    /// The account gets the values of the Secret as it was read in this pass.
    Credentials,
}

impl Change {
    /// Which change it is, without its value.
    pub fn kind(&self) -> ChangeKind {
        self.into()
    }

    /// The step that makes it of the account.
    pub(super) fn of(self, account: &Account) -> Effect {
        Effect::Patch {
            id: account.id.clone(),
            change: self,
        }
    }

    /// What is sent.
    pub fn request(&self, desired: &Desired, secret: &SecretSeen) -> PatchRequest {
        let mut request = PatchRequest::default();
        match self {
            Self::Alias(alias) => request.alias = Some(alias.clone()),
            Self::Sharing(patch) => request.sharing = Some(patch.clone()),
            Self::Credentials => {
                let mut credentials = desired.credentials(secret);
                let is_taken = |name: &str| PATCHABLE_FIELDS.contains(&name);
                credentials.fields.retain(|name, _| is_taken(name));
                request.credentials = Some(credentials);
            }
        }
        request
    }

    /// What it is called once it went through.
    pub fn done(&self) -> Applied {
        match self {
            Self::Alias(_) | Self::Sharing(_) => Applied::Changed,
            Self::Credentials => Applied::Rotated,
        }
    }

    /// Takes into the account what Composio accepted.
    pub fn apply(&self, account: &mut Account) {
        match self {
            Self::Alias(alias) => account.alias = Some(alias.clone()),
            Self::Sharing(patch) => {
                let current = account.sharing.take().unwrap_or_default();
                account.sharing = Some(sharing::applied(&current, patch));
            }
            // No account shows them.
            Self::Credentials => {}
        }
    }

    /// Whether it puts right what can be read back: who keeps changing it the other way is seen.
    pub fn is_correction(&self) -> bool {
        match self {
            Self::Alias(_) | Self::Sharing(_) => true,
            Self::Credentials => false,
        }
    }

    /// Whether somebody who may use the account may not after it.
    pub(super) fn takes_away(&self, account: Option<&Account>) -> bool {
        match self {
            Self::Sharing(patch) => {
                let current = account.and_then(|account| account.sharing.as_ref());
                current.is_none_or(|current| sharing::takes_away(current, patch))
            }
            Self::Alias(_) | Self::Credentials => false,
        }
    }

    /// The note of the event that tells of it. `account` is the account after it. `None`: it is half of a
    /// change.
    pub fn note(&self, desired: &Desired, id: &str, account: Option<&Account>) -> Option<String> {
        match self {
            Self::Alias(alias) => Some(format!("account {id} has the alias {alias:?}")),
            Self::Sharing(_) => {
                let list = account.and_then(|account| account.sharing.as_ref());
                // Rights are taken away before others are given.
                let is_half = list.is_some() && list != desired.access_list().as_ref();
                (!is_half).then(|| shared(id, list))
            }
            Self::Credentials => Some(format!(
                "account {id} was given the credentials of the changed Secret"
            )),
        }
    }
}

impl ChangeKind {
    /// The reason of the event that tells of it.
    pub fn event_reason(self) -> &'static str {
        match self {
            Self::Alias => "Renamed",
            Self::Sharing => "SharingChanged",
            Self::Credentials => "CredentialsRotated",
        }
    }
}

/// How many, not whom.
fn shared(id: &str, list: Option<&Acl>) -> String {
    let Some(list) = list else {
        return format!("the access list of account {id} was changed");
    };
    let everybody = if list.allow_all { "yes" } else { "no" };
    format!(
        "the access list of account {id} was changed: everybody allowed: {everybody}, users allowed: {}, users denied: {}",
        list.allowed.len(),
        list.denied.len()
    )
}
