//! All objects, as the watch has them.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeSet, HashMap, HashSet, hash_map::RandomState},
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use futures::{StreamExt, stream};
use kube::{
    Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use parking_lot::RwLock;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::account::{Account, PageObject};
use crate::{
    http::Health,
    kubernetes::{CRD_NOT_INSTALLED, apis},
    log::cause,
};

#[cfg(test)]
mod tests;

/// The part of readiness that says whether the objects are known.
pub const OBJECTS: &str = "objects";
/// Objects a page of a list: a page is in memory as a whole.
const PAGE: u32 = 200;

/// The objects.
pub struct Objects {
    kept: RwLock<Kept>,
    /// Sent whenever one of them has changed.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Kept {
    all: HashSet<Entry>,
    /// Whose page an object has, by a hash of the name; `None`: nobody asks.
    by_person: Option<BTreeSet<ByPerson>>,
    hasher: RandomState,
    /// By watch: which list is the newest.
    lists: HashMap<u16, u16>,
}

/// An object, and which list of which watch it was in last.
#[derive(Clone)]
struct Entry {
    account: Arc<Account>,
    watch: u16,
    list: u16,
    /// A hash of whose page it has.
    person: u32,
}

/// The same, in the order of that hash.
#[derive(Clone)]
struct ByPerson(Entry);

impl Objects {
    /// None yet. They are found by person only where that is said.
    pub fn new(by_person: bool) -> Self {
        let kept = Kept {
            by_person: by_person.then(BTreeSet::new),
            ..Kept::default()
        };
        Self {
            kept: kept.into(),
            changed: watch::Sender::default(),
        }
    }

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
        let hash = kept.hash(person);
        let from = ByPerson(Entry::first_of(hash));
        let found = kept
            .by_person
            .iter()
            .flat_map(|all| all.range(from.clone()..));
        let mut found: Vec<_> = found
            .take_while(|found| found.0.person == hash)
            .map(|found| &found.0.account)
            .filter(|account| account.person() == person)
            .map(Arc::clone)
            .collect();
        found.sort_by(|one, other| one.key().cmp(other.key()));
        found
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
                let account = object.account();
                let person = kept.hash(account.person());
                kept.insert(Entry {
                    account,
                    watch,
                    list,
                    person,
                });
            }
            Event::Delete(object) => kept.remove(object.account().key()),
            Event::InitDone => {
                let is_gone = |entry: &&Entry| entry.watch == watch && entry.list != list;
                let gone = kept.all.iter().filter(is_gone);
                let gone: Vec<_> = gone.map(|entry| Arc::clone(&entry.account)).collect();
                gone.iter().for_each(|account| kept.remove(account.key()));
            }
        }
        drop(kept);
        self.changed.send_replace(());
    }
}

impl Kept {
    fn insert(&mut self, entry: Entry) {
        self.remove(entry.account.key());
        if let Some(by_person) = &mut self.by_person {
            by_person.insert(ByPerson(entry.clone()));
        }
        self.all.insert(entry);
    }

    fn remove(&mut self, key: &str) {
        let Some(entry) = self.all.take(key) else {
            return;
        };
        if let Some(by_person) = &mut self.by_person {
            by_person.remove(&ByPerson(entry));
        }
    }

    fn hash(&self, person: &str) -> u32 {
        // The lower half: equal names are compared as a whole.
        self.hasher.hash_one(person) as u32
    }
}

impl Entry {
    fn key(&self) -> &str {
        self.account.key()
    }

    /// Before all others of that person.
    fn first_of(person: u32) -> Self {
        Self {
            account: Account::nowhere(),
            watch: 0,
            list: 0,
            person,
        }
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

impl PartialEq for ByPerson {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByPerson {}

impl PartialOrd for ByPerson {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByPerson {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = (&self.0, &other.0);
        (one.person, one.key()).cmp(&(other.person, other.key()))
    }
}

/// Follows the objects of these namespaces, or of all if none is named, for ever.
pub async fn follow(client: Client, namespaces: &[String], objects: &Objects, health: &Health) {
    let apis = apis::<PageObject>(&client, namespaces);
    let mut awaited: BTreeSet<u16> = (0..).take(apis.len()).collect();
    let watches = (0_u16..).zip(apis).map(|(number, api)| {
        let config = watcher::Config::default().page_size(PAGE);
        let events = watcher(api, config).default_backoff();
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
