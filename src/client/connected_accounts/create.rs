//! Creating accounts: a hosted sign-in, or credentials in hand.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ACCOUNTS;
use crate::{
    Client,
    call::Endpoint,
    error::Error,
    lenient::{Lenient, objects},
    model::{Acl, Sensitive, SensitiveUrl, State, Visibility},
    request::ApiRequest,
    wire::{StatusWire, Text, credential_fields, lacks, object},
};

/// Start a hosted sign-in. Every call makes a new connected account.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRequest {
    /// `ac_…`.
    pub auth_config: String,
    /// Composio's `user_id`.
    pub user: String,
    /// Unique per (project, user, toolkit): the key by which the account is found again.
    pub alias: String,
    /// Where the browser goes after the sign-in.
    pub callback_url: Option<String>,
    /// Fields that the sign-in shows filled in; a JSON object.
    pub connection_data: Option<Map<String, Value>>,
    /// Cannot be changed later.
    pub visibility: Visibility,
    /// Sent only with [`Visibility::Shared`]: Composio refuses it for a private account.
    pub sharing: Option<Acl>,
}

/// A hosted sign-in that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// `ca_…` of the new account.
    pub id: String,
    /// Where the person signs in.
    pub redirect_url: SensitiveUrl,
    /// By Composio's clock; `None` when the answer held no time that can be read. A link lives ten
    /// minutes.
    pub expires_at: Option<Timestamp>,
}

/// Create an account from credentials in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// `ac_…`.
    pub auth_config: String,
    /// Composio's `user_id`.
    pub user: String,
    /// Unique per (project, user, toolkit): the key by which the account is found again.
    pub alias: String,
    /// Composio's word for the scheme, such as `API_KEY`.
    pub scheme: String,
    /// Field name to value.
    pub credentials: BTreeMap<String, Sensitive>,
    /// Cannot be changed later.
    pub visibility: Visibility,
    /// Sent only with [`Visibility::Shared`]: Composio refuses it for a private account.
    pub sharing: Option<Acl>,
}

/// An account made from credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// `ca_…`.
    pub id: String,
    /// `None` when the answer named none.
    pub state: Option<State>,
}

impl Client {
    /// Starts a hosted sign-in. Each call makes a new connected account.
    pub async fn link(&self, link: &LinkRequest) -> Result<Linked, Error> {
        let request =
            ApiRequest::new(Endpoint::Link, format!("{ACCOUNTS}/link")).json(&link.body());
        self.send(request, linked).await
    }

    /// Creates an account from credentials in hand.
    pub async fn create(&self, create: &CreateRequest) -> Result<Created, Error> {
        let request = ApiRequest::new(Endpoint::Create, ACCOUNTS)
            .json(&create.body())
            .secret(true);
        self.send(request, created).await
    }
}

impl LinkRequest {
    fn body(&self) -> Value {
        let Self {
            auth_config,
            user,
            alias,
            callback_url,
            connection_data,
            visibility,
            sharing,
        } = self;
        let mut body = json!({
            "auth_config_id": auth_config,
            "user_id": user,
            "alias": alias,
            "experimental": experimental(*visibility, sharing.as_ref()),
        });
        if let Some(url) = callback_url {
            body["callback_url"] = json!(url);
        }
        if let Some(data) = connection_data {
            body["connection_data"] = Value::Object(data.clone());
        }
        body
    }
}

impl CreateRequest {
    fn body(&self) -> Value {
        let Self {
            auth_config,
            user,
            alias,
            scheme,
            credentials,
            visibility,
            sharing,
        } = self;
        let mut val = credential_fields(credentials);
        // Last, so that a Secret key of that name cannot ask for another state.
        val.insert("status".to_owned(), json!("ACTIVE"));
        json!({
            "auth_config": {"id": auth_config},
            "connection": {
                "user_id": user,
                "alias": alias,
                "state": {"authScheme": scheme, "val": val},
                "experimental": experimental(*visibility, sharing.as_ref()),
            },
        })
    }
}

fn experimental(visibility: Visibility, sharing: Option<&Acl>) -> Value {
    match visibility {
        Visibility::Private => json!({"account_type": "PRIVATE"}),
        Visibility::Shared => match sharing {
            None => json!({"account_type": "SHARED"}),
            Some(Acl {
                allow_all,
                allowed,
                denied,
            }) => json!({
                "account_type": "SHARED",
                "acl_config_for_shared": {
                    "allow_all_users": allow_all,
                    "allowed_user_ids": allowed,
                    "not_allowed_user_ids": denied,
                },
            }),
        },
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LinkWire {
    connected_account_id: Text,
    redirect_url: Text,
    expires_at: Text,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CreateWire {
    id: Text,
    connection_data: Lenient<ConnectionDataWire>,
    status: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConnectionDataWire {
    val: Lenient<StatusWire>,
}

objects!(LinkWire, CreateWire, ConnectionDataWire);

fn linked(_: StatusCode, body: &[u8]) -> Result<Linked, String> {
    let link: LinkWire = object(body)?;
    Ok(Linked {
        id: link
            .connected_account_id
            .id()
            .ok_or_else(|| lacks("connected_account_id"))?,
        redirect_url: SensitiveUrl::new(
            link.redirect_url
                .link()
                .ok_or_else(|| lacks("redirect_url"))?,
        ),
        expires_at: link.expires_at.time(),
    })
}

fn created(_: StatusCode, body: &[u8]) -> Result<Created, String> {
    let CreateWire {
        id,
        connection_data,
        status,
    } = object(body)?;
    let val = connection_data
        .0
        .unwrap_or_default()
        .val
        .0
        .unwrap_or_default();
    Ok(Created {
        id: id.id().ok_or_else(|| lacks("id"))?,
        state: val.status.state().or_else(|| status.state()),
    })
}
