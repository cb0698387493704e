//! The objects as the watch keeps them, and an index of who may mean which account: a pass over one
//! object must not cost more because there are many others.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::{
    ResourceExt,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::Event,
    },
};

use crate::{
    composio::model::Account,
    crd::{ConnectedAccount, Reason, condition},
    plan::{Desired, Flags},
};

/// The objects as the watch keeps them. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Store<ConnectedAccount>,
    flags: Arc<Flags>,
    index: Arc<Mutex<Index>>,
}

/// Keys and objects by their hashes: an entry is a hint, and the object itself is asked.
#[derive(Default)]
struct Index {
    hasher: RandomState,
    /// By uid.
    objects: HashMap<u64, Arc<ConnectedAccount>>,
    /// Key and uid.
    keys: BTreeSet<(u64, u64)>,
    /// Uids of those that lost an account to another object.
    in_conflict: BTreeSet<u64>,
}

/// By what an object may mean an account.
#[derive(Hash)]
enum Key<'a> {
    /// The id, recorded or declared.
    Id(&'a str),
    /// The alias, which is unique for each user and toolkit.
    Alias(&'a str, &'a str, &'a str),
}

impl Objects {
    /// The objects of that store. [`Objects::follow`] must hear of each event that it takes in.
    pub fn new(store: Store<ConnectedAccount>, flags: Flags) -> Self {
        Self {
            store,
            flags: Arc::new(flags),
            index: Arc::default(),
        }
    }

    /// Takes note of an event that the store has taken in.
    pub fn follow(&self, event: &Event<ConnectedAccount>) {
        match event {
            Event::Init | Event::InitApply(_) => {}
            Event::InitDone => {
                let mut index = self.lock();
                *index = Index::default();
                for object in self.store.state() {
                    index.put(object, &self.flags);
                }
            }
            Event::Apply(object) => {
                if let Some(object) = self.store.get(&ObjectRef::from_obj(object)) {
                    self.lock().put(object, &self.flags);
                }
            }
            Event::Delete(object) => self.lock().take_out(object, &self.flags),
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<ConnectedAccount>> {
        self.store.state()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.store.len()
    }

    /// Those that may mean the account of that id.
    pub(super) fn with_id(&self, id: &str) -> Vec<Arc<ConnectedAccount>> {
        self.lock().with(&Key::Id(id))
    }

    /// Those that may look for that alias of that user and toolkit.
    pub(super) fn with_alias(
        &self,
        user: &str,
        toolkit: &str,
        alias: &str,
    ) -> Vec<Arc<ConnectedAccount>> {
        self.lock().with(&Key::Alias(user, toolkit, alias))
    }

    /// Those that may look for the account by its alias.
    pub(super) fn with_alias_of(&self, account: &Account) -> Vec<Arc<ConnectedAccount>> {
        match (&account.user_id, &account.alias) {
            (Some(user), Some(alias)) => self.with_alias(user, &account.toolkit, alias),
            _ => Vec::new(),
        }
    }

    /// Whether the account has the alias of an object that has another account on record.
    pub(super) fn have_another(&self, account: &Account) -> bool {
        self.with_alias_of(account)
            .iter()
            .any(|object| recorded_id(object).is_some_and(|id| id != account.id))
    }

    /// Those that lost an account to another object.
    pub fn in_conflict(&self) -> Vec<Arc<ConnectedAccount>> {
        let index = self.lock();
        let conflicts = index.in_conflict.iter();
        conflicts
            .filter_map(|uid| index.objects.get(uid).cloned())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn put(&mut self, object: Arc<ConnectedAccount>, flags: &Flags) {
        self.take_out(&object, flags);
        let uid = self.uid(&object);
        let keys = self.keys_of(&object, flags);
        self.keys.extend(keys.into_iter().map(|key| (key, uid)));
        if is_in_conflict(&object) {
            self.in_conflict.insert(uid);
        }
        self.objects.insert(uid, object);
    }

    fn take_out(&mut self, object: &ConnectedAccount, flags: &Flags) {
        let uid = self.uid(object);
        self.in_conflict.remove(&uid);
        // As it was indexed, which is not as it is now.
        if let Some(known) = self.objects.remove(&uid) {
            for key in self.keys_of(&known, flags) {
                self.keys.remove(&(key, uid));
            }
        }
    }

    fn with(&self, key: &Key<'_>) -> Vec<Arc<ConnectedAccount>> {
        let key = self.hasher.hash_one(key);
        self.keys
            .range((key, u64::MIN)..=(key, u64::MAX))
            .filter_map(|(_, uid)| self.objects.get(uid).cloned())
            .collect()
    }

    fn keys_of(&self, object: &ConnectedAccount, flags: &Flags) -> Vec<u64> {
        let spec = &object.spec;
        let alias = Desired::of(object, flags);
        let alias = Key::Alias(&spec.user, &spec.toolkit, alias.sought_alias());
        let ids = recorded_id(object)
            .into_iter()
            .chain(spec.connected_account_id.as_deref())
            .map(Key::Id);
        ids.chain([alias])
            .map(|key| self.hasher.hash_one(key))
            .collect()
    }

    fn uid(&self, object: &ConnectedAccount) -> u64 {
        self.hasher.hash_one(object.uid())
    }
}

/// The id of the account that the object has recorded.
pub(super) fn recorded_id(object: &ConnectedAccount) -> Option<&str> {
    object.status.as_ref()?.connected_account_id.as_deref()
}

fn is_in_conflict(object: &ConnectedAccount) -> bool {
    let status = object.status.as_ref();
    status.is_some_and(|status| status.says(condition::READY, &[Reason::Conflict]))
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector;

    use super::*;

    fn object(name: &str, version: &str, id: Option<&str>) -> ConnectedAccount {
        let mut object: ConnectedAccount = serde_json::from_value(serde_json::json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": version},
            "spec": {"user": "u", "toolkit": "gmail"},
            "status": {"observedGeneration": -1},
        }))
        .expect("it decodes");
        if let Some(status) = &mut object.status {
            status.connected_account_id = id.map(str::to_owned);
        }
        object
    }

    fn names(objects: Vec<Arc<ConnectedAccount>>) -> Vec<String> {
        objects.iter().map(|object| object.name_any()).collect()
    }

    #[test]
    fn an_object_is_found_by_what_it_says_now_and_not_by_what_it_said() {
        let (store, mut writer) = reflector::store();
        let objects = Objects::new(store, Flags::default());
        let mut tell = |event: Event<ConnectedAccount>| {
            writer.apply_watcher_event(&event);
            objects.follow(&event);
        };
        tell(Event::Init);
        tell(Event::InitApply(object("a", "1", Some("ca_1"))));
        tell(Event::InitApply(object("b", "2", None)));
        tell(Event::InitDone);
        assert_eq!(names(objects.with_id("ca_1")), ["a"]);
        assert_eq!(names(objects.with_alias("u", "gmail", "ns.b")), ["b"]);
        assert_eq!(names(objects.with_alias("u", "slack", "ns.b")), [""; 0]);
        tell(Event::Apply(object("a", "3", Some("ca_2"))));
        assert_eq!(names(objects.with_id("ca_1")), [""; 0]);
        assert_eq!(names(objects.with_id("ca_2")), ["a"]);
        tell(Event::Delete(object("a", "4", None)));
        assert_eq!(names(objects.with_id("ca_2")), [""; 0]);
        // What was relisted is all that there is.
        tell(Event::Init);
        tell(Event::InitApply(object("c", "5", Some("ca_3"))));
        tell(Event::InitDone);
        assert_eq!(names(objects.with_alias("u", "gmail", "ns.b")), [""; 0]);
        assert_eq!(names(objects.with_id("ca_3")), ["c"]);
    }
}
