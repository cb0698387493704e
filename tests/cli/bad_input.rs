//! What is typed, asked or answered wrongly.

use std::io::pipe;
use std::process::Stdio;

use serde_json::Value;

use super::program::{command, end, run};
use crate::support::scene::{Scene, gmail};

#[tokio::test]
async fn what_cannot_be_meant_is_a_usage_error() {
    let scene = Scene::new("cli-usage").await;
    for args in [
        &["status", "../secrets"][..],
        &["status", "a/b"],
        &["status", "a", "-l", "x=y"],
        &["status", "a", "-A"],
        &["suspend"],
        &["suspend", "a", "-l", "x=y"],
        &["explain"],
        &["connect", "Mail"],
        &["status", "-o", "xml"],
        &["status", "--timeout", "soon"],
        &["status", "--as-group", "g"],
        &["import", "--state", "lost"],
        &["nothing"],
        &[],
    ] {
        let told = run(&scene, args).await;
        assert_eq!(told.code, Some(2), "{args:?}: {told:?}");
    }
    let told = run(&scene, &["reconcile", "-l", "x=y z"]).await;
    told.failed(2, "-l \"x=y z\" selects nothing: ");
    let odd = ["status", "-n", "../../../api/v1/secrets"];
    let told = end(command(scene.control_plane.kubeconfig(), &odd).await).await;
    told.failed(2, "no namespace is called so");
}

#[tokio::test]
async fn of_a_name_that_is_not_there_the_nearest_is_told() {
    let scene = Scene::new("cli-nearest").await;
    scene.declare("support-gmail", gmail()).await;
    let words = format!(
        "there is no connected account suport-gmail in namespace {}; do you mean support-gmail?",
        scene.namespace
    );
    for command in ["status", "explain", "reconcile", "suspend", "resume"] {
        run(&scene, &[command, "suport-gmail"])
            .await
            .failed(1, &words);
    }
    let told = run(&scene, &["connect", "suport-gmail", "--print-link"]).await;
    told.failed(1, &words);
    let told = run(&scene, &["status", "zzz"]).await;
    assert!(!told.err.contains("do you mean"), "{told:?}");
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_told() {
    let scene = Scene::new("cli-nowhere").await;
    let nowhere = scene.kubeconfig_for("https://127.0.0.1:9");
    for args in [
        &["status"][..],
        &["explain", "a"],
        &["suspend", "a"],
        &["version"],
    ] {
        let told = end(command(&nowhere, args).await).await;
        told.failed(1, "the cluster cannot be asked: ");
    }
    let told = end(command(&scene.folder.join("none"), &["status", "--context", "x"]).await).await;
    told.failed(1, "no way to a Kubernetes cluster: ");
    let kubeconfig = scene.control_plane.kubeconfig();
    let contents = std::fs::read_to_string(kubeconfig).expect("it was written");
    let contents: Value = serde_saphyr::from_str(&contents).expect("it is YAML");
    let context = contents["contexts"][0]["name"]
        .as_str()
        .expect("it has one");
    let near = format!("{context}x");
    let told = end(command(kubeconfig, &["status", "--context", &near]).await).await;
    told.failed(
        1,
        &format!("the kubeconfig has no context {near}; do you mean {context}?"),
    );
    let told = end(command(&scene.folder.join("none"), &["status"]).await).await;
    assert!(!told.err.contains("cluster environment"), "{told:?}");
    told.failed(1, "No such file or directory");
    let stranger = scene.control_plane.kubeconfig_for_token("wrong");
    let told = end(command(&stranger, &["status"]).await).await;
    told.failed(1, "the cluster does not know you");
}

#[tokio::test]
async fn of_a_file_that_cannot_be_read_the_place_is_told_and_nothing_that_stands_there() {
    let scene = Scene::new("cli-broken-files").await;
    let secret = "sk-very-secret";
    for (at, broken) in [
        format!("apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {{token: {secret}\nclusters: [\n"),
        format!("apiVersion: v1\nkind: Config\nusers: {secret}\n"),
        format!("{secret}\n"),
        // Where it names what does not parse itself.
        format!("apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {{token: *{secret}}}\n"),
        format!("apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {{exec: {{command: [{secret}]}}}}\n"),
    ]
    .iter()
    .enumerate()
    {
        let file = scene.folder.write(&format!("broken-{at}"), broken);
        let file = file.expect("the folder is there");
        let path = file.to_string_lossy();
        let commands = [
            (&["status", "--kubeconfig", &path][..], 1),
            (
                &["diff", "-f", &path],
                if [0, 3].contains(&at) { 2 } else { 0 },
            ),
        ];
        for (args, code) in commands {
            let told = end(command(scene.control_plane.kubeconfig(), args).await).await;
            assert_eq!(told.code, Some(code), "{args:?}: {told:?}");
            let all = format!("{}{}", told.out, told.err);
            assert!(!all.contains(secret), "{args:?}: {all}");
            assert!(code == 0 || all.contains(" line "), "{args:?}: {all}");
        }
        let told = end(command(&file, &["status"]).await).await;
        assert!(!told.err.contains(secret), "{told:?}");
    }
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_given_up_in_the_time_that_is_said() {
    let scene = Scene::new("cli-silent").await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it has an address");
    let silent_cluster = scene.kubeconfig_for(&format!("http://{address}"));
    for args in [
        &["status"][..],
        &["explain", "a"],
        &["create", "gmail", "--user", "u"],
        &["check"],
        &["version"],
        &["import"],
    ] {
        let args = [args, &["--timeout", "1s"]].concat();
        let told = end(command(&silent_cluster, &args).await).await;
        told.failed(124, "was not done within 1s");
    }
}

#[tokio::test]
async fn a_closed_pipe_is_no_failure() {
    let scene = Scene::new("cli-pipe").await;
    scene.declare("mail", gmail()).await;
    for args in [
        &["status"][..],
        &["status", "mail", "-o", "yaml"],
        &["completion"],
        &["reconcile", "mail"],
        &["explain", "mail"],
        &["explain", "mail", "-o", "json"],
    ] {
        let (reader, writer) = pipe().expect("there are pipes");
        drop(reader);
        let args = [args, &["-n", &scene.namespace]].concat();
        let mut program = command(scene.control_plane.kubeconfig(), &args).await;
        program.stdout(writer).stderr(Stdio::piped());
        let program = tokio::process::Command::from(program).spawn();
        let program = program.expect("it starts");
        let ended = program.wait_with_output().await.expect("it ends");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            (ended.status.code(), told.as_ref()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}
