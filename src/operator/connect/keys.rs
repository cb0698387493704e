//! What operator and page share a key for: the tokens of addresses, the seal of links, the proof that a browser came
//! back from a sign-in. Nothing in it is random, so that `report` may use it.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::fmt;

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    hkdf::{self, HKDF_SHA256},
    hmac::{self, HMAC_SHA256},
};

use crate::{
    composio::model::Sensitive,
    crd::{FinishedIn, length_prefixed},
    record::expand,
};

#[cfg(test)]
mod tests;

/// Bytes of a MAC that are written: nobody guesses 128 bits.
const MAC: usize = 16;
/// Bytes of the end of a token, in seconds.
const EXPIRES: usize = 8;
/// The same link is always sealed to the same text, or every pass would write another status.
const NONCE: [u8; 12] = [0; 12];

/// The keys of the page, the one that signs first.
#[derive(Clone)]
pub struct ConnectKeys {
    keys: Vec<Key>,
}

/// One key, derived for each use apart.
#[derive(Clone)]
struct Key {
    token: hmac::Key,
    form: hmac::Key,
    asked: hmac::Key,
    returned: hmac::Key,
    outcome: hmac::Key,
    seal: Aes256GcmSiv,
    session: Aes256GcmSiv,
    id: [u8; MAC],
}

/// What a key file lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// It holds none.
    #[error("holds no key; make one with `openssl rand -base64 32`")]
    Empty,
    /// A line of it is too short.
    #[error(
        "has {bytes} bytes in line {line}, and a key has at least {}; make one with `openssl rand -base64 32`",
        ConnectKeys::MIN_BYTES
    )]
    Short {
        /// Which line, from 1.
        line: usize,
        /// How many it has.
        bytes: usize,
    },
    /// More lines than a rotation needs.
    #[error("holds more than two keys: the one that signs, and another one while it is rotated")]
    TooMany,
}

/// What a link is sealed for: it opens for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct SealedFor<'a> {
    /// `metadata.uid` of the object.
    pub uid: &'a str,
    /// The account's id.
    pub account: &'a str,
    /// The end of the link.
    pub expires_at: Timestamp,
}

/// What a sign-in's session is sealed for: the page's word that this browser has come back, with that person in it.
#[derive(Clone, Copy, Debug)]
pub struct SessionOf<'a> {
    /// `metadata.uid` of the object.
    pub uid: &'a str,
    /// `metadata.uid` of the ConnectRequest whose link is out.
    pub request: &'a str,
    /// The browser that had asked for the link.
    pub browser: &'a str,
    /// Who came, as the proxy says; empty: no proxy says it.
    pub person: &'a str,
}

impl ConnectKeys {
    /// The fewest bytes of a key, white space around it not counted.
    pub const MIN_BYTES: usize = 32;

