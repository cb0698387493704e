//! Every endpoint with every answer that the documentation knows of it.

use serde_json::{Value, json};

use super::{Place, Served};

/// Method, path with `{id}`, and the documented answers; 401 and 429 are possible everywhere.
const DOCUMENTED: &[(&str, &str, &[u16])] = &[
    (
        "POST",
        "/connected_accounts/link",
        &[201, 400, 401, 404, 422, 429, 500, 501],
    ),
    (
        "POST",
        "/connected_accounts",
        &[201, 400, 401, 404, 429, 500, 501],
    ),
    ("GET", "/connected_accounts", &[200, 400, 401, 429]),
    (
        "GET",
        "/connected_accounts/{id}",
        &[200, 401, 403, 404, 429],
    ),
    (
        "PATCH",
        "/connected_accounts/{id}",
        &[200, 400, 401, 404, 429],
    ),
    (
        "PATCH",
        "/connected_accounts/{id}/status",
        &[200, 400, 401, 403, 404, 429, 500],
    ),
    (
        "POST",
        "/connected_accounts/{id}/refresh",
        &[200, 400, 401, 403, 404, 429, 500, 501],
    ),
    (
        "POST",
        "/connected_accounts/{id}/revoke",
        &[200, 400, 401, 404, 409, 429, 500],
    ),
    ("DELETE", "/connected_accounts/{id}", &[200, 401, 404, 429]),
    ("GET", "/auth_configs", &[200, 401, 429]),
    ("GET", "/auth_configs/{id}", &[200, 401, 404, 429]),
];

/// How an answer is brought about.
enum How {
    /// By this request for an ACTIVE account, after these control calls about it.
    Asked(Request),
    /// The documentation does not tell when: on demand.
    OnDemand,
}

struct Request {
    /// Instead of the ACTIVE account's.
    id: Option<&'static str>,
    /// The auth config of the account.
    config: &'static str,
    query: &'static str,
    body: Value,
    /// Control calls about the account beforehand.
    before: &'static [&'static str],
    /// What the answer must hold.
    holds: &'static str,
    /// The account's status afterwards; as before when absent.
    after: Option<&'static str>,
}

fn asked() -> Request {
    Request {
        id: None,
        config: "ac_gmail",
        query: "",
        body: Value::Null,
        before: &[],
        holds: "",
        after: None,
    }
}

fn body(body: Value) -> Request {
    Request { body, ..asked() }
}

fn holds(mut request: Request, holds: &'static str) -> How {
    request.holds = holds;
    How::Asked(request)
}

