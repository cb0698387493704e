//! The addresses that the page serves, as a browser asks for them. What is not spelled as here is no address of it.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use http::Uri;
use jiff::Timestamp;

#[cfg(test)]
mod tests;

/// The path of a project's verifier URL.
pub(super) const VERIFY: &str = "/verify";
/// The longest query that is looked at.
const QUERY: usize = 4096;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address<'a> {
    /// All accounts of the person.
    List,
    /// Where Composio sends the browser after the sign-in, where the project verifies whose it was.
    Verify,
    /// A page of an object.
    Of {
        /// Which page.
        page: Page,
        /// Namespace of the object.
        namespace: &'a str,
        /// Name of the object.
        name: &'a str,
    },
}

/// The pages of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// `/connect/{namespace}/{name}`
    Ask,
    /// `/connect/{namespace}/{name}/waiting`
    Waiting,
    /// `/connect/{namespace}/{name}/open`
    Open,
    /// `/connect/{namespace}/{name}/completing`
    Completing,
    /// `/connected/{namespace}/{name}`
    Returned,
    /// `/connect/{namespace}/{name}/returned`: the same, where a proxy may let people in to `/connected/` unasked.
    Back,
}

impl<'a> Address<'a> {
    /// Nothing is decoded: what is legal in names needs no escape.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        if path == "/" {
            return Some(Self::List);
        }
        if path == VERIFY {
            return Some(Self::Verify);
        }
        let mut segments = path.strip_prefix('/')?.split('/');
        let first = segments.next()?;
        let (namespace, name) = (segments.next()?, segments.next()?);
        let page = match (first, segments.next()) {
            ("connect", None) => Page::Ask,
            ("connect", Some("waiting")) => Page::Waiting,
            ("connect", Some("open")) => Page::Open,
            ("connect", Some("completing")) => Page::Completing,
            ("connect", Some("returned")) => Page::Back,
            ("connected", None) => Page::Returned,
            _ => return None,
        };
        let is_named = is_label(namespace) && name.len() <= 253 && name.split('.').all(is_label);
        (is_named && segments.next().is_none()).then_some(Self::Of {
            page,
            namespace,
            name,
        })
    }
}

/// The parameters of an address.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Of an address; none of one that is too long.
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().filter(|query| query.len() <= QUERY);
        Self::parse(query.unwrap_or_default().as_bytes())
    }

    /// Of a text such as a form is.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Whether one of that name is there, however often.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    /// The value of one that is there once; empty: it is not.
    pub(super) fn get(&self, name: &str) -> &str {
        let mut found = self.0.iter().filter(|(found, _)| found == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => value,
            _ => "",
        }
    }

    /// A name that the page itself gives: a uid, a hash, a proof. Empty: it is none.
    pub(super) fn name(&self, name: &str) -> &str {
        let value = self.get(name);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match value.len() <= 64 && value.bytes().all(is_name) {
            true => value,
            false => "",
        }
    }

    /// A time that the page itself has written there, which is not later than now.
    pub(super) fn time(&self, name: &str, now: Timestamp) -> Timestamp {
        let seconds = self.get(name).parse().ok();
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        time.map_or(now, |time| time.min(now))
    }
}

/// A label as of a host's name: 63 lower-case letters, digits and '-', a letter or digit at both ends.
fn is_label(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|byte| is_end(Some(byte)) || *byte == b'-')
}
