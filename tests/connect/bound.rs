//! A project that takes sign-ins from the connect page alone, and only once the person is back.

use composio_operator::crd::{ConnectRequestKind, connect_request_name};
use serde_json::{Value, json};

use super::whole::House;
use crate::support::connect_page::Visitor;
use crate::support::control_plane::ControlPlane;
use crate::support::project::in_cluster;
use crate::support::scene::{SOON, Scene};
use crate::support::story::condition;
use crate::support::wait;

const HEADER: [&str; 2] = ["--connect-user-header", "X-Auth-Request-Email"];
const ANN: &str = "ann@acme.com";

async fn bound() -> House {
    let house = House::new(&HEADER).await;
    let bound = json!({"spec": {"allow": [{"signIn": "Bound"}]}}).to_string();
    let args = ["patch", "composioproject", "default", "--type=merge", "-p"];
    house.scene.kubectl(&[&args[..], &[&bound]].concat()).await;
    let mut hasty = gmail();
    hasty["linkPolicy"] = json!("Immediate");
    house.scene.declare("hasty", hasty).await;
    let words = "spec.linkPolicy must not be Immediate";
    let refused = house.scene.until_synced_says("hasty", "NotAllowed", words);
    refused.await;
    house
}

fn gmail() -> Value {
    json!({"user": ANN, "toolkit": "gmail", "authConfig": "ac_gmail"})
}

/// Waits until the operator has seen the grant, and nobody back.
async fn awaits_return(house: &House) -> Value {
    let has_grant = |object: &Value| object["status"]["signIn"]["returnBy"].is_string();
    house
        .scene
        .until_status("mail", "the grant", has_grant)
        .await
}

#[tokio::test]
async fn a_bound_sign_in_counts_once_the_person_is_back_in_the_browser_that_had_asked() {
    let house = bound().await;
    house.declares("mail").await;
    let scene = &house.scene;
    // Whoever may annotate the object, or make ConnectRequests, gets no link.
    let ask = "composio.dev/link-requested-at=now";
    scene.kubectl(&["annotate", "cacc", "mail", ask]).await;
    let handled = |object: &Value| object["status"]["lastHandledLinkRequest"] == "now";
    let object = scene.until_status("mail", "an answer", handled).await;
    let uid = object["metadata"]["uid"].as_str().expect("a uid");
    for more in [
        json!({}),
        json!({"browser": "b".repeat(43)}),
        json!({"requestedBy": ANN}),
        json!({"requestedBy": ANN, "browser": "b".repeat(43)}),
        json!({"requestedBy": ANN, "browser": "b".repeat(43), "proof": "0".repeat(32)}),
    ] {
        let mut spec = json!({"accountName": "mail", "accountUID": uid, "kind": "Link"});
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let request = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest",
            "metadata": {"name": connect_request_name(uid, ConnectRequestKind::Link)}, "spec": spec,
        });
        scene.apply(&request.to_string()).await;
        let gone = [
            "wait",
            "--for=delete",
            "--timeout=120s",
            "connectrequests",
            "--all",
        ];
        scene.kubectl(&gone).await;
        let object = scene.object("mail").await;
        let outcome = &object["status"]["lastConnectRequest"]["outcome"];
        assert_eq!(outcome, "Refused", "{more}: {object}");
    }
    assert_eq!(scene.sandbox.accounts().await, [Value::Null; 0]);

    let ann = Visitor::named(&house.page, ANN);
    let link = house.is_led_on(&ann, &house.path("mail")).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    let object = awaits_return(&house).await;
    assert_eq!(object["status"]["state"], "ACTIVE", "{object}");
    let ready = condition(&object, "Ready");
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("False"), &json!("AwaitingUser"))
    );
    assert!(
        ready["message"].to_string().contains("not come back"),
        "{ready}"
    );
    // The page's watch may lag behind ours.
    let page = wait::until("that it is being checked", SOON, async || {
        let page = ann.get(&house.path("mail")).await;
        match page.text.contains("is being checked") {
            true => Ok(page),
            false => Err(page.text),
        }
    })
    .await;
    assert!(!page.text.contains("<button"), "{}", page.text);
    let done = house.comes_back(&ann, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
    let object = scene.ready("mail", "Connected").await;
    let sign_in = &object["status"]["signIn"];
    assert_eq!(sign_in["finishedIn"], "Same", "{object}");
    assert_eq!(sign_in["returnBy"], Value::Null, "{object}");
}

