//! A person asks for a link, waits for it and goes on to the sign-in.

use composio_operator::crd::ConnectRequestKind;
use futures::future::join;
use serde_json::json;

use super::{LINK, Stage, active, condition, gmail, uid};
use crate::support::connect_page::{Answer, Visitor};

#[tokio::test]
async fn a_person_asks_for_a_link_and_goes_on_to_the_sign_in() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let path = stage.path("mail");
    let ann = Visitor::of(&stage.page);

    let address = stage.page.address(&object);
    let first = ann.get(&address).await;
    assert_eq!((first.status, first.header("location")), (303, &*path));
    let ask = ann.get(&path).await;
    assert_eq!(ask.status, 200);
    for shown in [
        &stage.scene.namespace,
        "gmail",
        "Reads the invoices",
        "ann@acme.com",
        "Acme Connect",
        "mailto:help@acme.com",
    ] {
        assert!(ask.text.contains(shown), "{shown}: {}", ask.text);
    }
    assert_eq!(
        stage.page.written(&stage.scene),
        [],
        "to look writes nothing"
    );

    let asked = ann.presses(&path, "connect").await;
    assert_eq!(asked.status, 303);
    let waiting = asked.header("location").to_owned();
    let request = stage.handled().await;
    assert!(
        waiting.starts_with(&format!("{path}/waiting?r={}&s=", uid(&request))),
        "{waiting}"
    );
    assert_eq!(request.spec.kind, ConnectRequestKind::Link);
    assert_eq!(request.spec.account_name, "mail");
    assert_eq!(request.spec.requested_by, None, "nobody says who comes");
    let owner = &request
        .metadata
        .owner_references
        .as_deref()
        .unwrap_or_default()[0];
    assert_eq!((&*owner.name, owner.block_owner_deletion), ("mail", None));

    let page = ann.get(&waiting).await;
    assert_eq!(
        page.status, 200,
        "a page of its own, or the form could not lead on"
    );
    assert!(
        page.text.contains("Making your link") && page.refresh().starts_with(&waiting),
        "{page:?}"
    );
    let browser = request.spec.browser.as_deref().expect("the page names it");
    stage.links(&object, &uid(&request), browser).await;
    let ready = stage
        .until(&ann, &waiting, "the link", |page| {
            page.text.contains("Your link is ready")
        })
        .await;
    let open = format!("{path}/open");
    assert!(ready.text.contains(&open), "{}", ready.text);
    assert_eq!(
        ready.refresh(),
        "",
        "who reads slowly, or has it read out, has the time"
    );
    assert!(
        ready.text.contains("connect.composio.dev") && !ready.text.contains("lk_secret"),
        "the host, and no more"
    );
    let open = ann.get(&open).await;
    assert_eq!((open.status, open.header("location")), (303, LINK));

    let again = ann.presses(&path, "connect").await;
    assert_eq!(again.status, 303);
    assert_eq!(
        stage.requests().await,
        [],
        "the link of this browser is used again"
    );

    let log = stage.page.child.read_log();
    assert!(log.contains("a ConnectRequest was made"), "{log}");
    let token = address.split_once("?t=").expect("a token").1;
    for secret in [token, "lk_secret", browser] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn a_link_is_for_the_browser_that_asked_and_another_one_starts_over() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let path = stage.path("mail");
    let (ann, other) = (Visitor::of(&stage.page), Visitor::of(&stage.page));
    for visitor in [&ann, &other] {
        visitor.get(&stage.page.address(&object)).await;
    }
    ann.presses(&path, "connect").await;
    let request = stage.handled().await;
    let browser = request.spec.browser.clone().expect("the page names it");
    stage.links(&object, &uid(&request), &browser).await;
    stage
        .until(&ann, &format!("{path}/open"), "the link", |page| {
            page.header("location") == LINK
        })
        .await;
    // Neither by the address that the first one had, nor by its own.
    let waiting = format!("{path}/waiting?r={}&s=0", uid(&request));
    let page = other.get(&waiting).await;
    assert!(
        page.text.contains("another browser") && page.text.contains("start-over"),
        "{}",
        page.text
    );
    let open = other.get(&format!("{path}/open")).await;
    assert_eq!((open.status, open.header("location")), (303, &*path));
    let pressed = other.presses(&path, "start-over").await;
    let request = stage.handled().await;
    assert_eq!(request.spec.kind, ConnectRequestKind::StartOver);
    drop(pressed);
    let pressed = other.presses(&path, "connect").await;
    let request = stage.handled().await;
    assert_eq!(request.spec.kind, ConnectRequestKind::Link);
    assert_ne!(request.spec.browser, Some(browser));
    // That one is not taken away at once, and whoever waits is told so.
    let waiting = pressed.header("location");
    let page = other.get(waiting).await;
    assert!(
        page.text.contains("Another browser has a link"),
        "{}",
        page.text
    );
    assert!(!page.refresh().is_empty(), "{page:?}");
}

