//! Composio's webhook, at the page: a signed event has the operator look, and nobody else learns or starts anything.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use composio_operator::crd::{ALIAS_ANNOTATION, ConnectRequestKind};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use ring::hmac;
use serde_json::{Value, json};

use super::Stage;
use crate::support::connect_page::ConnectPage;
use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::{http_client, wait};

pub(super) const EXPIRED: &str = "composio.connected_account.expired";
pub(super) const SECRET: &str = "whsec_of_the_project";

/// A scene, and the folder in which its page looks for secrets.
pub(super) async fn scene(prefix: &str) -> (Scene<'static>, PathBuf) {
    let scene = Scene::new(prefix).await;
    let folder = scene.folder.path().join("webhooks");
    std::fs::create_dir(&folder).expect("the folder is there");
    (scene, folder)
}

/// The file of the scene's own project.
pub(super) fn file(scene: &Scene<'_>, folder: &std::path::Path) -> PathBuf {
    folder.join(format!("ComposioProject.{}.default", scene.namespace))
}

/// A page to which Composio tells of expired accounts, and an operator that polls no sooner for people who sign in. The page
/// has no secret yet.
pub(super) struct Subscribed {
    pub(super) scene: Scene<'static>,
    pub(super) folder: PathBuf,
    pub(super) page: ConnectPage,
    pub(super) _operator: Operator,
    /// Where the page takes events.
    pub(super) path: String,
    /// The subscription, as it was answered.
    pub(super) made: Value,
}

/// The same, with so long between two polls.
pub(super) async fn subscribed(prefix: &str, poll: &str) -> Subscribed {
    let (scene, folder) = scene(prefix).await;
    let args = args(&folder);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let page = ConnectPage::start(&scene, &args).await;
    let options = page
        .known_to(scene.options())
        .flag("--poll-interval", poll)
        .flag("--poll-interval-waiting", poll)
        .flag("--resync-interval", "6h");
    let operator = scene.start("operator", &options).await;
    scene.project_available().await;
    let path = format!("/webhooks/ComposioProject/{}/default", scene.namespace);
    let url = format!("{}{path}", page.url);
    let body = json!({"webhook_url": url, "enabled_events": [EXPIRED], "version": "V3"});
    let made = scene.sandbox.api("POST", "webhook_subscriptions", body);
    let made = made.await;
    Subscribed {
        scene,
        folder,
        page,
        _operator: operator,
        path,
        made,
    }
}

impl Subscribed {
    /// Declares an account and has a person sign in to it; returns its id. That it is connected is known by a look that
    /// was asked for, so that no poll is on its way.
    pub(super) async fn connected(&self, name: &str) -> String {
        let scene = &self.scene;
        let ask = async |what: &str| {
            let annotation = format!("composio.dev/{what}-requested-at=now");
            scene
                .kubectl(&["annotate", "cacc", name, &annotation])
                .await;
        };
        let mut spec = gmail();
        spec["user"] = json!(name);
        scene.declare(name, spec).await;
        scene.until(name, "Ready", "False", "AwaitingUser").await;
        ask("link").await;
        let has_link = |object: &Value| object["status"]["link"]["sealed"].is_string();
        let object = scene.until_status(name, "a link", has_link).await;
        let id = object["status"]["connectedAccountId"].as_str();
        let id = id.expect("it is there").to_owned();
        scene.sandbox.consent(&id).await;
        ask("reconcile").await;
        scene.ready(name, "Connected").await;
        id
    }

    /// The delivery that was made last, once it is as it should be.
    pub(super) async fn delivery(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        wait::until(what, SOON, async || {
            let deliveries = self.scene.sandbox.deliveries().await;
            let last = deliveries.last().cloned().unwrap_or_default();
            if is_so(&last) {
                return Ok(last);
            }
            Err(last.to_string())
        })
        .await
    }
}

pub(super) fn args(folder: &std::path::Path) -> [String; 2] {
    let folder = folder.to_str().expect("a path of ASCII");
    ["--webhook-secrets".to_owned(), folder.to_owned()]
}

/// Headers of a request.
type Headers = Vec<(&'static str, String)>;

/// Who sends to the page.
pub(super) struct Sender<'a> {
    pub(super) stage: &'a Stage,
    pub(super) http: reqwest::Client,
}

