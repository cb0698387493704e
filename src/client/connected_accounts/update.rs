//! Updating accounts: alias, credentials, sharing, enabled or not, and a sign-in that starts again.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::ACCOUNTS;
use crate::{
    Client,
    call::Endpoint,
    error::Error,
    model::{Credentials, SensitiveUrl, State},
    path::Query,
    request::ApiRequest,
    wire::{credential_fields, effect},
};

/// Change an account. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchRequest {
    /// The new alias; empty clears it.
    pub alias: Option<String>,
    /// The scheme must be the account's.
    pub credentials: Option<Credentials>,
    /// Only for a shared account.
    pub sharing: Option<SharingPatch>,
}

/// Composio merges: what is `None` stays, an empty set clears the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharingPatch {
    /// `allow_all_users`.
    pub allow_all: Option<bool>,
    /// `allowed_user_ids`.
    pub allowed: Option<BTreeSet<String>>,
    /// `not_allowed_user_ids`.
    pub denied: Option<BTreeSet<String>>,
}

/// The account after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patched {
    /// `None` when the answer named none.
    pub state: Option<State>,
}

/// Authentication started again on the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// `None` when the answer named none.
    pub state: Option<State>,
    /// Where the person signs in; `None` for a scheme that needs nobody.
    pub redirect_url: Option<SensitiveUrl>,
}

impl Client {
    /// Changes alias, credentials or sharing.
    pub async fn patch(&self, id: &str, patch: &PatchRequest) -> Result<Patched, Error> {
        let request = ApiRequest::by_id(Endpoint::Patch, ACCOUNTS, id, "")?
            .json(&patch.body())
            .secret(patch.credentials.is_some());
        self.send(request, patched).await
    }

    /// Makes the account ACTIVE or INACTIVE.
    pub async fn set_enabled(&self, id: &str, enabled: bool) -> Result<(), Error> {
        let request = ApiRequest::by_id(Endpoint::SetEnabled, ACCOUNTS, id, "/status")?
            .json(&json!({"enabled": enabled}));
        self.send(request, changed).await
    }

    /// Starts authentication again on the same id.
    pub async fn refresh(&self, id: &str, redirect_url: Option<&str>) -> Result<Refreshed, Error> {
        let (path, body) = match redirect_url {
            // Documented for the query and for the body; which of them counts is not.
            Some(url) => {
                let mut query = Query::default();
                query.push("redirect_url", url);
                (
                    format!("/refresh{}", query.as_str()),
                    json!({"redirect_url": url}),
                )
            }
            None => ("/refresh".to_owned(), json!({})),
        };
        let request = ApiRequest::by_id(Endpoint::Refresh, ACCOUNTS, id, &path)?.json(&body);
        self.send(request, refreshed).await
    }
}

impl PatchRequest {
    fn body(&self) -> Value {
        let Self {
            alias,
            credentials,
            sharing,
        } = self;
        let mut body = Map::new();
        if let Some(alias) = alias {
            body.insert("alias".to_owned(), json!(alias));
        }
        if let Some(Credentials {
            scheme,
            fields: values,
        }) = credentials
        {
            body.insert(
                "connection".to_owned(),
                json!({"state": {"authScheme": scheme, "val": credential_fields(values)}}),
            );
        }
        if let Some(sharing) = sharing {
            body.insert(
                "experimental".to_owned(),
                json!({"acl_config_for_shared": sharing.body()}),
            );
        }
        Value::Object(body)
    }
}

impl SharingPatch {
    fn body(&self) -> Value {
        let Self {
            allow_all,
            allowed,
            denied,
        } = self;
        let mut body = Map::new();
        if let Some(allow_all) = allow_all {
            body.insert("allow_all_users".to_owned(), json!(allow_all));
        }
        if let Some(allowed) = allowed {
            body.insert("allowed_user_ids".to_owned(), json!(allowed));
        }
        if let Some(denied) = denied {
            body.insert("not_allowed_user_ids".to_owned(), json!(denied));
        }
        Value::Object(body)
    }
}

fn patched(status: StatusCode, body: &[u8]) -> Result<Patched, String> {
    effect(status, body).map(|effect| Patched {
        state: effect.status.state(),
    })
}

fn changed(status: StatusCode, body: &[u8]) -> Result<(), String> {
    effect(status, body).map(|_| ())
}

fn refreshed(status: StatusCode, body: &[u8]) -> Result<Refreshed, String> {
    effect(status, body).map(|effect| Refreshed {
        state: effect.status.state(),
        redirect_url: effect.redirect_url.link().map(SensitiveUrl::new),
    })
}
