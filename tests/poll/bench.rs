//! A project with accounts of ours and of others, the poller over it, and a clock that a test moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use composio_operator::composio::{SendError, Transport};
use composio_operator::crd::{ConnectedAccount, ProjectRef};
use composio_operator::metrics::Metrics;
use composio_operator::plan::{Flags, computed_alias};
use composio_operator::poll::{Poll, PollEvent, Polling, ScanGroup};
use composio_operator::project::{CachedAccount, Project};
use composio_operator::projects::ProjectKey;
use composio_operator::record::RecordKeys;
use composio_operator::sandbox::world::{Seed, SeedAccount, World};
use composio_operator::store::{AllObjects, Objects, PackedObject};
use futures::FutureExt;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::watcher;
use serde_json::json;

use crate::support::simulated_clock;

pub(super) const POLLING: Polling = Polling {
    interval: Duration::from_secs(2),
    idle: Some(Duration::from_secs(300)),
    waiting: Duration::from_secs(2),
    resync: Duration::from_secs(120),
    unseen: Duration::from_secs(60),
    accept_missing: false,
};

/// A project with accounts of ours and of others, and the poller over it.
pub(super) struct Bench {
    pub(super) shared: Arc<Shared>,
    pub(super) project: Arc<Project>,
    pub(super) all: AllObjects,
    pub(super) objects: Objects,
    pub(super) poll: Poll,
    /// By object, which is named after the account.
    pub(super) ours: Vec<String>,
    pub(super) others: Vec<String>,
    /// What the object of each id was told of last.
    pub(super) told: BTreeMap<String, Option<String>>,
}

pub(super) struct Shared {
    pub(super) world: Mutex<World>,
    pub(super) now: Mutex<Timestamp>,
    pub(super) requests: Mutex<usize>,
    /// Those of them that list changes, and not accounts by their ids.
    pub(super) scans: Mutex<usize>,
    /// How long each takes.
    pub(super) latency: Mutex<Duration>,
    /// What happens in the project before each request: pages shift.
    pub(super) between: Mutex<Option<Between>>,
}

pub(super) type Between = Box<dyn FnMut(&mut World, Timestamp) + Send>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this")
}

