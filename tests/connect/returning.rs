//! A person comes back from the sign-in.

use composio_operator::connect::page_address::browser_name;
use composio_operator::crd::{ConnectRequestKind, FinishedIn};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::{Stage, active, condition, gmail, uid};
use crate::support::connect_page::{Answer, Visitor};
use crate::support::scene::SOON;
use crate::support::wait;

/// The browser that asked, and the address that its sign-in comes back to.
pub(super) async fn asked(stage: &Stage, object: &Value) -> (Visitor, String, String) {
    let ann = Visitor::of(&stage.page);
    ann.get(&stage.page.address(object)).await;
    let (request, callback) = is_led_on(stage, object, &ann).await;
    (ann, request, callback)
}

/// A browser that is let in asks, and may go on to the link. The request of it, and the address that its sign-in comes back
/// to.
pub(super) async fn is_led_on(
    stage: &Stage,
    object: &Value,
    visitor: &Visitor,
) -> (String, String) {
    let name = object["metadata"]["name"].as_str().expect("a name");
    let path = stage.path(name);
    visitor.presses(&path, "connect").await;
    let request = stage.handled().await;
    let browser = request.spec.browser.clone().expect("the page names it");
    stage.links(object, &uid(&request), &browser).await;
    let open = format!("{path}/open");
    stage
        .until(visitor, &open, "the link", |page| {
            page.header("location").contains("composio.dev")
        })
        .await;
    let callback = stage.page.callback(object, &uid(&request), &browser);
    (uid(&request), callback)
}

#[tokio::test]
async fn who_comes_back_in_the_browser_that_asked_is_done() {
    let stage = Stage::new("connect", &[]).await;
    let mut spec = gmail();
    spec["callbackUrl"] = json!("https://app.acme.com/done?tab=2&status=forged");
    let object = stage.declared("mail", spec).await;
    let (ann, request, callback) = asked(&stage, &object).await;

    let back = format!("{callback}&status=success&connected_account_id=ca_mallory");
    let page = ann.get(&back).await;
    assert!(page.text.contains("Looking how it went"), "{}", page.text);
    assert!(!page.text.contains("mallory") && !page.refresh().contains("mallory"));
    let made = stage.handled().await;
    assert_eq!(made.spec.kind, ConnectRequestKind::Returned);
    let returned = made.spec.returned.as_ref().expect("it says so");
    assert_eq!(
        (&*returned.request, returned.finished_in),
        (&*request, FinishedIn::Same)
    );

    stage.says("mail", active(&request, "Same")).await;
    let again = page.refresh().to_owned();
    let done = stage
        .until(&ann, &again, "the outcome", |page| {
            page.text.contains("is connected")
        })
        .await;
    assert!(
        done.text.contains("You signed in as ann@acme.com"),
        "{}",
        done.text
    );
    let onward = "https://app.acme.com/done?tab=2&amp;status=success&amp;connected_account_id=ca_1";
    assert!(
        done.text.contains(onward) && done.text.contains("Go on to app.acme.com"),
        "{}",
        done.text
    );
    assert_eq!(
        (done.refresh(), done.header("location")),
        ("", ""),
        "nobody is taken there unasked"
    );
    ann.get(&back).await;
    assert_eq!(stage.requests().await, [], "it is known already");
    // Whoever has the address, and not the cookie, is told nothing.
    let other = Visitor::of(&stage.page);
    let other = other.get(&format!("{callback}&again=1")).await;
    assert!(
        other.text.contains("nothing more to do") && !other.text.contains("ann@acme.com"),
        "{}",
        other.text
    );
}

#[tokio::test]
async fn who_comes_back_in_another_browser_is_told_whose_agents_have_the_account() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (mallory, request, callback) = asked(&stage, &object).await;
    let victim = Visitor::of(&stage.page);
    // Who was sent the page too has a cookie, of another browser.
    victim.get(&stage.page.address(&object)).await;
    victim.get(&callback).await;
    let made = stage.handled().await;
    let returned = made.spec.returned.expect("it says so");
    assert_eq!(
        (returned.request, returned.finished_in),
        (request.clone(), FinishedIn::Another)
    );

    let mut elsewhere = active(&request, "Another");
    elsewhere["state"] = json!("INACTIVE");
    elsewhere["conditions"] = json!([condition("False", "FinishedElsewhere")]);
    stage.says("mail", elsewhere).await;
    for visitor in [&victim, &mallory] {
        let page = stage
            .until(visitor, &callback, "the outcome", |page| {
                page.text.contains("not your link")
            })
            .await;
        assert!(
            page.text.contains(&stage.scene.namespace) && page.text.contains("remove"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("ann@acme.com"), "{}", page.text);
    }
    assert_eq!(stage.requests().await, []);
    let page = mallory.get(&stage.path("mail")).await;
    assert!(page.text.contains("another browser"), "{}", page.text);
}

