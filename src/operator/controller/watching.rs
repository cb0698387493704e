//! What watch and poll bring: whom they trigger, and what readiness and the log say of them.

use std::sync::Arc;

use kube::runtime::watcher;
use tokio::sync::SetOnce;
use tracing::{error, info, warn};

use super::{KUBERNETES, PROJECTS, queue::Trigger};
use crate::{
    http::Health,
    kubernetes::CRD_NOT_INSTALLED,
    log::cause,
    metrics::Metrics,
    notify::Outbox,
    projects::{Change, Projects},
    store::{AllObjects, PackedObject, Summary, WatchDelta},
};

/// Logs once what of an object cannot be read: where, and not what stands there, which may be a link. Of a
/// status that is no harm, and the next write mends it. Anything else keeps the object from being acted on.
fn report_undecodable(known: &Summary, metrics: &Metrics) {
    let object = format!("{}/{}", known.namespace, known.name);
    let fields = known.left_out.join(", ");
    if !known.is_readable() {
        metrics.not_decoded();
        error!(%object, "cannot be read, and is left alone until it can be: {fields}");
    } else {
        metrics.status_fields_not_decoded(known.left_out.len());
        warn!(%object, "cannot be read, and counts as absent: {fields}");
    }
}

/// Follows what the watch brings, and tells of whom it was.
pub(super) fn follow(
    event: watcher::Event<PackedObject>,
    health: &Health,
    metrics: &Metrics,
    objects: &AllObjects,
    trigger: &Trigger,
    known: &SetOnce<()>,
) -> watcher::Event<Arc<Summary>> {
    let of_whom = summarized(&event);
    let WatchDelta {
        changed,
        undecodable,
        ..
    } = objects.apply_event(event);
    undecodable
        .iter()
        .for_each(|known| report_undecodable(known, metrics));
    changed
        .iter()
        .for_each(|object| trigger.send_stored(object));
    match of_whom {
        watcher::Event::InitDone => {
            if health.ready(KUBERNETES) {
                info!(objects = objects.count(), "the objects are known");
            }
            // A list that comes again says nothing new.
            let _ = known.set(());
        }
        watcher::Event::Delete(_) | watcher::Event::Apply(_) => drop(health.ready(KUBERNETES)),
        watcher::Event::Init | watcher::Event::InitApply(_) => {}
    }
    // Whoever lost against an object may have its account now: a list does not say which ones are gone.
    if matches!(of_whom, watcher::Event::InitDone) {
        let losers = objects.in_conflict();
        losers.iter().for_each(|object| trigger.send_stored(object));
    }
    of_whom
}

/// The same event with no more of the object than its summary.
fn summarized(event: &watcher::Event<PackedObject>) -> watcher::Event<Arc<Summary>> {
    let summary = |object: &PackedObject| Arc::clone(object.summary());
    match event {
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(object) => watcher::Event::InitApply(summary(object)),
        watcher::Event::InitDone => watcher::Event::InitDone,
        watcher::Event::Apply(object) => watcher::Event::Apply(summary(object)),
        watcher::Event::Delete(object) => watcher::Event::Delete(summary(object)),
    }
}

/// Follows of which objects people are to be told.
pub(super) fn follow_notifications(
    event: &watcher::Event<Arc<Summary>>,
    objects: &AllObjects,
    outbox: &Outbox,
) {
    match event {
        watcher::Event::Init | watcher::Event::InitApply(_) => {}
        watcher::Event::InitDone => objects.all().for_each(|one| outbox.offer(&one)),
        watcher::Event::Apply(object) => outbox.offer(object),
        watcher::Event::Delete(object) => outbox.forget(object),
    }
}

