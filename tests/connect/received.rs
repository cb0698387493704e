//! What is sent to the webhook by whoever may reach the page, and which secrets count.

use std::os::unix::fs::symlink;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::hostile::answered;
use super::webhook::{self, SECRET, Sender, event, signed};
use super::{Stage, gmail};
use crate::support::connect_page::ConnectPage;
use crate::support::scene::SOON;
use crate::support::{http_client, wait};

/// The head of a request for that path.
fn head(stage: &Stage, path: &str, headers: &[(&str, String)], more: &str) -> String {
    let own = stage.page.url.trim_start_matches("http://");
    let headers = headers.iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("POST {path} HTTP/1.1\r\nHost: {own}\r\n{headers}{more}\r\n")
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

#[tokio::test]
async fn slow_bodies_make_room_for_whoever_comes_after_them() {
    const ROOM: usize = 32;
    let stage = webhook::stage("received-slow").await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let nowhere = "/webhooks/ClusterComposioProject/none";
    let slow = signed("a stranger's", "msg_1", now(), "");
    let slow = head(&stage, nowhere, &slow, "Content-Length: 1000\r\n");
    let own = stage.page.url.trim_start_matches("http://");
    let mut held = Vec::new();
    for _ in 0..ROOM + 8 {
        let mut stream = TcpStream::connect(own).await.expect("it listens");
        stream.write_all(slow.as_bytes()).await.expect("it is sent");
        held.push(stream);
    }
    wait::until("there is room for no more", SOON, async || {
        match sender.refused("webhook_busy").await {
            busy if busy >= 8.0 => Ok(()),
            busy => Err(format!("{busy} had to go")),
        }
    })
    .await;
    let body = event("ca_of_nobody", "pr_1");
    for n in 0..3 {
        let id = format!("msg_{n}");
        assert_eq!(sender.signed(&sender.path(), &id, &body).await, 200, "{n}");
    }
    assert_eq!(sender.events("unknown_account").await, 3.0);
    drop(held);
}

#[tokio::test]
async fn a_body_is_as_long_as_it_is_and_not_as_is_said() {
    let stage = webhook::stage("received-length").await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let path = sender.path();
    let event = event("ca_of_nobody", "pr_1").to_string();
    let with = |body: &str, more: &str, sent: &str| {
        let headers = signed(SECRET, "msg_1", now(), body);
        head(&stage, &path, &headers, more) + sent
    };
    let chunked = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let of_length = |length: usize| format!("Content-Length: {length}\r\n");
    let in_chunks = "Transfer-Encoding: chunked\r\n";
    let large = format!("{event}{}", " ".repeat(256 * 1024));
    let another = format!("{event}GET /webhooks/ HTTP/1.1\r\n\r\n");
    let endless = of_length(event.len()) + &of_length(event.len() + 1);
    let both = format!("{in_chunks}{}", of_length(3));
    let refused = |why: &'static str| (401, why);
    for (name, request, (status, why)) in [
        (
            "in chunks",
            with(&event, in_chunks, &chunked(&event)),
            (200, ""),
        ),
        (
            "in chunks, and large",
            with(&large, in_chunks, &chunked(&large)),
            refused("webhook_body"),
        ),
        (
            "shorter than it is",
            with(&event, &of_length(event.len() - 1), &event),
            refused("webhook_signature"),
        ),
        (
            "with another request behind it",
            with(&event, &of_length(event.len()), &another),
            (200, ""),
        ),
        ("of two lengths", with(&event, &endless, &event), (400, "")),
        (
            "of more than a number",
            with(
                &event,
                "Content-Length: 99999999999999999999999\r\n",
                &event,
            ),
            (400, ""),
        ),
        (
            "of less than nothing",
            with(&event, "Content-Length: -1\r\n", &event),
            (400, ""),
        ),
        (
            "large, as is said",
            with(&event, &of_length(256 * 1024 + 1), ""),
            refused("webhook_body"),
        ),
    ] {
        let before = sender.refused(why).await;
        let answer = answered(&stage, request.as_bytes()).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{name}: {answer}");
        if !why.is_empty() {
            assert_eq!(sender.refused(why).await - before, 1.0, "{name}");
        }
    }
    // Where both say how long it is, the chunks count, or the connection ends.
    let answer = answered(&stage, with(&event, &both, &chunked(&event)).as_bytes()).await;
    assert!(
        ["HTTP/1.1 200", "HTTP/1.1 400"]
            .iter()
            .any(|one| answer.starts_with(one)),
        "{answer}"
    );
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert!(stage.page.written(&stage.scene).is_empty());
}

#[tokio::test]
async fn each_refusal_is_counted_for_its_reason_and_each_event_that_is_late() {
    let stage = webhook::stage("received-counts").await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let (path, text) = (sender.path(), event("ca_of_nobody", "pr_1").to_string());
    let good = || signed(SECRET, "msg_1", now(), &text).to_vec();
    let old = signed(SECRET, "msg_1", now() - 400, &text).to_vec();
    let wrong = signed("wrong", "msg_1", now(), &text).to_vec();
    let large = " ".repeat(256 * 1024 + 1);
    let large_one = signed(SECRET, "msg_1", now(), &large).to_vec();
    for (why, path, headers, body) in [
        ("webhook_path", "/webhooks/p", good(), &text),
        ("webhook_headers", &*path, good()[1..].to_vec(), &text),
        ("webhook_timestamp", &path, old, &text),
        ("webhook_body", &path, large_one, &large),
        ("webhook_signature", &path, wrong, &text),
    ] {
        let before = sender.refused(why).await;
        let answer = sender.sends(path, &headers, body.clone().into_bytes());
        assert_eq!(answer.await.0, 401, "{why}");
        assert_eq!(sender.refused(why).await - before, 1.0, "{why}");
    }
    let url = format!("{}{path}", stage.page.url);
    let answer = sender.http.get(url).send().await.expect("it answers");
    assert_eq!(answer.status().as_u16(), 401);
    assert_eq!(sender.refused("webhook_method").await, 1.0);

    let late = "composio_operator_connect_webhook_events_late_total";
    let happened = |ago: SignedDuration| {
        let mut event = event("ca_of_nobody", "pr_1");
        event["timestamp"] = json!((Timestamp::now() - ago).to_string());
        event
    };
    for (id, minutes, expected) in [
        ("msg_a", 0, 0.0),
        ("msg_b", 2, 1.0),
        ("msg_b", 2, 1.0),
        ("msg_c", 60, 2.0),
    ] {
        let event = happened(SignedDuration::from_mins(minutes));
        assert_eq!(sender.signed(&path, id, &event).await, 200);
        assert_eq!(stage.page.metric(late).await, Some(expected), "{id}");
    }
}

/// Puts a version of the secret where kubelet puts it: a folder of its own, to which a link leads that is exchanged at
/// once.
fn mount(folder: &Path, version: &str, file: &str, secret: &str) {
    let own = folder.join(format!("..{version}"));
    std::fs::create_dir(&own).expect("it is new");
    std::fs::write(own.join(file), secret).expect("written");
    let (link, next) = (folder.join("..data"), folder.join("..data_tmp"));
    symlink(format!("..{version}"), &next).expect("linked");
    std::fs::rename(next, link).expect("exchanged");
    let visible = folder.join(file);
    if !visible.exists() {
        symlink(format!("..data/{file}"), visible).expect("linked");
    }
}

#[tokio::test]
async fn a_secret_that_is_exchanged_counts_without_a_restart_and_beside_the_former_while_both_are_there()
 {
    let (scene, folder) = webhook::scene("received-secrets").await;
    let file = webhook::file(&scene, &folder);
    let file = file.file_name().expect("a name").to_str().expect("ASCII");
    mount(&folder, "1", file, "old\n");
    let args = webhook::args(&folder);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let page = ConnectPage::start(&scene, &args).await;
    let stage = Stage { page, scene };
    stage.declared("mail", gmail()).await;
    let sender = Sender {
        stage: &stage,
        http: http_client(SOON),
    };
    let (path, body) = (sender.path(), event("ca_of_nobody", "pr_1").to_string());
    let status = async |secret: &str| {
        let headers = signed(secret, "msg_1", now(), &body);
        sender
            .sends(&path, &headers, body.clone().into_bytes())
            .await
            .0
    };
    assert_eq!((status("old").await, status("new").await), (200, 401));
    // As Windows and `echo` write it.
    mount(&folder, "2", file, "\u{feff}new\r\nold\r\n");
    wait::until("both count", SOON, async || match status("new").await {
        200 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!(status("old").await, 200);
    mount(&folder, "3", file, "new");
    wait::until("the former counts no more", SOON, async || {
        match status("old").await {
            401 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    assert_eq!(status("new").await, 200);
    std::fs::remove_file(folder.join(file)).expect("it is there");
    wait::until("none counts any more", SOON, async || {
        match status("new").await {
            401 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    let log = stage.page.child.read_log();
    assert!(!log.contains("old\n") && !log.contains("panicked"), "{log}");
}
