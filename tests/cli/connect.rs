//! `connect`: from a declaration to a connected account.

use std::process::Command;

use serde_json::json;

use super::program::{VIEWER, end, path, run, run_as, run_out, somebody, start};
use crate::support::child::{Child, Signal};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

pub(super) const REQUEST: &str = "composio.dev/link-requested-at";

pub(super) async fn printed(program: &Child, words: &str) -> String {
    wait::until(words, SOON, async || {
        let log = program.read_log();
        let line = log.lines().find(|line| line.contains(words));
        line.map(str::to_owned).ok_or(log.clone())
    })
    .await
}

#[tokio::test]
async fn a_new_user_is_connected_by_create_and_connect_alone() {
    let scene = Scene::new("cli-new").await.operated().await;
    let create = [
        "create",
        "gmail",
        "--user",
        "u",
        "--name",
        "mail",
        "--auth-config",
        "ac_gmail",
    ];
    let told = run(&scene, &create).await.well();
    assert_eq!(told, "connectedaccount.composio.dev/mail created\n");

    let program = start(
        &scene,
        scene.control_plane.kubeconfig(),
        &["connect", "mail", "--print-link", "--wait"],
    )
    .await;
    let link = printed(&program, "http").await;
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("the link works");
    let ended = program.wait(SOON).await.expect("it ends");
    let log = program.read_log();
    assert_eq!(ended.code(), Some(0), "{log}");
    assert!(log.contains("For u alone, good for "), "{log}");
    assert!(
        log.ends_with("connectedaccount.composio.dev/mail connected\n"),
        "{log}"
    );

    // Nobody need open a link any more, and none is asked for.
    let again = run(&scene, &["connect", "mail", "--print-link"]).await;
    assert!(
        again.err.contains("is connected, and needs no link"),
        "{again:?}"
    );
    assert_eq!(again.well(), "");
    assert_eq!(scene.changes().await, ["POST link"]);
}

