//! Every control call: its answer, and what the next GET, list and log say.

use serde_json::{Value, json};

use super::documented::subscription;
use super::failures::{faults, latency};
use super::worlds::worlds;
use super::{Place, Served};
use crate::routes::ROUTES;

#[tokio::test]
async fn every_control_call_and_what_is_seen_after_it() {
    let served = Served::start().await;
    for (method, path, _, _) in ROUTES {
        let place = Place::new(&served).await;
        let id = place.active("ac_gmail", "ann").await;
        let logged = place.log().await.len();
        let short = path.trim_start_matches("/_sandbox/");
        check(&place, method, short, &id).await;
        let calls = place.log().await;
        let control = |entry: &Value| entry["path"].as_str().unwrap().contains("_sandbox");
        assert!(!calls.iter().any(control), "{path} is in the log");
        if !["DELETE log", "POST reset"].contains(&format!("{method} {short}").as_str()) {
            assert!(calls.len() >= logged, "{path} has emptied the log");
        }
    }
}

/// After a call about an account, the API tells this status of it, in both ways.
pub(super) async fn seen(place: &Place<'_>, id: &str, status: &str) {
    assert_eq!(place.status(id).await, status);
    let listed = place.listed(id).await;
    assert_eq!(listed.as_deref().unwrap_or("gone"), status);
    let log = place.log().await;
    let last = &log[log.len() - 2..];
    assert_eq!(last[0]["account"], id, "{last:?}");
    assert!(
        last[1]["path"]
            .as_str()
            .unwrap()
            .ends_with("/connected_accounts")
    );
}

