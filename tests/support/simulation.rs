//! The operator's pass and the emulated Composio in one process under simulated time: a year passes in
//! a second, and a seed tells everything that happens.
//!
//! The apiserver is the one thing that is not real here: a real one has a clock of its own. What a pass
//! asks of it, and no more, is answered from memory ([`FakeApiServer`]); the integration tests ask the real one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use composio_operator::plan::{Flags, ProjectState};
use composio_operator::sandbox::world::{Seed, World};
use composio_operator::store::PackedObject;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use serde_json::{Value, json};

mod anew;
mod fake_apiserver;
mod logic;
mod places;
mod requests;
mod running;

pub(crate) use fake_apiserver::FakeApiServer;
pub(crate) use logic::{Logic, Repeats};
use places::Place;
pub(crate) use places::Refused;
use running::{Running, run};

pub(crate) const NAMESPACE: &str = "ns";
/// The most passes that one moment may take before it counts as a loop.
const MAX_PASSES_PER_MOMENT: usize = 200;
const POLL: SignedDuration = SignedDuration::from_secs(240);
const POLL_WAITING: SignedDuration = SignedDuration::from_secs(20);

/// Who asks, in the sandbox's log.
pub(crate) const INSTANCE: &str = "simulated";

/// What a test does to the objects as a user, to the accounts as a person or a provider, and to time.
pub(crate) struct Simulation {
    /// Those of the first project come first. No two share an account.
    worlds: Vec<Arc<Mutex<World>>>,
    places: Vec<Place>,
    pub(crate) apiserver: Arc<Mutex<FakeApiServer>>,
    now: Arc<Mutex<Timestamp>>,
    flags: Flags,
    logic: Logic,
    running: Running,
    /// When each object is to be looked at again.
    due: BTreeMap<String, Timestamp>,
    next_poll: Timestamp,
    uids: u64,
    /// When each ConnectRequest was made, by its uid.
    asked_at: BTreeMap<String, Timestamp>,
    /// How many ConnectRequests nobody has answered in their time.
    pub(crate) unanswered: usize,
    /// How many passes there were.
    pub(crate) passes: usize,
    /// How many of them read an object of which no more than the summary was kept.
    pub(crate) passes_at_rest: u64,
    /// And how many did not need to: nothing had changed.
    pub(crate) concluded: u64,
    /// Whether another namespace cannot be read.
    hidden: bool,
    /// The objects that ask for what their project does not allow, and what their passes have cost.
    pub(crate) refused: Refused,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this")
}

impl Simulation {
    pub(crate) fn new(seed: Seed) -> Simulation {
        Simulation::with_logic(seed, Logic::default())
    }

    pub(crate) fn with_logic(seed: Seed, logic: Logic) -> Simulation {
        Simulation::with_places(vec![seed], vec![Place::first()], logic)
    }

    fn with_places(seeds: Vec<Seed>, places: Vec<Place>, logic: Logic) -> Simulation {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let now = Arc::new(Mutex::new(start));
        let worlds = seeds.into_iter().map(World::new);
        let worlds: Vec<_> = worlds.map(|world| Arc::new(Mutex::new(world))).collect();
        let apiserver = Arc::new(Mutex::new(FakeApiServer::default()));
        let flags = Flags::default();
        let running = run(&worlds, &places, &apiserver, &now, &flags, &logic);
        Simulation {
            worlds,
            places,
            apiserver,
            now,
            flags,
            logic,
            running,
            due: BTreeMap::new(),
            next_poll: start,
            uids: 0,
            asked_at: BTreeMap::new(),
            unanswered: 0,
            passes: 0,
            passes_at_rest: 0,
            concluded: 0,
            hidden: false,
            refused: Refused::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        *lock(&self.now)
    }

    /// The world of the first project.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.worlds[0])
    }

