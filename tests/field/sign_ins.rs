//! How sign-ins end that bring no grant.

use serde_json::{Value, json};

use super::{ask_for_link, switch};
use crate::support::scene::{Scene, gmail};
use crate::support::story::message;

/// What the object says of the sign-in, which only another link can mend.
async fn ended(scene: &Scene<'_>, name: &str, reason: &str) -> String {
    let object = scene.until(name, "Ready", "False", reason).await;
    scene.until(name, "Stalled", "True", reason).await;
    scene.event(name, reason).await;
    assert_eq!(object["status"]["link"], Value::Null, "{object}");
    let told = message(&object, "Ready").to_owned();
    assert!(told.contains("composio.dev/link-requested-at"), "{told}");
    told
}

#[tokio::test]
async fn a_sign_in_that_the_user_declined_is_told_as_well_as_composio_tells_it() {
    for (is_named, reason) in [(true, "SignInDeclined"), (false, "SignInFailed")] {
        let scene = Scene::new("declined").await.operated().await;
        switch(&scene, json!({"declines_are_named": is_named})).await;
        let (id, _) = scene.linked_gmail("mail").await;
        scene.sandbox.by_hand(&id, "cancel", Value::Null).await;
        let told = ended(&scene, "mail", reason).await;
        assert!(told.contains("declined"), "{told}");
        ask_for_link(&scene, "mail", "monday").await;
        let (again, _) = scene.linked("mail").await;
        scene.sandbox.consent(&again).await;
        scene.ready("mail", "Connected").await;
    }
}

#[tokio::test]
async fn a_sign_in_that_failed_says_what_composio_says_and_no_address_or_token_in_it() {
    let scene = Scene::new("failed").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    let why = "invalid_client at https://accounts.example/o/oauth2?code=4/0AX4XfWh \u{1b}[31mya29.a0AfH6SMBx7Q2kLm9PqRs";
    let failed = json!({"state": "FAILED", "reason": why});
    scene.sandbox.by_hand(&id, "state", failed).await;
    let told = ended(&scene, "mail", "SignInFailed").await;
    assert!(
        told.contains("invalid_client at https://accounts.example/"),
        "{told}"
    );
    for hidden in ["4/0AX4XfWh", "a0AfH6SMBx7Q2kLm9PqRs", "\u{1b}"] {
        assert!(!told.contains(hidden), "{told}");
    }
}

#[tokio::test]
async fn a_sign_in_of_somebody_else_is_told_as_refused() {
    let scene = Scene::new("refused-identity").await.operated().await;
    let verifier = json!({"verifier_url": "https://app.example/verify"});
    scene.sandbox.control("POST", "project", verifier).await;
    let (id, _) = scene.linked_gmail("mail").await;
    let finished = scene.sandbox.by_hand(&id, "consent", json!({})).await;
    let url = finished["finished"]["redirect_url"]
        .as_str()
        .expect("the verifier");
    let (_, session) = url.split_once("session_uri=").expect("a session");
    let session = session.replace("%3A", ":");
    let body = json!({"session_uri": session, "user_id": "eve"});
    let path = "connected_accounts/complete_auth";
    scene.sandbox.api("POST", path, body).await;
    let told = ended(&scene, "mail", "IdentityRefused").await;
    assert!(told.contains("somebody else"), "{told}");

    ask_for_link(&scene, "mail", "monday").await;
    let (again, _) = scene.linked("mail").await;
    assert_ne!(
        id, again,
        "the row is at its end, and another one takes its place"
    );
}

#[tokio::test]
async fn a_link_that_nobody_used_for_ten_minutes_has_expired() {
    let scene = Scene::new("ran-out").await.operated().await;
    scene.linked_gmail("mail").await;
    let clock = json!({"advance_seconds": 660});
    scene.sandbox.control("POST", "clock", clock).await;
    let told = ended(&scene, "mail", "LinkExpired").await;
    assert!(told.contains("ten minutes"), "{told}");
}

#[tokio::test]
async fn an_object_that_is_content_with_a_link_stays_ready_and_says_how_the_sign_in_ended() {
    let scene = Scene::new("content").await.operated().await;
    let mut spec = gmail();
    spec["readyWhen"] = json!("LinkIssued");
    scene.declare("mail", spec).await;
    scene.ready("mail", "LinkIssued").await;
    let (id, _) = scene.id_and_link("mail").await;
    let failed = json!({"state": "FAILED", "reason": "server_error"});
    scene.sandbox.by_hand(&id, "state", failed).await;
    scene.until_state("mail", "FAILED").await;
    let object = scene.ready("mail", "LinkIssued").await;
    assert!(
        message(&object, "Ready").contains("server_error"),
        "{object}"
    );
}

#[tokio::test]
async fn a_user_who_declines_to_sign_in_again_is_told_too() {
    let scene = Scene::new("declined-again").await.operated().await;
    switch(&scene, json!({"declines_are_named": true})).await;
    let id = scene.connected_gmail("mail").await;
    scene.sandbox.expire(&id).await;
    let (again, _) = scene.linked("mail").await;
    scene.sandbox.by_hand(&again, "cancel", Value::Null).await;
    ended(&scene, "mail", "SignInDeclined").await;
}
