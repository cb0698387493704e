//! Whoever asks for much, or whose Composio is slow, keeps nobody else waiting. Requests are counted, and no time
//! is judged.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{gmail_in, project, world};
use crate::support::control_plane::ControlPlane;
use crate::support::project::in_cluster;
use crate::support::sandbox::Asked;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::{wait, watch};

/// A control plane of one's own: an operator of all namespaces would deal with the objects of all other tests.
pub(super) async fn own() -> ControlPlane {
    let control_plane = ControlPlane::start().await.expect("it starts");
    control_plane.install_crd().await;
    control_plane
}

/// A Gmail account of that user.
pub(super) fn gmail_of(user: &str) -> Value {
    let mut spec = gmail();
    spec["user"] = json!(user);
    spec
}

/// Applies so many Gmail accounts of a namespace at once.
pub(super) async fn declare_many(scene: &Scene<'_>, namespace: &str, many: usize, spec: &Value) {
    let items = (0..many).map(|n| {
        let mut spec = spec.clone();
        spec["user"] = json!(format!("{namespace}-{n}"));
        json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": format!("crowd-{n}"), "namespace": namespace}, "spec": spec,
        })
    });
    let items: Vec<Value> = items.collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let args = ["apply", "-f", "-"];
    let applied = scene.control_plane.kubectl_stdin(&args, &list).await;
    assert!(applied.status.success(), "{applied:?}");
}

/// Whether it asks for an account of that user.
fn is_link_of(asked: &Asked, user: &str) -> bool {
    asked.words() == "POST link" && asked.body["user_id"] == user
}

#[tokio::test]
async fn the_crowd_of_one_namespace_does_not_come_before_the_account_of_another() {
    const CROWD: usize = 200;
    let control_plane = own().await;
    let scene = Scene::on(&control_plane, "crowd").await;
    let quiet = control_plane.namespace(&scene.client, "quiet").await;
    scene.serve_cluster().await;
    declare_many(&scene, &scene.namespace, CROWD, &in_cluster(gmail())).await;
    declare_many(&scene, &quiet, 1, &in_cluster(gmail())).await;
    let options = scene.options().without("--watch-namespace");
    let options = options.without_project().flag("--concurrency", "2");
    let _operator = scene.start("operator", &options).await;
    let all = async || {
        let asked = scene.sandbox.asked().await.into_iter();
        let links: Vec<_> = asked.filter(|one| one.words() == "POST link").collect();
        match links.len() {
            all if all > CROWD => Ok(links),
            some => Err(format!("{some} links")),
        }
    };
    let links = wait::until("all links", SOON, all).await;
    let user = format!("{quiet}-0");
    let before = links.iter().position(|one| is_link_of(one, &user));
    let before = before.expect("it has its link");
    assert!(before <= 10, "{before} of the crowd came first");
}

#[tokio::test]
async fn whoever_asks_in_a_loop_is_looked_at_at_a_pace_and_nothing_of_it_is_lost() {
    const TIMES: u32 = 150;
    const PACE: Duration = Duration::from_secs(3);
    let scene = Scene::new("loop").await;
    let options = scene.options();
    let options = options.flag("--backoff-min", &format!("{}s", PACE.as_secs()));
    let _operator = scene.start("operator", &options).await;
    let shared_with = |agents: u32| {
        let agents: Vec<_> = (0..=agents).map(|n| format!("agent-{n}")).collect();
        json!({"allowedUsers": agents})
    };
    let mut spec = gmail();
    spec["visibility"] = json!("Shared");
    spec["sharing"] = shared_with(0);
    scene.declare("busy", spec).await;
    let (id, _) = scene.linked("busy").await;
    scene.sandbox.consent(&id).await;
    scene.ready("busy", "Connected").await;
    let before = scene.sandbox.seq().await;
    let began = Instant::now();
    let accounts = watch::accounts(&scene.client, &scene.namespace);
    for n in 0..TIMES {
        // An annotation asks each time, and a declaration now and then. It never takes away what goes at once.
        let change = match n % 10 {
            0 => json!({"spec": {"sharing": shared_with(n / 10)}}),
            _ => json!({"metadata": {"annotations": {
                "composio.dev/reconcile-requested-at": n.to_string(),
            }}}),
        };
        let (params, change) = (PatchParams::default(), Patch::Merge(change));
        let patched = accounts.patch("busy", &params, &change).await;
        patched.expect("it is taken");
    }
    // Meanwhile another one is served as ever.
    scene.declare("calm", gmail_of("calm")).await;
    scene.linked("calm").await;
    let last = (TIMES - 1).to_string();
    scene
        .until_field("busy", "lastHandledReconcileAt", &last)
        .await;
    let asked = scene.sandbox.asked_since(before).await;
    let paces = began.elapsed().as_secs() / PACE.as_secs() + 2;
    let looks = asked.iter();
    let looks = looks.filter(|one| one.words() == "GET account" && one.account == Some(id.clone()));
    let looks = looks.count() as u64;
    assert!(looks >= 1 && looks <= paces, "{looks} looks in {paces}");
    let links = asked.iter().filter(|one| is_link_of(one, "calm"));
    assert_eq!(links.count(), 1);
    let account = scene.sandbox.account(&id).await;
    assert!(
        account.to_string().contains("agent-14\""),
        "the last declaration counts: {account}"
    );
}

#[tokio::test]
async fn a_project_that_is_answered_slowly_holds_up_no_other() {
    let scene = Scene::new("slow").await;
    world(&scene, "slow-key").await;
    let options = scene.options().flag("--concurrency", "2");
    let _operator = scene.start("operator", &options).await;
    project(&scene, "slow", "slow-key").await;
    declare_many(&scene, &scene.namespace, 20, &gmail_in("slow")).await;
    for n in 0..20 {
        scene.linked(&format!("crowd-{n}")).await;
    }
    let never = json!({"milliseconds": 600_000});
    scene
        .sandbox
        .control("POST", "latency?key=slow-key", never)
        .await;
    let asks = "composio.dev/reconcile-requested-at=now";
    scene.kubectl(&["annotate", "cacc", "--all", asks]).await;
    // Each of these looks lasts until the operator gives it up.
    scene.connected_gmail("quick").await;
}
