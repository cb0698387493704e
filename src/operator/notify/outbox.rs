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

/// So many objects wait at most. Those that were left out are looked for again once there is room, and nothing else to
/// send now.
const MOST: usize = if cfg!(test) { 1_000 } else { 10_000 };

/// An object of which something is to be told.
pub(super) type Object = ObjectRef<PackedObject>;

/// An object that waits for its turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiting {
    pub(super) object: Object,
    /// How often its message was sent and not taken.
    pub(super) failures: u32,
    /// How often it was rejected for what is in it, if it was.
    pub(super) rejections: Option<Rejections>,
    /// The person for whom it was counted as one that the limits admit.
    pub(super) admitted_to: Option<String>,
    not_before: Option<Instant>,
}

/// How often a message was rejected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rejections {
    pub(super) times: u32,
    /// How many others had been taken before the first time.
    pub(super) taken_before: u64,
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
            if !state.make_room(object.namespace.as_deref().unwrap_or_default()) {
                return;
            }
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

    /// Whether objects were left out because there were too many, and there is room now; asked once. One whose message
    /// is never taken leaves room for all others.
    pub(super) fn take_overflow(&self) -> bool {
        let mut state = self.0.state.lock();
        let has_room = state.since.len() < MOST;
        has_room && std::mem::take(&mut state.has_overflowed)
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
            rejections: None,
            admitted_to: None,
            not_before: None,
        }
    }

    /// Whether nothing was sent for it, and no limit counts it.
    fn is_untried(&self) -> bool {
        self.failures == 0 && self.admitted_to.is_none()
    }
}

impl State {
    fn push(&mut self, waiting: Waiting) {
        let namespace = waiting.object.namespace.clone().unwrap_or_default();
        let queue = self.by_namespace.entry(namespace).or_default();
        queue.push_back(waiting);
    }

    /// Makes room for an object of that namespace, if another one has more that wait: the last of those that was not
    /// tried yet is left out. Whether there is room now.
    fn make_room(&mut self, namespace: &str) -> bool {
        let own = self.by_namespace.get(namespace).map_or(0, VecDeque::len);
        // Whoever has a fair share gets no more, and nobody need be looked for.
        if own.saturating_mul(self.by_namespace.len()) >= MOST {
            return false;
        }
        let others = self.by_namespace.iter_mut();
        let longest = others.max_by_key(|(_, queue)| queue.len());
        let longest = longest.filter(|(_, queue)| queue.len() > own + 1);
        let Some((_, queue)) = longest else {
            return false;
        };
        let untried = queue.iter().rposition(Waiting::is_untried);
        let left_out = untried.and_then(|at| queue.remove(at));
        left_out.is_some_and(|waiting| self.since.remove(&waiting.object).is_some())
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
mod tests;
