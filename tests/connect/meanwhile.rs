//! Whoever may edit an object, and nothing else, does so while somebody is at the sign-in.

use futures::future::join_all;
use serde_json::{Value, json};

use super::whole::House;
use crate::support::connect_page::Visitor;
use crate::support::scene::SOON;
use crate::support::wait;

const HEADER: [&str; 2] = ["--connect-user-header", "X-Auth-Request-Email"];
const ANN: &str = "ann@acme.com";
const VICTIM: &str = "victim@acme.com";

fn annotation(name: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {(format!("composio.dev/{name}")): value}}})
}

fn spec(field: &str, value: Value) -> Value {
    json!({"spec": {(field): value}})
}

/// What leaves a sign-in as it is: by name, and as it is patched. Other connection data does not: it takes a new link.
fn harmless() -> Vec<(&'static str, Value)> {
    vec![
        ("epoch", annotation("connect-epoch", "2")),
        ("look", annotation("reconcile-requested-at", "now")),
        (
            "callback",
            spec("callbackUrl", json!("https://evil.example/")),
        ),
        (
            "description",
            spec("description", json!("Your mailbox is full.")),
        ),
    ]
}

/// Somebody of that name is led on to the sign-in for an object, which is then patched. Returns the link, and the account's id.
async fn is_led_on_before(
    house: &House,
    visitor: &Visitor,
    name: &str,
    patch: &Value,
) -> [String; 2] {
    house.declares(name).await;
    let link = house.is_led_on(visitor, &house.path(name)).await;
    let id = house.scene.object(name).await["status"]["connectedAccountId"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let patch = patch.to_string().replace("{id}", &id);
    house.scene.patch(name, &patch).await;
    [link, id]
}

async fn is_disabled(house: &House, name: &str, id: &str) {
    wait::until("the account is disabled", SOON, async || {
        match house.scene.sandbox.account(id).await["status"].as_str() {
            Some("INACTIVE") => Ok(()),
            other => Err(format!("{other:?}: {}", house.scene.object(name).await)),
        }
    })
    .await;
}

#[tokio::test]
async fn whatever_is_changed_while_somebody_else_signs_in_their_account_is_disabled() {
    let house = House::new(&HEADER).await;
    let mut changes = harmless();
    changes.extend([
        ("own", annotation("own-account", "{id}")),
        ("another", annotation("own-account", "ca_another")),
        ("abandon", annotation("abandon", "{id}")),
        (
            "move",
            annotation("move-to-project", "ComposioProject/other"),
        ),
        ("person", spec("person", json!(VICTIM))),
        ("expected", spec("expectedIdentity", json!(VICTIM))),
    ]);
    let robbed = async |(name, patch): &(&str, Value)| {
        let mallory = Visitor::named(&house.page, ANN);
        let [link, id] = is_led_on_before(&house, &mallory, name, patch).await;
        let victim = Visitor::named(&house.page, VICTIM);
        let back = house.signs_in(&victim, &link, "connect").await;
        let told = house.comes_back(&victim, &back).await;
        assert!(told.text.contains("not your link"), "{name}: {}", told.text);
        is_disabled(&house, name, &id).await;
        let object = house.scene.object(name).await;
        let finished = &object["status"]["signIn"]["finishedIn"];
        assert_eq!(finished, "Another", "{name}: {object}");
    };
    join_all(changes.iter().map(robbed)).await;
}

#[tokio::test]
async fn what_changes_nothing_of_a_sign_in_takes_nothing_from_whoever_is_at_it() {
    for args in [&HEADER[..], &[]] {
        let house = House::new(args).await;
        let changes = harmless();
        let signs_in = async |(name, patch): &(&str, Value)| {
            let mut ann = Visitor::of(&house.page);
            if args.is_empty() {
                let address = house.declares(name).await;
                ann.get(&address).await;
            } else {
                ann = Visitor::named(&house.page, ANN);
            }
            let [link, _] = is_led_on_before(&house, &ann, name, patch).await;
            let back = house.signs_in(&ann, &link, "connect").await;
            let done = house.comes_back(&ann, &back).await;
            assert!(done.text.contains("is connected"), "{name}: {}", done.text);
            let object = house.scene.ready(name, "Connected").await;
            let finished = &object["status"]["signIn"]["finishedIn"];
            assert_eq!(finished, "Same", "{name}: {object}");
        };
        join_all(changes.iter().map(signs_in)).await;
    }
}

#[tokio::test]
async fn whoever_is_not_the_person_any_more_when_they_come_back_is_somebody_else() {
    let house = House::new(&HEADER).await;
    let ann = Visitor::named(&house.page, ANN);
    let bob = spec("person", json!("bob@acme.com"));
    let [link, id] = is_led_on_before(&house, &ann, "mail", &bob).await;
    let is_his =
        |object: &Value| object["status"]["observedGeneration"] == object["metadata"]["generation"];
    house.scene.until_status("mail", "his", is_his).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    let told = house.comes_back(&ann, &back).await;
    assert!(told.text.contains("not your link"), "{}", told.text);
    is_disabled(&house, "mail", &id).await;
}
