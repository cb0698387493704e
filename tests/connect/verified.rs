//! A project that sends whoever has signed in to the page first: nothing is connected before Composio was told whose
//! sign-in it was.

use std::panic::AssertUnwindSafe;

use composio_operator::connect::keys::SessionOf;
use composio_operator::connect::page_address::browser_name;
use composio_operator::crd::ConnectRequestKind;
use futures::FutureExt as _;
use serde_json::{Value, json};

use super::whole::House;
use super::{Stage, gmail, uid};
use crate::support::browser::{Browser, chromedriver_or_skip};
use crate::support::connect_page::{Answer, Visitor};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

pub(crate) const HEADER: [&str; 2] = ["--connect-user-header", "X-Auth-Request-Email"];
pub(crate) const ANN: &str = "ann@acme.com";
pub(super) const NOBODY: &str = "Nothing was connected";

/// The page is the project's verifier URL.
pub(crate) async fn verifies(house: &House) {
    let verifier = json!({"verifier_url": format!("{}/verify", house.page.url)});
    let scene = &house.scene;
    scene.sandbox.control("POST", "project", verifier).await;
}

/// Follows the page, wherever it leads, until it is at an end.
pub(super) async fn follows(visitor: &Visitor, address: &str) -> Answer {
    let pages = pages(visitor, address).await;
    pages.into_iter().next_back().expect("where it ended")
}

/// The pages that it leads to, from that address to the end.
pub(crate) async fn pages(visitor: &Visitor, address: &str) -> Vec<Answer> {
    let (mut next, mut pages) = (address.to_owned(), Vec::new());
    wait::until("the outcome", SOON, async || {
        let page = visitor.get(&next).await;
        let leads = match page.status {
            303 => page.header("location"),
            _ => page.refresh(),
        };
        let (leads, text) = (leads.to_owned(), page.text.clone());
        pages.push(page);
        if leads.is_empty() {
            return Ok(());
        }
        next = leads;
        Err(text)
    })
    .await;
    pages
}

/// A house whose project is bound to the person, and verifies whose sign-in it was. An account is declared.
pub(super) async fn bound() -> House {
    let house = House::new(&HEADER).await;
    let bound = json!({"spec": {"allow": [{"signIn": "Bound"}]}}).to_string();
    let args = ["patch", "composioproject", "default", "--type=merge", "-p"];
    house.scene.kubectl(&[&args[..], &[&bound]].concat()).await;
    verifies(&house).await;
    house.declares("mail").await;
    house
}

/// How often Composio was told whose sign-in it was.
pub(crate) async fn told(house: &House) -> usize {
    let asked = house.scene.sandbox.asked_since(0).await;
    let is_it = |words: &String| words == "POST complete_auth";
    let words = asked.iter().map(|asked| asked.words());
    words.filter(is_it).count()
}

fn session(address: &str) -> &str {
    let query = address.split_once("session_uri=").expect("a session").1;
    query.split('&').next().expect("its value")
}

/// The account of the object, in Composio.
pub(super) async fn row(house: &House, name: &str) -> Value {
    let object = house.scene.object(name).await;
    let id = object["status"]["connectedAccountId"].as_str();
    house.scene.sandbox.account(id.expect("an id")).await
}

/// The events, of which one says that a sign-in came to nothing, and why.
pub(crate) async fn not_completed(scene: &Scene<'_>, why: &str) -> String {
    scene.event("mail", "SignInNotCompleted").await;
    wait::until(why, SOON, async || {
        let events = scene.kubectl(&["get", "events", "-o", "json"]).await;
        match events.contains(why) {
            true => Ok(events),
            false => Err(events),
        }
    })
    .await
}

/// Waits until no request is there any more.
pub(crate) async fn answered(scene: &Scene<'_>) {
    let gone = "wait --for=delete --timeout=120s connectrequests --all";
    let gone: Vec<_> = gone.split(' ').collect();
    scene.kubectl(&gone).await;
}

