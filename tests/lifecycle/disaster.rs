//! Everything in the cluster is lost, and Git is still there: no new account, no new consent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::child::Signal;
use crate::support::control_plane::ControlPlane;
use crate::support::scene::Scene;
use crate::support::story::without_identity;

const ACCOUNTS: usize = 200;

fn manifests() -> Value {
    let object = |n: usize| {
        let mut spec =
            json!({"user": format!("user-{n}"), "toolkit": "gmail", "authConfig": "ac_gmail"});
        match n % 4 {
            0 => spec["metadata"] = json!({"alias": format!("alias-{n}")}),
            1 => {
                spec["toolkit"] = json!("slack");
                spec["authConfig"] = json!("ac_slack");
                spec["visibility"] = json!("Shared");
                spec["sharing"] = json!({"allowedUsers": ["agent"]});
            }
            _ => {}
        }
        json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": format!("account-{n}")}, "spec": spec,
        })
    };
    let objects: Vec<Value> = (0..ACCOUNTS).map(object).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": objects})
}

async fn all_ready(scene: &Scene<'_>) -> BTreeMap<String, String> {
    let objects = scene
        .until_all("all ready", ACCOUNTS, |object| {
            let conditions = object["status"]["conditions"].as_array();
            conditions.is_some_and(|conditions| {
                conditions
                    .iter()
                    .any(|found| found["type"] == "Ready" && found["status"] == "True")
            })
        })
        .await;
    let text = |value: &Value| value.as_str().expect("it is there").to_owned();
    objects
        .iter()
        .map(|object| {
            let id = &object["status"]["connectedAccountId"];
            (text(&object["metadata"]["name"]), text(id))
        })
        .collect()
}

#[tokio::test]
async fn two_hundred_accounts_are_found_again_after_etcd_or_only_the_status_was_lost() {
    let first = Scene::new("git").await.operated().await;
    first.apply(&manifests().to_string()).await;
    first
        .until_all("the links", ACCOUNTS, |object| {
            !object["status"]["link"].is_null()
        })
        .await;
    for account in first.sandbox.accounts().await {
        let id = account["id"].as_str().expect("an id").to_owned();
        first.sandbox.consent(&id).await;
    }
    let ids = all_ready(&first).await;
    let backup = first
        .kubectl(&["get", "connectedaccounts", "-o", "json"])
        .await;
    first.operator.child.signal(Signal::Kill).expect("it runs");
    let seq = first.sandbox.seq().await;

    let empty = ControlPlane::start().await.expect("a second one starts");
    empty.install_crd().await;
    let second = Scene::named(&empty, &first.namespace).await;
    let options = second.options().base_url(first.sandbox.url());
    let operator = second.start("operator", &options).await;
    second.apply(&manifests().to_string()).await;
    assert_eq!(all_ready(&second).await, ids, "the same accounts");
    drop(operator);

    // A restore from a backup: finalizers and annotations are back, the status is not.
    second.drop_all().await;
    let mut restored: Value = serde_json::from_str(&backup).expect("JSON");
    for object in restored["items"].as_array_mut().into_iter().flatten() {
        object["status"].take();
        without_identity(object);
    }
    second.apply(&restored.to_string()).await;
    let _operator = second.start("restored", &options).await;
    assert_eq!(all_ready(&second).await, ids, "the same accounts again");

    let asked = first.sandbox.asked_since(seq).await;
    let changes: Vec<_> = asked.iter().filter(|asked| !asked.is_look()).collect();
    assert!(changes.is_empty(), "something was changed: {changes:?}");
    assert_eq!(first.sandbox.accounts().await.len(), ACCOUNTS);
}