impl Sender<'_> {
    pub(super) fn path(&self) -> String {
        format!(
            "/webhooks/ComposioProject/{}/default",
            self.stage.scene.namespace
        )
    }

    /// The answer to a body at a path with these headers, which are not all that it should have.
    pub(super) async fn sends(
        &self,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> (u16, HeaderMap, String) {
        let mut request = self
            .http
            .post(format!("{}{path}", self.stage.page.url))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.expect("it answers");
        let (status, mut headers) = (answer.status().as_u16(), answer.headers().clone());
        headers.remove("date");
        (status, headers, answer.text().await.expect("a text"))
    }

    /// The status of the answer to what is signed as it should be.
    pub(super) async fn signed(&self, path: &str, id: &str, body: &Value) -> u16 {
        let body = body.to_string();
        let headers = signed(SECRET, id, Timestamp::now().as_second(), &body);
        self.sends(path, &headers, body.into_bytes()).await.0
    }

    /// Sends events of the account `ca_1`, each another one, until the page has made so many requests.
    pub(super) async fn asks_for(&self, requests: usize) {
        let path = self.path();
        wait::until(&format!("{requests} requests"), SOON, async || {
            let id = format!("msg_{}", Timestamp::now().as_nanosecond());
            self.signed(&path, &id, &event("ca_1", "pr_1")).await;
            match self.stage.requests().await.len() {
                made if made == requests => Ok(()),
                made => Err(format!("{made} requests")),
            }
        })
        .await;
    }

    /// How many requests were refused for that.
    pub(super) async fn refused(&self, why: &str) -> f64 {
        let name = format!("composio_operator_connect_refused_total{{why=\"{why}\"}}");
        self.stage.page.metric(&name).await.unwrap_or_default()
    }

    /// How many events came to that.
    pub(super) async fn events(&self, result: &str) -> f64 {
        let name = format!("composio_operator_connect_webhook_events_total{{result=\"{result}\"}}");
        self.stage.page.metric(&name).await.unwrap_or_default()
    }
}

pub(super) fn signed(secret: &str, id: &str, at: i64, body: &str) -> [(&'static str, String); 3] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.to_string()),
        (
            "webhook-signature",
            format!("v1,{}", STANDARD.encode(signature)),
        ),
    ]
}

pub(super) fn event(account: &str, project: &str) -> Value {
    json!({
        "id": "msg_1", "type": EXPIRED, "timestamp": Timestamp::now().to_string(),
        "metadata": {"project_id": project, "org_id": "or_1"},
        "data": {"id": account, "state": {"val": {"access_token": "planted-token"}}, "data": {"api_key": "planted-key"}},
    })
}

/// A page that knows the secret of its project and of another one.
pub(super) async fn stage(prefix: &str) -> Stage {
    let (scene, folder) = scene(prefix).await;
    std::fs::write(file(&scene, &folder), format!("old\n{SECRET}\n")).expect("written");
    std::fs::write(folder.join("ClusterComposioProject.shared"), "of-another\n").expect("written");
    let args = args(&folder);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let page = ConnectPage::start(&scene, &args).await;
    Stage { page, scene }
}

#[tokio::test]
async fn whoever_is_not_composio_has_one_answer_and_starts_nothing() {
    let stage = stage("webhook-strangers").await;
    stage.declared("mail", gmail()).await;
    stage
        .says("mail", json!({"connectedAccountId": "ca_1"}))
        .await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let (path, body) = (sender.path(), event("ca_1", "pr_1").to_string());
    let now = Timestamp::now().as_second();
    let good = |secret: &str, at: i64| signed(secret, "msg_1", at, &body).to_vec();
    let shared = "/webhooks/ClusterComposioProject/shared";
    let large = vec![b' '; 300 * 1024];
    let cases: [(&str, &str, Headers, Vec<u8>); 11] = [
        ("nothing", &path, Vec::new(), body.clone().into()),
        ("wrong", &path, good("wrong", now), body.clone().into()),
        ("old", &path, good(SECRET, now - 400), body.clone().into()),
        (
            "future",
            &path,
            good(SECRET, now + 400),
            body.clone().into(),
        ),
        ("another body", &path, good(SECRET, now), b"{}".to_vec()),
        (
            "another's",
            &path,
            good("of-another", now),
            body.clone().into(),
        ),
        ("at another", shared, good(SECRET, now), body.clone().into()),
        (
            "none",
            "/webhooks/ClusterComposioProject/none",
            good(SECRET, now),
            body.clone().into(),
        ),
        (
            "no project",
            "/webhooks/p",
            good(SECRET, now),
            body.clone().into(),
        ),
        (
            "up",
            "/webhooks/ClusterComposioProject/..%2f..%2fetc",
            good(SECRET, now),
            body.clone().into(),
        ),
        ("large", &path, good(SECRET, now), large),
    ];
    let mut answers = Vec::new();
    for (name, path, headers, body) in cases {
        answers.push((name, sender.sends(path, &headers, body).await));
    }
    let (_, first) = &answers[0];
    assert_eq!((first.0, first.2.as_str()), (401, ""));
    for (name, answer) in &answers {
        assert_eq!(answer, first, "{name}");
    }
    assert!(stage.requests().await.is_empty());
    assert!(
        stage.page.written(&stage.scene).is_empty(),
        "nothing is written"
    );
    let refused = sender.refused("webhook_signature").await;
    assert!(refused >= 4.0, "{refused}");
}

