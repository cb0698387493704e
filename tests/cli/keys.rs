//! An API key goes where the command line says, and never on the word of an object.

use std::net::TcpListener;

use serde_json::json;

use super::program::{at, run, run_as, somebody};
use crate::support::control_plane::Audited;
use crate::support::project::KEY_SECRET;
use crate::support::scene::{Scene, gmail};

/// Whoever may do all of it, also read Secrets.
const ADMINISTRATOR: &str = "[{apiGroups: [composio.dev], resources: ['*'], verbs: ['*']}, \
     {apiGroups: [''], resources: [secrets], verbs: [get, create]}]";

fn reads_of_secrets(asked: &[Audited]) -> usize {
    let is_read = |asked: &&Audited| asked.resource == "secrets";
    asked.iter().filter(is_read).count()
}

#[tokio::test]
async fn no_command_reads_or_sends_a_key_because_a_project_says_where() {
    let scene = Scene::new("cli-evil").await;
    let evil = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    evil.set_nonblocking(true).expect("it can be asked");
    let url = format!("http://{}", evil.local_addr().expect("it has an address"));
    scene.give_project(&scene.options().base_url(&url)).await;
    // Whoever writes the project may write its status too.
    let forged = json!({"status": {"observedGeneration": 1, "conditions": [{
        "type": "Ready", "status": "True", "reason": "Available", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    let forged = forged.to_string();
    scene
        .kubectl(&[
            "patch",
            "composioproject",
            "default",
            "--subresource=status",
            "--type=merge",
            "-p",
            &forged,
        ])
        .await;
    let kubeconfig = somebody(&scene, "administrator", ADMINISTRATOR).await;
    let user = format!("system:serviceaccount:{}:administrator", scene.namespace);
    let manifest = json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "mail"}, "spec": {"user": "u", "toolkit": "gmail"}});
    let file = scene.folder.write("mail.yaml", manifest.to_string());
    let file = file.expect("the folder is there");
    let file = file.to_string_lossy();
    let project = ["--project", "default"];
    let hooks = ["--url", "https://hooks.example/x"];
    let commands = [
        [&["import"][..], &project].concat(),
        [&["import", "--apply"][..], &project].concat(),
        [&["inventory"][..], &project].concat(),
        [
            &["inventory", "--prune", "abandoned", "--yes"][..],
            &project,
        ]
        .concat(),
        [&["webhook", "register"][..], &hooks, &project].concat(),
        vec!["diff", "-f", &file],
    ];
    for command in &commands {
        let told = run_as(&scene, &kubeconfig, command).await;
        told.failed(2, "its API key is not read, and nothing is sent there");
        // Another place is not this one, and clear text is asked for in words.
        let other = [
            &command[..],
            &["--allowed-base-url", "https://backend.example"],
        ]
        .concat();
        run_as(&scene, &kubeconfig, &other)
            .await
            .failed(2, "its API key is not read");
        let clear = [&command[..], &["--allowed-base-url", &url]].concat();
        run_as(&scene, &kubeconfig, &clear)
            .await
            .failed(2, "in clear text");
    }
    // What needs no account goes on without.
    scene.declare("mail", gmail()).await;
    let told = run_as(&scene, &kubeconfig, &["explain", "mail"]).await;
    let told = told.well();
    assert!(told.contains("account not seen"), "{told}");
    assert_eq!(reads_of_secrets(&scene.control_plane.asked_by(&user)), 0);
    let connected = evil.accept().map(|_| "a connection");
    let nobody = connected.expect_err("nobody connects");
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);

    // The witness sees what there is to see.
    scene.give_project(&scene.options()).await;
    let import = at(&scene.sandbox, &["import"]);
    run_as(&scene, &kubeconfig, &import).await.well();
    let asked = scene.control_plane.asked_by(&user);
    assert_eq!(reads_of_secrets(&asked), 1);
    assert!(
        asked.iter().any(|asked| asked.name == KEY_SECRET),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_redirect_takes_the_key_nowhere() {
    let scene = Scene::new("cli-redirect").await;
    scene.give_project(&scene.options()).await;
    let evil = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    evil.set_nonblocking(true).expect("it can be asked");
    let address = evil.local_addr().expect("it has an address");
    let fault = json!({"status": 302, "times": 1, "path_prefix": "/connected_accounts",
        "headers": {"location": format!("http://{address}/")}});
    scene.sandbox.control("POST", "fault", fault).await;
    let told = run_as(
        &scene,
        scene.control_plane.kubeconfig(),
        &at(&scene.sandbox, &["import"]),
    )
    .await;
    told.failed(1, "redirect (302)");
    assert!(evil.accept().is_err(), "nobody connects");
}

#[tokio::test]
async fn of_several_projects_one_must_be_named() {
    let scene = Scene::new("cli-several").await;
    let told = run(&scene, &["import"]).await;
    // Tests beside this one make projects of the cluster.
    if !told.err.contains("ClusterComposioProject/") {
        told.failed(1, "there is no ComposioProject in namespace");
    }
    scene.give_project(&scene.options()).await;
    let another = json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject",
        "metadata": {"name": "other"}, "spec": {"apiKeySecretRef": {"name": "none"}, "baseURL": scene.sandbox.url()}});
    scene.apply(&another.to_string()).await;
    let told = run(&scene, &["import"]).await;
    told.failed(
        2,
        "name one by --project, ComposioProject/default or ComposioProject/other",
    );
    let named = |name| at(&scene.sandbox, &["import", "--project", name]);
    let told = run(&scene, &named("defautl")).await;
    told.failed(1, "/defautl; do you mean default?");
    let told = run(&scene, &named("other")).await;
    told.failed(1, "/none is not there");
    let told = run(&scene, &named("secret/x")).await;
    told.failed(
        2,
        "a project is NAME, ComposioProject/NAME or ClusterComposioProject/NAME",
    );
    run(&scene, &named("cproj/default")).await.well();

    // Whoever may not read the Secret is told which right is missing.
    let rules = "[{apiGroups: [composio.dev], resources: [composioprojects, connectedaccounts], verbs: [get, list]}]";
    let kubeconfig = somebody(&scene, "without-secrets", rules).await;
    let told = run_as(&scene, &kubeconfig, &named("default")).await;
    told.failed(1, "you may not get secrets in namespace ");
}
