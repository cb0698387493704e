//! People who come back from the sign-in, fifty a second: how long it takes until their object is Ready. Then their
//! accounts expire, of which Composio's webhook tells. And what a page takes that knows very many accounts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use composio_operator::crd::{ConnectedAccount, condition};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use serde::Serialize;
use serde_json::{Value, json};

use super::events::{self, Events};
use super::run::at;
use super::stage::LATENCY_MS;
use super::table::say;
use crate::support::child::Folder;
use crate::support::connect_page::{ConnectPage, Visitor};
use crate::support::control_plane::ControlPlane;
use crate::support::many_accounts::memory;
use crate::support::scene::{SOON, Scene};

/// How many come back in a second.
const RATE: u32 = 50;
/// What it may take over a GET at the 99th percentile, in milliseconds.
const TARGET_MS: f64 = 40.0;
/// How many looks tell what one takes.
const LOOKS: usize = 100;

/// From the callback to Ready, in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Returns {
    pub(crate) people: usize,
    /// What one GET of an account takes here.
    pub(crate) get_p50_seconds: f64,
    pub(crate) get_p99_seconds: f64,
    pub(crate) ready_p50_seconds: f64,
    pub(crate) ready_p99_seconds: f64,
    /// ConnectRequests of kind Returned that were made.
    pub(crate) requests: usize,
    /// Objects that came to be Ready by such a request. A poll was faster for the others.
    pub(crate) ready: usize,
    /// What came of the events.
    pub(crate) events: Events,
    /// Accounts that the page knew whose memory was measured, and kilobytes.
    pub(crate) accounts: usize,
    pub(crate) page_kilobytes: u64,
}

/// A person who may come back.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) account: String,
    visitor: Visitor,
    callback: String,
}

/// Measures so many people, and a page with so many accounts.
pub(crate) async fn measure(people: usize, accounts: usize) -> Returns {
    let folder = Folder::new().expect("a folder can be made");
    let page_kilobytes = memory(&folder, accounts).await;
    let control_plane = ControlPlane::start().await.expect("a control plane starts");
    control_plane.install_crd().await;
    let scene = Scene::on(&control_plane, "returns").await;
    let secrets = events::folder(&scene);
    let page = ConnectPage::start(&scene, &["--webhook-secrets", &secrets]).await;
    // What is known is known by the returns, and not by a poll.
    let options = page
        .known_to(scene.options())
        .flag("--poll-interval", "6h")
        .flag("--resync-interval", "6h");
    let operator = scene.start("operator", &options).await;
    scene.project_available().await;
    say(&format!("{people} people ask for a link"));
    let asked = ask(&scene, &page, people).await;
    let latency = json!({"milliseconds": LATENCY_MS});
    scene
        .sandbox
        .control("POST", "latency?key=sandbox", latency)
        .await;
    let looks = looks(&scene, &asked[0].account).await;
    say("and come back");
    let (seconds, ready) = come_back(&scene, &asked).await;
    let made = "composio_operator_connect_requests_total{kind=\"Returned\",result=\"made\"}";
    let requests = page.metric(made).await.unwrap_or_default();
    say("and their accounts expire");
    let events = events::measure(&scene, &page, &asked).await;
    super::run::stop(operator).await;
    Returns {
        people,
        get_p50_seconds: at(&looks, 50),
        get_p99_seconds: at(&looks, 99),
        ready_p50_seconds: at(&seconds, 50),
        ready_p99_seconds: at(&seconds, 99),
        requests: requests as usize,
        ready,
        events,
        accounts,
        page_kilobytes,
    }
}

impl Returns {
    pub(crate) fn print(&self) {
        say("");
        let over = |ready: f64| 1000.0 * (ready - self.get_p50_seconds);
        for (name, figure) in [
            ("a GET: p50 milliseconds", 1000.0 * self.get_p50_seconds),
            ("a GET: p99", 1000.0 * self.get_p99_seconds),
            (
                "callback to Ready, over it: p50",
                over(self.ready_p50_seconds),
            ),
            (
                "callback to Ready, over it: p99",
                over(self.ready_p99_seconds),
            ),
            ("Ready by it, and by no poll", self.ready as f64),
            (
                "event to status, over it: p50",
                over(self.events.status_p50_seconds),
            ),
            (
                "event to status, over it: p99",
                over(self.events.status_p99_seconds),
            ),
            ("a page with so many accounts", self.accounts as f64),
            ("takes MB", self.page_kilobytes as f64 / 1024.0),
        ] {
            say(&format!("{name:<40}{figure:>14.1}"));
        }
        let target = format!("p99 at most {TARGET_MS} ms over a GET");
        let is_met = if self.meets_target() {
            "met"
        } else {
            "not met"
        };
        say(&format!("{target:<40}{is_met:>14}"));
    }

    /// Whether whoever comes back waits no longer than they may. It depends on the machine, so no run fails by it.
    fn meets_target(&self) -> bool {
        1000.0 * (self.ready_p99_seconds - self.get_p50_seconds) <= TARGET_MS
    }

