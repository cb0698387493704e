//! The objects of which something is to be told. What is told stands in their status: here is only who comes next.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    metrics::PendingReading,
    store::{PackedObject, Summary},
};

/// So many objects wait at most. Where there are more, all objects are gone through again once these were told.
const MOST: usize = 10_000;

/// An object of which something is to be told.
pub(super) type Object = ObjectRef<PackedObject>;

/// An object that waits for its turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiting {
    pub(super) object: Object,
    /// How often its message was sent and not taken.
    pub(super) failures: u32,
    /// The person for whom it was counted as one that the limits admit.
    pub(super) admitted_to: Option<String>,
    not_before: Option<Instant>,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// This object's turn has come.
    Turn(Waiting),
    /// At that time one's will.
    At(Instant),
    /// None waits.
    Nothing,
}

/// The objects of which something is to be told. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    by_namespace: BTreeMap<String, VecDeque<Waiting>>,
    /// The namespace whose turn it was last.
    last: String,
    /// Since when each waits that waits, or whose turn it is.
    since: HashMap<Object, Timestamp>,
    /// The ids of what was told, or is not to be told, until the watch shows that the status says so.
    settled: HashMap<Object, String>,
    has_overflowed: bool,
}

impl Outbox {
    /// Takes in what the watch has brought. What is not to be told yet waits in the status, until the watch brings a
    /// verdict on it.
    pub(crate) fn offer(&self, known: &Summary) {
        let object = known.reference();
        let mut state = self.0.state.lock();
        let Some(since) = known.recorded.notification_since else {
            state.settled.remove(&object);
            return;
        };
        if !known.may_be_told() || state.since.contains_key(&object) {
            return;
        }
        if state.since.len() >= MOST {
            state.has_overflowed = true;
            return;
        }
        state.since.insert(object.clone(), since);
        state.push(Waiting::new(object));
        drop(state);
        self.0.changed.notify_one();
    }

    /// Forgets an object that is gone, but for the place that it has: its turn finds that it is gone.
    pub(crate) fn forget(&self, known: &Summary) {
        self.0.state.lock().settled.remove(&known.reference());
    }

    /// Whose turn it is: namespaces take turns, so that a noisy one holds up no other.
    pub(super) fn next(&self, now: Instant) -> Next {
        self.0.state.lock().next(now)
    }

    /// All whose turn may be now.
    pub(super) fn all(&self, now: Instant) -> Vec<Waiting> {
        let mut state = self.0.state.lock();
        std::iter::from_fn(|| match state.next(now) {
            Next::Turn(waiting) => Some(waiting),
            Next::At(_) | Next::Nothing => None,
        })
        .collect()
    }

    /// Puts an object back whose message was not taken.
    pub(super) fn put_back(&self, waiting: Waiting, not_before: Instant) {
        self.0.state.lock().push(Waiting {
            failures: waiting.failures.saturating_add(1),
            not_before: Some(not_before),
            ..waiting
        });
    }

    /// Says that what has this id is not to be told any more, and waits for the status to say so.
    pub(super) fn settle(&self, object: &Object, id: &str) {
        let mut state = self.0.state.lock();
        state.settled.insert(object.clone(), id.to_owned());
    }

    /// Whether what has this id is not to be told any more.
    pub(super) fn is_settled(&self, object: &Object, id: &str) -> bool {
        let state = self.0.state.lock();
        state
            .settled
            .get(object)
            .is_some_and(|settled| settled == id)
    }

    /// Says that nothing is left to do for an object.
    pub(super) fn done(&self, object: &Object) {
        self.0.state.lock().since.remove(object);
    }

    /// Whether objects were not taken in because there were too many; asked once.
    pub(super) fn take_overflow(&self) -> bool {
        std::mem::take(&mut self.0.state.lock().has_overflowed)
    }

    /// Waits until something is offered.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// How many wait, and since when the first of them.
    pub(super) fn reading(&self, now: Timestamp) -> PendingReading {
        let state = self.0.state.lock();
        let oldest = state.since.values().min();
        let seconds = oldest.map(|since| now.duration_since(*since).as_secs_f64());
        PendingReading {
            count: state.since.len(),
            oldest_seconds: seconds.unwrap_or_default().max(0.0),
        }
    }
}

impl Waiting {
    pub(super) fn new(object: Object) -> Self {
        Self {
            object,
            failures: 0,
            admitted_to: None,
            not_before: None,
        }
    }
}

impl State {
    fn push(&mut self, waiting: Waiting) {
        let namespace = waiting.object.namespace.clone().unwrap_or_default();
        let queue = self.by_namespace.entry(namespace).or_default();
        queue.push_back(waiting);
    }

