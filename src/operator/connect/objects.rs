//! All objects, as the watch has them.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap, HashSet, hash_map::RandomState},
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use futures::{StreamExt, stream};
use kube::{
    Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use parking_lot::RwLock;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::account::{Account, PageObject, SharedTexts};
use crate::{
    http::Health,
    kubernetes::{self, CRD_NOT_INSTALLED, apis},
    log::cause,
};

mod index;
#[cfg(test)]
mod tests;
use index::Index;

/// The part of readiness that says whether the objects are known.
pub const OBJECTS: &str = "objects";

/// The objects.
#[derive(Default)]
pub struct Objects {
    kept: RwLock<Kept>,
    /// Sent whenever one of them has changed.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Kept {
    all: HashSet<Entry>,
    /// By whose page it is.
    people: Index,
    /// By the browser that their link was made for.
    browsers: Index,
    shared: SharedTexts,
    hasher: RandomState,
    /// By watch: which list is the newest.
    lists: HashMap<u16, u16>,
}

/// An object, and which list of which watch it was in last.
struct Entry {
    account: Arc<Account>,
    watch: u16,
    list: u16,
}

impl Objects {
    /// The object of that namespace and name.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<Account>> {
        let key = format!("{namespace}/{name}");
        let kept = self.kept.read();
        let entry = kept.all.get(key.as_str());
        entry.map(|entry| Arc::clone(&entry.account))
    }

    /// The objects of which that is the person, by namespace and name.
    pub(super) fn of_person(&self, person: &str) -> Vec<Arc<Account>> {
        let kept = self.kept.read();
        let found = kept.people.get(kept.hash(person));
        let found = found.filter(|account| account.person() == person);
        found.map(Arc::clone).collect()
    }

    /// The objects whose link was made for that browser.
    pub(super) fn with_link_for(&self, browser: &str) -> Vec<Arc<Account>> {
        let kept = self.kept.read();
        let found = kept.browsers.get(kept.hash(browser));
        let found = found.filter(|account| account.link_browser() == browser);
        found.map(Arc::clone).collect()
    }

    /// Those that have that account on record. All are gone through: it is asked for signed events alone.
    pub(super) fn with_account(
        &self,
        id: &str,
        is_so: impl Fn(&Account) -> bool,
    ) -> Vec<Arc<Account>> {
        let kept = self.kept.read();
        let all = kept.all.iter().map(|entry| &entry.account);
        let found = all.filter(|account| account.account_id() == Some(id) && is_so(account));
        found.map(Arc::clone).collect()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.kept.read().all.len()
    }

    /// Told at every change.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes in what a watch has brought.
    pub(super) fn apply(&self, watch: u16, event: Event<PageObject>) {
        let mut kept = self.kept.write();
        let list = kept.lists.entry(watch).or_default();
        if matches!(event, Event::Init) {
            *list = list.wrapping_add(1);
        }
        let list = *list;
        match event {
            Event::Init => {}
            Event::InitApply(object) | Event::Apply(object) => {
                let mut account = object.account();
                if let Some(account) = Arc::get_mut(&mut account) {
                    account.share(&mut kept.shared);
                }
                kept.insert(Entry {
                    account,
                    watch,
                    list,
                });
            }
            Event::Delete(object) => kept.remove(object.account().key()),
            Event::InitDone => {
                let is_gone = |entry: &&Entry| entry.watch == watch && entry.list != list;
                let gone = kept.all.iter().filter(is_gone);
                let gone: Vec<_> = gone.map(|entry| Arc::clone(&entry.account)).collect();
                for account in gone {
                    kept.remove(account.key());
                }
            }
        }
        drop(kept);
        self.changed.send_replace(());
    }
}

impl Kept {
    fn insert(&mut self, entry: Entry) {
        self.remove(entry.key());
        let account = &entry.account;
        self.people.insert(self.hash(account.person()), account);
        if !account.link_browser().is_empty() {
            let hash = self.hash(account.link_browser());
            self.browsers.insert(hash, account);
        }
        self.all.insert(entry);
    }

    fn remove(&mut self, key: &str) {
        let Some(Entry { account, .. }) = self.all.take(key) else {
            return;
        };
        self.people.remove(self.hash(account.person()), &account);
        self.browsers
            .remove(self.hash(account.link_browser()), &account);
    }

    fn hash(&self, text: &str) -> u32 {
        // The lower half: equal texts are compared as a whole.
        self.hasher.hash_one(text) as u32
    }
}

impl Entry {
    fn key(&self) -> &str {
        self.account.key()
    }
}

impl Borrow<str> for Entry {
    fn borrow(&self) -> &str {
        self.key()
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

/// Follows the objects of these namespaces, or of all if none is named, for ever.
pub async fn follow(client: Client, namespaces: &[String], objects: &Objects, health: &Health) {
    let apis = apis::<PageObject>(&client, namespaces);
    let mut awaited: BTreeSet<u16> = (0..).take(apis.len()).collect();
    let watches = (0_u16..).zip(apis).map(|(number, api)| {
        let events = kubernetes::watch(api).default_backoff();
        events.map(move |event| (number, event)).boxed()
    });
    let mut events = stream::select_all(watches);
    while let Some((number, event)) = events.next().await {
        match event {
            Ok(event) => {
                let is_whole = matches!(event, Event::InitDone);
                objects.apply(number, event);
                if is_whole && awaited.remove(&number) && awaited.is_empty() {
                    health.ready(OBJECTS);
                    info!(objects = objects.count(), "the objects are known");
                }
            }
            Err(error) => report_error(&error, awaited.contains(&number), health),
        }
    }
}

/// Once the objects are known, a watch that breaks is taken up where it was.
fn report_error(error: &watcher::Error, is_awaited: bool, health: &Health) {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status),
        _ => None,
    };
    let why = match status {
        Some(status) if status.code == 404 => CRD_NOT_INSTALLED.to_owned(),
        Some(_) | None => format!("cannot watch ConnectedAccounts: {}", cause(error)),
    };
    if !is_awaited {
        warn!("{why}");
    } else if health.not_ready(OBJECTS, why.clone()) {
        error!("{why}");
    }
}