#[tokio::test]
async fn a_sign_in_that_was_cancelled_or_was_of_another_account_can_be_tried_again() {
    let stage = Stage::new("connect", &[]).await;
    let mut spec = gmail();
    spec["expectedIdentity"] = json!("ann@acme.com");
    let object = stage.declared("mail", spec).await;
    let (ann, request, callback) = asked(&stage, &object).await;
    let mut failed = active(&request, "Same");
    failed["state"] = json!("FAILED");
    failed["conditions"] = json!([condition("False", "SignInDeclined")]);
    stage.says("mail", failed).await;
    let page = stage
        .until(&ann, &callback, "the outcome", |page| {
            page.text.contains("is not connected")
        })
        .await;
    assert!(
        page.text.contains(&stage.path("mail")),
        "a way back: {}",
        page.text
    );

    let mut wrong = active(&request, "Same");
    wrong["state"] = json!("INACTIVE");
    wrong["identity"] = json!("bob@acme.com");
    wrong["conditions"] = json!([condition("False", "WrongIdentity")]);
    stage.says("mail", wrong).await;
    let page = stage
        .until(&ann, &callback, "the outcome", |page| {
            page.text.contains("another account")
        })
        .await;
    for who in ["bob@acme.com", "ann@acme.com"] {
        assert!(page.text.contains(who), "{who}: {}", page.text);
    }
    assert!(page.text.contains("no agent uses it"), "{}", page.text);

    // What the operator is about to do is not done yet, and nobody is accused of what is not known.
    let mut found = active(&request, "Same");
    for (state, identity, reason, words) in [
        (
            "ACTIVE",
            json!("bob@acme.com"),
            "WrongIdentity",
            "is being switched off",
        ),
        (
            "INACTIVE",
            Value::Null,
            "WrongIdentity",
            "Nobody can tell whose account",
        ),
        (
            "INACTIVE",
            json!("ann@acme.com"),
            "Disabled",
            "connected, and switched off",
        ),
    ] {
        found["state"] = json!(state);
        found["identity"] = identity;
        found["conditions"] = json!([condition("False", reason)]);
        stage.says("mail", found.clone()).await;
        let is_so = |page: &Answer| page.text.contains(words);
        stage.until(&ann, &callback, words, is_so).await;
    }
}

#[tokio::test]
async fn without_a_proof_that_fits_nothing_is_written_and_nothing_told() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let other = stage.declared("other", gmail()).await;
    let (ann, request, callback) = asked(&stage, &object).await;
    let browser = browser_name("nobody");
    let not_found = ann.get("/connected/nobody/here").await;
    assert_eq!(not_found.status, 404);
    let (path, query) = callback.split_once('?').expect("a query");
    let elsewhere = stage.page.callback(&other, &request, &browser);
    let (_, of_other) = elsewhere.split_once('?').expect("a query");
    let forged = [
        String::new(),
        query[..query.len() - 1].to_owned(),
        format!("{query}&p=AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{query}&r={request}"),
        query.replace(&request, "another-request"),
        of_other.to_owned(),
        "status=success&connected_account_id=ca_mallory".to_owned(),
    ];
    for query in forged {
        let page = ann.get(&format!("{path}?{query}")).await;
        assert_eq!((page.status, &page.text), (404, &not_found.text), "{query}");
    }
    // A proof that fits, of a link that is not on record any more.
    let stale = stage.page.callback(&object, "an-older-request", &browser);
    let page = ann.get(&stale).await;
    assert!(page.text.contains("nothing more to do"), "{}", page.text);
    for n in 0..200 {
        let page = ann
            .get(&format!(
                "{path}?r={n}&b={browser}&p=AAAAAAAAAAAAAAAAAAAAAA"
            ))
            .await;
        assert_eq!(page.status, 404);
    }
    assert_eq!(stage.requests().await, []);
    let written = stage.page.written(&stage.scene);
    assert_eq!(
        written.len(),
        1,
        "the one that asked for the link: {written:?}"
    );
}

#[tokio::test]
async fn a_flood_of_returns_asks_once_a_second() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, _, callback) = asked(&stage, &object).await;
    let start = std::time::Instant::now();
    let returns = stream::iter(0..10_000).map(async |_| {
        assert_eq!(ann.get(&callback).await.status, 200);
    });
    returns.buffer_unordered(8).collect::<()>().await;
    let most = start.elapsed().as_secs() + 1;
    let written = stage.page.written(&stage.scene).len() - 1;
    assert!(
        (1..=most as usize).contains(&written),
        "{written} in {most} s"
    );
}

