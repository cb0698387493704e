//! What goes wrong while Composio is told whose sign-in it was: nothing that a person has finished is lost, and whatever is, is
//! told.

use std::path::Path;

use composio_operator::connect::page_address::browser_name;
use composio_operator::crd::ConnectRequestKind;
use serde_json::{Value, json};

use super::Stage;
use super::verified::{ANN, HEADER, answered, bound, follows, not_completed, row, told, verifies};
use super::whole::House;
use super::{gmail, uid};
use crate::support::child::Signal;
use crate::support::connect_page::{Answer, Visitor};
use crate::support::operator::Operator;
use crate::support::scene::SOON;

const CONNECTED: &str = "is connected";

/// Ann has signed in, and is about to come back.
struct Back {
    house: House,
    ann: Visitor,
    /// Where Composio sends her.
    address: String,
}

impl Back {
    async fn new() -> Back {
        let house = House::new(&HEADER).await;
        verifies(&house).await;
        house.declares("mail").await;
        Back::of(house).await
    }

    async fn of(house: House) -> Back {
        let ann = Visitor::named(&house.page, ANN);
        let link = house.is_led_on(&ann, &house.path("mail")).await;
        let address = house.signs_in(&ann, &link, "connect").await;
        Back {
            house,
            ann,
            address,
        }
    }

    /// Her browser, in another tab.
    fn tab(&self) -> Visitor {
        let mut tab = Visitor::named(&self.house.page, ANN);
        tab.cookies.clone_from(&self.ann.cookies);
        tab
    }

    /// That many calls that tell whose sign-in it was are answered so.
    async fn fails(&self, times: usize, answer: Value) {
        let mut fault = json!({"method": "POST", "path": "/connected_accounts/complete_auth"});
        let fields = fault.as_object_mut().expect("it is one");
        fields.extend(answer.as_object().cloned().unwrap_or_default());
        fault["times"] = json!(times);
        let sandbox = &self.house.scene.sandbox;
        sandbox.control("POST", "fault", fault).await;
    }

    async fn comes_back(&self) -> Answer {
        follows(&self.ann, &self.address).await
    }

    /// An operator in the place of the one that was there, with that key of the page.
    async fn another_operator(&mut self, key: &Path) {
        let scene = &self.house.scene;
        let key = key.to_str().expect("a path of ASCII");
        let options = scene.options();
        let options = options
            .flag("--connect-url", &self.house.page.url)
            .flag("--connect-key-file", key)
            .flag("--connect-user-header", "X-Auth-Request-Email");
        let another = scene.start("another-operator", &options).await;
        self.house.operator = another;
    }

    /// Lands on the page, and goes no further.
    async fn lands(&self) -> String {
        let landed = self.ann.get(&self.address).await;
        assert_eq!(landed.status, 303, "{landed:?}");
        landed.header("location").to_owned()
    }

    /// Whether anybody was told that the sign-in came to nothing.
    async fn says_refused(&self) -> bool {
        let events = self.house.scene.kubectl(&["get", "events", "-o", "json"]);
        events.await.contains("SignInNotCompleted")
    }
}

async fn ends(operator: &Operator, signal: Signal) {
    operator.child.signal(signal).expect("it is there");
    let ended = operator.child.wait(SOON).await;
    ended.expect("it ends");
}

#[tokio::test]
async fn composio_that_asks_to_wait_is_asked_again_and_refuses_nothing() {
    let back = Back::new().await;
    let wait = json!({"status": 429, "headers": {"retry-after": "1"}, "body": {"message": "Too many requests"}});
    back.fails(2, wait).await;
    let done = back.comes_back().await;
    assert!(done.text.contains(CONNECTED), "{}", done.text);
    let house = &back.house;
    house.scene.ready("mail", "Connected").await;
    assert_eq!(
        told(house).await,
        3,
        "twice too early, and then it went through"
    );
    answered(&house.scene).await;
    assert!(!back.says_refused().await);
}

