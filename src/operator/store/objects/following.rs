//! The objects of a project follow the watch, and our own writes.

use std::sync::Arc;

use kube::Resource;

use super::{Index, Objects, WatchDelta};
use crate::store::{StoredSummary, Summary};

impl Objects {
    /// Takes in an object as the watch has brought it.
    pub(in crate::store) fn apply(
        &self,
        object: &Arc<Summary>,
        stored: StoredSummary,
    ) -> WatchDelta {
        self.activity.note();
        let flags = self.flags();
        let mut index = self.index.lock();
        let mut delta = WatchDelta::default();
        let object_key = index.object_key(&object.namespace, &object.name);
        let known = index.take_out(object_key, &flags);
        delta.is_new = known.is_none();
        let claims = known.as_ref().map(|known| index.claims(known, &flags));
        let now = index.claims(object, &flags);
        index.put(known.as_deref(), object, stored, &flags, &mut delta);
        let claims_less = claims.is_some_and(|before| !before.is_subset(&now));
        delta.released.extend(known.filter(|_| claims_less));
        delta
    }

    /// Takes out an object that is not of this project, or not there, any more, and tells what was known of it.
    pub(in crate::store) fn remove(&self, object: &Summary) -> Option<Arc<Summary>> {
        let flags = self.flags();
        let mut index = self.index.lock();
        let object_key = index.object_key(&object.namespace, &object.name);
        index.written.remove(&object_key);
        let known = index.take_out(object_key, &flags);
        if known.is_some() {
            self.activity.note();
        }
        known
    }

    /// Takes in all objects that there are, in place of those that are known.
    pub(in crate::store) fn reset(&self, objects: Vec<StoredSummary>) -> WatchDelta {
        let flags = self.flags();
        let mut index = self.index.lock();
        let mut delta = WatchDelta::default();
        let mut former = std::mem::take(&mut *index);
        index.hasher.clone_from(&former.hasher);
        index.writing.clone_from(&former.writing);
        index.written.clone_from(&former.written);
        for stored in objects {
            let object = stored.summary();
            let object_key = former.object_key(&object.namespace, &object.name);
            let known = former.known(object_key);
            index.put(known.as_deref(), &object, stored, &flags, &mut delta);
        }
        let index = &mut *index;
        index.keep_conclusions(&mut former);
        (index.written).retain(|object_key, _| index.objects.contains_key(object_key));
        if !delta.changed.is_empty() || index.objects.len() != former.objects.len() {
            self.activity.note();
        }
        delta
    }

    /// Says that the status of an object is being written: the event of it is no change by somebody else.
    pub fn begin_write(&self, object: &impl Resource) {
        let mut index = self.index.lock();
        let object_key = index.key_of(object);
        index.writing.insert(object_key);
    }

    /// Says that the write has ended, and which version it made, if it made one.
    pub fn end_write(&self, object: &impl Resource, version: Option<String>) {
        let mut index = self.index.lock();
        let object_key = index.key_of(object);
        index.writing.remove(&object_key);
        let known = index.known(object_key);
        // Of one that is gone by now no event will come.
        let is_to_come =
            known.is_some_and(|known| known.resource_version.as_deref() != version.as_deref());
        if let Some(version) = version.filter(|_| is_to_come) {
            index.written.insert(object_key, version);
        }
    }
}

impl Index {
    fn key_of(&self, object: &impl Resource) -> u64 {
        let metadata = object.meta();
        let [namespace, name] =
            [&metadata.namespace, &metadata.name].map(|one| one.as_deref().unwrap_or_default());
        self.object_key(namespace, name)
    }
}
