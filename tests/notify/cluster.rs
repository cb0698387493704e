//! Accounts of projects of the cluster, of which people are told unless a flag says otherwise.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::many::says;
use super::{kill, metric};
use crate::support::control_plane::ControlPlane;
use crate::support::project::{KEY, KEY_SECRET};
use crate::support::receiver::{Answers, Receiver};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

/// More than are told of one namespace in an hour.
const FLOOD: usize = 80;
const TOLD_IN_AN_HOUR: usize = 60;

/// A project of the cluster that lets each namespace name users of its own.
fn project(scene: &Scene<'_>, name: &str) -> String {
    json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ClusterComposioProject",
        "metadata": {"name": name},
        "spec": {
            "apiKeySecretRef": {"name": KEY_SECRET, "key": KEY},
            "baseURL": scene.sandbox.url(), "allow": [{"users": ["{{namespace}}/*"]}],
        },
    })
    .to_string()
}

/// Declares an account of that user in a project, of the cluster unless it is `default`.
async fn declare(scene: &Scene<'_>, namespace: &str, name: &str, user: &str, project: &str) {
    let mut spec = gmail();
    spec["user"] = json!(user);
    if project != "default" {
        spec["projectRef"] = json!({"kind": "ClusterComposioProject", "name": project});
    }
    scene.declare_in(namespace, name, spec).await;
}

async fn until(
    scene: &Scene<'_>,
    namespace: &str,
    name: &str,
    what: &str,
    is_so: fn(&Value) -> bool,
) {
    let found = scene.until_object_in(namespace, name, what, |object| match is_so(object) {
        true => Ok(()),
        false => Err(object["status"].to_string()),
    });
    found.await;
}

fn is_pending(object: &Value) -> bool {
    object["status"]["pendingNotification"].is_object()
}

#[tokio::test]
async fn only_who_is_allowed_and_meant_is_told_and_a_flood_of_one_namespace_holds_up_no_other() {
    // An operator of all namespaces would deal with the objects of all other tests.
    let control_plane = ControlPlane::start().await.expect("it starts");
    control_plane.install_crd().await;
    let scene = Scene::on(&control_plane, "platform").await;
    scene.serve_cluster().await;
    for name in ["shared", "other"] {
        scene.apply(&project(&scene, name)).await;
    }
    for name in ["noisy", "team-a", "team-b", "unmeant"] {
        scene.kubectl(&["create", "namespace", name]).await;
    }
    // A team's own project, with the platform's key.
    let key = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEY_SECRET, "namespace": "team-a"},
        "stringData": {KEY: crate::support::sandbox::API_KEY},
    });
    let own = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject",
        "metadata": {"name": "default", "namespace": "team-a"},
        "spec": {
            "apiKeySecretRef": {"name": KEY_SECRET, "key": KEY}, "baseURL": scene.sandbox.url(),
        },
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [key, own]}).to_string();
    let applied = control_plane
        .kubectl_stdin(&["apply", "-f", "-"], &list)
        .await;
    assert!(applied.status.success(), "{applied:?}");

    let receiver = Receiver::start().await.expect("it listens");
    let options = |url: &str| {
        let options = scene
            .options()
            .without("--watch-namespace")
            .without_project();
        options
            .flag("--leader-elect", "false")
            .flag("--notify-url", url)
            .flag("--notify-projects", "ClusterComposioProject/shared")
            .flag("--notify-namespaces", "noisy,team-a,team-b")
    };
    // Nothing listens there, so that all of them wait to be told.
    let operator = scene
        .start("operator", &options("http://127.0.0.1:9"))
        .await;
    let names: Vec<String> = (0..FLOOD).map(|n| format!("n{n}")).collect();
    let flood = names.iter().map(async |name| {
        declare(&scene, "noisy", name, &format!("noisy/{name}"), "shared").await;
        until(&scene, "noisy", name, "it is to be told", is_pending).await;
    });
    join_all(flood).await;
    for (namespace, name) in [
        ("team-a", "a0"),
        ("team-a", "a1"),
        ("team-b", "b0"),
        ("team-b", "b1"),
    ] {
        declare(
            &scene,
            namespace,
            name,
            &format!("{namespace}/{name}"),
            "shared",
        )
        .await;
        until(&scene, namespace, name, "it is to be told", is_pending).await;
    }
    // Of these nobody is told.
    let waits = |object: &Value| says(object, "Ready", "AwaitingUser");
    for (namespace, name, user, project) in [
        ("team-b", "other", "team-b/other", "other"),
        ("unmeant", "unmeant", "unmeant/u", "shared"),
        ("team-a", "own", "ceo@acme.com", "default"),
    ] {
        declare(&scene, namespace, name, user, project).await;
        until(&scene, namespace, name, "it waits", waits).await;
    }
    declare(&scene, "team-a", "refused", "team-b/ceo", "shared").await;
    let is_refused = |object: &Value| says(object, "Synced", "NotAllowed");
    until(&scene, "team-a", "refused", "it is refused", is_refused).await;
    kill(operator);

    // How many messages come before those of the others is counted, however long each takes.
    receiver.answer(Answers::Takes(Duration::from_millis(5)));
    let operator = scene.start("second", &options(receiver.url())).await;
    wait::until("all that may be told", SOON, async || {
        match receiver.taken().len() {
            taken if taken >= TOLD_IN_AN_HOUR + 4 => Ok(()),
            taken => Err(format!("{taken}")),
        }
    })
    .await;
    let limited = "composio_operator_notifications_dropped_total{cause=\"limited\"}";
    wait::until("the rest is counted", SOON, async || {
        match metric(&operator, limited).await {
            dropped if dropped >= (FLOOD - TOLD_IN_AN_HOUR) as f64 => Ok(()),
            dropped => Err(format!("{dropped}")),
        }
    })
    .await;
    scene.polled(2).await;
    let told: Vec<(String, String)> = receiver
        .taken()
        .iter()
        .map(|message| {
            assert_eq!(message.kind(), "AwaitingUser");
            let of = |field: &str| message.body["data"][field].as_str().expect("it is there");
            (of("namespace").to_owned(), of("name").to_owned())
        })
        .collect();
    assert_eq!(told.len(), TOLD_IN_AN_HOUR + 4, "{told:?}");
    let before = |name: &str| told.iter().position(|(_, told)| told == name);
    for (name, most) in [("a0", 5), ("a1", 5), ("b0", 5), ("b1", 5)] {
        let before = before(name).expect("it is told");
        assert!(before <= most, "{before} were told before {name}: {told:?}");
    }
    for name in ["other", "unmeant", "own", "refused"] {
        assert_eq!(before(name), None, "nobody is told of {name}");
    }
    let accounts = scene.sandbox.accounts().await;
    let is_ceos = |account: &&Value| account["user_id"] == "team-b/ceo";
    assert_eq!(accounts.iter().filter(is_ceos).count(), 0);
}