fn case(method: &str, path: &str, status: u16) -> Option<How> {
    let nobody = |request: Request| Request {
        id: Some("ca_none"),
        ..request
    };
    Some(match (method, path, status) {
        // A wrong key and an empty budget are arranged by the test.
        (_, _, 401) => holds(asked(), "Invalid API key"),
        (_, _, 429) => holds(asked(), "Rate limit exceeded"),
        (_, _, 403 | 422) => How::OnDemand,

        ("POST", "/connected_accounts/link", 201) => holds(
            body(json!({"auth_config_id": "ac_gmail", "user_id": "new", "more": 1})),
            "redirect_url",
        ),
        ("POST", "/connected_accounts/link", 400) => holds(
            body(json!({"auth_config_id": "ac_gmail", "user_id": 7})),
            "invalid type",
        ),
        ("POST", "/connected_accounts/link", 404) => holds(
            body(json!({"auth_config_id": "ac_none", "user_id": "new"})),
            "ac_none",
        ),
        ("POST", "/connected_accounts/link" | "/connected_accounts", 500 | 501) => How::OnDemand,

        ("POST", "/connected_accounts", 201) => {
            let state = json!({"authScheme": "API_KEY", "val": {"api_key": "k"}});
            let connection = json!({"user_id": "new", "state": state});
            holds(
                body(json!({"auth_config": {"id": "ac_hubspot"}, "connection": connection})),
                "connectionData",
            )
        }
        ("POST", "/connected_accounts", 400) => holds(
            body(json!({"auth_config": {"id": "ac_gmail"}, "connection": {"user_id": "new"}})),
            "/connected_accounts/link",
        ),
        ("POST", "/connected_accounts", 404) => holds(
            body(json!({"auth_config": {"id": "ac_none"}, "connection": {"user_id": "new"}})),
            "ac_none",
        ),

        ("GET", "/connected_accounts" | "/auth_configs", 200) => holds(asked(), "next_cursor"),
        ("GET", "/connected_accounts", 400) => holds(
            Request {
                query: "?statuses=SLEEPING",
                ..asked()
            },
            "statuses",
        ),
        ("GET", "/auth_configs/{id}", 200) => holds(
            Request {
                id: Some("ac_gmail"),
                ..asked()
            },
            "ENABLED",
        ),
        ("GET", "/auth_configs/{id}", 404) => holds(
            Request {
                id: Some("ac_none"),
                ..asked()
            },
            "ac_none",
        ),
        ("GET", "/connected_accounts/{id}", 200) => holds(asked(), "requested_scopes"),
        ("GET" | "DELETE", "/connected_accounts/{id}", 404) => holds(nobody(asked()), "ca_none"),

        ("PATCH", "/connected_accounts/{id}", 200) => {
            holds(body(json!({"alias": "b", "more": 1})), "success")
        }
        ("PATCH", "/connected_accounts/{id}", 400) => holds(
            body(json!({"experimental": {"acl_config_for_shared": {"allow_all_users": true}}})),
            "SHARED",
        ),
        ("PATCH", "/connected_accounts/{id}", 404) => {
            holds(nobody(body(json!({"alias": "b"}))), "ca_none")
        }

        ("PATCH", "/connected_accounts/{id}/status", 200) => holds(
            Request {
                after: Some("INACTIVE"),
                ..body(json!({"enabled": false}))
            },
            "success",
        ),
        ("PATCH", "/connected_accounts/{id}/status", 400) => {
            holds(body(json!({"enabled": "no"})), "invalid type")
        }
        ("PATCH", "/connected_accounts/{id}/status", 404) => {
            holds(nobody(body(json!({"enabled": false}))), "ca_none")
        }
        ("PATCH", "/connected_accounts/{id}/status", 500) => How::OnDemand,

        ("POST", "/connected_accounts/{id}/refresh", 200) => holds(
            Request {
                before: &["expire"],
                after: Some("INITIATED"),
                ..asked()
            },
            "redirect_url",
        ),
        ("POST", "/connected_accounts/{id}/refresh", 400) => holds(
            Request {
                before: &["disable"],
                ..asked()
            },
            "INACTIVE",
        ),
        ("POST", "/connected_accounts/{id}/refresh", 404) => holds(nobody(asked()), "ca_none"),
        ("POST", "/connected_accounts/{id}/refresh", 500) => How::OnDemand,
        ("POST", "/connected_accounts/{id}/refresh", 501) => holds(
            Request {
                config: "ac_open",
                ..asked()
            },
            "NO_AUTH",
        ),

        ("POST", "/connected_accounts/{id}/revoke", 200) => holds(
            Request {
                after: Some("REVOKED"),
                ..asked()
            },
            "refresh_token",
        ),
        ("POST", "/connected_accounts/{id}/revoke", 400) => holds(
            Request {
                config: "ac_trello",
                ..asked()
            },
            "trello",
        ),
        ("POST", "/connected_accounts/{id}/revoke", 404) => holds(nobody(asked()), "ca_none"),
        ("POST", "/connected_accounts/{id}/revoke", 409) => holds(
            Request {
                before: &["disable"],
                ..asked()
            },
            "revokable",
        ),
        ("POST", "/connected_accounts/{id}/revoke", 500) => holds(
            Request {
                before: &["revoke-at-provider"],
                ..asked()
            },
            "upstream",
        ),

        ("DELETE", "/connected_accounts/{id}", 200) => holds(
            Request {
                query: "?revoke_on_delete=true",
                after: Some("gone"),
                ..asked()
            },
            "revoke_job_id",
        ),
        _ => return None,
    })
}

#[tokio::test]
async fn every_documented_answer_and_what_is_seen_after_it() {
    let served = Served::start().await;
    let mut missing = Vec::new();
    for (method, path, statuses) in DOCUMENTED {
        for status in *statuses {
            match case(method, path, *status) {
                Some(how) => check(&served, method, path, *status, how).await,
                None => missing.push(format!("{method} {path} {status}")),
            }
        }
    }
    assert!(missing.is_empty(), "no case for: {}", missing.join(", "));
}

