//! Faults of Composio that an operator meets with the waits that are shipped.

use serde_json::{Value, json};

use super::outage::{Outage, Seen};
use crate::support::operator::Options;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::tcp_proxy::ReservedPort;
use crate::support::wait;

/// Several times what an hour brings by the waits that are shipped.
const FAILURES: u64 = 1000;

fn options(scene: &Scene<'_>) -> Options {
    scene.as_shipped(&scene.kubeconfig)
}

pub(super) async fn key_is_rotated() -> Seen {
    let scene = Scene::new("rotated").await;
    let operator = scene.start("operator", &options(&scene)).await;
    scene.connected_gmail("before").await;
    let outage = Outage::begin(&scene, &operator).await;
    let next = json!({"api_key": "the-next-key"});
    scene.sandbox.control("POST", "api-key", next).await;
    scene.declare("after", gmail()).await;
    let told = "ProjectUnavailable";
    scene.until("after", "Synced", "False", told).await;
    scene.polled(1).await;
    scene.put_api_key("the-next-key").await;
    scene.linked("after").await;
    scene.project_available().await;
    outage.end().await
}

pub(super) async fn key_may_only_read() -> Seen {
    let scene = Scene::new("read-only").await;
    let operator = scene.start("operator", &options(&scene)).await;
    scene.connected_gmail("before").await;
    let outage = Outage::begin(&scene, &operator).await;
    fault(&scene, json!({"status": 401, "method": "POST"})).await;
    for name in ["a", "b", "c"] {
        scene.declare(name, gmail()).await;
    }
    for name in ["a", "b", "c"] {
        let told = "ProjectUnavailable";
        scene.until(name, "Synced", "False", told).await;
    }
    // Reading goes on: the account that needs nothing is as it was.
    scene.ready("before", "Connected").await;
    operator.readyz(200, "").await;
    let refused = scene.sandbox.asked_since(outage.seq).await;
    let refused = refused.iter().filter(|asked| asked.status == Some(401));
    // Each object once, and after that one of them at an interval that doubles.
    let doublings = (outage.seconds() + 1).ilog2() as usize;
    let refused = refused.count();
    assert!(refused <= 3 + doublings, "{refused} attempts");
    heal(&scene).await;
    for name in ["a", "b", "c"] {
        let what = format!("a link for {name}");
        let link = scene.until_object(name, &what, |object| {
            let link = object["status"]["link"]["url"].as_str();
            link.map(drop).ok_or(object["status"].to_string())
        });
        link.await;
    }
    outage.end().await
}

pub(super) async fn rate_limited() -> Seen {
    let scene = Scene::new("limited").await;
    let operator = scene.start("operator", &options(&scene)).await;
    scene.connected_gmail("before").await;
    let outage = Outage::begin(&scene, &operator).await;
    let limit = json!({"status": 429, "times": 1, "headers": {"retry-after": "10"}});
    scene.sandbox.control("POST", "fault", limit).await;
    scene.declare("after", gmail()).await;
    scene.linked("after").await;
    let asked = scene.sandbox.asked_since(outage.seq).await;
    let at = asked.iter().position(|asked| asked.status == Some(429));
    let [limited, next] = [0, 1].map(|n| &asked[at.expect("one was refused") + n]);
    let silence = next.time.duration_since(limited.time);
    assert!(
        silence >= jiff::SignedDuration::from_secs(10),
        "{silence:?}"
    );
    outage.end().await
}

/// The time limit is shortened, not the latency: no answer ever comes in time.
pub(super) async fn slow() -> Seen {
    let scene = Scene::new("slow").await;
    let options = options(&scene)
        .flag("--request-timeout", "2s")
        .flag("--unknown-outcome-wait", "3s");
    let operator = scene.start("operator", &options).await;
    scene.connected_gmail("before").await;
    let outage = Outage::begin(&scene, &operator).await;
    latency(&scene, 30_000).await;
    scene.declare("after", gmail()).await;
    let told = "ComposioUnavailable";
    scene.until("after", "Synced", "False", told).await;
    scene.polled(1).await;
    // The account that needs nothing is not called into question.
    scene.ready("before", "Connected").await;
    latency(&scene, 0).await;
    scene.linked("after").await;
    assert_eq!(scene.sandbox.accounts().await.len(), 2);
    outage.end().await
}

/// The failures of hours in seconds, by waits of next to nothing. Returns the kilobytes that the process
/// has more after them.
pub(super) async fn grown_by_an_outage() -> u64 {
    let scene = Scene::new("outage").await;
    let port = ReservedPort::new();
    let url = port.url("http");
    let proxy = port.open(scene.sandbox.url());
    let hasty = [
        "--poll-interval",
        "--poll-interval-waiting",
        "--backoff-min",
        "--backoff-max",
    ];
    let options = hasty
        .into_iter()
        .fold(options(&scene), |options, flag| options.flag(flag, "20ms"))
        .base_url(&url);
    let operator = scene.start("operator", &options).await;
    scene.connected_gmail("before").await;
    let before = operator.child.memory();
    proxy.close();
    for n in 0..5 {
        scene.declare(&format!("after-{n}"), gmail()).await;
    }
    let failures = async || failures(&operator.get("/metrics").await.1);
    let first = failures().await;
    wait::until("failures", SOON, async || {
        match failures().await.saturating_sub(first) {
            enough if enough >= FAILURES => Ok(()),
            few => Err(format!("{few} of {FAILURES}")),
        }
    })
    .await;
    let grown = operator.child.memory().saturating_sub(before);
    proxy.cut();
    for n in 0..5 {
        scene.linked(&format!("after-{n}")).await;
    }
    grown
}

/// The calls to Composio that failed.
fn failures(metrics: &str) -> u64 {
    let calls = metrics
        .lines()
        .filter(|line| line.starts_with("composio_operator_composio_requests_total"))
        .filter(|line| !line.contains("outcome=\"success\""));
    calls
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

async fn latency(scene: &Scene<'_>, milliseconds: u64) {
    let latency = json!({"milliseconds": milliseconds});
    scene.sandbox.control("POST", "latency", latency).await;
}

/// From now on until it is healed.
async fn fault(scene: &Scene<'_>, mut fault: Value) {
    fault["times"] = json!(u32::MAX);
    scene.sandbox.control("POST", "fault", fault).await;
}

async fn heal(scene: &Scene<'_>) {
    scene.sandbox.control("DELETE", "fault", Value::Null).await;
}
