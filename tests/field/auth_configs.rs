//! Auth configs that come, and are disabled, while accounts are made from them.

use serde_json::{Value, json};

use super::ask_for_link;
use crate::support::scene::{Scene, gmail};

async fn auth_config(scene: &Scene<'_>, id: &str, enabled: bool) {
    let config = json!({"id": id, "toolkit": "gmail", "enabled": enabled});
    scene.sandbox.control("POST", "auth-configs", config).await;
}

async fn by_hand(scene: &Scene<'_>, id: &str, what: &str) {
    let path = format!("accounts/{id}/{what}");
    scene.sandbox.control("POST", &path, Value::Null).await;
}

#[tokio::test]
async fn an_account_that_is_made_anew_is_of_the_auth_config_of_the_last_one_while_that_is_enabled()
{
    let scene = Scene::new("recorded-config").await;
    let options = scene.options().flag("--auth-config-lifetime", "1s");
    let _operator = scene.start("operator", &options).await;
    let mut spec = gmail();
    spec.as_object_mut().expect("a map").remove("authConfig");
    scene.declare("mail", spec).await;
    let (first, _) = scene.linked("mail").await;
    scene.sandbox.consent(&first).await;
    scene.ready("mail", "Connected").await;

    auth_config(&scene, "ac_of_an_app", true).await;
    by_hand(&scene, &first, "delete").await;
    scene.event("mail", "AccountVanished").await;
    let (second, _) = scene.linked("mail").await;
    let account = scene.sandbox.account(&second).await;
    assert_eq!(account["auth_config"], "ac_gmail", "as before");

    auth_config(&scene, "ac_gmail", false).await;
    by_hand(&scene, &second, "delete").await;
    scene
        .until("mail", "Ready", "False", "ReauthorizationRequired")
        .await;
    ask_for_link(&scene, "mail", "monday").await;
    let (third, _) = scene.linked("mail").await;
    let account = scene.sandbox.account(&third).await;
    assert_eq!(
        account["auth_config"], "ac_of_an_app",
        "the only one that is left"
    );
}