    fn next(&mut self, now: Instant) -> Next {
        let is_due = |waiting: &Waiting| waiting.not_before.is_none_or(|at| at <= now);
        let last = Bound::Excluded(self.last.as_str());
        let after = self.by_namespace.range::<str, _>((last, Bound::Unbounded));
        let around = after.chain(
            self.by_namespace
                .range::<str, _>((Bound::Unbounded, Bound::Included(self.last.as_str()))),
        );
        let mut due = around.filter_map(|(namespace, queue)| {
            let at = queue.iter().position(is_due)?;
            Some((namespace.clone(), at))
        });
        if let Some((namespace, at)) = due.next()
            && let Some(queue) = self.by_namespace.get_mut(&namespace)
            && let Some(waiting) = queue.remove(at)
        {
            if queue.is_empty() {
                self.by_namespace.remove(&namespace);
            }
            self.last = namespace;
            return Next::Turn(waiting);
        }
        let all = self.by_namespace.values().flatten();
        let first = all.filter_map(|waiting| waiting.not_before).min();
        first.map_or(Next::Nothing, Next::At)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn known(namespace: &str, name: &str, is_pending: bool) -> Arc<Summary> {
        changed(namespace, name, is_pending, |_| {})
    }

    fn changed(
        namespace: &str,
        name: &str,
        is_pending: bool,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> Arc<Summary> {
        let mut object = json!({
            "metadata": {"name": name, "namespace": namespace, "uid": name, "generation": 1},
            "spec": {"user": "u", "toolkit": "gmail"},
            "status": {"state": "ACTIVE", "observedGeneration": 1, "conditions": [{
                "type": "Synced", "status": "True", "reason": "Connected", "message": "",
                "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        });
        if is_pending {
            object["status"]["pendingNotification"] =
                json!({"id": "1", "type": "Connected", "time": "2026-01-01T00:00:00.000000Z"});
        }
        change(&mut object);
        let packed: PackedObject = serde_json::from_str(&object.to_string()).expect("an object");
        Arc::clone(packed.summary())
    }

    fn turn(outbox: &Outbox) -> Waiting {
        match outbox.next(Instant::now()) {
            Next::Turn(waiting) => waiting,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn namespaces_take_turns() {
        let outbox = Outbox::default();
        for n in 0..5 {
            outbox.offer(&known("noisy", &format!("n{n}"), true));
        }
        outbox.offer(&known("quiet", "q", true));
        let order: Vec<String> = (0..6).map(|_| turn(&outbox).object.name).collect();
        assert_eq!(order, ["n0", "q", "n1", "n2", "n3", "n4"]);
        assert_eq!(outbox.next(Instant::now()), Next::Nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_waits_once_and_again_only_when_its_turn_is_over() {
        let outbox = Outbox::default();
        let object = known("a", "x", true);
        outbox.offer(&object);
        outbox.offer(&object);
        let first = turn(&outbox);
        outbox.offer(&object);
        assert_eq!(outbox.next(Instant::now()), Next::Nothing);
        outbox.done(&first.object);
        outbox.offer(&object);
        assert_eq!(turn(&outbox), first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_declaration_that_was_not_judged_yet_or_is_not_allowed_is_held_until_it_is() {
        let outbox = Outbox::default();
        let reason = |reason: &'static str| {
            changed("a", "x", true, move |object| {
                object["status"]["conditions"][0]["reason"] = json!(reason);
            })
        };
        let field = |path: &'static str, value: serde_json::Value| {
            changed("a", "x", true, move |object| {
                *object.pointer_mut(path).expect("it is there") = value;
            })
        };
        for held in [
            // Somebody else may be the person since.
            field("/metadata/generation", json!(2)),
            field("/status/observedGeneration", json!(2)),
            field("/status/conditions/0/observedGeneration", json!(0)),
            field("/metadata/generation", json!(null)),
            field("/status/conditions", json!([])),
            reason("NotAllowed"),
            // Until that passes, it was not judged whether it is allowed.
            reason("Suspended"),
            reason("ProjectUnavailable"),
            reason("ComposioUnavailable"),
            reason("Unheard"),
        ] {
            outbox.offer(&held);
            assert_eq!(outbox.next(Instant::now()), Next::Nothing, "{held:?}");
        }
        for told in [
            "Connected",
            "AwaitingUser",
            "WrongIdentity",
            "ReauthorizationRequired",
            "Revoked",
        ] {
            outbox.offer(&reason(told));
            outbox.done(&turn(&outbox).object);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_stays_known_while_another_declaration_is_judged() {
        let outbox = Outbox::default();
        outbox.offer(&known("a", "x", true));
        let told = turn(&outbox).object;
        outbox.settle(&told, "1");
        outbox.done(&told);
        outbox.offer(&changed("a", "x", true, |object| {
            object["metadata"]["generation"] = json!(2);
        }));
        assert!(outbox.is_settled(&told, "1"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_taken_comes_again_at_its_time_and_holds_up_nobody() {
        let outbox = Outbox::default();
        outbox.offer(&known("a", "x", true));
        outbox.offer(&known("a", "y", true));
        let later = Instant::now() + Duration::from_secs(5);
        outbox.put_back(turn(&outbox), later);
        assert_eq!(turn(&outbox).object.name, "y");
        assert_eq!(outbox.next(Instant::now()), Next::At(later));
        tokio::time::advance(Duration::from_secs(5)).await;
        let again = turn(&outbox);
        assert_eq!((again.object.name.as_str(), again.failures), ("x", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_is_known_until_the_status_says_so() {
        let outbox = Outbox::default();
        let object = known("a", "x", true);
        outbox.offer(&object);
        let told = turn(&outbox).object;
        outbox.settle(&told, "1");
        outbox.done(&told);
        assert!(outbox.is_settled(&told, "1"));
        assert!(!outbox.is_settled(&told, "2"));
        outbox.offer(&known("a", "x", false));
        assert!(!outbox.is_settled(&told, "1"));
    }

    #[test]
    fn more_than_it_holds_is_looked_for_again_later() {
        let outbox = Outbox::default();
        for n in 0..=MOST {
            outbox.offer(&known("a", &n.to_string(), true));
        }
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().expect("a time");
        let reading = outbox.reading(now);
        assert_eq!((reading.count, reading.oldest_seconds), (MOST, 60.0));
        assert!(outbox.take_overflow());
        assert!(!outbox.take_overflow(), "asked once");
    }
}
