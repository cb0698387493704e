//! Every endpoint, the answers that the documentation knows of it, and how each is brought about.

use serde_json::{Value, json};

/// Method, path with `{id}`, and the documented answers; 401 and 429 are possible everywhere.
pub(super) const DOCUMENTED: &[(&str, &str, &[u16])] = &[
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
    (
        "POST",
        "/connected_accounts/complete_auth",
        &[200, 400, 401, 404, 429],
    ),
    ("GET", "/auth/session/info", &[200, 401, 429]),
    ("POST", "/webhook_subscriptions", &[201, 400, 401, 409, 429]),
    ("GET", "/webhook_subscriptions", &[200, 401, 429]),
    (
        "GET",
        "/webhook_subscriptions/event_types",
        &[200, 401, 429],
    ),
    ("GET", "/webhook_subscriptions/{id}", &[200, 401, 404, 429]),
    (
        "PATCH",
        "/webhook_subscriptions/{id}",
        &[200, 400, 401, 404, 429],
    ),
    (
        "DELETE",
        "/webhook_subscriptions/{id}",
        &[200, 401, 404, 429],
    ),
    (
        "POST",
        "/webhook_subscriptions/{id}/rotate_secret",
        &[200, 401, 404, 429],
    ),
    ("GET", "/auth_configs", &[200, 401, 429]),
    ("GET", "/auth_configs/{id}", &[200, 401, 404, 429]),
];

/// How an answer is brought about.
pub(super) enum How {
    /// By this request for an ACTIVE account, after these control calls about it.
    Asked(Request),
    /// The documentation does not tell when: on demand.
    OnDemand,
}

/// What is there beside the ACTIVE account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    AnAccount,
    /// A webhook subscription, whose id stands for `{id}`.
    Subscription,
    /// Instead of the ACTIVE account one whose sign-in is to be verified; `{session}` in the body is
    /// its session.
    Session,
}

pub(super) struct Request {
    /// Instead of the ACTIVE account's.
    pub(super) id: Option<&'static str>,
    /// The auth config of the account.
    pub(super) config: &'static str,
    pub(super) query: &'static str,
    pub(super) body: Value,
    pub(super) given: Given,
    /// Control calls about the account beforehand.
    pub(super) before: &'static [&'static str],
    /// What the answer must hold.
    pub(super) holds: &'static str,
    /// The account's status afterwards; as before when absent.
    pub(super) after: Option<&'static str>,
}

pub(super) fn asked() -> Request {
    Request {
        id: None,
        config: "ac_gmail",
        query: "",
        body: Value::Null,
        given: Given::AnAccount,
        before: &[],
        holds: "",
        after: None,
    }
}

fn body(body: Value) -> Request {
    Request { body, ..asked() }
}

fn subscribed(body: Value) -> Request {
    Request {
        given: Given::Subscription,
        ..self::body(body)
    }
}

fn verifying(body: Value) -> Request {
    Request {
        given: Given::Session,
        ..self::body(body)
    }
}

/// What a subscription is asked for with.
pub(super) fn subscription(url: &str) -> Value {
    json!({"webhook_url": url, "enabled_events": ["composio.connected_account.expired"]})
}

fn holds(mut request: Request, holds: &'static str) -> How {
    request.holds = holds;
    How::Asked(request)
}

pub(super) fn case(method: &str, path: &str, status: u16) -> Option<How> {
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
        ("POST", "/connected_accounts/complete_auth", 200) => holds(
            Request {
                after: Some("ACTIVE"),
                ..verifying(json!({"session_uri": "{session}", "user_id": "ann"}))
            },
            "gmail",
        ),
        ("POST", "/connected_accounts/complete_auth", 400) => holds(
            verifying(json!({"session_uri": "{session}", "user_id": ""})),
            "user_id",
        ),
        ("POST", "/connected_accounts/complete_auth", 404) => holds(
            verifying(json!({"session_uri": "urn:none", "user_id": "ann"})),
            "not found",
        ),
        ("GET", "/auth/session/info", 200) => holds(asked(), "pr_"),

        ("POST", "/webhook_subscriptions", 201) => {
            holds(body(subscription("https://app.test/hook")), "whsec_")
        }
        ("POST", "/webhook_subscriptions", 400) => {
            holds(body(subscription("http://app.test/hook")), "HTTPS")
        }
        ("POST", "/webhook_subscriptions", 409) => holds(
            subscribed(subscription("https://app.test/other")),
            "already",
        ),
        ("GET", "/webhook_subscriptions", 200) => holds(subscribed(Value::Null), "REDACTED"),
        ("GET", "/webhook_subscriptions/event_types", 200) => {
            holds(asked(), "composio.connected_account.expired")
        }
        ("GET", "/webhook_subscriptions/{id}", 200) => {
            holds(subscribed(Value::Null), "app.test/hook")
        }
        ("PATCH", "/webhook_subscriptions/{id}", 200) => holds(
            subscribed(json!({"webhook_url": "https://app.test/moved"})),
            "app.test/moved",
        ),
        ("PATCH", "/webhook_subscriptions/{id}", 400) => {
            holds(subscribed(json!({"enabled_events": []})), "enabled_events")
        }
        ("DELETE", "/webhook_subscriptions/{id}", 200) => holds(subscribed(Value::Null), "success"),
        ("POST", "/webhook_subscriptions/{id}/rotate_secret", 200) => {
            holds(subscribed(Value::Null), "whsec_")
        }
        (_, "/webhook_subscriptions/{id}" | "/webhook_subscriptions/{id}/rotate_secret", 404) => {
            holds(nobody(subscribed(json!({}))), "ca_none")
        }
        _ => return None,
    })
}
