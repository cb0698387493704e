//! All objects that are watched, and the project that each of them belongs to.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use kube::runtime::{
    reflector::{ObjectRef, Store},
    watcher::Event,
};
use parking_lot::Mutex;

use super::{ObjectCounts, Objects, PackedObject, WatchDelta};
use crate::{plan::Flags, projects::ProjectKey};

/// The objects of all projects as the watch has them. Cheap to clone.
#[derive(Clone)]
pub struct AllObjects {
    store: Store<PackedObject>,
    by_project: Arc<Mutex<HashMap<ProjectKey, Objects>>>,
    /// What decisions depend on, but for what each project says of itself.
    flags: Arc<Flags>,
    incomplete: Arc<AtomicBool>,
}

impl AllObjects {
    /// The objects of that store. Each event that the store takes in must be given to
    /// [`AllObjects::apply_event`] too.
    pub fn new(store: Store<PackedObject>, flags: Flags) -> Self {
        Self {
            store,
            by_project: Arc::default(),
            flags: Arc::new(flags),
            incomplete: Arc::default(),
        }
    }

    /// The objects of one project, of which there need be none.
    pub fn of_project(&self, key: &ProjectKey) -> Objects {
        let mut by_project = self.by_project.lock();
        if let Some(objects) = by_project.get(key) {
            return objects.clone();
        }
        let flags = Flags {
            project: key.reference().to_string(),
            ..Flags::clone(&self.flags)
        };
        let objects = Objects::new(flags, Arc::clone(&self.incomplete));
        by_project.insert(key.clone(), objects.clone());
        objects
    }

    /// Forgets a project that no object refers to.
    pub fn forget_project(&self, key: &ProjectKey) {
        let mut by_project = self.by_project.lock();
        if by_project.get(key).is_some_and(Objects::is_empty) {
            by_project.remove(key);
        }
    }

    /// Takes note of an event that the store has taken in.
    ///
    /// # Guarantees
    /// What is known of an object follows from its last version alone, however it became known: by a list,
    /// by a change, or by a list after a change.
    pub fn apply_event(&self, event: &Event<PackedObject>) -> WatchDelta {
        match event {
            Event::Init | Event::InitApply(_) => WatchDelta::default(),
            Event::InitDone => self.reset(),
            Event::Apply(object) => {
                let Some(object) = self.store.get(&ObjectRef::from_obj(object)) else {
                    return WatchDelta::default();
                };
                let key = object.project();
                let mut delta = self.of_project(&key).apply(object.clone());
                // One that was made anew under its name may refer to another project.
                for (_, objects) in self.others(&key) {
                    delta.claims_less |= objects.remove(&object);
                }
                if delta.claims_less {
                    delta.changed.extend(self.in_conflict());
                }
                delta
            }
            Event::Delete(object) => {
                // Who lost against it is looked for by whoever follows the watch.
                self.of_project(&object.project()).remove(object);
                WatchDelta::default()
            }
        }
    }

    /// Takes everything from the store anew.
    fn reset(&self) -> WatchDelta {
        let mut by_key: HashMap<ProjectKey, Vec<Arc<PackedObject>>> = HashMap::new();
        for object in self.store.state() {
            by_key.entry(object.project()).or_default().push(object);
        }
        for key in self.by_project.lock().keys() {
            by_key.entry(key.clone()).or_default();
        }
        let mut delta = WatchDelta::default();
        for (key, objects) in by_key {
            delta.add(self.of_project(&key).reset(objects));
        }
        delta
    }

    fn others(&self, key: &ProjectKey) -> Vec<(ProjectKey, Objects)> {
        let by_project = self.by_project.lock();
        let others = by_project.iter().filter(|(other, _)| {
            *other != key && (other.namespace.is_none() || other.namespace == key.namespace)
        });
        others
            .map(|(key, objects)| (key.clone(), objects.clone()))
            .collect()
    }

    /// Says whether these are all objects that there are: false while a watched namespace has not been shown
    /// since the start. They are, where nothing is said.
    pub fn set_complete(&self, complete: bool) {
        self.incomplete.store(!complete, Ordering::Relaxed);
    }

    /// All of them, as they are packed.
    pub fn packed(&self) -> Vec<Arc<PackedObject>> {
        self.store.state()
    }

    /// References to all of them.
    pub fn refs(&self) -> impl Iterator<Item = ObjectRef<PackedObject>> + use<> {
        let all = self.store.state().into_iter();
        all.map(|packed| ObjectRef::from_obj(&*packed))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.store.len()
    }

    /// How many there are of each kind.
    pub fn counts(&self) -> ObjectCounts {
        let all: Vec<Objects> = self.by_project.lock().values().cloned().collect();
        let mut counts = ObjectCounts::default();
        for objects in all {
            counts.merge(&objects.counts());
        }
        counts
    }

    /// Those that lost an account to another object, and can have it.
    pub fn in_conflict(&self) -> Vec<ObjectRef<PackedObject>> {
        let all: Vec<Objects> = self.by_project.lock().values().cloned().collect();
        all.iter().flat_map(Objects::in_conflict).collect()
    }
}
