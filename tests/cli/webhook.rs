//! `webhook register`: one subscription a project, and its secret has a place before it is made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::program::{at, run_as, run_at, somebody};
use crate::support::scene::Scene;

const URL: &str = "https://hooks.example/webhooks/p";
const REGISTER: [&str; 4] = ["webhook", "register", "--url", URL];

async fn subscriptions(scene: &Scene<'_>) -> Vec<Value> {
    let listed = scene
        .sandbox
        .api("GET", "webhook_subscriptions", Value::Null)
        .await;
    listed["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn composio_tells_the_address_and_the_secret_is_kept() {
    let scene = Scene::new("cli-webhook").await;
    scene.give_project(&scene.options()).await;
    let told = run_at(&scene, &scene.sandbox, &REGISTER).await;
    let secret = scene
        .kubectl(&[
            "get",
            "secret",
            "default-webhook",
            "-o",
            "jsonpath={.data.secret}",
        ])
        .await;
    let secret = STANDARD.decode(secret.trim()).expect("it is base64");
    let secret = String::from_utf8(secret).expect("it is text");
    assert!(secret.starts_with("whsec_"), "it is one");
    assert!(
        !told.out.contains("whsec_") && !told.err.contains("whsec_"),
        "{told:?}"
    );
    assert_eq!(told.well(), "secret/default-webhook created\n");
    let made = subscriptions(&scene).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["webhook_url"], URL);
    assert_eq!(made[0]["version"], "V3");
    assert_eq!(
        made[0]["enabled_events"],
        json!(["composio.connected_account.expired"])
    );

    // A project has one, and that of an application is not taken away.
    let again = [
        "webhook",
        "register",
        "--url",
        "https://other.example/",
        "--secret",
        "other",
    ];
    let told = run_at(&scene, &scene.sandbox, &again).await;
    told.failed(1, &format!("has a webhook subscription, to {URL}"));
    assert_eq!(subscriptions(&scene).await, made);
    let odd = ["webhook", "register", "--url", "http://hooks.example"];
    run_at(&scene, &scene.sandbox, &odd)
        .await
        .failed(2, "https://");
    run_at(&scene, &scene.sandbox, &["webhook", "register"])
        .await
        .failed(2, "--url");
}

#[tokio::test]
async fn where_the_secret_has_no_place_there_is_no_subscription() {
    let scene = Scene::new("cli-webhook-fails").await;
    scene.give_project(&scene.options()).await;
    let register = at(&scene.sandbox, &REGISTER);
    let rules = "[{apiGroups: [composio.dev], resources: ['*'], verbs: [get, list]}, {apiGroups: [''], resources: [secrets], verbs: [get]}]";
    let reader = somebody(&scene, "reader", rules).await;
    let told = run_as(&scene, &reader, &register).await;
    told.failed(1, "you may not create secrets in namespace ");
    scene
        .secret("default-webhook", json!({"secret": "another's"}))
        .await;
    let told = run_at(&scene, &scene.sandbox, &REGISTER).await;
    told.failed(1, "already exists");
    assert_eq!(subscriptions(&scene).await.len(), 0);

    // Nobody knows whether it was made: it was, and its secret is lost.
    let fault =
        json!({"status": "cut_after", "method": "POST", "path_prefix": "/webhook_subscriptions"});
    scene.sandbox.control("POST", "fault", fault).await;
    let lost = ["webhook", "register", "--url", URL, "--secret", "lost"];
    run_at(&scene, &scene.sandbox, &lost)
        .await
        .failed(1, "could not make a webhook subscription");
    assert_eq!(subscriptions(&scene).await.len(), 0);
}

/// An apiserver that takes the Secret when it is asked whether it would, and not when it is made.
#[tokio::test]
async fn a_subscription_whose_secret_cannot_be_written_is_deleted_again() {
    let scene = Scene::new("cli-webhook-undone").await;
    scene.give_project(&scene.options()).await;
    let policy = format!("{}-no-webhooks", scene.namespace);
    let quota = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": policy},
         "spec": {"failurePolicy": "Fail", "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}},
            "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}]},
            "validations": [{"expression": "request.dryRun || object.metadata.name != 'default-webhook'", "message": "not this one"}]}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": policy},
         "spec": {"policyName": policy, "validationActions": ["Deny"]}},
    ]});
    scene.apply(&quota.to_string()).await;
    // It is in force a moment later.
    crate::support::wait::until("the policy", crate::support::scene::SOON, async || {
        let probe =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "default-webhook"}});
        let args = ["-n", &scene.namespace, "create", "-f", "-"];
        let made = scene
            .control_plane
            .kubectl_stdin(&args, &probe.to_string())
            .await;
        match made.status.success() {
            true => {
                scene
                    .kubectl(&["delete", "secret", "default-webhook"])
                    .await;
                Err("it is made".to_owned())
            }
            false => Ok(()),
        }
    })
    .await;
    let told = run_at(&scene, &scene.sandbox, &REGISTER).await;
    assert!(!told.err.contains("whsec_"), "{told:?}");
    told.failed(1, "; the subscription is deleted again");
    assert_eq!(subscriptions(&scene).await.len(), 0);
    let asked = scene.sandbox.asked().await;
    assert!(
        asked.iter().any(|asked| asked.method == "DELETE"),
        "{asked:?}"
    );
}