    pub(crate) fn apiserver(&self) -> MutexGuard<'_, FakeApiServer> {
        lock(&self.apiserver)
    }

    /// The operator dies and another starts: only what is written is known.
    pub(crate) fn restart(&mut self) {
        self.running = run(
            &self.worlds,
            &self.places,
            &self.apiserver,
            &self.now,
            &self.flags,
            &self.logic,
        );
        self.running.all.set_complete(!self.hidden);
        self.next_poll = self.now();
        self.list_requests();
        self.trigger_all();
    }

    /// Another namespace that is watched cannot be read, or can be again: then all is looked at once more.
    pub(crate) fn hide_another_namespace(&mut self, hidden: bool) {
        self.hidden = hidden;
        self.running.all.set_complete(!hidden);
        if !hidden {
            self.trigger_all();
        }
    }

    pub(crate) fn object(&self, name: &str) -> Option<Value> {
        self.apiserver().objects.get(name).cloned()
    }

    /// Applies an object: makes it, or replaces its spec.
    pub(crate) fn apply(&mut self, name: &str, spec: Value) {
        self.uids += 1;
        let (uid, now) = (format!("uid-{}", self.uids), self.now());
        {
            let mut apiserver = lock(&self.apiserver);
            let version = apiserver.next_version();
            let object = apiserver.objects.entry(name.to_owned()).or_insert_with(|| {
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

    /// Merges a patch into an object.
    pub(crate) fn merge(&mut self, name: &str, patch: Value) {
        self.apiserver().merge(name, &patch);
        self.trigger(name);
    }

    /// Takes the status away, as a restore from a backup without it does.
    pub(crate) fn lose_status(&mut self, name: &str) {
        let mut apiserver = lock(&self.apiserver);
        let version = apiserver.next_version();
        if let Some(object) = apiserver.objects.get_mut(name) {
            object["status"] = json!({"observedGeneration": -1});
            object["metadata"]["resourceVersion"] = json!(version);
        }
        drop(apiserver);
        self.trigger(name);
    }

    /// Deletes an object; with a finalizer it stays until that is gone.
    pub(crate) fn delete(&mut self, name: &str) {
        let now = self.now();
        let mut apiserver = lock(&self.apiserver);
        let version = apiserver.next_version();
        if let Some(object) = apiserver.objects.get_mut(name)
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
        apiserver.sweep(name);
        drop(apiserver);
        self.trigger(name);
    }

    /// Makes, replaces or, with null, takes away a Secret.
    pub(crate) fn secret(&mut self, name: &str, data: Value) {
        let mut apiserver = lock(&self.apiserver);
        let version = apiserver.next_version();
        if data.is_null() {
            apiserver.secrets.remove(name);
            return;
        }
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "data": data,
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": "secret", "resourceVersion": version},
        });
        apiserver.secrets.insert(name.to_owned(), secret);
    }

    /// As the watch does for a change that is not only of the status.
    pub(crate) fn trigger(&mut self, name: &str) {
        self.due.insert(name.to_owned(), self.now());
    }

    fn trigger_all(&mut self) {
        let names: Vec<String> = self.apiserver().objects.keys().cloned().collect();
        for name in names {
            self.trigger(&name);
        }
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
        for _ in 0..MAX_PASSES_PER_MOMENT {
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
            // A link that was issued makes the poll quick.
            self.refresh_cache().await;
            if self.running.somebody_is_expected() {
                self.next_poll = self.next_poll.min(self.now() + POLL_WAITING);
            }
        }
        panic!("does not come to rest: {}", self.describe());
    }

    async fn poll(&mut self) {
        self.refresh_cache().await;
        let mut triggered = Vec::new();
        for (place, at_work) in self.places.iter().zip(&mut self.running.projects) {
            if place.state == ProjectState::Available {
                let trigger = |object: ObjectRef<_>| triggered.push(object.name);
                // A poll that failed is tried again like any other.
                let _ = at_work.poll.tick(trigger).await;
            }
        }
        for name in triggered.into_iter().chain(self.sweep_requests()) {
            self.trigger(&name);
        }
        let waits = self.running.somebody_is_expected();
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
        let before = self.object(name);
        let packed: PackedObject = serde_json::from_value(object).expect("it decodes");
        self.passes += 1;
        let (calls, reads) = (self.running.calls(), self.apiserver().reads);
        let passed = self.running.pass(packed).await;
        let calls = self.running.calls() - calls;
        if let Some(before) = &before {
            self.refused.note(name, before, calls);
        }
        let (passed, was_at_rest) = passed;
        let is_read = self.apiserver().reads > reads;
        self.passes_at_rest += u64::from(was_at_rest && is_read);
        self.concluded += u64::from(was_at_rest && !is_read);
        let passed = passed.expect("the fake apiserver does not fail");
        let again = passed.requeue_after;
        let after = self.object(name);
        if let Some(again) = again {
            let again = SignedDuration::try_from(again).expect("not that long");
            let again = self.now() + again;
            let due = self.due.entry(name.to_owned()).or_insert(again);
            *due = again.min(*due);
        }
        if before.is_some() && after.is_none() {
            // Whoever lost against it is told.
            self.trigger_all();
        }
    }

    /// The cache learns of everything that was written.
    async fn refresh_cache(&mut self) {
        let objects = self.apiserver().objects.clone();
        if objects == self.running.cached {
            return;
        }
        let known = self.running.all.clone();
        known.apply_event(watcher::Event::Init);
        for object in objects.values() {
            let packed = serde_json::from_value(object.clone()).expect("it decodes");
            known.apply_event(watcher::Event::InitApply(packed));
        }
        for changed in known.apply_event(watcher::Event::InitDone).changed {
            self.trigger(changed.name().1);
        }
        self.running.cached = objects;
    }

    /// All that there is to say about a failure.
    pub(crate) fn describe(&self) -> String {
        let now = self.now();
        let mut text = format!("at {now}\n");
        for object in lock(&self.apiserver).objects.values() {
            text.push_str(&format!("object {object}\n"));
        }
        for (n, world) in self.worlds.iter().enumerate() {
            let mut world = lock(world);
            for account in world.accounts(now) {
                text.push_str(&format!("account of {n} {}\n", json!(account)));
            }
            let log = world.log_since(0);
            for entry in log.iter().rev().take(30).rev() {
                text.push_str(&format!(
                    "asked {n} at {} {} {}? {:?} {:?}\n",
                    entry.time, entry.method, entry.path, entry.status, entry.fault
                ));
            }
        }
        text
    }
}
