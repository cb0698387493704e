//! People are told what they must know, by a receiver on a real socket.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::child::Signal;
use crate::support::operator::{Operator, Options};
use crate::support::receiver::{Answers, Message, Receiver};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

mod broker;
mod cluster;
mod crash;
mod forms;
mod held;
mod leader;
mod many;
mod quiet;
mod relay;
mod restored;

use many::is_told;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const PAGE: &str = "http://127.0.0.1:9";
/// The part of a webhook's URL that whoever has it can write with.
const SECRET: &str = "T0SECRET0B0SECRET";

/// A scene and its receiver.
struct Told {
    scene: Scene<'static>,
    receiver: Receiver,
}

impl Told {
    async fn new(prefix: &str) -> Told {
        Told {
            scene: Scene::new(prefix).await,
            receiver: Receiver::start().await.expect("it listens"),
        }
    }

    /// Writes where the receiver is, as a Secret is mounted.
    fn write_url(&self, url: &str) -> PathBuf {
        let url = format!("{url}/services/{SECRET}\n");
        self.scene.folder.write("notify-url", url).expect("written")
    }

    /// An operator that notifies of namespaced projects, and where of the receiver it reads in a file.
    fn options(&self) -> Options {
        let file = self.write_url(self.receiver.url());
        let file = file.to_str().expect("a path of ASCII");
        let options = self.scene.options();
        options
            .flag("--notify-url-file", file)
            // The next one need not wait for the Lease of one that was killed.
            .flag("--leader-elect", "false")
            .flag("--people-namespaced-projects", "true")
    }

    async fn operated(&self) -> Operator {
        let operator = self.scene.start("operator", &self.options()).await;
        self.scene.project_available().await;
        operator
    }

    /// With an operator that cannot reach the receiver, and an object of which it has something to tell.
    async fn away(prefix: &str) -> (Told, Operator) {
        let told = Told::new(prefix).await;
        let options = told.options();
        // Nothing listens there.
        told.write_url("http://127.0.0.1:9");
        let operator = told.scene.start("operator", &options).await;
        told.scene.project_available().await;
        told.scene.linked_gmail("mail").await;
        (told, operator)
    }

    /// Waits until the receiver has taken so many messages, and returns all of them.
    async fn taken(&self, count: usize) -> Vec<Message> {
        wait::until("messages", SOON, async || {
            let taken = self.receiver.taken();
            match taken.len() >= count {
                true => Ok(taken),
                false => Err(format!("{} of {count}", taken.len())),
            }
        })
        .await
    }

    /// Waits until nothing is pending of the object any more.
    async fn told(&self, name: &str) -> Value {
        self.scene.until_status(name, "it was told", is_told).await
    }
}

/// The value of a line of the metrics.
async fn metric(operator: &Operator, line: &str) -> f64 {
    let (_, text) = operator.get("/metrics").await;
    let mut lines = text.lines();
    let value = lines.find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    let value = value.and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("no {line} in {text}"))
}

