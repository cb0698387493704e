//! Both positions of the switches about what somebody saw of Composio, by what clients see.

use serde_json::{Value, json};

use super::Place;
use super::switches::path;

pub(super) async fn check(place: &Place<'_>, name: &str, on: bool) {
    let told = format!("{name} {on}");
    let either = |yes: &'static str, no: &'static str| if on { yes } else { no };
    match name {
        "refresh_reopens_active" => {
            let id = place.active("ac_gmail", "ann").await;
            let refresh = format!("{}/refresh", path(&id));
            let (_, answer) = place.api("POST", &refresh, Value::Null).await;
            let wanted = either("INITIATED", "ACTIVE");
            assert_eq!(answer["status"], wanted, "{told}");
            assert!(answer["redirect_url"].is_string(), "{told}");
            assert_eq!(place.status(&id).await, wanted, "{told}");
            assert_eq!(place.listed(&id).await.unwrap(), wanted, "{told}");
            // Nobody comes: what works goes on working, and what was reopened runs out.
            let later = json!({"advance_seconds": 601});
            place.control("POST", "clock", later).await;
            assert_eq!(
                place.status(&id).await,
                either("EXPIRED", "ACTIVE"),
                "{told}"
            );
            // A key has no person to ask.
            let id = place.active("ac_hubspot", "ann").await;
            let refresh = format!("{}/refresh", path(&id));
            place.api("POST", &refresh, Value::Null).await;
            assert_eq!(place.status(&id).await, "ACTIVE", "{told}");
        }
        "refresh_is_deprecated" => {
            let id = place.active("ac_gmail", "ann").await;
            let refresh = format!("/api/v3.1{}/refresh", path(&id));
            for (method, whole, tells) in [
                ("POST", refresh.as_str(), on),
                ("GET", "/api/v3.1/connected_accounts", false),
            ] {
                let answer = place.whole(&place.key, method, whole, &Value::Null).await;
                assert_eq!(answer.status(), 200, "{told}");
                for header in ["deprecation", "sunset", "link"] {
                    let there = answer.headers().contains_key(header);
                    assert_eq!(there, tells, "{told}: {method} {header}");
                }
            }
        }
        "disabled_config_disables_accounts" => {
            let id = place.active("ac_gmail", "ann").await;
            let config =
                |enabled: bool| json!({"id": "ac_gmail", "toolkit": "gmail", "enabled": enabled});
            place.control("POST", "auth-configs", config(false)).await;
            let row = place.row(&id).await;
            assert_eq!(row["status"], either("INACTIVE", "ACTIVE"), "{told}");
            assert_eq!(row["auth_config"]["is_disabled"], true, "{told}");
            let reason = row["status_reason"] == "Auth config is disabled";
            assert_eq!(reason, on, "{told}: {row}");
            assert_eq!(place.list().await[0], listed(row), "{told}");
            // It is for somebody to enable the account, too.
            place.control("POST", "auth-configs", config(true)).await;
            let row = place.row(&id).await;
            assert_eq!(row["status"], either("INACTIVE", "ACTIVE"), "{told}");
            assert_eq!(row["auth_config"]["is_disabled"], false, "{told}");
        }
        "patch_knows_its_fields" => {
            let id = place.active("ac_hubspot", "ann").await;
            let patch = |val: Value| json!({"connection": {"state": {"authScheme": "API_KEY", "val": val}}});
            let body = patch(json!({"generic_api_key": "two", "subdomain": "acme"}));
            let (status, answer) = place.api("PATCH", &path(&id), body).await;
            assert_eq!(status, if on { 400 } else { 200 }, "{told}");
            assert_eq!(
                answer.to_string().contains("subdomain"),
                on,
                "{told}: {answer}"
            );
            let body = patch(json!({"generic_api_key": "three", "status": "ACTIVE"}));
            assert_eq!(place.api("PATCH", &path(&id), body).await.0, 200, "{told}");
            let call = format!("accounts/{id}");
            let held = place.control("GET", &call, Value::Null).await;
            let merged = held["credentials"]["subdomain"].is_string();
            assert_eq!(merged, !on, "{told}: a refusal stores nothing");
        }
        "narrow_aliases" => {
            for (alias, narrow) in [("work-2", true), ("team.work", false)] {
                let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann", "alias": alias});
                let (status, answer) = place.api("POST", "/connected_accounts/link", body).await;
                let refused = on && !narrow;
                assert_eq!(status, if refused { 400 } else { 201 }, "{told}: {answer}");
                let in_use = answer.to_string().contains("in use");
                assert!(!in_use, "{told}: another refusal than that of a taken one");
            }
            let id = place.link("ac_slack", "ann", Value::Null).await;
            let (status, _) = place
                .api("PATCH", &path(&id), json!({"alias": "a.b"}))
                .await;
            assert_eq!(status, if on { 400 } else { 200 }, "{told}");
        }
        "session_info_refused" => {
            let (status, answer) = place.api("GET", "/auth/session/info", Value::Null).await;
            assert_eq!(status, if on { 401 } else { 200 }, "{told}");
            if on {
                assert_eq!(answer["error"]["message"], "Invalid API key");
            }
            // What the key may do it still may.
            assert_eq!(place.api("GET", "/auth_configs", Value::Null).await.0, 200);
        }
        "declines_are_named" => {
            let id = place.link("ac_gmail", "ann", Value::Null).await;
            let cancel = format!("accounts/{id}/cancel");
            place.control("POST", &cancel, Value::Null).await;
            let row = place.row(&id).await;
            assert_eq!(row["status"], "FAILED", "{told}");
            let reason = row["status_reason"].as_str().unwrap();
            assert_eq!(reason.contains("access_denied"), on, "{told}: {reason}");
            assert_eq!(place.list().await[0], listed(row), "{told}");
        }
        _ => panic!("no case for {name}"),
    }
}

/// A row as the list has it: without what only the single answer carries.
fn listed(mut row: Value) -> Value {
    let fields = row.as_object_mut().unwrap();
    fields.remove("params");
    fields.remove("requested_scopes");
    row
}
