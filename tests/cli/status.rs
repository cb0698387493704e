//! `status`: what is wrong, since when, what to do.

use serde_json::{Value, json};

use super::program::{VIEWER, command, end, run, run_as, somebody, steady};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

#[tokio::test]
async fn one_object_is_one_screen_that_says_what_to_do() {
    let scene = Scene::new("cli-status").await.operated().await;
    scene.linked_gmail("mail").await;
    // Events are written beside the status, and may come after it.
    let told = wait::until("the event", SOON, async || {
        let told = run(&scene, &["status", "mail"]).await.well();
        match told.contains("LinkIssued") {
            true => Ok(told),
            false => Err(told),
        }
    });
    let told = told.await;
    assert_eq!(
        steady(&scene, &told),
        "\
NS/mail: awaiting user
  Since   AGE ago, TIME
  Message   The declared user must sign in: on the page in `status.connectPage.url`, or by the
   link in `status.link.url`, which is good for ten minutes. Where neither is there, a
   ConnectRequest asks for a link.
  What to do   kubectl composio connect mail -n NS
  User   u
  Toolkit   gmail
  Account   ca_…, INITIALIZING
  Auth config   ac_gmail
  Link   (hidden), good until TIME
  Events
   AGE  LinkIssued: a link to sign in is in status.link while it can be used; it is for the
   declared user only
"
    );
    scene
        .sandbox
        .consent(&scene.id_and_link("mail").await.0)
        .await;
    scene.ready("mail", "Connected").await;
    let told = run(&scene, &["status", "mail"]).await.well();
    let told = steady(&scene, &told);
    let (of_object, _) = told.split_once("  Events\n").expect("there are events");
    assert_eq!(
        of_object,
        "\
NS/mail: connected
  Since   AGE ago, TIME
  Message   The account is active and as declared.
  User   u
  Toolkit   gmail
  Account   ca_…, ACTIVE
  Auth config   ac_gmail
  Connected   AGE ago, TIME
"
    );
}

#[tokio::test]
async fn all_objects_are_a_table_and_problems_can_be_had_alone() {
    let scene = Scene::new("cli-table").await.operated().await;
    let none = run(&scene, &["status"]).await;
    let words = format!(
        "No connected accounts found in namespace {}.",
        scene.namespace
    );
    assert!(none.err.contains(&words), "{none:?}");
    assert_eq!(none.well(), "");

    scene.connected_gmail("fine").await;
    let spec = json!({"user": "v", "toolkit": "gmail", "authConfig": "ac_gmail"});
    scene.declare("waits", spec).await;
    scene.linked("waits").await;
    let told = run(&scene, &["status"]).await.well();
    assert_eq!(
        steady(&scene, &told),
        "\
NAME   USER   TOOLKIT   STATE   READY   REASON   SINCE
fine   u   gmail   ACTIVE   True   Connected   AGE
waits   v   gmail   INITIALIZING   False   AwaitingUser   AGE
"
    );
    let problems = ["status", "--problems", "--no-headers", "-o", "name"];
    let told = run(&scene, &problems).await.well();
    assert_eq!(told, "connectedaccount.composio.dev/waits\n");

    // What `-o name` prints can be typed.
    let told = run(&scene, &["status", told.trim(), "-o", "json"])
        .await
        .well();
    let object: Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!(object["metadata"]["name"], "waits");

    let everywhere = [
        "status",
        "-A",
        "-o",
        "wide",
        "--no-headers",
        "--kubeconfig",
        &scene.control_plane.kubeconfig().to_string_lossy(),
    ];
    let everywhere = end(command(scene.control_plane.kubeconfig(), &everywhere).await).await;
    let everywhere = everywhere.well();
    let mine = everywhere
        .lines()
        .filter(|line| line.starts_with(&scene.namespace));
    assert_eq!(mine.count(), 2, "{everywhere}");

    scene
        .kubectl(&["label", "connectedaccount", "fine", "team=a"])
        .await;
    let labelled = run(&scene, &["status", "-l", "team=a", "-o", "name"]).await;
    assert_eq!(labelled.well(), "connectedaccount.composio.dev/fine\n");
}

