//! Flags of every command, which mean what they mean to kubectl.

use serde_json::Value;

use super::program::{VIEWER, command, end, run, somebody};
use crate::support::scene::{Scene, gmail};

#[tokio::test]
async fn a_context_of_the_kubeconfig_can_be_named_with_its_namespace_and_its_rights() {
    let scene = Scene::new("cli-context").await;
    scene.declare("mail", gmail()).await;
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let read = |path: &std::path::Path| -> Value {
        let text = std::fs::read_to_string(path).expect("it was written");
        serde_saphyr::from_str(&text).expect("it is YAML")
    };
    let mut kubeconfig = read(scene.control_plane.kubeconfig());
    let theirs = read(&viewer);
    let mut user = theirs["users"][0].clone();
    user["name"] = "viewer".into();
    let mut context = kubeconfig["contexts"][0].clone();
    context["name"] = "of-viewer".into();
    context["context"]["user"] = "viewer".into();
    context["context"]["namespace"] = scene.namespace.as_str().into();
    kubeconfig["users"]
        .as_array_mut()
        .expect("a list")
        .push(user);
    kubeconfig["contexts"]
        .as_array_mut()
        .expect("a list")
        .push(context);
    let both = scene
        .folder
        .write("both.kubeconfig", kubeconfig.to_string());
    let both = both.expect("the folder is there");
    let told = async |args: &[&str]| end(command(&both, args).await).await;
    let named = told(&["status", "-o", "name", "--context", "of-viewer"]).await;
    assert_eq!(named.well(), "connectedaccount.composio.dev/mail\n");
    let refused = told(&["suspend", "mail", "--context", "of-viewer"]).await;
    refused.failed(1, "you may not patch connectedaccounts.composio.dev");
    // The kubeconfig is found by its flag too, and -n goes before the namespace of the context.
    let file = both.to_string_lossy();
    let args = [
        "status",
        "--kubeconfig",
        &file,
        "--context",
        "of-viewer",
        "-n",
        "default",
    ];
    let elsewhere = end(command(std::path::Path::new("/nothing"), &args).await).await;
    let words = "No connected accounts found in namespace default.";
    assert!(elsewhere.err.contains(words), "{elsewhere:?}");
    elsewhere.well();
}

#[tokio::test]
async fn a_group_is_acted_for_as_well_as_a_user() {
    let scene = Scene::new("cli-groups").await;
    scene.declare("mail", gmail()).await;
    let group = format!("{}-team", scene.namespace);
    let role = "view-accounts";
    scene
        .kubectl(&[
            "create",
            "role",
            role,
            "--verb=get,list",
            "--resource=connectedaccounts.composio.dev",
        ])
        .await;
    let of_group = format!("--group={group}");
    scene
        .kubectl(&[
            "create",
            "rolebinding",
            role,
            &format!("--role={role}"),
            &of_group,
        ])
        .await;
    let status = ["status", "-o", "name", "--as", "nobody"];
    let alone = run(&scene, &status).await;
    alone.failed(1, "you may not list connectedaccounts.composio.dev");
    let grouped = [&status[..], &["--as-group", "others", "--as-group", &group]].concat();
    crate::support::wait::until("the role", crate::support::scene::SOON, async || {
        let told = run(&scene, &grouped).await;
        let is_granted = told.code == Some(0);
        is_granted.then_some(()).ok_or(told.err)
    })
    .await;
    let told = run(&scene, &grouped).await.well();
    assert_eq!(told, "connectedaccount.composio.dev/mail\n");
    let args = [&["suspend", "mail"], &grouped[3..]].concat();
    run(&scene, &args)
        .await
        .failed(1, "you may not patch connectedaccounts.composio.dev");
}

#[tokio::test]
async fn the_problems_of_all_namespaces_are_a_table_of_those_alone() {
    let scene = Scene::new("cli-problems").await.operated().await;
    scene.connected_gmail("fine").await;
    let spec = serde_json::json!({"user": "v", "toolkit": "gmail", "authConfig": "ac_gmail"});
    scene.declare("waits", spec).await;
    scene.linked("waits").await;
    let everywhere = ["status", "-A", "--problems"];
    let told = end(command(scene.control_plane.kubeconfig(), &everywhere).await).await;
    let told = told.well();
    assert!(told.starts_with("NAMESPACE "), "{told}");
    let mine: Vec<&str> = (told.lines())
        .filter(|line| line.starts_with(&format!("{} ", scene.namespace)))
        .collect();
    assert_eq!(mine.len(), 1, "{told}");
    assert!(
        mine[0].contains(" waits ") && mine[0].contains(" AwaitingUser "),
        "{told}"
    );
}

#[tokio::test]
async fn each_form_of_explain_says_the_same() {
    let scene = Scene::new("cli-explain-forms").await.operated().await;
    scene.connected_gmail("mail").await;
    let told = async |form: &str| {
        let told = run(&scene, &["explain", "mail", "--status-only", "-o", form]).await;
        told.well()
    };
    let mut yaml: Value = serde_saphyr::from_str(&told("yaml").await).expect("it is YAML");
    let mut json: Value = serde_json::from_str(&told("json").await).expect("it is JSON");
    assert_eq!(yaml["decides"]["rule"], "AsDeclared");
    for read in [&mut yaml, &mut json] {
        // When it was asked.
        read["decides"]["at"].take();
    }
    assert_eq!(yaml, json);
    assert!(told("table").await.contains("Now: AsDeclared\n"));
}

#[tokio::test]
async fn the_version_of_the_program_is_told_without_a_cluster() {
    let nowhere = std::path::Path::new("/nothing");
    let told = end(command(nowhere, &["version", "--client"]).await).await;
    let version = env!("CARGO_PKG_VERSION");
    let line = format!("kubectl-composio {version}, for composio.dev/v1alpha1\n");
    assert_eq!(told.well(), line);
    let told = end(command(nowhere, &["version", "--client", "-o", "json"]).await).await;
    let read: Value = serde_json::from_str(&told.well()).expect("it is JSON");
    let expected = serde_json::json!({"client": version, "api": "composio.dev/v1alpha1"});
    assert_eq!(read, expected);
    let told = end(command(nowhere, &["version"]).await).await;
    told.failed(1, "no way to a Kubernetes cluster: ");
}
