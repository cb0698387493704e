//! How long objects are left alone whose pass failed, and since when others wait for their turn. Pure: time
//! is an argument.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::Duration,
};

use kube::ResourceExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{crd::ConnectedAccount, report::RequeuePolicy, store::Summary};

/// A deferral is forgotten after this, unless the object comes again: it may have been deleted.
const MAX_DEFERRAL: Duration = Duration::from_secs(60 * 60);

/// The fewest entries at which those that are over are looked for.
const MIN_CAPACITY: usize = 64;

/// The objects that are left alone for a while.
///
/// No event says that an object is deleted, so each is forgotten some time after its wait is over. At most twice as
/// many are remembered as have failed, or were deferred, within that time.
#[derive(Default)]
pub struct Backoff {
    failing: Mutex<Recent<FailureRecord>>,
    deferred: Mutex<Recent<Deferral>>,
}

/// What is remembered of objects, by their uids.
struct Recent<T> {
    by_uid: HashMap<String, T>,
    /// Those that are over are looked for when there are so many: to look at all of them for each that is
    /// added would take the longer the more there are.
    most: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            by_uid: HashMap::new(),
            most: MIN_CAPACITY,
        }
    }
}

impl<T> Recent<T> {
    fn insert(&mut self, uid: &str, one: T, is_over: impl Fn(&T) -> bool) {
        if self.by_uid.len() >= self.most {
            self.by_uid.retain(|_, one| !is_over(one));
            self.most = MIN_CAPACITY.max(self.by_uid.len() * 2);
        }
        self.by_uid.insert(uid.to_owned(), one);
    }
}

/// An object in the version that a pass works on.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    uid: String,
    /// Of everything that a person may change to end a refusal.
    version: u64,
}

struct FailureRecord {
    version: u64,
    since: Instant,
    tried: Instant,
    until: Instant,
}

struct Deferral {
    version: u64,
    since: Instant,
}

/// What comes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryDelay {
    /// When to try again.
    pub(super) after: Duration,
    /// Whether it is the first failure since a pass that went through.
    pub(super) is_first: bool,
}

impl Attempt {
    /// Of an object that is still to be read.
    pub(super) fn to_read(known: &Summary) -> Self {
        let mut hasher = DefaultHasher::new();
        known.generation.hash(&mut hasher);
        known.is_deleting.hash(&mut hasher);
        known.requests.hash(&mut hasher);
        Self {
            uid: known.uid.as_deref().unwrap_or_default().to_owned(),
            version: hasher.finish(),
        }
    }

    pub(super) fn of(object: &ConnectedAccount) -> Self {
        let mut hasher = DefaultHasher::new();
        let metadata = &object.metadata;
        metadata.generation.hash(&mut hasher);
        metadata.deletion_timestamp.is_some().hash(&mut hasher);
        metadata.annotations.hash(&mut hasher);
        metadata.finalizers.hash(&mut hasher);
        Self {
            uid: object.uid().unwrap_or_default(),
            version: hasher.finish(),
        }
    }
}

impl Backoff {
    /// For how long the object is still to be left alone, whoever triggers it. One that was changed since is
    /// tried sooner: that may have helped.
    pub(super) fn left(
        &self,
        attempt: &Attempt,
        requeue_policy: RequeuePolicy,
        now: Instant,
    ) -> Option<Duration> {
        let failing = self.failing.lock();
        let failing = failing.by_uid.get(&attempt.uid)?;
        let until = match failing.version == attempt.version {
            true => failing.until,
            false => failing.until.min(failing.tried + requeue_policy.min),
        };
        let left = until.saturating_duration_since(now);
        (left > Duration::ZERO).then_some(left)
    }

    /// Takes note of a failure. The wait is as long as it has lasted; `lasted` is how long that is by the
    /// status, which a restart leaves as it is.
    pub(super) fn failed(
        &self,
        attempt: &Attempt,
        lasted: Duration,
        requeue_policy: RequeuePolicy,
        now: Instant,
    ) -> RetryDelay {
        let mut failing = self.failing.lock();
        let known = failing.by_uid.get(&attempt.uid);
        let (lasted, is_first) = match known {
            Some(known) => (now.saturating_duration_since(known.since), false),
            None => (lasted.min(requeue_policy.max), true),
        };
        let after = lasted.clamp(requeue_policy.min, requeue_policy.max);
        let next = FailureRecord {
            version: attempt.version,
            since: now.checked_sub(lasted).unwrap_or(now),
            tried: now,
            until: now + after,
        };
        failing.insert(&attempt.uid, next, |one| {
            one.until + requeue_policy.max <= now
        });
        RetryDelay { after, is_first }
    }