#[tokio::test]
async fn a_config_map_that_is_not_written_is_on_the_screen_and_among_the_problems() {
    // Nobody gives the operator the right to it.
    let scene = Scene::new("cli-config-map").await.operated().await;
    scene.connected_gmail("mail").await;
    let problems = ["status", "--problems", "-o", "name"];
    assert_eq!(run(&scene, &problems).await.well(), "");
    let with = r#"{"spec":{"writeTo":{"configMap":{}}}}"#;
    scene.patch("mail", with).await;
    scene
        .until("mail", "ConfigMapWritten", "False", "Forbidden")
        .await;
    let told = run(&scene, &["status", "mail"]).await.well();
    assert!(
        told.contains("ConfigMap     mail-composio, not written (Forbidden): "),
        "{told}"
    );
    let told = run(&scene, &problems).await.well();
    assert_eq!(told, "connectedaccount.composio.dev/mail\n");
}

#[tokio::test]
async fn who_may_not_read_events_sees_the_rest_and_which_right_is_missing() {
    let scene = Scene::new("cli-viewer").await.operated().await;
    scene.linked_gmail("mail").await;
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let told = run_as(&scene, &viewer, &["status", "mail"]).await.well();
    assert!(told.contains("awaiting user"), "{told}");
    let one_line = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let right = format!("you may not list events in namespace {}", scene.namespace);
    assert!(one_line.contains(&right), "{told}");
}

#[tokio::test]
async fn foreign_text_moves_no_terminal_and_forty_columns_are_enough() {
    let scene = Scene::new("cli-hostile").await;
    let spec = json!({"user": "a\u{202e}b", "toolkit": "gmail"});
    scene.declare("mail", spec).await;
    let hostile = "red \u{1b}[31m\n---\nkind: Evil\r\u{9b}2J";
    let condition = |type_: &str| {
        json!({"type": type_, "status": "False", "reason": "Rejected", "message": hostile,
               "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let status = json!({
        "observedGeneration": 1, "identity": "\u{1b}]0;title\u{7}", "state": "ODD\tSTATE",
        "conditions": [condition("Ready"), condition("Synced")],
    });
    scene.give_status("mail", &status).await;
    let is_hostile =
        |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    for args in [
        &["status", "mail"][..],
        &["status"],
        &["status", "-o", "wide"],
        &["explain", "mail"],
    ] {
        let args = [args, &["-n", &scene.namespace]].concat();
        let mut program = command(scene.control_plane.kubeconfig(), &args).await;
        program.env("COLUMNS", "40");
        let told = end(program).await.well();
        assert!(!told.contains(is_hostile), "{args:?}: {told:?}");
        assert!(!told.lines().any(|line| line.starts_with("---")), "{told}");
        if args.contains(&"mail") {
            let is_long = |line: &&str| line.chars().count() > 40 && line.trim().contains(' ');
            let long: Vec<&str> = told.lines().skip(1).filter(is_long).collect();
            let breaks = |line: &&&str| line.split_whitespace().all(|word| word.len() < 24);
            let long: Vec<_> = long.iter().filter(breaks).collect();
            assert!(long.is_empty(), "{long:?}");
        }
    }
    for form in ["json", "yaml"] {
        let told = run(&scene, &["status", "mail", "-o", form]).await.well();
        let read: Value = match form {
            "json" => serde_json::from_str(&told).expect("it is JSON"),
            _ => serde_saphyr::from_str(&told).expect("it is YAML"),
        };
        assert_eq!(read["status"]["conditions"][0]["message"], hostile);
        assert_eq!(read["spec"]["user"], "a\u{202e}b");
        assert!(!told.contains(is_hostile), "{told:?}");
    }
}
