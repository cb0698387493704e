//! What a person or a hook runs beside the operator: `check` and `drain`.

use std::path::Path;
use std::process::Output;

use composio_operator::kubernetes::PROXY_VARIABLES;
use serde_json::json;

use crate::support::control_plane::ControlPlane;
use crate::support::sandbox::PROGRAM;
use crate::support::scene::{Scene, gmail};

/// Runs a subcommand to its end, with the way to the cluster that the operator has.
pub(crate) async fn run(kubeconfig: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(args).env("KUBECONFIG", kubeconfig);
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

async fn check(scene: &Scene<'_>, more: &[&str]) -> (Option<i32>, String) {
    let args = [
        "check",
        "--allowed-base-urls",
        scene.sandbox.url(),
        "--allow-http",
        "true",
        "--watch-namespace",
        &scene.namespace,
        "--lease-namespace",
        &scene.namespace,
    ];
    run(&scene.kubeconfig, &[&args, more].concat()).await
}

async fn drain(scene: &Scene<'_>, timeout: &str, more: &[&str]) -> (Option<i32>, String) {
    let args = [
        "drain",
        "--timeout",
        timeout,
        "--watch-namespace",
        &scene.namespace,
    ];
    // The hook has an account of its own that may delete; here it is the administrator's.
    run(scene.control_plane.kubeconfig(), &[&args, more].concat()).await
}

#[tokio::test]
async fn a_check_finds_everything_in_order_and_changes_nothing() {
    let scene = Scene::new("check").await;
    scene.give_project(&scene.options()).await;
    scene.declare("a", gmail()).await;
    let (code, told) = check(&scene, &[]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told.lines().count(), 6, "{told}");
    assert!(told.lines().all(|line| line.starts_with("ok ")), "{told}");
    assert_eq!(scene.changes().await, [""; 0]);
    assert_eq!(scene.written(), []);
}

#[tokio::test]
async fn a_check_says_that_the_key_is_wrong_and_not_which_it_is() {
    let scene = Scene::new("check-key").await;
    let wrong = scene.options().api_key("ak_wrong_one");
    scene.give_project(&wrong).await;
    let (code, told) = check(&scene, &[]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("/default: Composio rejects the API key"),
        "{told}"
    );
    assert!(told.contains("error: 1 of the checks failed"), "{told}");
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
    let args = ["check", "--lease-namespace", &scene.namespace];
    let (code, told) = run(&kubeconfig, &args).await;
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
             list connectrequests, watch connectrequests, patch connectrequests, \
             delete connectrequests, list composioprojects, watch composioprojects, patch composioprojects, \
             update composioprojects/status, get secrets, create events, patch events, \
             list clustercomposioprojects, watch clustercomposioprojects, \
             patch clustercomposioprojects, update clustercomposioprojects/status, \
             list namespaces, watch namespaces"
        ),
        "{told}"
    );
}

#[tokio::test]
async fn a_check_says_that_the_definition_or_the_apiserver_is_missing() {
    // One without the definition, which all others share.
    let control_plane = ControlPlane::start().await.expect("it starts");
    let scene = Scene::on(&control_plane, "check-crd").await;
    let (code, told) = check(&scene, &[]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("the ConnectedAccount resource is not installed"),
        "{told}"
    );
    assert!(told.contains("error: 2 of the checks failed"), "{told}");

    let kubeconfig = scene.folder.join("a-copy.kubeconfig");
    std::fs::copy(&scene.kubeconfig, &kubeconfig).expect("it can be copied");
    let (url, certificate) = (control_plane.url().to_owned(), "certificate-authority");
    let text = std::fs::read_to_string(&kubeconfig).expect("it is there");
    assert!(text.contains(&url) && text.contains(certificate), "{text}");
    std::fs::write(&kubeconfig, text.replace(&url, "https://127.0.0.1:1")).expect("it is ours");
    let (code, told) = run(&kubeconfig, &["check"]).await;
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

    let (code, told) = drain(&scene, "60s", &[]).await;
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
    let (code, told) = drain(&scene, "1s", &[]).await;
    assert_eq!(code, Some(1), "{told}");
    let left = format!("left: {}/stays ", scene.namespace);
    assert!(told.contains(&left), "{told}");
    assert!(
        told.contains("error: 1 ConnectedAccounts are left; the operator must run"),
        "{told}"
    );
}

#[tokio::test]
async fn a_check_and_a_drain_of_one_project_leave_the_others_alone() {
    let scene = Scene::new("one-project").await.operated().await;
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject",
        "metadata": {"name": "second"},
        "spec": {"apiKeySecretRef": {"name": "nowhere"}, "baseURL": scene.sandbox.url()},
    });
    scene.apply(&project.to_string()).await;
    let named = |name: &str| format!("ComposioProject/{}/{name}", scene.namespace);
    for (name, expected, words) in [
        ("default", 0, "Composio takes its API key"),
        ("second", 1, "there is no Secret"),
        ("third", 1, "it is not there"),
    ] {
        let project = named(name);
        let (code, told) = check(&scene, &["--project", &project]).await;
        assert_eq!(code, Some(expected), "{told}");
        let about: Vec<&str> = told
            .lines()
            .filter(|line| line.contains("Project/"))
            .collect();
        assert_eq!(about.len(), 1, "{told}");
        assert!(
            about[0].contains(&project) && about[0].contains(words),
            "{told}"
        );
    }
    let (_, told) = check(&scene, &["--project", "default"]).await;
    assert!(told.contains("ComposioProject/NAMESPACE/NAME"), "{told}");

    scene.connected_gmail("goes").await;
    let mut stays = gmail();
    stays["projectRef"] = json!({"name": "second"});
    scene.declare("stays", stays).await;
    let (code, told) = drain(&scene, "60s", &["--project", &named("default")]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.starts_with("1 ConnectedAccounts are there\n"),
        "{told}"
    );
    scene.object("stays").await;
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
            .env("KUBECONFIG", "/nonexistent");
        let output = command.output().await.expect("the program runs");
        assert!(!output.status.success(), "there is no cluster");
        let told = [output.stdout, output.stderr].concat();
        String::from_utf8(told).expect("it tells text")
    };
    let (flags_are_right, name) = (
        "no way to a Kubernetes cluster",
        "must be the name of a namespace",
    );
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
        let (code, told) = run(Path::new("/nonexistent"), &args).await;
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(says) && !told.contains("not-32"), "{told}");
    }
}
