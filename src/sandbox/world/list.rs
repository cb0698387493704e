//! The two lists, and the two looks by id.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::account::{Account, State};
use super::page::{Page, Shift, Sizes};
use super::query::{many, one, wrong};
use super::refusal::Refusal;
use super::{AuthConfig, Call, Reply, World};

/// What a list of accounts is asked for.
struct Filter {
    users: Vec<String>,
    ids: Vec<String>,
    /// By index of the auth config: the filters of toolkit and auth config in one.
    configs: Vec<bool>,
    states: Vec<State>,
    kind: Kind,
    by_updated: bool,
    descending: bool,
    /// Younger rows are not seen yet.
    made_until: Timestamp,
}

#[derive(Clone, Copy)]
enum Kind {
    Private,
    Shared,
    All,
}

impl Filter {
    fn admits(&self, account: &Account) -> bool {
        let kind = match self.kind {
            Kind::Private => account.sharing.is_none(),
            Kind::Shared => account.sharing.is_some(),
            Kind::All => true,
        };
        kind && account.deleted_at.is_none()
            && account.created_at <= self.made_until
            && self.configs.get(account.config).copied().unwrap_or(false)
            && (self.states.is_empty() || self.states.contains(&account.state))
            && (self.users.is_empty() || self.users.contains(&account.user))
            && (self.ids.is_empty() || self.ids.contains(&account.id))
    }
}

impl World {
    /// Of a page of accounts.
    fn sizes(&self) -> Sizes {
        let largest = self.switches.max_page.unwrap_or(self.seed.max_page).max(1);
        Sizes {
            usual: largest,
            largest,
        }
    }

    /// Of a page of auth configs.
    fn config_sizes(&self) -> Sizes {
        let largest = self.switches.max_page.unwrap_or(200).max(1);
        Sizes {
            usual: largest.min(20),
            largest,
        }
    }

    fn shift(&self) -> Shift {
        if !self.switches.shifting_pages {
            return Shift::None;
        }
        match self.ids.die(3) {
            0 => Shift::None,
            1 => Shift::Down,
            _ => Shift::Up,
        }
    }

    pub(super) fn list_accounts(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let filter = self.filter(call)?;
        let page = Page::asked(call, &self.sizes(), self.shift())?;
        let rows = self.candidates(&filter);
        let mut total = 0;
        let mut items = Vec::new();
        for n in rows {
            let account = self.store.at(n);
            if filter.admits(account) {
                if total >= page.first() && items.len() < page.size {
                    items.push(account.item(&self.configs[account.config]));
                }
                total += 1;
            }
        }
        Ok(Reply::text(page.envelope(&items, total)))
    }

    fn filter(&self, call: &Call<'_>) -> Result<Filter, Refusal> {
        let toolkits = many(call, "toolkit_slugs");
        let configs = many(call, "auth_config_ids");
        let fits = |config: &AuthConfig| {
            (toolkits.is_empty() || toolkits.contains(&config.toolkit))
                && (configs.is_empty() || configs.contains(&config.id))
        };
        Ok(Filter {
            made_until: before(call.now, self.switches.list_lag_seconds),
            users: many(call, "user_ids"),
            ids: many(call, "connected_account_ids"),
            configs: self.configs.iter().map(fits).collect(),
            states: states(call)?,
            kind: match one(call, "account_type") {
                None | Some("PRIVATE") => Kind::Private,
                Some("SHARED") => Kind::Shared,
                Some("ALL") => Kind::All,
                Some(other) => return Err(wrong("account_type", other)),
            },
            by_updated: match one(call, "order_by") {
                None | Some("created_at") => false,
                Some("updated_at") => true,
                Some(other) => return Err(wrong("order_by", other)),
            },
            descending: match one(call, "order_direction") {
                None | Some("desc") => true,
                Some("asc") => false,
                Some(other) => return Err(wrong("order_direction", other)),
            },
        })
    }

    /// The rows that can be in the answer, in its order: by the narrowest index.
    fn candidates(&self, filter: &Filter) -> Vec<usize> {
        let few: Vec<usize> = if !filter.ids.is_empty() {
            filter
                .ids
                .iter()
                .filter_map(|id| self.store.find(id))
                .collect()
        } else if !filter.users.is_empty() {
            let of_user = |user: &String| self.store.of_user(user).iter().copied();
            filter.users.iter().flat_map(of_user).collect()
        } else {
            let index = if filter.by_updated {
                self.store.by_updated()
            } else {
                self.store.by_created()
            };
            let rows = index.iter().map(|(_, n)| *n);
            return if filter.descending {
                rows.rev().collect()
            } else {
                rows.collect()
            };
        };
        self.sorted(few, filter)
    }

