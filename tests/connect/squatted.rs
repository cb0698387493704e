//! Somebody who may make ConnectRequests, and nothing else, takes the names that others need.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composio_operator::crd::ConnectRequest;
use futures::future::join;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::whole::House;
use crate::on_demand::{asks, request};
use crate::support::connect_page::Visitor;
use crate::support::scene::Scene;
use crate::support::wait;
use composio_operator::crd::ConnectRequestKind::{self, Link, Returned, StartOver};

const MAKER: &str =
    "- apiGroups: [composio.dev]\n  resources: [connectrequests]\n  verbs: [create]\n";
/// Sooner than what nobody told of is looked for again.
const SOONER: Duration = Duration::from_secs(25);

/// Requests as somebody makes them who may do nothing else.
pub(super) async fn maker(scene: &Scene<'_>) -> Api<ConnectRequest> {
    let (client, namespace) = (&scene.client, &scene.namespace);
    let token = scene
        .control_plane
        .service_account(client, namespace, "hostile", MAKER)
        .await;
    let client = scene.control_plane.client_for_token(&token).await;
    Api::namespaced(client, namespace)
}

/// The request of that kind for an object, as somebody makes it who may.
pub(super) fn squat(object: &Value, kind: ConnectRequestKind, more: &Value) -> ConnectRequest {
    serde_json::from_value(request(object, kind, more)).expect("it is a ConnectRequest")
}

/// Somebody came back, as anybody can write it.
fn forged() -> Value {
    forged_for(0)
}

/// The same, with another guess at the proof.
fn forged_for(guess: u128) -> Value {
    json!({"returned": {
        "request": "x", "browser": "b".repeat(43), "proof": format!("{guess:032x}"), "finishedIn": "Same",
    }})
}

/// Waits until no request is there; returns what came of them.
pub(super) async fn none_is_left(scene: &Scene<'_>, name: &str) -> Value {
    wait::until("the requests are deleted", SOONER, async || {
        let left = scene
            .kubectl(&["get", "connectrequests", "-o", "name"])
            .await;
        match left.trim() {
            "" => Ok(()),
            left => Err(left.to_owned()),
        }
    })
    .await;
    scene.object(name).await["status"]["lastConnectRequest"].clone()
}

#[tokio::test]
async fn what_can_never_count_is_gone_before_others_need_its_name_and_asks_for_nothing() {
    let house = House::new(&[]).await;
    house.declares("mail").await;
    let (scene, object) = (&house.scene, house.scene.object("mail").await);
    let hostile = maker(scene).await;
    let mut other = object.clone();
    other["metadata"]["name"] = json!("other");
    let mut gone = object.clone();
    gone["metadata"]["uid"] = json!("0b5e9bd6-6d8a-4bd2-9c85-0f4be1f3a0f1");
    for (object, kind, more) in [
        (&object, Returned, forged()),
        (&other, Returned, forged()),
        (&other, Link, json!({})),
        (&gone, Link, json!({})),
    ] {
        let squatted = squat(object, kind, &more);
        let made = hostile.create(&PostParams::default(), &squatted).await;
        made.expect("they may");
        let came_of = none_is_left(scene, "mail").await;
        assert_eq!(came_of, Value::Null, "nobody looked for that");
    }
    assert_eq!(scene.sandbox.accounts().await, [Value::Null; 0]);
}

