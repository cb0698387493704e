//! The tests' own ground: it starts, it works, and it leaves nothing behind.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use composio_operator::crd::{ComposioProject, DEFAULT_PROJECT, PROJECT_FINALIZER};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use rstest::rstest;
use serde_json::json;

use crate::support::child::{Child, Folder, Signal, runs};
use crate::support::control_plane::ControlPlane;
use crate::support::project::{KEY, KEY_SECRET};
use crate::support::scene::Scene;
use crate::support::tools::{self, ETCD, KUBE_APISERVER, KUBECTL, Version};
use crate::support::wait;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn kubectl_and_the_server_agree_on_a_version_that_will_do() {
    let control_plane = ControlPlane::shared().await;
    let output = control_plane.kubectl(&["version", "-o", "json"]).await;
    assert!(output.status.success(), "{output:?}");
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("kubectl writes JSON");
    let version = |of: &str| {
        let version = answer[of]["gitVersion"].as_str().unwrap_or_default();
        tools::fits(&KUBE_APISERVER, &format!("Kubernetes {version}"))
    };
    assert!(version("serverVersion").is_ok(), "{answer}");
    assert!(version("clientVersion").is_ok(), "{answer}");
}

#[tokio::test]
async fn kubectl_applies_what_it_is_given() {
    let control_plane = ControlPlane::shared().await;
    let client = control_plane.client().await;
    let namespace = control_plane.namespace(&client, "apply").await;
    let yaml = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: value}}";
    let output = control_plane
        .kubectl_stdin(&["apply", "-n", &namespace, "-f", "-"], yaml)
        .await;
    assert!(output.status.success(), "{output:?}");
    let made = Api::<ConfigMap>::namespaced(client, &namespace)
        .get("a")
        .await
        .unwrap();
    assert_eq!(made.data.unwrap()["key"], "value");
}

