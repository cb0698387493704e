//! Objects by something that they have in common, so that nobody who asks for few has all of them gone through.

use std::{cmp::Ordering, collections::BTreeSet, sync::Arc};

use crate::connect::account::Account;

/// Objects by a hash of a text of theirs: half of it finds them, and the text itself is compared for those alone.
#[derive(Default)]
pub(super) struct Index(BTreeSet<Place>);

/// An object under a hash; without one it comes before all of that hash.
struct Place {
    hash: u32,
    account: Option<Arc<Account>>,
}

impl Index {
    pub(super) fn insert(&mut self, hash: u32, account: &Arc<Account>) {
        self.0.insert(Place::of(hash, account));
    }

    pub(super) fn remove(&mut self, hash: u32, account: &Arc<Account>) {
        self.0.remove(&Place::of(hash, account));
    }

    /// Those under that hash, in the order of their keys.
    pub(super) fn get(&self, hash: u32) -> impl Iterator<Item = &Arc<Account>> {
        let first = Place {
            hash,
            account: None,
        };
        let from = self.0.range(first..);
        from.take_while(move |place| place.hash == hash)
            .filter_map(|place| place.account.as_ref())
    }
}

impl Place {
    fn of(hash: u32, account: &Arc<Account>) -> Self {
        Self {
            hash,
            account: Some(Arc::clone(account)),
        }
    }

    fn key(&self) -> (u32, Option<&str>) {
        (
            self.hash,
            self.account.as_ref().map(|account| account.key()),
        )
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Place {}
