//! Pages that are held back until they have something new to show. They are few, for each object and in all: one address
//! must not take the page from everybody else.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Of one object. Beyond that its pages are shown at once, and come back by themselves.
const OF_OBJECT: usize = 4;
/// Of all objects.
const OF_ALL: usize = 128;

/// The pages that are held back.
pub(super) struct Holds {
    held: Mutex<Held>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Held {
    all: usize,
    /// By the uid of the object.
    of: HashMap<String, usize>,
}

/// Room for one page, for as long as it is held back.
pub(super) struct Hold<'a> {
    holds: &'a Holds,
    uid: String,
}

impl Holds {
    /// Until `stop` is cancelled: a page that is shown then comes back to a replica that stays.
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self {
            held: Mutex::default(),
            stop,
        }
    }

    /// Whether none is held back any more.
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Told when none is held back any more.
    pub(super) async fn over(&self) {
        self.stop.cancelled().await;
    }

    /// Room for a page of the object with that uid; `None`: it is shown as it is.
    pub(super) fn take(&self, uid: &str) -> Option<Hold<'_>> {
        let mut held = self.held.lock();
        let of = held.of.get(uid).copied().unwrap_or_default();
        if self.is_over() || held.all >= OF_ALL || of >= OF_OBJECT {
            return None;
        }
        held.all += 1;
        held.of.insert(uid.to_owned(), of + 1);
        Some(Hold {
            holds: self,
            uid: uid.to_owned(),
        })
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut held = self.holds.held.lock();
        held.all = held.all.saturating_sub(1);
        if let Some(of) = held.of.get_mut(&self.uid) {
            *of = of.saturating_sub(1);
            if *of == 0 {
                held.of.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pages_of_one_object_are_held_back_and_not_many_in_all() {
        let holds = Holds::new(CancellationToken::new());
        let mut held: Vec<_> = (0..OF_OBJECT).map(|_| holds.take("mail")).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(holds.take("mail").is_none(), "of one object");
        let others: Vec<_> = (OF_OBJECT..OF_ALL)
            .map(|n| holds.take(&n.to_string()))
            .collect();
        assert!(others.iter().all(Option::is_some));
        assert!(holds.take("other").is_none(), "of all");
        drop(held.pop());
        assert!(holds.take("mail").is_some(), "one has ended");
        drop((held, others));
        {
            let left = holds.held.lock();
            assert!(left.all == 0 && left.of.is_empty());
        }
        holds.stop.cancel();
        assert!(holds.take("mail").is_none(), "the process ends");
    }
}
