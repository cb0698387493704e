//! Keys, ids, errors and limits.

use serde_json::{Value, json};

use crate::tests::table::Place;

pub(super) async fn check(place: &Place<'_>, id: &str) {
    match id {
        "base.address" => {
            let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann"});
            let (_, link) = place.api("POST", "/connected_accounts/link", body).await;
            let url = link["redirect_url"].as_str().unwrap();
            assert!(url.starts_with(&place.served.base), "{url}");
        }
        "base.path" => {
            let at = async |path: &str| place.send(&place.key, "GET", path, &Value::Null).await.0;
            assert_eq!(at("/api/v3.1/auth_configs").await, 200);
            assert_eq!(at("/api/v3/auth_configs").await, 404);
            let url = format!("{}/api/v3.1/auth_configs", place.served.base);
            let keyless = place.served.client.get(url).send().await.unwrap();
            assert_eq!(keyless.status(), 401);
        }
        "keys.scoped" => scoped(place).await,
        "keys.kinds" => {
            let (status, answer) = place
                .send("uak_ann", "GET", "/api/v3.1/auth_configs", &Value::Null)
                .await;
            assert_eq!((status, &answer["error"]["code"]), (401, &json!(10401)));
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("user API key"), "{message}");
        }
        "keys.project" => {
            let key = format!("{}-seeded", place.key);
            let seed = json!({"api_key": key, "project": "acme", "project_id": "pr_acme",
                "organisation_id": "ok_acme"});
            place.control("POST", "worlds", seed).await;
            let path = "/api/v3.1/auth/session/info";
            let (_, info) = place.send(&key, "GET", path, &Value::Null).await;
            let project = &info["project"];
            assert_eq!(
                (&project["nano_id"], &project["name"], &project["org"]["id"]),
                (&json!("pr_acme"), &json!("acme"), &json!("ok_acme"))
            );
            // Much of it a client should not keep.
            assert!(info["org_member"]["email"].is_string(), "{info}");
            // A new key is of the same project, and another world is another project.
            let own = async |key: &str| {
                let (_, info) = place.send(key, "GET", path, &Value::Null).await;
                info["project"]["nano_id"].as_str().unwrap().to_owned()
            };
            let before = own(&place.key).await;
            let rotated = format!("{}-rotated", place.key);
            let body = json!({"api_key": rotated});
            place.control("POST", "api-key", body).await;
            assert_eq!(own(&rotated).await, before);
            assert_ne!(own("sandbox").await, before);
        }
        "ids.issued" => {
            let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann",
                "metadata": {"team": "a"}, "idempotency_key": "once"});
            let mut made = Vec::new();
            for _ in 0..2 {
                let (_, link) = place
                    .api("POST", "/connected_accounts/link", body.clone())
                    .await;
                made.push(link["connected_account_id"].as_str().unwrap().to_owned());
            }
            assert_ne!(made[0], made[1], "nothing makes the second the first");
            assert!(made.iter().all(|id| id.starts_with("ca_")), "{made:?}");
            let row = place.row(&made[0]).await.to_string();
            assert!(!row.contains("team"), "{row}");
        }
        "errors.form" => errors(place).await,
        "errors.deprecated" => {
            let id = place.active("ac_gmail", "ann").await;
            let fault = json!({"path": "/connected_accounts/*/refresh", "status": 410});
            place.control("POST", "fault", fault).await;
            let refresh = format!("/connected_accounts/{id}/refresh");
            let (status, answer) = place.api("POST", &refresh, Value::Null).await;
            assert_eq!(
                (status, &answer["error"]["slug"]),
                (410, &json!("HTTP_Gone"))
            );
        }
        "limit.edge" => {
            let left = async || {
                let budget = place.control("GET", "budget", Value::Null).await;
                budget["remaining"].clone()
            };
            let clock = json!({"set": "2030-01-01T00:00:00Z"});
            place.control("POST", "clock", clock).await;
            let before = left().await;
            let fault = json!({"status": "edge_limit", "times": 2});
            place.control("POST", "fault", fault).await;
            for _ in 0..2 {
                let path = "/api/v3.1/connected_accounts";
                let answer = place.whole(&place.key, "GET", path, &Value::Null).await;
                assert_eq!(answer.status(), 429);
                for header in ["x-ratelimit", "x-ratelimit-remaining", "retry-after"] {
                    assert!(!answer.headers().contains_key(header), "{header}");
                }
                let body: Value = answer.json().await.unwrap();
                assert_eq!(body["error"]["slug"], "HTTP_TooManyRequests");
            }
            assert_eq!(
                left().await,
                before,
                "the organisation's budget is untouched"
            );
        }
        _ => panic!("no case for {id}"),
    }
}

/// A key that lacks a permission, one that is not good from here, and a project that is blocked.
async fn scoped(place: &Place<'_>) {
    let fault = json!({"status": 401, "path": "/auth_configs"});
    place.control("POST", "fault", fault).await;
    let (status, answer) = place.api("GET", "/auth_configs", Value::Null).await;
    assert_eq!(status, 401);
    assert_eq!(answer["error"]["message"], "Invalid API key");

    let fault = json!({"status": "address_refused"});
    place.control("POST", "fault", fault).await;
    let (status, answer) = place.api("GET", "/connected_accounts", Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (401, &json!(10401)));
    let fix = answer["error"]["suggested_fix"].as_str().unwrap();
    assert!(
        fix.contains("203.0.113.7"),
        "the address that was seen: {fix}"
    );

    let fault = json!({"status": 403, "path_prefix": "/", "times": 3});
    place.control("POST", "fault", fault).await;
    for path in ["/connected_accounts", "/auth_configs", "/auth/session/info"] {
        assert_eq!(place.api("GET", path, Value::Null).await.0, 403, "{path}");
    }
}

/// The codes and slugs that were seen, and what every error holds.
async fn errors(place: &Place<'_>) {
    let needy = json!({"id": "ac_shop", "toolkit": "shopify", "requires": ["shop"]});
    place.control("POST", "auth-configs", needy).await;
    place.link("ac_gmail", "ann", json!("taken")).await;
    let link = |config: &str, alias: Value| json!({"auth_config_id": config, "user_id": "ann", "alias": alias});
    let post = "/connected_accounts/link";
    let cases = [
        (
            "POST",
            post,
            link("ac_gmail", json!("taken")),
            400,
            json!(600),
            "ConnectedAccount_BadRequest",
        ),
        (
            "POST",
            post,
            link("ac_none", Value::Null),
            404,
            json!(607),
            "Auth_Config_NotFound",
        ),
        (
            "POST",
            post,
            link("ac_shop", Value::Null),
            400,
            json!(612),
            "ConnectedAccount_MissingRequiredFields",
        ),
        (
            "GET",
            "/connected_accounts/ca_none",
            Value::Null,
            404,
            json!(1810),
            "ConnectedAccount_ResourceNotFound",
        ),
    ];
    for (method, path, body, status, code, slug) in cases {
        let (seen, answer) = place.api(method, path, body).await;
        let error = &answer["error"];
        assert_eq!(
            (seen, &error["code"], &error["slug"], &error["status"]),
            (status, &code, &json!(slug), &json!(status))
        );
        assert!(error["request_id"].is_string() && error["message"].is_string());
    }
}
