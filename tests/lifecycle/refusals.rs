//! A refusal of each effect is told where people look, asked once, and stops nothing else.

use serde_json::{Value, json};

use super::{annotate, connected, gmail_of, patch, with};
use crate::support::scene::Scene;
use crate::support::story::{condition, message};

/// So often an answer that is refused may be asked for again while a few polls go by.
const MOST_TRIES: usize = 2;

/// Refuses the calls of one kind for good, in Composio's form.
async fn refuse(scene: &Scene<'_>, method: &str, path: &str) {
    let message = format!("no {method} today \u{1b}[31m{}", "x".repeat(400));
    let fault = json!({
        "method": method, "path": path, "status": 422, "times": 1000,
        "body": {"error": {"message": message, "slug": "ConnectedAccount_Refused", "status": 422}},
    });
    scene.sandbox.control("POST", "fault", fault).await;
}

/// The object says what was refused, and the same call is not made over and over.
async fn told(scene: &Scene<'_>, name: &str, reason: &str, words: &str) {
    let object = scene.until(name, "Stalled", "True", reason).await;
    let message = message(&object, "Synced");
    assert!(message.contains(words), "{words:?} in {message:?}");
    assert!(!message.contains('\u{1b}'), "{message:?}");
    assert!(message.len() < 1000, "{message:?}");
    assert_eq!(condition(&object, "Ready")["status"], "False", "{object}");
}

/// The call that is refused is not made over and over while a few polls go by. `account` is a part of its
/// path, where it has one.
async fn no_storm(scene: &Scene<'_>, words: &str, account: &str) {
    scene.polled(4).await;
    let asked = scene.sandbox.asked().await;
    let tries = asked
        .iter()
        .filter(|asked| asked.words() == words && asked.path.contains(account))
        .filter(|asked| asked.status == Some(422))
        .count();
    assert!(
        (1..=MOST_TRIES).contains(&tries),
        "{words} {account}: {tries} times"
    );
}

#[tokio::test]
async fn a_refused_link_is_told_and_leaves_nothing_behind() {
    let scene = Scene::new("no-link").await.operated().await;
    refuse(&scene, "POST", "/connected_accounts/link").await;
    scene.declare("mail", gmail_of("u")).await;
    told(&scene, "mail", "Rejected", "no POST today").await;
    no_storm(&scene, "POST link", "").await;
    let object = scene.object("mail").await;
    assert_eq!(
        object["metadata"]["annotations"].get("composio.dev/alias"),
        None,
        "{object}"
    );
    scene.delete("mail").await;
}

#[tokio::test]
async fn a_refused_creation_says_nothing_that_could_be_a_value_of_the_secret() {
    let scene = Scene::new("no-create").await.operated().await;
    refuse(&scene, "POST", "/connected_accounts").await;
    scene.secret("key", json!({"api_key": "a-key"})).await;
    let spec = json!({
        "user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "key"}},
    });
    scene.declare("crm", spec).await;
    told(&scene, "crm", "Rejected", "ConnectedAccount_Refused").await;
    let object = scene.object("crm").await;
    assert!(
        !object["status"].to_string().contains("no POST today"),
        "{object}"
    );
    no_storm(&scene, "POST create", "").await;
}

#[tokio::test]
async fn refused_differences_are_told_and_do_not_stop_the_others() {
    let scene = Scene::new("no-change").await.operated().await;
    let spec = json!({
        "user": "u", "toolkit": "slack", "authConfig": "ac_slack",
        "visibility": "Shared", "sharing": {"allowedUsers": ["a"]},
    });
    let id = connected(&scene, "chat", spec).await;
    scene.ready("chat", "Connected").await;
    refuse(&scene, "PATCH", &format!("/connected_accounts/{id}")).await;
    let edit =
        json!({"enabled": false, "sharing": {"allowedUsers": []}, "metadata": {"alias": "chat"}});
    patch(&scene, "chat", edit).await;
    told(&scene, "chat", "Rejected", "no PATCH today").await;
    assert_eq!(
        scene.sandbox.account(&id).await["status"],
        "INACTIVE",
        "the rest is done"
    );
    no_storm(&scene, "PATCH sharing", &id).await;
    no_storm(&scene, "PATCH alias", &id).await;

    let id = connected(&scene, "mail", gmail_of("u")).await;
    refuse(&scene, "PATCH", &format!("/connected_accounts/{id}/status")).await;
    patch(
        &scene,
        "mail",
        json!({"enabled": false, "metadata": {"alias": "mail"}}),
    )
    .await;
    told(&scene, "mail", "Rejected", "no PATCH today").await;
    super::until_account(&scene, &id, "alias", json!("mail")).await;
    no_storm(&scene, "PATCH status (disable)", &id).await;

    let id = connected(
        &scene,
        "enable",
        with(gmail_of("v"), "enabled", json!(false)),
    )
    .await;
    scene.ready("enable", "Disabled").await;
    refuse(&scene, "PATCH", &format!("/connected_accounts/{id}/status")).await;
    patch(&scene, "enable", json!({"enabled": true})).await;
    told(&scene, "enable", "Rejected", "no PATCH today").await;
    no_storm(&scene, "PATCH status (enable)", &id).await;
}

#[tokio::test]
async fn a_refused_new_sign_in_and_a_refused_end_are_told() {
    let scene = Scene::new("no-end").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    refuse(&scene, "POST", &format!("/connected_accounts/{id}/refresh")).await;
    refuse(&scene, "DELETE", &format!("/connected_accounts/{id}")).await;
    scene
        .sandbox
        .by_hand(&id, "state", json!({"state": "REVOKED"}))
        .await;
    scene.until("mail", "Ready", "False", "Revoked").await;
    annotate(&scene, "mail", "composio.dev/link-requested-at=now").await;
    // Neither can the sign-in be started again, nor the row make room for another.
    told(&scene, "mail", "Rejected", "no DELETE today").await;
    no_storm(&scene, "POST refresh", &id).await;

    let id = connected(&scene, "stays", gmail_of("v")).await;
    refuse(&scene, "DELETE", &format!("/connected_accounts/{id}")).await;
    scene
        .kubectl(&["delete", "connectedaccounts", "stays", "--wait=false"])
        .await;
    told(&scene, "stays", "Rejected", "no DELETE today").await;
    no_storm(&scene, "DELETE", &id).await;
    scene.sandbox.control("DELETE", "fault", Value::Null).await;
    annotate(&scene, "stays", "composio.dev/reconcile-requested-at=now").await;
    scene.gone("stays").await;
}

#[tokio::test]
async fn a_forbidden_account_is_its_objects_trouble_alone() {
    let scene = Scene::new("forbidden").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    let other = connected(&scene, "other", gmail_of("v")).await;
    let path = format!("/connected_accounts/{id}");
    let fault = json!({"path_prefix": path, "status": 403, "times": 1000});
    scene.sandbox.control("POST", "fault", fault).await;
    for name in ["mail", "other"] {
        patch(&scene, name, json!({"enabled": false})).await;
    }
    scene.until("mail", "Stalled", "True", "Forbidden").await;
    scene.ready("other", "Disabled").await;
    assert_eq!(scene.sandbox.account(&other).await["status"], "INACTIVE");
    // It comes back by itself when somebody asks.
    scene.sandbox.control("DELETE", "fault", Value::Null).await;
    annotate(&scene, "mail", "composio.dev/reconcile-requested-at=now").await;
    scene.ready("mail", "Disabled").await;
}
