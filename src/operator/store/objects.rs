//! The objects of a project as the watch has them, and an index of who may mean which account: a pass over one
//! object must not cost more because there are many others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use parking_lot::Mutex;

use super::{ConnectRequests, PackedObject, StoredSummary, Summary, Told, cluster::Cluster};
use crate::{
    activity::Activity,
    crd::{ConnectedAccount, Reason},
    plan::{Desired, Flags, Labels, PendingRequest},
    projects::ProjectKey,
};

mod auth_configs;
mod changed;
mod claimants;
mod concluded;
mod conflicts;
mod counts;
mod following;
mod places;
mod settings;
mod writes;

use changed::is_changed;
pub(crate) use concluded::Conclusion;
use conflicts::Losers;
pub use counts::{ObjectCounts, WordCounts};
use places::Places;
use settings::Settings;
use writes::Writing;

/// The objects of one project as the watch has them. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    settings: Arc<Mutex<Settings>>,
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
    objects: HashMap<u64, StoredSummary>,
    /// Pairs of the hash of a [`Key`] and an object key.
    keys: BTreeSet<(u64, u64)>,
    losers: Losers,
    /// The writes of ours that are under way.
    writing: HashMap<u64, Writing>,
    /// The version of the last write of ours whose event has not come yet.
    written: HashMap<u64, String>,
    /// The auth configs that are recorded in each namespace, and by how many.
    auth_configs: BTreeMap<(String, String), usize>,
    counts: ObjectCounts,
    /// Only where the policy of the project counts accounts.
    places: Places,
    /// The keys of the objects that ask for more than the project allows.
    not_allowed: BTreeSet<u64>,
    /// Of the objects for which nothing is to be done, or not yet: what that rests on.
    concluded: HashMap<u64, u64>,
    /// Of those of them that wait: until when, and why.
    waiting: HashMap<u64, Conclusion>,
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
    pub changed: Vec<StoredSummary>,
    /// The objects of which a field cannot be decoded that could be, or did not exist, before.
    pub undecodable: Vec<Arc<Summary>>,
    /// Objects, as they were, that claim something no more: whoever lost against one of them may have that now.
    pub(super) released: Vec<Arc<Summary>>,
    /// Whether an object was not known in its project.
    pub(super) is_new: bool,
}

impl WatchDelta {
    pub(super) fn add(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.undecodable.extend(other.undecodable);
        self.released.extend(other.released);
    }
}