    /// Takes note of a pass that went through.
    pub(super) fn succeeded(&self, attempt: &Attempt) {
        self.failing.lock().by_uid.remove(&attempt.uid);
    }

    /// Takes note that the object is deferred, and returns since how long it has been.
    pub(super) fn defer(&self, attempt: &Attempt, now: Instant) -> Duration {
        let mut deferred = self.deferred.lock();
        let known = deferred.by_uid.get(&attempt.uid);
        if let Some(known) = known.filter(|known| known.version == attempt.version) {
            return now.saturating_duration_since(known.since);
        }
        let one = Deferral {
            version: attempt.version,
            since: now,
        };
        deferred.insert(&attempt.uid, one, |one| one.since + MAX_DEFERRAL <= now);
        Duration::ZERO
    }

    /// Takes note that the object is deferred no more.
    pub(super) fn admitted(&self, attempt: &Attempt) {
        self.deferred.lock().by_uid.remove(&attempt.uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RequeuePolicy = RequeuePolicy {
        min: Duration::from_secs(5),
        max: Duration::from_secs(600),
        slow: Duration::from_secs(600),
        secret: Duration::from_secs(300),
    };

    fn attempt(uid: &str, generation: i64) -> Attempt {
        let mut object = ConnectedAccount::default();
        object.metadata.uid = Some(uid.to_owned());
        object.metadata.generation = Some(generation);
        Attempt::of(&object)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let (backoff, one) = (Backoff::default(), attempt("a", 1));
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..10 {
            let next = backoff.failed(&one, Duration::ZERO, POLICY, now);
            assert_eq!(next.is_first, waits.is_empty());
            assert_eq!(backoff.left(&one, POLICY, now), Some(next.after));
            now += next.after;
            assert_eq!(backoff.left(&one, POLICY, now), None);
            waits.push(next.after.as_secs());
        }
        assert_eq!(waits, [5, 5, 10, 20, 40, 80, 160, 320, 600, 600]);
    }

    #[test]
    fn a_restart_goes_on_with_what_the_status_says() {
        let now = Instant::now();
        for (lasted, wait) in [(0, 5), (300, 300), (100_000, 600)] {
            let backoff = Backoff::default();
            let next = backoff.failed(&attempt("a", 1), seconds(lasted), POLICY, now);
            assert_eq!(next.after, seconds(wait));
        }
    }

    #[test]
    fn an_object_that_was_changed_is_tried_sooner_but_not_at_every_change() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(&attempt("a", 1), seconds(300), POLICY, now);
        let changed = attempt("a", 2);
        assert_eq!(backoff.left(&changed, POLICY, now), Some(seconds(5)));
        assert_eq!(backoff.left(&changed, POLICY, now + seconds(5)), None);
        let now = now + seconds(5);
        let next = backoff.failed(&changed, Duration::ZERO, POLICY, now);
        assert_eq!(next.after, seconds(305), "it has lasted as long as before");
        backoff.succeeded(&changed);
        assert_eq!(backoff.left(&changed, POLICY, now), None);
        let next = backoff.failed(&changed, Duration::ZERO, POLICY, now);
        assert_eq!(next.after, seconds(5));
    }

    #[test]
    fn objects_that_never_come_again_are_forgotten() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        for n in 0..100_000 {
            let now = now + seconds(n);
            let gone = attempt(&format!("gone-{n}"), 1);
            backoff.failed(&gone, Duration::ZERO, POLICY, now);
            backoff.defer(&gone, now);
        }
        // As many as came within the time that each is remembered, twice.
        let most = |time: Duration| 2 * usize::try_from(time.as_secs()).expect("few");
        assert!(backoff.failing.lock().by_uid.len() <= most(POLICY.min + POLICY.max));
        assert!(backoff.deferred.lock().by_uid.len() <= most(MAX_DEFERRAL));
    }

    #[test]
    fn who_is_put_off_waits_since_the_first_time() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        let one = attempt("a", 1);
        assert_eq!(backoff.defer(&one, now), Duration::ZERO);
        assert_eq!(backoff.defer(&one, now + seconds(4)), seconds(4));
        let changed = attempt("a", 2);
        assert_eq!(backoff.defer(&changed, now + seconds(6)), Duration::ZERO);
        backoff.admitted(&changed);
        assert_eq!(backoff.defer(&changed, now + seconds(9)), Duration::ZERO);
    }
}
