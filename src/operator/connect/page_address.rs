//! The addresses of the connect page: what the operator writes, and the page serves.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{collections::BTreeMap, fmt};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sha2::{Digest, Sha256};

use crate::crd::{CONNECT_EPOCH_ANNOTATION, ConnectPage};

use super::keys::ConnectKeys;

/// How long a token is good. It stands in clear in mails and in the logs of whatever they pass through.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Ends of tokens are whole multiples of it, so that what is written changes once in as long.
const TOKEN_STEP: SignedDuration = SignedDuration::from_hours(24);
/// An address is written anew when less than that is left of it.
const TOKEN_LEFT: SignedDuration = SignedDuration::from_hours(24);

/// The longest epoch, in bytes, that is taken as it is written.
const MAX_EPOCH: usize = 64;

/// Where the connect page is served, such as `https://connect.acme.com`: a host of its own, without a path.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectUrl {
    url: reqwest::Url,
}

/// What is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAConnectUrl {
    /// It is no URL.
    #[error("must be a URL such as https://connect.acme.com")]
    Malformed,
    /// It is sent in clear text, over a network.
    #[error("must begin with https://, but for a loopback address")]
    ClearText,
    /// It has more than scheme, host and port.
    #[error("must have a host of its own: no path, user, query or fragment")]
    NotAnOrigin,
}

impl ConnectUrl {
    /// Takes a URL of which nothing but scheme, host and port is there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NotAConnectUrl> {
        let url = reqwest::Url::parse(text).map_err(|_| NotAConnectUrl::Malformed)?;
        let Some(host) = url.host_str() else {
            return Err(NotAConnectUrl::Malformed);
        };
        let is_loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return Err(NotAConnectUrl::ClearText),
            _ => return Err(NotAConnectUrl::Malformed),
        }
        let is_origin = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_origin {
            return Err(NotAConnectUrl::NotAnOrigin);
        }
        Ok(Self { url })
    }

    /// Scheme, host and port, as a browser sends them in `Origin`.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Host and port, as a browser sends them in `Host`: without the port that the scheme has anyway.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The address of the object's page, with the token that opens it or without.
    pub fn page(&self, namespace: &str, name: &str, token: Option<&str>) -> String {
        let token = token.map(|token| format!("?t={token}"));
        let token = token.unwrap_or_default();
        format!("{self}/connect/{namespace}/{name}{token}")
    }

    /// The token of that address, if it is one of the object's page.
    pub fn token_of<'a>(&self, address: &'a str, namespace: &str, name: &str) -> Option<&'a str> {
        let token = address.strip_prefix(&self.page(namespace, name, Some("")))?;
        let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (!token.is_empty() && token.bytes().all(is_of_token)).then_some(token)
    }

    /// Whether browsers send cookies over TLS alone.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl fmt::Display for ConnectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

impl fmt::Debug for ConnectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What operator and page must be told alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSettings {
    /// Where the page is.
    pub url: ConnectUrl,
    /// What they share a key for.
    pub keys: ConnectKeys,
    /// Whether a proxy before the page says who comes: then no address holds a token.
    pub knows_users: bool,
}

/// An object, as an address of the page names it.
#[derive(Clone, Copy, Debug)]
pub struct PageOf<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its `metadata.uid`.
    pub uid: &'a str,
    /// The value of its annotation `composio.dev/connect-epoch`, or nothing.
    pub epoch: &'a str,
}

/// What a person raises to make the addresses of an object's page worthless that are out: the value of its annotation
/// `composio.dev/connect-epoch`, or nothing. Of a long value it is the digest, so whatever is written there is another
/// epoch than what was, and takes no more room than others. Who signs an address and who verifies it both read it here.
pub fn connect_epoch(annotations: &BTreeMap<String, String>) -> String {
    match annotations.get(CONNECT_EPOCH_ANNOTATION) {
        None => String::new(),
        Some(short) if short.len() <= MAX_EPOCH => short.clone(),
        Some(long) => {
            let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(long));
            format!("sha256:{digest}")
        }
    }
}

impl PageSettings {
    /// The address of the object's page. The one that is written stays as long as it is good for another day.
    pub fn page(
        &self,
        of: PageOf<'_>,
        written: Option<&ConnectPage>,
        now: Timestamp,
    ) -> ConnectPage {
        if self.knows_users {
            return ConnectPage {
                url: self.page_url(of, None),
                expires_at: None,
            };
        }
        let written = written.filter(|page| {
            let left = page
                .expires_at
                .as_ref()
                .map(|end| end.0.duration_since(now));
            left.is_some_and(|left| left > TOKEN_LEFT)
                && page
                    .url
                    .strip_prefix(&self.page_url(of, Some("")))
                    .is_some_and(|token| {
                        let end = self.keys.verify_token(token, of.uid, of.epoch, now);
                        end == page.expires_at.as_ref().map(|end| end.0)
                    })
        });
        if let Some(written) = written {
            return written.clone();
        }
        let end = token_end(now);
        let token = self.keys.token(of.uid, of.epoch, end);
        ConnectPage {
            url: self.page_url(of, Some(&token)),
            expires_at: Some(Time(end)),
        }
    }

    /// Where the sign-in sends the browser back to, that asked for a link by that request.
    pub fn callback(&self, of: PageOf<'_>, request: &str, browser: &str) -> String {
        let proof = self.keys.return_proof(of.uid, request, browser);
        let PageOf {
            namespace, name, ..
        } = of;
        format!(
            "{}/connected/{namespace}/{name}?r={request}&b={browser}&p={proof}",
            self.url
        )
    }

    fn page_url(&self, of: PageOf<'_>, token: Option<&str>) -> String {
        let PageOf {
            namespace, name, ..
        } = of;
        self.url.page(namespace, name, token)
    }
}

/// Names a browser by its cookie's nonce, as a ConnectRequest has it.
pub fn browser_name(nonce: &str) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use sha2::{Digest, Sha256};
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(nonce.as_bytes()))
}

/// The end of a token that is made now.
fn token_end(now: Timestamp) -> Timestamp {
    let step = TOKEN_STEP.as_secs();
    let end = now.as_second().saturating_add(TOKEN_LIFETIME.as_secs());
    Timestamp::from_second(end.div_euclid(step).saturating_mul(step)).unwrap_or(Timestamp::MAX)
}
