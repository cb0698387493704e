//! The page's key is rotated while people sign in, as the chart's README says.

use composio_operator::crd::ConnectRequestKind::Returned;
use composio_operator::crd::FinishedIn;
use kube::api::PostParams;
use rstest::rstest;
use serde_json::{Value, json};

use super::squatted::{maker, none_is_left, squat};
use super::whole::House;
use crate::support::child::Signal;
use crate::support::connect_page::Visitor;
use crate::support::scene::SOON;

const NEW: &str = "a-new-key-of-more-than-thirty-two-bytes";

/// Somebody whose link is out.
struct SigningIn {
    visitor: Visitor,
    name: String,
    link: String,
}

impl SigningIn {
    /// Comes by that address, and asks for a link.
    async fn begins(house: &House, name: &str, address: &str) -> SigningIn {
        let visitor = Visitor::of(&house.page);
        let opened = visitor.get(address).await;
        assert_eq!(opened.status, 303, "{name}: {}", opened.text);
        let link = house.is_led_on(&visitor, &house.path(name)).await;
        SigningIn {
            visitor,
            name: name.to_owned(),
            link,
        }
    }

    async fn is_heard(&self, house: &House) {
        let SigningIn {
            visitor,
            name,
            link,
        } = self;
        visitor.is_sent_to(&house.page);
        let back = house.signs_in(visitor, link, "connect").await;
        let done = house.comes_back(visitor, &back).await;
        assert!(done.text.contains("is connected"), "{name}: {}", done.text);
        let object = house.scene.ready(name, "Connected").await;
        let finished = &object["status"]["signIn"]["finishedIn"];
        assert_eq!(finished, "Same", "{name}");
    }

    /// Somebody else signs in through the link, and comes back.
    async fn is_robbed(&self, house: &House) {
        let victim = Visitor::of(&house.page);
        let back = house.signs_in(&victim, &self.link, "connect").await;
        let told = house.comes_back(&victim, &back).await;
        assert!(told.text.contains("not your link"), "{}", told.text);
        let scene = &house.scene;
        scene
            .until(&self.name, "Ready", "False", "FinishedElsewhere")
            .await;
    }
}

async fn page_is_restarted(house: &mut House, name: &str) {
    let page = house.page.replica(&house.scene.folder, name).await;
    house.page = page;
}

async fn operator_is_restarted(house: &mut House, name: &str) {
    let child = &house.operator.child;
    child.signal(Signal::Term).expect("it is there");
    child.wait(SOON).await.expect("it ends");
    let options = house.page.known_to(house.scene.options());
    house.operator = house.scene.start(name, &options).await;
}

#[rstest]
#[case::the_page_first([true, false])]
#[case::the_operator_first([false, true])]
#[tokio::test]
async fn whichever_is_restarted_first_nobody_is_lost_while_the_key_is_rotated(
    #[case] order: [bool; 2],
) {
    let mut house = House::new(&[]).await;
    let old = std::fs::read_to_string(&house.page.key_file).expect("it is there");
    // It was sent before anything was done.
    let mailed = house.declares("mailed").await;
    let address = house.declares("slow").await;
    let slow = SigningIn::begins(&house, "slow", &address).await;
    let steps = [
        format!("{old}\n{NEW}"),
        format!("{NEW}\n{old}"),
        NEW.to_owned(),
    ];
    for (n, keys) in steps.iter().enumerate() {
        let mut under_way = Vec::new();
        for half in 0..2 {
            let name = format!("before-{n}-{half}");
            let address = house.declares(&name).await;
            under_way.push(SigningIn::begins(&house, &name, &address).await);
        }
        let mut addresses = Vec::new();
        for half in 0..2 {
            let name = format!("opened-{n}-{half}");
            addresses.push((house.declares(&name).await, name));
        }
        std::fs::write(&house.page.key_file, keys).expect("it is written");
        for is_page in order {
            let name = format!("restarted-{n}-{is_page}");
            match is_page {
                true => page_is_restarted(&mut house, &name).await,
                false => operator_is_restarted(&mut house, &name).await,
            }
            under_way.remove(0).is_heard(&house).await;
            let (address, name) = addresses.remove(0);
            let signing_in = SigningIn::begins(&house, &name, &address).await;
            signing_in.is_robbed(&house).await;
        }
        match n {
            0 => {}
            1 => slow.is_heard(&house).await,
            _ => continue,
        }
        let opened = Visitor::of(&house.page).get(&mailed).await;
        assert_eq!(opened.status, 303, "step {n}: {}", opened.text);
    }
    let events = house.scene.kubectl(&["get", "events", "-o", "json"]).await;
    assert!(!events.contains("ReturnNotVerified"), "{events}");
}

/// How often the event was told of that object.
async fn told_of(house: &House, name: &str) -> Vec<Value> {
    let args = ["get", "events.events.k8s.io", "-o", "json"];
    let events = house.scene.kubectl(&args).await;
    let mut events: Value = serde_json::from_str(&events).expect("JSON");
    let mut events: Vec<Value> = events["items"]
        .as_array_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    events.retain(|event| {
        event["reason"] == "ReturnNotVerified" && event["regarding"]["name"] == name
    });
    events
}

#[tokio::test]
async fn a_return_that_no_key_verifies_is_told_once_and_nobody_can_flood_that() {
    let mut house = House::new(&[]).await;
    let address = house.declares("mail").await;
    house.declares("other").await;
    let ann = SigningIn::begins(&house, "mail", &address).await;
    let old = std::fs::read_to_string(&house.page.key_file).expect("it is there");
    let both = format!("{NEW}\n{old}");
    std::fs::write(&house.page.key_file, both).expect("it is written");
    page_is_restarted(&mut house, "too-early").await;
    ann.visitor.is_sent_to(&house.page);
    let back = house.signs_in(&ann.visitor, &ann.link, "connect").await;
    ann.visitor.get(&back).await;
    house.scene.event("mail", "ReturnNotVerified").await;

    let scene = &house.scene;
    let hostile = maker(scene).await;
    let (mail, other) = (scene.object("mail").await, scene.object("other").await);
    let sign_in = &mail["status"]["signIn"];
    let link = &mail["status"]["link"]["requestedBy"];
    let (request, browser) = match sign_in["request"].is_string() {
        true => (&sign_in["request"], &sign_in["browser"]),
        false => (&link["uid"], &link["browser"]),
    };
    // As one is, of another object.
    let keys = &house.page.settings.keys;
    let proof = keys.outcome_proof("another", "x", &"b".repeat(43), FinishedIn::Another);
    let of_link = json!({"returned": {
        "request": request, "browser": browser, "proof": proof, "finishedIn": "Another",
    }});
    let of_none = json!({"returned": {
        "request": "x", "browser": browser, "proof": proof, "finishedIn": "Another",
    }});
    for _ in 0..10 {
        for (object, more) in [(&mail, &of_link), (&other, &of_none)] {
            // The page may have made one before.
            drop(
                hostile
                    .create(&PostParams::default(), &squat(object, Returned, more))
                    .await,
            );
            none_is_left(scene, "mail").await;
        }
    }
    let events = told_of(&house, "mail").await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0]["series"].is_null(), "{events:?}");
    assert_eq!(told_of(&house, "other").await, [Value::Null; 0]);
    let log = house.operator.child.read_log();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("no key of this operator verifies"))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(!log.contains(&*proof), "a proof in the log");

    // Once the operator has the key, the same person is heard who comes back by the same address.
    operator_is_restarted(&mut house, "late").await;
    let done = house.comes_back(&ann.visitor, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
}
