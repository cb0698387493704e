//! All objects that are watched, and the project that each of them belongs to.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use kube::runtime::{reflector::ObjectRef, watcher::Event};
use parking_lot::Mutex;

use super::{
    ConnectRequests, ObjectCounts, Objects, PackedObject, StoredSummary, Summary, WatchDelta,
    cluster::{Cluster, NamespaceChange},
    watched::Watched,
};
use crate::{
    connect::page_address::PageSettings, crd::ProjectKind, plan::Flags, projects::ProjectKey,
};

/// The objects of all projects as the watch has them. Cheap to clone.
#[derive(Clone)]
pub struct AllObjects {
    watched: Arc<Mutex<Watched>>,
    by_project: Arc<Mutex<HashMap<ProjectKey, Objects>>>,
    /// What decisions depend on, but for what each project says of itself.
    flags: Arc<Flags>,
    cluster: Arc<Cluster>,
}

impl AllObjects {
    /// None yet: they come by [`AllObjects::apply_event`].
    pub fn new(flags: Flags) -> Self {
        Self {
            watched: Arc::default(),
            by_project: Arc::default(),
            flags: Arc::new(flags),
            cluster: Arc::default(),
        }
    }

    /// The objects of one project, of which there need be none.
    pub fn of_project(&self, key: &ProjectKey) -> Objects {
        self.with_project(key, Objects::clone)
    }

    /// Works on the objects of one project, which is not forgotten meanwhile: what is put into one that is would be
    /// lost.
    fn with_project<T>(&self, key: &ProjectKey, work: impl FnOnce(&Objects) -> T) -> T {
        let mut by_project = self.by_project.lock();
        if let Some(objects) = by_project.get(key) {
            return work(objects);
        }
        let flags = Flags {
            project: key.reference().to_string(),
            ..Flags::clone(&self.flags)
        };
        let objects = Objects::new(flags, Arc::clone(&self.cluster));
        work(by_project.entry(key.clone()).insert_entry(objects).get())
    }

    /// The projects of which something is kept, and that no object refers to.
    pub(crate) fn unused_projects(&self) -> Vec<ProjectKey> {
        let by_project = self.by_project.lock();
        let unused = by_project.iter().filter(|(_, objects)| objects.is_empty());
        unused.map(|(key, _)| key.clone()).collect()
    }

    /// How many projects there are of which something is kept.
    #[cfg(test)]
    pub(crate) fn kept_projects(&self) -> usize {
        self.by_project.lock().len()
    }

    /// Forgets a project that no object refers to.
    pub fn forget_project(&self, key: &ProjectKey) {
        let mut by_project = self.by_project.lock();
        if by_project.get(key).is_some_and(Objects::is_empty) {
            by_project.remove(key);
        }
    }

    /// Takes in what the watch brings.
    ///
    /// # Guarantees
    /// - What is known of an object follows from its last version alone, however it became known: by a list,
    ///   by a change, or by a list after a change.
    /// - More than the summary is kept of the objects that are to be looked at or told of, and of no others.
    pub fn apply_event(&self, event: Event<PackedObject>) -> WatchDelta {
        match event {
            Event::Init => {
                self.watched.lock().begin_list();
                WatchDelta::default()
            }
            Event::InitApply(object) => {
                self.watched.lock().list(object);
                WatchDelta::default()
            }
            Event::InitDone => self.reset(),
            Event::Apply(object) => self.apply(object),
            Event::Delete(object) => {
                let summary = object.summary();
                self.watched.lock().remove(summary);
                // One that was never known makes no project known.
                let objects = self.by_project.lock().get(&summary.project()).cloned();
                let known = objects.as_ref().and_then(|objects| objects.remove(summary));
                let mut changed = objects.map_or_else(Vec::new, |objects| {
                    objects.that_may_have_room(summary, known.as_deref())
                });
                for gone in known.iter().chain([summary]) {
                    changed.extend(self.in_conflict_with(gone));
                }
                WatchDelta {
                    changed,
                    ..WatchDelta::default()
                }
            }
        }
    }

