//! What a test or a demo can do to a world, besides asking it as a client.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::World;
use super::account::{Account, Credential, Grant, GrantEnd, State, iso, reason};
use super::fault::{Fault, Faults};
use super::ids::Ids;
use super::log::Entry;
use super::seed::{AuthConfig, Switches};
use super::sign_in::{Act, Finished};

/// A control call that made no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// There is no account of this id, or it is deleted.
    #[error("there is no connected account {0}")]
    NoSuchAccount(String),
    /// The account is in no state for it.
    #[error("{0}")]
    NotPossible(String),
    /// The value is not allowed.
    #[error("{0}")]
    Invalid(String),
}

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
    fn of(account: &Account) -> Self {
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

impl World {
    /// All accounts, the deleted too, oldest first.
    pub fn accounts(&mut self, now: Timestamp) -> Vec<AccountView> {
        let now = self.settle(now);
        let view = |account: &Account| self.view(account, now);
        self.store.all().iter().map(view).collect()
    }

    /// One account, be it deleted or not.
    pub fn account(&mut self, id: &str, now: Timestamp) -> Result<AccountView, ControlError> {
        let now = self.settle(now);
        let n = self
            .store
            .find_any(id)
            .ok_or_else(|| ControlError::NoSuchAccount(id.to_owned()))?;
        Ok(self.view(self.store.at(n), now))
    }

    fn view(&self, account: &Account, now: Timestamp) -> AccountView {
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
            created_at: iso(account.created_at),
            updated_at: iso(account.updated_at),
            deleted_at: account.deleted_at.map(iso),
            ever_active: account.ever_active,
            grant: GrantView::of(account),
            credentials: account.credentials.iter().map(by_name).collect(),
            link_url: account.open_link(now).map(|link| link.url.clone()),
        }
    }

    /// The provider's side of every account that ever had a grant.
    pub fn grants(&self) -> Vec<GrantView> {
        let views = self.store.all().iter().map(GrantView::of);
        views.filter(|view| view.given).collect()
    }

    /// The person finishes the sign-in.
    pub fn consent(&mut self, id: &str, now: Timestamp) -> Result<Finished, ControlError> {
        let (n, now) = self.open_row(id, now)?;
        let scheme = self.configs[self.store.at(n).config].scheme;
        let fields = scheme
            .fields()
            .iter()
            .map(|name| ((*name).to_owned(), "from-the-person".to_owned()))
            .collect();
        Ok(self.finish(n, Act::Agree(fields), now))
    }

    /// The person declines.
    pub fn cancel(&mut self, id: &str, now: Timestamp) -> Result<Finished, ControlError> {
        let (n, now) = self.open_row(id, now)?;
        Ok(self.finish(n, Act::Cancel, now))
    }

    /// The grant dies, or an unfinished sign-in runs out before its time.
    pub fn expire(&mut self, id: &str, now: Timestamp) -> Result<(), ControlError> {
        let (n, now) = self.row(id, now)?;
        let account = self.store.at(n);
        let why = match &account.state {
            State::Active => reason::GRANT_DIED,
            State::Initializing | State::Initiated => reason::INITIATION_TIMEOUT,
            other @ (State::Inactive
            | State::Expired
            | State::Failed
            | State::Revoked
            | State::Other(_)) => {
                return Err(ControlError::NotPossible(format!(
                    "{id} is {}: only ACTIVE, INITIALIZING and INITIATED can expire",
                    other.word()
                )));
            }
        };
        self.store.change(n, now, |account| {
            if account.grant == Grant::Alive {
                account.grant = Grant::Dead(GrantEnd::Expired, now);
            }
            if let Some(link) = &mut account.link {
                link.expires_at = link.expires_at.min(now);
            }
            account.state = State::Expired;
            account.reason = Some(why.to_owned());
        });
        Ok(())
    }

    /// Sets any word as status, also one that Composio does not have. ACTIVE brings a live grant.
    pub fn force_state(
        &mut self,
        id: &str,
        word: &str,
        why: Option<String>,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let (n, now) = self.row(id, now)?;
        if word.is_empty() {
            return Err(ControlError::Invalid("state must not be empty".to_owned()));
        }
        self.store.change(n, now, |account| {
            account.state = State::from_word(word);
            account.reason = why;
            if account.state == State::Active {
                account.ever_active = true;
                account.grant = Grant::Alive;
            }
        });
        Ok(())
    }

    /// The person takes the grant back on the provider's own pages. Composio does not notice.
    pub fn revoke_at_provider(&mut self, id: &str, now: Timestamp) -> Result<(), ControlError> {
        let now = self.settle(now);
        let n = self
            .store
            .find_any(id)
            .ok_or_else(|| ControlError::NoSuchAccount(id.to_owned()))?;
        if self.store.at(n).grant != Grant::Alive {
            return Err(ControlError::NotPossible(format!("{id} has no live grant")));
        }
        // Composio's row must not look changed.
        let unchanged = self.store.at(n).updated_at;
        self.store.change(n, unchanged, |account| {
            account.grant = Grant::Dead(GrantEnd::Provider, now);
        });
        Ok(())
    }

    /// Adds an auth config, or replaces the one of this id.
    pub fn put_auth_config(&mut self, config: AuthConfig) -> Result<(), ControlError> {
        if config.id.is_empty() || config.toolkit.is_empty() {
            let text = "id and toolkit must not be empty".to_owned();
            return Err(ControlError::Invalid(text));
        }
        match self.config_index(&config.id) {
            // Aliases are unique per toolkit, so it must not change under accounts.
            Some(n) if self.configs[n].toolkit != config.toolkit => {
                return Err(ControlError::NotPossible(format!(
                    "{} is of toolkit {}, which cannot be changed",
                    config.id, self.configs[n].toolkit
                )));
            }
            Some(n) => self.configs[n] = config,
            None => self.configs.push(config),
        }
        Ok(())
    }

    /// The world's time.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        self.now(now)
    }

    /// Moves the world's clock.
    pub fn advance(&mut self, by: SignedDuration) -> Result<(), ControlError> {
        self.offset = self
            .offset
            .checked_add(by)
            .filter(|offset| offset.as_secs().abs() < FAR)
            .ok_or_else(|| ControlError::Invalid("the clock cannot go that far".to_owned()))?;
        Ok(())
    }

    /// Sets the world's clock; it goes on from there.
    pub fn set_time(&mut self, time: Timestamp, now: Timestamp) -> Result<(), ControlError> {
        self.offset = SignedDuration::ZERO;
        self.advance(time.duration_since(now))
    }

    /// Sets the requests per minute.
    pub fn set_limit(&mut self, limit: u32) {
        self.window.set_limit(limit);
    }

    /// How long an answer of the API is to be held back. The world itself knows no waiting: whoever
    /// serves it does that.
    pub fn latency(&self) -> Duration {
        self.latency
    }

    /// Sets [`World::latency`].
    pub fn set_latency(&mut self, latency: Duration) {
        self.latency = latency;
    }

    /// Changes the only key that is let in. A reset brings back the seed's.
    pub fn set_api_key(&mut self, key: String) {
        self.api_key = key;
    }

    /// How the open questions are answered now.
    pub fn switches(&self) -> Switches {
        self.switches
    }

    /// Answers the open questions.
    pub fn set_switches(&mut self, switches: Switches) {
        self.switches = switches;
    }

    /// Adds a failure.
    pub fn add_fault(&mut self, fault: Fault) -> Result<(), ControlError> {
        if fault.path.is_some() && fault.path_prefix.is_some() {
            let text = "give path or path_prefix, not both".to_owned();
            return Err(ControlError::Invalid(text));
        }
        self.faults.0.push(fault);
        Ok(())
    }

    /// Failures that still wait for a call.
    pub fn faults(&self) -> &[Fault] {
        &self.faults.0
    }

    /// Forgets all failures.
    pub fn clear_faults(&mut self) {
        self.faults = Faults::default();
    }

    /// The request log after `seq`, oldest first. Control calls are not in it.
    pub fn log_since(&self, seq: u64) -> Vec<Entry> {
        self.log.since(seq)
    }

    /// Forgets the log's entries; `seq` goes on.
    pub fn clear_log(&mut self) {
        self.log.clear();
    }

    /// Back to the seed. Ids are not used again.
    pub fn reset(&mut self) {
        let ids = std::mem::replace(&mut self.ids, Ids::new(0));
        let seed = self.seed.clone();
        *self = Self::new(seed);
        self.ids = ids;
    }

    fn row(&mut self, id: &str, now: Timestamp) -> Result<(usize, Timestamp), ControlError> {
        let now = self.settle(now);
        match self.store.find(id) {
            Some(n) => Ok((n, now)),
            None => Err(ControlError::NoSuchAccount(id.to_owned())),
        }
    }

    fn open_row(&mut self, id: &str, now: Timestamp) -> Result<(usize, Timestamp), ControlError> {
        let (n, now) = self.row(id, now)?;
        let account = self.store.at(n);
        if account.open_link(now).is_none() {
            return Err(ControlError::NotPossible(format!(
                "{id} is {} and has no open sign-in",
                account.state.word()
            )));
        }
        Ok((n, now))
    }
}

/// About a thousand years: beyond it timestamps leave the calendar.
const FAR: i64 = 1000 * 365 * 86_400;
