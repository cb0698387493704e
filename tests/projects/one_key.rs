//! Projects with the same base URL and API key are polled once, and each goes its own way all the same.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{gmail_in, project, world};
use crate::support::project::KEY;
use crate::support::sandbox::{API_KEY, Asked};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// The projects with one key, beside the default one.
const OTHERS: [&str; 4] = ["b", "c", "d", "e"];
/// The one with another key.
const APART: &str = "apart";

/// A connected account in that project, and its id. `name` is that of the object too.
async fn connected_in(scene: &Scene<'_>, project: &str, key: &str) -> String {
    let mut spec = gmail_in(project);
    spec["user"] = json!(format!("user-of-{project}"));
    scene.declare(project, spec).await;
    let (id, _) = scene.linked(project).await;
    let path = format!("accounts/{id}/consent?key={key}");
    scene.sandbox.control("POST", &path, json!({})).await;
    scene.ready(project, "Connected").await;
    id
}

/// How often changes were listed with that key since the request of that number, and the number of the last one.
async fn scans(scene: &Scene<'_>, key: &str, since: u64) -> (usize, u64) {
    let path = format!("log?key={key}&since={since}");
    let log = scene.sandbox.control("GET", &path, Value::Null).await;
    let asked: Vec<Asked> = serde_json::from_value(log["entries"].clone()).expect("entries");
    let is_scan = |one: &&Asked| one.is_poll_list() && !one.query.contains("connected_account_ids");
    let last = asked.last().map_or(since, |one| one.seq);
    (asked.iter().filter(is_scan).count(), last)
}

async fn suspend(scene: &Scene<'_>, project: &str) {
    let patch = json!({"spec": {"suspend": true}}).to_string();
    let args = ["patch", "composioproject", project, "--type=merge", "-p"];
    scene.kubectl(&[&args[..], &[&patch]].concat()).await;
    (scene.until_project_of(project, "Ready", "False", "Suspended")).await;
}

#[tokio::test]
async fn five_projects_of_one_key_are_polled_as_often_as_one() {
    const TIMES: usize = 12;
    let scene = Scene::new("one-key").await;
    world(&scene, "key-apart").await;
    let options = scene.options().flag("--max-projects-per-namespace", "6");
    // In the tick in which a project asks for what is its own it lists no changes.
    let options = options.flag("--resync-interval", "1h");
    let operator = scene.start("operator", &options).await;
    project(&scene, APART, "key-apart").await;
    for name in OTHERS {
        project(&scene, name, API_KEY).await;
    }
    connected_in(&scene, APART, "key-apart").await;
    let mut accounts = vec![("default", connected_in(&scene, "default", API_KEY).await)];
    for name in OTHERS {
        accounts.push((name, connected_in(&scene, name, API_KEY).await));
    }
    let (_, of_one) = scans(&scene, API_KEY, 0).await;
    let (_, of_apart) = scans(&scene, "key-apart", 0).await;
    let apart = wait::until("polls of the one apart", SOON, async || {
        match scans(&scene, "key-apart", of_apart).await.0 {
            many if many >= TIMES => Ok(many),
            few => Err(format!("{few} of {TIMES}")),
        }
    });
    let apart = apart.await;
    let (five, _) = scans(&scene, API_KEY, of_one).await;
    assert!(
        five > 0 && five <= apart + apart / 2,
        "{five}, the one apart {apart}"
    );
    // Whoever polls may be suspended: those that are left see what is their own.
    for (name, id) in &accounts[..3] {
        scene.sandbox.expire(id).await;
        scene.until(name, "Ready", "False", "AwaitingUser").await;
        suspend(&scene, name).await;
    }
    // One with another key is not in it any more, and tells that of itself alone.
    let secret = json!({"stringData": {KEY: "a-wrong-key"}});
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(scene.client.clone(), &scene.namespace);
    let (params, patch) = (PatchParams::default(), Patch::Merge(secret));
    let patched = secrets.patch("key-of-d", &params, &patch).await;
    patched.expect("it is there");
    (scene.until_project_of("d", "Ready", "False", "KeyRejected")).await;
    (scene.until_project_of("e", "Ready", "True", "Available")).await;
    let (name, id) = &accounts[4];
    scene.sandbox.expire(id).await;
    scene.until(name, "Ready", "False", "AwaitingUser").await;
    operator.readyz(200, "").await;
}

#[tokio::test]
async fn a_key_that_composio_rejects_is_told_of_each_project_that_has_it() {
    let scene = Scene::new("one-bad-key").await;
    let _operator = scene.start("operator", &scene.options()).await;
    for name in ["b", "c"] {
        project(&scene, name, "made-later").await;
    }
    for name in ["b", "c"] {
        (scene.until_project_of(name, "Ready", "False", "KeyRejected")).await;
    }
    world(&scene, "made-later").await;
    for name in ["b", "c"] {
        (scene.until_project_of(name, "Ready", "True", "Available")).await;
    }
    scene.project_available().await;
}
