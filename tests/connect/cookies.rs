//! A browser that was let in, and is known when it comes back.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::whole::House;
use crate::support::connect_page::Visitor;

/// Whoever opens a mailed address in its last minute has the time that a sign-in takes.
#[tokio::test]
async fn who_signs_in_while_the_token_of_the_address_ends_is_known_when_they_come_back() {
    let house = House::new(&[]).await;
    house.declares("mail").await;
    let object = house.scene.object("mail").await;
    let uid = object["metadata"]["uid"].as_str().expect("a uid");
    // The last second of the seven days.
    let end = Timestamp::now() + SignedDuration::from_secs(2);
    let token = house.page.settings.keys.token(uid, "", end);
    let (ann, path) = (Visitor::of(&house.page), house.path("mail"));
    let opened = ann.get(&format!("{path}?t={token}")).await;
    let set = opened.header("set-cookie");
    let seconds = set.split("Max-Age=").nth(1).unwrap_or_default();
    let seconds: i64 = (seconds.split(';').next())
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    assert!(seconds >= 30 * 60, "{set}");
    crate::support::wait::until(
        "the end of the token",
        crate::support::scene::SOON,
        async || match Timestamp::now() > end {
            true => Ok(()),
            false => Err("it is still good".to_owned()),
        },
    )
    .await;
    let stranger = Visitor::of(&house.page);
    let late = stranger.get(&format!("{path}?t={token}")).await;
    assert_eq!(late.status, 404, "the address itself is over");
    let link = house.is_led_on(&ann, &path).await;
    let back = house.signs_in(&ann, &link, "connect").await;
    let told = house.comes_back(&ann, &back).await;
    assert!(told.text.contains("is connected"), "{}", told.text);
}

/// Somebody may declare twenty accounts for a person, and have their browser open the pages.
#[tokio::test]
async fn twenty_pages_that_are_opened_meanwhile_do_not_end_a_sign_in() {
    const OTHERS: usize = 20;
    let house = House::new(&["--connect-user-header", "X-Auth-Request-Email"]).await;
    house.declares("mail").await;
    for n in 0..OTHERS {
        let spec = json!({"user": "ann@acme.com", "toolkit": "gmail", "authConfig": "ac_gmail"});
        house.scene.declare(&format!("other-{n}"), spec).await;
    }
    for n in 0..OTHERS {
        let name = format!("other-{n}");
        house
            .scene
            .until(&name, "Ready", "False", "AwaitingUser")
            .await;
    }
    let ann = Visitor::named(&house.page, "ann@acme.com");
    let link = house.is_led_on(&ann, &house.path("mail")).await;
    for n in 0..OTHERS {
        let page = ann.get(&house.path(&format!("other-{n}"))).await;
        assert_eq!(page.status, 200);
    }
    assert_eq!(ann.cookies.borrow().len(), 20, "no more are kept");
    let back = house.signs_in(&ann, &link, "connect").await;
    let told = house.comes_back(&ann, &back).await;
    assert!(told.text.contains("is connected"), "{}", told.text);
}
