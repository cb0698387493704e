//! `reconcile`, `suspend` and `resume`.

use serde_json::Value;

use super::program::{VIEWER, run, run_as, run_out, somebody};
use crate::support::scene::{Scene, gmail};

#[tokio::test]
async fn a_look_is_asked_for_and_waited_for() {
    let scene = Scene::new("cli-reconcile").await.operated().await;
    scene.linked_gmail("mail").await;
    let told = run(&scene, &["reconcile", "mail"]).await.well();
    assert_eq!(
        told,
        "connectedaccount.composio.dev/mail reconcile requested\n"
    );
    let told = run(&scene, &["reconcile", "mail", "--wait"]).await.well();
    assert_eq!(told, "connectedaccount.composio.dev/mail reconciled\n");
    let object = scene.object("mail").await;
    assert_eq!(
        object["status"]["lastHandledReconcileAt"],
        object["metadata"]["annotations"]["composio.dev/reconcile-requested-at"]
    );
}

#[tokio::test]
async fn suspend_and_resume_take_names_or_labels() {
    let scene = Scene::new("cli-suspend").await.operated().await;
    scene.linked_gmail("a").await;
    scene
        .declare(
            "b",
            serde_json::json!({"user": "v", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    scene.linked("b").await;
    scene
        .kubectl(&["label", "connectedaccounts", "--all", "team=a"])
        .await;
    let told = run(&scene, &["suspend", "-l", "team=a", "--wait"])
        .await
        .well();
    assert_eq!(
        told,
        "connectedaccount.composio.dev/a suspended\nconnectedaccount.composio.dev/b suspended\n"
    );
    for name in ["a", "b"] {
        scene.until(name, "Synced", "True", "Suspended").await;
    }
    let told = run(&scene, &["status", "a"]).await.well();
    let resume = format!("kubectl composio resume a -n {}\n", scene.namespace);
    assert!(told.contains(&resume), "{told}");
    let told = run(&scene, &["resume", "a", "b", "--wait", "-o", "name"])
        .await
        .well();
    assert_eq!(
        told,
        "connectedaccount.composio.dev/a\nconnectedaccount.composio.dev/b\n"
    );
    assert_eq!(scene.object("a").await["spec"]["suspend"], false);
    let none = run(&scene, &["suspend", "-l", "team=none"]).await;
    assert!(none.err.contains("No connected accounts found"), "{none:?}");
    none.well();
}

#[tokio::test]
async fn objects_are_meant_by_their_project_too() {
    let scene = Scene::new("cli-by-project").await;
    let create = ["create", "gmail", "--user", "u", "--name"];
    for args in [
        &["own"][..],
        &["shared", "--project", "ClusterComposioProject/shared"],
        &["named", "--project", "other"],
        &["default", "--project", "ComposioProject/default"],
    ] {
        run(&scene, &[&create[..], args].concat()).await.well();
    }
    assert!(scene.object("named").await["spec"]["projectRef"]["name"] == "other");
    for (project, names) in [
        ("default", &["default", "own"][..]),
        ("other", &["named"]),
        ("ClusterComposioProject/shared", &["shared"]),
        ("nothing", &[]),
    ] {
        let told = run(&scene, &["suspend", "--project", project]).await.well();
        let expected: String = (names.iter())
            .map(|name| format!("connectedaccount.composio.dev/{name} suspended\n"))
            .collect();
        assert_eq!(told, expected, "{project}");
    }
    // Where no object is of it, the one that is meant may be told.
    for (project, told) in [
        (
            "defautl",
            "No connected accounts of ComposioProject/defautl found in namespace NS; do you mean default?",
        ),
        (
            "nothing",
            "No connected accounts of ComposioProject/nothing found in namespace NS",
        ),
        (
            "cproj/shared",
            "No connected accounts of ComposioProject/shared found in namespace NS",
        ),
    ] {
        let none = run(&scene, &["reconcile", "--project", project]).await;
        let words = none.err.replace(&scene.namespace, "NS");
        assert_eq!(words, format!("{told}\n"));
        assert_eq!(none.well(), "");
    }
    let both = run(&scene, &["suspend", "own", "--project", "default"]).await;
    both.failed(2, "cannot be used with");
}

#[tokio::test]
async fn a_viewer_is_told_which_right_is_missing() {
    let scene = Scene::new("cli-view-asks").await;
    scene.declare("mail", crate::support::scene::gmail()).await;
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    for command in ["reconcile", "suspend", "resume"] {
        let told = run_as(&scene, &viewer, &[command, "mail"]).await;
        told.failed(
            1,
            "you may not patch connectedaccounts.composio.dev in namespace ",
        );
    }
    let create = ["create", "gmail", "--user", "u"];
    let told = run_as(&scene, &viewer, &create).await;
    told.failed(
        1,
        "you may not create connectedaccounts.composio.dev in namespace ",
    );
    // The administrator may act in another's place, and has their rights then.
    let user = format!("system:serviceaccount:{}:viewer", scene.namespace);
    let told = run(&scene, &["suspend", "mail", "--as", &user]).await;
    told.failed(1, "you may not patch connectedaccounts.composio.dev");
}

#[tokio::test]
async fn what_fails_of_one_object_stops_no_other_and_what_was_done_is_told() {
    let scene = Scene::new("cli-partly").await;
    for name in ["a", "z"] {
        scene.declare(name, gmail()).await;
    }
    let resource = "connectedaccount.composio.dev";
    for (command, done) in [
        ("suspend", "suspended"),
        ("resume", "resumed"),
        ("reconcile", "reconcile requested"),
    ] {
        let told = run(&scene, &[command, "a", "nope", "z"]).await;
        let lines = format!("{resource}/a {done}\n{resource}/z {done}\n");
        assert_eq!(told.out, lines, "{told:?}");
        let why = format!("error: {resource}/nope: there is no connected account nope");
        assert!(told.err.contains(&why), "{told:?}");
        told.failed(1, "error: 1 of 3 objects failed");

        let told = run(&scene, &[command, "nope", "z", "-o", "json"]).await;
        let read: Value = serde_json::from_str(&told.out).expect("it is JSON");
        assert_eq!(read["items"][0]["metadata"]["name"], "z", "{told:?}");
        assert_eq!(read["items"].as_array().map(Vec::len), Some(1), "{told:?}");
        told.failed(1, "error: 1 of 2 objects failed");

        let told = run(&scene, &[command, "nope", "nor-this"]).await;
        assert_eq!(told.out, "", "{told:?}");
        told.failed(1, "error: 2 of 2 objects failed");
        let told = run(&scene, &[command, "nope", "-o", "json"]).await;
        assert_eq!(told.out, "", "{told:?}");
        assert_eq!(told.err.matches("error: ").count(), 1, "{told:?}");
        told.failed(1, "error: there is no connected account nope");
    }
}

#[tokio::test]
async fn of_a_wait_that_fails_halfway_it_is_told_what_was_changed() {
    // No operator is there to do it.
    let scene = Scene::new("cli-halfway").await;
    for name in ["a", "z"] {
        scene.declare(name, gmail()).await;
    }
    let resource = "connectedaccount.composio.dev";
    for (command, begun) in [
        (
            "suspend",
            "suspended, and the operator was not seen to obey",
        ),
        ("resume", "resumed, and the operator was not seen to obey"),
        ("reconcile", "reconcile requested"),
    ] {
        let args = [command, "a", "z", "--wait"];
        let told = run_out(&scene, scene.control_plane.kubeconfig(), &args).await;
        assert_eq!(told.out, "", "{told:?}");
        for name in ["a", "z"] {
            let line = format!("{resource}/{name} {begun}\n");
            assert!(told.err.contains(&line), "{told:?}");
        }
    }
    // Who may not watch has changed it all the same.
    let rules =
        "[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: [get, list, patch]}]";
    let patcher = somebody(&scene, "patcher", rules).await;
    let told = run_as(&scene, &patcher, &["suspend", "a", "z", "--wait"]).await;
    for name in ["a", "z"] {
        let line = format!("{resource}/{name} suspended, and the operator was not seen to obey\n");
        assert!(told.err.contains(&line), "{told:?}");
    }
    told.failed(1, "error: 2 of 2 objects failed");
}