    /// Reads a key file: the key that signs and seals, and in a second line one that only verifies and opens.
    ///
    /// # Errors
    /// When there is no key in it, more than two, or one that is shorter than [`Self::MIN_BYTES`].
    pub fn read(file: &Sensitive) -> Result<Self, KeyFileError> {
        let text = file.expose().trim_start_matches('\u{feff}');
        let lines = text.lines().map(str::trim).enumerate();
        let mut keys = Vec::new();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            if line.len() < Self::MIN_BYTES {
                return Err(KeyFileError::Short {
                    line: number + 1,
                    bytes: line.len(),
                });
            }
            keys.push(Key::derive(line.as_bytes()));
        }
        match keys.len() {
            0 => Err(KeyFileError::Empty),
            1 | 2 => Ok(Self { keys }),
            _ => Err(KeyFileError::TooMany),
        }
    }

    /// The token of an object's address: good until then, and as long as the object is the same and nobody raised its
    /// epoch.
    pub fn token(&self, uid: &str, epoch: &str, expires_at: Timestamp) -> String {
        let expires = expires_at.as_second().to_be_bytes();
        let mac = self.first(|key| key.sign_token(uid, epoch, &expires));
        BASE64_URL_SAFE_NO_PAD.encode([&expires[..], &mac[..]].concat())
    }

    /// Until when a token is good; `None`: it is none of this object's, or it is over.
    pub fn verify_token(
        &self,
        token: &str,
        uid: &str,
        epoch: &str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let bytes = decoded::<{ EXPIRES + MAC }>(token)?;
        let (expires, mac) = bytes.split_at(EXPIRES);
        let is_ours = self.any(|key| {
            let message = token_message(uid, epoch, expires);
            verify(&key.token, &message, mac)
        });
        let expires = i64::from_be_bytes(expires.try_into().ok()?);
        let expires = Timestamp::from_second(expires).ok()?;
        (is_ours && now < expires).then_some(expires)
    }

    /// The token of a form: of the browser with that nonce, for that object, with what its page shows.
    pub fn form_token(&self, nonce: &str, uid: &str, shown: &str) -> String {
        let mac = self.first(|key| mac(&key.form, &length_prefixed([nonce, uid, shown])));
        BASE64_URL_SAFE_NO_PAD.encode(mac)
    }

    /// Whether that is the token of a form of that browser, for that object, with what its page shows.
    pub fn verify_form_token(&self, token: &str, nonce: &str, uid: &str, shown: &str) -> bool {
        let message = length_prefixed([nonce, uid, shown]);
        decoded::<MAC>(token)
            .is_some_and(|bytes| self.any(|key| verify(&key.form, &message, &bytes)))
    }

    /// The proof that a browser comes back from the link that was made for that request of that browser.
    pub fn return_proof(&self, uid: &str, request: &str, browser: &str) -> String {
        let mac = self.first(|key| mac(&key.returned, &length_prefixed([uid, request, browser])));
        BASE64_URL_SAFE_NO_PAD.encode(mac)
    }

    /// Whether that is such a proof.
    pub fn verify_return_proof(
        &self,
        proof: &str,
        uid: &str,
        request: &str,
        browser: &str,
    ) -> bool {
        let message = length_prefixed([uid, request, browser]);
        decoded::<MAC>(proof)
            .is_some_and(|bytes| self.any(|key| verify(&key.returned, &message, &bytes)))
    }

    /// The page's word that the person in that browser asks for a link, by a request of that kind.
    pub fn asked_proof(&self, uid: &str, kind: &str, person: &str, browser: &str) -> String {
        let message = length_prefixed([uid, kind, person, browser]);
        self.word(|key| &key.asked, &message)
    }

    /// Whether that is the page's word.
    pub fn verify_asked_proof(
        &self,
        proof: &str,
        uid: &str,
        kind: &str,
        person: &str,
        browser: &str,
    ) -> bool {
        let message = length_prefixed([uid, kind, person, browser]);
        self.is_word(proof, |key| &key.asked, &message)
    }

    /// The page's word on where the sign-in was finished through the link of that request of that browser. Nobody can make
    /// it of the proof in an address, which whoever signs in gets to see.
    pub fn outcome_proof(
        &self,
        uid: &str,
        request: &str,
        browser: &str,
        finished_in: FinishedIn,
    ) -> String {
        let message = outcome_message(uid, request, browser, finished_in);
        self.word(|key| &key.outcome, &message)
    }

    /// Whether that is the page's word.
    pub fn verify_outcome_proof(
        &self,
        proof: &str,
        uid: &str,
        request: &str,
        browser: &str,
        finished_in: FinishedIn,
    ) -> bool {
        let message = outcome_message(uid, request, browser, finished_in);
        self.is_word(proof, |key| &key.outcome, &message)
    }

    /// In hexadecimal: it may be in the name of an object.
    fn word(&self, of: impl Fn(&Key) -> &hmac::Key, message: &[u8]) -> String {
        let mac = self.first(|key| mac(of(key), message));
        format!("{:032x}", u128::from_be_bytes(mac))
    }

    fn is_word(&self, proof: &str, of: impl Fn(&Key) -> &hmac::Key, message: &[u8]) -> bool {
        let number = u128::from_str_radix(proof, 16).ok();
        // Capitals, and a sign, would be another text of the same number.
        let number = number.filter(|number| format!("{number:032x}") == proof);
        number.is_some_and(|number| self.any(|key| verify(of(key), message, &number.to_be_bytes())))
    }

    /// The link as only operator and page can read it.
    pub fn seal(&self, url: &str, sealed_for: SealedFor<'_>) -> String {
        self.encrypt(|key| &key.seal, url, &sealed_for.text())
    }

    /// The link; `None`: it was sealed with another key, or for something else.
    pub fn open(&self, sealed: &str, sealed_for: SealedFor<'_>) -> Option<Sensitive> {
        self.decrypt(|key| &key.seal, sealed, &sealed_for.text())
    }

    /// The session of a sign-in, as only operator and page can read it.
    pub fn seal_session(&self, session_uri: &str, of: SessionOf<'_>) -> String {
        self.encrypt(|key| &key.session, session_uri, &of.text())
    }

    /// The session; `None`: the page has not sealed it, or not for this.
    pub fn open_session(&self, sealed: &str, of: SessionOf<'_>) -> Option<Sensitive> {
        self.decrypt(|key| &key.session, sealed, &of.text())
    }

    /// By the newest key. It fails for texts of 64 GiB alone.
    fn encrypt(&self, cipher: impl Fn(&Key) -> &Aes256GcmSiv, text: &str, aad: &[u8]) -> String {
        let msg = text.as_bytes();
        let nonce = Nonce::from_slice(&NONCE);
        let first = self.keys.first();
        let sealed = first.and_then(|key| cipher(key).encrypt(nonce, Payload { msg, aad }).ok());
        BASE64_URL_SAFE_NO_PAD.encode(sealed.unwrap_or_default())
    }

    fn decrypt(
        &self,
        cipher: impl Fn(&Key) -> &Aes256GcmSiv,
        sealed: &str,
        aad: &[u8],
    ) -> Option<Sensitive> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let opened = self.keys.iter().find_map(|key| {
            let payload = Payload { msg: &bytes, aad };
            let nonce = Nonce::from_slice(&NONCE);
            cipher(key).decrypt(nonce, payload).ok()
        })?;
        String::from_utf8(opened).ok().map(Sensitive::new)
    }

    fn first(&self, sign: impl Fn(&Key) -> [u8; MAC]) -> [u8; MAC] {
        self.keys.first().map(sign).unwrap_or_default()
    }

    /// Asks every key, whichever was the right one: the time tells nothing.
    fn any(&self, verify: impl Fn(&Key) -> bool) -> bool {
        let verified = self.keys.iter().map(verify);
        verified.fold(false, |any, one| any | one)
    }
}