async fn check(place: &Place<'_>, method: &str, route: &str, id: &str) {
    let path = route.replace("{id}", id);
    let call = |body: Value| place.control(method, &path, body);
    match (method, route) {
        ("GET", "accounts") => {
            let answer = call(Value::Null).await;
            assert_eq!(answer["accounts"][0]["id"], id);
            place
                .api("DELETE", &format!("/connected_accounts/{id}"), Value::Null)
                .await;
            let answer = call(Value::Null).await;
            assert!(
                answer["accounts"][0]["deleted_at"].is_string(),
                "the deleted too"
            );
            assert!(place.list().await.is_empty());
        }
        ("GET", "accounts/{id}") => {
            let answer = call(Value::Null).await;
            assert_eq!(
                (&answer["status"], &answer["ever_active"]),
                (&json!("ACTIVE"), &json!(true))
            );
            let (status, _) = place
                .try_control("GET", "accounts/ca_none", Value::Null)
                .await;
            assert_eq!(status, 404);
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "accounts/{id}/consent") => {
            assert_eq!(place.try_control(method, &path, Value::Null).await.0, 409);
            let open = place.link("ac_slack", "bob", Value::Null).await;
            let answer = place
                .control("POST", &format!("accounts/{open}/consent"), Value::Null)
                .await;
            assert_eq!(answer["finished"]["status"], "success");
            assert!(place.grant_alive(&open).await);
            seen(place, &open, "ACTIVE").await;
        }
        ("POST", "accounts/{id}/cancel") => {
            assert_eq!(place.try_control(method, &path, Value::Null).await.0, 409);
            let open = place.link("ac_slack", "bob", Value::Null).await;
            let answer = place
                .control("POST", &format!("accounts/{open}/cancel"), Value::Null)
                .await;
            assert_eq!(answer["finished"]["status"], "failed");
            seen(place, &open, "FAILED").await;
        }
        ("POST", "accounts/{id}/expire" | "accounts/{id}/end-grant") => {
            assert_eq!(call(Value::Null).await["grant"]["ended_by"], "expired");
            seen(place, id, "EXPIRED").await;
            assert_eq!(
                place.row(id).await["status_reason"],
                "Permanent auth error during token refresh"
            );
            assert_eq!(place.try_control(method, &path, Value::Null).await.0, 409);
            let open = place.link("ac_slack", "bob", Value::Null).await;
            let (status, _) = place
                .try_control(method, &route.replace("{id}", &open), Value::Null)
                .await;
            let (wanted, state) = match route {
                "accounts/{id}/expire" => (200, "EXPIRED"),
                _ => (409, "INITIALIZING"),
            };
            assert_eq!(
                (status, place.status(&open).await.as_str()),
                (wanted, state)
            );
        }
        ("POST", "accounts/{id}/revoke-at-provider") => {
            let before = place.row(id).await;
            assert_eq!(call(Value::Null).await["grant"]["ended_by"], "provider");
            seen(place, id, "ACTIVE").await;
            assert_eq!(place.row(id).await, before, "Composio does not notice");
            assert_eq!(place.try_control(method, &path, Value::Null).await.0, 409);
        }
        ("POST", "accounts/{id}/disable") => {
            assert_eq!(call(Value::Null).await["status"], "INACTIVE");
            seen(place, id, "INACTIVE").await;
            assert_eq!(place.row(id).await["is_disabled"], true);
        }
        ("POST", "accounts/{id}/enable") => {
            place
                .control("POST", &format!("accounts/{id}/disable"), Value::Null)
                .await;
            assert_eq!(call(Value::Null).await["status"], "ACTIVE");
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "accounts/{id}/delete") => {
            assert!(call(Value::Null).await["deleted_at"].is_string());
            seen(place, id, "gone").await;
            assert!(place.grant_alive(id).await, "a deletion does not revoke");
            assert_eq!(place.try_control(method, &path, Value::Null).await.0, 404);
        }
        ("POST", "accounts/{id}/alias") => {
            assert_eq!(call(json!({"alias": "theirs"})).await["alias"], "theirs");
            seen(place, id, "ACTIVE").await;
            assert_eq!(place.list().await[0]["alias"], "theirs");
            let other = place.active("ac_gmail", "ann").await;
            let body = json!({"alias": "theirs"});
            let taken = place
                .try_control(method, &format!("accounts/{other}/alias"), body)
                .await;
            assert_eq!(taken.0, 409, "{taken:?}");
            assert_eq!(call(json!({"alias": ""})).await["alias"], Value::Null);
        }
        ("POST", "accounts/{id}/state") => {
            call(json!({"state": "HIBERNATING", "reason": "winter"})).await;
            seen(place, id, "HIBERNATING").await;
            assert_eq!(place.row(id).await["status_reason"], "winter");
        }
        ("POST", "auth-configs") => {
            let body = json!({"id": "ac_gmail", "toolkit": "gmail", "enabled": false});
            call(body).await;
            let (_, config) = place
                .api("GET", "/auth_configs/ac_gmail", Value::Null)
                .await;
            assert_eq!(config["status"], "DISABLED");
            assert_eq!(place.row(id).await["auth_config"]["is_disabled"], true);
            assert_eq!(place.list().await[0]["auth_config"]["is_disabled"], true);
            let other = json!({"id": "ac_gmail", "toolkit": "outlook"});
            assert_eq!(place.try_control(method, route, other).await.0, 409);
        }
        ("GET", "clock") => {
            assert!(call(Value::Null).await["now"].is_string());
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "clock") => {
            let open = place.link("ac_slack", "bob", Value::Null).await;
            call(json!({"advance_seconds": 601})).await;
            seen(place, &open, "EXPIRED").await;
            let now = call(json!({"set": "2031-01-01T00:00:00Z"})).await["now"].clone();
            assert!(
                now.as_str().unwrap().starts_with("2031-01-01T00:00:0"),
                "{now}"
            );
            place.status(id).await;
            let time = place.log().await.last().unwrap()["time"].clone();
            assert!(time.as_str().unwrap().starts_with("2031-"), "{time}");
        }
        ("GET", "log") => {
            let before = call(Value::Null).await["entries"].as_array().unwrap().len();
            place.status(id).await;
            let since = place
                .control("GET", &format!("log?since={before}"), Value::Null)
                .await;
            let entries = since["entries"].as_array().unwrap();
            assert_eq!(entries.len(), 1);
            for (field, value) in [
                ("method", json!("GET")),
                ("status", json!(200)),
                ("account", json!(id)),
            ] {
                assert_eq!(entries[0][field], value);
            }
        }
        ("DELETE", "log") => {
            let last = place.log().await.last().unwrap()["seq"].as_u64().unwrap();
            call(Value::Null).await;
            assert!(place.log().await.is_empty());
            assert_eq!(place.status(id).await, "ACTIVE");
            assert_eq!(place.log().await[0]["seq"], last + 1);
        }
        ("GET", "fault") => {
            assert_eq!(call(Value::Null).await["faults"], json!([]));
            place.control("POST", "fault", json!({"status": 500})).await;
            assert_eq!(call(Value::Null).await["faults"][0]["status"], 500);
            let failed = place.api("GET", "/auth_configs", Value::Null).await;
            assert_eq!(
                (failed.0, &place.log().await.last().unwrap()["fault"]),
                (500, &json!("status"))
            );
            assert_eq!(
                call(Value::Null).await["faults"],
                json!([]),
                "it is used up"
            );
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "fault") => faults(place, id).await,
        ("DELETE", "fault") => {
            place.control("POST", "fault", json!({"status": 500})).await;
            call(Value::Null).await;
            seen(place, id, "ACTIVE").await;
        }
        ("GET", "grants") => {
            let grants = call(Value::Null).await["grants"].clone();
            assert_eq!(
                grants[0],
                json!({"account": id, "given": true, "alive": true, "ended_by": null, "ended_at": null})
            );
            place
                .api(
                    "POST",
                    &format!("/connected_accounts/{id}/revoke"),
                    Value::Null,
                )
                .await;
            assert_eq!(call(Value::Null).await["grants"][0]["ended_by"], "revoke");
            seen(place, id, "REVOKED").await;
        }
        ("POST", "limit") => {
            call(json!({"limit": 0})).await;
            let (status, _) = place.api("GET", "/auth_configs", Value::Null).await;
            assert_eq!(status, 429);
            assert_eq!(place.log().await.last().unwrap()["status"], 429);
            call(json!({"limit": 1000})).await;
            seen(place, id, "ACTIVE").await;
        }
        ("GET", "budget") => {
            let left = |answer: &Value| answer["remaining"].as_i64().unwrap();
            place
                .control("POST", "clock", json!({"set": "2030-01-01T00:00:00Z"}))
                .await;
            let before = call(Value::Null).await;
            assert_eq!(before["limit"], 10_000);
            place.status(id).await;
            assert_eq!(left(&call(Value::Null).await), left(&before) - 1);
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "budget") => {
            place
                .control("POST", "clock", json!({"set": "2030-01-01T00:00:00Z"}))
                .await;
            assert_eq!(call(json!({"spend": 10_000})).await["remaining"], 0);
            assert_eq!(place.api("GET", "/auth_configs", Value::Null).await.0, 429);
            assert_eq!(place.log().await.last().unwrap()["status"], 429);
            call(json!({"others_per_minute": 9_990})).await;
            place
                .control("POST", "clock", json!({"advance_seconds": 60}))
                .await;
            assert_eq!(call(json!({})).await["remaining"], 10);
            seen(place, id, "ACTIVE").await;
        }
        ("GET", "latency") => {
            assert_eq!(call(Value::Null).await, json!({"milliseconds": 0}));
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "latency") => latency(place).await,
        ("POST", "api-key") => {
            call(json!({"api_key": "rotated"})).await;
            assert_eq!(place.api("GET", "/auth_configs", Value::Null).await.0, 401);
            assert_eq!(place.log().await.last().unwrap()["status"], 401);
            let (status, _) = place
                .send("rotated", "GET", "/api/v3.1/auth_configs", &Value::Null)
                .await;
            assert_eq!(status, 200);
            let taken = place
                .try_control("POST", "api-key", json!({"api_key": "sandbox"}))
                .await;
            assert_eq!(taken.0, 409);
        }
        ("GET", "switches") => {
            assert_eq!(call(Value::Null).await["alias_not_unique"], false);
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "switches") => {
            assert_eq!(
                call(json!({"list_lag_seconds": 5})).await["list_lag_seconds"],
                5
            );
            assert_eq!(place.listed(id).await, None);
            assert_eq!(place.status(id).await, "ACTIVE");
            assert_eq!(call(json!({})).await["list_lag_seconds"], 0);
            assert_eq!(
                place.try_control("POST", route, json!({"lag": 1})).await.0,
                400
            );
        }
        ("POST", "reset") => {
            call(Value::Null).await;
            assert!(place.log().await.is_empty());
            assert_eq!(place.status(id).await, "gone");
            assert!(place.list().await.is_empty());
        }
        ("GET", "project") => {
            let project = call(Value::Null).await;
            assert!(project["id"].as_str().unwrap().starts_with("pr_"));
            assert_eq!(
                (&project["verifier_url"], &project["same_browser"]),
                (&Value::Null, &json!(false))
            );
            seen(place, id, "ACTIVE").await;
        }
        ("POST", "project") => {
            let ids = json!({"id": "pr_other", "organisation_id": "ok_other"});
            let project = call(ids).await;
            assert_eq!(project["name"], "sandbox", "what is absent stays");
            let (_, info) = place.api("GET", "/auth/session/info", Value::Null).await;
            assert_eq!(info["project"]["nano_id"], "pr_other");
            assert_eq!(info["project"]["org"]["id"], "ok_other");
            let wrong = json!({"verifier_url": "/verify"});
            assert_eq!(place.try_control(method, route, wrong).await.0, 400);
            seen(place, id, "ACTIVE").await;
        }
        ("GET", "deliveries") => {
            assert_eq!(call(Value::Null).await["deliveries"], json!([]));
            let body = subscription("https://app.test/hook");
            place.api("POST", "/webhook_subscriptions", body).await;
            let end = format!("accounts/{id}/end-grant");
            place.control("POST", &end, Value::Null).await;
            let delivery = call(Value::Null).await["deliveries"][0].clone();
            assert_eq!(
                (&delivery["account"], &delivery["due"]),
                (&json!(id), &Value::Null)
            );
            let told = delivery["attempts"][0]["error"].as_str().unwrap();
            assert!(
                told.contains("loopback"),
                "nothing leaves this machine: {told}"
            );
            seen(place, id, "EXPIRED").await;
        }
        ("GET" | "POST" | "DELETE", "worlds") => worlds(place, method, id).await,
        _ => panic!("no case for {method} {route}"),
    }
}
