//! What many objects have in common is kept once: their namespace, their toolkit, their project.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use parking_lot::Mutex;

/// Below so many values it is not looked which of them are used.
const MIN_TIDY: usize = 64;

/// Values by themselves, as they are kept. Those that nothing uses any more are forgotten before there are twice as many
/// as were used the last time.
pub(super) struct SharedValues<T: ?Sized>(Mutex<Inner<T>>);

struct Inner<T: ?Sized> {
    values: HashSet<Arc<T>>,
    tidy_at: usize,
}

impl<T: ?Sized + Hash + Eq> SharedValues<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner {
            values: HashSet::new(),
            tidy_at: MIN_TIDY,
        }))
    }

    /// The value as it is kept; one that is not kept yet is made by that.
    pub(super) fn get(&self, value: &T, make: impl FnOnce(&T) -> Arc<T>) -> Arc<T> {
        let mut inner = self.0.lock();
        if let Some(known) = inner.values.get(value) {
            return Arc::clone(known);
        }
        if inner.values.len() >= inner.tidy_at {
            inner.values.retain(|known| Arc::strong_count(known) > 1);
            inner.tidy_at = MIN_TIDY.max(2 * inner.values.len());
            let room = inner.tidy_at;
            inner.values.shrink_to(room);
        }
        let value = make(value);
        inner.values.insert(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_used_is_kept_once_and_one_that_is_not_is_forgotten() {
        let shared = SharedValues::<str>::new();
        let get = |text: &str| shared.get(text, |text| text.into());
        let used: Vec<_> = (0..200).map(|n| get(&format!("used-{n}"))).collect();
        for n in 0..10_000 {
            get(&format!("not-used-{n}"));
            assert!(shared.0.lock().values.len() <= 2 * used.len());
        }
        for (n, one) in used.iter().enumerate() {
            assert!(Arc::ptr_eq(one, &get(&format!("used-{n}"))));
        }
        drop(used);
        for n in 0..10_000 {
            get(&format!("not-used-{n}"));
        }
        assert!(shared.0.lock().values.len() <= MIN_TIDY);
    }
}
