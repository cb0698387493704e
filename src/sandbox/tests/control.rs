use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Served;

#[tokio::test]
async fn control_calls_steer_one_account_through_its_life() {
    let served = Served::start().await;
    let (id, _) = served
        .link("ac_gmail", "ann", json!("https://app.test/"))
        .await;
    let control = |action: &str| format!("/_sandbox/accounts/{id}/{action}");

    let answer = served.post(&control("consent"), Value::Null).await;
    assert_eq!(answer["account"]["status"], "ACTIVE");
    assert_eq!(answer["account"]["ever_active"], true);
    assert!(
        answer["finished"]["redirect_url"]
            .as_str()
            .unwrap()
            .contains("status=success")
    );
    assert_eq!(
        served.get("/_sandbox/grants").await["grants"][0]["alive"],
        true
    );

    let body = json!({"state": "HIBERNATING", "reason": "winter"});
    assert_eq!(
        served.post(&control("state"), body).await["status"],
        "HIBERNATING"
    );
    assert_eq!(served.status(&id).await, "HIBERNATING");

    served
        .post(&control("state"), json!({"state": "ACTIVE"}))
        .await;
    let answer = served
        .post(&control("revoke-at-provider"), Value::Null)
        .await;
    assert_eq!(answer["grant"]["ended_by"], "provider");
    assert_eq!(
        served.post(&control("expire"), Value::Null).await["status"],
        "EXPIRED"
    );

    let (other, _) = served.link("ac_slack", "ann", Value::Null).await;
    let cancel = format!("/_sandbox/accounts/{other}/cancel");
    assert_eq!(
        served.post(&cancel, Value::Null).await["account"]["status"],
        "FAILED"
    );
}

#[tokio::test]
async fn control_calls_change_the_world_around_the_accounts() {
    let served = Served::start().await;
    served
        .post(
            "/_sandbox/auth-configs",
            json!({"id": "ac_new", "toolkit": "jira"}),
        )
        .await;
    let config = served.get("/api/v3.1/auth_configs/ac_new").await;
    assert_eq!(
        (&config["auth_scheme"], &config["status"]),
        (&json!("OAUTH2"), &json!("ENABLED"))
    );

    let answer = served
        .post("/_sandbox/clock", json!({"set": "2030-01-01T00:00:00Z"}))
        .await;
    assert!(
        answer["now"]
            .as_str()
            .unwrap()
            .starts_with("2030-01-01T00:00:0"),
        "{answer}"
    );

    let switches = json!({"alias_not_unique": true});
    served.post("/_sandbox/switches", switches).await;
    assert_eq!(
        served.get("/_sandbox/switches").await["alias_not_unique"],
        true
    );

    served.post("/_sandbox/limit", json!({"limit": 0})).await;
    let (status, _) = served
        .call(Method::GET, "/api/v3.1/auth_configs", Value::Null)
        .await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);

    let log = served.get("/_sandbox/log?since=1").await;
    assert_eq!(
        log["entries"].as_array().unwrap().len(),
        1,
        "control calls are not in it: {log}"
    );
    served
        .call(Method::DELETE, "/_sandbox/log", Value::Null)
        .await;
    assert_eq!(served.get("/_sandbox/log").await["entries"], json!([]));

    served.post("/_sandbox/reset", Value::Null).await;
    let (status, _) = served
        .call(Method::GET, "/api/v3.1/auth_configs/ac_new", Value::Null)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_control_call_is_told_what_is_wrong() {
    let served = Served::start().await;
    let (id, _) = served.link("ac_gmail", "ann", Value::Null).await;
    let state = format!("/_sandbox/accounts/{id}/state");
    let cases = [
        (
            Method::POST,
            "/_sandbox/concent",
            json!({}),
            404,
            "/_sandbox/concent",
        ),
        (Method::GET, "/_sandbox", Value::Null, 404, "/_sandbox"),
        (
            Method::GET,
            "/_sandbox/reset",
            Value::Null,
            405,
            "takes POST",
        ),
        (
            Method::POST,
            "/_sandbox/accounts/ca_none/consent",
            Value::Null,
            404,
            "ca_none",
        ),
        (
            Method::POST,
            state.as_str(),
            json!({"status": "ACTIVE"}),
            400,
            "status",
        ),
        (
            Method::POST,
            "/_sandbox/clock",
            json!({}),
            400,
            "advance_seconds",
        ),
        (
            Method::POST,
            "/_sandbox/limit",
            json!({"limit": "many"}),
            400,
            "limit",
        ),
        (
            Method::POST,
            "/_sandbox/fault",
            json!({"status": "explode"}),
            400,
            "cut_before",
        ),
        (
            Method::POST,
            "/_sandbox/fault",
            json!({"status": 42}),
            400,
            "200 to 599",
        ),
        (
            Method::GET,
            "/_sandbox/log?after=1",
            Value::Null,
            400,
            "since",
        ),
    ];
    for (method, path, body, status, why) in cases {
        let (seen, answer) = served.call(method, path, body).await;
        assert_eq!(seen, status, "{path}");
        let message = answer["error"].as_str().expect("a message");
        assert!(message.contains(why), "{path}: {message}");
    }
    served
        .post(&format!("/_sandbox/accounts/{id}/consent"), Value::Null)
        .await;
    let again = format!("/_sandbox/accounts/{id}/consent");
    let (status, answer) = served.call(Method::POST, &again, Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
}

#[tokio::test]
async fn control_calls_slow_the_api_down_and_change_its_key() {
    let served = Served::start().await;
    served
        .post("/_sandbox/latency", json!({"milliseconds": 200}))
        .await;
    let start = Instant::now();
    served.get("/api/v3.1/auth_configs").await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    served
        .post("/_sandbox/latency", json!({"milliseconds": 0}))
        .await;

    served
        .post("/_sandbox/api-key", json!({"api_key": "other"}))
        .await;
    let (status, _) = served
        .call(Method::GET, "/api/v3.1/auth_configs", Value::Null)
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    served
        .post("/_sandbox/api-key", json!({"api_key": "sandbox"}))
        .await;
    served.get("/api/v3.1/auth_configs").await;
}
