//! An account as the API shows it.
//!
//! A list writes these straight to text: fifty rows by way of `Value` take ten times as long.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::account::{Account, Sharing, State, iso};
use super::seed::AuthConfig;

/// A list item.
#[derive(Serialize)]
pub(super) struct Item<'a> {
    id: &'a str,
    #[serde(rename = "authScheme")]
    scheme: &'static str,
    word_id: &'a str,
    alias: Option<&'a str>,
    user_id: &'a str,
    status: &'a str,
    status_reason: Option<&'a str>,
    is_disabled: bool,
    created_at: String,
    updated_at: String,
    toolkit: Toolkit<'a>,
    auth_config: Config<'a>,
    experimental: Experimental<'a>,
    state: &'a Credentials,
    data: &'a Map<String, Value>,
    test_request_endpoint: &'static str,
    deprecated: Deprecated<'a>,
    /// Clients must ignore what they do not know.
    a_field_of_tomorrow: bool,
}

/// As a list item, plus what only the single answer carries.
#[derive(Serialize)]
struct Detail<'a> {
    #[serde(flatten)]
    item: Item<'a>,
    params: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_scopes: Option<[&'static str; 2]>,
}

#[derive(Serialize)]
struct Toolkit<'a> {
    slug: &'a str,
}

#[derive(Serialize)]
struct Config<'a> {
    id: &'a str,
    auth_scheme: &'static str,
    is_composio_managed: bool,
    is_disabled: bool,
    deprecated: Deprecated<'a>,
}

#[derive(Serialize)]
struct Deprecated<'a> {
    uuid: &'a str,
}

#[derive(Serialize)]
pub(super) struct Experimental<'a> {
    account_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    acl_config_for_shared: Option<&'a Sharing>,
}

/// The part of an answer that carries credentials: dummies, as with masking turned on.
#[derive(Serialize)]
pub(super) struct Credentials {
    #[serde(rename = "authScheme")]
    scheme: &'static str,
    pub(super) val: Map<String, Value>,
}

impl Account {
    /// The list item, as text.
    pub(super) fn item(&self, config: &AuthConfig) -> String {
        text(&self.shown(config, &self.credentials(config)))
    }

    /// The single answer, as text.
    pub(super) fn detail(&self, config: &AuthConfig) -> String {
        text(&Detail {
            item: self.shown(config, &self.credentials(config)),
            params: &self.prefilled,
            requested_scopes: config.scheme.redirects().then_some(["read", "write"]),
        })
    }

    fn shown<'a>(&'a self, config: &'a AuthConfig, state: &'a Credentials) -> Item<'a> {
        let scheme = config.scheme.word();
        Item {
            id: &self.id,
            scheme,
            word_id: &self.word_id,
            alias: self.alias.as_deref(),
            user_id: &self.user,
            status: self.state.word(),
            status_reason: self.reason.as_deref(),
            is_disabled: self.state == State::Inactive,
            created_at: iso(self.created_at),
            updated_at: iso(self.updated_at),
            toolkit: Toolkit {
                slug: &config.toolkit,
            },
            auth_config: Config {
                id: &config.id,
                auth_scheme: scheme,
                is_composio_managed: config.managed,
                is_disabled: !config.enabled,
                deprecated: Deprecated { uuid: &config.id },
            },
            experimental: self.experimental(),
            state,
            data: &state.val,
            test_request_endpoint: "",
            deprecated: Deprecated { uuid: &self.id },
            a_field_of_tomorrow: true,
        }
    }

    pub(super) fn experimental(&self) -> Experimental<'_> {
        Experimental {
            account_type: match &self.sharing {
                None => "PRIVATE",
                Some(_) => "SHARED",
            },
            acl_config_for_shared: self.sharing.as_ref(),
        }
    }

    /// What the official clients' models ask for in this scheme and state.
    pub(super) fn credentials(&self, config: &AuthConfig) -> Credentials {
        const DUMMY: &str = "REDACTED";
        let scheme = config.scheme;
        let mut val = self.prefilled.clone();
        let mut hold = |name: &str| val.insert(name.to_owned(), json!(DUMMY));
        let word = match &self.state {
            State::Active | State::Inactive => {
                for credential in &self.credentials {
                    hold(&credential.name);
                }
                for name in scheme.held() {
                    hold(name);
                }
                if let Some(name) = &self.display_name {
                    val.insert("displayName".to_owned(), json!(name));
                }
                if scheme.redirects() {
                    val.insert("scope".to_owned(), json!("read write"));
                }
                self.state.word()
            }
            State::Initiated => {
                for name in scheme.opened() {
                    hold(name);
                }
                let url = self.link.as_ref().map_or("", |link| link.url.as_str());
                val.insert("redirectUrl".to_owned(), json!(url));
                self.state.word()
            }
            State::Failed if scheme.says_failed() => {
                val.insert("error".to_owned(), json!("access_denied"));
                self.state.word()
            }
            State::Revoked if scheme.says_revoked() => {
                val.insert("revoked_at".to_owned(), json!(iso(self.updated_at)));
                self.state.word()
            }
            State::Expired | State::Failed | State::Revoked => {
                val.insert("expired_at".to_owned(), json!(iso(self.updated_at)));
                "EXPIRED"
            }
            State::Initializing | State::Other(_) => self.state.word(),
        };
        val.insert("status".to_owned(), json!(word));
        Credentials {
            scheme: scheme.word(),
            val,
        }
    }
}

/// Nothing in these can fail: all keys are texts.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
