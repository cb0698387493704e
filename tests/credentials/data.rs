//! Which data of a Secret is sent, and what is the same data.

use serde_json::json;

use super::{crm, has, key, made, remade, steady};
use crate::support::sandbox::API_KEY;
use crate::support::scene::Scene;

#[tokio::test]
async fn an_account_that_needs_no_credentials_is_made_without_a_secret() {
    let scene = Scene::new("no-auth").await.operated().await;
    let config = json!({"id": "ac_wiki", "toolkit": "wiki", "scheme": "NO_AUTH"});
    scene.sandbox.control("POST", "auth-configs", config).await;
    let spec = json!({"user": "u", "toolkit": "wiki", "credentials": {"scheme": "NO_AUTH"}});
    scene.declare("wiki", spec).await;
    scene.ready("wiki", "Connected").await;
    assert_eq!(scene.changes().await, ["POST create"]);
    scene.delete("wiki").await;
}

#[tokio::test]
async fn a_secret_that_was_written_with_the_same_data_is_not_sent_again() {
    let scene = Scene::new("same-data").await.operated().await;
    let id = made(&scene).await;
    let label = ["label", "secret", "ac-hubspot", "checked=yes"];
    scene.kubectl(&label).await;
    scene.secrets_read(2).await;
    scene.kubectl(&["delete", "secret", "ac-hubspot"]).await;
    key(&scene, "first-key").await;
    scene.secrets_read(2).await;
    scene.ready("crm", "Connected").await;
    steady(&scene).await;
    assert_eq!(scene.changes().await, ["POST create"]);
    key(&scene, "second-key").await;
    has(&scene, &id, json!({"api_key": "second-key"})).await;
}

#[tokio::test]
async fn a_field_that_no_patch_takes_makes_the_account_anew_once_and_that_is_told() {
    let scene = Scene::new("subdomain").await.operated().await;
    let data = |subdomain: &str| json!({"api_key": "first-key", "subdomain": subdomain});
    scene.secret("ac-hubspot", data("acme")).await;
    scene.declare("crm", crm()).await;
    let object = scene.ready("crm", "Connected").await;
    let id = object["status"]["connectedAccountId"].as_str();
    let id = id.expect("it was made");
    scene.secret("ac-hubspot", data("acme-eu")).await;
    let now = remade(&scene, "crm", id).await;
    assert_ne!(now, id);
    has(&scene, &now, data("acme-eu")).await;
    scene.event("crm", "AccountReplaced").await;
    scene.ready("crm", "Connected").await;
    steady(&scene).await;
    let changes = scene.changes().await;
    assert_eq!(changes, ["POST create", "DELETE", "POST create"]);
}

#[tokio::test]
async fn what_an_editor_puts_around_a_key_is_not_sent_and_one_key_of_a_secret_can_be_chosen() {
    let scene = Scene::new("as-meant").await.operated().await;
    let values = json!({"TOKEN": "\u{feff}first-key\r\n", "PASSWORD": "other-key"});
    scene.secret("ac-hubspot", values).await;
    let mut spec = crm();
    spec["credentials"]["secretRef"]["keys"] = json!({"bearer_token": "TOKEN"});
    scene.declare("crm", spec).await;
    let object = scene.ready("crm", "Connected").await;
    let id = object["status"]["connectedAccountId"].as_str();
    let id = id.expect("it was made");
    has(&scene, id, json!({"bearer_token": "first-key"})).await;
}

#[tokio::test]
async fn a_secret_of_kubernetes_itself_or_with_the_operators_own_key_is_never_sent() {
    let scene = Scene::new("never-sent").await.operated().await;
    scene
        .apply(
            r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ac-hubspot"}, "type": "kubernetes.io/tls", "stringData": {"tls.crt": "c", "tls.key": "k"}}"#,
        )
        .await;
    scene.declare("crm", crm()).await;
    let told = "is of the type kubernetes.io/tls, which is never sent";
    scene.until_synced_says("crm", "SecretInvalid", told).await;
    scene.kubectl(&["delete", "secret", "ac-hubspot"]).await;
    key(&scene, &format!("{API_KEY}\n")).await;
    let told = "holds a key of the operator's own";
    scene.until_synced_says("crm", "SecretInvalid", told).await;
    assert_eq!(scene.changes().await, [] as [&str; 0]);
    key(&scene, "first-key").await;
    scene.ready("crm", "Connected").await;
}
