//! What a ConnectRequest does, and what it never does.

use composio_operator::crd::ConnectRequestKind::{Link, Look, StartOver};
use serde_json::{Value, json};

use super::{ask, awaits, links, on_demand, request, requests};
use crate::support::child::Signal;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

#[tokio::test]
async fn no_row_is_made_before_somebody_asks_and_one_when_somebody_does() {
    let scene = Scene::new("on-demand").await.operated().await;
    scene.declare("mail", on_demand()).await;
    let object = awaits(&scene, "mail").await;
    assert_eq!(object["metadata"]["finalizers"], Value::Null, "{object}");
    let stalled = object["status"]["conditions"].to_string();
    assert!(!stalled.contains("Stalled"), "{object}");
    scene.polled(2).await;
    assert_eq!(scene.sandbox.accounts().await.len(), 0);
    let who = json!({"requestedBy": "Ann of the help desk"});
    let (object, outcome) = ask(&scene, "mail", Link, who).await;
    assert_eq!(outcome, "LinkIssued", "{object}");
    let link = object["status"]["link"]["url"].as_str().expect("a link");
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
    scene.event("mail", "LinkIssued").await;
    let events = scene.kubectl(&["get", "events", "-o", "json"]).await;
    assert!(
        events.contains("said to be of \\\"Ann of the help desk\\\""),
        "{events}"
    );
    // Who asks again gets the one that is there.
    let (again, outcome) = ask(&scene, "mail", Link, Value::Null).await;
    assert_eq!(outcome, "LinkReused", "{again}");
    assert_eq!(again["status"]["link"]["url"], link, "{again}");
    scene
        .sandbox
        .open_and_connect(link)
        .await
        .expect("it works");
    scene.ready("mail", "Connected").await;
    assert_eq!(links(&scene).await, 1);
}

#[tokio::test]
async fn a_link_that_ran_out_is_awaited_again_and_not_stalled() {
    let scene = Scene::new("ran-out").await.operated().await;
    scene.declare("mail", on_demand()).await;
    awaits(&scene, "mail").await;
    ask(&scene, "mail", Link, Value::Null).await;
    let advance = json!({"advance_seconds": 660});
    scene.sandbox.control("POST", "clock", advance).await;
    scene.until_state("mail", "EXPIRED").await;
    let object = awaits(&scene, "mail").await;
    assert_eq!(object["status"]["link"], Value::Null, "{object}");
    assert_eq!(links(&scene).await, 1);
    let (_, outcome) = ask(&scene, "mail", StartOver, Value::Null).await;
    assert_eq!(outcome, "LinkIssued");
    let live = scene.sandbox.accounts().await;
    let live = live
        .iter()
        .filter(|one| one["deleted_at"].is_null())
        .count();
    assert_eq!(live, 1, "one that never lived at a time");
}

#[tokio::test]
async fn what_keeps_a_link_from_being_made_shows_at_the_merge() {
    let scene = Scene::new("merge").await.operated().await;
    let mut wrong = on_demand();
    wrong["authConfig"] = json!("ac_not_there");
    scene.declare("mail", wrong).await;
    scene
        .until("mail", "Ready", "False", "AuthConfigNotFound")
        .await;
    assert_eq!(scene.sandbox.accounts().await.len(), 0);
}

#[tokio::test]
async fn a_restore_on_an_empty_cluster_adopts_without_a_click() {
    let scene = Scene::new("no-click").await;
    let first = scene.start("first", &scene.options()).await;
    scene.declare("mail", on_demand()).await;
    awaits(&scene, "mail").await;
    let (object, _) = ask(&scene, "mail", Link, Value::Null).await;
    let id = object["status"]["connectedAccountId"].clone();
    scene.sandbox.consent(id.as_str().expect("an id")).await;
    scene.ready("mail", "Connected").await;
    // The cluster is lost, and with it all that was known; the manifest is not.
    first.child.signal(Signal::Kill).expect("it runs");
    drop(first);
    scene.drop_all().await;
    let seq = scene.sandbox.seq().await;
    let _second = scene.start("second", &scene.options()).await;
    scene.declare("mail", on_demand()).await;
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["connectedAccountId"], id, "{object}");
    let asked = scene.sandbox.asked_since(seq).await;
    assert!(asked.iter().all(|asked| asked.is_look()), "{asked:?}");
}

