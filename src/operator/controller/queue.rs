//! The queue: which objects wait for a pass, since when, and how many of them at a time at the start.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt, stream};
use kube::runtime::{
    controller::{ReconcileReason, ReconcileRequest},
    reflector::ObjectRef,
};
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{metrics::QueueReading, store::PackedObject};

/// At the start so many objects are handed to kube at a time. What waits there is in memory, and the memory for
/// all of them at once would never be given back.
const START_PERMITS: usize = 300;
/// A permit is given back by a pass that ends. Where none ends, the next object goes on after this.
const PERMIT_TIMEOUT: Duration = Duration::from_millis(50);
/// The map of waiting objects does not shrink below this capacity.
const MIN_CAPACITY: usize = 256;

/// The queue before it is opened.
pub(super) struct Queue {
    trigger: Trigger,
    triggered: mpsc::UnboundedReceiver<ObjectRef<PackedObject>>,
}

/// The way into the queue, and what is known of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trigger(Arc<Inner>);

struct Inner {
    is_open: AtomicBool,
    sender: mpsc::UnboundedSender<ObjectRef<PackedObject>>,
    waiting: Mutex<Waiting>,
    /// Limits how many objects of the start are with kube.
    start_permits: Semaphore,
}

/// When each object that waits is due. A hash stands for the name: it is counted, and no more, and there may
/// be an entry for each object. Two with one hash are counted as one.
#[derive(Default)]
struct Waiting {
    hasher: RandomState,
    due: HashMap<u64, Instant>,
}

impl Waiting {
    fn key(&self, object: &ObjectRef<PackedObject>) -> u64 {
        self.hasher.hash_one((&object.namespace, &object.name))
    }

    /// Whatever is due first counts, as in kube's scheduler.
    fn wait(&mut self, object: &ObjectRef<PackedObject>, due: Instant) {
        let key = self.key(object);
        let known = self.due.entry(key).or_insert(due);
        *known = due.min(*known);
    }

    fn remove(&mut self, object: &ObjectRef<PackedObject>) {
        let key = self.key(object);
        self.due.remove(&key);
        // After the start, hardly any object waits.
        if self.due.capacity() > 8 * self.due.len().max(MIN_CAPACITY) {
            self.due.shrink_to(2 * self.due.len());
        }
    }

    fn reading(&self, now: Instant) -> QueueReading {
        let due = self.due.values().filter(|due| **due <= now);
        let (depth, oldest) = due.fold((0, now), |(depth, oldest), due| {
            (depth + 1, oldest.min(*due))
        });
        QueueReading {
            depth,
            oldest: now.saturating_duration_since(oldest),
        }
    }
}

impl Queue {
    /// An empty queue that takes nothing yet.
    pub(super) fn new() -> Self {
        let (sender, triggered) = mpsc::unbounded_channel();
        let trigger = Trigger(Arc::new(Inner {
            is_open: AtomicBool::new(false),
            sender,
            waiting: Mutex::default(),
            start_permits: Semaphore::new(START_PERMITS),
        }));
        Self { trigger, triggered }
    }

    /// A handle that sends objects into this queue.
    pub(super) fn trigger(&self) -> Trigger {
        self.trigger.clone()
    }

    /// Opens the queue: every object that there is comes first, and after it who is triggered.
    ///
    /// # Guarantees
    /// No change is lost between the two: `all` is asked once the queue takes what is triggered.
    pub(super) fn open<I>(
        self,
        all: impl FnOnce() -> I,
    ) -> impl Stream<Item = ReconcileRequest<PackedObject>> + Send + 'static
    where
        I: Iterator<Item = ObjectRef<PackedObject>>,
    {
        let Self { trigger, triggered } = self;
        trigger.0.is_open.store(true, Ordering::Release);
        let all: Vec<_> = all().collect();
        {
            let mut waiting = trigger.0.waiting.lock();
            let now = Instant::now();
            all.iter().for_each(|object| waiting.wait(object, now));
        }
        let all = stream::iter(all).then(move |object| {
            let trigger = trigger.clone();
            async move {
                let permit = trigger.0.start_permits.acquire();
                if let Ok(Ok(permit)) = tokio::time::timeout(PERMIT_TIMEOUT, permit).await {
                    permit.forget();
                }
                object
            }
        });
        stream::select(all, UnboundedReceiverStream::new(triggered)).map(request)
    }

    /// Who was triggered so far, for a test of what triggers.
    #[cfg(test)]
    pub(super) fn drain(&mut self) -> Vec<ObjectRef<PackedObject>> {
        std::iter::from_fn(|| self.triggered.try_recv().ok()).collect()
    }

    /// A queue that takes what is triggered at once.
    #[cfg(test)]
    pub(super) fn opened() -> Self {
        let queue = Self::new();
        queue.trigger.0.is_open.store(true, Ordering::Release);
        queue
    }
}

