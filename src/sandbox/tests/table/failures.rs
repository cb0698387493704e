//! Answers that fail and answers that are late, on demand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Place;
use super::routes::seen;

pub(super) async fn faults(place: &Place<'_>, id: &str) {
    let link = json!({"auth_config_id": "ac_slack", "user_id": "bob"});
    let rows = |list: Vec<Value>| list.len();
    // The answer, whether the row is there afterwards, and what the log calls it.
    let cases = [
        (json!({"status": 500}), Some(500), false),
        (
            json!({"status": 500, "after_commit": true}),
            Some(500),
            true,
        ),
        (json!({"status": 401}), Some(401), false),
        (json!({"status": 403}), Some(403), false),
        (json!({"status": 429}), Some(429), false),
        (json!({"status": 502, "body": "<html>"}), Some(502), false),
        (json!({"status": "edge_limit"}), Some(429), false),
        (json!({"status": "address_refused"}), Some(401), false),
        (json!({"status": "malformed_rows"}), Some(201), true),
        (json!({"status": "not_json"}), Some(201), true),
        (json!({"status": "cut_before"}), None, false),
        (json!({"status": "cut_after"}), None, true),
        (json!({"status": "half_body"}), None, true),
    ];
    for (mut fault, status, there) in cases {
        let name = fault.to_string();
        let before = rows(place.list().await);
        fault["path"] = json!("/connected_accounts/link");
        place.control("POST", "fault", fault.clone()).await;
        let request = place
            .served
            .client
            .post(format!(
                "{}/api/v3.1/connected_accounts/link",
                place.served.base
            ))
            .header("x-api-key", &place.key)
            .json(&link);
        match (request.send().await, status) {
            (Ok(response), Some(status)) => {
                assert_eq!(response.status(), status, "{name}");
                let edge = fault["status"] == "edge_limit";
                let retry = response.headers().contains_key("retry-after");
                assert_eq!(retry, status == 429 && !edge, "{name}");
                let budget = response.headers().contains_key("x-ratelimit");
                assert_eq!(budget, !edge, "{name}");
                let text = response.text().await.unwrap();
                let error = serde_json::from_str::<Value>(&text).ok();
                match (status, error) {
                    (429, Some(body)) if edge => assert_eq!(body["error"]["code"], 10429, "{text}"),
                    // A link is no list: nothing of it is malformed.
                    (201, Some(body)) => assert!(body["redirect_url"].is_string(), "{text}"),
                    (429, Some(body)) => assert!(body["message"].is_string(), "{name}: {text}"),
                    (201 | 502, None) => assert!(text.starts_with("<html>"), "{name}: {text}"),
                    (_, Some(body)) => {
                        assert_eq!(body["error"]["status"], status, "{name}: {text}")
                    }
                    (_, None) => panic!("{name}: {text}"),
                }
            }
            (Ok(response), None) => {
                assert_eq!(fault["status"], "half_body", "{name}");
                assert_eq!(response.status(), 201);
                let promised: usize = response.headers()["content-length"]
                    .to_str()
                    .unwrap()
                    .parse()
                    .unwrap();
                assert!(promised > 100);
                response.bytes().await.expect_err("only half of it comes");
            }
            (Err(error), None) => assert!(error.status().is_none(), "{name}: {error}"),
            (Err(error), Some(_)) => panic!("{name}: {error}"),
        }
        let log = place.log().await;
        let entry = log.last().unwrap();
        let wanted = match &fault["status"] {
            Value::String(word) => word.as_str(),
            _ if fault["after_commit"] == true => "status_after_commit",
            _ => "status",
        };
        assert_eq!(entry["fault"], wanted, "{name}");
        assert_eq!(entry["account"].is_string(), there, "{name}");
        assert_eq!(
            rows(place.list().await),
            before + usize::from(there),
            "{name}"
        );
    }
    seen(place, id, "ACTIVE").await;
}

pub(super) async fn latency(place: &Place<'_>) {
    let taken = async || {
        let start = Instant::now();
        place.api("GET", "/auth_configs", Value::Null).await;
        start.elapsed()
    };
    let slow = Duration::from_millis(150);
    let once = json!({"milliseconds": 150, "times": 1});
    place.control("POST", "latency", once).await;
    assert!(taken().await >= slow);
    assert!(taken().await < slow);
    assert_eq!(
        place.control("GET", "latency", Value::Null).await["times"],
        0
    );

    place
        .control("POST", "latency", json!({"milliseconds": [0, 150]}))
        .await;
    let mut seen = Vec::new();
    while seen.len() < 40 && !(seen.contains(&true) && seen.contains(&false)) {
        seen.push(taken().await >= slow);
    }
    assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
    for wrong in [
        json!({"milliseconds": []}),
        json!({"milliseconds": -1}),
        json!({}),
    ] {
        assert_eq!(place.try_control("POST", "latency", wrong).await.0, 400);
    }
}
