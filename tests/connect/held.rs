//! The session of a sign-in stands in the address that Composio leads to, and in no other.

use composio_operator::connect::keys::SessionOf;
use composio_operator::connect::page_address::browser_name;
use composio_operator::crd::ConnectRequestKind::CompleteAuth;
use kube::api::PostParams;
use serde_json::json;

use super::squatted::squat;
use super::verified::{ANN, HEADER, NOBODY, follows};
use super::{Stage, gmail};
use crate::support::connect_page::{Answer, Visitor};

const BACK: &str = "/verify?session_uri=session_secret";

/// Nothing of the answer tells the session, but for the cookie.
fn tells_nothing(answer: &Answer) {
    let told = [answer.refresh(), answer.header("location"), &answer.text];
    assert!(!told.concat().contains("session_secret"), "{answer:?}");
}

#[tokio::test]
async fn a_page_that_is_not_done_yet_leads_to_no_address_with_the_session_in_it() {
    let stage = Stage::new("held", &HEADER).await;
    let object = stage.declared("mail", gmail()).await;
    let ann = Visitor::named(&stage.page, ANN);
    let (_, nonce) = stage.opened_by(&ann, &stage.path("mail")).await;
    let browser = browser_name(&nonce);
    stage.leads_on(&object, &ann, &browser).await;

    // Her browser keeps its cookies back, and takes new ones.
    let without = Visitor::named(&stage.page, ANN);
    let page = without.get(BACK).await;
    assert!(page.header("refresh").starts_with("0;"), "{page:?}");
    tells_nothing(&page);
    let led = page.refresh().to_owned();
    let kept = without.cookies.borrow().clone();
    ann.cookies.borrow_mut().extend(kept);

    // Somebody is in the way.
    let session = json!({"session": {
        "request": "request-1", "browser": browser, "sealed": "A".repeat(64),
    }});
    let squatted = squat(&object, CompleteAuth, &session);
    let made = stage.api().create(&PostParams::default(), &squatted).await;
    made.expect("it is taken");
    for address in [&*led, BACK] {
        let waits = ann.get(address).await;
        assert!(waits.text.contains("Looking how it went"), "{waits:?}");
        assert_eq!(waits.refresh(), led);
        tells_nothing(&waits);
    }
    stage.handled().await;
    let leads = |answer: &Answer| answer.header("location").contains("/completing?r=");
    let on = stage.until(&ann, &led, "the way on", leads).await;
    tells_nothing(&on);
    let made = stage.handled().await;
    let session = made.spec.session.expect("it holds it");
    let of = SessionOf {
        uid: object["metadata"]["uid"].as_str().expect("a uid"),
        request: &session.request,
        browser: &browser,
        person: ANN,
    };
    let opened = stage.page.settings.keys.open_session(&session.sealed, of);
    assert_eq!(opened.expect("it opens").expose(), "session_secret");

    // The browser has forgotten it, and knows the way by the button back.
    let is_session = |name: &String| name.starts_with("session-");
    let left: Vec<_> = ann.cookies.borrow().clone().into_iter().collect();
    let left = left.into_iter().filter(|(name, _)| is_session(name));
    assert!(left.map(|(_, value)| value).all(|value| value.is_empty()));
    for address in [&*led, BACK] {
        let again = ann.get(address).await;
        assert_eq!(again.header("location"), on.header("location"));
    }
    // To another browser that address is nothing.
    let other = follows(&Visitor::named(&stage.page, ANN), &led).await;
    assert!(other.text.contains(NOBODY), "{}", other.text);
    assert_eq!(stage.requests().await, []);
}
