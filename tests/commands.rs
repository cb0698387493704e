//! What a person or a hook runs beside the operator: `check` and `drain`.

use std::path::Path;
use std::process::Output;

use composio_operator::kubernetes::PROXY_VARIABLES;
use serde_json::json;

use crate::support::control_plane::ControlPlane;
use crate::support::sandbox::{API_KEY, PROGRAM};
use crate::support::scene::{Scene, gmail};

/// Runs a subcommand to its end, with the key and the way to the cluster that the operator has.
async fn run(kubeconfig: &Path, key: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::new(PROGRAM);
    command
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .env("COMPOSIO_API_KEY", key);
    for proxy in PROXY_VARIABLES {
        command.env_remove(proxy);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.expect("the program runs");
    let told = [stdout, stderr].concat();
    (
        status.code(),
        String::from_utf8(told).expect("it tells text"),
    )
}

async fn check(scene: &Scene<'_>, key: &str) -> (Option<i32>, String) {
    let args = [
        "check",
        "--base-url",
        scene.sandbox.url(),
        "--watch-namespace",
        &scene.namespace,
        "--lease-namespace",
        &scene.namespace,
    ];
    run(&scene.kubeconfig, key, &args).await
}

async fn drain(scene: &Scene<'_>, timeout: &str) -> (Option<i32>, String) {
    let args = [
        "drain",
        "--timeout",
        timeout,
        "--watch-namespace",
        &scene.namespace,
    ];
    // The hook has an account of its own that may delete; here it is the administrator's.
    run(scene.control_plane.kubeconfig(), API_KEY, &args).await
}

#[tokio::test]
async fn a_check_finds_everything_in_order_and_changes_nothing() {
    let scene = Scene::new("check").await;
    scene.declare("a", gmail()).await;
    let (code, told) = check(&scene, API_KEY).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told.lines().count(), 6, "{told}");
    assert!(told.lines().all(|line| line.starts_with("ok ")), "{told}");
    assert_eq!(scene.changes().await, [""; 0]);
    assert_eq!(scene.written(), []);
}

#[tokio::test]
async fn a_check_says_that_the_key_is_wrong_and_not_which_it_is() {
    let scene = Scene::new("check-key").await;
    let (code, told) = check(&scene, "ak_wrong_one").await;
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("FAILED API key: Composio rejects the API key"),
        "{told}"
    );
    assert!(told.contains("error: 2 of the checks failed"), "{told}");
    assert!(!told.contains("ak_wrong_one"), "{told}");
}

#[tokio::test]
async fn a_check_names_each_permission_that_is_lacking() {
    let scene = Scene::new("check-rights").await;
    let token = scene
        .control_plane
        .service_account(
            &scene.client,
            &scene.namespace,
            "half",
            r#"[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: [get, list, watch]}]"#,
        )
        .await;
    let kubeconfig = scene.control_plane.kubeconfig_for_token(&token);
    let args = [
        "check",
        "--base-url",
        scene.sandbox.url(),
        "--lease-namespace",
        &scene.namespace,
    ];
    let (code, told) = run(&kubeconfig, API_KEY, &args).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains(
            "may not get leases composio-operator, list leases composio-operator, watch leases \
             composio-operator, update leases composio-operator, get leases scopes.composio.dev, \
             update leases scopes.composio.dev, create leases"
        ),
        "{told}"
    );
    assert!(
        told.contains(
            "the service account may not patch connectedaccounts, update connectedaccounts/status, \
             get secrets, create events, patch events"
        ),
        "{told}"
    );
}

#[tokio::test]
async fn a_check_says_that_the_definition_or_the_apiserver_is_missing() {
    // One without the definition, which all others share.
    let control_plane = ControlPlane::start().await.expect("it starts");
    let scene = Scene::on(&control_plane, "check-crd").await;
    let (code, told) = check(&scene, API_KEY).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("the ConnectedAccount resource is not installed"),
        "{told}"
    );
    assert!(told.contains("error: 1 of the checks failed"), "{told}");

    let kubeconfig = scene.folder.join("a-copy.kubeconfig");
    std::fs::copy(&scene.kubeconfig, &kubeconfig).expect("it can be copied");
    let (url, certificate) = (control_plane.url().to_owned(), "certificate-authority");
    let text = std::fs::read_to_string(&kubeconfig).expect("it is there");
    assert!(text.contains(&url) && text.contains(certificate), "{text}");
    std::fs::write(&kubeconfig, text.replace(&url, "https://127.0.0.1:1")).expect("it is ours");
    let args = ["check", "--base-url", scene.sandbox.url()];
    let (code, told) = run(&kubeconfig, API_KEY, &args).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("FAILED apiserver: it does not answer"),
        "{told}"
    );
}

