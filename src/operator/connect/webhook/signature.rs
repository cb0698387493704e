//! Whether Composio has sent it: `v1` signatures over id, time and body, as Standard Webhooks has them. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};
use ring::hmac;

use super::only;
use crate::{composio::model::Sensitive, connect::keys::is_same};

/// For so long before and after its time a signature is good.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// The longest id, and the longest header with signatures.
const ID: usize = 128;
const SIGNATURES: usize = 2048;
/// The most signatures that are looked at. There are several while a secret is rotated.
const MOST: usize = 8;
/// The most secrets of a project, for the same reason.
const SECRETS: usize = 4;
/// A secret may stand for two keys.
const KEYS: usize = 2 * SECRETS;
/// Bytes of a signature.
const TAG: usize = 32;
/// What secrets of Standard Webhooks begin with. The rest is the key, in base64.
const PREFIX: &str = "whsec_";

/// What the headers of an event say.
pub(super) struct Signed {
    pub(super) id: String,
    /// As it is signed.
    timestamp: String,
    signatures: Vec<[u8; TAG]>,
}

/// The keys that may sign a project's events. There are always as many, so that the work tells nothing of them, or of
/// whether the project has any.
pub(super) struct Keys {
    all: [hmac::Key; KEYS],
    /// So many of them count. The rest fills up.
    count: usize,
}

impl Keys {
    /// Those of these secrets. More than four are not looked at.
    pub(super) fn of(secrets: &[Sensitive]) -> Self {
        let keys = secrets.iter().take(SECRETS).flat_map(keys_of);
        let keys: Vec<hmac::Key> = keys.collect();
        let count = keys.len();
        let mut keys = keys.into_iter();
        let filler = || hmac::Key::new(hmac::HMAC_SHA256, PREFIX.as_bytes());
        Self {
            all: std::array::from_fn(|_| keys.next().unwrap_or_else(filler)),
            count,
        }
    }
}

impl Signed {
    /// Reads the headers; `None`: one of them is missing, there twice, or not as it must be.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &'static str| {
            let value = only(headers, &HeaderName::from_static(name))?;
            std::str::from_utf8(value).ok()
        };
        let (id, timestamp) = (text("webhook-id")?, text("webhook-timestamp")?);
        let signatures = text("webhook-signature").filter(|all| all.len() <= SIGNATURES)?;
        // A dot in the id would leave open where the time begins.
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_right = !id.is_empty()
            && id.len() <= ID
            && id.bytes().all(is_id)
            && (1..=12).contains(&timestamp.len())
            && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let decoded = signatures.split(' ').filter_map(|one| {
            let signature = one.strip_prefix("v1,")?;
            BASE64_STANDARD.decode(signature).ok()?.try_into().ok()
        });
        is_right.then(|| Self {
            id: id.to_owned(),
            timestamp: timestamp.to_owned(),
            signatures: decoded.take(MOST).collect(),
        })
    }

    /// Whether it was signed about now.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let seconds = self.timestamp.parse().ok();
        let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        at.is_some_and(|at| now.duration_since(at).abs() <= TOLERANCE)
    }

    /// Whether one of the keys has signed it. Each signs it once, and every signature is compared with all of that, in
    /// constant time.
    pub(super) fn verify(&self, keys: &Keys, body: &[u8]) -> bool {
        let (id, timestamp) = (self.id.as_bytes(), self.timestamp.as_bytes());
        let mut is_signed = false;
        for (number, key) in keys.all.iter().enumerate() {
            let mut signed = hmac::Context::with_key(key);
            for part in [id, b".", timestamp, b".", body] {
                signed.update(part);
            }
            let (tag, counts) = (signed.sign(), number < keys.count);
            for signature in &self.signatures {
                is_signed |= is_same(tag.as_ref(), signature) & counts;
            }
        }
        is_signed
    }
}

