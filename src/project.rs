//! One Composio project: its client, its gates, its auth configs and the snapshot of its accounts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{
    composio::{
        Call, Client, ListQuery, Transport,
        error::{Error, Retry},
        model::{Account, AuthConfig},
    },
    metrics::Metrics,
};

mod gates;
mod snapshot;

pub use gates::Closed;
use gates::Gates;
pub use snapshot::{Changes, Known, Snapshot};

/// Tells the time; a function value, so that a test can tell its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock, in the whole microseconds that Kubernetes keeps.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    })
}

/// Everything that talks to Composio, for one API key.
pub struct Project {
    /// The client. Every call through it is counted, and opens or closes the gates.
    pub client: Client,
    /// The accounts as they were seen last.
    snapshot: Mutex<Snapshot>,
    gates: Arc<Mutex<Gates>>,
    auth_configs: AuthConfigs,
    /// Told when somebody was given a link, so that the poll becomes quick.
    person_expected: Notify,
    clock: Clock,
}

/// An auth config as it was read, or that there is none.
type OneAuthConfig = Cached<Option<AuthConfig>>;
/// The auth configs of a toolkit.
type ManyAuthConfigs = Cached<Vec<AuthConfig>>;

/// What was read and when. One lock an entry: who asks for the same at the same time waits for the one
/// call instead of making another.
struct Cached<T>(Arc<tokio::sync::Mutex<Option<(Timestamp, T)>>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct AuthConfigs {
    lifetime: SignedDuration,
    by_id: Mutex<HashMap<String, OneAuthConfig>>,
    by_toolkit: Mutex<HashMap<String, ManyAuthConfigs>>,
}

impl Project {
    /// A project behind a transport. Auth configs are read again when older than the given lifetime.
    pub fn new(
        transport: Transport,
        metrics: Arc<Metrics>,
        clock: Clock,
        auth_config_lifetime: SignedDuration,
    ) -> Self {
        let gates = Arc::new(Mutex::new(Gates::default()));
        let observer = {
            let (gates, clock) = (Arc::clone(&gates), Arc::clone(&clock));
            Arc::new(move |call: &Call| {
                metrics.composio_call(
                    call.endpoint.as_str(),
                    call.class.as_str(),
                    call.duration,
                    call.rate_limit.map(|limit| limit.remaining),
                );
                let mut gates = lock(&gates);
                gates.note(call.endpoint.is_effect(), call.status, clock());
                if let Some(retry_after) = call.retry_after {
                    let retry_after =
                        SignedDuration::try_from(retry_after).unwrap_or(SignedDuration::MAX);
                    gates.pause(retry_after, clock());
                }
            })
        };
        Self {
            client: Client::new(transport, observer),
            snapshot: Mutex::default(),
            gates,
            auth_configs: AuthConfigs {
                lifetime: auth_config_lifetime,
                by_id: Mutex::default(),
                by_toolkit: Mutex::default(),
            },
            person_expected: Notify::new(),
            clock,
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Until when reading and writing are closed, if they are.
    pub fn closed(&self) -> Closed {
        lock(&self.gates).closed(self.now())
    }

    /// Works on the snapshot. The closure must not block.
    pub fn snapshot<T>(&self, work: impl FnOnce(&mut Snapshot) -> T) -> T {
        work(&mut lock(&self.snapshot))
    }

    /// Says that somebody was given a link.
    pub fn expect_person(&self) {
        self.person_expected.notify_one();
    }

    /// Waits until somebody was given a link.
    pub async fn person_expected(&self) {
        self.person_expected.notified().await;
    }

    /// Every account of a list, page by page.
    ///
    /// # Errors
    /// When Composio does not answer.
    pub async fn list_all(&self, mut query: ListQuery) -> Result<Vec<Account>, Error> {
        let mut accounts = Vec::new();
        loop {
            let page = self.client.list(&query).await?;
            accounts.extend(page.items);
            match page.next_cursor {
                None => return Ok(accounts),
                // A server whose cursor leads back to itself would be read for ever.
                Some(cursor) if query.cursor.as_ref() == Some(&cursor) => return Ok(accounts),
                Some(cursor) => query.cursor = Some(cursor),
            }
        }
    }

    /// Reads an auth config, or remembers it.
    ///
    /// # Errors
    /// When Composio does not answer. That there is none is `Ok(None)`.
    pub async fn auth_config(&self, id: &str) -> Result<Option<AuthConfig>, Error> {
        let entry = lock(&self.auth_configs.by_id)
            .entry(id.to_owned())
            .or_default()
            .clone();
        self.remember(entry, async {
            match self.client.auth_config(id).await {
                Ok(auth_config) => Ok(Some(auth_config)),
                Err(error) if error.retry() == Retry::Gone => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Reads the auth configs of a toolkit, or remembers them.
    ///
    /// # Errors
    /// When Composio does not answer.
    pub async fn auth_configs(&self, toolkit: &str) -> Result<Vec<AuthConfig>, Error> {
        let entry = lock(&self.auth_configs.by_toolkit)
            .entry(toolkit.to_owned())
            .or_default()
            .clone();
        self.remember(entry, self.client.auth_configs(toolkit))
            .await
    }

    /// Forgets what the former API key was refused, or found.
    pub fn key_changed(&self) {
        *lock(&self.gates) = Gates::default();
        self.forget_auth_configs();
    }

    /// Forgets what is known of auth configs: one of them was not what it was remembered to be.
    pub fn forget_auth_configs(&self) {
        lock(&self.auth_configs.by_id).clear();
        lock(&self.auth_configs.by_toolkit).clear();
    }

    async fn remember<T: Clone>(
        &self,
        entry: Cached<T>,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut entry = entry.0.lock().await;
        if let Some((read_at, value)) = entry.as_ref()
            && self.now().duration_since(*read_at) < self.auth_configs.lifetime
        {
            return Ok(value.clone());
        }
        let value = read.await?;
        *entry = Some((self.now(), value.clone()));
        Ok(value)
    }
}

/// A poisoned lock means that a thread panicked while it held plain data that is replaced as a whole;
/// the data is still good.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
