use std::time::Duration;

use composio_testing::for_seeds;
use serde_json::json;

use super::*;
use crate::{crd::ProjectRef, projects::ProjectKey};

fn object(namespace: &str, name: &str) -> ObjectRef<PackedObject> {
    ObjectRef::new(name).within(namespace)
}

fn stored(namespace: &str, name: &str) -> StoredSummary {
    let object = json!({"metadata": {"namespace": namespace, "name": name}, "spec": {}});
    let object: PackedObject = serde_json::from_value(object).expect("an object");
    StoredSummary::of(object.summary())
}

fn share(namespace: &str) -> Share {
    let project = ProjectKey::referred(&ProjectRef::default(), namespace);
    Share::of(&project, namespace, true)
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
        let object = stored("ns", name);
        self.schedule.ask(&object, share, is_urgent, now);
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
fn one_that_is_asked_for_again_keeps_its_place_and_one_that_is_to_go_keeps_the_one_it_got() {
    let mut bench = Bench::new(1);
    for (name, is_urgent) in [("a", false), ("b", false), ("c", false), ("a", false)] {
        bench.ask(name, is_urgent);
    }
    assert_eq!(bench.next().as_deref(), Some("a"));
    bench.ended("a", None);
    bench.ask("c", true);
    bench.ask("c", false);
    assert_eq!(bench.next().as_deref(), Some("c"));
    bench.ended("c", Some(1));
    bench.pass_time(1);
    assert_eq!(bench.next().as_deref(), Some("c"), "it still is to go");
    bench.ended("c", None);
    assert_eq!(bench.next().as_deref(), Some("b"));
    bench.ended("b", None);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.reading(), (0, 0));
}

#[test]
fn what_is_not_waited_for_takes_no_memory() {
    let mut bench = Bench::new(4);
    for n in 0..100_000 {
        bench.ask(&format!("o-{n}"), false);
    }
    assert!(bench.schedule.entries.is_empty(), "they are only due");
    while let Some(next) = bench.next() {
        bench.ended(&next, None);
    }
    let Schedule { due, entries, .. } = &bench.schedule;
    assert!(due.capacity().max(entries.capacity()) <= 8 * MIN_CAPACITY);
}

#[test]
fn whatever_is_asked_for_has_a_pass_that_begins_after_it() {
    let mut passes = 0;
    for_seeds(200, |dice| {
        let mut bench = Bench::new(usize::try_from(1 + dice.number(4)).expect("few"));
        let namespaces = ["a", "b", "c"];
        let mut asked: HashMap<(String, String), Instant> = HashMap::new();
        let mut running = Vec::new();
        for step in 0..300 {
            let (now, last) = (bench.now, step == 299);
            match dice.number(4) {
                0 | 1 if !last => {
                    let namespace = dice.of(&namespaces);
                    let name = dice.number(4).to_string();
                    // Its pin may lead elsewhere once it goes.
                    let is_urgent = dice.once_in(4);
                    let share = share(if is_urgent { "a" } else { namespace });
                    let object = stored(namespace, &name);
                    bench.schedule.ask(&object, share, is_urgent, now);
                    asked.insert((namespace.to_string(), name), now);
                }
                2 if !last => {
                    if let Some(object) = running.pop() {
                        let seconds = dice.once_in(2).then(|| dice.number(3));
                        let due = seconds.map(|seconds| now + Duration::from_secs(seconds));
                        bench.schedule.ended(&object, due, now);
                        let name = (object.namespace.expect("one"), object.name);
                        if let Some(due) = due {
                            asked.entry(name).or_insert(due);
                        }
                    }
                }
                _ => bench.pass_time(1),
            }
            while last && let Some(object) = running.pop() {
                bench.schedule.ended(&object, None, now);
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
                    let last = running.pop().expect("it runs");
                    bench.schedule.ended(&last, None, bench.now);
                }
            }
        }
        assert!(asked.is_empty(), "{asked:?}");
        assert_eq!(bench.reading(), (0, 0));
    });
    assert!(passes > 10_000, "{passes}");
}
