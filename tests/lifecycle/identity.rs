//! Whose account is whose: by a pinned alias, by an id, and never by chance.

use composio_operator::plan::computed_alias;
use serde_json::json;

use super::{changes_of, connected, declared_and_lost, gmail_of, patch, until_account, with};
use crate::support::pinned_alias;
use crate::support::sandbox::Asked;
use crate::support::scene::Scene;

#[tokio::test]
async fn an_account_that_exists_is_taken_over_by_its_id_and_keeps_its_alias() {
    let scene = Scene::new("take-over").await.operated().await;
    for (name, alias) in [("named", Some("by-hand")), ("nameless", None)] {
        let id = scene.made_by_hand(name, alias).await;
        let spec = with(gmail_of(name), "connectedAccountId", json!(id));
        scene.declare(name, spec).await;
        let object = scene.ready(name, "Connected").await;
        assert_eq!(object["status"]["connectedAccountId"], id);
        assert_eq!(scene.sandbox.account(&id).await["alias"], json!(alias));
        let computed = computed_alias("", &scene.namespace, name);
        assert_eq!(pinned_alias(&object), json!(alias.unwrap_or(&computed)));
        // By hand one POST; by the operator nothing.
        assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    }
}

#[tokio::test]
async fn an_account_that_is_not_as_declared_is_refused_and_left_alone() {
    let scene = Scene::new("mismatch").await.operated().await;
    let id = scene.made_by_hand("owner", Some("by-hand")).await;
    let declared = |user: &str| with(gmail_of(user), "connectedAccountId", json!(id));
    let slack = json!({"user": "owner", "toolkit": "slack", "connectedAccountId": id});
    for (name, spec, words) in [
        ("user", declared("another"), "is not of user \"another\""),
        (
            "visibility",
            with(declared("owner"), "visibility", json!("Shared")),
            "is not Shared, as is declared",
        ),
        ("toolkit", slack, "is not of toolkit \"slack\""),
        (
            "auth-config",
            with(declared("owner"), "authConfig", json!("ac_other")),
            "was not made from auth config \"ac_other\"",
        ),
    ] {
        scene.declare(name, spec).await;
        let object = scene.until(name, "Stalled", "True", "Mismatch").await;
        assert!(
            object.to_string().contains(&words.replace('"', "\\\"")),
            "{object}"
        );
        scene.delete(name).await;
    }
    assert_eq!(changes_of(&scene, &id).await, ["POST link"]);
    let nowhere = with(gmail_of("owner"), "connectedAccountId", json!("ca_nowhere"));
    scene.declare("nowhere", nowhere).await;
    scene
        .until("nowhere", "Stalled", "True", "AccountNotFound")
        .await;
    assert_eq!(scene.changes().await, ["POST link"], "none is made instead");
}

#[tokio::test]
async fn of_two_objects_for_one_account_the_first_has_it_until_it_goes() {
    let scene = Scene::new("conflict").await.operated().await;
    let id = scene.made_by_hand("u", Some("by-hand")).await;
    let spec = with(gmail_of("u"), "connectedAccountId", json!(id));
    scene
        .declare(
            "first",
            with(spec.clone(), "deletionPolicy", json!("Retain")),
        )
        .await;
    scene.ready("first", "Connected").await;
    for name in ["second", "third"] {
        scene.declare(name, spec.clone()).await;
        let object = scene.until(name, "Stalled", "True", "Conflict").await;
        let words = format!("is managed by {}/first", scene.namespace);
        assert!(object.to_string().contains(&words), "{object}");
    }
    let seq = scene.sandbox.seq().await;
    scene.delete("third").await;
    // Who else waits for the account may look at it again; the one that goes does not.
    let asked = scene.sandbox.asked_since(seq).await;
    let looks = asked.iter().filter(|asked| !asked.is_poll());
    let looks: Vec<String> = looks.map(Asked::words).collect();
    assert!(looks.len() <= 1, "it goes without a call: {looks:?}");
    patch(&scene, "second", json!({"enabled": false})).await;
    scene.polled(3).await;
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
    scene.delete("first").await;
    scene.ready("second", "Disabled").await;
    assert_eq!(
        changes_of(&scene, &id).await,
        ["POST link", "PATCH status (disable)"]
    );
}