#[tokio::test]
async fn a_person_is_told_to_come_and_that_it_worked_and_nothing_else() {
    let told = Told::new("told").await;
    let key = told.scene.folder.write("connect-key", format!("{KEY}\n"));
    let key = key.expect("written");
    let options = told
        .options()
        .flag("--connect-url", PAGE)
        .flag("--connect-key-file", key.to_str().expect("ASCII"));
    let operator = told.scene.start("operator", &options).await;
    told.scene.project_available().await;
    let mut spec = gmail();
    spec["description"] = json!("reads <b>bills</b>");
    spec["linkPolicy"] = json!("Immediate");
    told.scene.declare("mail", spec).await;
    let first = told.taken(1).await.remove(0);
    let object = told.told("mail").await;
    let namespace = &told.scene.namespace;
    assert_eq!(
        first.headers["content-type"],
        "application/cloudevents+json; charset=utf-8"
    );
    assert_eq!(first.path, format!("/services/{SECRET}"));
    assert_eq!(first.kind(), "AwaitingUser");
    assert_eq!(first.body["specversion"], "1.0");
    assert_eq!(first.body["subject"], format!("{namespace}/mail"));
    let data = &first.body["data"];
    assert_eq!(data["uid"], object["metadata"]["uid"]);
    assert_eq!(data["description"], "reads <b>bills</b>");
    assert_eq!(
        data["connectPage"],
        format!("{PAGE}/connect/{namespace}/mail")
    );
    let page = object["status"]["connectPage"]["url"]
        .as_str()
        .expect("a page");
    let token = page.split("?t=").nth(1).expect("a token");
    assert!(!first.body.to_string().contains(token), "{first:?}");
    let id = object["status"]["connectedAccountId"]
        .as_str()
        .expect("an id");
    told.scene.sandbox.consent(id).await;
    told.scene.ready("mail", "Connected").await;
    let taken = told.taken(2).await;
    assert_eq!(taken[1].kind(), "Connected");
    assert_ne!(taken[1].id(), taken[0].id());
    told.told("mail").await;
    assert_eq!(
        metric(
            &operator,
            "composio_operator_notifications_sent_total{type=\"Connected\"}"
        )
        .await,
        1.0
    );
    assert_eq!(
        metric(&operator, "composio_operator_notifications_pending").await,
        0.0
    );
    // What a log holds, whoever reads logs has.
    let log = operator.child.read_log();
    assert!(!log.contains(SECRET) && !log.contains(token), "{log}");
}

/// How a receiver may be that does not take what it is sent, and what of it is counted.
fn troubles(elsewhere: &Receiver) -> [(&'static str, Answers, &'static str); 8] {
    let nothing = || ("x-nothing", String::new());
    let refuses =
        |status, (header, value): (&'static str, String)| Answers::Refuses(status, header, value);
    [
        ("slow", Answers::Takes(Duration::from_secs(60)), "timeout"),
        ("silent", Answers::Never, "timeout"),
        ("cuts", Answers::Cuts, "disconnected"),
        (
            "redirects",
            refuses(307, ("location", elsewhere.url().to_owned())),
            "redirected",
        ),
        (
            "throttles",
            refuses(429, ("retry-after", "2".to_owned())),
            "throttled",
        ),
        ("fails", refuses(500, nothing()), "failed"),
        ("refuses", refuses(403, nothing()), "refused"),
        ("rejects", refuses(400, nothing()), "rejected"),
    ]
}

#[tokio::test]
async fn whatever_the_receiver_does_nothing_is_lost_and_no_reconcile_waits() {
    let told = Told::new("troubled").await;
    let elsewhere = Receiver::start().await.expect("it listens");
    let operator = told.operated().await;
    for (name, answers, result) in troubles(&elsewhere) {
        let before = told.receiver.received().len();
        told.receiver.answer(answers.clone());
        let mut spec = gmail();
        spec["user"] = json!(name);
        told.scene.declare(name, spec).await;
        told.scene.linked(name).await;
        let line = format!("composio_operator_notification_requests_total{{result=\"{result}\"}}");
        wait::until(&format!("{line} of {name}"), SOON, async || {
            match metric(&operator, &line).await {
                counted if counted >= 1.0 => Ok(()),
                counted => Err(format!("{counted}")),
            }
        })
        .await;
        let object = told.scene.object(name).await;
        let id = object["status"]["pendingNotification"]["id"].clone();
        assert!(id.is_string(), "{name}: it is not lost: {object}");
        told.receiver.answer(Answers::AT_ONCE);
        told.told(name).await;
        let received = told.receiver.received().split_off(before);
        let ids: Vec<Value> = received.iter().map(|one| json!(one.id())).collect();
        assert!(ids.len() >= 2, "{name}: it is sent again: {received:?}");
        assert!(
            ids.iter().all(|one| *one == id),
            "{name}: by its id: {ids:?}"
        );
    }
    let dropped = metric(
        &operator,
        "composio_operator_notifications_dropped_total{cause=\"rejected\"}",
    );
    assert_eq!(dropped.await, 0.0);
    assert!(elsewhere.received().is_empty(), "no redirect is followed");
}

#[tokio::test]
async fn where_the_receiver_is_away_another_url_in_the_file_is_used_without_a_restart() {
    let (told, operator) = Told::away("away").await;
    let readyz = "[+] notifications degraded: http://127.0.0.1:9 cannot be reached";
    operator.readyz(200, readyz).await;
    told.write_url(told.receiver.url());
    assert_eq!(told.taken(1).await[0].kind(), "AwaitingUser");
    operator.readyz(200, "[+] notifications ok").await;
    assert!(!operator.child.read_log().contains(SECRET));
}

#[tokio::test]
async fn slack_is_told_in_plain_text_with_a_token_that_is_read_again() {
    let told = Told::new("slack").await;
    let token = told
        .scene
        .folder
        .write("token", "first\n")
        .expect("written");
    let options = told
        .options()
        .flag("--notify-format", "slack")
        .flag("--notify-token-file", token.to_str().expect("ASCII"))
        .env("RUST_LOG", Some("trace,reqwest=trace,hyper=trace"));
    let operator = told.scene.start("operator", &options).await;
    told.scene.project_available().await;
    let mut spec = gmail();
    spec["description"] = json!("<!channel> http://evil.example");
    told.scene.declare("mail", spec).await;
    let (id, link) = told.scene.linked("mail").await;
    let first = told.taken(1).await.remove(0);
    assert_eq!(first.headers["authorization"], "Bearer first");
    let blocks = first.body["blocks"].as_array().expect("blocks");
    let is_plain = |block: &Value| block["text"]["type"] == "plain_text";
    assert!(blocks.iter().all(is_plain), "{}", first.body);
    assert!(!first.body.to_string().contains(&link), "{}", first.body);
    told.scene
        .folder
        .write("token", "second\n")
        .expect("written");
    told.scene.sandbox.consent(&id).await;
    let second = told.taken(2).await.remove(1);
    assert_eq!(second.headers["authorization"], "Bearer second");
    let log = operator.child.read_log();
    for secret in ["Bearer first", "Bearer second", SECRET, &link] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "even at TRACE");
    }
    assert!(log.contains("TRACE"), "it is told so much");
}

