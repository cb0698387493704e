//! An account that a new object finds: what its person has, or has not, proved before is not known any more.

use composio_operator::plan::computed_alias;
use serde_json::{Value, json};

use super::whole::House;
use crate::support::connect_page::Visitor;

const HEADER: [&str; 2] = ["--connect-user-header", "X-Auth-Request-Email"];
const ANN: &str = "ann@acme.com";
const VICTIM: &str = "victim@acme.com";

/// A house whose project demands that, as soon as the operator knows it.
pub(super) async fn demanding(demand: Value) -> House {
    let house = House::new(&HEADER).await;
    let mut entry = json!({"toolkits": ["gmail"]});
    for (field, value) in demand.as_object().into_iter().flatten() {
        entry[field] = value.clone();
    }
    let allow = json!({"spec": {"allow": [entry]}}).to_string();
    let args = ["patch", "composioproject", "default", "--type=merge", "-p"];
    house.scene.kubectl(&[&args[..], &[&allow]].concat()).await;
    let other = json!({"user": ANN, "toolkit": "slack"});
    house.scene.declare("other", other).await;
    let words = "does not allow spec.toolkit";
    let refused = house.scene.until_synced_says("other", "NotAllowed", words);
    refused.await;
    house
}

fn gmail() -> Value {
    json!({"user": ANN, "toolkit": "gmail", "authConfig": "ac_gmail"})
}

fn retained() -> Value {
    let mut spec = gmail();
    spec["deletionPolicy"] = json!("Retain");
    spec
}

/// An account with the alias of the object of that name, to which that one has signed in; returns its id.
async fn left_behind(house: &House, name: &str, identity: &str, is_enabled: bool) -> String {
    let scene = &house.scene;
    let alias = computed_alias("", &scene.namespace, name);
    let body = json!({"auth_config_id": "ac_gmail", "user_id": ANN, "alias": alias});
    let made = scene
        .sandbox
        .api("POST", "connected_accounts/link", body)
        .await;
    let id = made["connected_account_id"].as_str().expect("an id");
    let who = json!({"display_name": identity});
    scene.sandbox.by_hand(id, "consent", who).await;
    if !is_enabled {
        let path = format!("connected_accounts/{id}/status");
        let disabled = json!({"enabled": false});
        scene.sandbox.api("PATCH", &path, disabled).await;
    }
    id.to_owned()
}

async fn state(house: &House, id: &str) -> Value {
    house.scene.sandbox.account(id).await["status"].clone()
}

/// The accounts that are there.
async fn live(house: &House) -> Vec<Value> {
    let mut accounts = house.scene.sandbox.accounts().await;
    accounts.retain(|one| one["deleted_at"].is_null());
    accounts
}

#[tokio::test]
async fn a_grant_that_is_found_where_people_must_come_back_is_not_used_before_one_has() {
    let house = demanding(json!({"signIn": "Bound"})).await;
    let scene = &house.scene;
    for (name, is_enabled) in [("mail", true), ("chat", false)] {
        let id = left_behind(&house, name, ANN, is_enabled).await;
        scene.declare(name, gmail()).await;
        scene
            .until(name, "Stalled", "True", "FinishedElsewhere")
            .await;
        assert_eq!(state(&house, &id).await, "INACTIVE");
        for enabled in [false, true] {
            let patch = json!({"spec": {"enabled": enabled}}).to_string();
            scene.patch(name, &patch).await;
            scene.polled(2).await;
            assert_eq!(state(&house, &id).await, "INACTIVE");
        }
        let (ann, path) = (Visitor::named(&house.page, ANN), house.path(name));
        let link = house.is_led_on(&ann, &path).await;
        let back = house.signs_in(&ann, &link, "connect").await;
        house.comes_back(&ann, &back).await;
        let object = scene.ready(name, "Connected").await;
        let new = &object["status"]["connectedAccountId"];
        assert_ne!(*new, json!(id), "a new account");
    }
}

