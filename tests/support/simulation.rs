//! The operator's pass and the emulated Composio in one process under simulated time: a year passes in
//! a second, and a seed tells everything that happens.
//!
//! The apiserver is the one thing that is not real here: a real one has a clock of its own. What a pass
//! asks of it, and no more, is answered from memory ([`Shelf`]); the integration tests ask the real one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use composio_operator::composio::{SendError, Transport};
use composio_operator::crd::{ALIAS_ANNOTATION, ConnectedAccount};
use composio_operator::metrics::Metrics;
use composio_operator::observe::{Objects, Poll, PollEvent, Polling, Sources};
use composio_operator::plan::Flags;
use composio_operator::project::{Clock, Project};
use composio_operator::reconcile::{Context, reconcile};
use composio_operator::report::Pace;
use composio_operator::sandbox::world::{Seed, World};
use futures::FutureExt;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::{reflector, watcher};
use serde_json::{Value, json};

mod shelf;
use shelf::{Shelf, client, merge};

pub(crate) const NAMESPACE: &str = "ns";
/// The most passes that one moment may take before it counts as a loop.
const RESTLESS: usize = 200;
const POLL: SignedDuration = SignedDuration::from_secs(60);
const POLL_WAITING: SignedDuration = SignedDuration::from_secs(10);

/// What a test does to the objects as a user, to the accounts as a person or a provider, and to time.
pub(crate) struct Simulation {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) shelf: Arc<Mutex<Shelf>>,
    now: Arc<Mutex<Timestamp>>,
    flags: Flags,
    running: Running,
    /// When each object is to be looked at again.
    due: BTreeMap<String, Timestamp>,
    next_poll: Timestamp,
    uids: u64,
}

/// What a restart of the operator throws away.
struct Running {
    context: Context,
    poll: Poll,
    writer: reflector::store::Writer<ConnectedAccount>,
    /// What the cache knows, which may lag behind the shelf.
    cached: BTreeMap<String, Value>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this")
}

impl Simulation {
    pub(crate) fn new(seed: Seed) -> Simulation {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let now = Arc::new(Mutex::new(start));
        let world = Arc::new(Mutex::new(World::new(seed)));
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let flags = Flags::default();
        let running = run(&world, &shelf, &now, &flags);
        Simulation {
            world,
            shelf,
            now,
            flags,
            running,
            due: BTreeMap::new(),
            next_poll: start,
            uids: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        *lock(&self.now)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.shelf)
    }

    /// The operator dies and another starts: only what is written is known.
    pub(crate) fn restart(&mut self) {
        self.running = run(&self.world, &self.shelf, &self.now, &self.flags);
        self.next_poll = self.now();
        let names: Vec<String> = self.shelf().objects.keys().cloned().collect();
        for name in names {
            self.due.insert(name, self.now());
        }
    }

    pub(crate) fn object(&self, name: &str) -> Option<Value> {
        self.shelf().objects.get(name).cloned()
    }

