//! Where a person goes on to: the sign-in, and after it the address that the object names.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use reqwest::Url;

#[cfg(test)]
mod tests;

/// An address, and the host that people are told they go to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Onward {
    pub(super) address: String,
    pub(super) host: String,
}

/// What the operator writes there, and nobody else.
const OURS: [&str; 2] = ["status", "connected_account_id"];

/// The way to the sign-in. It comes from Composio.
pub(super) fn to_sign_in(link: &str) -> Option<Onward> {
    let url = Url::parse(link).ok()?;
    ["https", "http"].contains(&url.scheme()).then_some(())?;
    named(&url)
}

/// The way on from the sign-in: what the object says, with what the status says of it, and nothing that came with the
/// browser.
pub(super) fn from_sign_in(
    callback: &str,
    is_connected: bool,
    account_id: Option<&str>,
) -> Option<Onward> {
    let mut url = Url::parse(callback).ok()?;
    (url.scheme() == "https").then_some(())?;
    let kept: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| !OURS.contains(&&**name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let status = if is_connected { "success" } else { "failed" };
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .append_pair(OURS[0], status)
        .extend_pairs(account_id.map(|id| (OURS[1], id)));
    named(&url)
}

/// The host of an address that an object names, with a port that is not the scheme's; `None`: nobody is sent there.
pub fn callback_host(callback: &str) -> Option<String> {
    Some(from_sign_in(callback, true, None)?.host)
}

fn named(url: &Url) -> Option<Onward> {
    let has_user = !url.username().is_empty() || url.password().is_some();
    let host = url
        .host_str()
        .filter(|host| !host.is_empty() && !has_user)?;
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Some(Onward {
        address: url.to_string(),
        host,
    })
}
