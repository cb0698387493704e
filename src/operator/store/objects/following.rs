//! The objects of a project follow the watch, and our own writes.

use std::sync::Arc;

use kube::{Resource, runtime::reflector::ObjectRef};

use super::{Objects, WatchDelta, counts_accounts};
use crate::store::PackedObject;

impl Objects {
    /// Takes in an object as the watch has brought it.
    pub(in crate::store) fn apply(&self, object: Arc<PackedObject>) -> WatchDelta {
        self.activity.note();
        let flags = self.flags();
        let mut index = self.index.lock();
        let mut delta = WatchDelta::default();
        let known = index.take_out(&object, &flags);
        delta.is_new = known.is_none();
        let claims = known.as_ref().map(|known| index.claims(known, &flags));
        let now = index.claims(&object, &flags);
        index.put(known, object, &flags, &mut delta);
        delta.claims_less = claims.is_some_and(|before| !before.is_subset(&now));
        delta
    }

    /// Takes out an object that is not of this project, or not there, any more. Tells whether it was.
    pub(in crate::store) fn remove(&self, object: &PackedObject) -> bool {
        let flags = self.flags();
        let mut index = self.index.lock();
        let object_key = index.object_key(object);
        index.written.remove(&object_key);
        let was_there = index.take_out(object, &flags).is_some();
        if was_there {
            self.activity.note();
        }
        was_there
    }

    /// Those that may have been too many beside an object that is gone.
    pub(in crate::store) fn that_may_have_room(
        &self,
        gone: &PackedObject,
    ) -> Vec<ObjectRef<PackedObject>> {
        match counts_accounts(&self.flags()) {
            true => self.index.lock().not_allowed_in(gone),
            false => Vec::new(),
        }
    }

    /// Takes in all objects that there are, in place of those that are known.
    pub(in crate::store) fn reset(&self, objects: Vec<Arc<PackedObject>>) -> WatchDelta {
        let flags = self.flags();
        let mut index = self.index.lock();
        let mut delta = WatchDelta::default();
        let former = std::mem::take(&mut *index);
        index.hasher.clone_from(&former.hasher);
        index.writing.clone_from(&former.writing);
        index.written.clone_from(&former.written);
        for object in objects {
            let known = former.objects.get(&former.object_key(&*object)).cloned();
            index.put(known, object, &flags, &mut delta);
        }
        let index = &mut *index;
        (index.written).retain(|object_key, _| index.objects.contains_key(object_key));
        if !delta.changed.is_empty() || index.objects.len() != former.objects.len() {
            self.activity.note();
        }
        delta
    }

    /// Says that the status of an object is being written: the event of it is no change by somebody else.
    pub fn begin_write(&self, object: &impl Resource) {
        let mut index = self.index.lock();
        let object_key = index.object_key(object);
        index.writing.insert(object_key);
    }

    /// Says that the write has ended, and which version it made, if it made one.
    pub fn end_write(&self, object: &impl Resource, version: Option<String>) {
        let mut index = self.index.lock();
        let object_key = index.object_key(object);
        index.writing.remove(&object_key);
        let known = index.objects.get(&object_key);
        // Of one that is gone by now no event will come.
        let is_to_come = known.is_some_and(|packed| packed.meta().resource_version != version);
        if let Some(version) = version.filter(|_| is_to_come) {
            index.written.insert(object_key, version);
        }
    }
}