#[tokio::test]
async fn a_grant_that_is_found_where_the_person_is_demanded_is_used_if_it_is_theirs() {
    let house = demanding(json!({"identity": "SameAsPerson"})).await;
    let scene = &house.scene;
    for (name, identity, is_enabled) in [("mail", VICTIM, true), ("chat", VICTIM, false)] {
        let id = left_behind(&house, name, identity, is_enabled).await;
        scene.declare(name, gmail()).await;
        scene.until(name, "Stalled", "True", "WrongIdentity").await;
        assert_eq!(state(&house, &id).await, "INACTIVE");
    }
    let seq = scene.sandbox.seq().await;
    for (name, is_enabled) in [("hers", true), ("hers-disabled", false)] {
        let id = left_behind(&house, name, ANN, is_enabled).await;
        scene.declare(name, gmail()).await;
        scene.ready(name, "Connected").await;
        assert_eq!(state(&house, &id).await, "ACTIVE");
    }
    let asked = scene.sandbox.asked_since(seq).await;
    let links = asked.iter().filter(|one| one.words() == "POST link");
    assert_eq!(links.count(), 2, "those of the test, and no click");
}

#[tokio::test]
async fn a_grant_that_is_found_where_nothing_is_demanded_is_used_without_a_click() {
    let house = demanding(json!({})).await;
    for (name, is_enabled) in [("mail", true), ("chat", false)] {
        let id = left_behind(&house, name, VICTIM, is_enabled).await;
        house.scene.declare(name, gmail()).await;
        house.scene.ready(name, "Connected").await;
        assert_eq!(state(&house, &id).await, "ACTIVE");
    }
}

/// An administrator, or a tenant, makes the object anew; returns the accounts that were left by then.
async fn made_anew(house: &House, name: &str) -> Vec<Value> {
    house.scene.delete(name).await;
    house.scene.gone(name).await;
    let left = live(house).await;
    house.declares_as(name, retained()).await;
    left
}

#[tokio::test]
async fn of_somebody_elses_sign_in_nothing_is_retained() {
    let house = demanding(json!({})).await;
    house.declares_as("mail", retained()).await;
    let (mallory, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&mallory, &path).await;
    let victim = Visitor::named(&house.page, VICTIM);
    let back = house.signs_in(&victim, &link, "connect").await;
    let told = house.comes_back(&victim, &back).await;
    assert!(told.text.contains("not your link"), "{}", told.text);
    let scene = &house.scene;
    scene
        .until("mail", "Stalled", "True", "FinishedElsewhere")
        .await;
    assert_eq!(made_anew(&house, "mail").await, [Value::Null; 0]);
}

#[tokio::test]
async fn of_the_wrong_person_nothing_is_retained() {
    let house = demanding(json!({"identity": "SameAsPerson"})).await;
    house.declares_as("mail", retained()).await;
    let (ann, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    house.is_led_on(&ann, &path).await;
    let scene = &house.scene;
    let id = live(&house).await[0]["id"].clone();
    let who = json!({"display_name": VICTIM});
    let id = id.as_str().expect("an id");
    scene.sandbox.by_hand(id, "consent", who).await;
    scene
        .until("mail", "Stalled", "True", "WrongIdentity")
        .await;
    assert_eq!(made_anew(&house, "mail").await, [Value::Null; 0]);
}

#[tokio::test]
async fn of_a_sign_in_that_nobody_has_come_back_from_nothing_is_retained() {
    let house = demanding(json!({"signIn": "Bound"})).await;
    house.declares_as("mail", retained()).await;
    let (mallory, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&mallory, &path).await;
    // The object goes while the link is out, and the link with it.
    assert_eq!(made_anew(&house, "mail").await, [Value::Null; 0]);
    let victim = Visitor::named(&house.page, VICTIM);
    assert_ne!(victim.get(&link).await.status, 200);
    // It goes between the consent and the return.
    let link = house.is_led_on(&mallory, &path).await;
    house.signs_in(&victim, &link, "connect").await;
    assert_eq!(made_anew(&house, "mail").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_good_sign_in_is_retained_and_nothing_is_asked_for_that() {
    let house = demanding(json!({"identity": "SameAsPerson"})).await;
    house.declares_as("mail", retained()).await;
    let (ann, path) = (Visitor::named(&house.page, ANN), house.path("mail"));
    let link = house.is_led_on(&ann, &path).await;
    let id = live(&house).await[0]["id"].clone();
    let id = id.as_str().expect("an id");
    let who = json!({"display_name": ANN});
    house.scene.sandbox.by_hand(id, "consent", who).await;
    drop(link);
    house.scene.ready("mail", "Connected").await;
    house.scene.delete("mail").await;
    house.scene.gone("mail").await;
    assert_eq!(state(&house, id).await, "ACTIVE");
    house.scene.declare("mail", retained()).await;
    let object = house.scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["connectedAccountId"], json!(id));
}
