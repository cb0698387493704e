//! The queue: who asks for passes, and whose pass is next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kube::runtime::reflector::ObjectRef;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::schedule::Schedule;
use crate::{
    metrics::QueueReading,
    store::{AllObjects, PackedObject, StoredSummary, Summary},
    turns::Share,
};

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
    objects: AllObjects,
}

impl Queue {
    /// An empty queue that takes nothing yet, for so many passes at a time over these objects.
    pub(super) fn new(places: usize, objects: AllObjects) -> Self {
        objects.set_standby(true);
        let inner = Arc::new(Inner {
            is_open: AtomicBool::new(false),
            schedule: Mutex::new(Schedule::new(places)),
            changed: Notify::new(),
            objects,
        });
        // The queue holds the objects, and they do not hold it.
        let weak = Arc::downgrade(&inner);
        inner.objects.trigger_by(move |object| {
            if let Some(inner) = weak.upgrade() {
                Trigger(inner).send_stored(object);
            }
        });
        Self(Trigger(inner))
    }

    /// A handle that sends objects into this queue.
    pub(super) fn trigger(&self) -> Trigger {
        self.0.clone()
    }

    /// Opens the queue: every object that there is has a pass, and after it who is triggered.
    ///
    /// # Guarantees
    /// No change is lost between the two: `all` is asked once the queue takes what is triggered.
    pub(super) fn open(self, all: impl FnOnce() -> Vec<StoredSummary>) -> Opened {
        self.0.0.objects.set_standby(false);
        self.0.0.is_open.store(true, Ordering::Release);
        for object in all() {
            self.0.send_stored(&object);
        }
        Opened(self.0)
    }

    /// A queue that takes what is triggered at once.
    #[cfg(test)]
    pub(super) fn opened(objects: AllObjects) -> Opened {
        Self::new(usize::MAX / 2, objects).open(Vec::new)
    }
}

impl Opened {
    /// The next object that is to have a pass, which begins with this: it lasts until [`Trigger::ended`] is told.
    pub(super) async fn next(&self) -> Arc<Summary> {
        let Inner {
            schedule,
            changed,
            objects,
            ..
        } = &*self.0.0;
        loop {
            let (next, due) = {
                let mut schedule = schedule.lock();
                (schedule.next(Instant::now()), schedule.next_due())
            };
            if let Some(object) = next {
                match objects.get(&object) {
                    Some(summary) => return summary,
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
    /// Asks for a pass over an object, if it is there: one that is gone waits for nothing.
    pub(crate) fn send(&self, object: &ObjectRef<PackedObject>) {
        if let Some(known) = self.0.objects.stored_of(object) {
            self.send_stored(&known);
        }
    }

    /// Asks for a pass over an object that is there. Until the queue is open nothing is kept: then all objects come
    /// anyway, and whoever waits for months to lead must not remember each change.
    pub(crate) fn send_stored(&self, object: &StoredSummary) {
        if !self.0.is_open.load(Ordering::Acquire) {
            return;
        }
        let known = object.summary();
        let project = known.project_at_work();
        let is_declared = self.0.objects.is_declared(&project);
        let share = Share::of(&project, &known.namespace, is_declared);
        let mut schedule = self.0.schedule.lock();
        schedule.ask(object, share, known.is_deleting, Instant::now());
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

    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::plan::Flags;

    fn packed(name: &str) -> PackedObject {
        let object = json!({
            "metadata": {"name": name, "namespace": "agents", "uid": name},
            "spec": {"user": "u", "toolkit": "gmail"},
        });
        serde_json::from_value(object).expect("an object")
    }

    fn objects(names: &[&str]) -> AllObjects {
        let objects = AllObjects::new(Flags::default());
        for name in names {
            objects.apply_event(Event::Apply(packed(name)));
        }
        objects
    }

    fn stored(name: &str) -> StoredSummary {
        StoredSummary::of(packed(name).summary())
    }

    fn object(name: &str) -> ObjectRef<PackedObject> {
        ObjectRef::new(name).within("agents")
    }

    #[tokio::test]
    async fn what_is_triggered_before_the_queue_is_open_is_not_kept_and_every_object_comes() {
        let queue = Queue::new(10, objects(&["a", "b", "before", "during"]));
        let trigger = queue.trigger();
        trigger.send(&object("before"));
        assert_eq!(trigger.reading().depth, 0);
        let during = trigger.clone();
        let opened = queue.open(move || {
            during.send(&object("during"));
            ["a", "b"].map(stored).into()
        });
        let mut names = BTreeSet::new();
        for _ in 0..3 {
            names.insert(opened.next().await.name.to_string());
        }
        assert_eq!(names, ["a", "b", "during"].map(str::to_owned).into());
        assert_eq!(trigger.reading().depth, 0);
    }

    #[test]
    fn what_changes_before_the_queue_is_open_is_kept_by_its_summary() {
        let objects = objects(&[]);
        let queue = Queue::new(1, objects.clone());
        let kept = |name: &str| {
            objects.apply_event(Event::Apply(packed(name)));
            objects.has_text(packed(name).summary())
        };
        assert!(!kept("a"));
        let opened = queue.open(Vec::new);
        assert!(kept("b"));
        drop(opened);
    }

    /// One of the namespace `crowd` that goes, and names that ClusterComposioProject.
    fn going(name: &str, project: &str) -> PackedObject {
        let object = json!({
            "metadata": {
                "name": name, "namespace": "crowd", "uid": name,
                "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["crowd.example/hold"],
            },
            "spec": {
                "user": "u", "toolkit": "gmail",
                "projectRef": {"kind": "ClusterComposioProject", "name": project},
            },
        });
        serde_json::from_value(object).expect("an object")
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_names_projects_that_nobody_declares_does_not_come_before_a_calm_tenant() {
        const PLACES: usize = 4;
        let objects = objects(&["calm"]);
        for n in 0..1000 {
            let going = going(&format!("going-{n}"), &format!("invented-{n}"));
            objects.apply_event(Event::Apply(going));
        }
        let opened = Queue::new(PLACES, objects.clone()).open(Vec::new);
        let trigger = opened.trigger();
        let (mut crowd, calm): (Vec<_>, Vec<_>) =
            (objects.stored().into_iter()).partition(|object| object.name().0 == "crowd");
        crowd.extend(calm);
        crowd.iter().for_each(|object| trigger.send_stored(object));
        let mut namespaces = Vec::new();
        for _ in 0..=PLACES {
            let next = tokio::time::timeout(Duration::from_secs(1), opened.next()).await;
            namespaces.extend(next.map(|object| object.namespace.to_string()));
        }
        assert!(namespaces.contains(&"agents".to_owned()), "{namespaces:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_gone_leaves_its_place_to_the_next() {
        let objects = objects(&["gone", "there"]);
        let queue = Queue::new(1, objects.clone());
        let opened = queue.open(|| ["gone", "there"].map(stored).into());
        objects.apply_event(Event::Delete(packed("gone")));
        assert_eq!(&*opened.next().await.name, "there");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_is_due_later_comes_at_its_time_and_sooner_if_it_is_triggered() {
        let queue = Queue::new(1, objects(&["a"]));
        let opened = queue.open(|| ["a"].map(stored).into());
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
            trigger.send(&object("a"));
        };
        tokio::join!(sooner, opened.next());
        assert!(start.elapsed() < Duration::from_secs(6));
    }
}
