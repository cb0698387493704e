//! The client of Composio's API: one function per endpoint, all of them through one function value
//! ([`Transport`]), so that a test can put an emulated Composio there instead of the network.
//!
//! Nothing is retried here, and nothing that Composio sends is held but what [`model`] and the
//! answers name: `state`, `data` and tokens have no field to go to.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Instant};

use ::http::StatusCode;
use serde_json::json;

mod answer;
mod ask;
pub mod budget;
mod call;
mod decode;
pub mod error;
pub mod http;
mod lenient;
pub mod model;
mod pages;
mod path;
mod quote;
mod request;
#[cfg(test)]
mod tests;
pub mod text;
mod wire;

use ask::Ask;
use decode::AuthConfigPage;

pub use answer::{Created, Deleted, Linked, Page, Patched, Refreshed, Revoked};
pub use budget::{Budget, Urgency};
pub use call::{Call, Class, Endpoint, RateLimit};
pub use error::{Error, Kind, Refusal, Retry};
pub use http::{ApiKey, ConfigError, HttpConfig, SendError, Transport};
pub use model::{
    Account, Acl, AuthConfig, Credentials, Sensitive, SensitiveUrl, State, Visibility,
};
pub use pages::{Listing, Pages};
pub use quote::Quote;
pub use request::{CreateRequest, LinkRequest, ListQuery, OrderBy, PatchRequest, SharingPatch};

/// Called after each call that was sent, also after one that failed.
pub type Observer = Arc<dyn Fn(&Call) + Send + Sync>;

const ACCOUNTS: &str = "/api/v3.1/connected_accounts";
const AUTH_CONFIGS: &str = "/api/v3.1/auth_configs";

