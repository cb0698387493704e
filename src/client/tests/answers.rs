use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_page_is_read() {
    let page = Fake::saying(200, recorded!("list_page.json"))
        .client
        .list(&ListQuery::default())
        .await
        .unwrap();
    assert_eq!(page.next_cursor.as_deref(), Some("eyJwYWdlIjoyfQ=="));
    let [first, second, third] = &page.items[..] else {
        panic!("three rows")
    };
    assert_eq!(
        *first,
        Account {
            id: "ca_Vn3sB8tQxG1a".into(),
            alias: Some("support".into()),
            user_id: Some("support@acme.com".into()),
            toolkit: "gmail".into(),
            auth_config: "ac_1Kd8fQzYwTqL".into(),
            auth_config_disabled: false,
            state: State::Active,
            state_reason: None,
            identity: None,
            visibility: Visibility::Shared,
            sharing: Some(Acl {
                allow_all: false,
                allowed: ["agent-1".to_owned(), "agent-2".to_owned()].into(),
                denied: ["intern".to_owned()].into(),
            }),
            created_at: Some("2026-09-01T08:00:00Z".parse().unwrap()),
            updated_at: Some("2026-09-01T08:05:12.345Z".parse().unwrap()),
        }
    );
    assert_eq!(
        (second.visibility, &second.sharing),
        (Visibility::Private, &None)
    );
    assert_eq!(
        (third.visibility, &third.alias),
        (Visibility::Private, &None),
        "experimental and alias absent"
    );
    assert_eq!(third.state_reason.as_deref(), Some("INITIATION_TIMEOUT"));
}

#[tokio::test]
async fn an_auth_config_that_is_disabled_is_told_with_its_account_in_either_way() {
    for (status, shown, reason, expected) in [
        ("ACTIVE", json!(true), Value::Null, true),
        ("ACTIVE", json!(false), Value::Null, false),
        ("ACTIVE", Value::Null, Value::Null, false),
        (
            "INACTIVE",
            Value::Null,
            json!("Auth config is disabled"),
            true,
        ),
        (
            "INACTIVE",
            json!(false),
            json!("Auth config is disabled"),
            false,
        ),
        ("INACTIVE", json!("odd"), json!("updated by user"), false),
    ] {
        let body = json!({
            "id": "ca_1", "status": status, "status_reason": reason, "toolkit": {"slug": "gmail"},
            "auth_config": {"id": "ac_1", "is_disabled": shown},
        });
        let fake = Fake::saying(200, &body.to_string());
        let account = fake.client.get("ca_1").await.unwrap();
        assert_eq!(account.auth_config_disabled, expected, "{body}");
    }
}

#[tokio::test]
async fn one_odd_row_does_not_hide_the_others() {
    let fake = Fake::saying(200, recorded!("list_page_odd_rows.json"));
    let page = fake.client.list(&ListQuery::default()).await.unwrap();
    let [row] = &page.items[..] else {
        panic!("one row that can be read: {page:?}")
    };
    assert_eq!(row.state, State::Unknown("PAUSED_BY_POLICY".into()));
    assert_eq!(
        (row.created_at, row.updated_at, &row.user_id),
        (None, None, &None)
    );
    assert_eq!(row.alias.as_deref(), Some("12"));
    assert_eq!(page.next_cursor, None);
}

#[tokio::test]
async fn who_signed_in_is_read_and_nothing_else_of_the_credentials() {
    let of = async |body: &str| Fake::saying(200, body).client.get("ca_1").await.unwrap();
    let account = of(recorded!("account_active.json")).await;
    assert_eq!(account.identity.as_deref(), Some("support@acme.com"));
    assert_secretless(&account);
    assert_eq!(of(recorded!("account_initiated.json")).await.identity, None);
    for odd in ["7", "null", "{}", "\"\"", "\"a\\nb\""] {
        let body = recorded!("account_active.json").replace(
            "\"support@acme.com\",\n      \"exp",
            &format!("{odd},\n      \"exp"),
        );
        assert_eq!(
            of(&body).await.identity.as_deref(),
            (odd == "7").then_some("7"),
            "{odd}"
        );
    }
}

