//! The operator between two restarts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use composio_operator::composio::{SendError, Transport};
use composio_operator::kubernetes::StatusSubresource;
use composio_operator::look::{ProjectContext, SecretReader};
use composio_operator::metrics::Metrics;
use composio_operator::plan::Flags;
use composio_operator::poll::{Poll, Polling};
use composio_operator::project::Project;
use composio_operator::projects::Peers;
use composio_operator::reconcile::{
    Context, PassError, ReconcileResult, Slots, reconcile_known, reconcile_packed,
};
use composio_operator::record::RecordKeys;
use composio_operator::report::RequeuePolicy;
use composio_operator::sandbox::world::World;
use composio_operator::store::{AllObjects, PackedObject, Summary};
use futures::FutureExt;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::fake_apiserver::{FakeApiServer, client};
use super::{INSTANCE, Logic, Place, Repeats, lock};
use crate::support::simulated_clock;

const POLLING: Polling = Polling {
    interval: Duration::from_secs(60),
    idle: None,
    waiting: Duration::from_secs(10),
    resync: Duration::from_secs(600),
    unseen: Duration::from_secs(60),
    accept_missing: false,
};

const REQUEUE: RequeuePolicy = RequeuePolicy {
    min: Duration::from_secs(5),
    max: Duration::from_secs(600),
    slow: Duration::from_secs(600),
    secret: Duration::from_secs(300),
};

/// What a restart of the operator throws away.
pub(super) struct Running {
    /// In the order of the places.
    pub(super) projects: Vec<AtWork>,
    pub(super) all: AllObjects,
    /// What the cache knows, which may lag behind the apiserver.
    pub(super) cached: BTreeMap<String, Value>,
    calls: Arc<AtomicU64>,
}

/// A project at work.
pub(super) struct AtWork {
    pub(super) context: Context,
    pub(super) poll: Poll,
}

impl Running {
    /// A pass over an object as the watch has brought it, which may be late; over one of which no more is kept than
    /// the summary, it reads the object itself. Whether that was so is told, too.
    pub(super) async fn pass(
        &self,
        object: PackedObject,
    ) -> (Result<ReconcileResult, PassError>, bool) {
        let context = self.context_of(object.summary());
        let known = self.all.get(&object.summary().reference());
        if let Some(known) = known.filter(|known| !self.all.has_text(known)) {
            return (reconcile_known(&known, &self.all, context).await, true);
        }
        let passed = reconcile_packed(Arc::new(object), &self.all, context).await;
        (passed, false)
    }

    /// Where an object is worked on.
    pub(super) fn context_of(&self, object: &Summary) -> &Context {
        let key = object.project_at_work();
        let mut projects = self.projects.iter();
        let at_work = projects.find(|one| one.context.key == key);
        &at_work.expect("objects name no other project").context
    }

    /// Whether a link waits for a person.
    pub(super) fn somebody_is_expected(&self) -> bool {
        let mut all = self.projects.iter();
        all.any(|one| one.poll.somebody_is_expected())
    }

    /// How much was asked of any world.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

pub(super) fn run(
    worlds: &[Arc<Mutex<World>>],
    places: &[Place],
    apiserver: &Arc<Mutex<FakeApiServer>>,
    now: &Arc<Mutex<Timestamp>>,
    flags: &Flags,
    logic: &Logic,
) -> Running {
    let clock = simulated_clock({
        let now = Arc::clone(now);
        move || *lock(&now)
    });
    let metrics = Arc::new(Metrics::default());
    let all = AllObjects::new(flags.clone());
    let calls = Arc::new(AtomicU64::new(0));
    let slots = Arc::new(Slots::new(1, CancellationToken::new()));
    let backoff = Arc::default();
    let at_work = |place: &Place| {
        let n = place.leads_to();
        let asked = Asked {
            world: Arc::clone(&worlds[n]),
            apiserver: Arc::clone(apiserver),
            now: Arc::clone(now),
            repeats: logic.repeats.clone(),
            calls: Arc::clone(&calls),
        };
        let name = place.key.reference().to_string();
        let project = Arc::new(Project::new(
            &name,
            transport(asked),
            RecordKeys::derive(format!("the API key of {n}").as_bytes(), &name),
            Arc::clone(&metrics),
            clock.clone(),
            SignedDuration::from_mins(10),
        ));
        project.set_state(place.state);
        let objects = all.of_project(&place.key);
        objects.set_project("", &place.policy);
        AtWork {
            poll: Poll::new(Arc::clone(&project), objects.clone(), POLLING),
            context: Context {
                key: place.key.clone(),
                slots: Arc::clone(&slots),
                project_context: ProjectContext {
                    project,
                    objects,
                    peers: Peers::default(),
                    client: client(apiserver),
                    secrets: SecretReader::default(),
                    statuses: StatusSubresource::without_metadata(client(apiserver)),
                },
                decide: Arc::new({
                    let decide = Arc::clone(&logic.decide);
                    move |desired, observed, now| decide(desired, observed, now)
                }),
                report: Arc::new({
                    let report = Arc::clone(&logic.report);
                    move |desired, previous, outcome, now| report(desired, previous, outcome, now)
                }),
                requeue_policy: REQUEUE,
                backoff: Arc::clone(&backoff),
                pace: Arc::default(),
                metrics: Arc::clone(&metrics),
                emit: Arc::new(|_, _| {}),
            },
        }
    };
    Running {
        projects: places.iter().map(at_work).collect(),
        all: all.clone(),
        cached: BTreeMap::new(),
        calls: Arc::clone(&calls),
    }
}

/// Who is asked, and what is noted of it.
struct Asked {
    world: Arc<Mutex<World>>,
    apiserver: Arc<Mutex<FakeApiServer>>,
    now: Arc<Mutex<Timestamp>>,
    repeats: Repeats,
    calls: Arc<AtomicU64>,
}

/// The world instead of the network.
fn transport(asked: Asked) -> Transport {
    Arc::new(move |mut request: Request<Bytes>| {
        asked.calls.fetch_add(1, Ordering::Relaxed);
        let key = http::HeaderValue::from_static("sandbox");
        request.headers_mut().insert("x-api-key", key);
        let instance = http::HeaderValue::from_static(INSTANCE);
        request
            .headers_mut()
            .insert("x-composio-operator-instance", instance);
        let time = *lock(&asked.now);
        if request.method() == Method::POST
            && let Ok(body) = serde_json::from_slice::<Value>(request.body())
            && let Some(alias) = body["alias"]
                .as_str()
                .or(body["connection"]["alias"].as_str())
        {
            lock(&asked.apiserver).made(alias);
        }
        let answer = lock(&asked.world).exchange(&request, time);
        if let Ok(answer) = &answer {
            let query = request.uri().query().unwrap_or_default();
            asked.repeats.answered(query, answer.body());
        }
        async move { answer.map_err(|_| SendError::Disconnected("cut by the test".to_owned())) }
            .boxed()
    })
}
