//! What a world starts with.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::World;
use super::account::{Account as Row, Grant, Sharing, State};
use super::project::check_verifier;
use super::scheme::Scheme;
use super::switches::Switches;

/// What a [`World`](super::World) starts with, and goes back to when it is reset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// The only key that is let in.
    pub api_key: String,
    /// The project's name, shown on the sign-in page.
    pub project: String,
    /// `pr_…`: which project the key is of. When absent, one that is made of the API key, so that it
    /// is the same in every run.
    pub project_id: Option<String>,
    /// Whose project it is; absent: one of its own. Projects of one organisation share its rate limit, which is that of
    /// the first.
    pub organisation_id: Option<String>,
    /// The project verifies who signed in: the browser goes here instead of to the callback.
    pub verifier_url: Option<String>,
    /// A sign-in of an auth config of Composio's must be finished in the browser that opened it.
    pub same_browser: bool,
    /// Where links point when a request names no host, without a slash at the end.
    #[serde(skip)]
    pub public_base: String,
    /// The project's auth configs; the sandbox's own, when a seed file gives none.
    pub auth_configs: Vec<AuthConfig>,
    /// Accounts that are there from the start.
    pub accounts: Vec<Account>,
    /// The largest page of a list of accounts, and the page size when none is asked for.
    pub max_page: usize,
    /// Requests per minute.
    pub limit: u32,
    /// Makes ids differ from one world to the next, so that an id remembered from an earlier run
    /// is not found again by chance. The same number gives the same ids.
    #[serde(skip)]
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
    /// Connection fields that the toolkit cannot do without, such as `subdomain`.
    #[serde(default)]
    pub requires: Vec<String>,
}

/// An account of a seed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// `ca_…`; one is made up when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// The auth config, which the seed must have.
    pub auth_config: String,
    /// Whose it is.
    pub user_id: String,
    /// Alias, if any.
    #[serde(default)]
    pub alias: Option<String>,
    /// Its status; ACTIVE brings a live grant.
    #[serde(default = "active")]
    pub status: String,
    /// Why it has this status.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// Whether it is SHARED, and with whom.
    #[serde(default)]
    pub sharing: Option<Sharing>,
}

fn active() -> String {
    "ACTIVE".to_owned()
}

impl Seed {
    /// What is wrong with it, and where: `auth_configs[2].id`.
    pub fn check(&self) -> Result<(), String> {
        if self.api_key.is_empty() || self.max_page == 0 {
            return Err("api_key must not be empty, and max_page not 0".to_owned());
        }
        for (n, config) in self.auth_configs.iter().enumerate() {
            if config.id.is_empty() || config.toolkit.is_empty() {
                return Err(format!(
                    "auth_configs[{n}]: id and toolkit must not be empty"
                ));
            }
            if self.auth_configs[..n]
                .iter()
                .any(|other| other.id == config.id)
            {
                return Err(format!(
                    "auth_configs[{n}].id: {} is there twice",
                    config.id
                ));
            }
        }
        if let Some(url) = &self.verifier_url {
            check_verifier(url)?;
        }
        let mut aliases = HashSet::new();
        let mut ids = HashSet::new();
        for (n, account) in self.accounts.iter().enumerate() {
            let config = self
                .auth_configs
                .iter()
                .find(|config| config.id == account.auth_config);
            let Some(config) = config else {
                return Err(format!(
                    "accounts[{n}].auth_config: there is no auth config {}",
                    account.auth_config
                ));
            };
            if !(1..=256).contains(&account.user_id.chars().count()) {
                return Err(format!(
                    "accounts[{n}].user_id: must have 1 to 256 characters"
                ));
            }
            if let Some(alias) = &account.alias
                && !aliases.insert((&account.user_id, &config.toolkit, alias))
            {
                return Err(format!(
                    "accounts[{n}].alias: {alias} is there twice for this user and toolkit"
                ));
            }
            if let Some(id) = &account.id
                && (id.is_empty() || !ids.insert(id))
            {
                return Err(format!("accounts[{n}].id: {id:?} is empty or there twice"));
            }
            if let State::Other(word) = State::from_text(&account.status) {
                return Err(format!(
                    "accounts[{n}].status: Composio has no status {word}"
                ));
            }
        }
        Ok(())
    }
}

impl World {
    /// Makes the seed's accounts.
    pub(super) fn sow(&mut self, now: Timestamp) {
        for account in self.seed.accounts.clone() {
            let Some(config) = self.config_index(&account.auth_config) else {
                continue;
            };
            let state = State::from_text(&account.status);
            let connected = matches!(state, State::Active | State::Inactive);
            let made = self.ids.next("ca_");
            let key = account
                .alias
                .as_deref()
                .map(|alias| self.alias_key(&account.user_id, config, alias));
            let n = self.store.insert(Row {
                id: account.id.unwrap_or(made),
                word_id: self.ids.words(&self.configs[config].toolkit),
                user: account.user_id,
                alias: account.alias,
                config,
                state,
                reason: account.status_reason,
                created_at: now,
                updated_at: now,
                sharing: account.sharing,
                grant: if connected { Grant::Alive } else { Grant::None },
                ever_active: connected,
                deleted_at: None,
                credentials: Vec::new(),
                prefilled: Map::new(),
                link: None,
                display_name: None,
            });
            if let Some(key) = key {
                self.store.take_alias(key, n);
            }
        }
    }
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
            requires: Vec::new(),
        }
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            api_key: "sandbox".to_owned(),
            project: "sandbox".to_owned(),
            project_id: None,
            organisation_id: None,
            verifier_url: None,
            same_browser: false,
            public_base: "http://127.0.0.1:8090".to_owned(),
            auth_configs: default_auth_configs(),
            accounts: Vec::new(),
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
