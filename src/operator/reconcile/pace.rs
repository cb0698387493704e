//! How often the objects of a project may ask for more than they are due, so that no namespace has what all of them
//! share. Pure: time is an argument.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::capacity::shrink;

/// So many times the shortest wait after a failure is a round: with what is shipped it is a minute.
const ROUND: u32 = 12;
/// So many looks of a round are free to a namespace. Beyond them an object has one a round, and none while another
/// namespace that has had less is put off.
const LOOKS: usize = 20;
/// So many accounts and links of a round a namespace may ask for while another one that has had less is put off.
const POSTS: usize = 10;

/// What the namespaces of one project have asked for of late. Each is forgotten after a round.
#[derive(Default)]
pub struct Pace(Mutex<Namespaces>);

#[derive(Default)]
struct Namespaces {
    by_name: HashMap<String, Asked>,
    tidied: Option<Instant>,
    hasher: RandomState,
}

/// What one namespace has asked for.
#[derive(Default)]
struct Asked {
    looks: VecDeque<Instant>,
    posts: VecDeque<Instant>,
    /// When each object had its last look, by a hash of its uid.
    objects: HashMap<u64, Instant>,
    /// When the rate limit was last kept for others.
    put_off: Option<Instant>,
}

impl Asked {
    fn forget_times(&mut self, round: Duration, now: Instant) {
        for times in [&mut self.looks, &mut self.posts] {
            while times.front().is_some_and(|at| *at + round <= now) {
                times.pop_front();
            }
        }
    }

    fn forget(&mut self, round: Duration, now: Instant) {
        self.forget_times(round, now);
        self.objects.retain(|_, at| now < *at + round);
        self.put_off = self.put_off.filter(|at| now < *at + round);
    }

    /// How much it has had within a round.
    fn had(&self, round: Duration, now: Instant) -> usize {
        let times = self.looks.iter().chain(&self.posts);
        times.filter(|at| now < **at + round).count()
    }

    fn is_empty(&self) -> bool {
        self.looks.is_empty()
            && self.posts.is_empty()
            && self.objects.is_empty()
            && self.put_off.is_none()
    }
}

impl Namespaces {
    /// Forgets what is over, once a round.
    fn tidy(&mut self, round: Duration, now: Instant) {
        if self.tidied.is_some_and(|at| now < at + round) {
            return;
        }
        self.tidied = Some(now);
        self.by_name.retain(|_, asked| {
            asked.forget(round, now);
            !asked.is_empty()
        });
        shrink(&mut self.by_name, 0);
    }

    /// The namespace as it is after what is over was forgotten, and whether another one has been put off that has had
    /// less.
    fn at(&mut self, name: &str, round: Duration, now: Instant) -> (&mut Asked, bool) {
        self.tidy(round, now);
        let had = self.by_name.get(name).map(|asked| asked.had(round, now));
        let had = had.unwrap_or_default();
        let others_wait = self.by_name.values().any(|asked| {
            asked.put_off.is_some_and(|at| now < at + round) && asked.had(round, now) < had
        });
        let asked = self.by_name.entry(name.to_owned()).or_default();
        asked.forget_times(round, now);
        (asked, others_wait)
    }
}

impl Pace {
    /// Whether an object that asks for it, by its declaration, an annotation or its Secret, may be looked at now.
    /// `shortest` is the shortest time between two of its looks.
    ///
    /// # Errors
    /// How long to wait. What is asked for meanwhile is asked for once.
    pub(super) fn look(
        &self,
        namespace: &str,
        uid: &str,
        shortest: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        let round = shortest * ROUND;
        let mut namespaces = self.0.lock();
        let object = namespaces.hasher.hash_one(uid);
        let (asked, others_wait) = namespaces.at(namespace, round, now);
        let last = asked.objects.get(&object);
        if let Some(next) = last.map(|last| *last + shortest)
            && now < next
        {
            return Err(next - now);
        }
        let had_one = last.is_some_and(|last| now < *last + round);
        if asked.looks.len() >= LOOKS && (had_one || others_wait) {
            return Err(until_next(&asked.looks, LOOKS, round, now));
        }
        asked.looks.push_back(now);
        asked.objects.insert(object, now);
        Ok(())
    }