#[tokio::test]
async fn an_event_has_only_the_object_looked_at_that_has_the_account_in_that_project() {
    let stage = stage("webhook-hints").await;
    stage.declared("mail", gmail()).await;
    let namespace = stage.scene.namespace.clone();
    let pin = json!({"project": "ComposioProject/default", "projectID": "pr_1", "prefix": "", "namespace": namespace, "name": "mail"});
    let annotate = format!("{ALIAS_ANNOTATION}={pin}");
    stage
        .scene
        .kubectl(&["annotate", "connectedaccounts", "mail", &annotate])
        .await;
    stage
        .says("mail", json!({"connectedAccountId": "ca_1"}))
        .await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let path = sender.path();
    // Each is answered alike, whether somebody has the account or nobody.
    for (n, (body, result)) in [
        (event("ca_of_nobody", "pr_1"), "unknown_account"),
        (
            json!({"type": "composio.trigger.message", "data": {}}),
            "unknown_type",
        ),
        (json!({"trigger_name": "x", "payload": {}}), "unreadable"),
        (json!([]), "unreadable"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            sender.signed(&path, &format!("msg_a{n}"), &body).await,
            200,
            "{result}"
        );
        assert!(sender.events(result).await >= 1.0, "{result}");
    }
    // The page may not have seen the last change of the object yet.
    wait::until("the page knows the pin", SOON, async || {
        let id = format!("msg_b{}", Timestamp::now().as_millisecond());
        sender.signed(&path, &id, &event("ca_1", "pr_2")).await;
        match sender.events("another_project").await {
            found if found >= 1.0 => Ok(()),
            _ => Err("it is not told apart".to_owned()),
        }
    })
    .await;
    for request in stage.requests().await {
        stage
            .api()
            .delete(&request.metadata.name.expect("a name"), &Default::default())
            .await
            .expect("it goes");
    }
    let before = stage.page.written(&stage.scene).len();
    for _ in 0..20 {
        assert_eq!(
            sender
                .signed(&path, "msg_flood", &event("ca_1", "pr_1"))
                .await,
            200
        );
    }
    for n in 0..20 {
        let id = format!("msg_c{n}");
        assert_eq!(sender.signed(&path, &id, &event("ca_1", "pr_1")).await, 200);
    }
    let requests = stage.requests().await;
    let kinds: Vec<_> = requests.iter().map(|request| request.spec.kind).collect();
    assert_eq!(kinds, [ConnectRequestKind::Look]);
    assert_eq!(requests[0].spec.requested_by, None);
    assert!(sender.events("repeated").await >= 19.0);
    let written = stage.page.written(&stage.scene).len() - before;
    assert!(written < 20, "{written} writes of 40 events");
    let log = stage.page.child.read_log();
    assert!(!log.contains("planted") && !log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn without_secrets_there_is_no_webhook() {
    let stage = Stage::new("webhook-off", &[]).await;
    let sender = Sender {
        stage: &stage,
        http: http_client(Duration::from_secs(60)),
    };
    let body = event("ca_1", "pr_1");
    assert_eq!(sender.signed(&sender.path(), "msg_1", &body).await, 404);
}
