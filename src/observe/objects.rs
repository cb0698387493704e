//! The objects as the watch keeps them, and an index of who may mean which account: a pass over one
//! object must not cost more because there are many others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use kube::{
    Resource,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::Event,
    },
};

use super::Kept;
use crate::{
    composio::model::Account,
    crd::{ConnectedAccount, Reason, condition},
    plan::{Desired, Flags},
};

mod changed;

use changed::is_changed;

/// The objects as the watch keeps them. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Store<Kept>,
    flags: Arc<Flags>,
    index: Arc<Mutex<Index>>,
    incomplete: Arc<AtomicBool>,
}

/// Keys and objects by their hashes: an entry is a hint, and the object itself is asked.
#[derive(Default)]
struct Index {
    hasher: RandomState,
    /// By namespace and name: one that was made anew under a name is another one in the place of the first.
    objects: HashMap<u64, Arc<Kept>>,
    /// Key and place.
    keys: BTreeSet<(u64, u64)>,
    /// The places of those that lost an account to another object.
    in_conflict: BTreeSet<u64>,
    /// The auth configs that are recorded, and by how many.
    auth_configs: BTreeMap<String, usize>,
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
    pub fn new(store: Store<Kept>, flags: Flags) -> Self {
        Self {
            store,
            flags: Arc::new(flags),
            index: Arc::default(),
            incomplete: Arc::default(),
        }
    }

    /// Says whether these are all objects that there are: false while a watched namespace has not been shown
    /// since the start. They are, where nothing is said.
    pub fn set_complete(&self, complete: bool) {
        self.incomplete.store(!complete, Ordering::Relaxed);
    }

    /// See [`Objects::set_complete`].
    pub fn are_complete(&self) -> bool {
        !self.incomplete.load(Ordering::Relaxed)
    }

