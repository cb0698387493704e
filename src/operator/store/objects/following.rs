//! The objects of a project follow the watch, and our own writes.

use std::sync::Arc;

use super::{Objects, WatchDelta};
use crate::store::{StoredSummary, Summary};

impl Objects {
    /// Takes in an object as the watch has brought it.
    pub(in crate::store) fn apply(
        &self,
        object: &Arc<Summary>,
        stored: StoredSummary,
    ) -> WatchDelta {
        self.activity.note();
        let (settings, mut index) = self.lock();
        let flags = &*settings.flags;
        let mut delta = WatchDelta::default();
        let object_key = index.object_key(&object.namespace, &object.name);
        let known = index.take_out(object_key, flags);
        delta.is_new = known.is_none();
        let claims = known.as_ref().map(|known| index.claims(known, flags));
        let now = index.claims(object, flags);
        index.put(known.as_deref(), object, stored, flags, &mut delta);
        let claims_less = claims.is_some_and(|before| !before.is_subset(&now));
        delta.released.extend(known.filter(|_| claims_less));
        delta
    }

    /// Takes out an object that is not of this project, or not there, any more, and tells what was known of it.
    pub(in crate::store) fn remove(&self, object: &Summary) -> Option<Arc<Summary>> {
        let (settings, mut index) = self.lock();
        let flags = &*settings.flags;
        let object_key = index.object_key(&object.namespace, &object.name);
        index.written.remove(&object_key);
        let known = index.take_out(object_key, flags);
        if known.is_some() {
            self.activity.note();
        }
        known
    }

    /// Takes in all objects that there are, in place of those that are known.
    pub(in crate::store) fn reset(&self, objects: Vec<StoredSummary>) -> WatchDelta {
        let (settings, mut index) = self.lock();
        let flags = &*settings.flags;
        let mut delta = WatchDelta::default();
        let mut former = std::mem::take(&mut *index);
        index.hasher.clone_from(&former.hasher);
        index.writing.clone_from(&former.writing);
        index.written.clone_from(&former.written);
        for stored in objects {
            let object = stored.summary();
            let object_key = former.object_key(&object.namespace, &object.name);
            let known = former.known(object_key);
            index.put(known.as_deref(), &object, stored, flags, &mut delta);
        }
        let index = &mut *index;
        index.keep_conclusions(&mut former);
        (index.written).retain(|object_key, _| index.objects.contains_key(object_key));
        if !delta.changed.is_empty() || index.objects.len() != former.objects.len() {
            self.activity.note();
        }
        delta
    }
}