#[tokio::test]
async fn every_state_is_read() {
    for (payload, state) in [
        (recorded!("account_initializing.json"), State::Initializing),
        (recorded!("account_initiated.json"), State::Initiated),
        (recorded!("account_active.json"), State::Active),
        (recorded!("account_expired.json"), State::Expired),
        (recorded!("account_failed.json"), State::Failed),
        (recorded!("account_inactive.json"), State::Inactive),
        (recorded!("account_revoked.json"), State::Revoked),
    ] {
        let account = Fake::saying(200, payload).client.get("ca_1").await.unwrap();
        assert_eq!(account.state, state);
        assert_secretless(&account);
    }
}

#[tokio::test]
async fn effects_are_read_and_show_no_secret() {
    let linked = Fake::saying(201, recorded!("link_201.json"))
        .client
        .link(&link_request())
        .await
        .unwrap();
    assert_secretless(&linked);
    assert_eq!(linked.id, "ca_Vn3sB8tQxG1a");
    assert_eq!(
        linked.redirect_url.expose(),
        "https://connect.composio.dev/link/lk_s3cr3t-token"
    );
    assert_eq!(
        linked.expires_at,
        Some("2026-09-01T08:10:00Z".parse().unwrap())
    );

    for payload in [
        recorded!("create_201.json"),
        recorded!("create_201_deprecated_status.json"),
    ] {
        let created = Fake::saying(201, payload)
            .client
            .create(&create_request())
            .await
            .unwrap();
        assert_eq!(
            (created.id.as_str(), created.state),
            ("ca_Vn3sB8tQxG1a", Some(State::Active))
        );
    }

    let patched = Fake::saying(200, recorded!("patch_200.json"))
        .client
        .patch("ca_1", &credentials_patch())
        .await;
    assert_eq!(patched.unwrap().state, Some(State::Active));

    let fresh = Fake::saying(200, recorded!("refresh_200_url.json"))
        .client
        .refresh("ca_1", None)
        .await
        .unwrap();
    assert_secretless(&fresh);
    assert_eq!(fresh.state, Some(State::Initiated));
    assert!(
        fresh
            .redirect_url
            .unwrap()
            .expose()
            .ends_with("/lk_s3cr3t-again")
    );
    let fresh = Fake::saying(200, recorded!("refresh_200_null.json"))
        .client
        .refresh("ca_1", None)
        .await
        .unwrap();
    assert_eq!(
        (fresh.state, fresh.redirect_url),
        (Some(State::Active), None)
    );

    let revoked = Fake::saying(200, recorded!("revoke_200.json"))
        .client
        .revoke("ca_1")
        .await
        .unwrap();
    assert_eq!(revoked.tokens, ["access_token", "refresh_token"]);
    assert_eq!(revoked.state, Some(State::Revoked));
    let again = Fake::saying(200, recorded!("revoke_200_again.json"))
        .client
        .revoke("ca_1")
        .await
        .unwrap();
    assert!(again.tokens.is_empty());

    let deleted = Fake::saying(200, recorded!("delete_200.json"))
        .client
        .delete("ca_1", false)
        .await
        .unwrap();
    assert_eq!(deleted.revoke_job, None);
    let fake = Fake::saying(200, recorded!("delete_200_revoke_job.json"));
    assert_eq!(
        fake.client
            .delete("ca_1", true)
            .await
            .unwrap()
            .revoke_job
            .as_deref(),
        Some("job_5fJ2mNq8")
    );
    assert!(
        Fake::saying(204, "")
            .client
            .delete("ca_1", false)
            .await
            .is_ok(),
        "204 has no body"
    );

    let config = Fake::saying(200, recorded!("auth_config.json"))
        .client
        .auth_config("ac_1")
        .await
        .unwrap();
    assert_secretless(&config);
    assert!(config.enabled);
}

