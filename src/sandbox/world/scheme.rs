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
    /// OAuth 2 where the client's id is the address of its metadata.
    CimdOauth,
    /// OAuth 2 between servers: no person is needed.
    #[serde(rename = "S2S_OAUTH2")]
    S2sOauth2,
    /// Bill.com's session and developer key.
    BillcomAuth,
    /// Cal.com's own scheme.
    CalcomAuth,
    /// SAML.
    Saml,
}

/// What the models of the official clients say about one scheme, and what the sandbox makes of it.
struct Facts {
    word: &'static str,
    /// Whether a person is sent to the provider.
    redirects: bool,
    /// What the hosted page asks for.
    asked: &'static [&'static str],
    /// What `state.val` must hold while credentials are stored.
    held: &'static [&'static str],
    /// What `state.val` must hold while the sign-in is open, besides `redirectUrl`.
    opened: &'static [&'static str],
    /// Whether `state.val` can say FAILED, and REVOKED.
    says: Says,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Neither,
    Failed,
    Revoked,
    Both,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 15] = [
        Self::Oauth1,
        Self::Oauth2,
        Self::DcrOauth,
        Self::CimdOauth,
        Self::S2sOauth2,
        Self::ApiKey,
        Self::BearerToken,
        Self::Basic,
        Self::BasicWithJwt,
        Self::GoogleServiceAccount,
        Self::ServiceAccount,
        Self::BillcomAuth,
        Self::CalcomAuth,
        Self::Saml,
        Self::NoAuth,
    ];

    fn facts(self) -> Facts {
        let facts = |word, redirects, asked, held, opened, says| Facts {
            word,
            redirects,
            asked,
            held,
            opened,
            says,
        };
        let key = |word, fields, says| facts(word, false, fields, fields, &[], says);
        match self {
            Self::Oauth1 => facts(
                "OAUTH1",
                true,
                &[],
                &["oauth_token", "oauth_token_secret"],
                &["oauth_token", "oauth_token_secret", "authUri"],
                Says::Failed,
            ),
            Self::Oauth2 => facts("OAUTH2", true, &[], TOKENS, &[], Says::Both),
            Self::DcrOauth => facts("DCR_OAUTH", true, &[], CLIENT, &["client_id"], Says::Failed),
            Self::CimdOauth => facts(
                "CIMD_OAUTH",
                true,
                &[],
                CLIENT,
                &["client_id"],
                Says::Failed,
            ),
            Self::S2sOauth2 => facts(
                "S2S_OAUTH2",
                false,
                &["client_id", "client_secret"],
                &["access_token"],
                &[],
                Says::Failed,
            ),
            Self::ApiKey => key("API_KEY", &["generic_api_key"], Says::Revoked),
            Self::BearerToken => key("BEARER_TOKEN", &["token"], Says::Neither),
            Self::Basic => key("BASIC", &["username", "password"], Says::Neither),
            // Its FAILED has user name and password as required fields, so a failed one cannot say it.
            Self::BasicWithJwt => key("BASIC_WITH_JWT", &["username", "password"], Says::Neither),
            Self::GoogleServiceAccount => key(
                "GOOGLE_SERVICE_ACCOUNT",
                &["credentials_json"],
                Says::Neither,
            ),
            Self::ServiceAccount => key(
                "SERVICE_ACCOUNT",
                &["application_id", "installation_id", "private_key"],
                Says::Neither,
            ),
            Self::BillcomAuth => key("BILLCOM_AUTH", &["sessionId", "devKey"], Says::Failed),
            Self::CalcomAuth => key("CALCOM_AUTH", &[], Says::Failed),
            Self::Saml => key("SAML", &[], Says::Failed),
            Self::NoAuth => key("NO_AUTH", &[], Says::Failed),
        }
    }

    /// The scheme's name on the wire.
    pub fn word(self) -> &'static str {
        self.facts().word
    }

    /// Whether a person is sent to the provider: no credentials of ours can replace that.
    pub fn redirects(self) -> bool {
        self.facts().redirects
    }

    /// Whether Composio refreshes its tokens by OAuth 2.
    pub(super) fn has_refresh_tokens(self) -> bool {
        matches!(self, Self::Oauth2 | Self::DcrOauth | Self::CimdOauth)
    }

    /// The fields the hosted sign-in page asks a person for. Together they are also enough to make
    /// an account from credentials in hand.
    pub fn fields(self) -> &'static [&'static str] {
        self.facts().asked
    }

    /// What `state.val` must hold while credentials are stored.
    pub(super) fn held(self) -> &'static [&'static str] {
        self.facts().held
    }

    /// What `state.val` must hold while the sign-in is open, besides `redirectUrl`.
    pub(super) fn opened(self) -> &'static [&'static str] {
        self.facts().opened
    }

    /// Whether `state.val` has a FAILED of its own.
    pub(super) fn says_failed(self) -> bool {
        matches!(self.facts().says, Says::Failed | Says::Both)
    }

    /// Whether `state.val` has a REVOKED of its own.
    pub(super) fn says_revoked(self) -> bool {
        matches!(self.facts().says, Says::Revoked | Says::Both)
    }

    /// Whether PATCH may replace the credentials.
    pub(super) fn patchable(self) -> bool {
        match self {
            Self::BearerToken
            | Self::ApiKey
            | Self::Basic
            | Self::BasicWithJwt
            | Self::GoogleServiceAccount
            | Self::ServiceAccount => true,
            Self::Oauth1
            | Self::Oauth2
            | Self::DcrOauth
            | Self::CimdOauth
            | Self::S2sOauth2
            | Self::BillcomAuth
            | Self::CalcomAuth
            | Self::Saml
            | Self::NoAuth => false,
        }
    }

    /// Which required field is not among `present`, if any. A service account's fields differ from
    /// toolkit to toolkit, so any one field will do there.
    pub(super) fn lacks(self, present: &[&str]) -> Option<&'static str> {
        let has = |name: &str| present.contains(&name);
        let first = |names: &'static [&'static str]| names.iter().copied().find(|name| !has(name));
        match self {
            Self::Oauth1 => (!has("oauth_token")).then_some("oauth_token"),
            Self::Oauth2 | Self::DcrOauth | Self::CimdOauth => {
                (!has("access_token")).then_some("access_token")
            }
            Self::S2sOauth2 if has("access_token") => None,
            // Which of its many fields holds the key is the toolkit's business.
            Self::ApiKey => present.is_empty().then_some("api_key"),
            // The clients' models ask for no password.
            Self::Basic => (!has("username")).then_some("username"),
            Self::ServiceAccount => present.is_empty().then_some("credentials_json"),
            Self::S2sOauth2
            | Self::BearerToken
            | Self::BasicWithJwt
            | Self::GoogleServiceAccount
            | Self::BillcomAuth
            | Self::CalcomAuth
            | Self::Saml
            | Self::NoAuth => first(self.fields()),
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

const TOKENS: &[&str] = &["access_token", "refresh_token", "token_type"];
const CLIENT: &[&str] = &["client_id", "access_token", "refresh_token", "token_type"];
