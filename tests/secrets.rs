//! Values that can be recognised stand wherever a secret can: they go to where they are meant for, and
//! nowhere else, whatever fails on the way and however much is logged.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use composio_operator::crd::{ComposioProject, ConnectedAccount};
use futures::StreamExt;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::scene::{Operated, Scene};

mod life;
mod page;
mod session;

const FIRST_KEY: &str = "s3cr3tFirstProjectKey/0a+b=";
const KEY: &str = "s3cr3tSecondProjectKey/0c+d=";
/// Of a form that is another in JSON, in a URL and in base64.
const FIRST_VALUE: &str = "s3cr3t \"first\"\\value/\u{fc}?&+%";
const VALUE: &str = "s3cr3t \"second\"\\value/\u{fc}?&+%";
/// A password that looks like a word.
const PASSWORD: &str = "correct horse s3cr3tbattery";
/// What the operator has never seen before: the tokens of a person's grant.
const TOKENS: [&str; 3] = [
    "ya29.s3cr3tAccessToken0123456789abcdef",
    "1//0s3cr3tRefreshToken-0123456789abcdef",
    "eyJhbGciOiJIUzI1NiJ9s3cr3t.eyJzdWIiOiIxMjM0NTY3ODkwIn0s3cr3t.0123456789s3cr3tSignature",
];

/// All that was said of the objects, as it was said: each version of a status, and each event.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Value>>>);

impl Told {
    /// Keeps every version of every account and project in the namespace.
    fn follow(&self, client: &Client, namespace: &str) {
        self.follow_all(Api::<ConnectedAccount>::namespaced(
            client.clone(),
            namespace,
        ));
        self.follow_all(Api::<ComposioProject>::namespaced(
            client.clone(),
            namespace,
        ));
    }

    fn follow_all<K>(&self, api: Api<K>)
    where
        K: Clone + Debug + DeserializeOwned + Resource + Serialize + Send + 'static,
    {
        let told = self.clone();
        tokio::spawn(async move {
            let mut objects = watcher(api, watcher::Config::default())
                .touched_objects()
                .boxed();
            while let Some(object) = objects.next().await {
                if let Ok(object) = object {
                    told.keep(serde_json::to_value(object).expect("JSON"));
                }
            }
        });
    }

    fn keep(&self, value: Value) {
        self.0
            .lock()
            .expect("nothing panics while it holds this")
            .push(value);
    }

    fn all(&self) -> Vec<Value> {
        self.0
            .lock()
            .expect("nothing panics while it holds this")
            .clone()
    }
}

/// Every form in which a value may get to where it should not be.
fn forms(value: &str) -> BTreeSet<String> {
    let percent: String = value
        .bytes()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let json = json!(value).to_string();
    let escaped = json.trim_matches('"').to_owned();
    BTreeSet::from([
        value.to_owned(),
        percent,
        form,
        format!("{value:?}").trim_matches('"').to_owned(),
        escaped.replace('\\', r"\\"),
        escaped,
        STANDARD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ])
}

/// Fails if a text holds one of the values in any form, or the mark that all of them carry.
fn assert_without(what: &str, text: &str, values: &BTreeSet<String>) {
    for form in values.iter().flat_map(|value| forms(value)) {
        if let Some(at) = text.find(&form) {
            let line = text[..at].matches('\n').count();
            panic!(
                "{what} holds {form:?}: {}",
                text.lines().nth(line).unwrap_or_default()
            );
        }
    }
    let line = text.lines().find(|line| line.contains("s3cr3t"));
    assert!(line.is_none(), "{what} holds a part of a secret: {line:?}");
}

async fn nothing_is_told(
    scene: &Operated<'_>,
    told: &Told,
    served: &BTreeSet<String>,
    links: &BTreeSet<String>,
) {
    let mut secrets: BTreeSet<String> = [FIRST_KEY, KEY, FIRST_VALUE, VALUE, PASSWORD]
        .map(str::to_owned)
        .into();
    secrets.extend(TOKENS.map(str::to_owned));
    // Of a link the last part alone is as good as the whole.
    let with_links: BTreeSet<String> = links
        .iter()
        .flat_map(|link| {
            [
                link.clone(),
                link.rsplit('/').next().expect("a path").to_owned(),
            ]
        })
        .chain(secrets.iter().cloned())
        .collect();

    let log = scene.operator.child.read_log();
    assert!(log.contains("TRACE"), "it logs all that it can: {log}");
    assert!(!log.contains("panicked"), "{log}");
    assert!(
        log.matches("cannot do it with").count() > 5,
        "what repeats secrets is told: {log}"
    );
    assert_without("the log", &log, &with_links);

    for text in served {
        assert_without("/readyz or /metrics", text, &with_links);
    }

    let versions = told.all();
    let mut seen = BTreeSet::new();
    let mut told_of_project = false;
    for mut object in versions {
        told_of_project |= object["status"].to_string().contains("KeyRejected");
        if let Some(link) = object.pointer_mut("/status/link/url") {
            seen.insert(link.take().as_str().expect("a link").to_owned());
        }
        assert_without("a status", &object["status"].to_string(), &with_links);
    }
    assert!(
        told_of_project,
        "what became of the key is told on the project"
    );
    assert!(
        seen.is_superset(links),
        "links are told in the status: {seen:?} of {links:?}"
    );

    let events: Api<Event> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let events = events
        .list(&ListParams::default())
        .await
        .expect("events can be listed");
    assert!(events.items.len() > 5, "there are events: {events:?}");
    for event in events.items {
        assert_without(
            "an event",
            &serde_json::to_string(&event).expect("JSON"),
            &with_links,
        );
    }
}

#[tokio::test]
async fn no_secret_is_told_anywhere_and_a_link_in_the_status_alone() {
    for format in ["text", "json"] {
        let scene = Scene::new(&format!("secrets-{format}")).await;
        scene
            .sandbox
            .control("POST", "api-key", json!({"api_key": FIRST_KEY}))
            .await;
        let options = scene
            .options()
            .api_key(&format!("{FIRST_KEY}\n"))
            .flag("--log-format", format)
            // As much as anybody can ask for, also by name.
            .env(
                "RUST_LOG",
                Some("trace,kube_client=trace,kube_runtime=trace,reqwest=trace,hyper=trace"),
            );
        let told = Told::default();
        told.follow(&scene.client, &scene.namespace);
        let operator = scene.start("operator", &options).await;
        let scene = Operated::of(scene, operator);
        let mut links = BTreeSet::new();
        let mut served = BTreeSet::new();
        let watched = async {
            let mut next = tokio::time::interval(Duration::from_millis(200));
            loop {
                next.tick().await;
                for path in ["/readyz", "/metrics", "/livez"] {
                    served.insert(scene.operator.get(path).await.1);
                }
            }
        };
        tokio::select! {
            () = life::live(&scene, &mut links) => {}
            () = watched => {}
        }
        nothing_is_told(&scene, &told, &served, &links).await;
    }
}