    /// Applies an object: makes it, or replaces its spec.
    pub(crate) fn apply(&mut self, name: &str, spec: Value) {
        self.uids += 1;
        let (uid, now) = (format!("uid-{}", self.uids), self.now());
        {
            let mut shelf = lock(&self.shelf);
            let version = shelf.next_version();
            let object = shelf.objects.entry(name.to_owned()).or_insert_with(|| {
                json!({
                    "apiVersion": "composio.dev/v1alpha1",
                    "kind": "ConnectedAccount",
                    "metadata": {
                        "name": name, "namespace": NAMESPACE, "uid": uid, "generation": 0,
                        "creationTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    },
                    "status": {"observedGeneration": -1},
                })
            });
            if object["spec"] != spec {
                let generation = object["metadata"]["generation"]
                    .as_i64()
                    .unwrap_or_default();
                object["metadata"]["generation"] = json!(generation + 1);
                object["spec"] = spec;
            }
            object["metadata"]["resourceVersion"] = json!(version);
        }
        self.trigger(name);
    }

    /// Sets an annotation.
    pub(crate) fn annotate(&mut self, name: &str, annotation: &str, value: &str) {
        let mut shelf = lock(&self.shelf);
        let version = shelf.next_version();
        if let Some(object) = shelf.objects.get_mut(name) {
            merge(
                object,
                &json!({"metadata": {"annotations": {annotation: value}, "resourceVersion": version}}),
            );
        }
        drop(shelf);
        self.trigger(name);
    }

    /// Deletes an object; with a finalizer it stays until that is gone.
    pub(crate) fn delete(&mut self, name: &str) {
        let now = self.now();
        let mut shelf = lock(&self.shelf);
        let version = shelf.next_version();
        if let Some(object) = shelf.objects.get_mut(name)
            && object["metadata"].get("deletionTimestamp").is_none()
        {
            let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            object["metadata"]["deletionTimestamp"] = json!(time);
            let generation = object["metadata"]["generation"]
                .as_i64()
                .unwrap_or_default();
            object["metadata"]["generation"] = json!(generation + 1);
            object["metadata"]["resourceVersion"] = json!(version);
        }
        shelf.sweep(name);
        drop(shelf);
        self.trigger(name);
    }

    /// Makes, replaces or, with null, takes away a Secret.
    pub(crate) fn secret(&mut self, name: &str, data: Value) {
        let mut shelf = lock(&self.shelf);
        let version = shelf.next_version();
        if data.is_null() {
            shelf.secrets.remove(name);
            return;
        }
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "data": data,
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": "secret", "resourceVersion": version},
        });
        shelf.secrets.insert(name.to_owned(), secret);
    }

    /// As the watch does for a change that is not only of the status.
    pub(crate) fn trigger(&mut self, name: &str) {
        self.due.insert(name.to_owned(), self.now());
    }

    /// Lets time pass; everything that falls due in it happens at its time.
    pub(crate) async fn advance(&mut self, by: SignedDuration) {
        let end = self.now() + by;
        loop {
            self.settle().await;
            let due = self
                .due
                .values()
                .min()
                .copied()
                .unwrap_or(end)
                .min(self.next_poll);
            if due >= end {
                break;
            }
            *lock(&self.now) = due.max(self.now());
        }
        *lock(&self.now) = end;
        self.settle().await;
    }

    /// Does everything that is due now.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..RESTLESS {
            let now = self.now();
            if self.next_poll <= now {
                self.poll().await;
                continue;
            }
            let due = self
                .due
                .iter()
                .find(|(_, time)| **time <= now)
                .map(|(name, _)| name.clone());
            let Some(name) = due else {
                return;
            };
            self.due.remove(&name);
            self.pass(&name).await;
        }
        panic!("does not come to rest: {}", self.told());
    }

    async fn poll(&mut self) {
        self.refresh_cache().await;
        let objects = match self.running.poll.tick().await {
            PollEvent::Listed(objects) | PollEvent::Foreign(objects) => objects,
            PollEvent::Failed(_) => Vec::new(),
        };
        for object in objects {
            self.trigger(&object.name);
        }
        let waits = self.running.poll.somebody_is_expected();
        self.next_poll = self.now() + if waits { POLL_WAITING } else { POLL };
    }

    async fn pass(&mut self, name: &str) {
        // The event of a change may come before that of the status which the last pass wrote.
        let Some(mut object) = self.object(name) else {
            return;
        };
        if let Some(stale) = self.running.cached.get(name)
            && stale["metadata"]["uid"] == object["metadata"]["uid"]
        {
            object["status"] = stale["status"].clone();
        }
        self.refresh_cache().await;
        let object: ConnectedAccount = serde_json::from_value(object).expect("it decodes");
        let before = self.object(name);
        let passed = reconcile(Arc::new(object), &self.running.context).await;
        let again = passed.expect("the shelf does not fail").again;
        let after = self.object(name);
        if let Some(again) = again {
            let again = SignedDuration::try_from(again).expect("not that long");
            self.due.insert(name.to_owned(), self.now() + again);
        }
        // The watch brings back our own change of finalizers and annotations, but not of the status.
        let visible = |object: &Option<Value>| {
            object.as_ref().map(|object| {
                let mut annotations = object["metadata"]["annotations"].clone();
                if let Some(annotations) = annotations.as_object_mut() {
                    annotations.remove(ALIAS_ANNOTATION);
                }
                (object["metadata"]["finalizers"].clone(), annotations)
            })
        };
        if visible(&before) != visible(&after) && after.is_some() {
            self.trigger(name);
        }
        if before.is_some() && after.is_none() {
            // Whoever lost against it is told.
            let others: Vec<String> = self.shelf().objects.keys().cloned().collect();
            for other in others {
                self.trigger(&other);
            }
        }
    }

    /// The cache learns of everything that was written.
    async fn refresh_cache(&mut self) {
        let objects = self.shelf().objects.clone();
        if objects == self.running.cached {
            return;
        }
        let writer = &mut self.running.writer;
        writer.apply_watcher_event(&watcher::Event::Init);
        for object in objects.values() {
            let object = serde_json::from_value(object.clone()).expect("it decodes");
            writer.apply_watcher_event(&watcher::Event::InitApply(object));
        }
        writer.apply_watcher_event(&watcher::Event::InitDone);
        let objects_known = &self.running.context.sources.objects;
        objects_known.follow(&watcher::Event::InitDone);
        self.running.cached = objects;
    }

    /// All that there is to say about a failure.
    pub(crate) fn told(&self) -> String {
        let now = self.now();
        let mut world = self.world();
        let mut told = format!("at {now}\n");
        for object in lock(&self.shelf).objects.values() {
            told.push_str(&format!("object {object}\n"));
        }
        for account in world.accounts(now) {
            told.push_str(&format!("account {}\n", json!(account)));
        }
        let log = world.log_since(0);
        for entry in log.iter().rev().take(30).rev() {
            told.push_str(&format!(
                "asked {} {} {}? {:?} {:?}\n",
                entry.time, entry.method, entry.path, entry.status, entry.fault
            ));
        }
        told
    }
}

