//! The objects of a project as the watch has them, and an index of who may mean which account: a pass over one
//! object must not cost more because there are many others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use jiff::Timestamp;
use kube::{Resource, runtime::reflector::ObjectRef};
use parking_lot::Mutex;

use super::{ConnectRequests, PackedObject, Summary, cluster::Cluster};
use crate::{
    activity::Activity,
    crd::{ConnectedAccount, Reason, condition},
    plan::{Desired, Flags, Labels, PendingRequest},
};

mod auth_configs;
mod changed;
mod claimants;
mod counts;
mod following;
mod places;
mod settings;

use changed::is_changed;
pub use counts::ObjectCounts;
use places::Places;

/// The objects of one project as the watch has them. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    flags: Arc<Mutex<Arc<Flags>>>,
    index: Arc<Mutex<Index>>,
    cluster: Arc<Cluster>,
    /// When one of them last changed.
    activity: Arc<Activity>,
}

/// Keys and objects by their hashes: an entry is a hint, and the object itself is asked.
#[derive(Default)]
struct Index {
    hasher: RandomState,
    /// By object key, the hash of namespace and name: a new object of the same name takes the entry of the former.
    objects: HashMap<u64, Arc<PackedObject>>,
    /// Pairs of the hash of a [`Key`] and an object key.
    keys: BTreeSet<(u64, u64)>,
    /// The keys of the objects that lost an account to another object.
    in_conflict: BTreeSet<u64>,
    /// The keys of the objects whose status is being written by us: what comes meanwhile is that, or conflicts.
    writing: BTreeSet<u64>,
    /// The version of the last write of ours whose event has not come yet.
    written: HashMap<u64, String>,
    /// The auth configs that are recorded in each namespace, and by how many.
    auth_configs: BTreeMap<(String, String), usize>,
    counts: ObjectCounts,
    /// Only where the policy of the project counts accounts.
    places: Places,
    /// The keys of the objects that ask for more than the project allows.
    not_allowed: BTreeSet<u64>,
}

