//! The objects that lost an account to another one.

use super::Objects;
use crate::store::{StoredSummary, Summary};

impl Objects {
    /// Those that lost an account to another object, and can have it.
    pub fn in_conflict(&self) -> Vec<StoredSummary> {
        self.losers(|_| true)
    }

    /// Those of them that may have lost it to that other one, as it was.
    pub(in crate::store) fn in_conflict_with(&self, other: &Summary) -> Vec<StoredSummary> {
        self.losers(|loser| loser.may_mean_the_same(other))
    }

    /// Each is read without the lock: whoever writes objects decides how many there are.
    fn losers(&self, is_meant: impl Fn(&Summary) -> bool) -> Vec<StoredSummary> {
        let index = self.index.lock();
        let all = index.in_conflict.iter();
        let all = all.filter_map(|key| index.objects.get(key).cloned());
        let mut all: Vec<_> = all.collect();
        drop(index);
        all.retain(|object| {
            let object = object.summary();
            object.is_readable() && is_meant(&object)
        });
        all
    }
}
