//! `uninstall.policy=Drain` by the real Helm and the real kubectl: an uninstall deletes all accounts, and
//! whoever applies the rendered chart deletes none. No node is there to run the Job, so the test does.

use std::process::Output;

use composio_operator::kubernetes::PROXY_VARIABLES;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::helm::{CHART, helm_on};
use crate::support::sandbox::PROGRAM;
use crate::support::scene::{Operated, SOON, Scene};
use crate::support::wait;

const RELEASE: &str = "op";
const DEPLOYMENT: &str = "op-composio-operator";
const JOB: &str = "op-composio-operator-drain";

/// Runs Helm as the administrator, on the release of this scene.
async fn helm(scene: &Scene<'_>, command: &str, more: &[&str]) -> Output {
    let args = [&[command, RELEASE], more].concat();
    let (home, namespace) = (scene.folder.path(), &scene.namespace);
    helm_on(scene.control_plane, home, namespace, &args).await
}

/// Renders or installs the chart for the scene's namespace.
async fn with_chart(scene: &Scene<'_>, command: &str) -> String {
    let watched = format!("watchNamespaces={{{}}}", scene.namespace);
    let mut args = vec![CHART];
    for value in [
        "uninstall.policy=Drain",
        "uninstall.timeout=60s",
        // All tests share the definition, and only this namespace may be drained.
        "crds.enabled=false",
        "rbac.aggregate=false",
        &watched,
    ] {
        args.extend(["--set", value]);
    }
    let output = helm(scene, command, &args).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// Does what a node does with the Job: runs the program under the Job's account with the Job's arguments.
async fn run_job(scene: &Scene<'_>) -> (Option<i32>, String) {
    let job = wait::until("the Job", SOON, async || {
        let text = scene
            .stage()
            .kubectl(&["get", "job", JOB, "-o", "json"])
            .await?;
        serde_json::from_str::<Value>(&text).map_err(|error| error.to_string())
    })
    .await;
    let pod = &job["spec"]["template"]["spec"];
    let account = pod["serviceAccountName"].as_str().expect("it has one");
    let args: Vec<String> =
        serde_json::from_value(pod["containers"][0]["args"].clone()).expect("a list of words");
    let user = format!("system:serviceaccount:{}:{account}", scene.namespace);
    for (verb, what) in [
        ("get", format!("deployment/{DEPLOYMENT}")),
        ("get", format!("job/{JOB}")),
        ("delete", "connectedaccounts.composio.dev".to_owned()),
    ] {
        wait::until("the permissions", SOON, async || {
            let ask = ["auth", "can-i", verb, &what, "--as", &user];
            scene.stage().kubectl(&ask).await.map(drop)
        })
        .await;
    }
    let token = scene.kubectl(&["create", "token", account]).await;
    let kubeconfig = scene.control_plane.kubeconfig_for_token(token.trim());
    let mut command = Command::new(PROGRAM);
    command.args(args).env("KUBECONFIG", kubeconfig);
    for proxy in PROXY_VARIABLES {
        command.env_remove(proxy);
    }
    let output = command.output().await.expect("the program runs");
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(told).expect("it tells text"),
    )
}

/// Says that the Job has succeeded, as the Job controller does.
async fn succeed(scene: &Scene<'_>) {
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let condition = |name| json!({"type": name, "status": "True", "lastTransitionTime": now});
    let status = json!({"status": {
        "startTime": now, "completionTime": now, "succeeded": 1, "uncountedTerminatedPods": {},
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
    }});
    let patch = status.to_string();
    let args = [
        "patch",
        "job",
        JOB,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ];
    scene.kubectl(&args).await;
}

async fn apply(scene: &Scene<'_>, way: &[&str]) {
    let yaml = with_chart(scene, "template").await;
    let args = [&["-n", &scene.namespace], way, &["-f", "-"]].concat();
    let applied = scene.control_plane.kubectl_stdin(&args, &yaml).await;
    assert!(applied.status.success(), "{way:?}: {applied:?}");
}

/// A scene with an operator at work, and an account in it.
async fn with_account(name: &str) -> (Operated<'static>, String) {
    let scene = Scene::new(name).await.operated().await;
    let id = scene.connected_gmail("mail").await;
    (scene, id)
}

/// Runs the Job, which must say that and delete nothing.
async fn deletes_nothing(scene: &Scene<'_>, id: &str, says: &str, way: &[&str]) {
    let (code, told) = run_job(scene).await;
    assert_eq!(code, Some(0), "{way:?}: {told}");
    assert!(told.starts_with("nothing is deleted: "), "{way:?}: {told}");
    assert!(told.contains(says), "{way:?}: {told}");
    let object = scene.object("mail").await;
    let ends = &object["metadata"]["deletionTimestamp"];
    assert_eq!(ends, &Value::Null, "{way:?}: {object}");
    let account = scene.sandbox.account(id).await;
    assert_eq!(account["deleted_at"], Value::Null, "{way:?}: {account}");
}

