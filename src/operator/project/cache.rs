//! What was read of auth configs, for a while and for as many names as are in use. The names come from objects,
//! so whoever writes objects decides how many there are.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::composio::error::Error;

/// The most names of which anything is remembered. What is forgotten is read again, once.
const MOST: usize = 1000;

/// What was read, by name.
pub(super) struct Cache<T> {
    lifetime: Duration,
    by_name: Mutex<HashMap<String, Cached<T>>>,
}

/// What was read and when. One lock an entry: who asks for the same at the same time waits for the one
/// call instead of making another, also where it fails.
struct Cached<T> {
    entry: Arc<tokio::sync::Mutex<Remembered<T>>>,
    /// When it was asked for last.
    asked: Instant,
}

struct Remembered<T> {
    read: Option<(Instant, T)>,
    /// When the last read began that failed.
    failed: Option<(Instant, Error)>,
}

impl<T: Clone> Cache<T> {
    /// What is older than the lifetime is not remembered.
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            by_name: Mutex::default(),
        }
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(super) fn clear(&self) {
        self.by_name.lock().clear();
    }

    /// What is remembered of a name and not older than that, or else what `read` brings. `now` tells the time.
    pub(super) async fn get(
        &self,
        name: &str,
        oldest: Duration,
        now: impl Fn() -> Instant,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let asked = Instant::now();
        let entry = self.entry(name, now());
        let mut entry = entry.lock().await;
        if let Some((read_at, value)) = entry.read.as_ref()
            && now().saturating_duration_since(*read_at) < oldest
        {
            return Ok(value.clone());
        }
        // Or each that waited would wait for a failure of its own, one after the other.
        if let Some((began, error)) = entry.failed.as_ref()
            && *began >= asked
        {
            return Err(error.clone());
        }
        let began = Instant::now();
        match read.await {
            Ok(value) => {
                entry.read = Some((now(), value.clone()));
                entry.failed = None;
                Ok(value)
            }
            Err(error) => {
                entry.failed = Some((began, error.clone()));
                Err(error)
            }
        }
    }

    fn entry(&self, name: &str, now: Instant) -> Arc<tokio::sync::Mutex<Remembered<T>>> {
        let mut by_name = self.by_name.lock();
        if let Some(cached) = by_name.get_mut(name) {
            cached.asked = now;
            return Arc::clone(&cached.entry);
        }
        if by_name.len() >= MOST {
            self.make_room(&mut by_name, now);
        }
        let entry = Arc::new(tokio::sync::Mutex::new(Remembered {
            read: None,
            failed: None,
        }));
        let cached = Cached {
            entry: Arc::clone(&entry),
            asked: now,
        };
        by_name.insert(name.to_owned(), cached);
        entry
    }

    /// Forgets what nobody has asked for since it would have to be read again; where that is too little, half of
    /// the rest, those first that were not asked for longest.
    fn make_room(&self, by_name: &mut HashMap<String, Cached<T>>, now: Instant) {
        by_name.retain(|_, one| now.saturating_duration_since(one.asked) < self.lifetime);
        if by_name.len() < MOST {
            return;
        }
        let mut asked: Vec<Instant> = by_name.values().map(|one| one.asked).collect();
        let (_, middle, _) = asked.select_nth_unstable(MOST / 2);
        let middle = *middle;
        let mut left = MOST / 2;
        by_name.retain(|_, one| {
            let stays = one.asked >= middle && left > 0;
            left -= usize::from(stays);
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(600);

    /// A cache, what time it is, and how often something was read.
    struct Timed {
        cache: Cache<usize>,
        now: Cell<Instant>,
        reads: Cell<usize>,
    }

    impl Timed {
        fn new() -> Self {
            Self {
                cache: Cache::new(LIFETIME),
                now: Cell::new(Instant::now()),
                reads: Cell::new(0),
            }
        }

        fn wait(&self, time: Duration) {
            self.now.set(self.now.get() + time);
        }

        async fn get(&self, name: &str) -> usize {
            let read = async {
                self.reads.set(self.reads.get() + 1);
                Ok(self.reads.get())
            };
            let got = self.cache.get(name, LIFETIME, || self.now.get(), read);
            got.await.expect("it is read")
        }

        fn size(&self) -> usize {
            self.cache.by_name.lock().len()
        }
    }

    #[tokio::test]
    async fn what_is_too_old_is_read_again() {
        let timed = Timed::new();
        assert_eq!(timed.get("a").await, 1);
        timed.wait(LIFETIME - Duration::from_secs(1));
        assert_eq!(timed.get("a").await, 1);
        timed.wait(Duration::from_secs(1));
        assert_eq!(timed.get("a").await, 2);
    }

    #[tokio::test]
    async fn names_without_end_are_not_all_remembered_and_one_in_use_is() {
        let timed = Timed::new();
        for n in 0..10 * MOST {
            timed.get(&format!("name-{n}")).await;
            timed.get("in use").await;
            timed.wait(Duration::from_millis(1));
            assert!(timed.size() <= MOST, "{} names", timed.size());
        }
        assert_eq!(timed.reads.get(), 10 * MOST + 1);
        // All at one moment: there is no order, and still a bound.
        for n in 0..2 * MOST {
            timed.get(&format!("other-{n}")).await;
            assert!(timed.size() <= MOST, "{} names", timed.size());
        }
        timed.wait(LIFETIME);
        for n in 0..MOST {
            timed.get(&format!("later-{n}")).await;
        }
        assert!(timed.size() <= MOST);
    }
}
