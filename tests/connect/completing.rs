//! A person is back from a verified sign-in, and waits for Composio to have been told.

use composio_operator::crd::ConnectRequestKind;
use serde_json::json;

use super::returning::asked;
use super::{Stage, active, gmail, uid};
use crate::support::connect_page::Visitor;

#[tokio::test]
async fn only_the_browser_that_had_asked_is_told_what_came_of_a_verified_sign_in() {
    let stage = Stage::new("connect", &[]).await;
    let mut spec = gmail();
    spec["callbackUrl"] = json!("https://app.acme.com/done");
    let object = stage.declared("mail", spec).await;
    let (mallory, link, _) = asked(&stage, &object).await;
    let asked = mallory.get("/verify?session_uri=session_1").await;
    let completing = asked.header("location").to_owned();
    assert!(completing.contains("/completing?r="), "{asked:?}");
    let made = stage.handled().await;
    assert_eq!(made.spec.kind, ConnectRequestKind::CompleteAuth);
    let victim = Visitor::of(&stage.page);
    victim.get(&stage.page.address(&object)).await;

    let mut status = active(&link, "Same");
    status["signIn"]["callbackHost"] = json!("app.acme.com");
    status["lastConnectRequest"] =
        json!({"uid": uid(&made), "kind": "CompleteAuth", "outcome": "Completed"});
    stage.says("mail", status).await;
    let done = stage
        .until(&mallory, &completing, "the outcome", |page| {
            page.text.contains("You signed in as")
        })
        .await;
    assert!(done.text.contains("Go on to app.acme.com"), "{}", done.text);
    // Whoever is sent her address, or one that was made up, has signed in to nothing.
    let path = stage.path("mail");
    for address in [
        completing.clone(),
        completing.replace("&p=", "&p=A"),
        format!("{path}/completing?r={}&s=1", uid(&made)),
        format!("{path}/completing?r={}&l={link}&s=1", uid(&made)),
        format!("{path}/completing"),
    ] {
        let page = victim.get(&address).await;
        let led = (page.status, page.header("location"), page.refresh());
        assert_eq!(led, (303, &*path, ""), "{address}");
    }
    // Neither is she, once the account comes of another link.
    stage.says("mail", active("another-link", "Same")).await;
    let over = stage
        .until(&mallory, &completing, "the other link", |page| {
            page.text.contains("nothing more to do")
        })
        .await;
    assert!(!over.text.contains("app.acme.com"), "{}", over.text);
}
