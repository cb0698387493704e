//! Auth configs that come, and are disabled, while accounts are made from them.

use serde_json::{Value, json};

use super::{ask_for_link, switch};
use crate::support::scene::{Scene, gmail};
use crate::support::story::message;

async fn auth_config(scene: &Scene<'_>, id: &str, enabled: bool) {
    let config = json!({"id": id, "toolkit": "gmail", "enabled": enabled});
    scene.sandbox.control("POST", "auth-configs", config).await;
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
    scene.sandbox.by_hand(&first, "delete", Value::Null).await;
    scene.event("mail", "AccountVanished").await;
    let (second, _) = scene.linked("mail").await;
    let account = scene.sandbox.account(&second).await;
    assert_eq!(account["auth_config"], "ac_gmail", "as before");

    auth_config(&scene, "ac_gmail", false).await;
    scene.sandbox.by_hand(&second, "delete", Value::Null).await;
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

#[tokio::test]
async fn an_auth_config_that_is_disabled_is_told_and_not_fought_until_it_is_enabled_again() {
    for disables_accounts in [false, true] {
        let scene = Scene::new("config-off").await.operated().await;
        let reading = json!({"disabled_config_disables_accounts": disables_accounts});
        switch(&scene, reading).await;
        scene.connected_gmail("mail").await;
        let before = scene.changes().await;
        auth_config(&scene, "ac_gmail", false).await;
        let object = scene
            .until("mail", "Ready", "False", "AuthConfigDisabled")
            .await;
        let told = message(&object, "Ready");
        assert!(
            told.contains("ac_gmail") && told.contains("Enable it"),
            "{told}"
        );
        scene.event("mail", "AuthConfigDisabled").await;
        scene.polled(5).await;
        assert_eq!(
            scene.changes().await,
            before,
            "{disables_accounts}: it is left alone"
        );

        auth_config(&scene, "ac_gmail", true).await;
        let object = scene.ready("mail", "Connected").await;
        assert_eq!(object["status"]["state"], "ACTIVE");
    }
}
