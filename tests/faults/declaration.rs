//! Declarations that cannot be fulfilled, or not yet.

use serde_json::{Value, json};

use crate::support::scene::Scene;
use crate::support::story::{condition, message};

/// An object that cannot have an account is Stalled for that reason, Composio is asked to change
/// nothing, and it goes without a trace.
async fn stalls(scene: &Scene<'_>, name: &str, spec: Value, reason: &str, words: &str) {
    scene.declare(name, spec).await;
    let object = scene.until(name, "Stalled", "True", reason).await;
    assert!(message(&object, "Ready").contains(words), "{object}");
    assert_eq!(condition(&object, "Ready")["status"], "False", "{object}");
    assert_eq!(condition(&object, "Synced")["status"], "False", "{object}");
    assert_eq!(
        object["metadata"].get("finalizers"),
        None,
        "nothing to wait for: {object}"
    );
    scene.delete(name).await;
    assert_eq!(scene.changes().await, [""; 0]);
}

#[tokio::test]
async fn an_auth_config_that_is_unknown_stalls_the_object() {
    let scene = Scene::new("ac-unknown").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_nowhere"});
    stalls(
        &scene,
        "mail",
        spec,
        "AuthConfigNotFound",
        "there is no ac_nowhere",
    )
    .await;
    let spec = json!({"user": "u", "toolkit": "nobody-has-it"});
    stalls(
        &scene,
        "other",
        spec,
        "AuthConfigNotFound",
        "\"nobody-has-it\"",
    )
    .await;
}

#[tokio::test]
async fn an_auth_config_that_is_disabled_stalls_the_object() {
    let scene = Scene::new("ac-disabled").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "linear", "authConfig": "ac_disabled"});
    stalls(&scene, "mail", spec, "AuthConfigDisabled", "ac_disabled").await;
}

#[tokio::test]
async fn an_auth_config_of_another_toolkit_stalls_the_object() {
    let scene = Scene::new("ac-toolkit").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_slack"});
    stalls(
        &scene,
        "mail",
        spec,
        "ToolkitMismatch",
        "ac_slack is of toolkit \"slack\"",
    )
    .await;
}

#[tokio::test]
async fn several_auth_configs_of_a_toolkit_must_be_told_apart() {
    let scene = Scene::new("ac-several").await.operated().await;
    let second = json!({"id": "ac_gmail_2", "toolkit": "gmail"});
    scene.sandbox.control("POST", "auth-configs", second).await;
    let spec = json!({"user": "u", "toolkit": "gmail"});
    stalls(
        &scene,
        "mail",
        spec,
        "AuthConfigAmbiguous",
        "ac_gmail, ac_gmail_2",
    )
    .await;
}

#[tokio::test]
async fn the_only_auth_config_of_a_toolkit_need_not_be_named() {
    let scene = Scene::new("ac-only").await.operated().await;
    scene
        .declare("mail", json!({"user": "u", "toolkit": "gmail"}))
        .await;
    scene.linked("mail").await;
    assert_eq!(
        scene.object("mail").await["status"]["authConfig"],
        "ac_gmail"
    );
}

fn hubspot(secret: &str) -> Value {
    json!({
        "user": "u",
        "toolkit": "hubspot",
        "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": secret}},
    })
}

#[tokio::test]
async fn a_secret_that_is_missing_is_waited_for() {
    let scene = Scene::new("no-secret").await.operated().await;
    scene.declare("crm", hubspot("later")).await;
    let object = scene.until("crm", "Synced", "False", "SecretMissing").await;
    assert!(
        message(&object, "Synced").contains("/later does not exist"),
        "{object}"
    );
    assert_eq!(
        condition(&object, "Reconciling")["status"],
        "True",
        "{object}"
    );
    assert_eq!(*condition(&object, "Stalled"), Value::Null, "{object}");
    scene
        .secret("later", json!({"api_key": "a-hubspot-key"}))
        .await;
    scene.ready("crm", "Connected").await;
    assert_eq!(scene.changes().await, ["POST create"]);
}

#[tokio::test]
async fn a_field_that_composio_misses_is_named_and_the_next_data_is_sent() {
    let scene = Scene::new("no-field").await.operated().await;
    let refusal = json!({
        "method": "POST", "path": "/connected_accounts", "status": 400, "times": 1,
        "body": {"error": {
            "message": "Missing required fields: generic_api_key. You gave a-hubspot-key.",
            "code": 612, "status": 400, "slug": "ConnectedAccount_MissingRequiredFields",
            "request_id": "req-of-the-refusal",
        }},
    });
    scene.sandbox.control("POST", "fault", refusal).await;
    scene
        .secret("half", json!({"bearer_token": "a-hubspot-key"}))
        .await;
    scene.declare("crm", hubspot("half")).await;
    let words = "Missing required fields: generic_api_key. You gave [redacted].";
    let told = scene
        .until_synced_says("crm", "CredentialsRejected", words)
        .await;
    assert_eq!(told["status"]["credentials"]["step"], "Refused", "{told}");
    scene.secrets_read(2).await;
    assert_eq!(scene.changes().await, ["POST create"], "asked again");
    scene
        .secret("half", json!({"generic_api_key": "a-hubspot-key"}))
        .await;
    scene.ready("crm", "Connected").await;
}
