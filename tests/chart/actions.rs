//! The buttons that Argo CD shows on an object, by its own interpreter, and what they bring about.

use serde_json::{Value, json};

use super::gitops::judged;
use crate::support::helm::CHART;
use crate::support::scene::{Scene, gmail};

const ARGOCD_CM: &str = include_str!("../../charts/composio-operator/gitops/argocd-cm.yaml");

/// What Argo CD would have of its ConfigMap under a key.
fn configured(key: &str) -> Value {
    let config_map: Value = serde_saphyr::from_str(ARGOCD_CM).expect("YAML");
    let text = config_map["data"][key].as_str();
    let text = text.unwrap_or_else(|| panic!("no {key}"));
    serde_saphyr::from_str(text).expect("YAML")
}

/// What a script returns for an object.
async fn returned(script: &str, object: &Value) -> Value {
    let file = format!("{CHART}/gitops/actions/{script}.lua");
    let told = judged("action", file, std::slice::from_ref(object)).await;
    serde_json::from_str(&told[0]).expect("JSON")
}

/// The buttons that can be pressed.
async fn enabled(object: &Value) -> Vec<String> {
    let actions = returned("discovery", object).await;
    let actions = actions.as_object().expect("a table").iter();
    let mut names: Vec<String> = actions
        .filter(|(_, action)| action["disabled"] == false)
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    names
}

fn object(kind: &str, suspend: bool) -> Value {
    json!({"kind": kind, "metadata": {"name": "a"}, "spec": {"suspend": suspend}})
}

#[tokio::test]
async fn a_button_is_there_when_it_would_do_something() {
    let account = enabled(&object("ConnectedAccount", false)).await;
    assert_eq!(account, ["new-link", "reconcile", "suspend"]);
    let held_back = enabled(&object("ConnectedAccount", true)).await;
    assert_eq!(held_back, ["resume"]);
    for kind in ["ComposioProject", "ClusterComposioProject"] {
        assert_eq!(enabled(&object(kind, false)).await, ["suspend"]);
        assert_eq!(enabled(&object(kind, true)).await, ["resume"]);
    }
}

#[tokio::test]
async fn every_button_has_a_script_and_every_script_a_button() {
    for kind in [
        "ConnectedAccount",
        "ComposioProject",
        "ClusterComposioProject",
    ] {
        let actions = configured(&format!(
            "resource.customizations.actions.composio.dev_{kind}"
        ));
        let definitions = actions["definitions"].as_array().expect("a list").iter();
        let mut defined: Vec<&str> = definitions
            .map(|definition| definition["name"].as_str().expect("a name"))
            .collect();
        defined.sort_unstable();
        let discovered = returned("discovery", &object(kind, false)).await;
        let discovered: Vec<&String> = discovered.as_object().expect("a table").keys().collect();
        assert_eq!(defined, discovered, "{kind}");
    }
}

/// Presses the button as Argo CD does: what the script changed is written to the object.
async fn press(scene: &Scene<'_>, name: &str, action: &str) -> Value {
    let live = scene.object(name).await;
    let wanted = returned(action, &live).await;
    let patch = json!({
        "metadata": {"annotations": wanted["metadata"]["annotations"]},
        "spec": {"suspend": wanted["spec"]["suspend"]},
    });
    scene.patch(name, &patch.to_string()).await;
    wanted
}

#[tokio::test]
async fn each_button_does_what_it_says() {
    let scene = Scene::new("actions").await.operated().await;
    scene.declare("mail", gmail()).await;
    let (_, first) = scene.linked("mail").await;

    let asked = press(&scene, "mail", "reconcile").await;
    let asked = &asked["metadata"]["annotations"]["composio.dev/reconcile-requested-at"];
    let asked = asked.as_str().expect("a time");
    scene
        .until_field("mail", "lastHandledReconcileAt", asked)
        .await;

    let asked = press(&scene, "mail", "new-link").await;
    let asked = &asked["metadata"]["annotations"]["composio.dev/link-requested-at"];
    let asked = asked.as_str().expect("a time");
    scene
        .until_field("mail", "lastHandledLinkRequest", asked)
        .await;
    let (_, second) = scene.linked("mail").await;
    assert_ne!(first, second);

    press(&scene, "mail", "suspend").await;
    scene.until("mail", "Synced", "True", "Suspended").await;
    press(&scene, "mail", "resume").await;
    scene.until("mail", "Ready", "False", "AwaitingUser").await;
}

#[tokio::test]
async fn a_new_link_takes_nothing_from_whoever_is_connected() {
    let scene = Scene::new("actions").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    let asked = press(&scene, "mail", "new-link").await;
    let asked = &asked["metadata"]["annotations"]["composio.dev/link-requested-at"];
    let asked = asked.as_str().expect("a time");
    let handled = scene
        .until_field("mail", "lastHandledLinkRequest", asked)
        .await;
    assert_eq!(handled["status"]["connectedAccountId"], id);
    scene.ready("mail", "Connected").await;
    let account = scene.sandbox.account(&id).await;
    assert_eq!(account["deleted_at"], Value::Null, "{account}");
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
}
