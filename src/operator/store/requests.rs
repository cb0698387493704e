//! The ConnectRequests that are there, by the account that they name.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::{ResourceExt, runtime::watcher::Event};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{connect::page_address::PageSettings, crd::ConnectRequest, plan::PendingRequest};

#[cfg(test)]
mod tests;

/// A request may be known before the object that it names.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ConnectRequests that are there. Cheap to clone.
#[derive(Clone, Default)]
pub struct ConnectRequests(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// By namespace and name, as the watch has them.
    all: Mutex<BTreeMap<(String, String), StoredRequest>>,
    listed: Mutex<BTreeMap<(String, String), StoredRequest>>,
    changed: Notify,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct StoredRequest {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// The account's name.
    pub(crate) account: String,
    /// The account's uid.
    pub(crate) account_uid: String,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// Whether it is being deleted.
    pub(crate) is_going: bool,
    /// Whether somebody put a finalizer on it.
    pub(crate) is_held: bool,
    /// When it was seen first.
    seen: Instant,
    /// As decisions see it.
    pub(crate) pending: PendingRequest,
}

impl StoredRequest {
    fn of(request: &ConnectRequest) -> Self {
        let spec = &request.spec;
        let created = request.creation_timestamp().map(|time| time.0);
        Self {
            namespace: request.namespace().unwrap_or_default(),
            name: request.name_any(),
            account: spec.account_name.clone(),
            account_uid: spec.account_uid.clone(),
            created: created.unwrap_or(Timestamp::MIN),
            is_going: request.metadata.deletion_timestamp.is_some(),
            is_held: !request.finalizers().is_empty(),
            seen: Instant::now(),
            pending: PendingRequest::of(request),
        }
    }

    /// When the object that it names would be known: it may have been made just before.
    pub(crate) fn waits_until(&self) -> Instant {
        self.seen + PATIENCE
    }

    /// Whether it counts no more, or never has: it is over, or says what only the connect page can say, and does not come
    /// from there. One from the future was made by a clock that nothing is known of, and counts.
    pub(crate) fn is_void(&self, page: Option<&PageSettings>, now: Timestamp) -> bool {
        self.is_over(now) || self.is_unproved(page)
    }

    /// Whether its time is over, or it is being deleted.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.is_going || now.duration_since(self.created) > PendingRequest::LIFETIME
    }

    /// Whether it says what only the connect page can say, and does not come from there, or was signed with a key that the
    /// operator does not have.
    pub(crate) fn is_unproved(&self, page: Option<&PageSettings>) -> bool {
        page.is_some_and(|page| self.pending.is_unproved(&self.account_uid, page))
    }
}

impl ConnectRequests {
    /// Takes in what the watch brings. The accounts to look at for it are returned, by namespace and name.
    pub fn apply(&self, event: &Event<ConnectRequest>) -> Vec<(String, String)> {
        let Inner {
            all,
            listed,
            changed,
        } = &*self.0;
        let key = |stored: &StoredRequest| (stored.namespace.clone(), stored.name.clone());
        let account = |stored: &StoredRequest| (stored.namespace.clone(), stored.account.clone());
        let accounts = match event {
            Event::Init => {
                listed.lock().clear();
                return Vec::new();
            }
            Event::InitApply(request) => {
                let stored = StoredRequest::of(request);
                listed.lock().insert(key(&stored), stored);
                return Vec::new();
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut *listed.lock());
                let accounts = listed.values().map(account).collect();
                *all.lock() = listed;
                accounts
            }
            Event::Apply(request) => {
                let stored = StoredRequest::of(request);
                let account = account(&stored);
                let mut all = all.lock();
                let seen = all.get(&key(&stored)).map(|known| known.seen);
                let seen = seen.unwrap_or(stored.seen);
                all.insert(key(&stored), StoredRequest { seen, ..stored });
                vec![account]
            }
            Event::Delete(request) => {
                all.lock().remove(&key(&StoredRequest::of(request)));
                return Vec::new();
            }
        };
        changed.notify_one();
        accounts
    }

    /// Takes out one that was deleted, unless there is another one of its name by now.
    pub(crate) fn forget(&self, request: &StoredRequest) {
        let key = (request.namespace.clone(), request.name.clone());
        let mut all = self.0.all.lock();
        if all
            .get(&key)
            .is_some_and(|known| known.pending.uid == request.pending.uid)
        {
            all.remove(&key);
        }
    }

    /// What is asked for an account. The names of such requests begin with its uid.
    pub(crate) fn of_account(&self, namespace: &str, uid: &str, name: &str) -> Vec<StoredRequest> {
        let first = (namespace.to_owned(), format!("{uid}-"));
        let all = self.0.all.lock();
        let found = all
            .range(&first..)
            .take_while(|(key, _)| key.0 == first.0 && key.1.starts_with(&first.1));
        let found = found.filter(|(_, stored)| stored.account_uid == uid && stored.account == name);
        found.map(|(_, stored)| stored.clone()).collect()
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeMap<(String, String), StoredRequest> {
        self.0.all.lock().clone()
    }

    /// Done when another one is there, or one has changed, since the last time that this was.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}
