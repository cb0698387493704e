//! Links: issued once, told while they can be used, never renewed by themselves.

use serde_json::{Value, json};

use super::{annotate, changes_of, gmail_of, with};
use crate::support::scene::Scene;

const REQUEST: &str = "composio.dev/link-requested-at";

/// Ten minutes and more go by in Composio.
async fn eleven_minutes(scene: &Scene<'_>) {
    let advance = json!({"advance_seconds": 660});
    scene.sandbox.control("POST", "clock", advance).await;
}

#[tokio::test]
async fn a_link_is_never_renewed_by_itself_and_its_end_is_told() {
    let scene = Scene::new("no-timer").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    let wide = scene
        .kubectl(&["get", "connectedaccounts", "mail", "-o", "wide"])
        .await;
    let expires = &scene.object("mail").await["status"]["link"]["expiresAt"];
    assert!(wide.contains(expires.as_str().expect("a time")), "{wide}");
    eleven_minutes(&scene).await;
    let object = scene.until("mail", "Stalled", "True", "LinkExpired").await;
    assert_eq!(object["status"]["link"], Value::Null, "{object}");
    let wide = scene
        .kubectl(&["get", "connectedaccounts", "mail", "-o", "wide"])
        .await;
    assert!(
        wide.contains("EXPIRED") && wide.contains("LinkExpired"),
        "{wide}"
    );
    eleven_minutes(&scene).await;
    scene.polled(3).await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
}

#[tokio::test]
async fn a_request_brings_one_link_and_the_row_that_it_supersedes_goes() {
    let scene = Scene::new("supersede").await.operated().await;
    let (first, _) = scene.linked_gmail("mail").await;
    scene.sandbox.expire(&first).await;
    scene.until("mail", "Ready", "False", "LinkExpired").await;
    // Composio does not refresh in this state: a new link, which is a new account.
    let fault = json!({"method": "POST", "path": "/connected_accounts/*/refresh", "status": 400});
    scene.sandbox.control("POST", "fault", fault).await;
    annotate(&scene, "mail", &format!("{REQUEST}=one")).await;
    let (second, link) = scene.linked("mail").await;
    assert_ne!(first, second);
    assert!(!scene.sandbox.account(&first).await["deleted_at"].is_null());
    assert_eq!(
        changes_of(&scene, &first).await,
        ["POST link", "POST refresh", "DELETE"]
    );
    annotate(&scene, "mail", &format!("{REQUEST}=one")).await;
    annotate(&scene, "mail", "composio.dev/reconcile-requested-at=now").await;
    scene
        .until_field("mail", "lastHandledReconcileAt", "now")
        .await;
    assert_eq!(
        changes_of(&scene, &second).await,
        ["POST link"],
        "once a token"
    );
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("the link works");
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn a_sign_in_that_was_declined_is_told_and_can_be_asked_for_again() {
    let scene = Scene::new("declined").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    scene.sandbox.by_hand(&id, "cancel", json!({})).await;
    scene.until("mail", "Stalled", "True", "SignInFailed").await;
    annotate(&scene, "mail", &format!("{REQUEST}=again")).await;
    let (again, _) = scene.linked("mail").await;
    scene.sandbox.consent(&again).await;
    scene.ready("mail", "Connected").await;
    let live = scene.sandbox.accounts().await;
    let live = live
        .iter()
        .filter(|account| account["deleted_at"].is_null());
    assert_eq!(live.count(), 1);
}

#[tokio::test]
async fn a_request_on_a_live_account_has_no_effect_and_one_too_long_is_ignored() {
    let scene = Scene::new("needless").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    annotate(&scene, "mail", &format!("{REQUEST}=needless")).await;
    scene
        .until_field("mail", "lastHandledLinkRequest", "needless")
        .await;
    let long = "x".repeat(65);
    annotate(&scene, "mail", &format!("{REQUEST}={long}")).await;
    let cut = format!("{}…", "x".repeat(64));
    scene
        .until_field("mail", "lastHandledLinkRequest", &cut)
        .await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
}

#[tokio::test]
async fn kubectl_wait_waits_for_the_person_or_for_the_link_as_declared() {
    let scene = Scene::new("kubectl-wait").await.operated().await;
    scene
        .declare(
            "wave",
            with(gmail_of("w"), "readyWhen", json!("LinkIssued")),
        )
        .await;
    let ready = ["wait", "--for=condition=Ready", "--timeout=60s"];
    let wave = [&ready[..], &["connectedaccount/wave"]].concat();
    scene.kubectl(&wave).await;
    let (wave, _) = scene.id_and_link("wave").await;
    let (mail, _) = scene.linked_gmail("mail").await;
    let kubectl = [&ready[..2], &["--timeout=1s", "connectedaccount/mail"]].concat();
    let waited = scene.stage().kubectl(&kubectl).await;
    assert!(
        waited.is_err(),
        "it is not ready before the person: {waited:?}"
    );
    scene.sandbox.consent(&mail).await;
    scene
        .kubectl(&[&ready[..], &["connectedaccount/mail"]].concat())
        .await;
    // A wave that went on is not called broken later.
    eleven_minutes(&scene).await;
    scene.polled(3).await;
    scene.ready("wave", "LinkIssued").await;
    annotate(&scene, "wave", &format!("{REQUEST}=late")).await;
    scene
        .until_field("wave", "lastHandledLinkRequest", "late")
        .await;
    scene.sandbox.consent(&wave).await;
    scene.ready("wave", "Connected").await;
    // From then on it is as with Active.
    scene
        .sandbox
        .by_hand(&wave, "state", json!({"state": "REVOKED"}))
        .await;
    scene.until("wave", "Ready", "False", "Revoked").await;
}