/// One Composio project. Cheap to clone.
///
/// # Errors
/// Every call fails with an [`Error`] that says what was asked, what came back and when to try again;
/// nothing is tried again here.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    observer: Observer,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// A client that sends through `transport` and tells `observer` of each call.
    pub fn new(transport: Transport, observer: Observer) -> Self {
        Self {
            transport,
            observer,
        }
    }

    /// Starts a hosted sign-in. Each call makes a new connected account.
    pub async fn link(&self, link: &LinkRequest) -> Result<Linked, Error> {
        let ask = Ask::new(Endpoint::Link, format!("{ACCOUNTS}/link")).json(&link.body());
        self.send(ask, decode::linked).await
    }

    /// Creates an account from credentials in hand.
    pub async fn create(&self, create: &CreateRequest) -> Result<Created, Error> {
        let ask = Ask::new(Endpoint::Create, ACCOUNTS)
            .json(&create.body())
            .secret(true);
        self.send(ask, decode::created).await
    }

    /// One page of accounts, newest first, private and shared. A list is a hint: a row that is not
    /// there may be there.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, Error> {
        let ask = Ask::new(
            Endpoint::List,
            format!("{ACCOUNTS}{}", query.query().as_str()),
        );
        self.send(ask, decode::page).await
    }

    /// One account. [`Retry::Gone`] proves that it does not exist.
    pub async fn get(&self, id: &str) -> Result<Account, Error> {
        let ask = Ask::by_id(Endpoint::Get, ACCOUNTS, id, "")?;
        self.send(ask, decode::account).await
    }

    /// Changes alias, credentials or sharing.
    pub async fn patch(&self, id: &str, patch: &PatchRequest) -> Result<Patched, Error> {
        let ask = Ask::by_id(Endpoint::Patch, ACCOUNTS, id, "")?
            .json(&patch.body())
            .secret(patch.credentials.is_some());
        self.send(ask, decode::patched).await
    }

    /// Makes the account ACTIVE or INACTIVE.
    pub async fn set_enabled(&self, id: &str, enabled: bool) -> Result<(), Error> {
        let ask = Ask::by_id(Endpoint::SetEnabled, ACCOUNTS, id, "/status")?
            .json(&json!({"enabled": enabled}));
        self.send(ask, decode::enabled).await
    }

    /// Starts authentication again on the same id.
    pub async fn refresh(&self, id: &str, redirect_url: Option<&str>) -> Result<Refreshed, Error> {
        let (path, body) = match redirect_url {
            // Documented for the query and for the body; which of them counts is not.
            Some(url) => {
                let mut query = path::Query::default();
                query.push("redirect_url", url);
                (
                    format!("/refresh{}", query.as_str()),
                    json!({"redirect_url": url}),
                )
            }
            None => ("/refresh".to_owned(), json!({})),
        };
        let ask = Ask::by_id(Endpoint::Refresh, ACCOUNTS, id, &path)?.json(&body);
        self.send(ask, decode::refreshed).await
    }

    /// Revokes the grant at the provider. Only an ACTIVE or REVOKED account can be.
    pub async fn revoke(&self, id: &str) -> Result<Revoked, Error> {
        let ask = Ask::by_id(Endpoint::Revoke, ACCOUNTS, id, "/revoke")?;
        self.send(ask, decode::revoked).await
    }

    /// Deletes the account; with `revoke_on_delete` Composio also tries to revoke its grant, and
    /// never tells whether it could.
    pub async fn delete(&self, id: &str, revoke_on_delete: bool) -> Result<Deleted, Error> {
        let query = if revoke_on_delete {
            "?revoke_on_delete=true"
        } else {
            ""
        };
        let ask = Ask::by_id(Endpoint::Delete, ACCOUNTS, id, query)?;
        self.send(ask, decode::deleted).await
    }

    /// One auth config, enabled or not.
    pub async fn auth_config(&self, id: &str) -> Result<AuthConfig, Error> {
        let ask = Ask::by_id(Endpoint::AuthConfig, AUTH_CONFIGS, id, "")?;
        self.send(ask, decode::auth_config).await
    }

    /// All auth configs of a toolkit, the disabled ones too.
    pub async fn auth_configs(&self, toolkit: &str) -> Result<Vec<AuthConfig>, Error> {
        let mut found: BTreeMap<String, AuthConfig> = BTreeMap::new();
        let mut pages = Pages::of(Endpoint::AuthConfigs);
        let mut cursor: Option<String> = None;
        loop {
            let mut query = path::Query::default();
            query.push("toolkit_slug", toolkit);
            query.push("show_disabled", "true");
            query.push("limit", "50");
            if let Some(cursor) = &cursor {
                query.push("cursor", cursor);
            }
            let ask = Ask::new(
                Endpoint::AuthConfigs,
                format!("{AUTH_CONFIGS}{}", query.as_str()),
            );
            let AuthConfigPage {
                items,
                next_cursor,
                bytes,
            } = self.send(ask, decode::auth_configs).await?;
            let before = found.len();
            // Pages shift and may repeat: what was read last is the newest.
            found.extend(items.into_iter().map(|item| (item.id.clone(), item)));
            // Half of them would make an ambiguous choice look like the only one.
            pages.take(bytes, found.len() > before, next_cursor.is_some())?;
            let Some(next) = next_cursor else {
                break;
            };
            pages.follow(&next)?;
            cursor = Some(next);
        }
        // A server that does not know the filter sends all.
        let found = found.into_values();
        Ok(found.filter(|found| found.toolkit == toolkit).collect())
    }

    async fn send<T>(
        &self,
        ask: Ask,
        read: fn(StatusCode, &[u8]) -> Result<T, String>,
    ) -> Result<T, Error> {
        let (endpoint, secret) = (ask.endpoint, ask.secret);
        let request = ask.request().map_err(|kind| Error {
            endpoint,
            kind,
            request_id: None,
            carried_credentials: secret,
        })?;
        let started = Instant::now();
        let answer = (self.transport)(request).await;
        let headers = answer
            .as_ref()
            .ok()
            .map(|answer| answer.headers().clone())
            .unwrap_or_default();
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        let mut request_id = call::request_id(&headers);
        let result = match answer {
            Err(error) => Err(ask::not_answered(error)),
            Ok(answer) if answer.status().is_success() => read(answer.status(), answer.body())
                .map_err(|what| Kind::NotUnderstood {
                    status: answer.status().as_u16(),
                    what,
                }),
            Ok(answer) => {
                let (kind, id) = ask::refused(endpoint, &answer, secret);
                request_id = id.or(request_id);
                Err(kind)
            }
        };
        let result = result.map_err(|kind| Error {
            endpoint,
            kind,
            request_id: request_id.clone(),
            carried_credentials: secret,
        });
        let call = Call {
            endpoint,
            method: endpoint.method(),
            class: result.as_ref().err().map_or(Class::Success, Error::class),
            status: status.or_else(|| result.as_ref().err().and_then(Error::status)),
            duration: started.elapsed(),
            rate_limit: call::rate_limit(&headers),
            retry_after: match result.as_ref().err().map(Error::retry) {
                Some(Retry::After(wait)) => Some(wait),
                Some(Retry::Backoff | Retry::Never | Retry::Gone) | None => None,
            },
            date: call::date(&headers),
            request_id,
        };
        tracing::debug!(
            endpoint = call.endpoint.as_str(),
            method = %call.method,
            status = call.status,
            class = call.class.as_str(),
            request_id = call.request_id,
            "called Composio"
        );
        (self.observer)(&call);
        result
    }
}
