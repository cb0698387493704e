//! The kubeconfig as people have it: several files, and plugins that fetch credentials.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::program::{command, end, path};
use crate::support::child::{Child, Signal};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

/// What the plugin must not have told.
const TOKEN: &str = "token-of-somebody";

/// The administrator's kubeconfig.
fn administrators(scene: &Scene<'_>) -> Value {
    let written = std::fs::read_to_string(scene.control_plane.kubeconfig());
    serde_saphyr::from_str(&written.expect("it was written")).expect("it is YAML")
}

fn written(scene: &Scene<'_>, name: &str, kubeconfig: &Value) -> PathBuf {
    let written = scene.folder.write(name, kubeconfig.to_string());
    written.expect("the folder is there")
}

#[tokio::test]
async fn what_several_files_say_counts_together_and_missing_ones_are_passed_over() {
    let scene = Scene::new("cli-kubeconfigs").await;
    scene.declare("mail", gmail()).await;
    let all = administrators(&scene);
    let part = |fields: &[&str]| {
        let mut part = json!({"apiVersion": "v1", "kind": "Config"});
        for field in fields {
            part[*field] = all[*field].clone();
        }
        part
    };
    let contexts = written(&scene, "a", &part(&["contexts", "current-context"]));
    let others = written(&scene, "b", &part(&["clusters", "users"]));
    let list = [
        contexts,
        scene.folder.join("nothing"),
        PathBuf::new(),
        others,
    ];
    let list = std::env::join_paths(list).expect("none has a colon");
    let mut program = Command::new(path().await);
    program
        .args(["status", "-o", "name", "-n", &scene.namespace])
        .env("KUBECONFIG", list);
    let told = end(program).await;
    assert_eq!(told.well(), "connectedaccount.composio.dev/mail\n");
}

/// A kubeconfig whose credentials come from that shell script.
fn with_plugin(scene: &Scene<'_>, name: &str, script: &str) -> PathBuf {
    let mut kubeconfig = administrators(scene);
    kubeconfig["users"][0]["user"] = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "sh", "args": ["-c", script], "env": [{"name": "KEY", "value": TOKEN}],
    }});
    written(scene, name, &kubeconfig)
}

#[tokio::test]
async fn of_a_plugin_that_fails_it_is_told_what_it_says_and_not_what_it_prints() {
    let scene = Scene::new("cli-plugin-fails").await;
    scene.declare("mail", gmail()).await;
    let admin = administrators(&scene)["users"][0]["user"]["token"].clone();
    let admin = admin.as_str().expect("it has one");
    let credential = |token: &str| {
        let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}});
        format!("echo '{credential}'")
    };
    let status = ["status", "-o", "name", "-n", &scene.namespace];
    let works = with_plugin(&scene, "works", &credential(admin));
    let told = end(command(&works, &status).await).await;
    assert_eq!(told.well(), "connectedaccount.composio.dev/mail\n");

    let prints = credential(TOKEN);
    for (name, script, why) in [
        (
            "fails",
            format!("{prints}; echo sign in again >&2; exit 3"),
            "a credential plugin of the kubeconfig ended with exit status: 3: sign in again",
        ),
        (
            "odd",
            format!("echo '{{token: {TOKEN}, status: [}}'"),
            "a credential plugin of the kubeconfig prints no ExecCredential",
        ),
        ("old", prints.clone(), "the cluster does not know you"),
    ] {
        let kubeconfig = with_plugin(&scene, name, &script);
        let told = end(command(&kubeconfig, &status).await).await;
        assert!(!told.err.contains(TOKEN), "{name}: {told:?}");
        assert_eq!(told.out, "", "{name}: {told:?}");
        told.failed(1, why);
    }
}

#[tokio::test]
async fn a_plugin_that_waits_for_somebody_is_left_by_ctrl_c_and_given_up_in_time() {
    let scene = Scene::new("cli-plugin-waits").await;
    let begun = scene.folder.join("begun");
    let script = format!("touch {}; exec sleep 120", begun.display());
    let kubeconfig = with_plugin(&scene, "waits", &script);
    for args in [&["status"][..], &["connect", "mail", "--print-link"]] {
        let timed = [args, &["--timeout", "1s"]].concat();
        let told = end(command(&kubeconfig, &timed).await).await;
        told.failed(124, &format!("{} was not done within 1s", args[0]));
        let _ = std::fs::remove_file(&begun);
        let program = command(&kubeconfig, args).await;
        let program = Child::spawn(&scene.folder, "waits", SOON, &program).expect("it starts");
        wait::until("the plugin", SOON, async || match begun.exists() {
            true => Ok(()),
            false => Err(program.read_log()),
        })
        .await;
        program.signal(Signal::Int).expect("it runs");
        let ended = program.wait(SOON).await.expect("it ends");
        assert_eq!(ended.code(), Some(130), "{}", program.read_log());
    }
}
