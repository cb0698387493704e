//! Events of Composio's webhook that come again, many at a time, or while something is away.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::webhook::{self, SECRET, Sender, event};
use crate::support::child::Signal;
use crate::support::connect_page::ConnectPage;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::{http_client, wait};

/// Looks at an account that are no poll, since then.
async fn looks(scene: &Scene<'_>, seq: u64) -> usize {
    let asked = scene.sandbox.asked_since(seq).await.into_iter();
    asked
        .filter(|asked| asked.is_look() && !asked.is_poll())
        .count()
}

/// Has the page send what comes next to it.
async fn posts(page: &ConnectPage, path: &str, id: &str, body: &Value) -> u16 {
    let body = body.to_string();
    let (address, host) = page.listens();
    let request = http_client(SOON).post(format!("{address}{path}"));
    let headers = webhook::signed(SECRET, id, Timestamp::now().as_second(), &body);
    let request = headers
        .iter()
        .fold(request.header("host", host), |request, (name, value)| {
            request.header(*name, value)
        });
    let answer = request.body(body).send().await.expect("it answers");
    answer.status().as_u16()
}

#[tokio::test]
async fn a_delivery_is_taken_when_it_comes_again_after_a_failure_and_a_replay_is_worth_no_look() {
    let subscribed = webhook::subscribed("deliveries", "6h").await;
    let (scene, page, path) = (&subscribed.scene, &subscribed.page, &subscribed.path);
    let secret = subscribed.made["secret"].as_str().expect("a secret");
    let file = webhook::file(scene, &subscribed.folder);
    std::fs::write(file, format!("{secret}\n{SECRET}\n")).expect("written");
    let id = subscribed.connected("mail").await;

    // The apiserver takes no request of the page for a while.
    let role = format!("{}-composio-connect", scene.namespace);
    let rules = ["get", "clusterrole", &role, "-o", "json"];
    let role: Value = serde_json::from_str(&scene.kubectl(&rules).await).expect("JSON");
    let mut without = role.clone();
    without["rules"] = json!([role["rules"][0]]);
    without["metadata"] = json!({"name": role["metadata"]["name"]});
    let mut restored = without.clone();
    restored["rules"] = role["rules"].clone();
    scene.apply(&without.to_string()).await;
    let user = format!("system:serviceaccount:{}:composio-connect", scene.namespace);
    let asks = ["auth", "can-i", "create", "connectrequests", "--as", &user];
    wait::until("the end of the right", SOON, async || {
        match scene.stage().kubectl(&asks).await {
            Ok(_) => Err("it is there".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await;
    let seq = scene.sandbox.seq().await;
    scene.sandbox.expire(&id).await;
    let is_refused = |told: &Value| told["attempts"].to_string().contains("503");
    subscribed
        .delivery("a delivery that fails", is_refused)
        .await;
    assert_eq!(looks(scene, seq).await, 0, "nobody could ask for one");
    scene.apply(&restored.to_string()).await;
    let is_taken = |told: &Value| told["arrived"] == true;
    subscribed.delivery("the delivery is taken", is_taken).await;
    scene
        .until("mail", "Ready", "False", "ReauthorizationRequired")
        .await;
    assert_eq!(looks(scene, seq).await, 1, "one look");

    // At another replica, and at one that was started again, it is the same event as ever.
    let project = scene.sandbox.control("GET", "project", Value::Null).await;
    let project = project["id"].as_str().expect("an id").to_owned();
    let replayed = event(&id, &project);
    let second = page.replica(&scene.folder, "connect-second").await;
    page.child.signal(Signal::Kill).expect("it runs");
    let third = page.replica(&scene.folder, "connect-third").await;
    let written = page.written(scene).len();
    for page in [&second, &third] {
        let known = "composio_operator_connect_webhook_events_total{result=\"known\"}";
        for n in 0..5 {
            assert_eq!(posts(page, path, &format!("msg_{n}"), &replayed).await, 200);
            assert_eq!(posts(page, path, "msg_0", &replayed).await, 200);
        }
        assert!(page.metric(known).await >= Some(5.0));
    }
    assert_eq!(page.written(scene).len(), written, "nothing is asked");
    assert_eq!(looks(scene, seq).await, 1, "and nothing looked at");
}

#[tokio::test]
async fn a_flood_of_events_asks_once_in_five_seconds_and_a_restart_forgets_no_bound() {
    let stage = webhook::stage("deliveries").await;
    let object = stage.declared("mail", gmail()).await;
    let status = json!({"connectedAccountId": "ca_1", "state": "ACTIVE"});
    stage.says("mail", status).await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let path = sender.path();
    sender.asks_for(1).await;
    let start = Instant::now();
    let before = stage.page.written(&stage.scene).len();
    let mut sent = 0;
    let flood = async |page: &ConnectPage, count: usize, sent: &mut usize| {
        for _ in 0..count {
            *sent += 1;
            let account = if (*sent).is_multiple_of(2) {
                "ca_1"
            } else {
                "ca_of_nobody"
            };
            let id = format!("msg_flood_{sent}");
            assert_eq!(posts(page, &path, &id, &event(account, "pr_1")).await, 200);
        }
    };
    flood(&stage.page, 500, &mut sent).await;
    stage.page.child.signal(Signal::Kill).expect("it runs");
    let next = stage
        .page
        .replica(&stage.scene.folder, "connect-next")
        .await;
    flood(&next, 500, &mut sent).await;
    let most = 2 + usize::try_from(start.elapsed().as_secs()).expect("few") / 5;
    let written = stage.page.written(&stage.scene).len() - before;
    assert!(written <= most, "{written} writes, and {most} at most");
    let requests = stage.requests().await;
    assert_eq!(requests.len(), 1, "one is pending: {requests:?}");
    assert_eq!(requests[0].spec.account_uid, object["metadata"]["uid"]);
}

#[tokio::test]
async fn the_id_of_an_event_is_remembered_for_its_own_project_alone() {
    let stage = webhook::stage("deliveries-ids").await;
    stage.declared("mail", gmail()).await;
    let status = json!({"connectedAccountId": "ca_1", "state": "ACTIVE"});
    stage.says("mail", status).await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let (path, body) = (sender.path(), event("ca_1", "pr_1"));
    sender.asks_for(1).await;
    let others = body.to_string();
    let headers = webhook::signed("of-another", "msg_1", Timestamp::now().as_second(), &others);
    let shared = "/webhooks/ClusterComposioProject/shared";
    let answer = sender.sends(shared, &headers, others.into_bytes()).await;
    assert_eq!(answer.0, 200, "it is nobody's there");
    assert_eq!(sender.signed(&path, "msg_1", &body).await, 200);
    assert_eq!(sender.events("repeated").await, 0.0);
    assert_eq!(sender.signed(&path, "msg_1", &body).await, 200);
    assert_eq!(sender.events("repeated").await, 1.0);
}

#[tokio::test]
async fn every_object_that_has_the_account_is_looked_at() {
    let stage = webhook::stage("deliveries-many").await;
    const OBJECTS: usize = 9;
    for n in 0..OBJECTS {
        let name = format!("mail-{n}");
        stage.declared(&name, gmail()).await;
        // What is over is known, and takes nobody's place.
        let state = if n < 6 { "EXPIRED" } else { "ACTIVE" };
        let status = json!({"connectedAccountId": "ca_1", "state": state});
        stage.says(&name, status).await;
    }
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    sender.asks_for(3).await;
}
