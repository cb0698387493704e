//! The objects that lost an account to another one.

use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;

use super::Objects;
use crate::store::{PackedObject, Summary};

impl Objects {
    /// Those that lost an account to another object, and can have it.
    pub fn in_conflict(&self) -> Vec<ObjectRef<PackedObject>> {
        self.losers().map(|loser| loser.reference()).collect()
    }

    /// Those of them that may have lost it to that other one, as it was.
    pub(in crate::store) fn in_conflict_with(
        &self,
        other: &Summary,
    ) -> Vec<ObjectRef<PackedObject>> {
        self.losers()
            .filter(|loser| loser.may_mean_the_same(other))
            .map(|loser| loser.reference())
            .collect()
    }

    /// Each is read without the lock: whoever writes objects decides how many there are.
    fn losers(&self) -> impl Iterator<Item = Arc<Summary>> + use<> {
        let index = self.index.lock();
        let all = index.in_conflict.iter();
        let all = all.filter_map(|key| index.objects.get(key).cloned());
        let all: Vec<_> = all.collect();
        let all = all.into_iter().map(|object| object.summary());
        all.filter(|object| object.is_readable())
    }
}
