//! Where notifications are sent. Whoever has the URL of an incoming webhook can write there, so nothing of it but the
//! host is told.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{fmt, net::IpAddr};

/// Where notifications are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct NotifyUrl(reqwest::Url);

/// What is no such URL. It does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANotifyUrl {
    /// It is no URL of HTTP.
    #[error("must be a URL such as https://hooks.acme.com/composio")]
    Malformed,
    /// It holds a user or a password.
    #[error("must hold no user and no password: give a token by --notify-token-file")]
    HasUser,
}

impl NotifyUrl {
    /// Takes a URL. Blanks around it, such as the line end of a file, are no part of it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NotANotifyUrl> {
        let url = reqwest::Url::parse(text.trim()).map_err(|_| NotANotifyUrl::Malformed)?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
            return Err(NotANotifyUrl::Malformed);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotANotifyUrl::HasUser);
        }
        Ok(Self(url))
    }

    /// Whether what is sent there can be read on the way: it is http://, and not of this host.
    pub fn is_clear_text(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        let is_loopback = match address {
            Ok::<IpAddr, _>(address) => address.is_loopback(),
            Err(_) => host == "localhost",
        };
        self.0.scheme() == "http" && !is_loopback
    }

    /// The URL itself, for a request.
    pub(super) fn expose(&self) -> reqwest::Url {
        self.0.clone()
    }
}

/// Scheme, host and port.
impl fmt::Display for NotifyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for NotifyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_host_is_told_of_a_url() {
        let url = "https://hooks.example:8443/services/T0/B0/SECRET?key=SECRET";
        let url = NotifyUrl::parse(&format!(" {url}\n")).expect("a URL");
        assert_eq!(
            format!("{url} {url:?}"),
            ["https://hooks.example:8443"; 2].join(" ")
        );
        for text in [
            "SECRET",
            "ftp://a/SECRET",
            "https://u:SECRET@a",
            "https://",
            "",
        ] {
            let error = NotifyUrl::parse(text).expect_err(text).to_string();
            assert!(!error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn a_host_of_other_letters_is_asked_for_as_the_dns_has_it() {
        let url = NotifyUrl::parse("https://hooks.b\u{fc}cher.example/x").expect("a URL");
        assert_eq!(url.to_string(), "https://hooks.xn--bcher-kva.example");
        assert_eq!(url.expose().path(), "/x");
    }

    #[test]
    fn clear_text_is_what_leaves_the_host_without_tls() {
        for (text, is_clear_text) in [
            ("https://hooks.example", false),
            ("http://127.0.0.1:1/x", false),
            ("http://127.9.9.9/x", false),
            ("http://[::1]/", false),
            ("http://localhost:1", false),
            ("http://localhost.example", true),
            ("http://broker-ingress.knative-eventing.svc", true),
            ("http://10.0.0.1", true),
        ] {
            let url = NotifyUrl::parse(text).expect(text);
            assert_eq!(url.is_clear_text(), is_clear_text, "{text}");
        }
    }
}
