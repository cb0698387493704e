//! What control calls show.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::world::World;
use crate::world::account::{Account, Credential, Grant, GrantEnd, Sharing, iso};

/// An account with what clients are not told.
#[derive(Clone, Debug, Serialize)]
pub struct AccountView {
    /// `ca_…`
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// Toolkit slug.
    pub toolkit: String,
    /// `ac_…`
    pub auth_config: String,
    /// Alias, if any.
    pub alias: Option<String>,
    /// Composio's word.
    pub status: String,
    /// Why it has this status.
    pub status_reason: Option<String>,
    /// `PRIVATE` or `SHARED`.
    pub account_type: &'static str,
    /// Who but the owner may use a shared one.
    pub sharing: Option<Sharing>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// When it was deleted, if it was.
    pub deleted_at: Option<String>,
    /// Whether it has ever been ACTIVE.
    pub ever_active: bool,
    /// The provider's side.
    pub grant: GrantView,
    /// Fingerprints of the stored credentials by field, to tell whether a new value has arrived:
    /// `sha256:` and the first 16 hex digits of the value's digest.
    pub credentials: BTreeMap<String, String>,
    /// The fields that the sign-in was pre-filled with.
    pub connection_data: Map<String, Value>,
    /// The sign-in URL, while it can be used.
    pub link_url: Option<String>,
}

/// The provider's side of one account. Deleting the account does not change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantView {
    /// `ca_…`
    pub account: String,
    /// Whether a grant was ever given.
    pub given: bool,
    /// Whether the provider would honour it now.
    pub alive: bool,
    /// What ended it.
    pub ended_by: Option<GrantEnd>,
    /// When it ended.
    pub ended_at: Option<String>,
}

impl GrantView {
    pub(super) fn of(account: &Account) -> Self {
        let (given, alive, end) = match account.grant {
            Grant::None => (false, false, None),
            Grant::Alive => (true, true, None),
            Grant::Dead(by, at) => (true, false, Some((by, at))),
        };
        Self {
            account: account.id.clone(),
            given,
            alive,
            ended_by: end.map(|(by, _)| by),
            ended_at: end.map(|(_, at)| iso(at)),
        }
    }
}

/// The budget of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Requests per minute.
    pub limit: u32,
    /// What is left of it.
    pub remaining: u32,
    /// What others of the organisation use up in every minute.
    pub others_per_minute: u32,
}

impl World {
    pub(super) fn view(&self, account: &Account, now: Timestamp) -> AccountView {
        let config = &self.configs[account.config];
        let by_name = |held: &Credential| (held.name.clone(), held.hex());
        AccountView {
            id: account.id.clone(),
            user_id: account.user.clone(),
            toolkit: config.toolkit.clone(),
            auth_config: config.id.clone(),
            alias: account.alias.clone(),
            status: account.state.word().to_owned(),
            status_reason: account.reason.clone(),
            account_type: if account.sharing.is_some() {
                "SHARED"
            } else {
                "PRIVATE"
            },
            sharing: account.sharing.clone(),
            created_at: iso(account.created_at),
            updated_at: iso(account.updated_at),
            deleted_at: account.deleted_at.map(iso),
            ever_active: account.ever_active,
            grant: GrantView::of(account),
            credentials: account.credentials.iter().map(by_name).collect(),
            connection_data: account.prefilled.clone(),
            link_url: account.open_link(now).map(|link| link.url.clone()),
        }
    }
}