    /// Whether an account or a link may be asked for now.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn post(
        &self,
        namespace: &str,
        shortest: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        let round = shortest * ROUND;
        let mut namespaces = self.0.lock();
        let (asked, others_wait) = namespaces.at(namespace, round, now);
        if asked.posts.len() >= POSTS && others_wait {
            return Err(until_next(&asked.posts, POSTS, round, now));
        }
        asked.posts.push_back(now);
        Ok(())
    }

    /// Forgets what is over, also where nobody asks for anything any more.
    pub(crate) fn tidy(&self, shortest: Duration, now: Instant) {
        self.0.lock().tidy(shortest * ROUND, now);
    }

    /// Takes note that the rate limit is kept for others: they are not to use more of it than their part.
    pub(super) fn put_off(&self, namespace: &str, shortest: Duration, now: Instant) {
        let mut namespaces = self.0.lock();
        let (asked, _) = namespaces.at(namespace, shortest * ROUND, now);
        asked.put_off = Some(now);
    }
}

/// When fewer than so many of these are within a round.
fn until_next(times: &VecDeque<Instant>, most: usize, round: Duration, now: Instant) -> Duration {
    let last = times.len().checked_sub(most).and_then(|at| times.get(at));
    let until = last.map(|at| (*at + round).saturating_duration_since(now));
    until.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: Duration = Duration::from_secs(5);

    struct Bench {
        pace: Pace,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                pace: Pace::default(),
                start: Instant::now(),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        /// For how many seconds the look has to wait.
        fn look(&self, namespace: &str, uid: &str, at: u64) -> u64 {
            let looked = self.pace.look(namespace, uid, SHORTEST, self.at(at));
            looked.map_or_else(|wait| wait.as_secs(), |()| 0)
        }

        fn post(&self, namespace: &str, at: u64) -> u64 {
            let posted = self.pace.post(namespace, SHORTEST, self.at(at));
            posted.map_or_else(|wait| wait.as_secs(), |()| 0)
        }

        fn put_off(&self, namespace: &str, at: u64) {
            self.pace.put_off(namespace, SHORTEST, self.at(at));
        }
    }

    #[test]
    fn an_object_has_one_look_in_five_seconds() {
        let bench = Bench::new();
        assert_eq!(bench.look("a", "1", 0), 0);
        assert_eq!(bench.look("a", "1", 1), 4);
        assert_eq!(bench.look("a", "2", 1), 0, "another one does not wait");
        assert_eq!(bench.look("a", "1", 5), 0);
    }

    #[test]
    fn whoever_asks_again_and_again_has_twenty_looks_a_minute() {
        let bench = Bench::new();
        let mut looks = Vec::new();
        for second in 0..300 {
            for uid in ["1", "2", "3", "4"] {
                if bench.look("loop", uid, second) == 0 {
                    looks.push(second);
                }
            }
        }
        for minute in 0..240 {
            let within = looks.iter();
            let within = within.filter(|at| (minute..minute + 60).contains(*at));
            assert!(within.count() <= LOOKS);
        }
        assert_eq!(looks.len(), 5 * LOOKS, "and not fewer");
        assert_eq!(bench.look("other", "5", 299), 0);
    }

    #[test]
    fn a_change_of_a_thousand_objects_waits_only_while_others_do() {
        let bench = Bench::new();
        for n in 0..1000 {
            assert_eq!(bench.look("a", &n.to_string(), 0), 0);
        }
        assert_eq!(bench.look("a", "7", 30), 30, "that one had its look");
        bench.put_off("b", 30);
        assert_eq!(bench.look("a", "new", 31), 29);
        assert_eq!(bench.look("a", "new", 60), 0, "the thousand are over");
    }

    #[test]
    fn accounts_are_made_at_any_pace_until_another_namespace_is_put_off() {
        let bench = Bench::new();
        for _ in 0..100 {
            assert_eq!(bench.post("a", 0), 0);
        }
        bench.put_off("a", 1);
        assert_eq!(bench.post("a", 1), 0, "it is in nobody's way");
        bench.put_off("b", 2);
        assert_eq!(bench.post("a", 2), 58);
        for _ in 0..20 {
            assert_eq!(bench.post("b", 3), 0, "that one has had less");
        }
        assert_eq!(bench.post("a", 62), 0, "nobody waits any more");
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let bench = Bench::new();
        for n in 0..1000 {
            let namespace = n.to_string();
            bench.look(&namespace, "1", n);
            bench.put_off(&namespace, n);
        }
        assert!(bench.pace.0.lock().by_name.len() <= 2 * 60);
        bench.pace.tidy(SHORTEST, bench.at(2000));
        assert_eq!(bench.pace.0.lock().by_name.capacity(), 0, "nor its room");
    }
}
