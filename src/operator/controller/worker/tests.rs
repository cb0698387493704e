use std::{convert::Infallible, time::Duration};

use http::{Response, StatusCode};
use jiff::SignedDuration;
use kube::{Client, client::Body, runtime::watcher::Event};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use super::{
    super::queue::{Opened, Queue},
    *,
};
use crate::{
    arguments::BaseUrl,
    composio::{HttpClient, HttpConfig},
    http::Health,
    kubernetes::StatusSubresource,
    lease::Leadership,
    plan::Flags,
    poll::Polling,
    projects::{AllowedBaseUrls, Parts, ProjectKey, ProjectSettings},
    reconcile::Slots,
    record::RecordKeySource,
    report::RequeuePolicy,
    store::PackedObject,
};

const HOUR: Duration = Duration::from_secs(3600);

/// A worker whose apiserver has nothing.
struct Bench {
    worker: Arc<Worker>,
    queue: Opened,
}

fn apiserver() -> Client {
    let server = service_fn(|_| async {
        let status =
            json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"});
        let mut response = Response::new(Body::from(status.to_string().into_bytes()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        Ok::<_, Infallible>(response)
    });
    Client::new(server, "default")
}

fn settings() -> ProjectSettings {
    ProjectSettings {
        allowed_base_urls: AllowedBaseUrls::new(&[] as &[BaseUrl]),
        cluster_resource_namespace: "composio".to_owned(),
        max_per_namespace: 1,
        key_interval: HOUR,
        polling: Polling {
            interval: HOUR,
            idle: None,
            waiting: HOUR,
            resync: HOUR,
            unseen: HOUR,
            accept_missing: false,
        },
        auth_config_lifetime: SignedDuration::from_hours(1),
    }
}

impl Bench {
    fn new() -> Self {
        let objects = AllObjects::new(Flags::default());
        let queue = Queue::opened(objects.clone());
        let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::of(&[])));
        let (client, stop) = (apiserver(), CancellationToken::new());
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = HttpClient::new(HttpConfig {
            user_agent: "test".to_owned(),
            instance: "test".to_owned(),
            timeout: HOUR,
            max_body: 1024,
        });
        let (projects, _) = Projects::new(Parts {
            client: client.clone(),
            statuses: StatusSubresource::without_metadata(client),
            http: http.expect("it starts"),
            leadership: Leadership::alone(),
            keys: RecordKeySource::new(None),
            metrics: Arc::clone(&metrics),
            trigger: queue.trigger(),
            objects: objects.clone(),
            slots: Arc::new(Slots::new(4, stop.clone())),
            requeue_policy: RequeuePolicy {
                min: HOUR,
                max: HOUR,
                slow: HOUR,
                secret: HOUR,
            },
            emit: Arc::new(|_, _| ()),
            emit_project: Arc::new(|_, _| ()),
            settings: settings(),
            serves_cluster: true,
            stop,
        });
        projects.start();
        let trigger = queue.trigger();
        let access = NamespaceAccess::new(
            &[],
            health,
            Arc::clone(&metrics),
            objects.clone(),
            trigger.clone(),
        );
        let worker = Worker {
            projects,
            objects,
            metrics,
            access,
            trigger,
        };
        Self {
            worker: Arc::new(worker),
            queue,
        }
    }

    fn apply(&self, object: PackedObject) -> Arc<Summary> {
        let summary = Arc::clone(object.summary());
        self.worker.objects.apply_event(Event::Apply(object));
        summary
    }

    /// As the watch does.
    fn delete(&self, summary: &Arc<Summary>) {
        let gone = PackedObject::gone(Arc::clone(summary));
        self.worker.objects.apply_event(Event::Delete(gone));
        self.worker.projects.forget(&summary.project());
        self.worker.projects.forget(&summary.project_at_work());
    }

    async fn pass(&self, summary: &Arc<Summary>) {
        Arc::clone(&self.worker).pass(Arc::clone(summary)).await;
        self.queue.drain();
    }

    /// How many projects are kept: by those who work on their objects, and by the store.
    fn kept(&self) -> (usize, usize) {
        let Worker {
            projects, objects, ..
        } = &*self.worker;
        (projects.kept(), objects.kept_projects())
    }
}

fn object(version: usize, project: &str) -> serde_json::Value {
    json!({
        "metadata": {
            "name": "mail", "namespace": "agents", "uid": "1", "generation": 1,
            "resourceVersion": version.to_string(),
        },
        "spec": {"user": "u", "toolkit": "gmail", "projectRef": {"name": project}},
    })
}

fn packed(object: &serde_json::Value) -> PackedObject {
    serde_json::from_str(&object.to_string()).expect("an object")
}

/// One that goes, is held by somebody else, and whose pin names that project.
fn pinned(version: usize, project: &str) -> PackedObject {
    let mut object = object(version, "default");
    let pin = json!({
        "project": format!("ComposioProject/{project}"), "prefix": "", "namespace": "agents",
        "name": "mail",
    });
    let metadata = &mut object["metadata"];
    metadata["annotations"] = json!({"composio.dev/alias": pin.to_string()});
    metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    metadata["finalizers"] = json!(["agents.example/hold"]);
    packed(&object)
}

#[tokio::test]
async fn of_projects_that_objects_named_without_a_pass_nothing_is_kept() {
    let bench = Bench::new();
    for n in 0..1000 {
        let summary = bench.apply(packed(&object(n, &format!("x-{n}"))));
        bench.delete(&summary);
    }
    assert_eq!(bench.kept(), (0, 0));
}

#[tokio::test]
async fn of_projects_that_the_pin_of_an_object_named_nothing_is_kept() {
    let bench = Bench::new();
    for n in 0..100 {
        let project = format!("x-{n}");
        let summary = bench.apply(pinned(n, &project));
        assert_eq!(summary.project_at_work().name(), project);
        bench.pass(&summary).await;
    }
    assert_eq!(bench.kept(), (0, 1), "the one that it refers to");
}

#[tokio::test]
async fn a_pass_that_begins_after_the_end_of_its_object_leaves_no_project_behind() {
    let bench = Bench::new();
    let summary = bench.apply(packed(&object(1, "x")));
    bench.delete(&summary);
    bench.pass(&summary).await;
    assert_eq!(bench.kept(), (0, 0));
}

#[tokio::test]
async fn a_project_is_kept_while_an_object_refers_to_it() {
    let bench = Bench::new();
    let summary = bench.apply(packed(&object(1, "x")));
    bench.pass(&summary).await;
    assert_eq!(bench.kept(), (1, 1));
    bench.worker.projects.forget_all();
    assert_eq!(bench.kept(), (1, 1));
    // It is made anew for another project, of which the watch says no more than that.
    let mut anew = object(2, "y");
    anew["metadata"]["uid"] = json!("2");
    let summary = bench.apply(packed(&anew));
    bench.pass(&summary).await;
    bench.worker.projects.forget_all();
    assert_eq!(bench.kept(), (1, 1));
    bench.delete(&summary);
    assert_eq!(bench.kept(), (0, 0));
}

#[tokio::test]
async fn of_a_project_that_only_the_store_has_nothing_is_kept() {
    let bench = Bench::new();
    let key: ProjectKey = "ComposioProject/agents/x".parse().expect("a key");
    bench.worker.objects.of_project(&key);
    assert_eq!(bench.kept(), (0, 1));
    bench.worker.projects.forget_all();
    assert_eq!(bench.kept(), (0, 0));
}
