//! The proof that a record in a status was written by this operator for this object. A status can be copied,
//! restored or edited, and an account id in it would be taken for the object's own.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use ring::{
    hkdf::{self, HKDF_SHA256, KeyType},
    hmac::{self, HMAC_SHA256},
};

use crate::crd::AccountRecord;

/// What the derived key is for: another use has another key.
const PURPOSE: &[u8] = b"record/v1";
/// Signed with each key: what comes of it names the key and tells nothing of it.
const KEY_NAME: &[u8] = b"key";
/// Bytes of the key's name that are written.
const KEY_ID: usize = 6;

/// Signs records and verifies them. The secret it is derived from is the project's API key.
#[derive(Clone)]
pub struct RecordKeys {
    current: RecordKey,
    /// Until it is changed again, or the process ends, what the former key signed is still good.
    former: Option<RecordKey>,
}

#[derive(Clone)]
struct RecordKey {
    id: String,
    key: hmac::Key,
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
    /// The keys for one project, `kind/name`.
    pub fn derive(secret: &[u8], project: &str) -> Self {
        Self {
            current: RecordKey::derive(secret, project),
            former: None,
        }
    }

    /// The keys after a change of the secret.
    #[must_use]
    pub fn rotated(&self, secret: &[u8], project: &str) -> Self {
        let current = RecordKey::derive(secret, project);
        let former = if current.id == self.current.id {
            self.former.clone()
        } else {
            Some(self.current.clone())
        };
        Self { current, former }
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
        let tag = hmac::sign(&self.current.key, &message(parts));
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

    fn verify_parts(&self, record: Option<&AccountRecord>, parts: &[&str]) -> Proven {
        let Some(record) = record else {
            return Proven::Invalid;
        };
        let mut keys = std::iter::once(&self.current).chain(&self.former);
        let Some(key) = keys.find(|key| key.id == record.key_id) else {
            return Proven::UnknownKey;
        };
        let is_valid = BASE64_STANDARD_NO_PAD
            .decode(&record.mac)
            .is_ok_and(|mac| hmac::verify(&key.key, &message(parts), &mac).is_ok());
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
        let id = |key: &Option<RecordKey>| key.as_ref().map(|key| key.id.clone());
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
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                32
            }
        }
        let salt = hkdf::Salt::new(HKDF_SHA256, project.as_bytes());
        let mut bytes = [0; 32];
        // Neither fails for a length of 32, which is far below what the hash allows.
        let filled = salt
            .extract(secret)
            .expand(&[PURPOSE], Length)
            .and_then(|okm| okm.fill(&mut bytes));
        debug_assert!(filled.is_ok());
        let key = hmac::Key::new(HMAC_SHA256, &bytes);
        let name = hmac::sign(&key, KEY_NAME);
        Self {
            id: BASE64_STANDARD_NO_PAD.encode(&name.as_ref()[..KEY_ID]),
            key,
        }
    }
}

/// Each part with its length, so that no two lists of parts make one message. The project is in the key.
fn message(parts: &[&str]) -> Vec<u8> {
    let mut message = Vec::new();
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        message.extend(length.to_be_bytes());
        message.extend(part.as_bytes());
    }
    message
}