impl Trigger {
    /// Asks for a pass over an object. Until the queue is open nothing is kept: then all objects come anyway, and
    /// whoever waits for months to lead must not remember each change.
    pub(crate) fn send(&self, object: ObjectRef<PackedObject>) {
        if !self.0.is_open.load(Ordering::Acquire) {
            return;
        }
        self.0.waiting.lock().wait(&object, Instant::now());
        // The receiver lives as long as the controller.
        let _ = self.0.sender.send(object);
    }

    /// A pass over the object begins.
    pub(super) fn begun(&self, object: &ObjectRef<PackedObject>) {
        self.0.waiting.lock().remove(object);
    }

    /// A pass over the object has ended, and the next one is due after `requeue_after`, if at all.
    pub(super) fn ended(&self, object: &ObjectRef<PackedObject>, requeue_after: Option<Duration>) {
        self.0.start_permits.add_permits(1);
        if let Some(requeue_after) = requeue_after {
            let due = Instant::now() + requeue_after;
            self.0.waiting.lock().wait(object, due);
        }
    }

    /// The object is not there any more: kube drops it from its queue.
    pub(super) fn dropped(&self, object: &ObjectRef<PackedObject>) {
        self.0.waiting.lock().remove(object);
    }

    /// How many objects wait for a pass that is due, and how long the first of them has.
    pub(super) fn reading(&self) -> QueueReading {
        self.0.waiting.lock().reading(Instant::now())
    }
}

fn request(object: ObjectRef<PackedObject>) -> ReconcileRequest<PackedObject> {
    ReconcileRequest {
        obj_ref: object,
        reason: ReconcileReason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> ObjectRef<PackedObject> {
        ObjectRef::new(name).within("agents")
    }

    fn named(requests: Vec<ReconcileRequest<PackedObject>>) -> Vec<String> {
        let names = requests.into_iter().map(|request| request.obj_ref.name);
        names.collect()
    }

    fn reading(depth: usize, seconds: u64) -> QueueReading {
        QueueReading {
            depth,
            oldest: Duration::from_secs(seconds),
        }
    }

    #[tokio::test]
    async fn what_is_triggered_before_the_queue_is_open_is_not_kept_and_every_object_comes() {
        let queue = Queue::new();
        let trigger = queue.trigger();
        trigger.send(object("before"));
        assert_eq!(trigger.reading(), reading(0, 0));
        let during = trigger.clone();
        let opened = queue.open(move || {
            during.send(object("during"));
            [object("a"), object("b")].into_iter()
        });
        let mut names = named(opened.take(3).collect().await);
        names.sort();
        assert_eq!(names, ["a", "b", "during"]);
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_start_so_many_objects_come_at_once_and_one_for_each_pass_that_ends() {
        let queue = Queue::new();
        let trigger = queue.trigger();
        let all = START_PERMITS + 2;
        let opened = queue.open(move || (0..all).map(|n| object(&format!("o-{n}"))));
        let mut opened = Box::pin(opened);
        let start = Instant::now();
        for _ in 0..START_PERMITS {
            opened.next().await.expect("an object");
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        trigger.ended(&object("o-0"), None);
        opened.next().await.expect("an object");
        assert_eq!(start.elapsed(), Duration::ZERO, "a pass has ended");
        opened.next().await.expect("an object");
        assert!(start.elapsed() >= PERMIT_TIMEOUT, "none has");
    }

    #[tokio::test(start_paused = true)]
    async fn depth_and_age_are_those_of_who_is_due_and_has_not_begun() {
        let queue = Queue::opened();
        let trigger = queue.trigger();
        trigger.send(object("a"));
        tokio::time::advance(Duration::from_secs(3)).await;
        trigger.send(object("a"));
        trigger.send(object("b"));
        assert_eq!(trigger.reading(), reading(2, 3), "each is in it once");
        trigger.begun(&object("a"));
        assert_eq!(trigger.reading(), reading(1, 0));
        trigger.ended(&object("a"), Some(Duration::from_secs(10)));
        assert_eq!(trigger.reading(), reading(1, 0), "it is not due yet");
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(trigger.reading(), reading(2, 12));
        trigger.begun(&object("b"));
        assert_eq!(trigger.reading(), reading(1, 2));
        trigger.dropped(&object("a"));
        assert_eq!(trigger.reading(), reading(0, 0), "it is gone");
    }

    #[test]
    fn what_is_not_waited_for_takes_no_memory() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        let all: Vec<_> = (0..100_000).map(|n| object(&format!("o-{n}"))).collect();
        all.iter().for_each(|object| waiting.wait(object, now));
        all.iter().for_each(|object| waiting.remove(object));
        assert!(waiting.due.capacity() <= 8 * MIN_CAPACITY);
    }
}
