//! Who comes: whoever has the token of an object's address, or, where a proxy says who comes, the declared person.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    account::Account,
    cookie::{Cookie, SIGN_IN},
    keys::ConnectKeys,
};
use crate::composio::model::Sensitive;

#[cfg(test)]
mod tests;

/// The shortest secret of a proxy.
pub(super) const MIN_SECRET: usize = 16;

/// A proxy before the page that says who comes, and how it is known.
#[derive(Debug)]
pub struct Proxy {
    /// The header that holds who comes.
    pub user_header: HeaderName,
    /// Header and value by which each request proves to come from it; `None`: whatever comes over loopback does.
    pub secret: Option<(HeaderName, Sensitive)>,
}

/// What is no proxy to rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    /// Anybody could send the header.
    #[error(
        "--connect-user-header needs a proof of the proxy: a loopback --http-address, or --connect-proxy-secret-file"
    )]
    NoSecret,
    /// It could be guessed.
    #[error("the secret of --connect-proxy-secret-file has fewer than {MIN_SECRET} bytes")]
    Short,
    /// Whoever comes would be who sends the secret.
    #[error("--connect-user-header and --connect-proxy-secret-header must not be the same")]
    SameHeader,
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NotLetIn {
    /// No such object, or none that anybody comes for.
    NoObject,
    /// No project has taken it on, or none does any more.
    NotTakenOn,
    /// No token, or not of this object.
    Token,
    /// What says who comes does not come from the proxy, or says it twice or not at all.
    Proxy,
    /// Somebody else comes.
    Person,
}

impl Proxy {
    /// Checks that nobody but a proxy can say who comes.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self, listens_on: SocketAddr) -> Result<(), NoProof> {
        match &self.secret {
            None if listens_on.ip().to_canonical().is_loopback() => Ok(()),
            None => Err(NoProof::NoSecret),
            Some((header, _)) if *header == self.user_header => Err(NoProof::SameHeader),
            Some((_, secret)) if secret.expose().len() < MIN_SECRET => Err(NoProof::Short),
            Some(_) => Ok(()),
        }
    }

    /// Who comes, if that is certain. Nothing but the connection itself tells where it comes from.
    pub(super) fn user<'a>(&self, headers: &'a HeaderMap, peer: SocketAddr) -> Option<&'a str> {
        let is_proved = match &self.secret {
            None => peer.ip().to_canonical().is_loopback(),
            Some((header, secret)) => {
                only(headers, header).is_some_and(|given| equal(given, secret.expose()))
            }
        };
        let user = only(headers, &self.user_header)?;
        let user = std::str::from_utf8(user).ok()?;
        (is_proved && !user.is_empty()).then_some(user)
    }
}

/// The value of a header that is there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// In a time that tells nothing of either.
fn equal(one: &[u8], other: &str) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    let pairs = one.iter().zip(other.iter());
    let differing = pairs.fold(0, |bits, (one, other)| bits | (one ^ other));
    std::hint::black_box(differing) == 0
}

/// Whether that token lets in. As much is done for an object that is not there.
pub(super) fn token_end(
    keys: &ConnectKeys,
    account: Option<&Account>,
    token: &str,
    now: Timestamp,
) -> Result<Timestamp, NotLetIn> {
    let (uid, epoch) = account.map_or(("", ""), |account| (account.uid(), account.epoch()));
    let end = keys.verify_token(token, uid, epoch, now);
    match account {
        Some(account) if account.has_page() => end.ok_or(NotLetIn::Token),
        Some(_) | None => Err(NotLetIn::NoObject),
    }
}

/// Whether the declared person comes. As much is done for an object that is not there.
pub(super) fn is_person(account: Option<&Account>, user: Option<&str>) -> Result<(), NotLetIn> {
    let Some(user) = user else {
        return Err(NotLetIn::Proxy);
    };
    let person = account.map_or("", Account::person);
    match account {
        Some(account) if account.has_page() => {
            let is_theirs = equal(user.as_bytes(), person);
            is_theirs.then_some(()).ok_or(NotLetIn::Person)
        }
        Some(_) | None => {
            std::hint::black_box(equal(user.as_bytes(), person));
            Err(NotLetIn::NoObject)
        }
    }
}

/// The time that counts for the token in a cookie. It may end while its browser is at the sign-in.
pub(super) fn in_grace(now: Timestamp) -> Timestamp {
    now.saturating_sub(SIGN_IN).unwrap_or(now)
}

/// Whether that browser was let in by the token in its cookie.
pub(super) fn is_let_in(
    keys: &ConnectKeys,
    account: Option<&Account>,
    cookie: Option<&Cookie>,
    now: Timestamp,
) -> Result<(), NotLetIn> {
    let token = cookie.map_or("", |cookie| cookie.token.as_str());
    token_end(keys, account, token, in_grace(now)).map(drop)
}
