//! More come than there is room for.

use futures::stream::FuturesUnordered;
use futures::{StreamExt, future};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::hostile::answered;
use super::{Stage, gmail, uid};
use crate::support::child::Signal;
use crate::support::connect_page::{Answer, Visitor};
use crate::support::scene::SOON;
use crate::support::wait;

/// A press of the button by nobody, of which the body does not come.
fn without_a_body(stage: &Stage, path: &str) -> String {
    let url = &stage.page.url;
    let own = url.trim_start_matches("http://");
    format!(
        "POST {path} HTTP/1.1\r\nHost: {own}\r\nOrigin: {url}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
    )
}

#[tokio::test]
async fn whoever_is_not_let_in_is_answered_before_a_form_comes() {
    let stage = Stage::new("connect", &[]).await;
    stage.declared("mail", gmail()).await;
    for path in ["/connect/no/such", &stage.path("mail")] {
        let got = answered(&stage, without_a_body(&stage, path).as_bytes()).await;
        assert!(got.starts_with("HTTP/1.1 404"), "{path}: {got}");
    }
}

#[tokio::test]
async fn connections_without_a_request_make_room_for_those_that_have_one() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let own = stage.page.url.trim_start_matches("http://");
    let idle = (0..600).map(async |_| {
        let mut stream = TcpStream::connect(own).await.expect("it listens");
        let sent = stream.write_all(b"GET / HTTP/1.1\r\n").await;
        sent.expect("it is sent");
        stream
    });
    let idle = future::join_all(idle).await;
    let gave_way = r#"composio_operator_connect_refused_total{why="connection"}"#;
    wait::until("room for others", SOON, async || {
        match stage.page.metric(gave_way).await {
            Some(ended) if ended >= 300.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let ann = Visitor::of(&stage.page);
    assert_eq!(ann.get(&stage.page.address(&object)).await.status, 303);
    drop(idle);
}

#[tokio::test]
async fn of_one_object_few_pages_are_held_back_and_the_others_are_shown_at_once() {
    let stage = Stage::new("connect", &[]).await;
    let (object, ann, waiting) = stage.asked().await;
    let request = stage.handled().await;
    let waits = format!("{waiting}&again=1");
    let mut pages: FuturesUnordered<_> = (0..12).map(|_| ann.get(&waits)).collect();
    let is_ready = |page: &Answer| page.text.contains("Your link is ready");
    for _ in 0..8 {
        let page = pages.next().await.expect("it is answered");
        assert!(!is_ready(&page) && !page.refresh().is_empty(), "{page:?}");
    }
    let browser = request.spec.browser.clone().expect("the page names it");
    let request = uid(&request);
    let linked = stage.links(&object, &request, &browser);
    // Those that are held back are answered meanwhile.
    let (held, ()) = future::join(pages.collect::<Vec<_>>(), linked).await;
    assert_eq!(held.len(), 4);
    assert!(held.iter().all(is_ready), "{held:?}");
}

#[tokio::test]
async fn who_waits_while_the_page_ends_is_led_to_another_one() {
    let stage = Stage::new("connect", &[]).await;
    let (_, ann, waiting) = stage.asked().await;
    let waits = format!("{waiting}&again=1");
    let held = ann.get(&waits);
    let end = async {
        // The page has it, and holds it back: of those that come at once it is the fifth.
        let others = (0..4).map(|_| ann.get(&waits));
        drop(future::select_all(others.map(Box::pin)).await);
        stage.page.child.signal(Signal::Term).expect("it runs");
    };
    let (page, ()) = future::join(held, end).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.refresh().starts_with(&waiting), "{page:?}");
    assert!(page.text.contains("Making your link"), "{}", page.text);
}
