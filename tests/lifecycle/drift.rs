//! What somebody changes in the dashboard, and what is declared anew.

use std::collections::BTreeSet;

use composio_operator::plan::computed_alias;
use serde_json::{Value, json};

use super::{changes_of, connected, gmail_of, patch, until_account, with};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

fn slack(sharing: Value) -> Value {
    json!({
        "user": "u", "toolkit": "slack", "authConfig": "ac_slack",
        "visibility": "Shared", "sharing": sharing,
    })
}

fn set(list: &Value) -> BTreeSet<String> {
    serde_json::from_value(list.clone()).unwrap_or_default()
}

/// Waits until exactly these may use the account.
async fn until_shared(scene: &Scene<'_>, id: &str, all: bool, allowed: Value, denied: Value) {
    wait::until(&format!("the access list of {id}"), SOON, async || {
        let held = scene.sandbox.account(id).await["sharing"].take();
        let same = held["allow_all_users"] == all
            && set(&held["allowed_user_ids"]) == set(&allowed)
            && set(&held["not_allowed_user_ids"]) == set(&denied);
        match same {
            true => Ok(()),
            false => Err(held.to_string()),
        }
    })
    .await;
}

/// The access lists that were sent, in order.
async fn sent(scene: &Scene<'_>) -> Vec<Value> {
    let asked = scene.sandbox.asked().await;
    asked
        .iter()
        .filter(|asked| asked.words() == "PATCH sharing")
        .map(|asked| asked.body["experimental"]["acl_config_for_shared"].clone())
        .collect()
}

#[tokio::test]
async fn what_somebody_changes_in_the_dashboard_is_put_right() {
    let scene = Scene::new("drift").await.operated().await;
    let spec = slack(json!({"allowedUsers": ["agent-1"]}));
    scene.declare("chat", spec).await;
    let (id, _) = scene.linked("chat").await;
    scene.sandbox.consent(&id).await;
    scene.ready("chat", "Connected").await;

    scene.sandbox.by_hand(&id, "disable", json!({})).await;
    until_account(&scene, &id, "status", json!("INACTIVE")).await;
    until_account(&scene, &id, "status", json!("ACTIVE")).await;

    scene
        .sandbox
        .by_hand(&id, "alias", json!({"alias": "mine"}))
        .await;
    let alias = computed_alias("", &scene.namespace, "chat");
    until_account(&scene, &id, "alias", json!(alias)).await;

    let list = json!({"allow_all_users": true, "allowed_user_ids": ["x"], "not_allowed_user_ids": ["agent-1"]});
    let body = json!({"experimental": {"acl_config_for_shared": list}});
    let path = format!("connected_accounts/{id}");
    scene.sandbox.api("PATCH", &path, body).await;
    until_shared(&scene, &id, false, json!(["agent-1"]), json!([])).await;
    scene.ready("chat", "Connected").await;
}

#[tokio::test]
async fn an_account_that_is_declared_disabled_is_disabled_whoever_enables_it() {
    let scene = Scene::new("disabled").await.operated().await;
    let id = connected(&scene, "mail", with(gmail_of("u"), "enabled", json!(false))).await;
    scene.ready("mail", "Disabled").await;
    scene.sandbox.by_hand(&id, "enable", json!({})).await;
    until_account(&scene, &id, "status", json!("INACTIVE")).await;
    scene.ready("mail", "Disabled").await;
}

#[tokio::test]
async fn what_is_changed_back_again_and_again_is_told_and_put_right_less_often() {
    let scene = Scene::new("tug-of-war").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    for _ in 0..3 {
        scene.sandbox.by_hand(&id, "disable", json!({})).await;
        until_account(&scene, &id, "status", json!("ACTIVE")).await;
        scene.until_state("mail", "ACTIVE").await;
    }
    scene.sandbox.by_hand(&id, "disable", json!({})).await;
    let object = scene
        .until("mail", "Synced", "False", "DoesNotConverge")
        .await;
    assert_eq!(object["status"]["corrections"]["count"], 3, "{object}");
    assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
    scene.event("mail", "DoesNotConverge").await;
    // Whoever declares what the other wants has peace.
    patch(&scene, "mail", json!({"enabled": false})).await;
    scene.ready("mail", "Disabled").await;
    assert_eq!(changes_of(&scene, &id).await.len(), 4);
}

#[tokio::test]
async fn who_loses_access_loses_it_before_others_get_it() {
    let scene = Scene::new("sharing").await.operated().await;
    let sharing = json!({"allowedUsers": ["a", "b"], "deniedUsers": ["x"]});
    let id = connected(&scene, "chat", slack(sharing)).await;
    patch(
        &scene,
        "chat",
        json!({"sharing": {"allowedUsers": ["b", "c"], "deniedUsers": ["y"]}}),
    )
    .await;
    until_shared(&scene, &id, false, json!(["b", "c"]), json!(["y"])).await;
    let steps = sent(&scene).await;
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert_eq!(set(&steps[0]["allowed_user_ids"]), set(&json!(["b"])));
    assert_eq!(
        set(&steps[0]["not_allowed_user_ids"]),
        set(&json!(["x", "y"]))
    );

    // To everybody, and back; what is not named is cleared, not kept.
    patch(
        &scene,
        "chat",
        json!({"sharing": {"allowAll": true, "allowedUsers": [], "deniedUsers": []}}),
    )
    .await;
    until_shared(&scene, &id, true, json!([]), json!([])).await;
    patch(&scene, "chat", json!({"sharing": {"allowAll": false}})).await;
    until_shared(&scene, &id, false, json!([]), json!([])).await;

    // Not declared, it is not managed.
    scene.ready("chat", "Connected").await;
    patch(&scene, "chat", json!({"sharing": null})).await;
    scene.ready("chat", "Connected").await;
    let before = sent(&scene).await.len();
    let body = json!({"experimental": {"acl_config_for_shared": {"allowed_user_ids": ["z"]}}});
    let path = format!("connected_accounts/{id}");
    scene.sandbox.api("PATCH", &path, body).await;
    scene.polled(3).await;
    assert_eq!(sent(&scene).await.len(), before + 1, "the one by hand");
}
