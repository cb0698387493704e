//! Links that are made when somebody asks for them, and the ConnectRequests that ask.

use composio_operator::composio::Sensitive;
use composio_operator::connect::keys::ConnectKeys;
use composio_operator::crd::{ConnectRequestKind, connect_request_name};
use serde_json::{Value, json};

use crate::support::sandbox::Asked;
use crate::support::scene::{Operated, SOON, Scene};
use crate::support::wait;

mod page;
mod requests;

/// Where the page of these tests would be. Nothing listens there.
const PAGE: &str = "http://127.0.0.1:9";
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn keys() -> ConnectKeys {
    ConnectKeys::read(&Sensitive::new(KEY)).expect("a key")
}

fn on_demand() -> Value {
    json!({
        "user": "support@acme.com", "toolkit": "gmail", "authConfig": "ac_gmail", "linkPolicy": "OnDemand",
    })
}

/// An operator that knows of a connect page.
async fn with_page(prefix: &str) -> Operated<'static> {
    let scene = Scene::new(prefix).await;
    let file = scene.folder.write("connect-key", format!("{KEY}\n"));
    let file = file.expect("the folder is there");
    let options = scene.options().flag("--connect-url", PAGE).flag(
        "--connect-key-file",
        file.to_str().expect("a path of ASCII"),
    );
    let operator = scene.start("operator", &options).await;
    scene.project_available().await;
    Operated::of(scene, operator)
}

/// A request for an object, as somebody applies it. `more` is merged into its spec.
pub(crate) fn request(object: &Value, kind: ConnectRequestKind, more: &Value) -> Value {
    let metadata = &object["metadata"];
    let uid = metadata["uid"].as_str().expect("it has a uid");
    let mut spec = json!({"accountName": metadata["name"], "accountUID": uid, "kind": kind});
    let fields = more.as_object().into_iter().flatten();
    for (field, value) in fields {
        spec[field] = value.clone();
    }
    let mut name = connect_request_name(uid, kind);
    if let Some(proof) = spec["returned"]["proof"].as_str() {
        name = format!("{name}-{proof}");
    }
    json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// What the page says, and signs, where somebody in that browser asks by a request of that kind; as a proxy has named them, or
/// nobody has.
pub(crate) fn asks(
    keys: &ConnectKeys,
    object: &Value,
    kind: ConnectRequestKind,
    person: Option<&str>,
    browser: &str,
) -> Value {
    let uid = object["metadata"]["uid"].as_str().expect("a uid");
    let proof = keys.asked_proof(uid, kind.as_str(), person.unwrap_or_default(), browser);
    let mut asks = json!({"browser": browser, "proof": proof});
    if let Some(person) = person {
        asks["requestedBy"] = json!(person);
    }
    asks
}

/// Asks for it, and waits until it was handled; returns the object and what came of it.
async fn ask(
    scene: &Scene<'_>,
    name: &str,
    kind: ConnectRequestKind,
    more: Value,
) -> (Value, String) {
    let object = scene.object(name).await;
    let request = request(&object, kind, &more);
    scene.apply(&request.to_string()).await;
    let request = request["metadata"]["name"].as_str().expect("a name");
    let none_is_there = || async {
        let left = requests(scene).await;
        match left.iter().any(|name| name == request) {
            true => Err(left.join(", ")),
            false => Ok(()),
        }
    };
    wait::until("the request is handled", SOON, none_is_there).await;
    let object = scene.object(name).await;
    let handled = &object["status"]["lastConnectRequest"];
    assert_eq!(handled["kind"], json!(kind), "{object}");
    let outcome = handled["outcome"].as_str().expect("an outcome").to_owned();
    (object, outcome)
}

/// The names of the requests that are there.
async fn requests(scene: &Scene<'_>) -> Vec<String> {
    let names = scene
        .kubectl(&[
            "get",
            "connectrequests",
            "-o",
            "jsonpath={.items[*].metadata.name}",
        ])
        .await;
    names.split_whitespace().map(str::to_owned).collect()
}

/// How often a link was asked for.
async fn links(scene: &Scene<'_>) -> usize {
    let asked = scene.sandbox.asked().await;
    let is_link = |asked: &&Asked| ["POST link", "POST refresh"].contains(&asked.words().as_str());
    asked.iter().filter(is_link).count()
}

/// Waits for an account, until somebody asks, and returns the object.
async fn awaits(scene: &Scene<'_>, name: &str) -> Value {
    scene.until(name, "Ready", "False", "AwaitingUser").await
}