fn run(
    world: &Arc<Mutex<World>>,
    shelf: &Arc<Mutex<Shelf>>,
    now: &Arc<Mutex<Timestamp>>,
    flags: &Flags,
) -> Running {
    let clock: Clock = {
        let now = Arc::clone(now);
        Arc::new(move || *lock(&now))
    };
    let metrics = Arc::new(Metrics::default());
    let project = Arc::new(Project::new(
        transport(world, now),
        Arc::clone(&metrics),
        clock,
        SignedDuration::from_mins(10),
    ));
    let (store, writer) = reflector::store();
    let objects = Objects::new(store, flags.clone());
    let polling = Polling {
        interval: Duration::from_secs(60),
        waiting: Duration::from_secs(10),
        resync: Duration::from_secs(600),
        unseen: Duration::from_secs(60),
        accept_missing: false,
    };
    let poll = Poll::new(Arc::clone(&project), objects.clone(), polling);
    let context = Context {
        sources: Sources {
            project,
            objects,
            client: client(shelf),
        },
        flags: flags.clone(),
        pace: Pace {
            min: Duration::from_secs(5),
            max: Duration::from_secs(600),
            slow: Duration::from_secs(600),
            secret: Duration::from_secs(300),
        },
        metrics,
        tell: Box::new(|_, _| {}),
    };
    Running {
        context,
        poll,
        writer,
        cached: BTreeMap::new(),
    }
}

/// The world instead of the network.
fn transport(world: &Arc<Mutex<World>>, now: &Arc<Mutex<Timestamp>>) -> Transport {
    let (world, now) = (Arc::clone(world), Arc::clone(now));
    Arc::new(move |mut request: Request<Bytes>| {
        let key = http::HeaderValue::from_static("sandbox");
        request.headers_mut().insert("x-api-key", key);
        let time = *lock(&now);
        let answer = lock(&world).exchange(&request, time);
        async move { answer.map_err(|_| SendError::Cut("cut by the test".to_owned())) }.boxed()
    })
}