#[tokio::test]
async fn who_waits_is_told_what_came_of_it() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let path = stage.path("mail");
    let ann = Visitor::of(&stage.page);
    ann.get(&stage.page.address(&object)).await;
    let asked = ann.presses(&path, "connect").await;
    let waiting = asked.header("location").to_owned();
    let request = stage.requests().await.remove(0);

    // Somebody presses again, in another tab, while nobody answers.
    let again = ann.presses(&path, "connect").await;
    assert!(
        again
            .header("location")
            .contains(&format!("waiting?r={}&s=", uid(&request))),
        "the same is asked for: {again:?}"
    );
    assert_eq!(stage.requests().await.len(), 1);

    let long_ago = format!("{path}/waiting?r={}&s=1", uid(&request));
    let over = ann.get(&long_ago).await;
    assert!(over.text.contains("Nobody has answered"), "{}", over.text);

    stage.handled().await;
    let refused = json!({
        "lastConnectRequest": {"uid": uid(&request), "kind": "Link", "outcome": "Refused"},
        "conditions": [condition("False", "NotAllowed")],
    });
    stage.says("mail", refused).await;
    let page = stage
        .until(&ann, &waiting, "the refusal", |page| {
            page.text.contains("There is no link for you")
        })
        .await;
    assert!(
        page.text.contains("does not allow this account") && page.refresh().is_empty(),
        "{}",
        page.text
    );

    stage.says("mail", active("r", "Same")).await;
    let page = stage
        .until(&ann, &waiting, "the account", |page| {
            page.text.contains("connected already")
        })
        .await;
    assert!(page.text.contains("ann@acme.com"));
    let pressed = ann.post(&path, "form=x&action=connect").await;
    assert_eq!(pressed.status, 403);
    assert_eq!(stage.requests().await, [], "a grant is not touched");
}

/// Who comes back from a sign-in that was cancelled is faster than the operator deletes what it has answered.
#[tokio::test]
async fn an_answered_request_that_is_still_there_is_not_taken_for_the_next_one() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let path = stage.path("mail");
    let ann = Visitor::of(&stage.page);
    ann.get(&stage.page.address(&object)).await;
    ann.presses(&path, "connect").await;
    let first = stage.requests().await.remove(0);
    let form = ann.get(&path).await.form_token();
    let form = format!("form={form}&action=connect");
    let press = ann.post(&path, &form);
    let answer = async {
        stage.held_up().await;
        stage.handled().await
    };
    let (pressed, _) = join(press, answer).await;
    let second = stage.requests().await;
    assert_eq!(second.len(), 1, "{pressed:?}");
    let second = uid(&second[0]);
    assert_ne!(second, uid(&first));
    let waiting = pressed.header("location");
    assert!(waiting.contains(&format!("r={second}&")), "{waiting}");
}

