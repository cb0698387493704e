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

#[rstest]
#[case::active_and_shown_as_disabled("ACTIVE", json!(true), Value::Null, true)]
#[case::active_and_shown_as_enabled("ACTIVE", json!(false), Value::Null, false)]
#[case::active_and_not_shown("ACTIVE", Value::Null, Value::Null, false)]
#[case::inactive_with_that_reason_alone("INACTIVE", Value::Null, json!("Auth config is disabled"), true)]
#[case::inactive_with_that_reason_and_shown_as_enabled(
    "INACTIVE", json!(false), json!("Auth config is disabled"), false
)]
#[case::inactive_for_another_reason("INACTIVE", json!("odd"), json!("updated by user"), false)]
#[tokio::test]
async fn an_auth_config_that_is_disabled_is_told_with_its_account_in_either_way(
    #[case] status: &str,
    #[case] shown: Value,
    #[case] reason: Value,
    #[case] expected: bool,
) {
    let body = json!({
        "id": "ca_1", "status": status, "status_reason": reason, "toolkit": {"slug": "gmail"},
        "auth_config": {"id": "ac_1", "is_disabled": shown},
    });
    let fake = Fake::saying(200, &body.to_string());
    let account = fake.client.get("ca_1").await.unwrap();
    assert_eq!(account.auth_config_disabled, expected, "{body}");
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

#[rstest]
#[case::initializing(recorded!("account_initializing.json"), State::Initializing)]
#[case::initiated(recorded!("account_initiated.json"), State::Initiated)]
#[case::active(recorded!("account_active.json"), State::Active)]
#[case::expired(recorded!("account_expired.json"), State::Expired)]
#[case::failed(recorded!("account_failed.json"), State::Failed)]
#[case::inactive(recorded!("account_inactive.json"), State::Inactive)]
#[case::revoked(recorded!("account_revoked.json"), State::Revoked)]
#[tokio::test]
async fn every_state_is_read(#[case] payload: &str, #[case] state: State) {
    let account = Fake::saying(200, payload).client.get("ca_1").await.unwrap();
    assert_eq!(account.state, state);
    assert_secretless(&account);
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

#[rstest]
#[case::an_account_without_toolkit(Endpoint::Get, r#"{"id": "ca_1", "status": "s3cr3t"}"#)]
#[case::no_object(Endpoint::Get, r#"["s3cr3t"]"#)]
#[case::a_text(Endpoint::Get, r#""s3cr3t""#)]
#[case::no_json(Endpoint::Get, r#"{"id": s3cr3t"#)]
#[case::nothing(Endpoint::Get, "")]
#[case::no_items_must_not_read_as_no_accounts(Endpoint::List, r#"{"error": "s3cr3t"}"#)]
#[case::items_is_no_list(Endpoint::List, r#"{"items": {"s3cr3t": 1}}"#)]
#[case::no_items_must_not_read_as_no_auth_configs(Endpoint::AuthConfigs, "{}")]
#[case::a_session_of_no_project(Endpoint::SessionInfo, r#"{"project": {"name": "s3cr3t"}}"#)]
#[case::one_that_is_left_out_would_look_like_room_for_another(
    Endpoint::WebhookSubscriptions,
    r#"{"items": [{"webhook_url": "https://s3cr3t"}]}"#
)]
#[case::a_subscription_without_its_secret(Endpoint::Subscribe, r#"{"id": "s3cr3t"}"#)]
#[case::a_link_without_id(Endpoint::Link, r#"{"link_token": "s3cr3t"}"#)]
#[case::an_account_without_id(Endpoint::Create, r#"{"status": "ACTIVE", "token": "s3cr3t"}"#)]
#[case::a_200_that_says_no(Endpoint::Delete, r#"{"success": false}"#)]
#[case::a_captive_portal(Endpoint::SetEnabled, "<html>s3cr3t</html>")]
#[tokio::test]
async fn an_answer_that_is_not_the_endpoints_own_is_not_understood_and_never_quoted(
    #[case] endpoint: Endpoint,
    #[case] body: &str,
) {
    let fake = Fake::saying(200, body);
    let error = fail(&fake, endpoint).await;
    assert!(
        matches!(error.kind, Kind::NotUnderstood { status: 200, .. }),
        "{error:?}"
    );
    assert_eq!(error.retry(), Retry::Backoff);
    assert_eq!(error.outcome_unknown(), endpoint.is_effect());
    assert_eq!(fake.told().class, Class::NotUnderstood);
    assert_secretless(&error);
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
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

#[rstest]
#[case::by_its_object(
    r#"{"project": {"nano_id": "pr_1", "org": {"id": "ok_1", "name": "s3cr3t"}, "org_id": "u",
        "email": "s3cr3t"}, "api_key": {"key": "s3cr3t"}}"#,
    Some("ok_1")
)]
#[case::by_its_id(r#"{"project": {"nano_id": "pr_1", "org_id": "u"}}"#, Some("u"))]
#[case::by_no_object(r#"{"project": {"nano_id": "pr_1", "org": "s3cr3t"}}"#, None)]
#[tokio::test]
async fn a_session_tells_the_project_and_the_organisation_and_nothing_else_is_kept(
    #[case] answer: &str,
    #[case] organization_id: Option<&str>,
) {
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
