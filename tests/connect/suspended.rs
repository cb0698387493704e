//! An object that is suspended while somebody signs in: that somebody else's account is not used comes before that.

use rstest::rstest;
use serde_json::{Value, json};

use super::anew::demanding;
use crate::support::connect_page::Visitor;
use crate::support::scene::SOON;
use crate::support::wait;

#[rstest]
#[case::where_nothing_is_demanded(json!({}))]
#[case::where_the_person_must_come_back(json!({"signIn": "Bound"}))]
#[case::where_the_person_is_demanded(json!({"identity": "SameAsPerson"}))]
#[tokio::test]
async fn the_account_of_somebody_else_is_disabled_though_the_object_is_suspended(
    #[case] demand: Value,
) {
    let house = demanding(demand).await;
    house.declares("mail").await;
    let (mallory, path) = (
        Visitor::named(&house.page, "ann@acme.com"),
        house.path("mail"),
    );
    let link = house.is_led_on(&mallory, &path).await;
    let scene = &house.scene;
    let id = scene.object("mail").await["status"]["connectedAccountId"].clone();
    let id = id.as_str().expect("an id");
    scene.patch("mail", r#"{"spec":{"suspend":true}}"#).await;
    scene.until("mail", "Synced", "True", "Suspended").await;
    let victim = Visitor::named(&house.page, "victim@acme.com");
    let back = house.signs_in(&victim, &link, "connect").await;
    let told = house.comes_back(&victim, &back).await;
    assert!(told.text.contains("not your link"), "{}", told.text);
    wait::until("the account is disabled", SOON, async || {
        match scene.sandbox.account(id).await["status"].as_str() {
            Some("INACTIVE") => Ok(()),
            other => Err(format!("{other:?}: {}", scene.object("mail").await)),
        }
    })
    .await;
    // Nothing else is done of what is suspended, and nobody enables it afterwards.
    let seq = scene.sandbox.seq().await;
    scene.polled(2).await;
    let asked = scene.sandbox.asked_since(seq).await;
    assert!(asked.iter().all(|one| one.is_look()), "{asked:?}");
    scene.patch("mail", r#"{"spec":{"suspend":false}}"#).await;
    scene
        .until("mail", "Stalled", "True", "FinishedElsewhere")
        .await;
    assert_eq!(scene.sandbox.account(id).await["status"], "INACTIVE");
}