#[tokio::test]
async fn a_browser_that_keeps_its_cookies_back_once_is_not_taken_for_another() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, _, callback) = asked(&stage, &object).await;
    // As some do where another site leads back.
    let without = Visitor::of(&stage.page);
    let page = without.get(&callback).await;
    assert!(page.header("refresh").starts_with("0;"), "{page:?}");
    assert_eq!(stage.requests().await, [], "nothing is said of it yet");
    ann.get(page.refresh()).await;
    let returned = stage.handled().await.spec.returned.expect("it says so");
    assert_eq!(returned.finished_in, FinishedIn::Same);
    // Who has none there either is another.
    let page = stage.page.written(&stage.scene).len();
    wait::until("the next second", SOON, async || {
        without.get(&format!("{callback}&again=1")).await;
        match stage.page.written(&stage.scene).len() > page {
            true => Ok(()),
            false => Err("not yet".to_owned()),
        }
    })
    .await;
    let returned = stage.handled().await.spec.returned.expect("it says so");
    assert_eq!(returned.finished_in, FinishedIn::Another);
}

#[tokio::test]
async fn a_person_is_taken_on_without_a_click_only_to_the_host_that_the_platform_has_named() {
    let stage = Stage::new("connect", &[]).await;
    let onward = "https://app.acme.com:8443/done?tab=2&status=success&connected_account_id=ca_1";
    for (name, vouched, is_taken) in [
        ("vouched", json!("app.acme.com:8443"), true),
        ("unsaid", Value::Null, false),
        ("another", json!("app.acme.com"), false),
        ("below", json!("acme.com"), false),
        ("longer", json!("app.acme.com:8443.evil.example"), false),
    ] {
        let mut spec = gmail();
        spec["callbackUrl"] = json!("https://app.acme.com:8443/done?tab=2");
        let object = stage.declared(name, spec).await;
        let (ann, request, callback) = asked(&stage, &object).await;
        let mut status = active(&request, "Same");
        status["signIn"]["callbackHost"] = vouched;
        stage.says(name, status.clone()).await;
        let back = format!("{callback}&status=success&connected_account_id=ca_mallory");
        let done = stage
            .until(&ann, &back, "the outcome", |page| {
                page.text.contains("is connected")
            })
            .await;
        // Who has signed in stands there, and whoever reads it takes their time.
        assert_eq!(
            (done.refresh(), done.header("location")),
            ("", ""),
            "{name}"
        );
        assert!(
            done.text.contains("You signed in as ann@acme.com"),
            "{name}"
        );
        assert!(done.text.contains("Go on to app.acme.com:8443"), "{name}");
        // Where nobody knows who it was there is nothing to read, but for an unknown host.
        status["identity"] = Value::Null;
        stage.says(name, status).await;
        let done = stage
            .until(&ann, &back, "nobody's name", |page| {
                !page.text.contains("ann@acme.com")
            })
            .await;
        let expected = if is_taken { (303, onward) } else { (200, "") };
        assert_eq!((done.status, done.header("location")), expected, "{name}");
        assert_eq!(done.refresh(), "", "{name}");
        // Whoever has the address, and not the browser, is taken nowhere.
        let other = Visitor::of(&stage.page);
        let other = other.get(&format!("{callback}&again=1")).await;
        let led = (other.refresh(), other.header("location"));
        assert_eq!(led, ("", ""), "{name}");
        // It may have been asked before the outcome was known.
        for _ in stage.requests().await {
            stage.handled().await;
        }
    }
}

#[tokio::test]
async fn a_name_in_the_status_is_shown_on_one_line_and_turns_no_text_around() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, request, callback) = asked(&stage, &object).await;
    let mut status = active(&request, "Same");
    status["identity"] = json!("a\u{202e}moc.live\u{202c}\n\u{200b}call +1 555 0100");
    stage.says("mail", status.clone()).await;
    let path = stage.path("mail");
    let is_plain = |page: &str| !page.contains(['\u{202e}', '\u{202c}', '\u{200b}']);
    for (address, title) in [(&path, "connected already"), (&callback, "is connected")] {
        let page = stage
            .until(&ann, address, title, |page| page.text.contains(title))
            .await;
        assert!(is_plain(&page.text), "{}", page.text);
    }
    status["state"] = json!("INACTIVE");
    status["conditions"] = json!([condition("False", "WrongIdentity")]);
    stage.says("mail", status).await;
    let page = stage
        .until(&ann, &callback, "another account", |page| {
            page.text.contains("That was another account")
        })
        .await;
    assert!(is_plain(&page.text), "{}", page.text);
}
