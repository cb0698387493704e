//! Which objects wait for a pass, since when or until when, and whose turn it is. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use crate::{
    capacity::shrink,
    metrics::QueueReading,
    store::PackedObject,
    turns::{Share, Turns},
};

/// The map of waiting objects does not shrink below this capacity.
const MIN_CAPACITY: usize = 256;

/// The objects that wait for a pass, or have one. There may be an entry for each object: its name is kept once.
///
/// # Guarantees
/// - Of one object there is one pass at a time. What is asked for meanwhile is due when it ends.
/// - Whatever is due first counts.
/// - The order of those that are due is that of [`Turns`].
pub(super) struct Schedule {
    entries: HashMap<Arc<Name>, Entry>,
    /// Those that are due later.
    later: BTreeSet<(Instant, Arc<Name>)>,
    turns: Turns<(Share, Arc<Name>)>,
}

struct Entry {
    share: Share,
    is_urgent: bool,
    state: State,
}

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    namespace: Option<Box<str>>,
    name: Box<str>,
}

enum State {
    /// It is due at that time.
    Later(Instant),
    /// It is, since then.
    Due(Instant),
    /// It has its pass, in a place of that share; the next one is due then.
    Running(Share, Option<Instant>),
}

impl Schedule {
    /// For so many passes at a time.
    pub(super) fn new(places: usize) -> Self {
        Self {
            entries: HashMap::new(),
            later: BTreeSet::new(),
            turns: Turns::new(places),
        }
    }

    /// Asks for a pass over an object.
    pub(super) fn ask(
        &mut self,
        object: &ObjectRef<PackedObject>,
        share: Share,
        is_urgent: bool,
        due: Instant,
        now: Instant,
    ) {
        let name = self.name(object);
        let entry = self.entries.entry(Arc::clone(&name)).or_insert(Entry {
            share,
            is_urgent,
            state: State::Later(due),
        });
        let becomes_urgent = is_urgent && !entry.is_urgent;
        if becomes_urgent || !matches!(entry.state, State::Due(_)) {
            (entry.is_urgent, entry.share) = (is_urgent, share);
        }
        match &mut entry.state {
            State::Running(_, again) => *again = Some(again.map_or(due, |again| again.min(due))),
            // It stands in both lines, and the first counts.
            State::Due(_) if becomes_urgent => self.turns.push(share, true, (share, name)),
            State::Due(_) => {}
            State::Later(known) => {
                let waited = (*known, name);
                self.later.remove(&waited);
                let (known, name) = waited;
                self.wait(name, due.min(known), now);
            }
        }
    }

    /// The next object whose turn it is, which has its pass from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<ObjectRef<PackedObject>> {
        while self.next_due().is_some_and(|due| due <= now)
            && let Some((due, name)) = self.later.pop_first()
        {
            self.wait(name, due, now);
        }
        loop {
            let (share, name) = self.turns.pop()?;
            match self.entries.get_mut(&name) {
                Some(entry) if entry.share == share && matches!(entry.state, State::Due(_)) => {
                    entry.state = State::Running(share, None);
                    return Some(name.object());
                }
                // It had its turn in another line.
                Some(_) | None => self.turns.release(share),
            }
        }
    }

    /// When the next one is due that is not yet.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first().map(|(due, _)| *due)
    }

    /// The pass over an object has ended, and the next one is due then, if at all.
    pub(super) fn ended(
        &mut self,
        object: &ObjectRef<PackedObject>,
        due: Option<Instant>,
        now: Instant,
    ) {
        let name = self.name(object);
        let Some(entry) = self.entries.get_mut(&name) else {
            return;
        };
        let State::Running(share, again) = entry.state else {
            return;
        };
        self.turns.release(share);
        match again.into_iter().chain(due).min() {
            Some(due) => self.wait(name, due, now),
            None => {
                self.entries.remove(&name);
                // After the start, hardly any object waits.
                shrink(&mut self.entries, MIN_CAPACITY);
            }
        }
    }

    /// How many objects wait for a pass that is due, and how long the first of them has.
    pub(super) fn reading(&self, now: Instant) -> QueueReading {
        let due = self.entries.values().filter_map(|entry| match entry.state {
            State::Later(due) | State::Due(due) => Some(due).filter(|due| *due <= now),
            State::Running(..) => None,
        });
        let (depth, oldest) = due.fold((0, now), |(depth, oldest), due| {
            (depth + 1, oldest.min(due))
        });
        QueueReading {
            depth,
            oldest: now.saturating_duration_since(oldest),
        }
    }

    fn wait(&mut self, name: Arc<Name>, due: Instant, now: Instant) {
        let Some(entry) = self.entries.get_mut(&name) else {
            return;
        };
        if due <= now {
            entry.state = State::Due(due);
            let (share, is_urgent) = (entry.share, entry.is_urgent);
            self.turns.push(share, is_urgent, (share, name));
        } else {
            entry.state = State::Later(due);
            self.later.insert((due, name));
        }
    }

    /// The name as it is kept, where there is an entry.
    fn name(&self, object: &ObjectRef<PackedObject>) -> Arc<Name> {
        let name = Name::of(object);
        match self.entries.get_key_value(&name) {
            Some((kept, _)) => Arc::clone(kept),
            None => Arc::new(name),
        }
    }
}