#[tokio::test]
async fn an_uninstall_by_helm_deletes_all_accounts_before_the_operator_goes() {
    let (scene, id) = with_account("uninstall").await;
    with_chart(&scene, "install").await;
    let uninstalled = async { helm(&scene, "uninstall", &["--timeout=2m"]).await };
    let drained = async {
        let (code, told) = run_job(&scene).await;
        assert_eq!(code, Some(0), "{told}");
        assert!(
            told.starts_with("1 ConnectedAccounts are there\n"),
            "{told}"
        );
        assert!(told.ends_with("0 ConnectedAccounts are there\n"), "{told}");
        let there = scene.kubectl(&["get", "deployment", DEPLOYMENT, "-o", "name"]);
        assert_eq!(there.await, format!("deployment.apps/{DEPLOYMENT}\n"));
        succeed(&scene).await;
    };
    let (uninstalled, ()) = tokio::join!(uninstalled, drained);
    assert!(uninstalled.status.success(), "{uninstalled:?}");
    scene.gone("mail").await;
    let account = scene.sandbox.account(&id).await;
    assert!(account["deleted_at"].is_string(), "{account}");
    let left = "deployments,jobs,roles,rolebindings,serviceaccounts";
    let selector = format!("--selector=app.kubernetes.io/instance={RELEASE}");
    let left = scene.kubectl(&["get", left, &selector, "-o", "name"]).await;
    assert_eq!(left, "");
}

#[tokio::test]
async fn whoever_applies_the_rendered_chart_deletes_no_account() {
    let ways: [&[&str]; 4] = [
        &["apply"],
        &["apply", "--server-side"],
        &["create"],
        // Since 3.3 Argo CD runs a pre-delete hook of Helm's when an Application is deleted.
        &[
            "apply",
            "--server-side",
            "--field-manager=argocd-controller",
        ],
    ];
    join_all(ways.iter().map(async |way| {
        let (scene, id) = with_account("applied").await;
        apply(&scene, way).await;
        let says = "has no annotation meta.helm.sh/release-name: it was applied";
        deletes_nothing(&scene, &id, says, way).await;
    }))
    .await;
}

#[tokio::test]
async fn whoever_applies_the_chart_over_a_release_of_helm_deletes_no_account() {
    let ways: [(&[&str], &str); 3] = [
        (&["apply"], "was applied by kubectl"),
        (
            &["apply", "--server-side", "--force-conflicts"],
            "was written by \"kubectl\"",
        ),
        (
            &[
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager=kustomize-controller",
            ],
            "was written by \"kustomize-controller\"",
        ),
    ];
    join_all(ways.iter().map(async |(way, says)| {
        let (scene, id) = with_account("over-helm").await;
        with_chart(&scene, "install").await;
        apply(&scene, way).await;
        deletes_nothing(&scene, &id, says, way).await;
    }))
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_no_reason_to_delete() {
    let (scene, _) = with_account("unread").await;
    apply(&scene, &["apply"]).await;
    let args = ["patch", "role", JOB, "--type=json", "-p"];
    let deployments = json!([{"op": "remove", "path": "/rules/0"}]).to_string();
    let role = scene.kubectl(&["get", "role", JOB, "-o", "json"]).await;
    let role: Value = serde_json::from_str(&role).expect("JSON");
    assert_eq!(role["rules"][0]["resources"], json!(["deployments"]));
    let token = scene.kubectl(&["create", "token", JOB]).await;
    scene
        .kubectl(&[&args[..], &[deployments.as_str()]].concat())
        .await;
    let kubeconfig = scene.control_plane.kubeconfig_for_token(token.trim());
    wait::until("the loss of a right", SOON, async || {
        let mut command = Command::new(PROGRAM);
        command
            .args(["drain", "--timeout=1s", "--release=op", "--job", JOB])
            .args(["--watch-namespace", &scene.namespace])
            .args(["--release-namespace", &scene.namespace])
            .args(["--deployment", DEPLOYMENT])
            .env("KUBECONFIG", &kubeconfig);
        for proxy in PROXY_VARIABLES {
            command.env_remove(proxy);
        }
        let output = command.output().await.expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = format!(
            "error: cannot read Deployment {}/{DEPLOYMENT}, so nothing is deleted: ",
            scene.namespace
        );
        match (output.status.code(), told.starts_with(&expected)) {
            (Some(1), true) => Ok(()),
            other => Err(format!("{other:?}: {told}")),
        }
    })
    .await;
    let object = scene.object("mail").await;
    assert_eq!(object["metadata"]["deletionTimestamp"], Value::Null);
}