#[tokio::test]
async fn a_drain_deletes_everything_in_scope_each_by_its_own_policy() {
    let scene = Scene::new("drain").await.operated().await;
    let revoked = scene.connected_gmail("revoked").await;
    let mut spec = gmail();
    spec["user"] = json!("another");
    spec["deletionPolicy"] = json!("Retain");
    scene.declare("retained", spec).await;
    let (retained, _) = scene.linked("retained").await;

    let (code, told) = drain(&scene, "60s").await;
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.starts_with("2 ConnectedAccounts are there\n"),
        "{told}"
    );
    assert!(told.ends_with("0 ConnectedAccounts are there\n"), "{told}");
    let deleted = async |id: &str| scene.sandbox.account(id).await["deleted_at"].is_string();
    assert!(deleted(&revoked).await);
    assert!(!deleted(&retained).await);
}

#[tokio::test]
async fn a_drain_tells_what_is_left_when_its_time_is_over() {
    let scene = Scene::new("drain-left").await;
    {
        let operator = scene.start("operator", &scene.options()).await;
        scene.connected_gmail("stays").await;
        drop(operator);
    }
    let (code, told) = drain(&scene, "1s").await;
    assert_eq!(code, Some(1), "{told}");
    let left = format!("left: {}/stays ", scene.namespace);
    assert!(told.contains(&left), "{told}");
    assert!(
        told.contains("error: 1 ConnectedAccounts are left; the operator must run"),
        "{told}"
    );
}

#[tokio::test]
async fn of_several_namespaces_each_is_dealt_with_and_no_other() {
    let scene = Scene::new("several").await;
    let second = scene
        .control_plane
        .namespace(&scene.client, "several")
        .await;
    let outside = scene
        .control_plane
        .namespace(&scene.client, "several")
        .await;
    for (namespace, user) in [(&second, "second"), (&outside, "outside")] {
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {"name": "a", "namespace": namespace},
            "spec": {"user": user, "toolkit": "gmail", "authConfig": "ac_gmail"},
        });
        let made = scene
            .control_plane
            .kubectl_stdin(&["apply", "-f", "-"], &object.to_string())
            .await;
        assert!(made.status.success(), "{made:?}");
    }
    let both = format!("{},{second}", scene.namespace);
    let options = scene.options().flag("--watch-namespace", &both);
    let _operator = scene.start("operator", &options).await;
    scene.connected_gmail("a").await;
    let args = [
        "-n",
        &second,
        "wait",
        "connectedaccount/a",
        "--for=jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}=AwaitingUser",
        "--timeout=60s",
    ];
    let waited = scene.control_plane.kubectl(&args).await;
    assert!(waited.status.success(), "{waited:?}");

    let users: Vec<String> = scene
        .sandbox
        .accounts()
        .await
        .iter()
        .map(|account| account["user_id"].to_string())
        .collect();
    assert_eq!(users.len(), 2, "{users:?}");
    assert!(!users.contains(&"\"outside\"".to_owned()), "{users:?}");
}

#[tokio::test]
async fn a_flag_goes_before_its_environment_variable() {
    let told = async |flag: Option<&str>, variable: &str| {
        let mut command = tokio::process::Command::new(PROGRAM);
        command
            .arg("run")
            .args(flag.map(|value| format!("--watch-namespace={value}")))
            .env("COMPOSIO_OPERATOR_WATCH_NAMESPACE", variable)
            .env_remove("COMPOSIO_API_KEY");
        let output = command.output().await.expect("the program runs");
        assert!(!output.status.success(), "there is no key");
        let told = [output.stdout, output.stderr].concat();
        String::from_utf8(told).expect("it tells text")
    };
    let (flags_are_right, name) = ("no Composio API key", "must be the name of a namespace");
    for (flag, variable, says) in [
        (None, "a, b", flags_are_right),
        (None, "A", name),
        (Some("a, b"), "A", flags_are_right),
        (Some("A"), "a, b", name),
    ] {
        let told = told(flag, variable).await;
        assert!(told.contains(says), "{flag:?} {variable}: {told}");
    }
}

#[tokio::test]
async fn a_state_key_that_is_missing_or_too_short_ends_the_start_and_is_told_without_its_text() {
    let folder = crate::support::child::Folder::new().expect("a folder");
    let short = folder.write("short", "not-32-bytes\n").expect("a file");
    let missing = short.with_file_name("missing");
    for (file, says) in [
        (&short, "short has 12 bytes, and at least 32 are needed"),
        (&missing, "cannot read the state key file"),
    ] {
        let file = file.to_str().expect("a path of ASCII");
        let args = ["run", "--state-key-file", file];
        let (code, told) = run(Path::new("/nonexistent"), API_KEY, &args).await;
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(says) && !told.contains("not-32"), "{told}");
    }
}