/// Once the objects are known a watch that breaks is taken up where it was, and nothing says so but the
/// next change: that is no reason to be unready.
pub(super) fn report_watch_error(health: &Health, error: &watcher::Error) {
    let (is_taken_up, client_error) = match error {
        watcher::Error::InitialListFailed(error) => (false, Some(error)),
        watcher::Error::NoResourceVersion => (false, None),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            (true, Some(error))
        }
        watcher::Error::WatchError(_) => (true, None),
    };
    let not_found = matches!(client_error, Some(kube::Error::Api(status)) if status.code == 404);
    let why = if not_found {
        CRD_NOT_INSTALLED.to_owned()
    } else {
        format!("cannot watch ConnectedAccounts: {}", cause(error))
    };
    if is_taken_up && !not_found && health.is_ready(KUBERNETES) {
        warn!("{why}");
        return;
    }
    if health.not_ready(KUBERNETES, why.clone()) {
        error!("{why}");
    }
}

/// Follows what the watches of projects bring.
pub(super) fn follow_projects(
    change: Change,
    health: &Health,
    projects: &Projects,
    known: &SetOnce<()>,
) {
    match change {
        Change::Declared(declared) => projects.declare(*declared),
        Change::Gone(key) => projects.gone(&key),
        Change::Namespaces(change) => projects.apply_namespaces(change),
        Change::Synced if known.initialized() => drop(health.ready(PROJECTS)),
        Change::Failed(why) if !known.initialized() => {
            let why = format!("cannot watch projects: {why}");
            if health.not_ready(PROJECTS, why.clone()) {
                error!("{why}");
            }
        }
        Change::Synced | Change::Failed(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::{
        super::{project_counts, queue::Queue},
        *,
    };
    use crate::{http::serve, plan::Flags, store::DECODED};

    struct WatchBench {
        objects: AllObjects,
        metrics: Metrics,
        health: Health,
    }

    impl WatchBench {
        fn new() -> Self {
            Self {
                objects: AllObjects::new(Flags::default()),
                metrics: Metrics::default(),
                health: Health::default(),
            }
        }

        /// Which objects are triggered by these events.
        fn after(&mut self, events: impl IntoIterator<Item = Event<PackedObject>>) -> Vec<String> {
            let queue = Queue::opened(self.objects.clone());
            let (trigger, known) = (queue.trigger(), SetOnce::new());
            for event in events {
                let (health, metrics) = (&self.health, &self.metrics);
                follow(event, health, metrics, &self.objects, &trigger, &known);
            }
            let triggered = queue.drain().into_iter();
            triggered.map(|object| object.name).collect()
        }

        /// Objects that could not be read, and fields of statuses.
        fn counted(&self) -> [String; 2] {
            let text = self.metrics.text();
            let value = |name: &str| {
                let start = format!("composio_operator_{name}_total ");
                let mut lines = text.lines();
                let value = lines.find_map(|line| line.strip_prefix(&start));
                value.unwrap_or_default().to_owned()
            };
            [
                value("objects_not_decoded"),
                value("status_fields_not_decoded"),
            ]
        }
    }

    fn watched(name: &str, enabled: Value, status: Value) -> PackedObject {
        let object = json!({
            "metadata": {"name": name, "namespace": "agents", "uid": name},
            "spec": {"user": "u", "toolkit": "gmail", "enabled": enabled},
            "status": status,
        });
        serde_json::from_str(&object.to_string()).expect("whatever has metadata is taken")
    }

    #[test]
    fn what_cannot_be_read_is_counted_once_and_its_object_is_known() {
        let mut bench = WatchBench::new();
        let odd = json!({"state": 7, "corrections": [], "authConfig": "ac_1"});
        let list = || {
            vec![
                Event::Init,
                Event::InitApply(watched("good", json!(true), json!({}))),
                Event::InitApply(watched("odd", json!(true), odd.clone())),
                Event::InitApply(watched("unreadable", json!("odd"), json!({}))),
                Event::InitDone,
            ]
        };
        let mut triggered = bench.after(list());
        triggered.sort();
        assert_eq!(triggered, ["good", "odd", "unreadable"]);
        assert_eq!(bench.counted(), ["1", "2"]);
        assert_eq!(bench.objects.count(), 3);
        // It was told already.
        assert!(bench.after(list()).is_empty());
        assert_eq!(bench.counted(), ["1", "2"]);
        let change = |enabled| [Event::Apply(watched("good", enabled, json!({})))];
        assert_eq!(bench.after(change(json!([]))), ["good"], "it is told");
        assert_eq!(bench.counted(), ["2", "2"]);
        assert_eq!(bench.after(change(json!(true))), ["good"], "it goes on");
        assert_eq!(bench.counted(), ["2", "2"]);
    }

    #[test]
    fn of_a_thousand_losers_only_those_are_looked_at_that_may_have_lost_against_who_is_gone() {
        const LOSERS: usize = 1000;
        let conflict = json!({"conditions": [{
            "type": "Ready", "status": "False", "reason": "Conflict", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]});
        let object = |name: String, user: usize, id: Option<String>, status: &Value| {
            let object = json!({
                "metadata": {"name": name, "namespace": "agents", "uid": name},
                "spec": {"user": format!("user-{user}"), "toolkit": "gmail", "connectedAccountId": id},
                "status": status,
            });
            serde_json::from_str(&object.to_string()).expect("an object")
        };
        let holder = |n| {
            let status = json!({"connectedAccountId": format!("ca_{n}")});
            object(format!("holder-{n}"), n, None, &status)
        };
        let mut bench = WatchBench::new();
        let losers = (0..LOSERS).map(|n| object(format!("loser-{n}"), n, None, &conflict));
        let holders = (0..LOSERS).map(holder);
        // One names an account of another user by its id.
        let by_id = object("by-id".into(), LOSERS, Some("ca_7".into()), &conflict);
        let all = holders.chain(losers).chain([by_id]);
        bench.after(all.map(Event::Apply));
        let mut looked_at = 0;
        for n in 0..LOSERS {
            let mut triggered = bench.after([Event::Delete(holder(n))]);
            triggered.sort();
            let mut expected = vec![format!("loser-{n}")];
            expected.extend((n == 7).then(|| "by-id".to_owned()));
            expected.sort();
            assert_eq!(triggered, expected);
            looked_at += triggered.len();
        }
        assert_eq!(looked_at, LOSERS + 1);
    }

    /// What a scraper of `/metrics` is answered.
    async fn scraped(address: std::net::SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = b"GET /metrics HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("it reads");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        read.expect("it answers");
        answer
    }

    #[tokio::test]
    async fn fifty_scrapers_of_ten_thousand_objects_have_none_of_them_decoded() {
        const OBJECTS: usize = 10_000;
        let mut bench = WatchBench::new();
        let ready = json!({"conditions": [{
            "type": "Ready", "status": "False", "reason": "AwaitingUser", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]});
        let each = (0..OBJECTS).map(|n| watched(&format!("mail-{n}"), json!(true), ready.clone()));
        let list = [Event::Init].into_iter();
        let list = list.chain(each.map(Event::InitApply));
        bench.after(list.chain([Event::InitDone]));
        let change = watched("mail-0", json!(true), json!({}));
        bench.after([Event::Apply(change)]);
        let metrics = Arc::new(bench.metrics);
        metrics.count_objects_by({
            let objects = bench.objects.clone();
            move || {
                let now = jiff::Timestamp::now();
                project_counts(objects.counts(), |key| Some(key.to_string()), now)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("it is bound");
        let serving = serve(listener, Arc::default(), metrics, std::future::pending());
        let serving = tokio::spawn(serving);
        let before = DECODED.get();
        let scrapers = (0..50).map(|_| async move {
            for _ in 0..5 {
                let answer = scraped(address).await;
                let waits = format!(
                    "{{project=\"ComposioProject/agents/default\",reason=\"AwaitingUser\"}} {}",
                    OBJECTS - 1
                );
                assert!(answer.contains(&waits), "{answer}");
            }
        });
        futures::future::join_all(scrapers).await;
        serving.abort();
        assert_eq!(DECODED.get() - before, 0, "objects were decoded");
    }
}
