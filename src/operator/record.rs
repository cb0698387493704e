//! What a status proves: that a record in it was written by this operator for this object, and which data of a
//! Secret the account has. A status can be copied, restored or edited, and an account id in it would be taken for
//! the object's own.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{collections::BTreeMap, fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use ring::{
    hkdf::{self, HKDF_SHA256, KeyType},
    hmac::{self, HMAC_SHA256},
};

use crate::{
    composio::model::{PATCHABLE_FIELDS, Sensitive},
    crd::{AccountRecord, CredentialsStatus, Scheme, length_prefixed},
};

/// What a derived key is for: another use has another key.
const RECORDS: &[u8] = b"record/v1";
/// The same for the data of Secrets.
const SECRETS: &[u8] = b"secret/v1";
/// Signed with each key: what comes of it names the key and tells nothing of it.
const KEY_NAME: &[u8] = b"key";
/// Bytes of the key's name that are written.
const KEY_ID: usize = 6;

#[cfg(test)]
mod tests;

/// Signs records and verifies them. They are derived from the state key, or else from the project's API key.
#[derive(Clone)]
pub struct RecordKeys {
    current: Arc<RecordKey>,
    /// Until it is changed again, or the process ends, what the former key signed is still good.
    former: Option<Arc<RecordKey>>,
    /// Whether a state key signs, and not the API key.
    has_state_key: bool,
    /// The names that keys derived from the API key have, the former one's too, and from the state key: a text
    /// of which a key of that name is derived must not leave.
    own: Vec<String>,
}

/// A secret of the operator's own, from which the keys of records are derived so that they outlive the API key.
#[derive(Clone, Debug)]
pub struct StateKey(Sensitive);

/// A state key that is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "has {bytes} bytes, and at least {} are needed; make one with `openssl rand -base64 32`",
    StateKey::MIN_BYTES
)]
pub struct ShortStateKey {
    /// How many it has.
    pub bytes: usize,
}

impl StateKey {
    /// The fewest bytes of a key, white space around it not counted.
    pub const MIN_BYTES: usize = 32;

    /// Takes the key without the white space around it (a file ends with a line end).
    ///
    /// # Errors
    /// When it is shorter than [`Self::MIN_BYTES`].
    pub fn new(key: &Sensitive) -> Result<Self, ShortStateKey> {
        let key = key.expose().trim();
        if key.len() < Self::MIN_BYTES {
            return Err(ShortStateKey { bytes: key.len() });
        }
        Ok(Self(Sensitive::new(key)))
    }
}

/// Where the keys of all projects come from.
pub struct RecordKeySource {
    state_key: Option<StateKey>,
    /// Of this process alone: nothing that is written verifies by it.
    unknown: RecordKeys,
}

impl RecordKeySource {
    /// With a state key, or from the API key of each project.
    pub fn new(state_key: Option<StateKey>) -> Self {
        let nobodys: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
        Self {
            state_key,
            unknown: RecordKeys::derive(&nobodys, ""),
        }
    }

    /// The keys of a project, `kind/name`, with that API key.
    pub fn derive(&self, api_key: &[u8], project: &str) -> RecordKeys {
        match &self.state_key {
            Some(state_key) => RecordKeys::of_state_key(state_key, api_key, project),
            None => RecordKeys::derive(api_key, project),
        }
    }

    /// The keys of a project whose API key is not known yet.
    pub fn unknown(&self) -> RecordKeys {
        self.unknown.clone()
    }
}

struct RecordKey {
    id: String,
    key: hmac::Key,
    secrets: hmac::Key,
}

/// The data of a Secret, and what it was sent for: the same data is another thing for another account, or it
/// could be found out by guessing it for one.
#[derive(Clone, Copy, Debug)]
pub struct SecretData<'a> {
    /// The computed alias of the object.
    pub own_alias: &'a str,
    /// The account that has it; `None`: none was made from it.
    pub account: Option<&'a str>,
    /// Name of the Secret.
    pub secret: &'a str,
    /// Of the account.
    pub scheme: Scheme,
    /// What is sent.
    pub fields: &'a BTreeMap<String, Sensitive>,
}

/// The signatures of the data of a Secret, in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretMacs {
    /// Names the key.
    pub key_id: String,
    /// Over all fields.
    pub all: String,
    /// Over those that no PATCH takes.
    pub create_only: String,
}

/// What is recorded of the data that an account has, beside the data that the Secret holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretChange {
    /// It is the same.
    Same,
    /// A field that a PATCH takes is another one.
    Patchable,
    /// A field that only a new account takes is another one.
    CreateOnly,
    /// That cannot be told: it was signed with another key.
    Unknown,
}

/// What a record proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// It was written by this operator, for this object and this account.
    Valid,
    /// It was not: it is a copy, or forged, or there is none.
    Invalid,
    /// It was signed with a key that is not known here: the API key was changed since.
    UnknownKey,
}

impl RecordKeys {
    /// The keys for one project, `kind/name`, derived from its API key.
    pub fn derive(api_key: &[u8], project: &str) -> Self {
        let current = Arc::new(RecordKey::derive(api_key, project));
        Self {
            own: vec![current.id.clone()],
            current,
            former: None,
            has_state_key: false,
        }
    }

    /// The keys for one project, `kind/name`, derived from the state key; the API key is not to be sent either.
    pub fn of_state_key(state_key: &StateKey, api_key: &[u8], project: &str) -> Self {
        let mut keys = Self::derive(state_key.0.expose().as_bytes(), project);
        keys.has_state_key = true;
        keys.own.push(RecordKey::derive(api_key, project).id);
        keys
    }

