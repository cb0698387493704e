//! A person has an object go on in another project than its account is in.

use serde_json::{Value, json};

use super::{accounts_of, declare_project, gmail_in, project, world};
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Operated, Scene};

const SECOND: &str = "second-key";

/// Applies the object as a backup has it, but for the project that it refers to, and its status.
async fn restored(scene: &Operated<'_>, backup: &Value, project: &str) {
    let pin = &backup["metadata"]["annotations"]["composio.dev/alias"];
    let object = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "mail", "annotations": {"composio.dev/alias": pin}},
        "spec": gmail_in(project),
    });
    scene.apply(&object.to_string()).await;
    scene
        .until("mail", "Stalled", "True", "ProjectMismatch")
        .await;
    let mut status = backup["status"].clone();
    status["conditions"] = json!([]);
    scene.give_status("mail", &status).await;
}

/// An object whose account is connected, and which is gone without it.
async fn left_behind(scene: &Operated<'_>) -> (String, Value) {
    let id = scene.connected_gmail("mail").await;
    let backup = scene.object("mail").await;
    let retain = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    let args = ["patch", "cacc", "mail", "--type=merge", "-p", retain];
    scene.kubectl(&args).await;
    scene.delete("mail").await;
    (id, backup)
}

async fn move_to(scene: &Operated<'_>, project: &str) {
    let moved = format!("composio.dev/move-to-project={project}");
    let args = ["annotate", "--overwrite", "cacc", "mail", &moved];
    scene.kubectl(&args).await;
}

#[tokio::test]
async fn an_object_moves_where_it_may_take_over_and_leaves_its_account_where_that_is() {
    let scene = Scene::new("moves").await;
    world(&scene, SECOND).await;
    let scene = scene.operated().await;
    let (id, backup) = left_behind(&scene).await;
    project(&scene, "second", SECOND).await;
    let allows = async |take_over: bool| {
        let spec = json!({
            "apiKeySecretRef": {"name": "key-of-second"}, "baseURL": scene.sandbox.url(),
            "allow": [{"takeOver": take_over}],
        });
        declare_project(&scene, "second", spec).await;
    };
    allows(false).await;
    restored(&scene, &backup, "second").await;

    let before = scene.sandbox.seq().await;
    for another in [
        "second",
        "ClusterComposioProject/second",
        "ComposioProject/default",
    ] {
        move_to(&scene, another).await;
        scene
            .until("mail", "Stalled", "True", "ProjectMismatch")
            .await;
    }
    move_to(&scene, "ComposioProject/second").await;
    let words = "does not allow the annotation composio.dev/move-to-project";
    scene.until_synced_says("mail", "NotAllowed", words).await;
    let asked = scene.sandbox.asked_since(before).await;
    assert!(asked.iter().all(|one| one.is_poll()), "{asked:?}");

    allows(true).await;
    let (new, _) = scene.linked("mail").await;
    scene.event("mail", "Moved").await;
    let told = scene.kubectl(&["get", "events", "-o", "json"]).await;
    let left =
        format!("account {id} in project ComposioProject/default is left as it is, with its grant");
    assert!(told.contains(&left), "{told}");
    let object = scene.object("mail").await;
    let annotations = &object["metadata"]["annotations"];
    let pin = annotations["composio.dev/alias"]
        .as_str()
        .unwrap_or_default();
    assert!(
        pin.contains(r#""project":"ComposioProject/second""#),
        "{pin}"
    );
    assert_eq!(annotations["composio.dev/move-to-project"], Value::Null);
    let there = accounts_of(&scene, SECOND).await;
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!(there[0]["id"], *new);
    let here = accounts_of(&scene, API_KEY).await;
    assert_eq!(here.len(), 1, "{here:?}");
    assert_eq!(
        [&here[0]["id"], &here[0]["status"]],
        [&json!(id), &json!("ACTIVE")]
    );
    // It ends with what it has now.
    scene.delete("mail").await;
    let here = accounts_of(&scene, API_KEY).await;
    assert_eq!(here[0]["status"], "ACTIVE", "{here:?}");
}

/// A project under another name leads to the same accounts: nobody is asked again.
#[tokio::test]
async fn a_project_that_has_another_name_now_is_moved_to_with_its_accounts() {
    let scene = Scene::new("renamed").await.operated().await;
    let (id, backup) = left_behind(&scene).await;
    project(&scene, "renamed", API_KEY).await;
    restored(&scene, &backup, "renamed").await;
    move_to(&scene, "ComposioProject/renamed").await;
    scene.ready("mail", "Connected").await;
    let object = scene.object("mail").await;
    assert_eq!(object["status"]["connectedAccountId"], *id);
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
    // From here on it is this project's.
    scene.delete("mail").await;
    let account = scene.sandbox.account(&id).await;
    assert_eq!(account["grant"]["ended_by"], "revoke", "{account}");
}
