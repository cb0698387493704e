//! An apiserver and a receiver in memory, and the sender between them, on a simulated clock.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures::{FutureExt, future::BoxFuture};
use http::{Method, Request, Response};
use jiff::Timestamp;
use kube::{client::Body, runtime::watcher::Event};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::super::*;
use crate::{
    crd::{NotificationType, PendingNotification},
    notify::{
        Format, NotifyFilter,
        sink::{Answer, Receive},
    },
    plan::Flags,
    project::Clock,
    store::PackedObject,
};

/// The objects as an apiserver keeps them, and the watch that shows each change.
#[derive(Clone)]
pub(super) struct Cluster {
    kept: Arc<Mutex<HashMap<String, Value>>>,
    objects: AllObjects,
    outbox: Outbox,
}

impl Cluster {
    pub(super) fn put(&self, mut object: Value) -> Value {
        let key = format!(
            "{}/{}",
            object["metadata"]["namespace"]
                .as_str()
                .expect("a namespace"),
            object["metadata"]["name"].as_str().expect("a name")
        );
        let version = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or("0");
        let version = version.parse::<u64>().expect("a number") + 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        self.kept.lock().insert(key, object.clone());
        let packed = packed(&object);
        let summary = Arc::clone(packed.summary());
        self.objects.apply_event(Event::Apply(packed));
        self.outbox.offer(&summary);
        object
    }

    pub(super) fn delete(&self, key: &str) {
        let object = self.kept.lock().remove(key).expect("it is there");
        let packed = packed(&object);
        self.outbox.forget(packed.summary());
        self.objects.apply_event(Event::Delete(packed));
    }

    pub(super) fn get(&self, key: &str) -> Value {
        self.kept.lock()[key].clone()
    }

    /// How many statuses say that something is to be told.
    pub(super) fn pending(&self) -> usize {
        let kept = self.kept.lock();
        let pending = kept
            .values()
            .filter(|one| one["status"]["pendingNotification"].is_object());
        pending.count()
    }

    /// What the apiserver answers.
    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let segments: Vec<&str> = path.split('/').collect();
        let [.., "namespaces", namespace, "connectedaccounts", name] = segments[..8] else {
            return (400, json!({"path": path}));
        };
        let key = format!("{namespace}/{name}");
        let Some(mut object) = self.kept.lock().get(&key).cloned() else {
            let gone = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "", "code": 404});
            return (404, gone);
        };
        if *method == Method::PUT {
            let body: Value = serde_json::from_slice(body).expect("JSON");
            object["status"] = body["status"].clone();
            object = self.put(object);
        }
        (200, object)
    }

    fn client(&self) -> Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let (status, object) = cluster.answer(&parts.method, parts.uri.path(), &body);
                let response = Response::builder().status(status);
                let body = Body::from(object.to_string().into_bytes());
                Ok::<_, tower::BoxError>(response.body(body)?)
            }
        });
        Client::new(service, "default")
    }
}

fn packed(object: &Value) -> PackedObject {
    serde_json::from_str(&object.to_string()).expect("an object")
}

/// Answers a message as a receiver does that is so.
type Answers = Box<dyn Fn(&Value) -> Answer + Send>;

/// A receiver, with the messages that it has taken.
#[derive(Clone)]
pub(super) struct Mailbox {
    answers: Arc<Mutex<Answers>>,
    pub(super) taken: Arc<Mutex<Vec<Value>>>,
}

