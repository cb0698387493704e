//! The cookie of one object's page: a random name of the browser, and the token by which it was let in.

use std::fmt::Write as _;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, header};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::{account::Account, page_address::ConnectUrl};

#[cfg(test)]
mod tests;

/// How many a browser keeps of this host, so that they never outgrow a request.
const MOST: usize = 20;
/// Bytes of the browser's name.
const NONCE: usize = 16;
/// How long a browser is known at most.
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// So much longer than its token a browser is known: whoever has pressed the button is not to come back as a stranger.
pub(super) const SIGN_IN: SignedDuration = SignedDuration::from_mins(30);

/// How long a browser knows where it was led from a session: as long as that lives.
const VERIFIED: SignedDuration = SignedDuration::from_mins(10);

/// So many sessions a browser keeps at a time: tabs in which somebody has come back from several sign-ins at once.
const SESSIONS: u8 = 2;

/// What the cookie of an object says.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Cookie {
    /// Names the browser.
    pub(super) nonce: String,
    /// The token that stood in the address; empty where a proxy says who comes.
    pub(super) token: String,
    /// When a link was asked for last, in seconds; `None`: never. A browser may say anything.
    pub(super) asked_at: Option<i64>,
}

impl Cookie {
    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split('.');
        let (nonce, token) = (parts.next()?, parts.next()?);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(nonce).ok()?;
        (bytes.len() == NONCE).then(|| Self {
            nonce: nonce.to_owned(),
            token: token.to_owned(),
            asked_at: parts.next().and_then(|seconds| seconds.parse().ok()),
        })
    }
}

impl std::fmt::Display for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            nonce,
            token,
            asked_at,
        } = self;
        write!(f, "{nonce}.{token}")?;
        asked_at.map_or(Ok(()), |seconds| write!(f, ".{seconds}"))
    }
}

/// How cookies of a page are named and set.
pub(super) struct Cookies {
    prefix: &'static str,
    verified: &'static str,
    session: &'static str,
    attributes: &'static str,
}

impl Cookies {
    /// Of the page at that URL. Without TLS, which it is on loopback only, browsers take none that demands it.
    pub(super) fn of(url: &ConnectUrl) -> Self {
        if url.is_https() {
            Self {
                prefix: "__Host-connect-",
                verified: "__Host-verified",
                session: "__Host-session-",
                attributes: "Path=/; Secure; HttpOnly; SameSite=Lax",
            }
        } else {
            Self {
                prefix: "connect-",
                verified: "verified",
                session: "session-",
                attributes: "Path=/; HttpOnly; SameSite=Lax",
            }
        }
    }

    /// What the browser says for that object. Of two of one name nobody knows whose the other is, and neither counts.
    pub(super) fn read(&self, headers: &HeaderMap, namespace: &str, name: &str) -> Option<Cookie> {
        let wanted = self.name(namespace, name);
        let mut found = pairs(headers).filter(|(name, _)| *name == wanted);
        let (_, value) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        Cookie::parse(value)
    }

    /// All that the browser says, of whichever objects.
    pub(super) fn all(&self, headers: &HeaderMap) -> Vec<Cookie> {
        let ours = pairs(headers).filter(|(name, _)| is_ours(name, self.prefix));
        let cookies = ours.filter_map(|(_, value)| Cookie::parse(value));
        // Who sends more than a browser keeps is none.
        cookies.take(2 * MOST).collect()
    }