#[tokio::test]
async fn a_bound_sign_in_of_which_nobody_comes_back_is_not_used() {
    let house = bound().await;
    house.declares("mail").await;
    let scene = &house.scene;
    let (mallory, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&mallory, &path).await;
    // The victim closes the window.
    let back = house
        .signs_in(&Visitor::of(&house.page), &link, "connect")
        .await;
    let object = awaits_return(&house).await;
    let id = object["status"]["connectedAccountId"]
        .as_str()
        .expect("an id")
        .to_owned();
    // Ten minutes pass.
    let over = json!({"signIn": {"returnBy": "2026-01-01T00:00:00Z"}});
    scene.give_status("mail", &over).await;
    scene
        .until("mail", "Stalled", "True", "FinishedElsewhere")
        .await;
    assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
    // Who comes back now, as the right one, comes too late.
    let told = house.comes_back(&mallory, &back).await;
    assert!(told.text.contains("too late"), "{}", told.text);
    for enabled in [false, true] {
        scene
            .patch("mail", &json!({"spec": {"enabled": enabled}}).to_string())
            .await;
        scene.polled(2).await;
        assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
    }
    let page = mallory.get(&path).await;
    assert!(page.text.contains("did not come back"), "{}", page.text);
    let link = house.is_led_on(&mallory, &path).await;
    let back = house.signs_in(&mallory, &link, "connect").await;
    house.comes_back(&mallory, &back).await;
    let object = scene.ready("mail", "Connected").await;
    assert_ne!(
        object["status"]["connectedAccountId"],
        json!(id),
        "a new account"
    );
}

#[tokio::test]
async fn the_operator_says_to_which_host_people_may_be_taken_on() {
    let control_plane = Box::leak(Box::new(ControlPlane::start().await.expect("it starts")));
    control_plane.install_crd().await;
    let scene = Scene::on(control_plane, "connect").await;
    scene.serve_cluster().await;
    let allow = json!({"spec": {"allow": [{"callbackHosts": ["*.acme.com"]}]}}).to_string();
    let args = [
        "patch",
        "clustercomposioproject",
        "shared",
        "--type=merge",
        "-p",
    ];
    scene.kubectl(&[&args[..], &[&allow]].concat()).await;
    scene.give_project(&scene.options()).await;
    let house = House::of(scene, &HEADER, |options| {
        options.without("--watch-namespace")
    })
    .await;
    for (name, host, is_taken) in [
        ("good", "app.acme.com", true),
        ("bad", "acme.com.evil.example", false),
    ] {
        let mut spec = in_cluster(gmail());
        spec["callbackUrl"] = json!(format!("https://{host}/done"));
        house.declares_as(name, spec).await;
        let (ann, path) = (Visitor::named(&house.page, ANN), house.path(name));
        let link = house.is_led_on(&ann, &path).await;
        let back = house.signs_in(&ann, &link, "connect").await;
        let mut next = back;
        let done = loop {
            let page = ann.get(&next).await;
            if page.status == 303 || page.text.contains("is connected") {
                break page;
            }
            page.refresh().clone_into(&mut next);
            assert!(!next.is_empty(), "{}", page.text);
        };
        // Nobody is named, so that nothing is to be read but a host that nobody has vouched for.
        let onward = format!("https://{host}/done?");
        let is_led_on = done.header("location").starts_with(&onward);
        assert_eq!(is_led_on, is_taken, "{done:?}");
        let shown = format!("Go on to {host}");
        assert!(is_taken || done.text.contains(&shown), "{}", done.text);
        let object = house.scene.ready(name, "Connected").await;
        let told = &object["status"]["signIn"]["callbackHost"];
        assert_eq!(told.as_str(), is_taken.then_some(host), "{object}");
    }
}
