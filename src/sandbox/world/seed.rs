//! What a world starts with.

use serde::{Deserialize, Serialize};

use super::scheme::Scheme;

/// What a [`World`](super::World) starts with, and goes back to when it is reset.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The only key that is let in.
    pub api_key: String,
    /// The project's name, shown on the sign-in page.
    pub project: String,
    /// Where links point when a request names no host, without a slash at the end.
    pub public_base: String,
    /// The project's auth configs.
    pub auth_configs: Vec<AuthConfig>,
    /// The largest page of a list, and the page size when none is asked for.
    pub max_page: usize,
    /// Requests per minute.
    pub limit: u32,
    /// Makes ids differ from one world to the next, so that an id remembered from an earlier run
    /// is not found again by chance. The same number gives the same ids.
    pub entropy: u64,
    /// How the questions that the API's documentation leaves open are answered.
    pub switches: Switches,
}

/// An auth config: a toolkit, and how accounts of it are connected.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// `ac_…`
    pub id: String,
    /// The toolkit's slug.
    pub toolkit: String,
    /// How accounts authenticate.
    #[serde(default = "oauth2")]
    pub scheme: Scheme,
    /// Whether Composio's own OAuth app is used.
    #[serde(default = "yes")]
    pub managed: bool,
    /// Whether new accounts can be made.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether the provider offers a way to revoke.
    #[serde(default = "yes")]
    pub can_revoke: bool,
}

fn yes() -> bool {
    true
}

fn oauth2() -> Scheme {
    Scheme::Oauth2
}

impl AuthConfig {
    fn new(id: &str, toolkit: &str) -> Self {
        Self {
            id: id.to_owned(),
            toolkit: toolkit.to_owned(),
            scheme: Scheme::Oauth2,
            managed: true,
            enabled: true,
            can_revoke: true,
        }
    }
}

/// The documentation's open questions. The default of each is the sandbox's own reading.
/// Setting them by a control call sets all of them: one that is absent gets its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// After a refresh the row is EXPIRED until the person is done; else it is INITIATED again.
    pub refresh_leaves_expired: bool,
    /// A PATCH of credentials leaves EXPIRED, FAILED and unfinished rows as they are; else working
    /// credentials make them ACTIVE.
    pub patch_does_not_revive: bool,
    /// Enabling makes any row ACTIVE, and disabling makes any row INACTIVE; else only INACTIVE rows
    /// that had been connected can be enabled, only ACTIVE ones disabled, and the rest is a 400.
    pub status_sets_anything: bool,
    /// `revoke_on_delete` revokes for ACTIVE rows only; else for every live grant.
    pub revoke_on_delete_needs_active: bool,
    /// A deleted row holds its alias; else it is free at once.
    pub deleted_holds_alias: bool,
    /// An unfinished row's refresh has only what is left of its ten minutes; else ten of its own.
    pub refresh_keeps_deadline: bool,
    /// Alias and sharing do not move `updated_at`; else every change does.
    pub quiet_metadata: bool,
    /// For so many seconds after its POST a row is in no list.
    pub list_lag_seconds: u32,
    /// For so many seconds after its POST a GET of a row is a 404.
    pub get_lag_seconds: u32,
    /// Nothing stops two rows from having one alias.
    pub alias_not_unique: bool,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            api_key: "sandbox".to_owned(),
            project: "sandbox".to_owned(),
            public_base: "http://127.0.0.1:8090".to_owned(),
            auth_configs: default_auth_configs(),
            max_page: 50,
            limit: 10_000,
            entropy: 0,
            switches: Switches::default(),
        }
    }
}

fn default_auth_configs() -> Vec<AuthConfig> {
    vec![
        AuthConfig::new("ac_gmail", "gmail"),
        AuthConfig::new("ac_slack", "slack"),
        AuthConfig::new("ac_github", "github"),
        AuthConfig {
            scheme: Scheme::ApiKey,
            managed: false,
            ..AuthConfig::new("ac_hubspot", "hubspot")
        },
        AuthConfig {
            managed: false,
            ..AuthConfig::new("ac_custom", "notion")
        },
        AuthConfig {
            enabled: false,
            ..AuthConfig::new("ac_disabled", "linear")
        },
        AuthConfig {
            can_revoke: false,
            ..AuthConfig::new("ac_trello", "trello")
        },
    ]
}
