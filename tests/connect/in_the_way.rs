//! Whoever may create ConnectRequests takes the name of one before the page makes it.

use composio_operator::crd::{ConnectRequest, ConnectRequestKind, FinishedIn};
use futures::future::join;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::returning::asked;
use super::{Stage, gmail, uid};
use crate::support::connect_page::Visitor;
use crate::support::scene::SOON;
use crate::support::wait;

/// A request of the name that the page would give to its own, and for an account of another name.
async fn squat(
    stage: &Stage,
    object: &Value,
    kind: ConnectRequestKind,
    more: Value,
) -> ConnectRequest {
    let mut other = object.clone();
    other["metadata"]["name"] = json!("other");
    let request = super::squatted::squat(&other, kind, &more);
    let made = stage.api().create(&PostParams::default(), &request).await;
    made.expect("whoever may create them may do so")
}

/// Waits until the page has met it so often, and takes it away.
async fn ends(stage: &Stage, squat: &ConnectRequest, met: f64) {
    let kind = squat.spec.kind;
    let name =
        format!(r#"composio_operator_connect_requests_total{{kind="{kind}",result="pending"}}"#);
    wait::until("a request that is held up", SOON, async || {
        match stage.page.metric(&name).await {
            Some(count) if count >= met => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(uid(&stage.handled().await), uid(squat));
}

/// Waits until the page has made one of its own.
async fn own(stage: &Stage) -> ConnectRequest {
    wait::until("a request of the page", SOON, async || {
        match stage.requests().await.len() {
            1 => Ok(()),
            none => Err(none.to_string()),
        }
    })
    .await;
    stage.handled().await
}

#[tokio::test]
async fn who_asked_while_a_request_was_in_the_way_is_told_to_press_again() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let path = stage.path("mail");
    let ann = Visitor::of(&stage.page);
    ann.get(&stage.page.address(&object)).await;
    let squat = squat(&stage, &object, ConnectRequestKind::Link, json!({})).await;
    let pressed = ann.presses(&path, "connect").await;
    let waiting = pressed.header("location");
    assert!(waiting.contains("waiting?r=&s="), "{pressed:?}");
    let page = stage
        .until(&ann, waiting, "a way out", |page| {
            page.text.contains("Press the button again")
        })
        .await;
    assert!(page.refresh().is_empty(), "{page:?}");
    ends(&stage, &squat, 1.0).await;
    let form = format!("form={}&action=connect", page.form_token());
    let pressed = ann.post(&path, &form).await;
    let request = stage.handled().await;
    let waiting = format!("waiting?r={}&s=", uid(&request));
    assert!(pressed.header("location").contains(&waiting), "{pressed:?}");
}

#[tokio::test]
async fn a_press_goes_through_as_soon_as_what_was_in_its_way_is_gone() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let ann = Visitor::of(&stage.page);
    ann.get(&stage.page.address(&object)).await;
    let squat = squat(&stage, &object, ConnectRequestKind::Link, json!({})).await;
    let path = stage.path("mail");
    let press = ann.presses(&path, "connect");
    let (pressed, ()) = join(press, ends(&stage, &squat, 2.0)).await;
    let request = stage.handled().await;
    let waiting = format!("waiting?r={}&s=", uid(&request));
    assert!(pressed.header("location").contains(&waiting), "{pressed:?}");
}

#[tokio::test]
async fn that_somebody_else_has_signed_in_is_told_whatever_others_say_of_it() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (_mallory, link, callback) = asked(&stage, &object).await;
    let forged = json!({"returned": {
        "request": link, "browser": "b".repeat(43), "proof": "0".repeat(32), "finishedIn": "Same"}});
    let forged = squat(&stage, &object, ConnectRequestKind::Returned, forged).await;
    let victim = Visitor::of(&stage.page);
    victim.get(&stage.page.address(&object)).await;
    let page = victim.get(&callback).await;
    assert!(page.text.contains("Looking how it went"), "{}", page.text);
    let mut told = stage.requests().await;
    told.retain(|one| uid(one) != uid(&forged));
    assert_eq!(told.len(), 1, "nothing was in its way: {told:?}");
    let returned = told.remove(0).spec.returned.expect("it says so");
    assert_eq!(
        (returned.request, returned.finished_in),
        (link, FinishedIn::Another)
    );
    // It is not told that nothing is lost: it is the page that they must leave open.
    let came_at = jiff::Timestamp::now().as_second() - 90;
    let long = victim.get(&format!("{callback}&s={came_at}")).await;
    assert!(long.text.contains("Leave this page open"), "{}", long.text);
}

#[tokio::test]
async fn the_session_of_a_sign_in_is_kept_until_what_is_in_its_way_is_gone() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, link, _) = asked(&stage, &object).await;
    let session = json!({"session": {
        "request": link, "browser": "b".repeat(43), "sealed": "A"}});
    let squat = squat(&stage, &object, ConnectRequestKind::CompleteAuth, session).await;
    let back = "/verify?session_uri=session_1";
    let page = ann.get(back).await;
    let again = page.refresh().to_owned();
    let is_named = again.starts_with("/verify?s=") && !again.contains("session_1");
    assert!(is_named, "{page:?}");
    ends(&stage, &squat, 1.0).await;
    let page = ann.get(&again).await;
    let made = own(&stage).await;
    let completing = format!("/completing?r={}&", uid(&made));
    assert!(page.header("location").contains(&completing), "{page:?}");
    // Whoever opens it twice waits for the one that was made.
    let second = ann.get(back).await;
    assert!(
        second.header("location").contains("/completing?r="),
        "{second:?}"
    );
}
