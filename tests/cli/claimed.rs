//! Whose an account is said to be: what anybody can write into an object of theirs proves nothing.

use serde_json::{Value, json};

use super::diff::file;
use super::program::run_at;
use crate::support::scene::{Scene, gmail};

async fn inventory(scene: &Scene<'_>) -> Value {
    let args = ["inventory", "-o", "json"];
    let told = run_at(scene, &scene.sandbox, &args).await.well();
    let read: Value = serde_json::from_str(&told).expect("it is JSON");
    read["accounts"][0].clone()
}

#[tokio::test]
async fn an_object_of_a_project_that_is_not_there_makes_no_account_declared() {
    let scene = Scene::new("cli-claimed").await;
    scene.give_project(&scene.options()).await;
    let id = scene.made_by_hand("u", None).await;
    let other = scene
        .control_plane
        .namespace(&scene.client, "cli-claimed-other")
        .await;
    let mut spec = gmail();
    spec["projectRef"] = json!({"name": "none"});
    spec["connectedAccountId"] = json!(id);
    let object = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "x", "namespace": other}, "spec": spec,
    });
    let applied = scene
        .control_plane
        .kubectl_stdin(&["apply", "-f", "-"], &object.to_string())
        .await;
    assert!(applied.status.success(), "{applied:?}");

    let found = inventory(&scene).await;
    assert_eq!(found["found"], json!(["undeclared"]), "{found}");
    assert_eq!(found["object"], Value::Null, "{found}");
    let place = json!({"namespace": other, "name": "x"});
    assert_eq!(found["namedBy"], place, "{found}");
    let table = run_at(&scene, &scene.sandbox, &["inventory"]).await.well();
    let words = format!("named by {other}/x, unproved");
    assert!(table.contains("unproved: cli-claimed-other"), "{table}");

    let told = run_at(&scene, &scene.sandbox, &["import"]).await;
    let warned = format!("such as one of another project: {id} is {words}");
    assert!(told.err.contains(&warned), "{told:?}");
    let yaml = told.well();
    assert!(yaml.contains(&format!("# {words}\n")), "{yaml}");
    let named = format!("connectedAccountId: {id}\n");
    assert!(yaml.contains(&named), "{yaml}");
}

#[tokio::test]
async fn a_status_that_somebody_has_written_keeps_no_account_from_whom_it_is_given_to() {
    let scene = Scene::new("cli-claimed-status").await;
    scene.give_project(&scene.options()).await;
    let id = scene.made_by_hand("u", None).await;
    scene.declare("forged", gmail()).await;
    let record = json!({"keyId": "x", "mac": "x"});
    let status = json!({"connectedAccountId": id, "record": record, "state": "ACTIVE"});
    scene.give_status("forged", &status).await;
    let found = inventory(&scene).await;
    assert_eq!(found["found"], json!(["undeclared"]), "{found}");
    assert_eq!(found["namedBy"]["name"], "forged", "{found}");

    let mut spec = gmail();
    spec["connectedAccountId"] = json!(id);
    let manifest = file(&scene, "given", &spec);
    let diff = ["diff", "-f", &manifest];
    let told = run_at(&scene, &scene.sandbox, &diff).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("(Adopt)"), "{told:?}");
    assert!(!told.out.contains("HeldByAnother"), "{told:?}");

    scene.declare("given", spec).await;
    let found = inventory(&scene).await;
    assert_eq!(found["found"], json!(["declared"]), "{found}");
    assert_eq!(found["object"]["name"], "given", "{found}");
}