async fn check(served: &Served, method: &str, path: &str, status: u16, how: How) {
    let name = format!("{method} {path} {status}");
    let place = Place::new(served).await;
    let (request, on_demand) = match how {
        How::Asked(request) => (request, false),
        How::OnDemand => (asked(), true),
    };
    let id = place.active(request.config, "ann").await;
    for action in request.before {
        let call = format!("accounts/{id}/{action}");
        place.control("POST", &call, Value::Null).await;
    }
    let before = place.row(&id).await;
    let rows = place.list().await;
    let seq = place.log().await.len();
    if on_demand {
        let path = path.replace("{id}", "*");
        let fault = json!({"method": method, "path": path, "status": status});
        place.control("POST", "fault", fault).await;
    }
    match status {
        401 => {
            place
                .control(
                    "POST",
                    "api-key",
                    json!({"api_key": format!("{}-new", place.key)}),
                )
                .await;
        }
        429 => {
            place.control("POST", "limit", json!({"limit": 0})).await;
        }
        _ => {}
    }

    let full = format!(
        "{}{}",
        path.replace("{id}", request.id.unwrap_or(&id)),
        request.query
    );
    let (seen, answer) = place.api(method, &full, request.body).await;

    match status {
        401 => {
            let key = json!({"api_key": place.key});
            place.control("POST", "api-key", key).await;
        }
        429 => {
            place.control("POST", "limit", json!({"limit": 1000})).await;
        }
        _ => {}
    }
    assert_eq!(seen, status, "{name}: {answer}");
    assert!(
        answer.to_string().contains(request.holds),
        "{name}: {answer}"
    );
    if status == 429 {
        assert!(answer["message"].is_string(), "{name}: {answer}");
        assert!(answer.get("error").is_none(), "{name}: {answer}");
    } else if status >= 400 {
        assert_eq!(answer["error"]["status"], status, "{name}: {answer}");
        for field in ["message", "slug", "request_id"] {
            assert!(answer["error"][field].is_string(), "{name}: {answer}");
        }
    }

    // The log, before anything else is asked.
    let log = place.log().await;
    assert_eq!(log.len(), seq + 1, "{name}: {log:?}");
    let entry = &log[seq];
    assert_eq!(
        (&entry["status"], &entry["method"]),
        (&json!(status), &json!(method))
    );
    assert_eq!(
        entry["path"],
        format!("/api/v3.1{}", full.split('?').next().unwrap())
    );
    let message = [&answer["error"]["message"], &answer["message"]]
        .into_iter()
        .find(|message| message.is_string());
    assert_eq!(entry["error"], *message.unwrap_or(&Value::Null), "{name}");
    if let Some(request_id) = answer["error"]["request_id"].as_str() {
        assert_eq!(entry["request_id"], request_id, "{name}");
    }

    // The account and the list.
    let made = answer["id"]
        .as_str()
        .filter(|_| status == 201)
        .or(answer["connected_account_id"].as_str());
    if let Some(made) = made {
        assert_eq!(entry["account"], made, "{name}");
        let row = place.row(made).await;
        assert_eq!(row["user_id"], "new", "{name}: {row}");
        assert_eq!(place.listed(made).await.unwrap(), row["status"], "{name}");
    }
    let expected = request.after.or(before["status"].as_str()).unwrap();
    assert_eq!(place.status(&id).await, expected, "{name}");
    let listed = place.listed(&id).await;
    assert_eq!(listed.as_deref().unwrap_or("gone"), expected, "{name}");
    if status >= 400 {
        assert_eq!(
            place.row(&id).await,
            before,
            "{name}: a refusal changes nothing"
        );
        assert_eq!(
            place.list().await,
            rows,
            "{name}: a refusal changes nothing"
        );
    }
    if name == "PATCH /connected_accounts/{id} 200" {
        assert_eq!(place.row(&id).await["alias"], "b");
    }
    let dead = [
        "POST /connected_accounts/{id}/revoke 200",
        "DELETE /connected_accounts/{id} 200",
    ];
    if dead.contains(&name.as_str()) {
        assert!(!place.grant_alive(&id).await, "{name}");
    }
}