impl Bench {
    pub(super) fn new(ours: usize, others: usize, max_page: usize, accept_missing: bool) -> Bench {
        let account = |n: usize| SeedAccount {
            id: Some(format!("ca_{n}")),
            auth_config: "ac_gmail".to_owned(),
            user_id: format!("user-{n}"),
            alias: None,
            status: "ACTIVE".to_owned(),
            status_reason: None,
            sharing: None,
        };
        let ids = |range: std::ops::Range<usize>| range.map(|n| format!("ca_{n}")).collect();
        let seed = Seed {
            accounts: (0..ours + others).map(account).collect(),
            max_page,
            limit: u32::MAX,
            ..Seed::default()
        };
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(seed)),
            now: Mutex::new(start),
            requests: Mutex::new(0),
            scans: Mutex::new(0),
            latency: Mutex::default(),
            between: Mutex::new(None),
        });
        let group = ScanGroup::default();
        let all = ids(0..ours);
        let others = ids(ours..ours + others);
        Bench::of_group(&shared, all, others, accept_missing, &group)
    }

    /// A poller of the same world whose objects have these accounts.
    pub(super) fn of_group(
        shared: &Arc<Shared>,
        ours: Vec<String>,
        others: Vec<String>,
        accept_missing: bool,
        group: &ScanGroup,
    ) -> Bench {
        let clock = Arc::clone(shared);
        let project = Arc::new(Project::new(
            "project",
            transport(shared),
            RecordKeys::derive(b"the API key", &Flags::default().project),
            Arc::new(Metrics::default()),
            simulated_clock(move || *lock(&clock.now)),
            SignedDuration::from_mins(10),
        ));
        let all = AllObjects::new(Flags::default());
        let objects = all.of_project(&ProjectKey::referred(&ProjectRef::default(), "ns"));
        all.apply_event(watcher::Event::Init);
        for id in &ours {
            all.apply_event(watcher::Event::InitApply(packed(object(id))));
        }
        all.apply_event(watcher::Event::InitDone);
        let polling = Polling {
            accept_missing,
            ..POLLING
        };
        let (project_of_poll, objects_of_poll) = (Arc::clone(&project), objects.clone());
        Bench {
            poll: Poll::of_group(project_of_poll, objects_of_poll, polling, group),
            all,
            objects,
            others,
            told: ours.iter().map(|id| (id.clone(), None)).collect(),
            shared: Arc::clone(shared),
            project,
            ours,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        *lock(&self.shared.now)
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.shared.world)
    }

    pub(super) fn pass_time(&self, by: SignedDuration) {
        let mut now = lock(&self.shared.now);
        *now += by;
    }

    /// Polls once; the requests that it took, and the ids whose object was told.
    pub(super) async fn tick(&mut self) -> (usize, BTreeSet<String>) {
        *lock(&self.shared.requests) = 0;
        let mut ids = BTreeSet::new();
        let event = self
            .poll
            .tick(|object| {
                ids.insert(object.name);
            })
            .await;
        if let PollEvent::Failed(error) = event {
            panic!("the world does not fail: {error}");
        }
        for id in &ids {
            let state = self.remembered(id);
            self.told.insert(id.clone(), state);
        }
        let requests = *lock(&self.shared.requests);
        (requests, ids)
    }

    pub(super) fn remembered(&self, id: &str) -> Option<String> {
        match self.project.snapshot(|snapshot| snapshot.cached(id)) {
            Some(CachedAccount::Present(account)) => Some(account.state.as_str().to_owned()),
            Some(CachedAccount::Absent | CachedAccount::Deleted) | None => None,
        }
    }

    /// What Composio would say of an account; nothing where it is gone.
    pub(super) fn truth(&self, id: &str) -> Option<String> {
        let now = self.now();
        let account = json!(self.world().account(id, now).expect("it was made"));
        let is_gone = !account["deleted_at"].is_null();
        (!is_gone).then(|| account["status"].as_str().expect("a word").to_owned())
    }

    pub(super) fn set(&self, id: &str, state: &str, stamp: Timestamp) {
        // What is deleted stays deleted.
        let _ = self.world().force_state(id, state, None, stamp);
    }
}

pub(super) fn packed(object: ConnectedAccount) -> PackedObject {
    PackedObject::pack(object).expect("JSON")
}

pub(super) fn object(id: &str) -> ConnectedAccount {
    // As the operator writes it: what anybody may have written is no witness.
    let keys = RecordKeys::derive(b"the API key", &Flags::default().project);
    let record = keys.sign(&computed_alias("", "ns", id), id);
    serde_json::from_value(json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": id, "namespace": "ns", "uid": id, "resourceVersion": "1"},
        "spec": {"user": id, "toolkit": "gmail"},
        "status": {
            "observedGeneration": 1, "connectedAccountId": id, "authConfig": "ac_gmail",
            "record": record,
        },
    }))
    .expect("it decodes")
}

pub(super) fn transport(shared: &Arc<Shared>) -> Transport {
    let shared = Arc::clone(shared);
    Arc::new(move |mut request: Request<Bytes>| {
        let key = http::HeaderValue::from_static("sandbox");
        request.headers_mut().insert("x-api-key", key);
        let now = *lock(&shared.now);
        *lock(&shared.requests) += 1;
        let query = request.uri().query().unwrap_or_default();
        if query.contains("order_by=updated_at") && !query.contains("connected_account_ids") {
            *lock(&shared.scans) += 1;
        }
        let latency = *lock(&shared.latency);
        let mut world = lock(&shared.world);
        if let Some(between) = lock(&shared.between).as_mut() {
            between(&mut world, now);
        }
        let answer = world.exchange(&request, now);
        async move {
            tokio::time::sleep(latency).await;
            answer.map_err(|_| SendError::Disconnected("cut by the test".to_owned()))
        }
        .boxed()
    })
}