    fn apply(&self, object: PackedObject) -> WatchDelta {
        let summary = Arc::clone(object.summary());
        let is_to_be_told = summary.is_to_be_told();
        // Before anybody can be told to look at it.
        let stored = self.watched.lock().put(object);
        let key = summary.project();
        let mut delta = self.with_project(&key, |objects| objects.apply(&summary, stored));
        if delta.changed.is_empty() && !is_to_be_told {
            self.watched.lock().forget_text(&summary);
        }
        // One that was made anew under its name may refer to another project.
        if delta.is_new {
            for objects in self.others(&key, &summary.namespace) {
                delta.released.extend(objects.remove(&summary));
            }
        }
        for released in std::mem::take(&mut delta.released) {
            delta.changed.extend(self.in_conflict_with(&released));
        }
        delta
    }

    /// Takes in everything that was listed, in place of what is known.
    fn reset(&self) -> WatchDelta {
        let mut by_key: HashMap<ProjectKey, Vec<StoredSummary>> = HashMap::new();
        let all = self.watched.lock().end_list();
        for object in all {
            let key = object.summary().project();
            by_key.entry(key).or_default().push(object);
        }
        for key in self.by_project.lock().keys() {
            by_key.entry(key.clone()).or_default();
        }
        let mut delta = WatchDelta::default();
        for (key, objects) in by_key {
            delta.add(self.with_project(&key, |known| known.reset(objects)));
        }
        self.watched.lock().keep_texts_of(&delta.changed);
        delta
    }

    /// The other projects that an object of that namespace may have referred to.
    fn others(&self, key: &ProjectKey, namespace: &str) -> Vec<Objects> {
        let by_project = self.by_project.lock();
        let may_have = |other: &ProjectKey| other.namespace().is_none_or(|own| own == namespace);
        let others = by_project
            .iter()
            .filter(|(other, _)| *other != key && may_have(other));
        others.map(|(_, objects)| objects.clone()).collect()
    }

    /// The ConnectRequests that are there.
    pub fn connect_requests(&self) -> &ConnectRequests {
        &self.cluster.requests
    }

    /// A summary as it is kept, if the object is there.
    pub(crate) fn stored_of(&self, object: &ObjectRef<PackedObject>) -> Option<StoredSummary> {
        self.watched.lock().stored_of(object).cloned()
    }

    /// What is kept of an object, if it is there.
    pub fn get(&self, object: &ObjectRef<PackedObject>) -> Option<Arc<Summary>> {
        Some(self.stored_of(object)?.summary())
    }

    /// An object as the watch has brought it last, where that is kept: it is to be looked at, or told of.
    pub(crate) fn packed(&self, object: &ObjectRef<PackedObject>) -> Option<Arc<PackedObject>> {
        self.watched.lock().packed(object)
    }

    /// Whether more is kept of an object than its summary.
    pub fn has_text(&self, object: &Summary) -> bool {
        self.watched.lock().has_text(object)
    }

    /// Says whether no passes run in this replica, nor any soon: what changes meanwhile is read when one does.
    pub(crate) fn set_standby(&self, is_standby: bool) {
        self.watched.lock().set_standby(is_standby);
    }

    /// How many bytes the texts of objects take.
    #[cfg(test)]
    pub(super) fn text_bytes(&self) -> usize {
        self.watched.lock().text_bytes()
    }

    /// Says that nothing is due for an object in this version, so that its summary is all that need be kept.
    pub(crate) fn forget_text(&self, object: &PackedObject) {
        if !object.summary().is_to_be_told() {
            self.watched.lock().forget_text(object.summary());
        }
    }

    /// Keeps an object that was read, if it is as the watch has brought it last: it need not be read again.
    pub(crate) fn keep_text(&self, object: &PackedObject) {
        self.watched.lock().keep_read(object);
    }

    /// Whether an object of that uid is there.
    pub(crate) fn has(&self, namespace: &str, name: &str, uid: &str) -> bool {
        let object = self.get(&ObjectRef::new(name).within(namespace));
        object.is_some_and(|object| object.uid.as_deref() == Some(uid))
    }

