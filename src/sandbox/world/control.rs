//! What a test or a demo can do to a world, besides asking it as a client.

mod dashboard;
mod view;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::World;
use super::account::{Account, Consent, Grant, GrantEnd, State, reason};
use super::fault::{Fault, Faults};
use super::ids::{Ids, mix};
use super::latency::Latency;
use super::log::Entry;
use super::sign_in::{Act, Finished};
use super::switches::Switches;

pub use view::{AccountView, Budget, GrantView};

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

/// Who finishes a sign-in, and where.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// Who it is at the provider: an address, a user name. The provider does not tell, when absent.
    pub display_name: Option<String>,
    /// In another browser than the one that opened the link, which matters where the project binds a
    /// sign-in to one.
    pub other_browser: bool,
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

    /// The provider's side of every account that ever had a grant.
    pub fn grants(&self) -> Vec<GrantView> {
        let views = self.store.all().iter().map(GrantView::of);
        views.filter(|view| view.given).collect()
    }

    /// The person finishes the sign-in.
    pub fn consent(&mut self, id: &str, now: Timestamp) -> Result<Finished, ControlError> {
        self.consent_as(id, Person::default(), now)
    }

    /// As [`World::consent`], and it is told who the person is and where.
    pub fn consent_as(
        &mut self,
        id: &str,
        person: Person,
        now: Timestamp,
    ) -> Result<Finished, ControlError> {
        let (n, now) = self.open_row(id, now)?;
        let config = &self.configs[self.store.at(n).config];
        if person.other_browser && self.project.same_browser && config.managed {
            return Ok(self.finish(n, Act::AgreeElsewhere, now));
        }
        let filled = |name: &&str| ((*name).to_owned(), "from-the-person".to_owned());
        let consent = Consent {
            fields: config.scheme.fields().iter().map(filled).collect(),
            display_name: person.display_name,
        };
        Ok(self.finish(n, Act::Agree(consent), now))
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
        if why == reason::GRANT_DIED {
            self.announce(n, now);
        }
        Ok(())
    }

    /// The provider ends the grant, and Composio notices at the next refresh of the token: ACTIVE
    /// becomes EXPIRED.
    pub fn end_grant(&mut self, id: &str, now: Timestamp) -> Result<(), ControlError> {
        let (n, _) = self.row(id, now)?;
        let account = self.store.at(n);
        if account.state != State::Active {
            return Err(ControlError::NotPossible(format!(
                "{id} is {}: only the grant of an ACTIVE account can die",
                account.state.word()
            )));
        }
        self.expire(id, now)
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

    /// How long the next answer of the API is to be held back. The world itself knows no waiting:
    /// whoever serves it does that.
    pub fn draw_latency(&mut self) -> Duration {
        self.draws += 1;
        self.latency.draw(mix(self.draws))
    }

    /// What [`World::draw_latency`] draws from.
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Sets [`World::latency`].
    pub fn set_latency(&mut self, latency: Latency) -> Result<(), ControlError> {
        latency
            .check()
            .map_err(|error| ControlError::Invalid(error.to_string()))?;
        self.latency = latency;
        Ok(())
    }

    /// The budget of this minute.
    pub fn budget(&self, now: Timestamp) -> Budget {
        let (limit, remaining) = self.window.state(self.now(now));
        Budget {
            limit,
            remaining,
            others_per_minute: self.window.others(),
        }
    }

    /// Somebody else of the organisation makes so many requests in this minute.
    pub fn spend(&mut self, requests: u32, now: Timestamp) {
        let now = self.now(now);
        self.window.spend(requests, now);
    }

    /// Somebody else of the organisation makes so many requests in every minute.
    pub fn set_others(&mut self, requests: u32, now: Timestamp) {
        let now = self.now(now);
        self.window.set_others(requests, now);
    }

    /// Changes the key that is let in; the former ones are too, where they are kept. A reset brings back the seed's.
    pub fn set_api_key(&mut self, key: String, keep: bool) {
        let former = std::mem::replace(&mut self.api_key, key);
        match keep {
            true => self.former_keys.push(former),
            false => self.former_keys.clear(),
        }
    }

    /// The rate limit of its organisation.
    pub(crate) fn rate_limit(&self) -> super::Window {
        self.window.clone()
    }

    /// Says that the organisation has this rate limit.
    pub(crate) fn set_rate_limit(&mut self, limit: super::Window) {
        self.window = limit;
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

    pub(super) fn row(
        &mut self,
        id: &str,
        now: Timestamp,
    ) -> Result<(usize, Timestamp), ControlError> {
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