/// The keys that a secret may stand for: Composio's documentation takes it as it is told, Standard Webhooks what is behind
/// the prefix.
fn keys_of(secret: &Sensitive) -> Vec<hmac::Key> {
    let text = secret.expose();
    let decoded = text.strip_prefix(PREFIX);
    let decoded = decoded.and_then(|text| BASE64_STANDARD.decode(text).ok());
    let decoded = decoded.filter(|bytes| !bytes.is_empty());
    let as_told = hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes());
    let decoded = decoded.map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, &bytes));
    std::iter::once(as_told).chain(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const BODY: &[u8] = br#"{"type":"x"}"#;

    fn signature(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let text = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&key, &text)))
    }

    fn headers(id: &str, timestamp: &str, signatures: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signatures),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        headers
    }

    fn is_verified(headers: &HeaderMap, secrets: &[&str], body: &[u8]) -> bool {
        let now = Timestamp::from_second(NOW).expect("a time");
        let secrets: Vec<Sensitive> = secrets.iter().map(|one| Sensitive::new(*one)).collect();
        let keys = Keys::of(&secrets);
        Signed::of(headers).is_some_and(|signed| signed.is_fresh(now) && signed.verify(&keys, body))
    }

    #[test]
    fn a_signature_is_good_for_its_secret_id_time_and_body_alone() {
        let good = signature(b"secret", "msg_1", NOW, BODY);
        let with =
            |id, timestamp: i64, signatures: &str| headers(id, &timestamp.to_string(), signatures);
        let right = with("msg_1", NOW, &good);
        assert!(is_verified(&right, &["secret"], BODY));
        assert!(
            !is_verified(&right, &["another"], BODY),
            "another project's"
        );
        assert!(!is_verified(&right, &[], BODY), "it has no webhook");
        assert!(!is_verified(&right, &["secret"], b"{}"), "another body");
        assert!(!is_verified(&with("msg_2", NOW, &good), &["secret"], BODY));
        assert!(!is_verified(
            &with("msg_1", NOW + 1, &good),
            &["secret"],
            BODY
        ));
        let unprefixed = good.trim_start_matches("v1,");
        for wrong in [
            "",
            "v1,",
            "v1,AAAA",
            unprefixed,
            &good.replace("v1,", "v1a,"),
        ] {
            assert!(
                !is_verified(&with("msg_1", NOW, wrong), &["secret"], BODY),
                "{wrong}"
            );
        }
    }

    #[test]
    fn while_a_secret_is_rotated_either_side_may_have_both() {
        let (old, new) = (
            signature(b"old", "msg_1", NOW, BODY),
            signature(b"new", "msg_1", NOW, BODY),
        );
        let signed = |signatures: &str| headers("msg_1", &NOW.to_string(), signatures);
        let both = signed(&format!("{new} {old}"));
        for secrets in [&["old"][..], &["new"], &["old", "new"]] {
            assert!(is_verified(&both, secrets, BODY), "{secrets:?}");
        }
        assert!(is_verified(&signed(&old), &["new", "old"], BODY));
        assert!(!is_verified(&signed(&old), &["new"], BODY));
        let none = format!("v1,{} ", BASE64_STANDARD.encode([0; TAG]));
        let many = format!("{}{new}", none.repeat(MOST));
        assert!(
            !is_verified(&signed(&many), &["new"], BODY),
            "no more are looked at"
        );
    }

    #[test]
    fn the_work_is_the_same_for_any_number_of_secrets_and_what_fills_up_has_signed_nothing() {
        let secret = format!("{PREFIX}{}", BASE64_STANDARD.encode(b"the key"));
        let many: Vec<Sensitive> = (0..9).map(|n| Sensitive::new(n.to_string())).collect();
        for (secrets, count) in [
            (&[][..], 0),
            (&[Sensitive::new("secret")], 1),
            (&[Sensitive::new(secret)], 2),
            (&many, SECRETS),
        ] {
            let keys = Keys::of(secrets);
            assert_eq!((keys.all.len(), keys.count), (KEYS, count));
        }
        let filler = signature(PREFIX.as_bytes(), "msg_1", NOW, BODY);
        let headers = headers("msg_1", &NOW.to_string(), &filler);
        assert!(!is_verified(&headers, &[], BODY));
        assert!(!is_verified(&headers, &["secret"], BODY));
    }

    #[test]
    fn a_secret_is_taken_as_it_is_told_and_as_standard_webhooks_has_it() {
        let secret = format!("{PREFIX}{}", BASE64_STANDARD.encode(b"the key"));
        for key in [secret.as_bytes(), b"the key"] {
            let headers = headers(
                "msg_1",
                &NOW.to_string(),
                &signature(key, "msg_1", NOW, BODY),
            );
            assert!(is_verified(&headers, &[&secret], BODY));
        }
    }

    #[test]
    fn the_vector_of_standard_webhooks_is_verified() {
        let body = br#"{"test": 2432232314}"#;
        let headers = headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
        let secret = Sensitive::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = Signed::of(&headers).expect("the headers are right");
        assert!(signed.verify(&Keys::of(&[secret]), body));
    }

    #[test]
    fn a_signature_is_judged_as_composios_own_client_judges_it() {
        let vectors = include_str!("../../../../tests/clients/webhook-vectors.json");
        let vectors: Vec<serde_json::Value> = serde_json::from_str(vectors).expect("JSON");
        assert!(vectors.len() >= 10);
        for vector in &vectors {
            let text = |field: &str| vector[field].as_str().expect("a text");
            let headers = headers(text("id"), text("timestamp"), text("signature"));
            let signed = Signed::of(&headers);
            let keys = Keys::of(&[Sensitive::new(text("secret"))]);
            let is_good =
                signed.is_some_and(|signed| signed.verify(&keys, text("body").as_bytes()));
            assert_eq!(is_good, vector["good"], "{}", text("name"));
        }
    }

    #[test]
    fn what_is_older_or_newer_than_five_minutes_is_refused() {
        for (at, is_good) in [
            (NOW - 301, false),
            (NOW - 300, true),
            (NOW + 300, true),
            (NOW + 301, false),
        ] {
            let signature = signature(b"secret", "msg_1", at, BODY);
            let headers = headers("msg_1", &at.to_string(), &signature);
            assert_eq!(is_verified(&headers, &["secret"], BODY), is_good, "{at}");
        }
    }

    #[test]
    fn headers_that_are_missing_doubled_or_odd_are_none() {
        let good = signature(b"secret", "msg_1", NOW, BODY);
        let whole = headers("msg_1", &NOW.to_string(), &good);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut missing = whole.clone();
            missing.remove(name);
            assert!(Signed::of(&missing).is_none(), "{name}");
            let mut doubled = whole.clone();
            doubled.append(name, whole[name].clone());
            assert!(Signed::of(&doubled).is_none(), "{name}");
        }
        let long = "x".repeat(129);
        for (id, timestamp) in [
            ("", "1"),
            ("a.b", "1"),
            (long.as_str(), "1"),
            ("a", ""),
            ("a", "-1"),
            ("a", "1.5"),
            ("a", "1e9"),
            ("a", "9999999999999"),
        ] {
            assert!(
                Signed::of(&headers(id, timestamp, &good)).is_none(),
                "{id} {timestamp}"
            );
        }
        let endless = "v1,AAAA ".repeat(300);
        assert!(Signed::of(&headers("a", "1", &endless)).is_none());
    }
}