    /// The keys after a change of the API key.
    #[must_use]
    pub fn rotated(&self, api_key: &[u8], project: &str) -> Self {
        let next = Arc::new(RecordKey::derive(api_key, project));
        let mut keys = self.clone();
        if !self.own.contains(&next.id) {
            keys.own.push(next.id.clone());
        }
        if !self.has_state_key && next.id != self.current.id {
            keys.former = Some(Arc::clone(&self.current));
            keys.current = next;
        }
        keys
    }

    /// The record of an account of the object with that computed alias.
    pub fn sign(&self, own_alias: &str, id: &str) -> AccountRecord {
        self.sign_parts(&[own_alias, id])
    }

    /// The record that this object has issued a link for an account that is not its own yet.
    pub fn sign_link(&self, own_alias: &str, id: &str, url: &str) -> AccountRecord {
        self.sign_parts(&[own_alias, id, url])
    }

    fn sign_parts(&self, parts: &[&str]) -> AccountRecord {
        let tag = hmac::sign(&self.current.key, &length_prefixed(parts.iter().copied()));
        AccountRecord {
            key_id: self.current.id.clone(),
            mac: BASE64_STANDARD_NO_PAD.encode(tag),
        }
    }

    /// What the record of a status proves of an account.
    pub fn verify(&self, record: Option<&AccountRecord>, own_alias: &str, id: &str) -> Proven {
        self.verify_parts(record, &[own_alias, id])
    }

    /// What the record of a status proves of a link.
    pub fn verify_link(
        &self,
        record: Option<&AccountRecord>,
        own_alias: &str,
        id: &str,
        url: &str,
    ) -> Proven {
        self.verify_parts(record, &[own_alias, id, url])
    }

    /// The signatures of the data of a Secret.
    pub fn sign_secret(&self, data: &SecretData<'_>) -> SecretMacs {
        self.current.sign_secret(data)
    }

    /// What is different from the data that the account has.
    pub fn secret_change(&self, sent: &CredentialsStatus, data: &SecretData<'_>) -> SecretChange {
        let Some(key) = self.named(&sent.key_id) else {
            return SecretChange::Unknown;
        };
        let macs = key.sign_secret(data);
        if sent.mac == macs.all {
            SecretChange::Same
        } else if sent.create_only_mac == macs.create_only {
            SecretChange::Patchable
        } else {
            SecretChange::CreateOnly
        }
    }

    /// Whether this text is the API key, a former one or the state key: it must not be sent as somebody's
    /// credentials.
    pub fn is_own(&self, text: &[u8], project: &str) -> bool {
        self.own.contains(&RecordKey::derive(text, project).id)
    }

    fn named(&self, id: &str) -> Option<&RecordKey> {
        let mut keys = std::iter::once(&self.current).chain(&self.former);
        keys.find(|key| key.id == id).map(Arc::as_ref)
    }

    fn verify_parts(&self, record: Option<&AccountRecord>, parts: &[&str]) -> Proven {
        let Some(record) = record else {
            return Proven::Invalid;
        };
        let Some(key) = self.named(&record.key_id) else {
            return Proven::UnknownKey;
        };
        let is_valid = BASE64_STANDARD_NO_PAD.decode(&record.mac).is_ok_and(|mac| {
            hmac::verify(&key.key, &length_prefixed(parts.iter().copied()), &mac).is_ok()
        });
        if is_valid {
            Proven::Valid
        } else {
            Proven::Invalid
        }
    }
}

/// Equal keys have equal names.
impl PartialEq for RecordKeys {
    fn eq(&self, other: &Self) -> bool {
        let id = |key: &Option<Arc<RecordKey>>| key.as_ref().map(|key| key.id.clone());
        self.current.id == other.current.id && id(&self.former) == id(&other.former)
    }
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecordKeys").field(&self.current.id).finish()
    }
}

impl RecordKey {
    fn derive(secret: &[u8], project: &str) -> Self {
        let extracted = hkdf::Salt::new(HKDF_SHA256, project.as_bytes()).extract(secret);
        let key = derived(&extracted, RECORDS);
        let name = hmac::sign(&key, KEY_NAME);
        Self {
            id: BASE64_STANDARD_NO_PAD.encode(&name.as_ref()[..KEY_ID]),
            key,
            secrets: derived(&extracted, SECRETS),
        }
    }

    fn sign_secret(&self, data: &SecretData<'_>) -> SecretMacs {
        let mac = |is_signed: fn(&str) -> bool| {
            let fields = data.fields.iter().filter(|(name, _)| is_signed(name));
            let fields = fields.flat_map(|(name, value)| [name.as_str(), value.expose()]);
            let of = [
                data.own_alias,
                data.account.unwrap_or_default(),
                data.secret,
                data.scheme.as_str(),
            ];
            let parts = of.into_iter().chain(fields);
            BASE64_STANDARD_NO_PAD.encode(hmac::sign(&self.secrets, &length_prefixed(parts)))
        };
        SecretMacs {
            key_id: self.id.clone(),
            all: mac(|_| true),
            create_only: mac(|name| !PATCHABLE_FIELDS.contains(&name)),
        }
    }
}

fn derived(extracted: &hkdf::Prk, purpose: &[u8]) -> hmac::Key {
    hmac::Key::new(HMAC_SHA256, &expand(extracted, purpose))
}

/// The bytes of a key for that purpose: each has another one.
pub(crate) fn expand(extracted: &hkdf::Prk, purpose: &[u8]) -> [u8; 32] {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut bytes = [0; 32];
    // Neither fails for a length of 32, which is far below what the hash allows.
    let filled = extracted
        .expand(&[purpose], Length)
        .and_then(|okm| okm.fill(&mut bytes));
    assert!(filled.is_ok(), "HKDF gives 32 bytes");
    bytes
}
