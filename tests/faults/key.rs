//! The Secret with the API key: missing, of no use, or taken away. The project tells, and no restart is needed.

use serde_json::json;

use crate::support::operator::Operator;
use crate::support::project::KEY_SECRET;
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Scene, gmail};
use crate::support::story::{condition, message};

/// An account cannot be made for that reason, which is the project's and not the operator's.
async fn is_told_on(scene: &Scene<'_>, operator: &Operator, name: &str, reason: &str) {
    let words = format!("project ComposioProject/default is not available ({reason})");
    scene
        .until_synced_says(name, "ProjectUnavailable", &words)
        .await;
    operator.readyz(200, "").await;
    assert_eq!(scene.changes().await, [""; 0]);
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_and_waited_for() {
    let scene = Scene::new("no-key").await;
    let options = scene.options().without_api_key();
    let operator = scene.start("operator", &options).await;
    let project = scene.until_project("Ready", "False", "KeyMissing").await;
    assert_eq!(condition(&project, "Reconciling")["status"], "True");
    let said = message(&project, "Ready");
    assert!(said.contains(KEY_SECRET), "{said}");
    scene.declare("mail", gmail()).await;
    is_told_on(&scene, &operator, "mail", "KeyMissing").await;

    // Another key in the Secret is none.
    let other = json!({"other": API_KEY});
    scene.secret(KEY_SECRET, other).await;
    let project = scene.until_project("Ready", "False", "KeyMissing").await;
    assert!(!project.to_string().contains(API_KEY), "{project}");
    scene.put_api_key(API_KEY).await;
    scene.project_available().await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn a_secret_that_holds_no_key_is_told_apart_from_a_wrong_one() {
    let scene = Scene::new("empty-key").await;
    let operator = scene.start("operator", &scene.options().api_key(" ")).await;
    scene.declare("mail", gmail()).await;
    for (key, words) in [(" ", "is empty"), ("two\nlines", "")] {
        scene.put_api_key(key).await;
        let project = scene.until_project("Ready", "False", "KeyInvalid").await;
        assert_eq!(condition(&project, "Stalled")["status"], "True");
        let said = message(&project, "Ready");
        assert!(said.contains(words) && !said.contains("lines"), "{said}");
        is_told_on(&scene, &operator, "mail", "KeyInvalid").await;
    }
    assert_eq!(scene.sandbox.asked().await.len(), 0, "nothing is sent");
    scene.put_api_key(API_KEY).await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn without_the_secret_accounts_that_are_there_stay_as_they_are() {
    let scene = Scene::new("key-gone").await;
    let options = scene.options();
    let _operator = scene.start("operator", &options).await;
    let id = scene.connected_gmail("mail").await;
    scene.give_project(&options.clone().without_api_key()).await;
    scene.until_project("Ready", "False", "KeyMissing").await;
    let patch = r#"{"spec":{"enabled":false}}"#;
    scene.patch("mail", patch).await;
    let words = "is not available (KeyMissing)";
    let object = scene
        .until_synced_says("mail", "ProjectUnavailable", words)
        .await;
    assert_eq!(condition(&object, "Ready")["status"], "True", "{object}");
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
    scene.give_project(&options).await;
    scene.ready("mail", "Disabled").await;
}