    /// Takes note of an event that the store has taken in; the objects that must be looked at for it.
    pub fn follow(&self, event: &Event<Kept>) -> Vec<ObjectRef<Kept>> {
        let mut index = self.lock();
        match event {
            Event::Init | Event::InitApply(_) => Vec::new(),
            Event::InitDone => {
                let former = std::mem::take(&mut *index);
                let objects = self.store.state().into_iter();
                objects
                    .filter_map(|object| {
                        let known = former.objects.get(&former.place(&*object));
                        let known = known.and_then(|known| unpacked(known));
                        index.put(known, object, &self.flags)
                    })
                    .collect()
            }
            Event::Apply(object) => {
                let known = index.take_out(object, &self.flags);
                let object = self.store.get(&ObjectRef::from_obj(object));
                let changed = object.and_then(|object| index.put(known, object, &self.flags));
                changed.into_iter().collect()
            }
            Event::Delete(object) => {
                index.take_out(object, &self.flags);
                Vec::new()
            }
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = ConnectedAccount> + use<> {
        self.store
            .state()
            .into_iter()
            .filter_map(|kept| unpacked(&kept))
    }

    /// Which there are.
    pub fn refs(&self) -> impl Iterator<Item = ObjectRef<Kept>> + use<> {
        self.store
            .state()
            .into_iter()
            .map(|kept| ObjectRef::from_obj(&*kept))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.store.len()
    }

    /// Whether a link of one of them waits for a person.
    pub(super) fn wait_for_a_person(&self, now: Timestamp) -> bool {
        let all = self.store.state();
        all.iter().any(|kept| kept.waits_for_a_person(now))
    }

    /// Those that may mean the account of that id.
    pub(super) fn with_id(&self, id: &str) -> Vec<Arc<Kept>> {
        self.lock().with(&Key::Id(id))
    }

    /// Those that may look for that alias of that user and toolkit.
    pub(super) fn with_alias(&self, user: &str, toolkit: &str, alias: &str) -> Vec<Arc<Kept>> {
        self.lock().with(&Key::Alias(user, toolkit, alias))
    }

    /// Those that may look for the account by its alias.
    pub(super) fn with_alias_of(&self, account: &Account) -> Vec<Arc<Kept>> {
        match (&account.user_id, &account.alias) {
            (Some(user), Some(alias)) => self.with_alias(user, &account.toolkit, alias),
            _ => Vec::new(),
        }
    }

    /// Whether the account has the alias of an object that has another account on record.
    pub(super) fn have_another(&self, account: &Account) -> bool {
        self.with_alias_of(account)
            .iter()
            .filter_map(|kept| unpacked(kept))
            .any(|object| recorded_id(&object).is_some_and(|id| id != account.id))
    }

    /// The auth configs that are recorded.
    pub(super) fn auth_configs(&self) -> Vec<String> {
        self.lock().auth_configs.keys().cloned().collect()
    }

    /// Those that lost an account to another object.
    pub fn in_conflict(&self) -> Vec<ObjectRef<Kept>> {
        let index = self.lock();
        let conflicts = index.in_conflict.iter();
        conflicts
            .filter_map(|place| index.objects.get(place))
            .map(|kept| ObjectRef::from_obj(&**kept))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    /// Takes in an object; which it is, if it must be looked at, after what was known of it before.
    fn put(
        &mut self,
        known: Option<ConnectedAccount>,
        kept: Arc<Kept>,
        flags: &Flags,
    ) -> Option<ObjectRef<Kept>> {
        let object = unpacked(&kept)?;
        let place = self.place(&object);
        let keys = self.keys_of(&object, flags);
        self.keys.extend(keys.into_iter().map(|key| (key, place)));
        if is_in_conflict(&object) {
            self.in_conflict.insert(place);
        }
        if let Some(auth_config) = recorded_auth_config(&object) {
            *self.auth_configs.entry(auth_config.to_owned()).or_default() += 1;
        }
        let changed = is_changed(known.as_ref(), &object);
        let reference = changed.then(|| ObjectRef::from_obj(&*kept));
        self.objects.insert(place, kept);
        reference
    }

    /// Takes an object out, as it was indexed, which need not be as it is now.
    fn take_out(&mut self, object: &Kept, flags: &Flags) -> Option<ConnectedAccount> {
        let place = self.place(object);
        self.in_conflict.remove(&place);
        let kept = self.objects.remove(&place)?;
        let object = unpacked(&kept)?;
        for key in self.keys_of(&object, flags) {
            self.keys.remove(&(key, place));
        }
        if let Some(auth_config) = recorded_auth_config(&object)
            && let Some(count) = self.auth_configs.get_mut(auth_config)
        {
            *count -= 1;
            if *count == 0 {
                self.auth_configs.remove(auth_config);
            }
        }
        Some(object)
    }

    fn with(&self, key: &Key<'_>) -> Vec<Arc<Kept>> {
        let key = self.hasher.hash_one(key);
        self.keys
            .range((key, u64::MIN)..=(key, u64::MAX))
            .filter_map(|(_, place)| self.objects.get(place).cloned())
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

    fn place(&self, object: &impl Resource) -> u64 {
        let metadata = object.meta();
        self.hasher.hash_one((&metadata.namespace, &metadata.name))
    }
}

/// What is kept was written by this program: that it cannot be read is its own mistake, and one object less
/// is better than none.
pub(super) fn unpacked(kept: &Kept) -> Option<ConnectedAccount> {
    let unpacked = kept.unpack();
    if unpacked.is_err() {
        // Why would quote it, and it may hold a link.
        tracing::error!(object = ?kept, "what was kept of it cannot be read");
    }
    unpacked.ok()
}

/// The id of the account that the object has recorded.
pub(super) fn recorded_id(object: &ConnectedAccount) -> Option<&str> {
    object.status.as_ref()?.connected_account_id.as_deref()
}

fn recorded_auth_config(object: &ConnectedAccount) -> Option<&str> {
    object.status.as_ref()?.auth_config.as_deref()
}

fn is_in_conflict(object: &ConnectedAccount) -> bool {
    let status = object.status.as_ref();
    status.is_some_and(|status| status.says(condition::READY, &[Reason::Conflict]))
}

#[cfg(test)]
mod tests {
    use kube::{ResourceExt, runtime::reflector};

    use super::*;

    pub(super) fn object(name: &str, version: &str, id: Option<&str>) -> ConnectedAccount {
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

    fn names(objects: Vec<Arc<Kept>>) -> Vec<String> {
        objects.iter().map(|object| object.name_any()).collect()
    }

    #[test]
    fn an_object_is_found_by_what_it_says_now_and_not_by_what_it_said() {
        let (store, mut writer) = reflector::store();
        let objects = Objects::new(store, Flags::default());
        let mut tell = |event: Event<Kept>| {
            writer.apply_watcher_event(&event);
            let changed = objects.follow(&event).into_iter();
            changed.map(|object| object.name).collect::<Vec<_>>()
        };
        let object = |name, version, id| Kept::pack(object(name, version, id)).expect("JSON");
        tell(Event::Init);
        tell(Event::InitApply(object("a", "1", Some("ca_1"))));
        tell(Event::InitApply(object("b", "2", None)));
        assert_eq!(tell(Event::InitDone).len(), 2, "both are new");
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
        assert_eq!(tell(Event::InitDone), ["c"]);
        assert_eq!(names(objects.with_alias("u", "gmail", "ns.b")), [""; 0]);
        assert_eq!(names(objects.with_id("ca_3")), ["c"]);
    }
}
