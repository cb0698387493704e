//! Several replicas of the page, of which any may end, and an operator that is away.

use jiff::SignedDuration;
use serde_json::Value;

use super::whole::House;
use super::{LINK, Stage, gmail, uid};
use crate::support::child::Signal;
use crate::support::connect_page::{Answer, ConnectPage, Visitor};
use crate::support::scene::SOON;
use crate::support::wait;

/// It is killed, and gone.
async fn kill(child: &crate::support::child::Child) {
    child.signal(Signal::Kill).expect("it runs");
    wait::until("its end", SOON, async || match child.exited() {
        Some(_) => Ok(()),
        None => Err("it runs still".to_owned()),
    })
    .await;
}

async fn knows(page: &ConnectPage, visitor: &Visitor, address: &str) {
    visitor.is_sent_to(page);
    wait::until("the replica knows the object", SOON, async || match visitor
        .get(address)
        .await
        .status
    {
        303 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_at_a_page_that_is_killed_goes_on_at_another_while_the_leader_is_away() {
    let house = House::new(&[]).await;
    let address = house.declares("mail").await;
    let folder = &house.scene.folder;
    let second = house.page.replica(folder, "connect-second").await;
    let third = house.page.replica(folder, "connect-third").await;
    let (ann, path) = (Visitor::of(&house.page), house.path("mail"));
    knows(&third, &ann, &address).await;
    knows(&second, &ann, &address).await;
    knows(&house.page, &ann, &address).await;

    // Nobody leads when she presses the button, and the page that she asked ends before there is a link.
    kill(&house.operator.child).await;
    let asked = ann.presses(&path, "connect").await;
    assert_eq!(asked.status, 303, "{asked:?}");
    let waiting = asked.header("location").to_owned();
    assert!(ann.get(&waiting).await.text.contains("Making your link"));
    kill(&house.page.child).await;
    ann.is_sent_to(&second);
    let page = ann.get(&waiting).await;
    assert!(page.text.contains("Making your link"), "{}", page.text);
    // A second press, at the other one, is met by the request that is pending.
    let again = ann.presses(&path, "connect").await;
    assert_eq!(again.status, 303, "{again:?}");
    assert_eq!(house.scene.sandbox.accounts().await, [Value::Null; 0]);

    let options = house.page.known_to(house.scene.options());
    let _next = house.scene.start("operator-next", &options).await;
    let mut next = waiting;
    wait::until("the link", SOON, async || {
        let page = ann.get(&next).await;
        if page.text.contains("Your link is ready") {
            return Ok(());
        }
        page.refresh().clone_into(&mut next);
        Err(page.text)
    })
    .await;
    let open = ann.get(&format!("{path}/open")).await;
    let link = open.header("location").to_owned();
    let back = house.signs_in(&ann, &link, "connect").await;
    // The return lands at a replica that has not seen her yet.
    ann.is_sent_to(&third);
    let done = house.comes_back(&ann, &back).await;
    assert!(done.text.contains("is connected"), "{}", done.text);
    let object = house.scene.ready("mail", "Connected").await;
    assert_eq!(object["status"]["signIn"]["finishedIn"], "Same", "{object}");
    assert_eq!(house.scene.sandbox.accounts().await.len(), 1);
    let made = house.page.written(&house.scene);
    let made = made.iter().filter(|asked| asked.status == 201).count();
    assert_eq!(made, 2, "one for the link, and one for the return");
}

#[tokio::test]
async fn clocks_that_differ_lead_nobody_to_a_dead_link_and_end_no_wait() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let (ann, path) = (Visitor::of(&stage.page), stage.path("mail"));
    ann.get(&stage.page.address(&object)).await;
    let asked = ann.presses(&path, "connect").await;
    let waiting = asked.header("location").to_owned();
    let request = stage.handled().await;
    let browser = request.spec.browser.clone().expect("the page names it");
    let (before, at) = waiting.split_once("&s=").expect("a time");
    let at: i64 = at.parse().expect("seconds");
    // Another replica has made the page, whose clock is ahead or behind.
    for (skew, shown) in [
        (3600, "Making your link"),
        (30, "Making your link"),
        (-30, "Making your link"),
        (-90, "takes longer than usual"),
        (-3600, "Nobody has answered"),
    ] {
        let page = ann.get(&format!("{before}&s={}", at + skew)).await;
        assert!(page.text.contains(shown), "{skew}: {}", page.text);
    }
    let page = ann.get(&format!("{before}&s={}", i64::MAX)).await;
    assert!(page.text.contains("Making your link"), "{}", page.text);
    // The operator's clock is behind, or ahead, of the page's.
    let uid = uid(&request);
    for (minutes, is_open) in [(3, true), (-3, false), (25, true)] {
        let left = SignedDuration::from_mins(minutes);
        stage.links_until(&object, &uid, &browser, left).await;
        let open = format!("{path}/open");
        let leads = |page: &Answer| page.header("location") == LINK;
        stage
            .until(&ann, &open, "where it leads", |page| leads(page) == is_open)
            .await;
        let page = ann.get(&waiting).await;
        assert_eq!(
            page.text.contains("Your link is ready"),
            is_open,
            "{}",
            page.text
        );
        assert!(
            is_open || page.text.contains("value=\"connect\""),
            "{}",
            page.text
        );
    }
}