#[tokio::test]
async fn a_service_account_may_do_what_its_rules_say_and_nothing_else() {
    let control_plane = ControlPlane::shared().await;
    let admin = control_plane.client().await;
    let namespace = control_plane.namespace(&admin, "rbac").await;
    let rules = r#"[{apiGroups: [""], resources: [configmaps], verbs: [list]}]"#;
    let token = control_plane
        .service_account(&admin, &namespace, "operator", rules)
        .await;
    let client = control_plane.client_for_token(&token).await;
    let list = ListParams::default();
    Api::<ConfigMap>::namespaced(client.clone(), &namespace)
        .list(&list)
        .await
        .unwrap();
    match Api::<Secret>::namespaced(client, &namespace)
        .list(&list)
        .await
    {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 403, "{status:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_project_of_a_namespace_becomes_what_each_operators_options_say() {
    let scene = Scene::new("project").await;
    let prefixed = scene.options().alias_prefix("eu-");
    let projects: Api<ComposioProject> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    for (options, key, prefix) in [
        (scene.options(), Some("sandbox"), None),
        (prefixed.clone(), Some("sandbox"), Some("eu-")),
        (scene.options().api_key("other"), Some("other"), None),
        (prefixed.without_api_key(), None, Some("eu-")),
    ] {
        scene.give_project(&options).await;
        let project = projects.get(DEFAULT_PROJECT).await.unwrap();
        assert_eq!(project.spec.base_url, scene.sandbox.url());
        assert_eq!(project.spec.alias_prefix.as_deref(), prefix);
        let secret = secrets.get_opt(KEY_SECRET).await.unwrap();
        let data = secret.and_then(|secret| secret.data?.remove(KEY));
        assert_eq!(
            data.map(|key| key.0),
            key.map(|key| key.as_bytes().to_vec())
        );
        // Nobody takes it off where no operator runs.
        let kept = json!({"metadata": {"finalizers": [PROJECT_FINALIZER]}});
        let patch = Patch::Merge(kept);
        let params = PatchParams::default();
        projects
            .patch(DEFAULT_PROJECT, &params, &patch)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_second_control_plane_is_empty_and_leaves_nothing_behind() {
    let shared = ControlPlane::shared().await;
    let shared_client = shared.client().await;
    let namespace = shared.namespace(&shared_client, "elsewhere").await;

    let second = ControlPlane::start().await.unwrap();
    let output = second.kubectl(&["get", "namespace", &namespace]).await;
    assert!(!output.status.success(), "{output:?}");
    let folder = second.folder().path().to_owned();
    assert!(folder.exists());
    drop(second);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_child_tells_how_it_ended() {
    let folder = Folder::new().unwrap();
    let run = |name: &str, script: &str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env("ANSWER", "42");
        Child::spawn(&folder, name, Duration::from_secs(1), &command).unwrap()
    };

    let by_itself = run("by-itself", "echo $ANSWER; echo and more >&2; exit 7");
    let status = by_itself.wait(SOON).await.unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(by_itself.read_log(), "42\nand more\n");

    let orderly = run(
        "orderly",
        "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done",
    );
    says_ready(&orderly).await;
    assert_eq!(orderly.stop().await.unwrap().code(), Some(3));

    let killed = run("killed", "exec sleep 60");
    killed.signal(Signal::Kill).unwrap();
    assert_eq!(killed.wait(SOON).await.unwrap().signal(), Some(9));

    let stubborn = run("stubborn", STUBBORN);
    says_ready(&stubborn).await;
    assert_eq!(stubborn.stop().await.unwrap().signal(), Some(9));
}

const STUBBORN: &str = "trap '' TERM; echo ready; exec sleep 600";

/// The scripts say so when their traps are set.
async fn says_ready(child: &Child) {
    wait::until("the word \"ready\"", SOON, async || {
        match child.read_log().as_str() {
            "ready\n" => Ok(()),
            log => Err(log.to_owned()),
        }
    })
    .await;
}

/// Names the folder that the test process to be killed reports to.
const PARENT: &str = "TEST_PARENT_WRITES_TO";

#[tokio::test]
#[ignore = "the next test runs it, and kills it"]
async fn parent_to_be_killed() {
    let Some(report) = std::env::var_os(PARENT) else {
        return;
    };
    let report = Path::new(&report);
    let control_plane = ControlPlane::start().await.unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", STUBBORN]);
    let grace = Duration::from_secs(1);
    let stubborn = Child::spawn(control_plane.folder(), "stubborn", grace, &command).unwrap();
    says_ready(&stubborn).await;
    let mut lines = vec![control_plane.folder().path().display().to_string()];
    let mut pids = control_plane.pids();
    pids.push(stubborn.pid());
    lines.extend(pids.iter().map(u32::to_string));
    std::fs::write(report.join("unfinished"), lines.join("\n")).unwrap();
    std::fs::rename(report.join("unfinished"), report.join("report")).unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn nothing_is_left_of_a_test_process_that_was_killed() {
    let folder = Folder::new().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "control_plane::parent_to_be_killed"])
        .env(PARENT, folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let report = folder.join("report");
    let report = wait::until(
        "the report of the parent",
        Duration::from_secs(120),
        async || match parent.try_wait() {
            Ok(None) => std::fs::read_to_string(&report).map_err(|error| error.to_string()),
            ended => panic!("the parent ended by itself: {ended:?}"),
        },
    )
    .await;
    let mut lines = report.lines();
    let left = Path::new(lines.next().unwrap());
    let pids: Vec<u32> = lines.map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 3);
    assert!(pids.iter().all(|pid| runs(*pid)), "{pids:?}");
    assert!(left.exists());

    parent.kill().unwrap();
    parent.wait().unwrap();
    wait::until("the end of its children", SOON, async || {
        let running: Vec<&u32> = pids.iter().filter(|pid| runs(**pid)).collect();
        match running.is_empty() {
            true => Ok(()),
            false => Err(format!("{running:?} still run")),
        }
    })
    .await;
    wait::until("the end of its folder", SOON, async || {
        match left.exists() {
            true => Err(format!("{} is still there", left.display())),
            false => Ok(()),
        }
    })
    .await;
}

#[rstest]
#[case::the_version_that_is_built(
    KUBECTL,
    r#"{"clientVersion": {"minor": "37", "gitVersion": "v1.37.2"}}"#,
    Ok(Version(1, 37))
)]
#[case::distributions_add_to_the_number(
    KUBECTL,
    r#"{"clientVersion": {"minor": "33+", "gitVersion": "v1.33.0-rc.1+k3s1"}}"#,
    Ok(Version(1, 33))
)]
#[case::too_old(
    KUBECTL,
    r#"{"clientVersion": {"minor": "32+", "gitVersion": "v1.32.4-dispatcher"}}"#,
    Err("it is 1.32.4-dispatcher, and at least 1.33 is needed")
)]
#[case::built_without_a_version_clients_would_refuse_it(
    KUBE_APISERVER,
    "Kubernetes v0.0.0-master+$Format:%H$\n",
    Err("it is 0.0.0-master+$Format:%H$, and at least 1.33 is needed")
)]
#[case::another_program_of_that_name(
    KUBE_APISERVER,
    "k3s version v1.37.0+k3s1\n",
    Err("it does not answer as kube-apiserver does")
)]
#[case::it_failed(KUBE_APISERVER, "", Err("it does not answer as kube-apiserver does"))]
#[case::an_etcd_that_is_built(ETCD, "etcd Version: 3.7.3\nGit SHA: 1234\n", Ok(Version(3, 7)))]
fn a_tool_is_taken_by_the_version_it_tells(
    #[case] tool: tools::Tool,
    #[case] answer: &str,
    #[case] expected: Result<Version, &str>,
) {
    let fits = tools::fits(&tool, answer);
    assert_eq!(fits, expected.map_err(str::to_owned));
}
