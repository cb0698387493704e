//! How long an account is active that is not to be used.

use serde_json::json;

use super::anew::demanding;
use crate::support::connect_page::Visitor;
use crate::support::scene::SOON;
use crate::support::wait;

const ANN: &str = "ann@acme.com";

/// Nobody comes back: the poll tells of the grant. One poll may be under way when somebody signs in, and the next one shows it.
#[tokio::test]
async fn the_account_of_the_wrong_person_is_disabled_after_the_poll_that_shows_it_by_two_calls() {
    let house = demanding(json!({"identity": "SameAsPerson"})).await;
    house.declares("mail").await;
    let (ann, scene) = (Visitor::named(&house.page, ANN), &house.scene);
    house.is_led_on(&ann, &house.path("mail")).await;
    let object = scene.object("mail").await;
    let id = object["status"]["connectedAccountId"]
        .as_str()
        .expect("an id");
    let seq = scene.sandbox.seq().await;
    let who = json!({"display_name": "victim@acme.com"});
    scene.sandbox.by_hand(id, "consent", who).await;
    wait::until("the account is disabled", SOON, async || {
        match scene.sandbox.account(id).await["status"].as_str() {
            Some("INACTIVE") => Ok(()),
            other => Err(format!("{other:?}: {}", scene.object("mail").await)),
        }
    })
    .await;
    let asked = scene.sandbox.asked_since(seq).await;
    let is_end = |one: &&crate::support::sandbox::Asked| one.words() == "PATCH status (disable)";
    let end = asked.iter().find(is_end).expect("it was disabled").seq;
    let before: Vec<_> = asked.iter().filter(|one| one.seq < end).collect();
    let polls = before.iter().filter(|one| one.is_poll_list()).count();
    let of_it = before.iter().filter(|one| one.path.ends_with(id)).count();
    assert!(polls <= 2, "{polls}: {before:?}");
    assert!(of_it <= 2, "{of_it}: {before:?}");
}

/// Whoever comes back in another browser is waited for by nobody: no poll is needed.
#[tokio::test]
async fn the_account_of_who_comes_back_elsewhere_is_disabled_by_two_calls() {
    let house = demanding(json!({})).await;
    house.declares("mail").await;
    let (mallory, scene) = (Visitor::named(&house.page, ANN), &house.scene);
    let link = house.is_led_on(&mallory, &house.path("mail")).await;
    let victim = Visitor::named(&house.page, "victim@acme.com");
    let back = house.signs_in(&victim, &link, "connect").await;
    let seq = scene.sandbox.seq().await;
    house.comes_back(&victim, &back).await;
    scene
        .until("mail", "Stalled", "True", "FinishedElsewhere")
        .await;
    let asked = scene.sandbox.asked_since(seq).await;
    let own = asked.iter().filter(|one| !one.is_poll());
    let own: Vec<_> = own.map(|one| one.words()).collect();
    let end = own
        .iter()
        .position(|words| words == "PATCH status (disable)");
    let end = end.expect("it was disabled");
    assert!(end <= 2, "{own:?}");
}