    /// What is not as it must be, whatever the machine.
    pub(crate) fn wrong_counts(&self) -> Vec<String> {
        let (requests, people) = (self.requests, self.people);
        let (events, looks) = (self.events.requests, self.events.looks);
        let returned = (
            requests != people,
            format!("{requests} requests of {people} returns"),
        );
        let expired = (
            events != people,
            format!("{events} requests of {people} events"),
        );
        let looked = (
            looks != people,
            format!("{looks} looks after {people} events"),
        );
        let wrong = [returned, expired, looked].into_iter();
        wrong
            .filter_map(|(is_wrong, said)| is_wrong.then_some(said))
            .collect()
    }
}

/// Has everybody press the button, and tells who has a link.
async fn ask(scene: &Scene<'_>, page: &ConnectPage, people: usize) -> Vec<Person> {
    let names: Vec<String> = (0..people).map(|n| format!("mail-{n}")).collect();
    let objects = names.iter().map(|name| {
        json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount", "metadata": {"name": name},
            "spec": {"user": name, "toolkit": "gmail", "authConfig": "ac_gmail"},
        })
    });
    let objects: Vec<Value> = objects.collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    scene.apply(&list.to_string()).await;
    let each = stream::iter(&names).map(|name| async move {
        let object = scene.until(name, "Ready", "False", "AwaitingUser").await;
        let visitor = Visitor::of(page);
        let path = format!("/connect/{}/{name}", scene.namespace);
        crate::support::wait::until("the page knows the object", SOON, async || {
            match visitor.get(&page.address(&object)).await.status {
                303 => Ok(()),
                other => Err(other.to_string()),
            }
        })
        .await;
        visitor.presses(&path, "connect").await;
        let has_link = |object: &Value| object["status"]["link"]["sealed"].is_string();
        let object = scene.until_status(name, "a link", has_link).await;
        let status = &object["status"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let asked = &status["link"]["requestedBy"];
        Person {
            name: name.clone(),
            account: text(&status["connectedAccountId"]),
            visitor,
            callback: page.callback(&object, &text(&asked["uid"]), &text(&asked["browser"])),
        }
    });
    each.buffered(8).collect().await
}

/// How long a GET takes each time, in seconds.
async fn looks(scene: &Scene<'_>, account: &str) -> Vec<f64> {
    let mut seconds = Vec::new();
    for _ in 0..LOOKS {
        let begun = Instant::now();
        let path = format!("connected_accounts/{account}");
        scene.sandbox.api("GET", &path, Value::Null).await;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    seconds
}

/// Everybody signs in and comes back, so many a second. The seconds from each callback to Ready, and how many were
/// finished by that.
async fn come_back(scene: &Scene<'_>, people: &[Person]) -> (Vec<f64>, usize) {
    let watched = until_each(scene, people.len(), |object| {
        let status = object.status.as_ref()?;
        let is_ready = status
            .condition(condition::READY)
            .is_some_and(|one| one.status == "True");
        let finished_in = status.sign_in.as_ref().and_then(|one| one.finished_in);
        is_ready.then_some(finished_in)
    });
    let returns = people.iter().zip(0..).map(async |(person, n)| {
        turn(n).await;
        scene.sandbox.consent(&person.account).await;
        let sent = Instant::now();
        let shown = person.visitor.get(&person.callback).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        (person.name.clone(), sent)
    });
    let (ready, sent) = tokio::join!(watched, join_all(returns));
    let same = ready
        .values()
        .filter(|(_, finished_in)| finished_in.is_some());
    (seconds(&ready, sent), same.count())
}

/// When each object was first seen as it should be, and what was seen of it.
pub(super) async fn until_each<T>(
    scene: &Scene<'_>,
    objects: usize,
    seen: impl Fn(&ConnectedAccount) -> Option<T>,
) -> BTreeMap<String, (Instant, T)> {
    let api = Api::<ConnectedAccount>::namespaced(scene.client.clone(), &scene.namespace);
    let changes = watcher(api, watcher::Config::default()).applied_objects();
    let mut changes = std::pin::pin!(changes);
    let mut all = BTreeMap::new();
    while all.len() < objects {
        let object = changes.try_next().await.expect("it is told");
        let object = object.expect("it goes on");
        if let Some(what) = seen(&object) {
            let name = object.metadata.name.unwrap_or_default();
            all.entry(name).or_insert((Instant::now(), what));
        }
    }
    all
}

/// Waits for the turn of that one: so many have theirs in a second.
pub(super) async fn turn(n: u32) {
    tokio::time::sleep(Duration::from_secs(1) + Duration::from_secs(1) * n / RATE).await;
}

/// From when something was sent of each until it was seen, in seconds, the shortest first.
pub(super) fn seconds<T>(
    seen: &BTreeMap<String, (Instant, T)>,
    sent: Vec<(String, Instant)>,
) -> Vec<f64> {
    let sent: BTreeMap<String, Instant> = sent.into_iter().collect();
    let each = seen.iter();
    let seconds = each.map(|(name, (at, _))| at.duration_since(sent[name]).as_secs_f64());
    let mut seconds: Vec<f64> = seconds.collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}
