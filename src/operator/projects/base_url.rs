//! Where the operator may send API keys: whoever may write a project could else have it call, with a key, any
//! address that it reaches.

use std::fmt;

use crate::arguments::BaseUrl;

/// The base URLs that projects may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedBaseUrls(Vec<BaseUrl>);

impl AllowedBaseUrls {
    /// These, and no others.
    pub fn new(urls: &[BaseUrl]) -> Self {
        Self(urls.to_vec())
    }

    /// Whether a project may name this one: compared as it is understood, with scheme, host, port and path.
    pub fn allow(&self, base_url: &str) -> bool {
        BaseUrl::parse(base_url).is_ok_and(|url| self.0.contains(&url))
    }
}

impl fmt::Display for AllowedBaseUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<&str> = self.0.iter().map(BaseUrl::as_str).collect();
        f.write_str(&urls.join(", "))
    }
}
