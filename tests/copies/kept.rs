//! What one namespace says of missing accounts holds up that namespace alone.

use serde_json::{Value, json};

use super::connected;
use crate::support::child::Signal;
use crate::support::control_plane::ControlPlane;
use crate::support::project::in_cluster;
use crate::support::sandbox::Asked;
use crate::support::scene::{Operated, Scene};
use crate::support::story::condition;

/// More than may go between two looks at all of them.
const MANY: usize = 8;

/// A control plane of one's own: an operator of all namespaces would deal with the objects of all other tests.
async fn own() -> ControlPlane {
    let control_plane = ControlPlane::start().await.expect("it starts");
    control_plane.install_crd().await;
    control_plane
}

/// One operator for three namespaces that share a project of the cluster; the scene is that of the first.
async fn of_three<'a>(
    control_plane: &'a ControlPlane,
    prefix: &str,
) -> (Operated<'a>, [String; 2]) {
    let scene = Scene::on(control_plane, prefix).await;
    let mut others = [const { String::new() }; 2];
    for other in &mut others {
        let namespace = scene.control_plane.namespace(&scene.client, prefix);
        *other = namespace.await;
    }
    // Where Composio tells whose the key is, what is missing proves nothing.
    scene.sandbox.refuse_session_info().await;
    scene.serve_cluster().await;
    let options = scene.options().without("--watch-namespace");
    let options = options.without_project();
    let operator = scene.start("operator", &options).await;
    (Operated::of(scene, operator), others)
}

/// A Gmail account of that user in the project of the cluster.
fn gmail_of(user: &str) -> Value {
    in_cluster(super::gmail_of(user))
}

/// Applies an object in one of the other namespaces, and waits until it is Ready, or not, for that reason.
async fn there(scene: &Scene<'_>, namespace: &str, name: &str, spec: &Value, reason: &str) {
    scene.declare_in(namespace, name, spec.clone()).await;
    let what = format!("{reason} of {namespace}/{name}");
    let come = async |reasons: &[&str]| {
        let come = scene.until_object_in(namespace, name, &what, |object| {
            match condition(object, "Ready")["reason"].as_str() {
                Some(ready) if reasons.contains(&ready) => Ok(object.clone()),
                _ => Err(object["status"].to_string()),
            }
        });
        come.await
    };
    let object = come(&[reason, "AwaitingUser"]).await;
    if condition(&object, "Ready")["reason"] == reason {
        return;
    }
    let id = object["status"]["connectedAccountId"].as_str();
    // Where the object does not know it yet, the person has signed in already.
    let path = format!("accounts/{}/consent", id.unwrap_or_default());
    scene.sandbox.may_control("POST", &path, json!({})).await;
    come(&[reason]).await;
}

/// Accounts of the first namespace that are so old that every list must know them.
async fn many(scene: &Scene<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..MANY {
        let user = format!("u{n}");
        ids.push(connected(scene, &format!("mail-{n}"), gmail_of(&user)).await);
    }
    let last = format!("mail-{}", MANY - 1);
    scene.is_listed(&last).await;
    ids
}

#[tokio::test]
async fn what_is_missing_in_one_namespace_holds_up_that_namespace_and_no_other() {
    let control_plane = own().await;
    let (scene, others) = of_three(&control_plane, "held-up").await;
    for namespace in &others {
        there(&scene, namespace, "mail", &gmail_of(namespace), "Connected").await;
    }
    let ids = many(&scene).await;
    let before = scene.changes().await.len();
    // All at one moment: that one account is gone is no riddle, and it is made anew.
    let operator = &scene.operator.child;
    operator.signal(Signal::Stop).expect("it runs");
    for id in &ids {
        scene.sandbox.by_hand(id, "delete", json!({})).await;
    }
    operator.signal(Signal::Cont).expect("it runs");
    scene
        .until_synced_says("mail-0", "ProjectUnavailable", "of this one")
        .await;
    scene.operator.readyz(200, "").await;
    for namespace in &others {
        let mut disabled = gmail_of(namespace);
        disabled["enabled"] = json!(false);
        there(&scene, namespace, "mail", &disabled, "Disabled").await;
    }
    let mut changes = scene.changes().await.split_off(before);
    changes.sort();
    let disabled = "PATCH status (disable)";
    assert_eq!(
        changes,
        [disabled, disabled],
        "nothing is made for what is missing"
    );
}

#[tokio::test]
async fn ids_that_are_written_into_the_statuses_of_one_namespace_hold_up_nobody() {
    let control_plane = own().await;
    let (scene, others) = of_three(&control_plane, "poison").await;
    there(&scene, &others[0], "mail", &gmail_of("v"), "Connected").await;
    let ids = many(&scene).await;
    let seq = scene.sandbox.seq().await;
    for n in 0..MANY {
        let forged = json!({"connectedAccountId": format!("ca_nowhere{n}"), "authConfig": "ac_x"});
        scene.give_status(&format!("mail-{n}"), &forged).await;
    }
    for (n, id) in ids.iter().enumerate() {
        let name = format!("mail-{n}");
        scene.until_field(&name, "connectedAccountId", id).await;
    }
    let mut disabled = gmail_of("v");
    disabled["enabled"] = json!(false);
    there(&scene, &others[0], "mail", &disabled, "Disabled").await;
    scene.operator.readyz(200, "").await;
    let asked = scene.sandbox.asked_since(seq).await;
    let changes = asked.iter().filter(|asked| !asked.is_look());
    let changes: Vec<_> = changes.map(Asked::words).collect();
    assert_eq!(changes, ["PATCH status (disable)"]);
}
