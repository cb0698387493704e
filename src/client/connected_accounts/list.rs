//! Reading accounts: pages of them, and one by its id.

use http::StatusCode;
use serde::Deserialize;

use super::ACCOUNTS;
use crate::{
    Client,
    call::Endpoint,
    error::Error,
    lenient::{Lenient, objects},
    model::{Account, Acl, State, Visibility},
    path::Query,
    quote::sanitize_id,
    request::ApiRequest,
    wire::{PageWire, Text, Texts, ToolkitWire, lacks, object, texts},
};

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

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for. Rows without id, toolkit, auth config or status are left out.
    pub items: Vec<Account>,
    /// `None` on the last page.
    pub next_cursor: Option<String>,
    /// `total_items`: how many rows all pages have, if the answer tells.
    pub total: Option<u64>,
    /// How many rows were left out.
    pub left_out: usize,
    /// The length of the answer.
    pub bytes: usize,
}

impl Client {
    /// One page of accounts, newest first, private and shared. A list is a hint: a row that is not
    /// there may be there.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, Error> {
        let request = ApiRequest::new(
            Endpoint::List,
            format!("{ACCOUNTS}{}", query.query().as_str()),
        );
        self.send(request, page).await
    }

    /// One account. [`Retry::Gone`](crate::Retry::Gone) proves that it does not exist.
    pub async fn get(&self, id: &str) -> Result<Account, Error> {
        let request = ApiRequest::by_id(Endpoint::Get, ACCOUNTS, id, "")?;
        self.send(request, account).await
    }
}

impl ListQuery {
    fn query(&self) -> Query {
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

#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemWire {
    id: Text,
    alias: Text,
    user_id: Text,
    status: Text,
    status_reason: Text,
    created_at: Text,
    updated_at: Text,
    toolkit: Lenient<ToolkitWire>,
    auth_config: Lenient<AuthConfigWire>,
    experimental: Lenient<ExperimentalWire>,
    state: Lenient<StateWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthConfigWire {
    id: Text,
    is_disabled: Lenient<bool>,
}

/// What holds the credentials. This one text is read of them, and all else is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StateWire {
    val: Lenient<IdentityWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IdentityWire {
    #[serde(rename = "displayName")]
    display_name: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ExperimentalWire {
    account_type: Text,
    acl_config_for_shared: Lenient<AclWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AclWire {
    allow_all_users: Lenient<bool>,
    allowed_user_ids: Texts,
    not_allowed_user_ids: Texts,
}

objects!(
    ItemWire,
    AuthConfigWire,
    ExperimentalWire,
    AclWire,
    StateWire,
    IdentityWire
);

fn account_of(item: ItemWire) -> Result<Account, (Option<String>, String)> {
    let id = item.id.id();
    let wrong = |field| (id.clone(), lacks(field));
    let slug = item.toolkit.0.unwrap_or_default().slug.id();
    let auth_config = item.auth_config.0.unwrap_or_default();
    let is_disabled = auth_config.is_disabled.0;
    let experimental = item.experimental.0.unwrap_or_default();
    let mut account = Account {
        toolkit: slug.ok_or_else(|| wrong("toolkit.slug"))?,
        auth_config: auth_config.id.id().ok_or_else(|| wrong("auth_config.id"))?,
        auth_config_disabled: false,
        state: item.status.state().ok_or_else(|| wrong("status"))?,
        id: id.clone().ok_or_else(|| wrong("id"))?,
        alias: item.alias.name(),
        user_id: item.user_id.user(),
        state_reason: item.status_reason.sentence(),
        identity: item
            .state
            .0
            .and_then(|state| state.val.0)
            .and_then(|val| val.display_name.name()),
        visibility: match experimental.account_type.0.as_deref() {
            Some("SHARED") => Visibility::Shared,
            // A word that is not known opens nothing to anybody.
            Some(_) | None => Visibility::Private,
        },
        sharing: experimental.acl_config_for_shared.0.map(|acl| Acl {
            allow_all: acl.allow_all_users.0.unwrap_or(false),
            allowed: texts(acl.allowed_user_ids),
            denied: texts(acl.not_allowed_user_ids),
        }),
        created_at: item.created_at.time(),
        updated_at: item.updated_at.time(),
    };
    // A server that does not show it says so of the accounts that it has set to INACTIVE.
    account.auth_config_disabled = is_disabled.unwrap_or_else(|| account.went_with_auth_config());
    Ok(account)
}

fn account(_: StatusCode, body: &[u8]) -> Result<Account, String> {
    account_of(object(body)?).map_err(|(_, why)| why)
}

/// One odd row must not hide the others. `items` itself must be there: without it the answer is
/// somebody else's, and must not read as "there are no accounts".
fn page(_: StatusCode, body: &[u8]) -> Result<Page, String> {
    let PageWire {
        items,
        next_cursor,
        total_items,
    } = object::<PageWire<ItemWire>>(body)?;
    let rows = items.0.ok_or_else(|| lacks("items"))?;
    let mut items = Vec::with_capacity(rows.len());
    let mut left_out = 0;
    for row in rows {
        match account_of(row.0.unwrap_or_default()) {
            Ok(account) => items.push(account),
            Err((id, why)) => {
                left_out += 1;
                let id = sanitize_id(&id.unwrap_or_default());
                tracing::warn!(%id, why, "a listed account is left out");
            }
        }
    }
    Ok(Page {
        items,
        next_cursor: next_cursor.cursor()?,
        total: total_items.0,
        left_out,
        bytes: body.len(),
    })
}