    /// Those of these uids that objects have, of whatever name.
    pub(crate) fn known_uids<'a>(&self, uids: &HashSet<&'a str>) -> HashSet<&'a str> {
        if uids.is_empty() {
            return HashSet::new();
        }
        let all = self.stored();
        let all = all.iter().filter_map(StoredSummary::uid);
        all.filter_map(|uid| uids.get(uid).copied()).collect()
    }

    /// What the operator shares with the connect page; `None`: it is not served.
    pub(crate) fn page(&self) -> Option<&PageSettings> {
        self.flags.page.as_deref()
    }

    /// Says how an object is looked at of which it turns out later than by its event that somebody has changed it.
    pub(crate) fn trigger_by(&self, trigger: impl Fn(&StoredSummary) + Send + Sync + 'static) {
        self.cluster.set_trigger(Arc::new(trigger));
    }

    /// Says whether these are all objects that there are: false while a watched namespace has not been shown
    /// since the start. They are, where nothing is said.
    pub fn set_complete(&self, complete: bool) {
        self.cluster.set_complete(complete);
    }

    /// Whether the object is in a namespace that is so new that its labels are not known. It is triggered once they
    /// are, where its project may go by them.
    pub(crate) fn awaits_labels(&self, object: &Summary) -> bool {
        object.project().kind() == ProjectKind::ClusterComposioProject
            && self.cluster.awaits_labels(&object.namespace)
    }

    /// Takes in what the watch of namespaces has brought. The objects to look at for it are returned: what their
    /// project allows may go by labels.
    pub(crate) fn apply_namespaces(&self, change: NamespaceChange) -> Vec<ObjectRef<PackedObject>> {
        // Whoever waits for labels waits no more.
        let is_refused = change == NamespaceChange::Refused;
        let changed: HashSet<String> = self.cluster.apply(change).into_iter().collect();
        let is_inside = |object: &StoredSummary| is_refused || changed.contains(object.name().0);
        let goes_by_labels =
            |object: &Arc<Summary>| object.project().kind() == ProjectKind::ClusterComposioProject;
        if changed.is_empty() && !is_refused {
            return Vec::new();
        }
        let inside = self.stored().into_iter().filter(is_inside);
        let inside = inside.map(|object| object.summary());
        let concerned = inside.filter(goes_by_labels);
        concerned.map(|object| object.reference()).collect()
    }

    /// Says which Secret, by namespace and name, holds the API key of a project; `None`: the project is gone.
    pub(crate) fn set_key_secret(&self, project: &ProjectKey, secret: Option<(String, String)>) {
        self.cluster.set_key_secret(project, secret);
    }

    /// Whether somebody declares the project.
    pub(crate) fn is_declared(&self, project: &ProjectKey) -> bool {
        self.cluster.is_declared(project)
    }

    /// What is known of all of them. Each is read when its turn comes: as they are kept they take less room.
    pub fn all(&self) -> impl Iterator<Item = Arc<Summary>> + use<> {
        let all = self.stored().into_iter();
        all.map(|object| object.summary())
    }

    /// What is known of those of a namespace.
    pub(crate) fn of_namespace(
        &self,
        namespace: &str,
    ) -> impl Iterator<Item = Arc<Summary>> + use<> {
        let mut all = self.stored();
        all.retain(|object| object.name().0 == namespace);
        all.into_iter().map(|object| object.summary())
    }

    /// All of them, as they are kept.
    pub(crate) fn stored(&self) -> Vec<StoredSummary> {
        self.watched.lock().stored()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.watched.lock().count()
    }

    /// How many there are of each kind, of each project that objects refer to.
    pub fn counts(&self) -> Vec<(ProjectKey, ObjectCounts)> {
        let by_project = self.by_project.lock();
        let all: Vec<_> = by_project
            .iter()
            .map(|(key, objects)| (key.clone(), objects.clone()))
            .collect();
        drop(by_project);
        let all = all.into_iter();
        all.filter(|(_, objects)| !objects.is_empty())
            .map(|(key, objects)| (key, objects.counts()))
            .collect()
    }

    /// Those that lost an account to another object, and can have it.
    pub fn in_conflict(&self) -> Vec<StoredSummary> {
        let all: Vec<Objects> = self.by_project.lock().values().cloned().collect();
        all.iter().flat_map(Objects::in_conflict).collect()
    }

    /// Those of them that may have lost it to that other one, as it was.
    fn in_conflict_with(&self, other: &Summary) -> Vec<StoredSummary> {
        let all: Vec<Objects> = self.by_project.lock().values().cloned().collect();
        let all = all.iter();
        all.flat_map(|objects| objects.in_conflict_with(other))
            .collect()
    }
}

#[cfg(test)]
mod tests;