    fn sorted(&self, mut rows: Vec<usize>, filter: &Filter) -> Vec<usize> {
        rows.sort_unstable_by_key(|n| {
            let account = self.store.at(*n);
            let time = if filter.by_updated {
                account.updated_at
            } else {
                account.created_at
            };
            (time, *n)
        });
        rows.dedup();
        if filter.descending {
            rows.reverse();
        }
        rows
    }

    pub(super) fn get_account(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let n = self.live(id)?;
        let account = self.store.at(n);
        if account.created_at > before(call.now, self.switches.get_lag_seconds) {
            return Err(Refusal::account_not_found(id));
        }
        Ok(Reply::text(account.detail(&self.configs[account.config])))
    }

    pub(super) fn live(&self, id: &str) -> Result<usize, Refusal> {
        self.store
            .find(id)
            .ok_or_else(|| Refusal::account_not_found(id))
    }

    pub(super) fn list_auth_configs(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let page = Page::asked(call, &self.config_sizes(), self.shift())?;
        let toolkits = many(call, "toolkit_slug");
        let managed = flag(call, "is_composio_managed")?;
        let show_disabled = flag(call, "show_disabled")?.unwrap_or(false);
        let search = one(call, "search").unwrap_or("").to_lowercase();
        let found: Vec<usize> = (0..self.configs.len())
            .filter(|n| {
                let config = &self.configs[*n];
                (toolkits.is_empty() || toolkits.contains(&config.toolkit))
                    && managed.is_none_or(|managed| managed == config.managed)
                    && (config.enabled || show_disabled)
                    && (config.id.to_lowercase().contains(&search)
                        || config.toolkit.to_lowercase().contains(&search))
            })
            .collect();
        let items: Vec<String> = found
            .iter()
            .skip(page.first())
            .take(page.size)
            .map(|n| self.auth_config_value(*n).to_string())
            .collect();
        Ok(Reply::text(page.envelope(&items, found.len())))
    }

    pub(super) fn get_auth_config(&self, id: &str) -> Result<Reply, Refusal> {
        let n = self
            .config_index(id)
            .ok_or_else(|| Refusal::auth_config_not_found(id))?;
        Ok(Reply::ok(self.auth_config_value(n)))
    }

    fn auth_config_value(&self, n: usize) -> Value {
        let config = &self.configs[n];
        let field = |name: &String| json!({"name": name, "required": true});
        let expected: Vec<Value> = config.requires.iter().map(field).collect();
        json!({
            "id": config.id,
            "uuid": config.id,
            "name": format!("{}-{}", config.toolkit, config.scheme.word().to_lowercase()),
            "status": if config.enabled { "ENABLED" } else { "DISABLED" },
            "type": if config.managed { "default" } else { "custom" },
            "auth_scheme": config.scheme.word(),
            "is_composio_managed": config.managed,
            "toolkit": {
                "slug": config.toolkit,
                "logo": format!("https://logos.example/{}.svg", config.toolkit),
            },
            "no_of_connections": self.store.connections(n),
            "credentials": {"client_secret": "REDACTED"},
            "expected_input_fields": expected,
            "restrict_to_following_tools": [],
            "tool_access_config": {},
            "a_field_of_tomorrow": true,
        })
    }
}

fn before(now: Timestamp, seconds: u32) -> Timestamp {
    let lag = SignedDuration::from_secs(i64::from(seconds));
    now.saturating_sub(lag).unwrap_or(now)
}

fn states(call: &Call<'_>) -> Result<Vec<State>, Refusal> {
    let words = many(call, "statuses");
    words
        .iter()
        .filter(|word| !word.contains(','))
        .map(|word| match State::from_text(word) {
            State::Other(_) => Err(wrong("statuses", word)),
            known @ (State::Initializing
            | State::Initiated
            | State::Active
            | State::Inactive
            | State::Expired
            | State::Failed
            | State::Revoked) => Ok(known),
        })
        .collect()
}

pub(super) fn flag(call: &Call<'_>, name: &str) -> Result<Option<bool>, Refusal> {
    match one(call, name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(wrong(name, other)),
    }
}