/// By what an object may mean an account.
#[derive(Hash)]
enum Key<'a> {
    /// The id, recorded or declared.
    Id(&'a str),
    /// The alias, which is unique for each user and toolkit.
    Alias(&'a str, &'a str, &'a str),
    /// The alias of an object whose user or toolkit cannot be read: it may be anybody's.
    AliasOfSomebody(&'a str),
}

/// What an event of the watch has changed.
#[derive(Default)]
pub struct WatchDelta {
    /// The objects that must be looked at for it.
    pub changed: Vec<ObjectRef<PackedObject>>,
    /// The objects of which a field cannot be decoded that could be, or did not exist, before.
    pub undecodable: Vec<Arc<PackedObject>>,
    /// Whether an object claims something no more: whoever lost against it may have that now.
    pub(super) claims_less: bool,
    /// Whether an object was not known in its project.
    pub(super) is_new: bool,
}

impl WatchDelta {
    pub(super) fn add(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.undecodable.extend(other.undecodable);
        self.claims_less |= other.claims_less;
    }
}

impl Objects {
    /// None yet, of the project that the flags name.
    pub(super) fn new(flags: Flags, cluster: Arc<Cluster>) -> Self {
        Self {
            flags: Arc::new(Mutex::new(Arc::new(flags))),
            index: Arc::default(),
            cluster,
            activity: Arc::default(),
        }
    }

    /// Whether these are all objects of the watched namespaces.
    pub fn are_complete(&self) -> bool {
        self.cluster.is_complete()
    }

    /// What is wanted of one of them.
    pub fn desired(&self, object: &ConnectedAccount) -> Desired {
        let flags = self.flags();
        let mut desired = Desired::of(object, &flags);
        desired.requests = self.requests_of(&desired);
        let Some(policy) = &flags.policy else {
            return desired;
        };
        desired.labels = self.labels(&desired.namespace);
        if policy.counts_accounts() {
            let places = &self.index.lock().places;
            desired.before = places.before(&desired.namespace, desired.created, &desired.name);
        }
        desired
    }

    fn requests_of(&self, desired: &Desired) -> Vec<PendingRequest> {
        let Desired {
            namespace,
            uid,
            name,
            ..
        } = desired;
        let now = Timestamp::now();
        let requests = self.cluster.requests.of_account(namespace, uid, name);
        let requests = requests.into_iter().filter(|one| !one.is_over(now));
        requests.map(|one| one.pending).collect()
    }

    /// The ConnectRequests that are there.
    pub(crate) fn connect_requests(&self) -> &ConnectRequests {
        &self.cluster.requests
    }

    /// The labels of a namespace: none of one that is not known.
    pub(crate) fn labels(&self, namespace: &str) -> Arc<Labels> {
        self.cluster.labels(namespace)
    }

    /// Whether a project, of whatever name, says that its API key is in that Secret.
    pub(crate) fn is_key_secret(&self, namespace: &str, name: &str) -> bool {
        self.cluster.is_key_secret(namespace, name)
    }

    /// What is known of all of them.
    pub fn all(&self) -> impl Iterator<Item = Summary> + use<> {
        let all = self.packed().into_iter();
        all.filter_map(|packed| summary(&packed))
    }

    /// References to all of them.
    pub fn refs(&self) -> impl Iterator<Item = ObjectRef<PackedObject>> + use<> {
        let all = self.packed().into_iter();
        all.map(|packed| ObjectRef::from_obj(&*packed))
    }

    /// Those that can be decoded, so that something can be done with them.
    pub(crate) fn readable(&self) -> impl Iterator<Item = ObjectRef<PackedObject>> + use<> {
        let all = self.packed().into_iter();
        all.filter(|packed| !packed.is_unreadable())
            .map(|packed| ObjectRef::from_obj(&*packed))
    }

    /// All of them, as they are packed.
    fn packed(&self) -> Vec<Arc<PackedObject>> {
        self.index.lock().objects.values().cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.index.lock().objects.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// How many there are of each kind.
    pub fn counts(&self) -> ObjectCounts {
        self.index.lock().counts.clone()
    }

    /// When one of them last changed.
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Whether each of them is ready: of the others something may be expected.
    pub(crate) fn are_ready(&self) -> bool {
        self.index.lock().counts.are_ready()
    }

    /// Whether a link of one of them waits for a person.
    pub(crate) fn wait_for_a_person(&self, now: Timestamp) -> bool {
        let index = self.index.lock();
        let mut all = index.objects.values();
        all.any(|packed| packed.waits_for_a_person(now))
    }

    /// The flags on which the identity of objects depends.
    pub fn flags(&self) -> Arc<Flags> {
        Arc::clone(&self.flags.lock())
    }

    /// Those that lost an account to another object, and can have it.
    pub fn in_conflict(&self) -> Vec<ObjectRef<PackedObject>> {
        self.index.lock().in_conflict()
    }
}

impl Index {
    /// Takes in an object, after what was known of it before.
    fn put(
        &mut self,
        known: Option<Arc<PackedObject>>,
        packed: Arc<PackedObject>,
        flags: &Flags,
        delta: &mut WatchDelta,
    ) {
        let Some(object) = summary(&packed) else {
            return;
        };
        let object_key = self.object_key(&*packed);
        let keys = self.keys_of(&object, flags);
        self.keys
            .extend(keys.into_iter().map(|key| (key, object_key)));
        if is_in_conflict(&object) {
            self.in_conflict.insert(object_key);
        }
        if is_not_allowed(&object) {
            self.not_allowed.insert(object_key);
        }
        if counts_accounts(flags) {
            self.places.put(&object);
        }
        self.counts.add(&object);
        if let Some(key) = recorded_auth_config(&object, flags) {
            *self.auth_configs.entry(key).or_default() += 1;
        }
        let was_left_out = known.as_ref().map_or(&[][..], |known| known.left_out());
        if !packed.left_out().is_empty() && packed.left_out() != was_left_out {
            delta.undecodable.push(Arc::clone(&packed));
        }
        let known = known.and_then(|known| summary(&known));
        let by_us = self.is_own_write(object_key, &packed);
        if is_changed(known.as_ref(), &object, by_us) {
            delta.changed.push(ObjectRef::from_obj(&*packed));
        }
        self.objects.insert(object_key, packed);
    }

    /// Takes an object out, as it was indexed, which need not be as it is now.
    fn take_out(&mut self, object: &PackedObject, flags: &Flags) -> Option<Arc<PackedObject>> {
        let object_key = self.object_key(object);
        self.in_conflict.remove(&object_key);
        self.not_allowed.remove(&object_key);
        let packed = self.objects.remove(&object_key)?;
        let object = summary(&packed)?;
        if counts_accounts(flags) {
            self.places.take_out(&object);
        }
        self.counts.remove(&object);
        for key in self.keys_of(&object, flags) {
            self.keys.remove(&(key, object_key));
        }
        if let Some(key) = recorded_auth_config(&object, flags)
            && let Some(count) = self.auth_configs.get_mut(&key)
        {
            *count -= 1;
            if *count == 0 {
                self.auth_configs.remove(&key);
            }
        }
        Some(packed)
    }

    fn with(&self, key: &Key<'_>) -> Vec<Arc<PackedObject>> {
        let key = self.hasher.hash_one(key);
        self.keys
            .range((key, u64::MIN)..=(key, u64::MAX))
            .filter_map(|(_, object_key)| self.objects.get(object_key).cloned())
            .collect()
    }

    /// Whether this version of an object came of our own write of its status.
    fn is_own_write(&mut self, object_key: u64, packed: &PackedObject) -> bool {
        let version = packed.meta().resource_version.as_ref();
        let is_last = self
            .written
            .get(&object_key)
            .is_some_and(|last| Some(last) == version);
        if is_last {
            self.written.remove(&object_key);
        }
        is_last || self.writing.contains(&object_key)
    }

    /// By what the object may mean an account.
    fn claims(&self, packed: &PackedObject, flags: &Flags) -> BTreeSet<u64> {
        let object = summary(packed);
        let keys = object.map(|object| self.keys_of(&object, flags));
        keys.into_iter().flatten().collect()
    }

    fn in_conflict(&self) -> Vec<ObjectRef<PackedObject>> {
        self.refs(&self.in_conflict).collect()
    }

    /// Those of the namespace of that object that ask for more than the project allows.
    fn not_allowed_in(&self, object: &PackedObject) -> Vec<ObjectRef<PackedObject>> {
        let namespace = &object.meta().namespace;
        let all = self.refs(&self.not_allowed);
        all.filter(|one| one.namespace == *namespace).collect()
    }

    /// References to those of these keys that can be decoded.
    fn refs(&self, object_keys: &BTreeSet<u64>) -> impl Iterator<Item = ObjectRef<PackedObject>> {
        let all = object_keys.iter().filter_map(|key| self.objects.get(key));
        all.filter(|packed| !packed.is_unreadable())
            .map(|packed| ObjectRef::from_obj(&**packed))
    }

    fn keys_of(&self, object: &Summary, flags: &Flags) -> Vec<u64> {
        // By which alias it looks does not depend on labels.
        let labels = Labels::default();
        let alias = object.claimant(flags, &labels, |one| one.lookup_alias().to_owned());
        let alias = match (&object.user, &object.toolkit) {
            (Some(user), Some(toolkit)) => Key::Alias(user, toolkit, &alias),
            (None, _) | (_, None) => Key::AliasOfSomebody(&alias),
        };
        let declared = object.connected_account_id.as_deref();
        let ids = object
            .recorded_id()
            .into_iter()
            .chain(declared)
            .map(Key::Id);
        ids.chain([alias])
            .map(|key| self.hasher.hash_one(key))
            .collect()
    }

    fn object_key(&self, object: &impl Resource) -> u64 {
        let metadata = object.meta();
        self.hasher.hash_one((&metadata.namespace, &metadata.name))
    }
}

/// This program wrote what is packed: that it cannot be read is its own mistake, and one object less
/// is better than none.
pub(crate) fn summary(packed: &PackedObject) -> Option<Summary> {
    let summary = packed.summary();
    if summary.is_err() {
        // Why would quote it, and it may hold a link.
        tracing::error!(object = ?packed, "what was kept of it cannot be read");
    }
    summary.ok()
}

/// The auth config that an object has on record, and its namespace. That of another project says nothing of this one.
fn recorded_auth_config(object: &Summary, flags: &Flags) -> Option<(String, String)> {
    let auth_config = object.status.auth_config.clone()?;
    (!object.is_pinned_elsewhere(flags)).then(|| (object.namespace(), auth_config))
}

fn counts_accounts(flags: &Flags) -> bool {
    (flags.policy.as_ref()).is_some_and(|policy| policy.counts_accounts())
}

fn is_not_allowed(object: &Summary) -> bool {
    let status = &object.status;
    status.says(condition::SYNCED, &[Reason::NotAllowed])
}

fn is_in_conflict(object: &Summary) -> bool {
    let status = &object.status;
    status.says(condition::READY, &[Reason::Conflict])
}

#[cfg(test)]
mod tests;