#[tokio::test]
async fn what_cannot_work_or_would_tell_too_much_is_refused_at_the_start() {
    let told = Told::new("refused").await;
    let write = |name: &str, text: &str| {
        let file = told.scene.folder.write(name, text).expect("written");
        file.to_str().expect("ASCII").to_owned()
    };
    let options = told.scene.options();
    let url = |url: &str| options.clone().flag("--notify-url", url);
    let https = "https://hooks.example/SECRET";
    for (name, options, words) in [
        (
            "clear",
            url("http://hooks.example/SECRET"),
            "notifications would be sent to http://hooks.example in clear text: use https://, or set --notify-allow-http",
        ),
        (
            "clear-file",
            options.clone().flag(
                "--notify-url-file",
                &write("clear-url", "http://hooks.example/SECRET"),
            ),
            "in clear text",
        ),
        (
            "no-token",
            url(https).flag("--notify-token-file", "/nowhere"),
            "cannot read /nowhere",
        ),
        (
            "empty-token",
            url(https).flag("--notify-token-file", &write("empty", "\n")),
            "must hold a token",
        ),
        (
            "no-url",
            options
                .clone()
                .flag("--notify-url-file", &write("bad", "SECRET")),
            "must be a URL",
        ),
        (
            "token-to-channel",
            url(https)
                .flag("--notify-format", "slack")
                .flag("--notify-with-token", "true"),
            "whoever reads a channel could open the pages of others",
        ),
        (
            "tokens-together",
            url(https)
                .flag("--notify-digest", "1m")
                .flag("--notify-with-token", "true"),
            "whoever reads a digest could open the pages of all who are in it",
        ),
    ] {
        let operator = told.scene.spawn(name, &options);
        let log = wait::until(&format!("{name} ends"), SOON, async || {
            match operator.child.exited() {
                Some(_) => Ok(operator.child.read_log()),
                None => Err(operator.child.read_log()),
            }
        })
        .await;
        assert!(log.contains(words), "{name}: {log}");
        assert!(!log.contains("SECRET"), "{name}: {log}");
    }
}

/// Ends an operator as a crash does.
fn kill(operator: Operator) {
    operator.child.signal(Signal::Kill).expect("it runs");
    drop(operator);
}