#[tokio::test]
async fn an_account_is_renamed_and_a_name_that_is_taken_is_waited_for() {
    let scene = Scene::new("rename").await.operated().await;
    let other = scene.made_by_hand("u", Some("taken")).await;
    let id = connected(&scene, "mail", gmail_of("u")).await;
    patch(&scene, "mail", json!({"metadata": {"alias": "support"}})).await;
    until_account(&scene, &id, "alias", json!("support")).await;
    let renamed = scene.until_object("mail", "the new alias on the object", |object| {
        match pinned_alias(object) == "support" {
            true => Ok(()),
            false => Err(object["metadata"].to_string()),
        }
    });
    renamed.await;
    patch(&scene, "mail", json!({"metadata": {"alias": "taken"}})).await;
    scene.until("mail", "Synced", "False", "AliasInUse").await;
    assert_eq!(scene.sandbox.account(&id).await["alias"], "support");
    scene.sandbox.by_hand(&other, "delete", json!({})).await;
    scene.ready("mail", "Connected").await;
    until_account(&scene, &id, "alias", json!("taken")).await;
}

#[tokio::test]
async fn an_alias_that_is_changed_while_a_call_is_lost_makes_one_account() {
    let scene = Scene::new("stale-alias").await;
    let options = scene.options().flag("--unknown-outcome-wait", "10s");
    let _operator = scene.start("operator", &options).await;
    // The first call never arrives, and nobody knows.
    let fault =
        json!({"method": "POST", "path": "/connected_accounts/link", "status": "cut_before"});
    scene.sandbox.control("POST", "fault", fault).await;
    scene.declare("mail", gmail_of("u")).await;
    scene.until_synced_says("mail", "OutcomeUnknown", "").await;
    patch(&scene, "mail", json!({"metadata": {"alias": "renamed"}})).await;
    let (id, _) = scene.linked("mail").await;
    let accounts = scene.sandbox.accounts().await;
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    assert_eq!(scene.sandbox.account(&id).await["alias"], "renamed");
    assert_eq!(pinned_alias(&scene.object("mail").await), "renamed");
}

#[tokio::test]
async fn an_alias_that_is_changed_while_its_account_is_hidden_finds_that_account() {
    let scene = Scene::new("hidden").await;
    let options = scene.options().flag("--unknown-outcome-wait", "20s");
    let _operator = scene.start("operator", &options).await;
    declared_and_lost(&scene, 10).await;
    patch(&scene, "mail", json!({"metadata": {"alias": "renamed"}})).await;
    let (id, link) = scene.linked("mail").await;
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("the link works");
    until_account(&scene, &id, "alias", json!("renamed")).await;
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
}

#[tokio::test]
async fn clusters_with_different_prefixes_share_a_project_and_stay_apart() {
    let scene = Scene::new("prefix").await;
    let one = scene.options().alias_prefix("eu-");
    let operator = scene.start("eu", &one).await;
    let (eu, _) = scene.linked_gmail("mail").await;
    let alias = computed_alias("eu-", &scene.namespace, "mail");
    assert_eq!(scene.sandbox.account(&eu).await["alias"], alias);
    drop(operator);
    // The other cluster, with the same manifest in a namespace of the same name.
    let strip = json!({"metadata": {"finalizers": null}}).to_string();
    scene.patch("mail", &strip).await;
    scene.delete("mail").await;
    let other = scene.options().alias_prefix("us-");
    let _operator = scene.start("us", &other).await;
    let (us, _) = scene.linked_gmail("mail").await;
    assert_ne!(eu, us);
    assert_eq!(scene.sandbox.accounts().await.len(), 2);
}
