//! Very many come back at once, of whom few have anything to tell.

use std::collections::BTreeMap;
use std::time::Instant;

use composio_operator::connect::page_address::{PageOf, browser_name};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::child::Folder;
use crate::support::connect_page::{ConnectPage, Visitor};
use crate::support::fingerprint;
use crate::support::many_accounts::{Made, apiserver, page};

const OBJECTS: usize = 10_000;
/// Sixteen bytes of zeros.
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// What may come of a return to an object.
#[derive(Clone, Copy, PartialEq)]
enum Record {
    /// A link is out.
    Out,
    /// No link was ever made.
    None,
    /// It is known how the sign-in through the last link ended.
    Known,
    /// A link of another request is out.
    Another,
}

fn record(n: usize) -> Record {
    [Record::Out, Record::None, Record::Known, Record::Another][n % 4]
}

fn uid(n: usize) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

fn name(n: usize) -> String {
    format!("mail-{n:05}")
}

/// The request whose sign-in somebody comes back from.
fn request(n: usize) -> String {
    format!("10000000-0000-4000-8000-{n:012}")
}

fn object(n: usize) -> Value {
    let browser = browser_name(NONCE);
    let end = Timestamp::now() + SignedDuration::from_mins(10);
    let link = |request: String| json!({"sealed": "AAAA", "expiresAt": end, "requestedBy": {"uid": request, "browser": browser}});
    let status = match record(n) {
        Record::Out => json!({"state": "INITIATED", "link": link(request(n))}),
        Record::None => json!({"state": "INITIATED"}),
        Record::Known => json!({
            "state": "ACTIVE", "connectedAccountId": "ca_1",
            "signIn": {"request": request(n), "browser": browser, "finishedIn": "Same"},
        }),
        Record::Another => json!({"state": "INITIATED", "link": link("another".to_owned())}),
    };
    json!({
        "metadata": {"name": name(n), "namespace": "team", "uid": uid(n), "resourceVersion": "1"},
        "spec": {"user": "ann@acme.com", "toolkit": "gmail"},
        "status": status,
    })
}

/// Each of those browsers comes back once, in that order: it had asked for the link of that object, and of no other.
async fn come_back(page: &ConnectPage, objects: &[usize]) {
    let visitor = Visitor::of(page);
    for n in objects {
        let (name, uid) = (name(*n), uid(*n));
        let of = PageOf {
            namespace: "team",
            name: &name,
            uid: &uid,
            epoch: "",
        };
        let callback = page
            .settings
            .callback(of, &request(*n), &browser_name(NONCE));
        let digest = fingerprint(&format!("team/{name}"));
        let cookie = digest.replace("sha256:", "connect-");
        *visitor.cookies.borrow_mut() = [(cookie, format!("{NONCE}."))].into();
        let told = visitor.get(&callback).await;
        assert_eq!(told.status, 200, "{n}: {}", told.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_callbacks_of_ten_thousand_objects_ask_only_where_a_link_is_out() {
    let folder = Folder::new().expect("a folder");
    let made = Made::default();
    let url = apiserver(OBJECTS, object, made.clone()).await;
    let page = page(&folder, OBJECTS, &url, &[]).await;
    let begun = Instant::now();
    let all: Vec<_> = (0..OBJECTS).collect();
    let all = all.chunks(OBJECTS / 8).map(|some| come_back(&page, some));
    join_all(all).await;
    let out = || (0..OBJECTS).filter(|n| record(*n) == Record::Out);
    let expected: BTreeMap<_, _> = out().map(|n| (uid(n), 1)).collect();
    let asked = made.of_accounts();
    assert_eq!(asked.len(), expected.len(), "objects that were asked for");
    assert!(asked == expected, "some were asked for twice");

    // Whoever reloads, again and again, has it looked at once a second.
    let few: Vec<_> = out().take(20).collect();
    join_all(few.iter().map(async |n| come_back(&page, &[*n; 50]).await)).await;
    let most = begun.elapsed().as_secs() as usize + 1;
    let asked = made.of_accounts();
    assert_eq!(asked.len(), expected.len());
    for n in few {
        let times = asked[&uid(n)];
        assert!(times <= most, "{n}: {times} in {most} s");
    }
}
