//! The objects that lost an account to another one.

use kube::runtime::reflector::ObjectRef;

use super::{Index, Objects};
use crate::store::{PackedObject, StoredSummary, Summary};

impl Objects {
    /// Those that lost an account to another object, and can have it.
    pub fn in_conflict(&self) -> Vec<ObjectRef<PackedObject>> {
        self.index.lock().in_conflict()
    }

    /// Those of them that may have lost it to that other one, as it was.
    pub(in crate::store) fn in_conflict_with(
        &self,
        other: &Summary,
    ) -> Vec<ObjectRef<PackedObject>> {
        // Each is read without the lock: whoever writes objects decides how many there are.
        let all = self.index.lock().losers();
        let all = all.into_iter().map(|object| object.summary());
        all.filter(|loser| loser.is_readable() && loser.may_mean_the_same(other))
            .map(|loser| loser.reference())
            .collect()
    }
}

impl Index {
    /// Those that lost an account to another object, as they are kept.
    fn losers(&self) -> Vec<StoredSummary> {
        let all = self.in_conflict.iter();
        all.filter_map(|key| self.objects.get(key).cloned())
            .collect()
    }

    fn in_conflict(&self) -> Vec<ObjectRef<PackedObject>> {
        self.refs(&self.in_conflict).collect()
    }
}
