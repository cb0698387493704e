//! `create`: what it declares.

use serde_json::{Value, json};

use super::program::run;
use crate::support::scene::Scene;

#[tokio::test]
async fn a_manifest_is_printed_and_can_be_applied() {
    let scene = Scene::new("cli-export").await;
    let export = [
        "create",
        "gmail",
        "--user",
        "Support@Acme.example",
        "--export",
    ];
    let yaml = run(&scene, &export).await.well();
    let read: Value = serde_saphyr::from_str(&yaml).expect("it is YAML");
    assert_eq!(
        read,
        json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {"name": "support-acme-example-gmail", "namespace": scene.namespace},
            "spec": {"user": "Support@Acme.example", "toolkit": "gmail"},
        })
    );
    scene.apply(&yaml).await;
    // It is there now, and was not before it was applied.
    let create = ["create", "gmail", "--user", "Support@Acme.example"];
    run(&scene, &create).await.failed(1, "already exists");
}

#[tokio::test]
async fn an_account_is_made_from_a_secret() {
    let scene = Scene::new("cli-secret").await.operated().await;
    scene.secret("crm", json!({"generic_api_key": "k-1"})).await;
    let create = [
        "create",
        "hubspot",
        "--user",
        "u",
        "--name",
        "crm",
        "--auth-config",
        "ac_hubspot",
        "--from-secret",
        "crm",
        "--scheme",
        "api_key",
    ];
    run(&scene, &create).await.well();
    scene.ready("crm", "Connected").await;
}

#[tokio::test]
async fn what_cannot_be_declared_is_said() {
    let scene = Scene::new("cli-odd").await;
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["create", "gmail", "--user", "u", "--from-secret", "s"],
            2,
            "--scheme",
        ),
        (
            &["create", "gmail", "--user", "u", "--scheme", "API_KEY"],
            2,
            "--from-secret",
        ),
        (
            &["create", "gmail", "--user", "u", "--scheme", "OAUTH2"],
            2,
            "none of the schemes",
        ),
        (&["create", "💥", "--user", "💥"], 2, "--name"),
        (
            &["create", "Gmail", "--user", "u"],
            1,
            "toolkit must be a slug",
        ),
    ];
    for (args, code, words) in cases {
        run(&scene, args).await.failed(code, words);
    }
    // Whatever the user is, the manifest holds that and nothing else.
    let user = "x\n---\nkind: ClusterRoleBinding # \u{1b}[2J\u{2028}";
    let export = [
        "create", "gmail", "--user", user, "--name", "odd", "--export",
    ];
    let yaml = run(&scene, &export).await.well();
    let read: Value = serde_saphyr::from_str(&yaml).expect("it is one document");
    assert_eq!(read["spec"]["user"], user);
    assert!(!yaml.contains('\u{1b}'), "{yaml:?}");
}
