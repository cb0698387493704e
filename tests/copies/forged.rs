//! Statuses that somebody wrote by hand, and what the change of the API key leaves of a record.

use crate::support::story::message;

use composio_operator::plan::computed_alias;
use serde_json::{Value, json};

use super::{annotate, changes_of, connected, gmail_of};
use crate::support::child::Signal;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

#[tokio::test]
async fn an_id_written_into_a_status_touches_nobodys_account_and_the_own_one_is_found_again() {
    let scene = Scene::new("forged").await.operated().await;
    let theirs = scene.made_by_hand("u", Some("theirs")).await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    let record = scene.object("mail").await["status"]["record"].clone();
    assert!(record["mac"].is_string(), "{record}");
    for forged in [
        // The record of the own account stays beside it.
        json!({"connectedAccountId": theirs}),
        json!({"connectedAccountId": theirs, "record": null}),
        json!({"connectedAccountId": theirs, "record": {"keyId": "AAAAAAAA", "mac": "AAAA"}}),
        json!({"connectedAccountId": theirs, "record": null, "adopted": "ByDeclaredAlias"}),
    ] {
        scene.give_status("mail", &forged).await;
        scene.until_field("mail", "connectedAccountId", &id).await;
        let object = scene.ready("mail", "Connected").await;
        assert_eq!(object["status"]["record"], record, "after {forged}");
    }
    scene.event("mail", "RecordRejected").await;
    // It goes while the forged id stands in the status: its own account ends, and no other.
    scene
        .give_status("mail", &json!({"connectedAccountId": theirs}))
        .await;
    scene.delete("mail").await;
    assert_eq!(changes_of(&scene, &theirs).await, ["POST link"]);
    assert_eq!(scene.sandbox.account(&theirs).await["status"], "ACTIVE");
    let ended = changes_of(&scene, &id).await;
    assert_eq!(ended, ["POST link", "POST revoke", "DELETE"]);
}

#[tokio::test]
async fn a_forged_status_makes_nobody_the_holder_of_an_account() {
    let scene = Scene::new("squatter").await.operated().await;
    let theirs = scene.made_by_hand("u", Some("theirs")).await;
    connected(&scene, "mail", gmail_of("u")).await;
    let patch = r#"{"spec":{"suspend":true}}"#;
    scene.patch("mail", patch).await;
    scene.until("mail", "Synced", "True", "Suspended").await;
    scene
        .give_status("mail", &json!({"connectedAccountId": theirs}))
        .await;
    let mut spec = gmail_of("u");
    spec["connectedAccountId"] = json!(theirs);
    scene.declare("taker", spec).await;
    scene.ready("taker", "Connected").await;
}

#[tokio::test]
async fn an_older_object_with_a_forged_status_takes_no_account_that_is_named_to_it() {
    let scene = Scene::new("older").await.operated().await;
    let mut spec = gmail_of("u");
    spec["suspend"] = json!(true);
    scene.declare("older", spec).await;
    scene.until("older", "Synced", "True", "Suspended").await;
    scene.is_older_than_the_next("older").await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    scene
        .give_status("older", &json!({"connectedAccountId": id}))
        .await;
    annotate(&scene, "older", &format!("composio.dev/own-account={id}")).await;
    let patch = r#"{"spec":{"suspend":false}}"#;
    scene.patch("older", patch).await;
    scene.until("older", "Stalled", "True", "Conflict").await;
    annotate(&scene, "mail", "composio.dev/reconcile-requested-at=now").await;
    scene
        .until_field("mail", "lastHandledReconcileAt", "now")
        .await;
    scene.ready("mail", "Connected").await;
    scene.delete("older").await;
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
}

/// Another key of the same project.
const ROTATED: &str = "rotated";

async fn rotate(scene: &Scene<'_>) {
    let body = json!({"api_key": ROTATED});
    scene.sandbox.control("POST", "api-key", body).await;
    scene.put_api_key(ROTATED).await;
}

/// Somebody gives the account another alias in the dashboard.
async fn rename_by_hand(scene: &Scene<'_>, id: &str) {
    let alias = json!({"alias": "renamed-by-hand"});
    scene.sandbox.by_hand(id, "alias", alias).await;
}

/// Waits until the account has the computed alias of the object again.
async fn is_given_its_alias_back(scene: &Scene<'_>, name: &str, id: &str) {
    let alias = computed_alias("", &scene.namespace, name);
    wait::until("its alias", SOON, async || {
        let account = scene.sandbox.account(id).await;
        match account["alias"] == json!(alias) {
            true => Ok(()),
            false => Err(account.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_rotation_a_record_holds_and_is_signed_anew() {
    let scene = Scene::new("rotated").await.operated().await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    let before = scene.object("mail").await["status"]["record"]["keyId"].clone();
    rotate(&scene).await;
    let anew = scene.until_object("mail", "a record of the new key", |object| {
        match &object["status"]["record"]["keyId"] {
            key if key.is_string() && *key != before => Ok(()),
            key => Err(key.to_string()),
        }
    });
    anew.await;
    rename_by_hand(&scene, &id).await;
    // The record proves whose it is.
    is_given_its_alias_back(&scene, "mail", &id).await;
}

#[tokio::test]
async fn with_a_state_key_a_rotation_a_restart_and_a_rename_together_ask_nobody() {
    let scene = Scene::new("state-key").await;
    let state_key = scene
        .folder
        .write(
            "state-key",
            "b25lIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzIQ==\n",
        )
        .expect("the folder is there");
    let options = scene.options().flag(
        "--state-key-file",
        state_key.to_str().expect("a path of ASCII"),
    );
    let first = scene.start("first", &options).await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    let record = scene.object("mail").await["status"]["record"].clone();
    drop(first);
    rotate(&scene).await;
    rename_by_hand(&scene, &id).await;
    let options = options.api_key(ROTATED);
    let _second = scene.start("second", &options).await;
    is_given_its_alias_back(&scene, "mail", &id).await;
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["record"], record, "it was signed once");
}

#[tokio::test]
async fn a_rotation_a_restart_and_a_rename_together_ask_a_person() {
    let first = Scene::new("all-three").await.operated().await;
    let id = connected(&first, "mail", gmail_of("u")).await;
    first.operator.child.signal(Signal::Kill).expect("it runs");
    rotate(&first).await;
    rename_by_hand(&first, &id).await;
    let options = first.options().api_key(ROTATED);
    let _second = first.start("second", &options).await;
    let object = first.until("mail", "Stalled", "True", "AliasChanged").await;
    let said = message(&object, "Ready");
    assert!(said.contains(&id) && said.contains("own-account"), "{said}");
    assert_eq!(
        changes_of(&first, &id).await,
        ["POST link"],
        "nothing is done on that word"
    );
    annotate(&first, "mail", &format!("composio.dev/own-account={id}")).await;
    let object = first.ready("mail", "Connected").await;
    assert_eq!(object["status"]["connectedAccountId"], id);
    assert_eq!(changes_of(&first, &id).await, ["POST link", "PATCH alias"]);
    let record: &Value = &object["status"]["record"];
    assert!(record["mac"].is_string(), "{object}");
}