impl Objects {
    /// None yet, of the project that the flags name.
    pub(super) fn new(flags: Flags, cluster: Arc<Cluster>) -> Self {
        Self {
            settings: Arc::new(Mutex::new(Settings::new(flags))),
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
        let page = desired.flags.page.as_deref();
        let requests = self.cluster.requests.of_account(namespace, uid, name);
        let requests = requests.into_iter().filter(|one| !one.is_void(page, now));
        requests
            .map(|one| one.pending.as_signed(uid, page))
            .collect()
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

    /// Whether somebody declares that project.
    pub(crate) fn is_declared(&self, project: &ProjectKey) -> bool {
        self.cluster.is_declared(project)
    }

    /// What is known of all of them.
    pub fn all(&self) -> impl Iterator<Item = Arc<Summary>> + use<> {
        self.stored().into_iter().map(|object| object.summary())
    }

    /// All of them, as they are kept.
    pub(crate) fn stored(&self) -> Vec<StoredSummary> {
        self.index.lock().stored()
    }

    /// References to all of them.
    pub fn refs(&self) -> impl Iterator<Item = ObjectRef<PackedObject>> + use<> {
        self.stored().into_iter().map(|object| object.reference())
    }

    /// Those that can be decoded, so that something can be done with them.
    pub(crate) fn readable(&self) -> impl Iterator<Item = ObjectRef<PackedObject>> + use<> {
        let readable = self.all().filter(|object| object.is_readable());
        readable.map(|object| object.reference())
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
        self.index.lock().counts.has_link(now)
    }

    /// The flags on which the identity of objects depends.
    pub fn flags(&self) -> Arc<Flags> {
        Arc::clone(&self.settings.lock().flags)
    }
}

impl Index {
    /// Takes in an object, after what was known of it before.
    fn put(
        &mut self,
        known: Option<&Summary>,
        object: &Arc<Summary>,
        stored: StoredSummary,
        flags: &Flags,
        delta: &mut WatchDelta,
    ) {
        let object_key = self.object_key(&object.namespace, &object.name);
        let keys = self.keys_of(object, flags);
        self.keys
            .extend(keys.into_iter().map(|key| (key, object_key)));
        self.losers.put(&self.hasher, object_key, object);
        if is_not_allowed(object) {
            self.not_allowed.insert(object_key);
        }
        if counts_accounts(flags) {
            self.places.put(object);
        }
        self.counts.add(object);
        if let Some(key) = recorded_auth_config(object, flags) {
            *self.auth_configs.entry(key).or_default() += 1;
        }
        let was_left_out = known.map_or(&[][..], |known| &known.left_out);
        if !object.left_out.is_empty() && *object.left_out != *was_left_out {
            delta.undecodable.push(Arc::clone(object));
        }
        let is_change = is_changed(known, object, false);
        let by_us = self.is_own_write(object_key, object, is_change);
        if is_change && is_changed(known, object, by_us) {
            delta.changed.push(stored.clone());
        }
        self.objects.insert(object_key, stored);
    }

    /// Takes an object out, as it was indexed, which need not be as it is now.
    fn take_out(&mut self, object_key: u64, flags: &Flags) -> Option<Arc<Summary>> {
        self.not_allowed.remove(&object_key);
        self.forget_conclusion(object_key);
        let object = self.objects.remove(&object_key)?.summary();
        self.losers.take_out(&self.hasher, object_key, &object);
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
        Some(object)
    }

    /// All of them, as they are kept.
    fn stored(&self) -> Vec<StoredSummary> {
        self.objects.values().cloned().collect()
    }

    /// What is known of the object of that key.
    fn known(&self, object_key: u64) -> Option<Arc<Summary>> {
        Some(self.objects.get(&object_key)?.summary())
    }

    fn with(&self, key: &Key<'_>) -> Vec<Arc<Summary>> {
        let key = self.hasher.hash_one(key);
        self.keys
            .range((key, u64::MIN)..=(key, u64::MAX))
            .filter_map(|(_, object_key)| self.known(*object_key))
            .collect()
    }

    /// By what the object may mean an account.
    fn claims(&self, object: &Summary, flags: &Flags) -> BTreeSet<u64> {
        self.keys_of(object, flags).into_iter().collect()
    }

    fn keys_of(&self, object: &Summary, flags: &Flags) -> Vec<u64> {
        // By which alias it looks does not depend on labels.
        let labels = Labels::default();
        let alias = object.claimant(flags, &labels, |one| one.lookup_alias().to_owned());
        let alias = match (object.user.as_deref(), object.toolkit.as_deref()) {
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

    fn object_key(&self, namespace: &str, name: &str) -> u64 {
        self.hasher.hash_one((namespace, name))
    }
}

/// The auth config that an object has on record, and its namespace. That of another project says nothing of this one.
fn recorded_auth_config(object: &Summary, flags: &Flags) -> Option<(String, String)> {
    let auth_config = object.recorded.auth_config.as_deref()?;
    (!object.is_pinned_elsewhere(flags))
        .then(|| (object.namespace.to_string(), auth_config.to_owned()))
}

fn counts_accounts(flags: &Flags) -> bool {
    (flags.policy.as_ref()).is_some_and(|policy| policy.counts_accounts())
}

fn is_not_allowed(object: &Summary) -> bool {
    Told::says(object.recorded.synced, &[Reason::NotAllowed])
}

fn is_in_conflict(object: &Summary) -> bool {
    Told::says(object.recorded.ready, &[Reason::Conflict])
}

#[cfg(test)]
mod tests;