#[tokio::test]
async fn of_two_tabs_and_two_replicas_both_say_that_it_is_connected_and_composio_is_told_once() {
    let back = Back::new().await;
    let house = &back.house;
    let folder = &house.scene.folder;
    let second = house.page.replica(folder, "connect-second").await;
    let (first_tab, second_tab) = (back.tab(), back.tab());
    second_tab.is_sent_to(&second);
    let (first, second) = tokio::join!(
        follows(&first_tab, &back.address),
        follows(&second_tab, &back.address)
    );
    for page in [first, second] {
        assert!(page.text.contains(CONNECTED), "{}", page.text);
    }
    house.scene.ready("mail", "Connected").await;
    answered(&house.scene).await;
    assert_eq!(told(house).await, 1);
    assert!(!back.says_refused().await);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_refusal() {
    let back = Back::new().await;
    back.fails(1, json!({"status": "cut_after"})).await;
    let done = back.comes_back().await;
    assert!(done.text.contains(CONNECTED), "{}", done.text);
    let house = &back.house;
    house.scene.ready("mail", "Connected").await;
    answered(&house.scene).await;
    assert_eq!(told(house).await, 1);
    assert!(!back.says_refused().await);
}

#[tokio::test]
async fn where_a_proof_is_demanded_an_answer_that_is_lost_is_told_as_it_is() {
    let house = bound().await;
    let back = Back::of(house).await;
    back.fails(1, json!({"status": "cut_after"})).await;
    let told = back.comes_back().await;
    assert!(told.text.contains("does not count yet"), "{}", told.text);
    let object = back.house.scene.object("mail").await;
    assert_eq!(object["status"]["signIn"]["finishedIn"], Value::Null);
    assert_ne!(object["status"]["signIn"]["returnBy"], Value::Null);
    let page = back.ann.get(&back.house.path("mail")).await;
    assert!(page.text.contains("is being checked"), "{}", page.text);
}

#[tokio::test]
async fn an_operator_that_is_killed_while_a_person_comes_back_loses_nothing() {
    let mut back = Back::new().await;
    ends(&back.house.operator, Signal::Kill).await;
    let next = back.lands().await;
    let waits = back.ann.get(&next).await;
    assert!(waits.text.contains("Looking how it went"), "{}", waits.text);
    let key = back.house.page.key_file.clone();
    back.another_operator(&key).await;
    let done = follows(&back.ann, &next).await;
    assert!(done.text.contains(CONNECTED), "{}", done.text);
    back.house.scene.ready("mail", "Connected").await;
    assert_eq!(told(&back.house).await, 1);
}

#[tokio::test]
async fn a_server_that_does_not_verify_sign_ins_is_told_from_a_session_that_is_over() {
    let back = Back::new().await;
    let body = json!({"error": {
        "message": "Cannot POST /api/v3.1/connected_accounts/complete_auth", "code": 10404,
        "slug": "HTTP_NotFound", "status": 404, "request_id": "req_1",
    }});
    back.fails(1, json!({"status": 404, "body": body})).await;
    let end = back.comes_back().await;
    assert!(end.text.contains("is not connected"), "{}", end.text);
    let house = &back.house;
    not_completed(&house.scene, "take the verifier URL off the project").await;
    answered(&house.scene).await;
    assert_eq!(row(house, "mail").await["status"], "INITIATED");
    // Who reloads is told the same; a session that is over needs no other server.
    let again = back.comes_back().await;
    assert!(again.text.contains("is not connected"), "{}", again.text);
    assert_eq!(told(house).await, 1);
}

#[tokio::test]
async fn a_session_that_nobody_can_open_any_more_is_told_and_composio_is_asked_nothing() {
    let mut back = Back::new().await;
    ends(&back.house.operator, Signal::Term).await;
    let next = back.lands().await;
    let folder = &back.house.scene.folder;
    let key = folder.write("another.key", "b".repeat(32));
    back.another_operator(&key.expect("the folder is there"))
        .await;
    let end = follows(&back.ann, &next).await;
    assert!(end.text.contains("is not connected"), "{}", end.text);
    not_completed(&back.house.scene, "--connect-key-file").await;
    answered(&back.house.scene).await;
    assert_eq!(told(&back.house).await, 0);
}

#[tokio::test]
async fn while_the_key_is_rotated_nobody_who_comes_back_is_lost() {
    let mut back = Back::new().await;
    ends(&back.house.operator, Signal::Term).await;
    let next = back.lands().await;
    let former = std::fs::read_to_string(&back.house.page.key_file).expect("it is there");
    let both = format!("{}\n{former}", "b".repeat(32));
    let folder = &back.house.scene.folder;
    let key = folder.write("both.key", both);
    back.another_operator(&key.expect("the folder is there"))
        .await;
    let done = follows(&back.ann, &next).await;
    assert!(done.text.contains(CONNECTED), "{}", done.text);
    assert_eq!(told(&back.house).await, 1);
}

#[tokio::test]
async fn what_another_tab_is_told_is_of_the_request_that_was_pending_and_of_none_before_it() {
    let stage = Stage::new("verified-tabs", &HEADER).await;
    let object = stage.declared("mail", gmail()).await;
    let ann = Visitor::named(&stage.page, ANN);
    let (_, nonce) = stage.opened_by(&ann, &stage.path("mail")).await;
    stage.leads_on(&object, &ann, &browser_name(&nonce)).await;
    let refused = |uid: &str| json!({"lastConnectRequest": {"uid": uid, "kind": "CompleteAuth", "outcome": "Refused"}});
    stage.says("mail", refused("before")).await;
    // One is pending, and is another tab's.
    let back = "/verify?session_uri=session_1";
    let mut tab = Visitor::named(&stage.page, ANN);
    tab.cookies.clone_from(&ann.cookies);
    let first = ann.get(back).await;
    let leads = |answer: &Answer| answer.header("location") == first.header("location");
    let second = stage.until(&tab, back, "the way on", leads).await;
    let next = second.header("location").to_owned();
    let waits = tab.get(&next).await;
    assert!(waits.text.contains("Looking how it went"), "{}", waits.text);
    let made = stage.handled().await;
    assert_eq!(made.spec.kind, ConnectRequestKind::CompleteAuth);
    assert!(first.header("location").contains(&uid(&made)), "{first:?}");
    stage.says("mail", refused(&uid(&made))).await;
    for (visitor, address) in [(&tab, &*next), (&ann, back)] {
        let end = follows(visitor, address).await;
        assert!(end.text.contains("is not connected"), "{}", end.text);
    }
}

#[tokio::test]
async fn who_comes_back_to_an_object_that_is_paused_gone_or_another_connects_nothing() {
    let mut back = Back::new().await;
    let pause = |paused: bool| json!({"spec": {"suspend": paused}}).to_string();
    let scene = &back.house.scene;
    scene.patch("mail", &pause(true)).await;
    let end = back.comes_back().await;
    assert!(end.text.contains("is not connected"), "{}", end.text);
    not_completed(scene, "suspended").await;
    answered(scene).await;
    scene.patch("mail", &pause(false)).await;
    scene.until("mail", "Ready", "False", "AwaitingUser").await;
    // She begins anew, and meanwhile the object is deleted, and made again under its name.
    back = Back::of(back.house).await;
    let scene = &back.house.scene;
    scene
        .kubectl(&["delete", "connectedaccounts", "mail"])
        .await;
    let written = back.house.page.written(scene).len();
    for is_there in [false, true] {
        if is_there {
            back.house.declares("mail").await;
        }
        let end = back.comes_back().await;
        assert!(end.text.contains("Nothing was connected"), "{}", end.text);
    }
    assert_eq!(back.house.page.written(&back.house.scene).len(), written);
    assert_eq!(told(&back.house).await, 0);
}