impl SealedFor<'_> {
    fn text(&self) -> Vec<u8> {
        let expires = self.expires_at.as_second().to_string();
        length_prefixed([self.uid, self.account, expires.as_str()])
    }
}

impl SessionOf<'_> {
    fn text(&self) -> Vec<u8> {
        length_prefixed([self.uid, self.request, self.browser, self.person])
    }
}

/// Equal keys have equal names.
impl PartialEq for ConnectKeys {
    fn eq(&self, other: &Self) -> bool {
        let ids = |keys: &Self| keys.keys.iter().map(|key| key.id).collect::<Vec<_>>();
        ids(self) == ids(other)
    }
}

impl Eq for ConnectKeys {}

impl fmt::Debug for ConnectKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectKeys")
            .field(&self.keys.len())
            .finish()
    }
}

impl Key {
    fn derive(secret: &[u8]) -> Self {
        let extracted = hkdf::Salt::new(HKDF_SHA256, b"connect page").extract(secret);
        let signing = |purpose| hmac::Key::new(HMAC_SHA256, &expand(&extracted, purpose));
        let named = signing(b"name/v1");
        Self {
            token: signing(b"token/v1"),
            form: signing(b"form/v1"),
            asked: signing(b"asked/v1"),
            returned: signing(b"return/v1"),
            outcome: signing(b"outcome/v1"),
            seal: Aes256GcmSiv::new(&expand(&extracted, b"seal/v1").into()),
            session: Aes256GcmSiv::new(&expand(&extracted, b"session/v1").into()),
            id: mac(&named, b"key"),
        }
    }

    fn sign_token(&self, uid: &str, epoch: &str, expires: &[u8]) -> [u8; MAC] {
        mac(&self.token, &token_message(uid, epoch, expires))
    }
}

fn token_message(uid: &str, epoch: &str, expires: &[u8]) -> Vec<u8> {
    let mut message = length_prefixed([uid, epoch]);
    message.extend_from_slice(expires);
    message
}

fn outcome_message(uid: &str, request: &str, browser: &str, finished_in: FinishedIn) -> Vec<u8> {
    let finished_in = match finished_in {
        FinishedIn::Same => "Same",
        FinishedIn::Another => "Another",
    };
    length_prefixed([uid, request, browser, finished_in])
}

fn mac(key: &hmac::Key, message: &[u8]) -> [u8; MAC] {
    let mut bytes = [0; MAC];
    bytes.copy_from_slice(&hmac::sign(key, message).as_ref()[..MAC]);
    bytes
}

fn verify(key: &hmac::Key, message: &[u8], given: &[u8]) -> bool {
    is_same(&mac(key, message), given)
}

/// Compares in constant time. Only the lengths are no secret.
pub(super) fn is_same(expected: &[u8], given: &[u8]) -> bool {
    let differing = expected
        .iter()
        .zip(given)
        .fold(0, |bits, (one, other)| bits | (one ^ other));
    given.len() == expected.len() && std::hint::black_box(differing) == 0
}

/// The bytes of a text that is as long as such a one is.
fn decoded<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != (LENGTH * 4).div_ceil(3) {
        return None;
    }
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
