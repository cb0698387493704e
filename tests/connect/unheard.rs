//! What the page says while the operator has not understood what it was told, or has not been able to do anything.

use composio_operator::crd::FinishedIn;
use serde_json::{Value, json};

use super::returning::asked;
use super::{Stage, active, condition, gmail};
use crate::support::connect_page::{Answer, Visitor};

/// A status of an object that cannot be looked at for that reason.
fn hindered(reason: &str) -> Value {
    let mut synced = condition("False", reason);
    synced["type"] = json!("Synced");
    json!({"conditions": [condition("False", "AwaitingUser"), synced]})
}

#[tokio::test]
async fn nobody_is_told_that_a_sign_in_is_over_that_has_brought_a_grant_and_was_not_heard() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, request, callback) = asked(&stage, &object).await;
    let mut status = active(&request, "Same");
    status["signIn"]["finishedIn"] = Value::Null;
    status["connectPage"] = Value::Null;
    stage.says("mail", status).await;
    let is_known = |page: &Answer| page.text.contains("connected already");
    stage
        .until(&ann, &stage.path("mail"), "the grant", is_known)
        .await;
    let victim = Visitor::of(&stage.page);
    let now = jiff::Timestamp::now().as_second();
    for (visitor, came_in, waits, ends) in [
        (
            &ann,
            FinishedIn::Same,
            "takes longer than usual",
            "is not confirmed",
        ),
        (
            &victim,
            FinishedIn::Another,
            "Leave this page open",
            "not your link",
        ),
    ] {
        // What was told before was deleted, and nothing has come of it.
        let again = format!("{callback}&s={}&m=1&again=1", now - 90);
        let page = visitor.get(&again).await;
        assert!(page.text.contains(waits), "{}", page.text);
        assert!(!page.refresh().is_empty(), "it goes on: {page:?}");
        let told = stage
            .handled()
            .await
            .spec
            .returned
            .expect("it is told again");
        assert_eq!(told.finished_in, came_in);
        let page = visitor
            .get(&format!("{callback}&s={}&again=1", now - 700))
            .await;
        assert!(page.text.contains(ends), "{}", page.text);
    }
}

#[tokio::test]
async fn who_waits_while_composio_cannot_be_used_is_told_so() {
    let stage = Stage::new("connect", &[]).await;
    let (_, ann, waiting) = stage.asked().await;
    let page = ann.get(&waiting).await;
    assert!(page.text.contains("Making your link"), "{}", page.text);
    stage.says("mail", hindered("ProjectNotFound")).await;
    let is_told = |page: &Answer| page.text.contains("Composio cannot be used now");
    let page = stage
        .until(&ann, &waiting, "why there is none", is_told)
        .await;
    assert!(page.text.contains("(ProjectNotFound)"), "{}", page.text);
    assert!(
        !page.refresh().is_empty(),
        "it shows the link once there is one"
    );
}
