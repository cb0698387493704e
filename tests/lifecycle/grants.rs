//! What becomes of a grant: it dies, is taken back, comes back, vanishes.

use serde_json::{Value, json};

use super::{annotate, changes_of, connected, gmail_of, patch, with};
use crate::support::scene::Scene;

#[tokio::test]
async fn a_grant_that_died_is_asked_for_again_on_the_same_account() {
    let scene = Scene::new("reauthorise").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    scene.sandbox.by_hand(&id, "end-grant", json!({})).await;
    let (same, link) = scene.linked("mail").await;
    assert_eq!(same, id);
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("the link works");
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["link"], Value::Null, "{object}");
    assert_eq!(changes_of(&scene, &id).await, ["POST link", "POST refresh"]);
}

#[tokio::test]
async fn a_grant_that_died_and_is_not_given_again_is_told_and_asks_no_more() {
    let scene = Scene::new("dead").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    scene.sandbox.by_hand(&id, "end-grant", json!({})).await;
    scene.linked("mail").await;
    let advance = json!({"advance_seconds": 660});
    scene.sandbox.control("POST", "clock", advance).await;
    scene
        .until("mail", "Stalled", "True", "ReauthorizationRequired")
        .await;
    scene.polled(3).await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link", "POST refresh"]);
}

#[tokio::test]
async fn where_composio_cannot_refresh_a_new_account_takes_the_place_of_the_dead_one() {
    let scene = Scene::new("replace").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    let fault = json!({"method": "POST", "path": "/connected_accounts/*/refresh", "status": 501});
    scene.sandbox.control("POST", "fault", fault).await;
    scene.sandbox.by_hand(&id, "end-grant", json!({})).await;
    let (new, _) = scene.linked("mail").await;
    assert_ne!(new, id);
    assert_eq!(
        changes_of(&scene, &id).await,
        ["POST link", "POST refresh", "DELETE"],
        "and never with revocation"
    );
    scene.sandbox.consent(&new).await;
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn a_grant_that_was_revoked_waits_for_a_request() {
    let scene = Scene::new("revoked").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    scene
        .sandbox
        .by_hand(&id, "state", json!({"state": "REVOKED"}))
        .await;
    scene.until("mail", "Stalled", "True", "Revoked").await;
    scene.polled(2).await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    annotate(&scene, "mail", "composio.dev/link-requested-at=back").await;
    let (again, _) = scene.linked("mail").await;
    scene.sandbox.consent(&again).await;
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn an_account_that_was_deleted_by_hand_is_told_and_one_new_link_is_issued() {
    let scene = Scene::new("vanished").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    scene.sandbox.by_hand(&id, "delete", json!({})).await;
    let (new, _) = scene.linked("mail").await;
    assert_ne!(new, id);
    scene.event("mail", "AccountVanished").await;
    // The link of a row that nobody used is not replaced by itself.
    scene.sandbox.by_hand(&new, "delete", json!({})).await;
    scene
        .until("mail", "Ready", "False", "ReauthorizationRequired")
        .await;
    scene.polled(2).await;
    assert_eq!(scene.changes().await, ["POST link", "POST link"]);

    let spec = gmail_of("never-connected");
    scene.declare("unused", spec).await;
    let (unused, _) = scene.linked("unused").await;
    scene.sandbox.by_hand(&unused, "delete", json!({})).await;
    scene
        .until("unused", "Stalled", "True", "LinkExpired")
        .await;
}

#[tokio::test]
async fn a_dead_grant_that_is_declared_disabled_needs_nobody() {
    let scene = Scene::new("dead-disabled").await.operated().await;
    let spec = gmail_of("u");
    let id = connected(&scene, "mail", spec.clone()).await;
    patch(&scene, "mail", json!({"enabled": false})).await;
    scene.ready("mail", "Disabled").await;
    scene
        .sandbox
        .by_hand(&id, "state", json!({"state": "EXPIRED"}))
        .await;
    scene.until_state("mail", "EXPIRED").await;
    scene.ready("mail", "Disabled").await;
    assert_eq!(
        changes_of(&scene, &id).await,
        ["POST link", "PATCH status (disable)"]
    );
    // Enabled again, it does.
    scene
        .declare("mail", with(spec, "enabled", json!(true)))
        .await;
    let (same, _) = scene.linked("mail").await;
    assert_eq!(same, id);
}
