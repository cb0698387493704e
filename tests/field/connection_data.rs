//! Connection data that was corrected after a link was issued with it.

use serde_json::{Value, json};

use super::ask_for_link;
use crate::support::scene::{Scene, gmail};
use crate::support::story::{condition, message};

/// A Gmail account of that subdomain.
fn at(subdomain: &str) -> Value {
    let mut spec = gmail();
    spec["connectionData"] = json!({"subdomain": subdomain});
    spec
}

/// The connection data of all links that were asked for.
async fn sent(scene: &Scene<'_>) -> Vec<Value> {
    let asked = scene.sandbox.asked().await;
    let links = asked.iter().filter(|one| one.path.ends_with("/link"));
    links
        .map(|one| one.body["connection_data"].clone())
        .collect()
}

async fn is_deleted(scene: &Scene<'_>, id: &str) -> bool {
    !scene.sandbox.account(id).await["deleted_at"].is_null()
}

#[tokio::test]
async fn a_correction_before_anybody_signed_in_brings_a_link_with_it_at_once() {
    let scene = Scene::new("corrected").await.operated().await;
    scene.declare("mail", at("wrnog")).await;
    let (first, _) = scene.linked("mail").await;
    scene.declare("mail", at("wrong")).await;
    scene
        .until_status("mail", "another account", |object| {
            object["status"]["connectedAccountId"] != *first
        })
        .await;
    let (second, _) = scene.linked("mail").await;
    assert!(is_deleted(&scene, &first).await, "nobody signs in to that");

    scene.sandbox.expire(&second).await;
    scene.until("mail", "Ready", "False", "LinkExpired").await;
    scene.declare("mail", at("acme")).await;
    let (third, _) = scene.linked("mail").await;
    assert!(is_deleted(&scene, &second).await);
    let told = ["wrnog", "wrong", "acme"].map(|one| json!({"subdomain": one}));
    assert_eq!(sent(&scene).await, told);
    assert!(
        scene.object("mail").await["status"]["previousConnectedAccountId"].is_null(),
        "nobody could use the former ones"
    );
    scene.sandbox.consent(&third).await;
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn a_correction_of_a_connected_account_is_told_and_taken_in_at_the_next_sign_in() {
    let scene = Scene::new("corrected-late").await;
    let operator = scene.start("operator", &scene.options()).await;
    scene.declare("mail", at("wrong")).await;
    let (first, _) = scene.linked("mail").await;
    scene.sandbox.consent(&first).await;
    scene.ready("mail", "Connected").await;
    let before = scene.changes().await;

    scene.declare("mail", at("acme")).await;
    let object = scene.ready("mail", "ConnectionDataChanged").await;
    assert_eq!(condition(&object, "Synced")["status"], "False");
    assert!(
        message(&object, "Ready").contains("next sign-in"),
        "{object}"
    );
    assert!(condition(&object, "Stalled").is_null(), "{object}");
    scene.event("mail", "ConnectionDataChanged").await;
    // What the account has is known to the next process too, and to declare it again is all that it takes.
    operator.child.stop().await.expect("it ends");
    let _operator = scene.start("next", &scene.options()).await;
    scene.declare("mail", at("wrong")).await;
    scene.ready("mail", "Connected").await;
    scene.declare("mail", at("acme")).await;
    scene.ready("mail", "ConnectionDataChanged").await;
    assert_eq!(scene.changes().await, before, "it is left as it is");

    scene.sandbox.expire(&first).await;
    let (second, _) = scene.linked("mail").await;
    assert_ne!(first, second);
    assert!(is_deleted(&scene, &first).await);
    scene.event("mail", "AccountReplaced").await;
    let told = ["wrong", "acme"].map(|one| json!({"subdomain": one}));
    assert_eq!(sent(&scene).await, told);
    assert!(!scene.changes().await.contains(&"POST refresh".to_owned()));
    scene.sandbox.consent(&second).await;
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn an_account_of_which_nothing_is_recorded_is_taken_to_have_what_is_declared() {
    let scene = Scene::new("older").await;
    let operator = scene.start("operator", &scene.options()).await;
    scene.declare("mail", at("acme")).await;
    let (id, _) = scene.linked("mail").await;
    operator.child.stop().await.expect("it ends");
    scene
        .give_status("mail", &json!({"connectionDataDigest": null}))
        .await;
    let _operator = scene.start("next", &scene.options()).await;
    scene
        .until_status("mail", "a record", |object| {
            object["status"]["connectionDataDigest"].is_string()
        })
        .await;
    ask_for_link(&scene, "mail", "monday").await;
    scene
        .until_field("mail", "lastHandledLinkRequest", "monday")
        .await;
    assert_eq!(scene.changes().await, ["POST link", "POST refresh"]);
    let (again, _) = scene.id_and_link("mail").await;
    assert_eq!(id, again);
}
