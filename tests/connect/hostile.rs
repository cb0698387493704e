//! What comes from the internet.

use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Stage, gmail};
use crate::support::connect_page::Visitor;
use crate::support::random_hex;
use crate::support::scene::SOON;

/// Sends these bytes, and returns all that is answered until the page ends the connection.
pub(super) async fn answered(stage: &Stage, bytes: &[u8]) -> String {
    let address = stage.page.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("it is sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
    // Reset after an answer is an end too.
    drop(read.expect("the page ends the connection"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn previews_write_nothing() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let address = stage.page.address(&object);
    let previews = stream::iter(0..500).map(async |_| {
        let preview = Visitor::of(&stage.page);
        assert_eq!(preview.get(&address).await.status, 303);
        assert_eq!(preview.get(&stage.path("mail")).await.status, 200);
    });
    previews.buffer_unordered(8).collect::<()>().await;
    assert_eq!(stage.page.written(&stage.scene), []);
}

#[tokio::test]
async fn wrong_tokens_get_one_page_and_lock_nobody_out() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let other = stage.declared("other", gmail()).await;
    let address = stage.page.address(&object);
    let (path, token) = address.split_once("?t=").expect("a token");
    let of_other = stage.page.address(&other);
    let of_other = of_other.split_once("?t=").expect("a token").1;
    let mallory = Visitor::of(&stage.page);
    let not_found = mallory.get("/connect/no/such").await;
    let same = async |address: String| {
        let page = mallory.get(&address).await;
        let pair = |page: &crate::support::connect_page::Answer| {
            let mut headers: Vec<_> = page
                .headers
                .iter()
                .filter(|(name, _)| *name != "date")
                .collect();
            headers.sort_by_key(|(name, _)| name.as_str());
            format!("{} {headers:?} {}", page.status, page.text)
        };
        assert_eq!(pair(&page), pair(&not_found), "{address}");
    };
    for wrong in [
        "",
        of_other,
        &token[1..],
        &format!("{token}A"),
        &"A".repeat(4000),
        "%00",
        "%2e%2e",
        "é",
    ] {
        same(format!("{path}?t={wrong}")).await;
    }
    same(format!("{path}?t={token}&t={token}")).await;
    same(path.to_owned()).await;
    same(format!("{path}?T={token}")).await;
    let guesses = stream::iter(0..10_000).map(async |n| {
        let name = if n % 2 == 0 { "mail" } else { "none" };
        same(format!("{}?t={}", stage.path(name), &random_hex::<16>())).await;
    });
    guesses.buffer_unordered(8).collect::<()>().await;
    assert_eq!(
        mallory.get(&address).await.status,
        303,
        "the right one is as good as before"
    );
    assert_eq!(stage.page.written(&stage.scene), []);
    let counted = stage
        .page
        .metric("composio_operator_connect_refused_total{why=\"token\"}")
        .await;
    assert!(counted >= Some(5_000.0), "{counted:?}");
}

#[tokio::test]
async fn a_form_is_taken_from_its_own_page_only() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let other = stage.declared("other", gmail()).await;
    let (path, url) = (stage.path("mail"), stage.page.url.clone());
    let (ann, eve) = (Visitor::of(&stage.page), Visitor::of(&stage.page));
    for visitor in [&ann, &eve] {
        visitor.get(&stage.page.address(&object)).await;
        visitor.get(&stage.page.address(&other)).await;
    }
    let own = ann.get(&path).await.form_token();
    let of_other = ann.get(&stage.path("other")).await.form_token();
    let of_eve = eve.get(&path).await.form_token();
    let form = |token: &str| format!("form={token}&action=connect");
    let origins: [&[(&str, &str)]; 7] = [
        &[],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://127.0.0.1")],
        &[("origin", &format!("{url}.evil.example"))],
        &[("origin", &url), ("origin", &url)],
        &[("referer", &url)],
    ];
    for headers in origins {
        let answer = ann.post_from(&path, &form(&own), headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    for wrong in [
        form(""),
        form(&of_other),
        form(&of_eve),
        form(&own[1..]),
        String::new(),
        format!("form={own}"),
        format!("form={own}&action=delete"),
        format!("form={own}&form={own}&action=connect"),
        format!("{}&x={}", form(&own), "x".repeat(9000)),
    ] {
        let answer = ann.post(&path, &wrong).await;
        assert_eq!(answer.status, 403, "{:.80}", wrong);
    }
    let json = ann
        .post_from(
            &path,
            &json!({"form": own}).to_string(),
            &[("origin", &url)],
        )
        .await;
    assert_eq!(json.status, 403);
    assert_eq!(stage.page.written(&stage.scene), []);
    assert_eq!(
        ann.post(&path, &form(&own)).await.status,
        303,
        "the form itself is good"
    );
    // A flood of presses: one request is pending, and the page asks once a second at most.
    let pressed = form(&own);
    let flood = (0..50).map(|_| ann.post(&path, &pressed));
    for answer in join_all(flood).await {
        assert_eq!(answer.status, 303);
    }
    assert_eq!(stage.requests().await.len(), 1);
}

#[tokio::test]
async fn only_its_own_host_and_its_own_paths_are_served() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let own = stage.page.url.trim_start_matches("http://").to_owned();
    let address = stage.page.address(&object);
    let target = address.trim_start_matches(&stage.page.url).to_owned();
    let ask = |target: &str, hosts: &[&str]| {
        let hosts: String = hosts
            .iter()
            .map(|host| format!("Host: {host}\r\n"))
            .collect();
        format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").into_bytes()
    };
    let status = |answer: &str| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    let got = answered(&stage, &ask(&target, &[&own])).await;
    assert_eq!(status(&got), "303", "{got}");
    for hosts in [
        &["evil.example"][..],
        &[""],
        &[&own, &own],
        &["evil.example", &own],
        &[&format!("{own}.evil.example")],
        &["127.0.0.1"],
    ] {
        let got = answered(&stage, &ask(&target, hosts)).await;
        assert_eq!(status(&got), "421", "{hosts:?} {got}");
        assert!(
            !got.contains("evil.example") && !got.contains("set-cookie"),
            "{got}"
        );
    }
    let got = answered(
        &stage,
        &ask(&format!("http://evil.example{target}"), &[&own]),
    )
    .await;
    assert_eq!(status(&got), "421", "{got}");
    let got = answered(
        &stage,
        &ask(&format!("{}{target}", stage.page.url), &[&own]),
    )
    .await;
    assert_eq!(status(&got), "303", "{got}");
    let forwarded = format!(
        "GET {target} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: {own}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(status(&answered(&stage, forwarded.as_bytes()).await), "421");
    let namespace = &stage.scene.namespace;
    for path in [
        format!("/connect/{namespace}/../{namespace}/mail"),
        format!("/connect/{namespace}/%6dail"),
        format!("/connect/{namespace}/mail%00"),
        format!("/connect/{namespace}//mail"),
        format!("/connected/{namespace}/mail/open"),
        format!("/connect/{namespace}/{}", "a".repeat(8000)),
        "/metrics".to_owned(),
        "/readyz".to_owned(),
        "/".to_owned(),
    ] {
        let got = answered(&stage, &ask(&path, &[&own])).await;
        assert_eq!(status(&got), "404", "{path:.60} {got}");
    }
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n");
        assert_eq!(
            status(&answered(&stage, request.as_bytes()).await),
            "404",
            "{method}"
        );
    }
    assert_eq!(stage.page.written(&stage.scene), []);
}

#[tokio::test]
async fn slow_and_large_requests_are_ended_and_hold_up_nobody() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let own = stage.page.url.trim_start_matches("http://").to_owned();
    let head = format!("GET / HTTP/1.1\r\nHost: {own}\r\n");
    let mut held = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(&own).await.expect("it listens");
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        held.push(stream);
    }
    let ann = Visitor::of(&stage.page);
    let looked = tokio::time::timeout(SOON / 6, ann.get(&stage.page.address(&object))).await;
    assert_eq!(looked.expect("at once").status, 303);
    let large = format!("{head}X: {}\r\n\r\n", "x".repeat(64 * 1024));
    let got = answered(&stage, large.as_bytes()).await;
    assert!(got.starts_with("HTTP/1.1 431") || got.is_empty(), "{got}");
    let many = format!("{head}{}\r\n", "X: x\r\n".repeat(200));
    let got = answered(&stage, many.as_bytes()).await;
    assert!(got.starts_with("HTTP/1.1 431"), "{got}");
    for mut stream in held {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest));
        drop(
            ended
                .await
                .expect("a request that does not come to an end is ended"),
        );
    }
    assert_eq!(ann.get(&stage.path("mail")).await.status, 200);
}