#[tokio::test]
async fn no_request_touches_a_grant() {
    let scene = Scene::new("grant").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    let seq = scene.sandbox.seq().await;
    for kind in [Link, StartOver, Look] {
        let (_, outcome) = ask(&scene, "mail", kind, Value::Null).await;
        let expected = if kind == Look { "Looked" } else { "NotNeeded" };
        assert_eq!(outcome, expected, "{kind}");
    }
    scene.patch("mail", r#"{"spec":{"enabled":false}}"#).await;
    scene.until("mail", "Ready", "True", "Disabled").await;
    for kind in [Link, StartOver] {
        let (_, outcome) = ask(&scene, "mail", kind, Value::Null).await;
        assert_eq!(outcome, "NotNeeded", "{kind}, disabled");
    }
    let asked = scene.sandbox.asked_since(seq).await;
    let changes: Vec<_> = asked.iter().filter(|asked| !asked.is_look()).collect();
    assert_eq!(changes.len(), 1, "the declared disabling: {changes:?}");
    assert_eq!(changes[0].account.as_deref(), Some(id.as_str()));
}

#[tokio::test]
async fn a_request_that_is_for_no_object_that_is_there_is_deleted_whatever_holds_it() {
    let scene = Scene::new("orphans").await.operated().await;
    scene.declare("mail", on_demand()).await;
    let object = awaits(&scene, "mail").await;
    let mut gone = object.clone();
    gone["metadata"]["uid"] = json!("0b5e9bd6-6d8a-4bd2-9c85-0f4be1f3a0f1");
    let mut other_name = object.clone();
    other_name["metadata"]["name"] = json!("other");
    for (object, kind) in [(gone, Link), (other_name, StartOver)] {
        let mut request = request(&object, kind, &Value::Null);
        request["metadata"]["finalizers"] = json!(["acme.com/keep"]);
        scene.apply(&request.to_string()).await;
    }
    let none_is_left = || async {
        match requests(&scene).await {
            left if left.is_empty() => Ok(()),
            left => Err(left.join(", ")),
        }
    };
    wait::until("the requests are deleted", SOON, none_is_left).await;
    assert_eq!(links(&scene).await, 0);
    // The name that was squatted is free for the next honest click.
    let (_, outcome) = ask(&scene, "mail", StartOver, Value::Null).await;
    assert_eq!(outcome, "LinkIssued");
}

#[tokio::test]
async fn a_thousand_requests_for_one_object_cost_one_link() {
    let scene = Scene::new("thousand").await.operated().await;
    scene.declare("mail", on_demand()).await;
    let object = awaits(&scene, "mail").await;
    let request = request(&object, Link, &Value::Null).to_string();
    for _ in 0..20 {
        let many = vec![request.as_str(); 50].join("\n---\n");
        scene.apply(&many).await;
    }
    let object = scene
        .until_object("mail", "a link", |object| {
            let has_link = object["status"]["link"]["url"].is_string();
            has_link
                .then(|| object.clone())
                .ok_or_else(|| object.to_string())
        })
        .await;
    scene.polled(3).await;
    assert_eq!(links(&scene).await, 1, "{object}");
}

#[tokio::test]
async fn the_apiserver_holds_requests_to_one_of_a_kind_and_never_to_another_object() {
    let scene = Scene::new("cel").await;
    let object =
        json!({"metadata": {"name": "mail", "uid": "0b5e9bd6-6d8a-4bd2-9c85-0f4be1f3a0f1"}});
    let good = request(&object, Link, &Value::Null);
    let mut cases: Vec<(&str, Value)> = Vec::new();
    let mut other = good.clone();
    other["metadata"]["name"] = json!("anything");
    cases.push(("the name must be", other));
    let mut other = good.clone();
    other["spec"]["accountUID"] = json!("0b5e9bd6-6d8a-4bd2-9c85-0f4be1f3a0f2");
    cases.push(("the name must be", other));
    let mut other = good.clone();
    other["spec"]["browser"] = json!("short");
    cases.push(("browser", other));
    let mut other = good.clone();
    other["spec"]["returned"] = json!({
        "request": "r", "browser": "b".repeat(43), "proof": "0".repeat(32), "finishedIn": "Same",
    });
    cases.push(("returned goes together", other.clone()));
    // Nobody has a name of a return that does not say what is in it.
    other["spec"]["kind"] = json!("Returned");
    let uid = &object["metadata"]["uid"];
    for name in [
        format!("{}-returned", uid.as_str().expect("a uid")),
        format!(
            "{}-returned-{}",
            uid.as_str().expect("a uid"),
            "1".repeat(32)
        ),
    ] {
        other["metadata"]["name"] = json!(name);
        cases.push(("the name must be", other.clone()));
    }
    other["spec"]["returned"]["proof"] = json!("A".repeat(32));
    cases.push(("hexadecimal", other));
    for (words, wrong) in cases {
        let args = ["-n", &scene.namespace, "create", "-f", "-"];
        let output = scene
            .control_plane
            .kubectl_stdin(&args, &wrong.to_string())
            .await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(words),
            "{words}: {said}"
        );
    }
    scene.apply(&good.to_string()).await;
    let name = good["metadata"]["name"].as_str().expect("a name");
    let patch = r#"{"spec":{"requestedBy":"somebody else"}}"#;
    let args = [
        "-n",
        &scene.namespace,
        "patch",
        "connectrequests",
        name,
        "--type=merge",
        "-p",
        patch,
    ];
    let output = scene.control_plane.kubectl(&args).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("immutable"), "{said}");
}
