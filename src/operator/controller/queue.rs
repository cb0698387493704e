//! The queue: who asks for passes, and whose pass is next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kube::runtime::reflector::{ObjectRef, Store};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::schedule::Schedule;
use crate::{metrics::QueueReading, store::PackedObject, turns::Share};

/// The queue before it is opened.
pub(super) struct Queue(Trigger);

/// The queue at work.
pub(super) struct Opened(Trigger);

/// The way into the queue, and what is known of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trigger(Arc<Inner>);

struct Inner {
    is_open: AtomicBool,
    schedule: Mutex<Schedule>,
    /// Notified when the next pass may be another one, or sooner.
    changed: Notify,
    store: Store<PackedObject>,
}

impl Queue {
    /// An empty queue that takes nothing yet, for so many passes at a time over the objects of that store.
    pub(super) fn new(places: usize, store: Store<PackedObject>) -> Self {
        Self(Trigger(Arc::new(Inner {
            is_open: AtomicBool::new(false),
            schedule: Mutex::new(Schedule::new(places)),
            changed: Notify::new(),
            store,
        })))
    }

    /// A handle that sends objects into this queue.
    pub(super) fn trigger(&self) -> Trigger {
        self.0.clone()
    }

    /// Opens the queue: every object that there is has a pass, and after it who is triggered.
    ///
    /// # Guarantees
    /// No change is lost between the two: `all` is asked once the queue takes what is triggered.
    pub(super) fn open<I>(self, all: impl FnOnce() -> I) -> Opened
    where
        I: Iterator<Item = ObjectRef<PackedObject>>,
    {
        self.0.0.is_open.store(true, Ordering::Release);
        all().for_each(|object| self.0.send(object));
        Opened(self.0)
    }

    /// A queue that takes what is triggered at once.
    #[cfg(test)]
    pub(super) fn opened(store: Store<PackedObject>) -> Opened {
        Self::new(usize::MAX / 2, store).open(std::iter::empty)
    }
}

impl Opened {
    /// The next object that is to have a pass, which begins with this: it lasts until [`Trigger::ended`] is told.
    pub(super) async fn next(&self) -> Arc<PackedObject> {
        let Inner {
            schedule,
            changed,
            store,
            ..
        } = &*self.0.0;
        loop {
            let (next, due) = {
                let mut schedule = schedule.lock();
                (schedule.next(Instant::now()), schedule.next_due())
            };
            if let Some(object) = next {
                match store.get(&object) {
                    Some(packed) => return packed,
                    // It is gone, and with it what it waited for.
                    None => self.0.ended(&object, None),
                }
                continue;
            }
            let is_due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed.notified() => {}
                () = is_due => {}
            }
        }
    }

    /// A handle that sends objects into this queue.
    pub(super) fn trigger(&self) -> Trigger {
        self.0.clone()
    }

    /// Who was triggered so far, for a test of what triggers.
    #[cfg(test)]
    pub(super) fn drain(&self) -> Vec<ObjectRef<PackedObject>> {
        let mut schedule = self.0.0.schedule.lock();
        std::iter::from_fn(|| schedule.next(Instant::now())).collect()
    }
}

impl Trigger {
    /// Asks for a pass over an object. Until the queue is open nothing is kept: then all objects come anyway, and
    /// whoever waits for months to lead must not remember each change.
    pub(crate) fn send(&self, object: ObjectRef<PackedObject>) {
        if !self.0.is_open.load(Ordering::Acquire) {
            return;
        }
        // One that is gone waits for nothing.
        let Some(packed) = self.0.store.get(&object) else {
            return;
        };
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let share = Share::of(&packed.project_at_work(), namespace);
        let now = Instant::now();
        let mut schedule = self.0.schedule.lock();
        schedule.ask(&object, share, packed.is_deleting(), now, now);
        drop(schedule);
        self.0.changed.notify_one();
    }

    /// A pass over the object has ended, and the next one is due after `requeue_after`, if at all.
    pub(super) fn ended(&self, object: &ObjectRef<PackedObject>, requeue_after: Option<Duration>) {
        let now = Instant::now();
        // A time that cannot be said is never.
        let due = requeue_after.and_then(|after| now.checked_add(after));
        self.0.schedule.lock().ended(object, due, now);
        self.0.changed.notify_one();
    }

    /// How many objects wait for a pass that is due, and how long the first of them has.
    pub(super) fn reading(&self) -> QueueReading {
        self.0.schedule.lock().reading(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kube::{
        ResourceExt,
        runtime::{reflector, watcher},
    };
    use serde_json::json;

    use super::*;

    fn packed(name: &str) -> PackedObject {
        let object = json!({
            "metadata": {"name": name, "namespace": "agents", "uid": name},
            "spec": {"user": "u", "toolkit": "gmail"},
        });
        serde_json::from_value(object).expect("an object")
    }

    fn store(names: &[&str]) -> (Store<PackedObject>, reflector::store::Writer<PackedObject>) {
        let (store, mut writer) = reflector::store();
        for name in names {
            writer.apply_watcher_event(&watcher::Event::Apply(packed(name)));
        }
        (store, writer)
    }

    fn object(name: &str) -> ObjectRef<PackedObject> {
        ObjectRef::new(name).within("agents")
    }

    #[tokio::test]
    async fn what_is_triggered_before_the_queue_is_open_is_not_kept_and_every_object_comes() {
        let (store, _writer) = store(&["a", "b", "before", "during"]);
        let queue = Queue::new(10, store);
        let trigger = queue.trigger();
        trigger.send(object("before"));
        assert_eq!(trigger.reading().depth, 0);
        let during = trigger.clone();
        let opened = queue.open(move || {
            during.send(object("during"));
            [object("a"), object("b")].into_iter()
        });
        let mut names = BTreeSet::new();
        for _ in 0..3 {
            names.insert(opened.next().await.name_any());
        }
        assert_eq!(names, ["a", "b", "during"].map(str::to_owned).into());
        assert_eq!(trigger.reading().depth, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_gone_leaves_its_place_to_the_next() {
        let (store, mut writer) = store(&["gone", "there"]);
        let opened = Queue::new(1, store).open(|| [object("gone"), object("there")].into_iter());
        writer.apply_watcher_event(&watcher::Event::Delete(packed("gone")));
        assert_eq!(opened.next().await.name_any(), "there");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_is_due_later_comes_at_its_time_and_sooner_if_it_is_triggered() {
        let (store, _writer) = store(&["a"]);
        let opened = Queue::new(1, store).open(|| [object("a")].into_iter());
        let trigger = opened.trigger();
        opened.next().await;
        let start = Instant::now();
        trigger.ended(&object("a"), Some(Duration::from_secs(60)));
        opened.next().await;
        assert!(start.elapsed() >= Duration::from_secs(60));
        trigger.ended(&object("a"), Some(Duration::MAX));
        let start = Instant::now();
        let sooner = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            trigger.send(object("a"));
        };
        tokio::join!(sooner, opened.next());
        assert!(start.elapsed() < Duration::from_secs(6));
    }
}