#[tokio::test]
async fn a_verified_sign_in_counts_once_the_person_is_back_and_composio_was_told() {
    let house = House::new(&HEADER).await;
    verifies(&house).await;
    house.declares("mail").await;
    let scene = &house.scene;
    let (ann, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    assert!(back.contains("/verify?session_uri="), "{back}");
    assert_eq!(row(&house, "mail").await["status"], "INITIATED");
    let done = follows(&ann, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
    let object = scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["signIn"]["finishedIn"], "Same", "{object}");
    assert_eq!(row(&house, "mail").await["status"], "ACTIVE");
    assert_eq!(told(&house).await, 1);
    answered(scene).await;
    // Who opens it once more, by another tab or by the button back, is told the same, and who sends it on changes nothing.
    let written = house.page.written(scene).len();
    let again = follows(&ann, &back).await;
    assert!(again.text.contains("is connected"), "{}", again.text);
    let other = follows(&Visitor::named(&house.page, "bob@acme.com"), &back).await;
    assert!(other.text.contains(NOBODY), "{}", other.text);
    assert_eq!(house.page.written(scene).len(), written);
    scene.ready("mail", "Connected").await;

    let everything = "get connectedaccounts,connectrequests,events -o json --show-managed-fields";
    let everything: Vec<_> = everything.split(' ').collect();
    let everything = scene.kubectl(&everything).await;
    let logs = house.page.child.read_log() + &house.operator.child.read_log();
    let session = session(&back).replace("%3A", ":");
    let part = session.rsplit(':').next().expect("its end");
    for (place, text) in [("an object or event", everything), ("a log", logs)] {
        assert!(!text.contains(part), "a session in {place}");
    }
}

#[tokio::test]
async fn what_somebody_else_signs_in_to_is_never_connected() {
    let house = House::new(&HEADER).await;
    verifies(&house).await;
    house.declares("mail").await;
    let (mallory, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&mallory, &path).await;
    let written = house.page.written(&house.scene).len();
    // The victim has a name of their own, or has none, or even goes under hers in another browser.
    let victim = Visitor::named(&house.page, "bob@acme.com");
    let back = house.signs_in(&victim, &link, "connect").await;
    for visitor in [
        victim,
        Visitor::named(&house.page, ANN),
        Visitor::of(&house.page),
    ] {
        let end = follows(&visitor, &back).await;
        let is_told = end.text.contains(NOBODY) || end.status == 404;
        assert!(is_told, "{}", end.text);
        assert!(!end.text.contains(&house.scene.namespace), "{}", end.text);
        assert!(!end.text.contains("session_"), "{}", end.text);
    }
    // Nor if the proxy says of Mallory's browser that somebody else is in it now.
    let mut other = Visitor::named(&house.page, "bob@acme.com");
    other.cookies = mallory.cookies.clone();
    assert!(follows(&other, &back).await.text.contains(NOBODY));
    assert_eq!(house.page.written(&house.scene).len(), written);
    assert_eq!(told(&house).await, 0);
    // Mallory does not know the session.
    let guessed = follows(&mallory, "/verify?session_uri=session_guessed").await;
    assert!(
        guessed.text.contains("is not connected"),
        "{}",
        guessed.text
    );
    let events = not_completed(&house.scene, "Composio answered 404").await;
    assert!(!events.contains("guessed"), "{events}");
    assert_eq!(row(&house, "mail").await["status"], "INITIATED");
    let advance = json!({"advance_seconds": 660});
    house.scene.sandbox.control("POST", "clock", advance).await;
    house.scene.until_state("mail", "EXPIRED").await;
    assert_eq!(told(&house).await, 1);
}

#[tokio::test]
async fn a_bound_sign_in_is_finished_by_being_verified_whatever_composio_fails_at() {
    let house = bound().await;
    let second = house
        .page
        .replica(&house.scene.folder, "connect-second")
        .await;
    let (ann, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    for status in [503, 502] {
        let path = "/connected_accounts/complete_auth";
        let fault = json!({"method": "POST", "path": path, "status": status});
        house.scene.sandbox.control("POST", "fault", fault).await;
    }
    // She comes back to another replica.
    ann.is_sent_to(&second);
    let done = follows(&ann, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
    let object = house.scene.ready("mail", "Connected").await;
    let sign_in = &object["status"]["signIn"];
    assert_eq!(sign_in["finishedIn"], "Same", "{object}");
    assert_eq!(sign_in["returnBy"], Value::Null, "{object}");
    assert_eq!(told(&house).await, 3, "each once, and then it went through");
}

#[tokio::test]
async fn the_session_of_another_account_connects_nothing_here_and_the_own_one_still_does() {
    let house = House::new(&HEADER).await;
    verifies(&house).await;
    house.declares("mail").await;
    let sandbox = &house.scene.sandbox;
    let (ann, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&ann, &path).await;
    for (user, state) in [("bob@acme.com", "FAILED"), (ANN, "ACTIVE")] {
        let body = json!({"auth_config_id": "ac_slack", "user_id": user});
        let made = sandbox.api("POST", "connected_accounts/link", body).await;
        let id = made["connected_account_id"].as_str().expect("an id");
        let finished = sandbox.by_hand(id, "consent", json!({})).await;
        let back = finished["finished"]["redirect_url"]
            .as_str()
            .expect("the verifier");
        let end = follows(&ann, back).await;
        assert!(
            end.text.contains("is not connected"),
            "{user}: {}",
            end.text
        );
        assert_eq!(sandbox.account(id).await["status"], state, "{user}");
        assert_eq!(row(&house, "mail").await["status"], "INITIALIZING");
        answered(&house.scene).await;
    }
    // What comes again within minutes is counted under its first note.
    not_completed(&house.scene, "Composio answered 400").await;
    let back = house.signs_in(&ann, &link, "connect").await;
    let done = follows(&ann, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
    house.scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn the_page_asks_only_for_a_browser_that_waits_for_its_link() {
    let stage = Stage::new("verified", &HEADER).await;
    let object = stage.declared("mail", gmail()).await;
    let ann = Visitor::named(&stage.page, ANN);
    let path = stage.path("mail");
    let (cookie, nonce) = stage.opened_by(&ann, &path).await;
    let browser = browser_name(&nonce);
    let back = "/verify?session_uri=session_1";
    // No link is out, or it is another browser's.
    assert!(follows(&ann, back).await.text.contains(NOBODY));
    stage.links(&object, "request-1", &"b".repeat(43)).await;
    assert!(follows(&ann, back).await.text.contains(NOBODY));
    stage.leads_on(&object, &ann, &browser).await;
    // Previews have no cookie, and other methods do nothing.
    let preview = Visitor::named(&stage.page, ANN);
    for _ in 0..1_000 {
        preview.get(back).await;
    }
    assert_eq!(ann.post(back, "").await.status, 404);
    for odd in [
        "/verify",
        "/verify?session_uri=",
        "/verify?session_uri=a&session_uri=b",
        "/verify?session_uri=a%20b",
        &format!("/verify?session_uri={}", "a".repeat(2_049)),
    ] {
        assert!(follows(&ann, odd).await.text.contains(NOBODY), "{odd}");
    }
    // Neither does a nonce that was made for another object, or was made up.
    let name = ann.cookies.borrow().keys().next().cloned();
    let name = name.expect("the page sets it");
    for (name, value) in [
        (
            name.replace(&name[name.len() - 4..], "0000"),
            cookie.clone(),
        ),
        (name.clone(), cookie.replace(&nonce, &"A".repeat(22))),
    ] {
        let forged = Visitor::named(&stage.page, ANN);
        forged.cookies.borrow_mut().insert(name, value);
        assert!(follows(&forged, back).await.text.contains(NOBODY));
    }
    assert_eq!(stage.requests().await.len(), 0);

    let asked = ann.get(back).await;
    assert!(
        asked.header("location").contains("/completing?r="),
        "{asked:?}"
    );
    let made = stage.handled().await;
    assert_eq!(made.spec.kind, ConnectRequestKind::CompleteAuth);
    let request = made.spec.session.as_ref().expect("it holds it");
    let of = SessionOf {
        uid: object["metadata"]["uid"].as_str().expect("a uid"),
        request: &request.request,
        browser: &browser,
        person: ANN,
    };
    let keys = &stage.page.settings.keys;
    let opened = keys.open_session(&request.sealed, of).expect("it opens");
    assert_eq!(opened.expose(), "session_1");
    for other in [
        SessionOf { uid: "other", ..of },
        SessionOf {
            request: "other",
            ..of
        },
        SessionOf {
            browser: "other",
            ..of
        },
        SessionOf {
            person: "bob@acme.com",
            ..of
        },
    ] {
        assert!(
            keys.open_session(&request.sealed, other).is_none(),
            "{other:?}"
        );
    }
    let text = serde_json::to_string(&made).expect("JSON");
    assert!(!text.contains("session_1"), "{text}");
    // The operator says what came of it.
    let refused = json!({"lastConnectRequest": {"uid": uid(&made), "kind": "CompleteAuth", "outcome": "Refused"}});
    stage.says("mail", refused).await;
    let end = follows(&ann, asked.header("location")).await;
    assert!(end.text.contains("is not connected"), "{}", end.text);
}

#[tokio::test]
async fn in_real_browsers_only_the_one_that_had_asked_finishes_a_verified_sign_in() {
    let Some(driver) = chromedriver_or_skip("verified sign-ins in a browser") else {
        return;
    };
    let house = House::new(&[]).await;
    verifies(&house).await;
    let address = house.declares("mail").await;
    let folder = &house.scene.folder;
    let ann = Browser::named(folder, &driver, "ann", true).await;
    let bob = Browser::named(folder, &driver, "bob", true).await;
    let run = async {
        ann.open(&address).await;
        ann.click("button[value=connect]").await;
        ann.shows("Your link is ready").await;
        ann.click("a.button").await;
        ann.shows("Cancel").await;
        // She sends what stands in the address bar to Bob.
        bob.open(&ann.address().await).await;
        bob.click("button[value=connect]").await;
        bob.shows(NOBODY).await;
        assert!(
            !bob.address().await.contains("session"),
            "{}",
            bob.address().await
        );
        assert_eq!(row(&house, "mail").await["status"], "INITIATED");
        assert_eq!(told(&house).await, 0);
        ann.open(&address).await;
        ann.click("button[value=start-over]").await;
        ann.shows("Your link is ready").await;
        ann.click("a.button").await;
        ann.shows("Cancel").await;
        ann.click("button[value=connect]").await;
        ann.shows("Your gmail account is connected").await;
        assert!(
            !ann.address().await.contains("session"),
            "{}",
            ann.address().await
        );
        house.scene.ready("mail", "Connected").await;
        assert_eq!(told(&house).await, 1);
    };
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    ann.quit().await;
    bob.quit().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
