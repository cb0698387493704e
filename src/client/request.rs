//! What is asked of Composio: the arguments of the client's calls, and how they read on the wire.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    model::{Acl, Credentials, Sensitive, State, Visibility},
    path::Query,
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

/// Which accounts to list, newest first, private and shared alike. An empty filter filters nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// `connected_account_ids`.
    pub ids: Vec<String>,
    /// `user_ids`.
    pub user_ids: Vec<String>,
    /// `toolkit_slugs`.
    pub toolkit_slugs: Vec<String>,
    /// `auth_config_ids`.
    pub auth_config_ids: Vec<String>,
    /// `statuses`.
    pub statuses: Vec<State>,
    /// What "newest" means.
    pub order_by: OrderBy,
    /// From the page before.
    pub cursor: Option<String>,
    /// Page size asked for; Composio may send fewer.
    pub limit: Option<u32>,
}

/// What "newest" means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// `updated_at`.
    #[default]
    Updated,
    /// `created_at`.
    Created,
}

impl LinkRequest {
    pub(super) fn body(&self) -> Value {
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
    pub(super) fn body(&self) -> Value {
        let Self {
            auth_config,
            user,
            alias,
            scheme,
            credentials,
            visibility,
            sharing,
        } = self;
        let mut val = fields(credentials);
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

impl PatchRequest {
    pub(super) fn body(&self) -> Value {
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
                json!({"state": {"authScheme": scheme, "val": fields(values)}}),
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

impl ListQuery {
    pub(super) fn query(&self) -> Query {
        let Self {
            ids,
            user_ids,
            toolkit_slugs,
            auth_config_ids,
            statuses,
            order_by,
            cursor,
            limit,
        } = self;
        let mut query = Query::default();
        // Composio's default is PRIVATE only: a shared account would look absent.
        query.push("account_type", "ALL");
        query.push(
            "order_by",
            match order_by {
                OrderBy::Updated => "updated_at",
                OrderBy::Created => "created_at",
            },
        );
        query.push("order_direction", "desc");
        for id in ids {
            query.push("connected_account_ids", id);
        }
        for user in user_ids {
            query.push("user_ids", user);
        }
        for slug in toolkit_slugs {
            query.push("toolkit_slugs", slug);
        }
        for id in auth_config_ids {
            query.push("auth_config_ids", id);
        }
        for state in statuses {
            query.push("statuses", state.as_str());
        }
        if let Some(limit) = limit {
            query.push("limit", &limit.to_string());
        }
        if let Some(cursor) = cursor {
            query.push("cursor", cursor);
        }
        query
    }
}

fn fields(credentials: &BTreeMap<String, Sensitive>) -> Map<String, Value> {
    credentials
        .iter()
        .map(|(name, value)| (name.clone(), json!(value.expose())))
        .collect()
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
