//! An object that is given another name while its person is at the sign-in: there is no renaming, the one goes and another one
//! comes.

use serde_json::{Value, json};

use super::whole::House;
use crate::support::connect_page::Visitor;

/// The address that the sign-in through the link that is out comes back to.
async fn callback(house: &House, name: &str) -> String {
    let object = house.scene.object(name).await;
    let asked = &object["status"]["link"]["requestedBy"];
    let text = |field: &str| asked[field].as_str().expect("the page has asked");
    let address = house.page.callback(&object, text("uid"), text("browser"));
    address.replacen(&house.page.url, "", 1)
}

/// The accounts that are there.
async fn live(house: &House) -> Vec<Value> {
    let mut accounts = house.scene.sandbox.accounts().await;
    accounts.retain(|one| one["deleted_at"].is_null());
    accounts
}

/// The object `mail` is called `post` from now on; returns the address of its page.
async fn is_renamed(house: &House) -> String {
    house.scene.delete("mail").await;
    let address = house.declares("post").await;
    house.scene.gone("mail").await;
    address
}

/// Nothing is there for whoever comes back, by the former name or by the new one, and nothing is asked for.
async fn leads_nowhere(house: &House, visitor: &Visitor, back: &str) {
    for back in [back, &back.replacen("/mail?", "/post?", 1)] {
        for back in [back.to_owned(), format!("{back}&again=1")] {
            let page = visitor.get(&back).await;
            assert_eq!((page.status, page.refresh()), (404, ""), "{back}");
        }
    }
    assert_eq!(house.requests().await, 0);
    let object = house.scene.object("post").await;
    assert_eq!(object["status"]["signIn"], Value::Null, "{object}");
    assert_eq!(live(house).await, [Value::Null; 0]);
}

/// Who was asked under the former name is asked under the new one.
async fn connects(house: &House, ann: &Visitor, address: &str) {
    assert_eq!(ann.get(address).await.status, 303);
    let link = house.is_led_on(ann, &house.path("post")).await;
    let back = house.signs_in(ann, &link, "connect").await;
    let done = house.comes_back(ann, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
    let object = house.scene.ready("post", "Connected").await;
    let accounts = live(house).await;
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    assert_eq!(accounts[0]["id"], object["status"]["connectedAccountId"]);
    assert_eq!(accounts[0]["status"], json!("ACTIVE"));
}

#[tokio::test]
async fn a_link_ends_with_the_name_that_it_was_made_for() {
    let house = House::new(&[]).await;
    let (address, ann) = (house.declares("mail").await, Visitor::of(&house.page));
    ann.get(&address).await;
    let link = house.is_led_on(&ann, &house.path("mail")).await;
    let back = callback(&house, "mail").await;
    let renamed = is_renamed(&house).await;
    assert_ne!(ann.get(&link).await.status, 200, "nobody signs in by it");
    assert_eq!(ann.get(&address).await.status, 404);
    leads_nowhere(&house, &ann, &back).await;
    connects(&house, &ann, &renamed).await;
}

#[tokio::test]
async fn who_has_signed_in_before_the_name_is_another_one_is_asked_again() {
    let house = House::new(&[]).await;
    let (address, ann) = (house.declares("mail").await, Visitor::of(&house.page));
    ann.get(&address).await;
    let link = house.is_led_on(&ann, &house.path("mail")).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    let back = back.replacen(&house.page.url, "", 1);
    let renamed = is_renamed(&house).await;
    leads_nowhere(&house, &ann, &back).await;
    connects(&house, &ann, &renamed).await;
}