#[tokio::test]
async fn a_page_dies_with_its_object_and_with_its_epoch() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (path, address) = (stage.path("mail"), stage.page.address(&object));
    let ann = Visitor::of(&stage.page);
    ann.get(&address).await;
    assert_eq!(ann.get(&path).await.status, 200);

    let raised = r#"{"metadata": {"annotations": {"composio.dev/connect-epoch": "2"}}}"#;
    stage.scene.patch("mail", raised).await;
    stage
        .until(&ann, &path, "the new epoch", |page| page.status == 404)
        .await;
    assert_eq!(ann.get(&address).await.status, 404);
    let raised = stage.page.address(&stage.scene.object("mail").await);
    assert_eq!(ann.get(&raised).await.status, 303);

    stage
        .scene
        .kubectl(&["delete", "connectedaccount", "mail"])
        .await;
    stage
        .until(&ann, &path, "the end of the object", |page| {
            page.status == 404
        })
        .await;
    stage.declared("mail", gmail()).await;
    assert_eq!(
        ann.get(&raised).await.status,
        404,
        "another object of the name"
    );
    assert_eq!(ann.get(&path).await.status, 404);
}

#[tokio::test]
async fn who_waits_for_an_object_that_is_made_anew_is_led_to_nothing_and_asks_for_nothing() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, path) = (Visitor::of(&stage.page), stage.path("mail"));
    ann.get(&stage.page.address(&object)).await;
    let asked = ann.presses(&path, "connect").await;
    stage.handled().await;
    let waits = format!("{}&again=1", asked.header("location"));
    let ends = stage.scene.kubectl(&["delete", "cacc", "mail"]);
    // Held back meanwhile, or not: in the end there is nothing.
    let (page, _) = join(ann.get(&waits), ends).await;
    assert!([200, 404].contains(&page.status), "{page:?}");
    stage.declared("mail", gmail()).await;
    let page = stage
        .until(&ann, &waits, "the end", |page| page.status == 404)
        .await;
    assert_eq!(page.refresh(), "");
    for gone in [format!("{path}/open"), path.clone()] {
        assert_eq!(ann.get(&gone).await.status, 404, "{gone}");
    }
    assert_eq!(stage.requests().await, []);
}

#[tokio::test]
async fn who_waits_for_an_object_that_is_disabled_meanwhile_is_told_so() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, path) = (Visitor::of(&stage.page), stage.path("mail"));
    ann.get(&stage.page.address(&object)).await;
    let asked = ann.presses(&path, "connect").await;
    let request = uid(&stage.handled().await);
    let waits = format!("{}&again=1", asked.header("location"));
    let refused = json!({
        "lastConnectRequest": {"uid": request, "kind": "Link", "outcome": "Refused"},
        "conditions": [condition("False", "Disabled")],
    });
    stage
        .scene
        .patch("mail", r#"{"spec":{"enabled":false}}"#)
        .await;
    let (_, ()) = join(ann.get(&waits), stage.says("mail", refused)).await;
    let page = stage
        .until(&ann, &waits, "why there is no link", |page| {
            page.text.contains("has paused this account")
        })
        .await;
    assert_eq!(page.refresh(), "");
}

#[tokio::test]
async fn what_a_person_has_read_is_what_they_agree_to() {
    let stage = Stage::new("connect", &[]).await;
    let mut spec = gmail();
    spec["connectionData"] = json!({"subdomain": "acme"});
    let object = stage.declared("mail", spec).await;
    let (ann, path) = (Visitor::of(&stage.page), stage.path("mail"));
    ann.get(&stage.page.address(&object)).await;
    let read = ann.get(&path).await;
    assert!(read.text.contains("acme"), "{}", read.text);
    let form = format!("form={}&action=connect", read.form_token());
    let evil = r#"{"spec":{"connectionData":{"subdomain":"evil"}}}"#;
    stage.scene.patch("mail", evil).await;
    let shows = |page: &Answer| page.text.contains("evil");
    stage.until(&ann, &path, "the other server", shows).await;
    assert_eq!(ann.post(&path, &form).await.status, 403);
    assert_eq!(stage.requests().await, []);
    // Before they go on they read it once more.
    ann.presses(&path, "connect").await;
    let request = stage.handled().await;
    let browser = request.spec.browser.clone().expect("the page names it");
    stage.links(&object, &uid(&request), &browser).await;
    let waiting = format!("{path}/waiting?r={}&s=0", uid(&request));
    let is_ready = |page: &Answer| page.text.contains("Your link is ready");
    let ready = stage.until(&ann, &waiting, "the link", is_ready).await;
    assert!(ready.text.contains("evil"), "{}", ready.text);
}
