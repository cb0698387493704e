//! The event about a dead grant, as a subscriber on loopback gets it.

use axum::Router;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::tests::table::Place;
use crate::tests::table::documented::subscription;

pub(super) async fn check(place: &Place<'_>, id: &str) {
    match id {
        "webhook.signed" => signed(place).await,
        "webhook.again" => again(place).await,
        "webhook.subscriptions" => one_a_project(place).await,
        _ => panic!("no case for {id}"),
    }
}

/// A subscriber that refuses what it is told to refuse first.
struct Subscriber {
    url: String,
    got: mpsc::UnboundedReceiver<(HeaderMap, Bytes)>,
}

type Shared = (mpsc::UnboundedSender<(HeaderMap, Bytes)>, u16);

impl Subscriber {
    async fn start(answer: u16) -> Self {
        let (sender, got) = mpsc::unbounded_channel();
        let take =
            async |State((sender, answer)): State<Shared>, headers: HeaderMap, body: Bytes| {
                sender.send((headers, body)).unwrap();
                StatusCode::from_u16(answer).unwrap()
            };
        let app = Router::new().fallback(take).with_state((sender, answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, got }
    }

    /// The next request: its headers, and the raw body.
    async fn next(&mut self) -> (HeaderMap, Bytes) {
        self.got.recv().await.unwrap()
    }
}

async fn subscribe(place: &Place<'_>, url: &str) -> Value {
    let (status, answer) = place
        .api("POST", "/webhook_subscriptions", subscription(url))
        .await;
    assert_eq!(status, 201, "{answer}");
    answer
}

async fn end_grant(place: &Place<'_>, config: &str) -> String {
    let id = place.active(config, "ann").await;
    let call = format!("accounts/{id}/end-grant");
    place.control("POST", &call, Value::Null).await;
    id
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

/// Whether one of the signatures is of this secret.
fn verified(headers: &HeaderMap, body: &[u8], secret: &Value) -> bool {
    let mut signed = format!(
        "{}.{}.",
        text(headers, "webhook-id"),
        text(headers, "webhook-timestamp")
    )
    .into_bytes();
    signed.extend(body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_str().unwrap().as_bytes());
    text(headers, "webhook-signature")
        .split(' ')
        .filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok())
        .any(|signature| hmac::verify(&key, &signed, &signature).is_ok())
}

/// The attempts of the last delivery, when there are so many.
async fn attempts(place: &Place<'_>, count: usize) -> Vec<Value> {
    loop {
        let all = place.control("GET", "deliveries", Value::Null).await;
        let last = all["deliveries"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone();
        let attempts = last["attempts"].as_array().unwrap();
        if attempts.len() >= count {
            return attempts.clone();
        }
    }
}

async fn signed(place: &Place<'_>) {
    let mut subscriber = Subscriber::start(200).await;
    let secret = subscribe(place, &subscriber.url).await["secret"].clone();
    let project = json!({"id": "pr_acme", "organisation_id": "ok_acme"});
    place.control("POST", "project", project).await;
    // A key has no token that Composio refreshes.
    end_grant(place, "ac_hubspot").await;
    let id = end_grant(place, "ac_gmail").await;
    let (headers, body) = subscriber.next().await;
    assert!(verified(&headers, &body, &secret));
    assert!(!verified(&headers, &body, &json!("whsec_other")));
    assert!(
        !verified(&headers, b"{}", &secret),
        "the raw body is signed"
    );
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["id"], text(&headers, "webhook-id"));
    assert_eq!(event["type"], "composio.connected_account.expired");
    assert_eq!(
        event["metadata"],
        json!({"project_id": "pr_acme", "org_id": "ok_acme"})
    );
    let data = &event["data"];
    assert_eq!(
        (&data["id"], &data["status"], &data["toolkit"]["slug"]),
        (&json!(id), &json!("EXPIRED"), &json!("gmail"))
    );
    assert_eq!(
        data["status_reason"],
        "Permanent auth error during token refresh"
    );
    assert!(
        data["state"].is_object() && data["data"].is_object(),
        "a whole answer of GET"
    );
    assert_eq!(text(&headers, "x-composio-webhook-version"), "V3");
    assert_eq!(attempts(place, 1).await[0]["status"], 200);
    let all = place.control("GET", "deliveries", Value::Null).await;
    assert_eq!(
        all["deliveries"].as_array().unwrap().len(),
        1,
        "OAuth 2 only"
    );
    assert_eq!(all["deliveries"][0]["arrived"], true);
}

async fn again(place: &Place<'_>) {
    let mut subscriber = Subscriber::start(503).await;
    let made = subscribe(place, &subscriber.url).await;
    end_grant(place, "ac_gmail").await;
    let (first, raw) = subscriber.next().await;
    assert_eq!(attempts(place, 1).await[0]["status"], 503);
    // Meanwhile the secret is rotated: both sign for a while.
    let path = format!(
        "/webhook_subscriptions/{}/rotate_secret",
        made["id"].as_str().unwrap()
    );
    let (_, rotated) = place.api("POST", &path, Value::Null).await;
    for (count, pause) in [(2, 10), (3, 60), (4, 300)] {
        let clock = json!({"advance_seconds": pause});
        place.control("POST", "clock", clock).await;
        let (headers, body) = subscriber.next().await;
        assert_eq!(
            (text(&headers, "webhook-id"), &body),
            (text(&first, "webhook-id"), &raw)
        );
        assert_eq!(
            text(&headers, "x-composio-delivery-attempt"),
            count.to_string()
        );
        assert!(verified(&headers, &body, &rotated["secret"]));
        assert!(verified(&headers, &body, &made["secret"]));
        attempts(place, count).await;
    }
    let all = place.control("GET", "deliveries", Value::Null).await;
    let delivery = &all["deliveries"][0];
    assert_eq!(
        (&delivery["due"], &delivery["arrived"]),
        (&Value::Null, &json!(false)),
        "given up"
    );
}

async fn one_a_project(place: &Place<'_>) {
    let made = subscribe(place, "https://app.test/hook").await;
    let id = made["id"].as_str().unwrap();
    let path = format!("/webhook_subscriptions/{id}");
    let (status, _) = place
        .api(
            "POST",
            "/webhook_subscriptions",
            subscription("https://ours.test/"),
        )
        .await;
    assert_eq!(status, 409, "the application's own stays");
    let (_, shown) = place.api("GET", &path, Value::Null).await;
    assert_ne!(shown["secret"], made["secret"], "it is told once");
    let rotate = format!("{path}/rotate_secret");
    let (_, rotated) = place.api("POST", &rotate, Value::Null).await;
    assert_ne!(rotated["secret"], made["secret"]);
    place.api("DELETE", &path, Value::Null).await;
    assert_eq!(place.api("GET", &path, Value::Null).await.0, 404);
    subscribe(place, "https://ours.test/").await;
}
