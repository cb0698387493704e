//! `connect` by somebody who may ask for a link, and change no account; and requests that somebody else has made.

use composio_operator::crd::{ConnectRequestKind, connect_request_name};
use serde_json::{Value, json};

use super::connect::left_alone;
use super::program::{VIEWER, run, run_as, run_at, run_out, somebody, start};
use crate::support::child::Signal;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

/// Of a help desk: it sees accounts, and may ask for links.
const ASKER: &str = "[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: [get, list, watch]}, \
     {apiGroups: [composio.dev], resources: [connectrequests], verbs: [create]}]";

fn request(object: &Value, name: &str) -> Value {
    let uid = object["metadata"]["uid"].as_str().expect("it has one");
    json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest",
        "metadata": {"name": connect_request_name(uid, ConnectRequestKind::Link)},
        "spec": {"accountName": name, "accountUID": uid, "kind": "Link"}})
}

#[tokio::test]
async fn whoever_may_ask_for_a_link_and_no_more_gets_one() {
    let scene = Scene::new("cli-asker").await.operated().await;
    let (id, first) = scene.linked_gmail("mail").await;
    scene.sandbox.expire(&id).await;
    scene.until("mail", "Ready", "False", "LinkExpired").await;
    let asker = somebody(&scene, "help-desk", ASKER).await;
    let told = run_as(&scene, &asker, &["connect", "mail", "--print-link"]).await;
    let second = told.well();
    assert_ne!(second.trim(), first);
    scene
        .sandbox
        .open_and_connect(second.trim())
        .await
        .expect("the link works");
    scene.ready("mail", "Connected").await;
    let annotations = &scene.object("mail").await["metadata"]["annotations"];
    assert!(
        annotations[super::connect::REQUEST].is_null(),
        "{annotations}"
    );
    for command in ["reconcile", "suspend"] {
        let told = run_as(&scene, &asker, &[command, "mail"]).await;
        told.failed(1, "you may not patch connectedaccounts.composio.dev");
    }
}

#[tokio::test]
async fn a_request_that_somebody_else_has_made_is_waited_for_and_stays() {
    let scene = left_alone("cli-their-request").await;
    let object = scene.object("mail").await;
    scene.apply(&request(&object, "mail").to_string()).await;
    let get = [
        "get",
        "connectrequests",
        "-o",
        "jsonpath={.items[*].metadata.uid}",
    ];
    let uid = scene.kubectl(&get).await;
    let asker = somebody(&scene, "help-desk", ASKER).await;
    let administrator = scene.control_plane.kubeconfig().to_owned();
    for kubeconfig in [&administrator, &asker] {
        run_out(&scene, kubeconfig, &["connect", "mail", "--print-link"]).await;
        assert_eq!(
            scene.kubectl(&get).await,
            uid,
            "it is not ours to take back"
        );
    }
    // Its answer is the answer to whoever joined it, also where they may not read the request.
    let desk = format!("system:serviceaccount:{}:help-desk", scene.namespace);
    let asked = || {
        let asked = scene.control_plane.asked_by(&desk).into_iter();
        asked
            .filter(|one| one.resource == "connectrequests" && one.verb == "create")
            .count()
    };
    let before = asked();
    let connect = ["connect", "mail", "--print-link"];
    let programs = [
        start(&scene, &administrator, &connect).await,
        start(&scene, &asker, &connect).await,
    ];
    wait::until("the second one to ask", SOON, async || {
        match asked() > before {
            true => Ok(()),
            false => Err(programs[1].read_log()),
        }
    })
    .await;
    let refused = json!({"lastConnectRequest": {"uid": uid, "kind": "Link", "outcome": "Refused"}});
    scene.give_status("mail", &refused).await;
    for program in &programs {
        let ended = program.wait(SOON).await.expect("it ends");
        let log = program.read_log();
        assert_eq!(ended.code(), Some(1), "{log}");
        assert!(
            log.contains("no link can be had: LinkExpired: The link ran out."),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_request_that_waits_changes_what_comes_next() {
    let scene = Scene::new("cli-pending").await.operated().await;
    let (id, _) = scene.linked_gmail("mail").await;
    scene.sandbox.expire(&id).await;
    scene.until("mail", "Ready", "False", "LinkExpired").await;
    scene.operator.child.signal(Signal::Stop).expect("it runs");
    let explain = async || {
        run_at(&scene, &scene.sandbox, &["explain", "mail"])
            .await
            .well()
    };
    let before = explain().await;
    assert!(!before.contains("ConnectRequests"), "{before}");
    assert!(!before.contains("start the sign-in again"), "{before}");
    scene
        .apply(&request(&scene.object("mail").await, "mail").to_string())
        .await;
    let told = explain().await;
    assert!(
        told.contains("  ConnectRequests: Link, not answered yet\n"),
        "{told}"
    );
    assert!(told.contains("SignInAgain"), "{told}");
    // So do pull requests: the request is answered whatever is merged.
    let file = super::diff::file(&scene, "mail", &gmail());
    let told = run_at(&scene, &scene.sandbox, &["diff", "-f", &file]).await;
    assert!(told.out.contains("(SignInAgain)"), "{told:?}");
    // Whoever may not read requests is told so.
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let told = run_as(&scene, &viewer, &["explain", "mail"]).await.well();
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let right = format!(
        "ConnectRequests: not seen: you may not list connectrequests.composio.dev in namespace {}",
        scene.namespace
    );
    assert!(words.contains(&right), "{told}");
    // One for an object that had the name before counts for nothing.
    scene.kubectl(&["delete", "connectrequests", "--all"]).await;
    let mut other = scene.object("mail").await;
    other["metadata"]["uid"] = json!("0000-1111");
    scene.apply(&request(&other, "mail").to_string()).await;
    let told = explain().await;
    assert!(!told.contains("ConnectRequests"), "{told}");
    run(&scene, &["status", "mail"]).await.well();
}