#[tokio::test]
async fn a_link_that_is_over_is_asked_for_anew_and_one_that_is_not_is_printed_again() {
    let scene = Scene::new("cli-over").await.operated().await;
    let (id, first) = scene.linked_gmail("mail").await;
    let told = run(&scene, &["connect", "mail", "--print-link"])
        .await
        .well();
    assert_eq!(told.trim(), first);
    scene.sandbox.expire(&id).await;
    scene.until("mail", "Ready", "False", "LinkExpired").await;
    let told = run(&scene, &["connect", "mail", "--print-link", "-o", "json"])
        .await
        .well();
    let read: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
    let second = read["link"]["url"].as_str().expect("a link");
    assert_ne!(second, first);
    scene
        .sandbox
        .open_and_connect(second)
        .await
        .expect("the link works");
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn whoever_failed_to_sign_in_gets_another_link() {
    let scene = Scene::new("cli-failed").await.operated().await;
    let (id, first) = scene.linked_gmail("mail").await;
    scene.sandbox.by_hand(&id, "cancel", json!({})).await;
    scene.until("mail", "Stalled", "True", "SignInFailed").await;
    let said = run(&scene, &["status", "mail"]).await.well();
    let connect = format!("kubectl composio connect mail -n {}", scene.namespace);
    assert!(said.contains(&connect), "{said}");
    let told = run(&scene, &["connect", "mail", "--print-link"]).await;
    let second = told.well();
    assert!(second.starts_with("http"), "{second}");
    assert_ne!(second.trim(), first);
}

#[tokio::test]
async fn a_link_is_printed_to_a_terminal_and_nowhere_else_unless_that_is_said() {
    let scene = Scene::new("cli-terminal").await.operated().await;
    let (_, link) = scene.linked_gmail("mail").await;
    let piped = run(&scene, &["connect", "mail"]).await;
    assert_eq!(piped.out, "");
    piped.failed(2, "--print-link");

    let program = path().await.to_string_lossy();
    let typed = format!("{program} connect mail -n {}", scene.namespace);
    for (logged, is_printed) in [("", true), ("true", false)] {
        let mut terminal = Command::new("script");
        terminal
            .args(["--quiet", "--return", "--command", &typed, "/dev/null"])
            .env("KUBECONFIG", scene.control_plane.kubeconfig())
            .env("CI", logged);
        let shown = end(terminal).await;
        assert_eq!(shown.out.contains(&link), is_printed, "{shown:?}");
        assert_eq!(
            shown.code,
            Some(if is_printed { 0 } else { 2 }),
            "{shown:?}"
        );
    }
}

#[tokio::test]
async fn where_no_link_can_be_had_it_says_why() {
    let scene = Scene::new("cli-no-link").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_none"});
    scene.declare("broken", spec).await;
    scene
        .until("broken", "Stalled", "True", "AuthConfigNotFound")
        .await;
    let told = run(&scene, &["connect", "broken", "--print-link"]).await;
    told.failed(1, "no link can be had: AuthConfigNotFound: ");
    let object = scene.object("broken").await;
    assert!(
        object["metadata"]["annotations"][REQUEST].is_null(),
        "{object}"
    );

    let key = json!({"user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "none"}}});
    scene.declare("key", key).await;
    let told = run(&scene, &["connect", "key", "--print-link"]).await;
    told.failed(1, "key is made from a Secret: no person signs in");

    scene.linked_gmail("mail").await;
    run(&scene, &["suspend", "mail"]).await.well();
    let told = run(&scene, &["connect", "mail", "--print-link"]).await;
    told.failed(1, "kubectl composio resume mail -n ");
}

/// An object whose link is over, without an operator that would make another.
pub(super) async fn left_alone(name: &str) -> Scene<'static> {
    let scene = Scene::new(name).await;
    scene.declare("mail", crate::support::scene::gmail()).await;
    let condition = |type_: &str, status: &str| {
        json!({"type": type_, "status": status, "reason": "LinkExpired", "message": "The link ran out.",
               "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let conditions = [
        condition("Ready", "False"),
        condition("Synced", "True"),
        condition("Stalled", "True"),
    ];
    let status = json!({"observedGeneration": 1, "state": "EXPIRED", "connectedAccountId": "ca_1",
        "lastLinkIssuedAt": "2026-01-01T00:00:00.000000Z", "conditions": conditions});
    scene.give_status("mail", &status).await;
    scene
}

#[tokio::test]
async fn a_wait_that_runs_out_has_a_code_of_its_own() {
    let scene = left_alone("cli-ran-out").await;
    let connect = ["connect", "mail", "--print-link"];
    let told = run_out(&scene, scene.control_plane.kubeconfig(), &connect).await;
    told.failed(124, ": LinkExpired: The link ran out.");
}

#[tokio::test]
async fn ctrl_c_in_a_wait_takes_the_request_back() {
    let scene = left_alone("cli-ctrl-c").await;
    let program = start(
        &scene,
        scene.control_plane.kubeconfig(),
        &["connect", "mail", "--print-link"],
    )
    .await;
    let asked = async || {
        let get = ["get", "connectrequests", "-o", "name"];
        !scene.kubectl(&get).await.is_empty()
    };
    wait::until("a request", SOON, async || match asked().await {
        true => Ok(()),
        false => Err(program.read_log()),
    })
    .await;
    program.signal(Signal::Int).expect("it runs");
    let ended = program.wait(SOON).await.expect("it ends");
    assert_eq!(ended.code(), Some(130), "{}", program.read_log());
    assert!(!asked().await, "nothing is left behind");
}

#[tokio::test]
async fn who_may_not_ask_for_a_link_is_told_which_right_is_missing() {
    let scene = left_alone("cli-may-not").await;
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let told = run_as(&scene, &viewer, &["connect", "mail", "--print-link"]).await;
    let words = format!(
        "you may not patch connectedaccounts.composio.dev in namespace {}: ask for the verb \"patch\"",
        scene.namespace
    );
    told.failed(1, &words);
}
