//! The operator between two restarts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use composio_operator::composio::{SendError, Transport};
use composio_operator::crd::ProjectRef;
use composio_operator::look::ProjectContext;
use composio_operator::metrics::Metrics;
use composio_operator::plan::Flags;
use composio_operator::poll::{Poll, Polling};
use composio_operator::project::Project;
use composio_operator::projects::{Peers, ProjectKey};
use composio_operator::reconcile::{Context, Slots};
use composio_operator::record::RecordKeys;
use composio_operator::report::RequeuePolicy;
use composio_operator::sandbox::world::World;
use composio_operator::store::{AllObjects, PackedObject};
use futures::FutureExt;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::fake_apiserver::{FakeApiServer, client};
use super::{INSTANCE, Logic, NAMESPACE, Repeats, lock};
use crate::support::simulated_clock;

/// What a restart of the operator throws away.
pub(super) struct Running {
    pub(super) context: Context,
    pub(super) all: AllObjects,
    pub(super) poll: Poll,
    pub(super) writer: reflector::store::Writer<PackedObject>,
    /// What the cache knows, which may lag behind the apiserver.
    pub(super) cached: BTreeMap<String, Value>,
}

pub(super) fn run(
    world: &Arc<Mutex<World>>,
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
    let project = Arc::new(Project::new(
        "project",
        transport(world, apiserver, now, &logic.repeats),
        RecordKeys::derive(b"the API key", &flags.project),
        Arc::clone(&metrics),
        clock,
        SignedDuration::from_mins(10),
    ));
    let (store, writer) = reflector::store();
    let all = AllObjects::new(store, flags.clone());
    let key = ProjectKey::referred(&ProjectRef::default(), NAMESPACE);
    let objects = all.of_project(&key);
    let polling = Polling {
        interval: Duration::from_secs(60),
        idle: None,
        waiting: Duration::from_secs(10),
        resync: Duration::from_secs(600),
        unseen: Duration::from_secs(60),
        accept_missing: false,
    };
    let poll = Poll::new(Arc::clone(&project), objects.clone(), polling);
    let context = Context {
        key,
        slots: Arc::new(Slots::new(1, CancellationToken::new())),
        project_context: ProjectContext {
            project,
            objects,
            peers: Peers::default(),
            client: client(apiserver),
        },
        decide: Arc::new({
            let decide = Arc::clone(&logic.decide);
            move |desired, observed, now| decide(desired, observed, now)
        }),
        report: Arc::new({
            let report = Arc::clone(&logic.report);
            move |desired, previous, outcome, now| report(desired, previous, outcome, now)
        }),
        requeue_policy: RequeuePolicy {
            min: Duration::from_secs(5),
            max: Duration::from_secs(600),
            slow: Duration::from_secs(600),
            secret: Duration::from_secs(300),
        },
        backoff: Arc::default(),
        pace: Arc::default(),
        metrics,
        emit: Arc::new(|_, _| {}),
    };
    Running {
        context,
        all,
        poll,
        writer,
        cached: BTreeMap::new(),
    }
}

/// The world instead of the network.
fn transport(
    world: &Arc<Mutex<World>>,
    apiserver: &Arc<Mutex<FakeApiServer>>,
    now: &Arc<Mutex<Timestamp>>,
    repeats: &Repeats,
) -> Transport {
    let (world, apiserver, now) = (Arc::clone(world), Arc::clone(apiserver), Arc::clone(now));
    let repeats = repeats.clone();
    Arc::new(move |mut request: Request<Bytes>| {
        let key = http::HeaderValue::from_static("sandbox");
        request.headers_mut().insert("x-api-key", key);
        let instance = http::HeaderValue::from_static(INSTANCE);
        request
            .headers_mut()
            .insert("x-composio-operator-instance", instance);
        let time = *lock(&now);
        if request.method() == Method::POST
            && let Ok(body) = serde_json::from_slice::<Value>(request.body())
            && let Some(alias) = body["alias"]
                .as_str()
                .or(body["connection"]["alias"].as_str())
        {
            lock(&apiserver).made(alias);
        }
        let answer = lock(&world).exchange(&request, time);
        if let Ok(answer) = &answer {
            repeats.answered(request.uri().query().unwrap_or_default(), answer.body());
        }
        async move { answer.map_err(|_| SendError::Disconnected("cut by the test".to_owned())) }
            .boxed()
    })
}
