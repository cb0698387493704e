//! Where Composio may be: the base URLs that projects may name.

use std::fmt;

use reqwest::Url;

/// A base URL as it was understood: the scheme and the host in small letters, a default port and the slash at the
/// end left out. Two that are written differently and lead to the same place are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads one as it stands on the command line or in a project.
    ///
    /// # Errors
    /// What it must be, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // Before the parser makes another path of it, and what it reads as a slash is one.
        if text.contains("..") || text.contains(['%', '\\']) {
            return Err("must not contain '..', '%' or '\\'".to_owned());
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("must not contain spaces or control characters".to_owned());
        }
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("must begin with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err("must not contain a user name or password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not contain a query or a fragment".to_owned());
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// Whether the API key would be sent in clear text.
    pub fn is_clear_text(&self) -> bool {
        self.0.starts_with("http:")
    }

    /// The URL, without a slash at its end, so that a path can follow.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_the_same_place_is_equal() {
        let expected = BaseUrl::parse("https://composio.acme.example/api").expect("a URL");
        for same in [
            " https://composio.acme.example/api\n",
            "HTTPS://Composio.ACME.example/api",
            "https://composio.acme.example:443/api/",
            "https://composio.acme.example/./api",
        ] {
            assert_eq!(BaseUrl::parse(same).as_ref(), Ok(&expected), "{same:?}");
        }
        for other in [
            "http://composio.acme.example/api",
            "https://composio.acme.example:8443/api",
            "https://composio.acme.example/API",
            "https://composio.acme.example/api/v3",
            "https://composio.acme.example",
            "https://composio.acme.example.evil.example/api",
            "https://acme.example/api",
        ] {
            assert_ne!(BaseUrl::parse(other).expect(other), expected, "{other}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_the_reason() {
        for (wrong, says) in [
            ("", "is not a URL"),
            ("backend.composio.dev", "is not a URL"),
            ("ftp://a.example", "must begin with https:// or http://"),
            ("https://", "is not a URL"),
            ("https://a:65536", "is not a URL"),
            ("https://u:p@a.example", "must not contain a user name"),
            ("https://@a.example", "must not contain a user name"),
            ("https://a.example?b", "must not contain a query"),
            ("https://a.example/#b", "must not contain a query"),
            ("https://a.example/b/../c", "must not contain '..'"),
            ("https://a.example/%2e%2e/c", "must not contain '..'"),
            (r"https://a.example\@evil.example", "must not contain '..'"),
            ("https://a.exa\nmple", "must not contain spaces"),
            ("https://a example", "must not contain spaces"),
        ] {
            let said = BaseUrl::parse(wrong).expect_err(wrong);
            assert!(said.starts_with(says), "{wrong:?}: {said}");
        }
    }

    #[test]
    fn only_http_is_clear_text() {
        let is_clear_text = |url| BaseUrl::parse(url).map(|url| url.is_clear_text());
        assert_eq!(is_clear_text("https://a.example"), Ok(false));
        assert_eq!(is_clear_text("HTTP://a.example"), Ok(true));
    }
}