/// The bytes of an answer, but for the time.
async fn bytes(stage: &Stage, method: &str, target: &str, more: &str) -> String {
    let own = stage.page.url.trim_start_matches("http://");
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n{more}\r\n");
    let answer = answered(stage, head.as_bytes()).await;
    let lines = answer.split("\r\n");
    let lines = lines.filter(|line| !line.starts_with("date: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn whoever_is_not_let_in_gets_the_same_bytes_for_the_same_work_whatever_the_reason() {
    let stage = Stage::new("connect", &[]).await;
    let object = stage.declared("mail", gmail()).await;
    let gone = stage.declared("gone", gmail()).await;
    let other = stage.declared("other", gmail()).await;
    let mut from_secret = gmail();
    from_secret["credentials"] = json!({"scheme": "API_KEY", "secretRef": {"name": "key"}});
    stage.scene.declare("machine", from_secret).await;
    let machine = stage.scene.object("machine").await;
    let token = |object: &serde_json::Value| {
        let address = stage.page.address(object);
        address.split_once("?t=").expect("a token").1.to_owned()
    };
    // One is made anew under its name, and of one the addresses were ended.
    let scene = &stage.scene;
    scene.kubectl(&["delete", "cacc", "gone"]).await;
    let anew = stage.declared("gone", gmail()).await;
    assert_ne!(anew["metadata"]["uid"], gone["metadata"]["uid"]);
    let raised = "composio.dev/connect-epoch=1";
    scene.kubectl(&["annotate", "cacc", "other", raised]).await;
    let visitor = Visitor::of(&stage.page);
    let former = format!("{}?t={}", stage.path("other"), token(&other));
    stage
        .until(
            &visitor,
            &former,
            "the page knows that it is over",
            |page| page.status == 404,
        )
        .await;

    let good = token(&object);
    let cases = [
        ("no such object", stage.path("none"), good.clone()),
        (
            "no such namespace",
            "/connect/nobody/mail".to_owned(),
            good.clone(),
        ),
        ("another object's token", stage.path("mail"), token(&anew)),
        (
            "of the object that was there before",
            stage.path("gone"),
            token(&gone),
        ),
        ("ended", stage.path("other"), token(&other)),
        (
            "nobody signs in to it",
            stage.path("machine"),
            token(&machine),
        ),
        ("none", stage.path("mail"), String::new()),
        (
            "cut off",
            stage.path("mail"),
            good[..good.len() - 1].to_owned(),
        ),
        ("much too long", stage.path("mail"), "A".repeat(3000)),
    ];
    let asked = || stage.page.asked(scene).len();
    let expected = bytes(&stage, "GET", "/connect/nobody/here", "").await;
    assert!(expected.starts_with("HTTP/1.1 404"), "{expected}");
    let before = asked();
    for (reason, path, token) in &cases {
        let returned = path.replace("/connect/", "/connected/");
        for target in [
            format!("{path}?t={token}"),
            path.clone(),
            format!("{path}/waiting?r=x&s=1"),
            format!("{path}/open"),
            format!("{returned}?r=x&b=y&p={}", "A".repeat(22)),
        ] {
            let cookie = format!("Cookie: connect-x={token}\r\n");
            for more in ["", &cookie] {
                let told = bytes(&stage, "GET", &target, more).await;
                assert_eq!(told, expected, "{reason}: {target:.200}");
            }
        }
        let own = stage.page.url.clone();
        let form = format!(
            "Origin: {own}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n"
        );
        let told = bytes(&stage, "POST", path, &form).await;
        assert_eq!(told, expected, "{reason}: pressed");
    }
    assert_eq!(asked(), before, "the apiserver is asked for none of them");
    assert_eq!(
        visitor
            .get(&format!("{}?t={good}", stage.path("mail")))
            .await
            .status,
        303
    );
}