#[tokio::test]
async fn an_answer_that_is_not_the_endpoints_own_is_not_understood_and_never_quoted() {
    for (endpoint, body, reason) in [
        (
            Endpoint::Get,
            r#"{"id": "ca_1", "status": "s3cr3t"}"#,
            "an account without toolkit",
        ),
        (Endpoint::Get, r#"["s3cr3t"]"#, "no object"),
        (Endpoint::Get, r#""s3cr3t""#, "a text"),
        (Endpoint::Get, r#"{"id": s3cr3t"#, "no JSON"),
        (Endpoint::Get, "", "nothing"),
        (
            Endpoint::List,
            r#"{"error": "s3cr3t"}"#,
            "no items must not read as no accounts",
        ),
        (
            Endpoint::List,
            r#"{"items": {"s3cr3t": 1}}"#,
            "items is no list",
        ),
        (
            Endpoint::AuthConfigs,
            "{}",
            "no items must not read as no auth configs",
        ),
        (
            Endpoint::SessionInfo,
            r#"{"project": {"name": "s3cr3t"}}"#,
            "a session of no project",
        ),
        (
            Endpoint::WebhookSubscriptions,
            r#"{"items": [{"webhook_url": "https://s3cr3t"}]}"#,
            "one that is left out would look like room for another",
        ),
        (
            Endpoint::Subscribe,
            r#"{"id": "s3cr3t"}"#,
            "a subscription without its secret",
        ),
        (
            Endpoint::Link,
            r#"{"link_token": "s3cr3t"}"#,
            "a link without id",
        ),
        (
            Endpoint::Create,
            r#"{"status": "ACTIVE", "token": "s3cr3t"}"#,
            "an account without id",
        ),
        (
            Endpoint::Delete,
            r#"{"success": false}"#,
            "a 200 that says no",
        ),
        (
            Endpoint::SetEnabled,
            "<html>s3cr3t</html>",
            "a captive portal",
        ),
    ] {
        let fake = Fake::saying(200, body);
        let error = fail(&fake, endpoint).await;
        assert!(
            matches!(error.kind, Kind::NotUnderstood { status: 200, .. }),
            "{reason}: {error:?}"
        );
        assert_eq!(error.retry(), Retry::Backoff, "{reason}");
        assert_eq!(error.outcome_unknown(), endpoint.is_effect(), "{reason}");
        assert_eq!(fake.told().class, Class::NotUnderstood, "{reason}");
        assert_secretless(&error);
        assert!(!error.to_string().contains("s3cr3t"), "{reason}: {error}");
    }
}

#[tokio::test]
async fn the_observer_is_told_of_budget_clock_and_request() {
    let fake = Fake::answering([with_headers(
        200,
        recorded!("list_empty.json"),
        &[
            ("X-RateLimit", "2000"),
            ("X-RateLimit-Remaining", "1988"),
            ("X-RateLimit-Window-Size", "60s"),
            ("Date", "Tue, 01 Sep 2026 08:00:00 GMT"),
            ("X-Request-Id", "req_1"),
        ],
    )]);
    fake.client.list(&ListQuery::default()).await.unwrap();
    let call = fake.told();
    assert_eq!(
        (call.endpoint, call.class, call.status),
        (Endpoint::List, Class::Success, Some(200))
    );
    assert_eq!(
        call.rate_limit,
        Some(RateLimit {
            limit: 2000,
            remaining: 1988,
            window: 60 * SECOND
        })
    );
    assert_eq!(call.date, Some("2026-09-01T08:00:00Z".parse().unwrap()));
    assert_eq!(call.request_id.as_deref(), Some("req_1"));
}

fn assert_secretless(value: &impl std::fmt::Debug) {
    let shown = format!("{value:?}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[tokio::test]
async fn a_session_tells_the_project_and_the_organisation_and_nothing_else_is_kept() {
    for (answer, organization_id) in [
        (
            r#"{"project": {"nano_id": "pr_1", "org": {"id": "ok_1", "name": "s3cr3t"}, "org_id": "u",
                "email": "s3cr3t"}, "api_key": {"key": "s3cr3t"}}"#,
            Some("ok_1"),
        ),
        (
            r#"{"project": {"nano_id": "pr_1", "org_id": "u"}}"#,
            Some("u"),
        ),
        (r#"{"project": {"nano_id": "pr_1", "org": "s3cr3t"}}"#, None),
    ] {
        let fake = Fake::answering([super::answer(200, answer)]);
        let info = fake
            .client
            .session_info()
            .await
            .expect("it tells the project");
        assert_eq!(info.project_id, "pr_1");
        assert_eq!(info.organization_id.as_deref(), organization_id, "{answer}");
        assert!(!format!("{info:?}").contains("s3cr3t"));
    }
}
