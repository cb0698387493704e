//! What logs and metrics tell of the operator itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// What the operator writes to the apiserver.
const KINDS: [&str; 6] = [
    "status",
    "metadata",
    "config_map",
    "project",
    "event",
    "lease",
];

/// The lines of a log in JSON, without what is cut off.
fn lines(operator: &Operator) -> Vec<Value> {
    let log = operator.child.read_log();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The numbers of one metric by its labels.
async fn numbers(operator: &Operator, metric: &str) -> BTreeMap<String, f64> {
    let (_, text) = operator.get("/metrics").await;
    let lines = text.lines().filter_map(|line| {
        let (labels, value) = line.strip_prefix(metric)?.rsplit_once(' ')?;
        (labels.is_empty() || labels.starts_with('{')).then_some((labels, value))
    });
    lines
        .map(|(labels, value)| (labels.to_owned(), value.parse().expect("a number")))
        .collect()
}

#[tokio::test]
async fn each_line_of_a_pass_holds_its_object_the_rule_the_account_and_the_request() {
    let scene = Scene::new("log").await;
    let options = scene.options().flag("--log-format", "json");
    let options = options.env("RUST_LOG", Some("info,composio_client=debug"));
    let operator = scene.start("operator", &options).await;
    let fault = json!({"status": 500, "path": "/connected_accounts/link", "times": 1});
    scene.sandbox.control("POST", "fault", fault).await;
    let id = scene.connected_gmail("mail").await;
    scene.delete("mail").await;

    let object = format!("{}/mail", scene.namespace);
    let lines = lines(&operator);
    let of_pass: Vec<&Value> = lines
        .iter()
        .filter(|line| line["span"]["name"] == "reconcile")
        .collect();
    for line in &of_pass {
        assert_eq!(line["span"]["object"], object, "{line}");
        assert!(line["span"]["rule"].is_string(), "{line}");
    }
    let about = |message: &str, effect: &str| {
        let is_it = |line: &&&Value| {
            line["fields"]["message"]
                .as_str()
                .is_some_and(|text| text.contains(message))
                && line["fields"]["effect"] == effect
        };
        let line = of_pass.iter().find(is_it);
        line.unwrap_or_else(|| panic!("no {effect} in {of_pass:#?}"))["span"].clone()
    };
    let log = scene.sandbox.control("GET", "log?since=0", Value::Null);
    let log = log.await["entries"].clone();
    let log = log.as_array().expect("the log has entries");
    for (message, effect, rule, account) in [
        ("Composio answered 500", "Link", "Link", None),
        ("effect applied", "Link", "Link", Some(&id)),
        ("effect applied", "Revoke", "DeletingRevoke", Some(&id)),
    ] {
        let span = about(message, effect);
        assert_eq!(span["rule"], rule, "{span}");
        assert_eq!(span["account"], json!(account), "{span}");
        let asked = log
            .iter()
            .find(|asked| asked["request_id"] == span["request_id"]);
        let asked = asked.unwrap_or_else(|| panic!("{span} is not in {log:?}"));
        assert_eq!(asked["method"], "POST", "{asked}");
        let path = asked["path"].as_str().expect("a path");
        assert!(path.ends_with(&effect.to_lowercase()), "{asked}");
    }
    // What was called for the object is told in the same span.
    let called = |line: &&&Value| line["fields"]["message"] == "called Composio";
    assert!(of_pass.iter().filter(called).count() > 3, "{of_pass:#?}");
    let effects = |line: &&Value| line["fields"]["message"] == "effect applied";
    for line in lines.iter().filter(effects) {
        assert_eq!(line["span"]["name"], "reconcile", "{line}");
    }
}

#[tokio::test]
async fn the_metrics_count_what_the_apiserver_was_asked_to_write() {
    let scene = Scene::new("writes-told").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    scene.delete("mail").await;
    for reason in ["LinkIssued", "Connected", "Revoked", "Deleted"] {
        scene.event("mail", reason).await;
    }
    let audited = || {
        let mut counts = BTreeMap::new();
        for asked in scene.asked_of_kubernetes() {
            let kind = match asked.resource.as_str() {
                "connectedaccounts/status" => "status",
                "connectedaccounts" => "metadata",
                "composioprojects" | "composioprojects/status" => "project",
                "connectrequests" => "connect_request",
                "configmaps" => "config_map",
                "events" => "event",
                "leases" => "lease",
                _ => continue,
            };
            if asked.is_write() {
                *counts.entry(kind).or_default() += 1;
            }
        }
        counts
    };
    let operator = &scene.operator;
    let expected = wait::until("both tell the same", SOON, async || {
        let counts: BTreeMap<&str, u64> = audited();
        let mut told = BTreeMap::new();
        for (labels, count) in numbers(operator, "composio_operator_kubernetes_writes_total").await
        {
            let kind = KINDS
                .into_iter()
                .find(|kind| labels.contains(&format!("kind=\"{kind}\"")));
            *told.entry(kind.expect("no other write")).or_default() += count as u64;
        }
        // The Lease is renewed meanwhile: what is counted of it can only be as much as one of the two readings.
        let later = audited();
        let held = |kind: &str| {
            let count = told.get(kind).copied().unwrap_or_default();
            let of = |counts: &BTreeMap<&str, u64>| counts.get(kind).copied().unwrap_or_default();
            (of(&counts)..=of(&later)).contains(&count)
        };
        match KINDS.into_iter().all(held) {
            true => Ok(told),
            false => Err(format!("{told:?}, audited: {counts:?}")),
        }
    })
    .await;
    assert_eq!(expected["metadata"], 2, "marked and let go: {expected:?}");
    assert!(
        expected["status"] >= 2 && expected["event"] >= 4,
        "{expected:?}"
    );
    let decisions = numbers(operator, "composio_operator_decisions_total").await;
    for rule in [
        "Mark",
        "Link",
        "DeletingRevoke",
        "DeletingRevoked",
        "DeletingGone",
    ] {
        let label = format!("{{rule=\"{rule}\"}}");
        assert!(decisions.get(&label) >= Some(&1.0), "{rule}: {decisions:?}");
    }
    let passes = numbers(operator, "composio_operator_reconciles_total").await;
    let timed = numbers(
        operator,
        "composio_operator_reconcile_duration_seconds_count",
    )
    .await;
    assert_eq!(timed.values().sum::<f64>(), passes.values().sum::<f64>());
    let (_, text) = operator.get("/metrics").await;
    for hidden in [&*id, "\"mail\"", &*scene.namespace] {
        let labels = text
            .lines()
            .filter(|line| !line.contains("watched_namespace=") && !line.contains("project="));
        let found: Vec<_> = labels.filter(|line| line.contains(hidden)).collect();
        assert_eq!(found, [""; 0], "no label names an object");
    }
}

#[tokio::test]
async fn a_process_tells_what_it_was_built_from_and_what_it_takes() {
    let scene = Scene::new("process").await.operated().await;
    let operator = &scene.operator;
    let build = numbers(operator, "composio_operator_build_info").await;
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(
        build.len() == 1 && build.keys().all(|labels| labels.contains(&version)),
        "{build:?}"
    );
    let one = async |metric: &str| numbers(operator, metric).await[""];
    assert!(one("process_resident_memory_bytes").await > 1e6);
    assert!(one("process_cpu_seconds_total").await >= 0.0);
    assert!(one("process_open_fds").await > 3.0);
    assert!(one("process_max_fds").await > one("process_open_fds").await);
    assert!(one("process_start_time_seconds").await > 1.7e9);
    wait::until("an empty queue", SOON, async || {
        let depth = one("composio_operator_queue_depth").await;
        let oldest = one("composio_operator_queue_oldest_seconds").await;
        match depth == 0.0 && oldest == 0.0 {
            true => Ok(()),
            false => Err(format!("{depth} objects, the first for {oldest} s")),
        }
    })
    .await;
}

#[tokio::test]
async fn of_two_replicas_the_one_that_waits_counts_its_own_writes_of_the_lease_alone() {
    let scene = Scene::new("two-told").await;
    let leader = scene.start("first", &scene.options()).await;
    let waiting = scene.spawn("second", &scene.options().flag("--instance", "second"));
    waiting.readyz(200, "leads").await;
    scene.connected_gmail("mail").await;
    let kinds = async |operator: &Operator| {
        let told = numbers(operator, "composio_operator_kubernetes_writes_total").await;
        let told = told.into_iter().filter(|(_, count)| *count > 0.0);
        told.map(|(labels, _)| labels).collect::<BTreeSet<_>>()
    };
    let success = |kind: &str| format!("{{kind=\"{kind}\",result=\"success\"}}");
    let leads = kinds(&leader).await;
    for kind in ["status", "metadata", "project", "lease"] {
        assert!(leads.contains(&success(kind)), "{kind}: {leads:?}");
    }
    assert_eq!(kinds(&waiting).await, BTreeSet::new());
}