impl Name {
    fn of(object: &ObjectRef<PackedObject>) -> Self {
        Self {
            namespace: object.namespace.as_deref().map(Box::from),
            name: object.name.as_str().into(),
        }
    }

    fn object(&self) -> ObjectRef<PackedObject> {
        let object = ObjectRef::new(&self.name);
        match &self.namespace {
            Some(namespace) => object.within(namespace),
            None => object,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use composio_testing::for_seeds;

    use super::*;
    use crate::{crd::ProjectRef, projects::ProjectKey};

    fn object(namespace: &str, name: &str) -> ObjectRef<PackedObject> {
        ObjectRef::new(name).within(namespace)
    }

    fn share(namespace: &str) -> Share {
        let project = ProjectKey::referred(&ProjectRef::default(), namespace);
        Share::of(&project, namespace)
    }

    struct Bench {
        schedule: Schedule,
        now: Instant,
    }

    impl Bench {
        fn new(places: usize) -> Self {
            Self {
                schedule: Schedule::new(places),
                now: Instant::now(),
            }
        }

        fn ask(&mut self, name: &str, is_urgent: bool) {
            let (now, share) = (self.now, share("ns"));
            let object = object("ns", name);
            self.schedule.ask(&object, share, is_urgent, now, now);
        }

        fn next(&mut self) -> Option<String> {
            self.schedule.next(self.now).map(|object| object.name)
        }

        fn ended(&mut self, name: &str, seconds: Option<u64>) {
            let due = seconds.map(|seconds| self.now + Duration::from_secs(seconds));
            self.schedule.ended(&object("ns", name), due, self.now);
        }

        fn pass_time(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }

        fn reading(&self) -> (usize, u64) {
            let reading = self.schedule.reading(self.now);
            (reading.depth, reading.oldest.as_secs())
        }
    }

    #[test]
    fn of_one_object_there_is_one_pass_and_what_is_asked_meanwhile_comes_after_it() {
        let mut bench = Bench::new(4);
        bench.ask("a", false);
        bench.ask("a", false);
        assert_eq!(bench.next().as_deref(), Some("a"));
        assert_eq!(bench.next(), None);
        bench.ask("a", false);
        bench.ask("a", false);
        assert_eq!(bench.next(), None);
        bench.ended("a", Some(10));
        assert_eq!(bench.next().as_deref(), Some("a"));
        bench.ended("a", None);
        bench.pass_time(60);
        assert_eq!(bench.next(), None);
    }

    #[test]
    fn whatever_is_due_first_counts() {
        let mut bench = Bench::new(4);
        bench.ask("a", false);
        bench.next();
        bench.ended("a", Some(10));
        assert_eq!(bench.next(), None);
        assert_eq!(
            bench.schedule.next_due(),
            Some(bench.now + Duration::from_secs(10))
        );
        bench.ask("a", false);
        assert_eq!(bench.next().as_deref(), Some("a"));
        bench.ended("a", Some(10));
        bench.pass_time(10);
        assert_eq!(bench.next().as_deref(), Some("a"));
        assert_eq!(bench.schedule.next_due(), None);
    }

    #[test]
    fn depth_and_age_are_those_of_who_is_due_and_has_not_begun() {
        let mut bench = Bench::new(4);
        bench.ask("a", false);
        bench.pass_time(3);
        bench.ask("a", false);
        bench.ask("b", false);
        assert_eq!(bench.reading(), (2, 3), "each is in it once");
        assert_eq!(bench.next().as_deref(), Some("a"));
        assert_eq!(bench.reading(), (1, 0));
        bench.ended("a", Some(10));
        assert_eq!(bench.reading(), (1, 0), "it is not due yet");
        bench.pass_time(12);
        assert_eq!(bench.reading(), (2, 12));
        assert_eq!(bench.next().as_deref(), Some("b"));
        assert_eq!(bench.next().as_deref(), Some("a"));
        assert_eq!(bench.reading(), (0, 0));
    }

    #[test]
    fn one_that_is_to_go_overtakes_those_that_it_waited_behind() {
        let mut bench = Bench::new(1);
        for name in ["a", "b", "c"] {
            bench.ask(name, false);
        }
        bench.ask("c", true);
        let mut order = Vec::new();
        while let Some(next) = bench.next() {
            bench.ended(&next, None);
            order.push(next);
        }
        assert_eq!(order, ["c", "a", "b"], "each once");
    }

    #[test]
    fn what_is_not_waited_for_takes_no_memory() {
        let mut bench = Bench::new(4);
        for n in 0..100_000 {
            bench.ask(&format!("o-{n}"), false);
        }
        while let Some(next) = bench.next() {
            bench.ended(&next, None);
        }
        assert!(bench.schedule.entries.capacity() <= 8 * MIN_CAPACITY);
    }

    #[test]
    fn whatever_is_asked_for_has_a_pass_that_begins_after_it() {
        let mut passes = 0;
        for_seeds(200, |dice| {
            let mut bench = Bench::new(usize::try_from(1 + dice.number(4)).expect("few"));
            let namespaces = ["a", "b", "c"];
            let mut asked: HashMap<(String, String), Instant> = HashMap::new();
            let mut running = Vec::new();
            let end = |bench: &mut Bench, running: &mut Vec<ObjectRef<_>>| {
                if let Some(object) = running.pop() {
                    bench.schedule.ended(&object, None, bench.now);
                }
            };
            for step in 0..300 {
                let (now, last) = (bench.now, step == 299);
                match dice.number(4) {
                    0 | 1 if !last => {
                        let namespace = dice.of(&namespaces);
                        let name = dice.number(4).to_string();
                        let due = now + Duration::from_secs(dice.number(3));
                        // Its pin may lead elsewhere once it goes.
                        let is_urgent = dice.once_in(4);
                        let share = share(if is_urgent { "a" } else { namespace });
                        let object = object(namespace, &name);
                        bench.schedule.ask(&object, share, is_urgent, due, now);
                        let first = asked.entry((namespace.to_owned(), name)).or_insert(due);
                        *first = due.min(*first);
                    }
                    2 if !last => end(&mut bench, &mut running),
                    _ => bench.pass_time(1),
                }
                while last && !running.is_empty() {
                    end(&mut bench, &mut running);
                }
                if last {
                    bench.pass_time(5);
                }
                while let Some(object) = bench.schedule.next(bench.now) {
                    passes += 1;
                    let name = (object.namespace.clone().expect("one"), object.name.clone());
                    let due = asked.remove(&name).expect("somebody has asked for it");
                    assert!(due <= bench.now, "not before its time");
                    assert!(
                        running.iter().all(|other| *other != object),
                        "one at a time"
                    );
                    running.push(object);
                    if last {
                        end(&mut bench, &mut running);
                    }
                }
            }
            assert!(asked.is_empty(), "{asked:?}");
        });
        assert!(passes > 10_000, "{passes}");
    }
}