    /// The values of `Set-Cookie` that make the browser say so from now on, and forget what it has too much of: first
    /// where no link was asked for. `left` is how long the token is still good; `None`: there is none.
    pub(super) fn set(
        &self,
        headers: &HeaderMap,
        account: &Account,
        cookie: &Cookie,
        left: Option<SignedDuration>,
    ) -> Vec<String> {
        let name = self.name(account.namespace(), account.name());
        let left = left.map(|left| left.saturating_add(SIGN_IN).min(LIFETIME));
        let seconds = left.unwrap_or(LIFETIME).as_secs();
        let attributes = self.attributes;
        let mut set = vec![format!("{name}={cookie}; Max-Age={seconds}; {attributes}")];
        let others = pairs(headers).filter(|(other, _)| {
            other.starts_with(self.prefix) && *other != name && is_ours(other, self.prefix)
        });
        let mut others: Vec<_> = others.collect();
        // Browsers send the oldest first. Another page that somebody has this browser open is not to end a sign-in.
        others.sort_by_key(|(_, value)| Cookie::parse(value).and_then(|cookie| cookie.asked_at));
        let too_many = (others.len() + 1).saturating_sub(MOST);
        let forget = |(name, _): &(&str, &str)| format!("{name}=; Max-Age=0; {attributes}");
        set.extend(others.iter().take(too_many).map(forget));
        set
    }

    /// The value of `Set-Cookie` that makes the browser say from now on where it was led from the session of that name.
    pub(super) fn set_verified(&self, known_as: &str, path: &str) -> String {
        let (name, attributes) = (self.verified, self.attributes);
        let seconds = VERIFIED.as_secs();
        format!("{name}={known_as}:{path}; Max-Age={seconds}; {attributes}")
    }

    /// Where the browser says that it was led from the session of that name. It may say anything.
    pub(super) fn verified<'a>(&self, headers: &'a HeaderMap, known_as: &str) -> Option<&'a str> {
        let mut found = pairs(headers).filter(|(name, _)| *name == self.verified);
        let (_, value) = found.next()?;
        let (known, path) = value.split_once(':')?;
        (found.next().is_none() && known == known_as).then_some(path)
    }

    /// The value of `Set-Cookie` that makes the browser keep a session as long as it lives: it need not stand in another
    /// address.
    pub(super) fn set_session(&self, session: &str) -> String {
        let (name, attributes) = (self.session_cookie(session), self.attributes);
        let value = BASE64_URL_SAFE_NO_PAD.encode(session);
        let seconds = VERIFIED.as_secs();
        format!("{name}={value}; Max-Age={seconds}; {attributes}")
    }

    /// The value of `Set-Cookie` that makes the browser forget it.
    pub(super) fn forget_session(&self, session: &str) -> String {
        let (name, attributes) = (self.session_cookie(session), self.attributes);
        format!("{name}=; Max-Age=0; {attributes}")
    }

    /// The session of that name, if the browser keeps it.
    pub(super) fn session(&self, headers: &HeaderMap, known_as: &str) -> Option<String> {
        let values = pairs(headers).filter(|(name, _)| name.starts_with(self.session));
        let mut sessions = values.filter_map(|(_, value)| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
            String::from_utf8(bytes).ok()
        });
        sessions.find(|session| session_name(session) == known_as)
    }

    fn session_cookie(&self, session: &str) -> String {
        let place = Sha256::digest(session)[0] % SESSIONS;
        format!("{}{place}", self.session)
    }

    fn name(&self, namespace: &str, name: &str) -> String {
        let digest = Sha256::digest(format!("{namespace}/{name}"));
        let mut cookie = self.prefix.to_owned();
        for byte in &digest[..HASH] {
            // Writing to a String cannot fail.
            let _ = write!(cookie, "{byte:02x}");
        }
        cookie
    }
}

/// Names a session without telling it.
pub(super) fn session_name(session: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(session))
}

/// Bytes of the hash in a name.
const HASH: usize = 8;

/// Whether this is a name that is given here: what is put into an answer must not be anybody's text.
fn is_ours(name: &str, prefix: &str) -> bool {
    let hash = name.strip_prefix(prefix).unwrap_or_default();
    hash.len() == 2 * HASH && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Cookies of other hosts may come along, whatever stands in them: each pair is read for itself.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim_ascii().split_once('='))
}

/// A name for a browser that has none.
pub(super) fn new_nonce() -> Option<String> {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; NONCE];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
