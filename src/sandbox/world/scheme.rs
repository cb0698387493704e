//! Auth schemes: how a person or a program proves to the provider that it may act.

use serde::{Deserialize, Serialize};

/// An auth scheme of an auth config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scheme {
    /// OAuth 1.0a: a person is redirected to the provider.
    #[serde(rename = "OAUTH1")]
    Oauth1,
    /// OAuth 2: a person is redirected to the provider.
    #[serde(rename = "OAUTH2")]
    Oauth2,
    /// OAuth 2 with dynamic client registration.
    DcrOauth,
    /// A key in a field `api_key` or `generic_api_key`.
    ApiKey,
    /// A token in a field `token`.
    BearerToken,
    /// User name and password.
    Basic,
    /// User name and password, exchanged for a token.
    BasicWithJwt,
    /// A Google service account file.
    GoogleServiceAccount,
    /// Some other service account.
    ServiceAccount,
    /// The toolkit needs no credentials.
    NoAuth,
}

impl Scheme {
    /// The scheme's name on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Oauth1 => "OAUTH1",
            Self::Oauth2 => "OAUTH2",
            Self::DcrOauth => "DCR_OAUTH",
            Self::ApiKey => "API_KEY",
            Self::BearerToken => "BEARER_TOKEN",
            Self::Basic => "BASIC",
            Self::BasicWithJwt => "BASIC_WITH_JWT",
            Self::GoogleServiceAccount => "GOOGLE_SERVICE_ACCOUNT",
            Self::ServiceAccount => "SERVICE_ACCOUNT",
            Self::NoAuth => "NO_AUTH",
        }
    }

    /// Whether a person is sent to the provider: no credentials of ours can replace that.
    pub fn redirects(self) -> bool {
        match self {
            Self::Oauth1 | Self::Oauth2 | Self::DcrOauth => true,
            Self::ApiKey
            | Self::BearerToken
            | Self::Basic
            | Self::BasicWithJwt
            | Self::GoogleServiceAccount
            | Self::ServiceAccount
            | Self::NoAuth => false,
        }
    }

    /// Whether PATCH may replace the credentials.
    pub(super) fn patchable(self) -> bool {
        !self.redirects() && self != Self::NoAuth
    }

    /// The fields the hosted sign-in page asks a person for. Each is also enough, with the others,
    /// to make an account from credentials in hand.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Oauth1 | Self::Oauth2 | Self::DcrOauth | Self::NoAuth => &[],
            Self::ApiKey => &["generic_api_key"],
            Self::BearerToken => &["token"],
            Self::Basic | Self::BasicWithJwt => &["username", "password"],
            Self::GoogleServiceAccount => &["credentials_json"],
            Self::ServiceAccount => &["application_id", "installation_id", "private_key"],
        }
    }

    /// Which required field is not among `present`, if any. A service account's fields differ from
    /// toolkit to toolkit, so any one field will do there.
    pub(super) fn lacks(self, present: &[&str]) -> Option<&'static str> {
        let has = |name: &str| present.contains(&name);
        match self {
            Self::Oauth1 => (!has("oauth_token")).then_some("oauth_token"),
            Self::Oauth2 | Self::DcrOauth => (!has("access_token")).then_some("access_token"),
            Self::NoAuth => None,
            Self::ApiKey => (!has("api_key") && !has("generic_api_key")).then_some("api_key"),
            Self::ServiceAccount => present.is_empty().then_some("credentials_json"),
            Self::BearerToken | Self::Basic | Self::BasicWithJwt | Self::GoogleServiceAccount => {
                self.fields().iter().copied().find(|name| !has(name))
            }
        }
    }

    /// What a revocation at the provider kills.
    pub(super) fn tokens(self) -> &'static [&'static str] {
        if self.redirects() {
            &["access_token", "refresh_token"]
        } else {
            &["credential"]
        }
    }
}