impl Receive for Mailbox {
    fn send(&self, _: &'static str, body: String) -> BoxFuture<'_, Answer> {
        let message: Value = serde_json::from_str(&body).expect("JSON");
        let answer = (*self.answers.lock())(&message);
        if answer == Answer::Taken {
            self.taken.lock().push(message);
        }
        std::future::ready(answer).boxed()
    }
}

/// Objects, a receiver, and what sends from one to the other.
pub(super) struct Story {
    pub(super) cluster: Cluster,
    pub(super) mailbox: Mailbox,
    metrics: Arc<Metrics>,
    clock: Clock,
    stop: CancellationToken,
    sender: JoinHandle<()>,
}

impl Story {
    /// With a receiver that answers so.
    pub(super) fn new(answers: impl Fn(&Value) -> Answer + Send + 'static) -> Self {
        let (began, first): (_, Timestamp) = (
            Instant::now(),
            "2026-01-01T00:00:00Z".parse().expect("a time"),
        );
        let elapsed = move || SignedDuration::try_from(began.elapsed()).expect("not long");
        let clock = Clock::new(move || first + elapsed(), Instant::now);
        let cluster = Cluster {
            kept: Arc::default(),
            objects: AllObjects::new(Flags::default()),
            outbox: Outbox::default(),
        };
        let mailbox = Mailbox {
            answers: Arc::new(Mutex::new(Box::new(answers))),
            taken: Arc::default(),
        };
        let notifier = Notifier {
            filter: Arc::new(NotifyFilter {
                namespaced_projects: true,
                ..NotifyFilter::default()
            }),
            sink: Box::new(mailbox.clone()),
            clock: clock.clone(),
            format: Format::CloudEvents,
            connect_url: None,
            with_token: false,
            digest: None,
        };
        let (metrics, stop) = (Arc::new(Metrics::default()), CancellationToken::new());
        let parts = Parts {
            outbox: cluster.outbox.clone(),
            objects: cluster.objects.clone(),
            client: cluster.client(),
            statuses: StatusSubresource::without_metadata(cluster.client()),
            metrics: Arc::clone(&metrics),
            health: Arc::new(Health::of(&[])),
            leadership: Leadership::alone(),
            stop: stop.clone(),
        };
        Self {
            cluster,
            mailbox,
            metrics,
            clock,
            stop,
            sender: tokio::spawn(Sender::new(notifier, parts).run()),
        }
    }

    /// From now on the receiver answers so.
    pub(super) fn answer(&self, answers: impl Fn(&Value) -> Answer + Send + 'static) {
        *self.mailbox.answers.lock() = Box::new(answers);
    }

    /// From now on that is to be told of the object of that name, which is made if it is not there.
    pub(super) fn happens(&self, namespace: &str, name: &str, type_: NotificationType) {
        let now = self.clock.now();
        let uid = format!("uid-of-{name}");
        let pending = PendingNotification::new(&uid, type_, now);
        let mut object = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": name, "namespace": namespace, "uid": uid, "generation": 1},
            "spec": {"user": format!("{name}@{namespace}.example"), "toolkit": "gmail"},
        });
        if let Some(kept) = self.cluster.kept.lock().get(&format!("{namespace}/{name}")) {
            object = kept.clone();
        }
        object["status"] = json!({
            "observedGeneration": 1, "pendingNotification": pending, "notificationState": type_,
            "conditions": [{
                "type": "Synced", "status": "True", "reason": type_, "message": "", "observedGeneration": 1,
                "lastTransitionTime": now.to_string(),
            }],
        });
        self.cluster.put(object);
    }

    pub(super) fn waits(&self, namespace: &str, name: &str) {
        self.happens(namespace, name, NotificationType::AwaitingUser);
    }

    /// What was told of each object, by its name, in order.
    pub(super) fn told(&self) -> BTreeMap<String, Vec<String>> {
        let mut told = BTreeMap::<_, Vec<String>>::new();
        for message in self.mailbox.taken.lock().iter() {
            let type_ = message["type"].as_str().expect("a type").rsplit('.').next();
            let name = message["data"]["name"].as_str().unwrap_or("digest");
            let of_it = told.entry(name.to_owned()).or_default();
            of_it.push(type_.expect("a word").to_owned());
        }
        told
    }

    /// The value of a counter.
    pub(super) fn counted(&self, line: &str) -> u64 {
        let text = self.metrics.text();
        let line = format!("composio_operator_{line} ");
        let found = text.lines().find_map(|one| one.strip_prefix(&line));
        found.expect("it is counted").parse().expect("a number")
    }

    pub(super) fn dropped(&self, cause: &str) -> u64 {
        self.counted(&format!("notifications_dropped_total{{cause=\"{cause}\"}}"))
    }

    /// The end: nothing is left that anybody would send.
    pub(super) async fn ends(self) {
        assert_eq!(self.cluster.pending(), 0, "no status says so any more");
        self.stop.cancel();
        self.sender.await.expect("it does not panic");
    }
}