#[tokio::test]
async fn who_starts_over_in_a_loop_keeps_nobody_from_a_link() {
    let house = House::new(&[]).await;
    house.declares("mail").await;
    let (scene, object) = (&house.scene, house.scene.object("mail").await);
    let hostile = maker(scene).await;
    let flood = squat(&object, StartOver, &json!({}));
    let flood = tokio::spawn(async move {
        let mut pace = tokio::time::interval(wait::PAUSE / 2);
        loop {
            pace.tick().await;
            // It is there still, or not any more.
            drop(hostile.create(&PostParams::default(), &flood).await);
        }
    });
    let started = |object: &Value| object["status"]["link"]["requestedBy"]["uid"].is_string();
    scene
        .until_status("mail", "a link of the flood", started)
        .await;
    let keys = &house.page.settings.keys;
    let mine = asks(keys, &object, Link, None, &"y".repeat(43));
    let mine = request(&object, Link, &mine);
    scene.apply(&mine.to_string()).await;
    let is_mine = |object: &Value| {
        let browser = &object["status"]["link"]["requestedBy"]["browser"];
        *browser == json!("y".repeat(43))
    };
    scene.until_status("mail", "a link of mine", is_mine).await;
    flood.abort();
}

#[tokio::test]
async fn a_flood_of_returns_does_not_hide_that_somebody_else_has_signed_in() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    let (scene, path) = (&house.scene, house.path("mail"));
    let object = scene.object("mail").await;
    let mut other = object.clone();
    other["metadata"]["name"] = json!("other");
    let hostile = maker(scene).await;
    let (mallory, victim) = (Visitor::of(&house.page), Visitor::of(&house.page));
    mallory.get(&address).await;
    let link = house.is_led_on(&mallory, &path).await;
    // As fast as they can, of both names of the object, and at most a few that are there at a time.
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let flood = tokio::spawn(async move {
        let forged = squat(&object, Returned, &forged());
        let of_other = squat(&other, Returned, &forged_for(1));
        loop {
            let parameters = PostParams::default();
            let (one, another) = join(
                hostile.create(&parameters, &forged),
                hostile.create(&parameters, &of_other),
            )
            .await;
            let taken = usize::from(one.is_ok()) + usize::from(another.is_ok());
            count.fetch_add(taken, Ordering::Relaxed);
        }
    });
    let back = house.signs_in(&victim, &link, "connect").await;
    let told = house.comes_back(&victim, &back).await;
    flood.abort();
    assert!(told.text.contains("not your link"), "{}", told.text);
    assert!(made.load(Ordering::Relaxed) > 0, "some were made");
    scene
        .until("mail", "Ready", "False", "FinishedElsewhere")
        .await;
    let accounts = scene.sandbox.accounts().await;
    assert_eq!(accounts[0]["status"], "INACTIVE");
}

#[tokio::test]
async fn who_starts_over_in_a_loop_ends_no_link_that_somebody_has_just_got() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    let (scene, path) = (&house.scene, house.path("mail"));
    let object = scene.object("mail").await;
    let (hostile, ann) = (maker(scene).await, Visitor::of(&house.page));
    ann.get(&address).await;
    let link = house.is_led_on(&ann, &path).await;
    // Hers is deleted a moment after she is led on.
    none_is_left(scene, "mail").await;
    // Somebody else who has the page; and whoever only says so, whom the link that is out does for.
    let keys = &house.page.settings.keys;
    let other = asks(keys, &object, Link, None, &"x".repeat(43));
    let said = squat(&object, Link, &json!({"browser": "z".repeat(43)}));
    let made = hostile.create(&PostParams::default(), &said).await;
    made.expect("they may");
    assert_eq!(none_is_left(scene, "mail").await["outcome"], "LinkReused");
    let kinds = [(StartOver, json!({})), (Link, other)];
    for (kind, more) in kinds {
        let request = squat(&object, kind, &more);
        let made = hostile.create(&PostParams::default(), &request).await;
        made.expect("they may");
    }
    scene.polled(3).await;
    assert_eq!(house.requests().await, 2, "they wait");
    let back = house.signs_in(&ann, &link, "connect").await;
    let done = house.comes_back(&ann, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
    scene.ready("mail", "Connected").await;
    assert_eq!(none_is_left(scene, "mail").await["outcome"], "NotNeeded");
    assert_eq!(scene.sandbox.accounts().await.len(), 1);
}
