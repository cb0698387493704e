use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn each_call_is_the_documented_request() {
    let link = recorded!("link_201.json");
    let fake = Fake::saying(201, link);
    fake.client.link(&link_request()).await.unwrap();
    expect(
        &fake,
        "POST /api/v3.1/connected_accounts/link",
        json!({"auth_config_id": "ac_1", "user_id": "support@acme.com", "alias": "agents.support",
               "experimental": {"account_type": "PRIVATE"}}),
    );

    let shared = LinkRequest {
        callback_url: Some("https://app.acme.com/done?x=1".into()),
        connection_data: Some(
            [("subdomain".to_owned(), json!("acme"))]
                .into_iter()
                .collect(),
        ),
        visibility: Visibility::Shared,
        sharing: Some(Acl {
            allow_all: false,
            allowed: ["agent-1".to_owned()].into(),
            denied: Default::default(),
        }),
        ..link_request()
    };
    fake.client.link(&shared).await.unwrap();
    expect(
        &fake,
        "POST /api/v3.1/connected_accounts/link",
        json!({"auth_config_id": "ac_1", "user_id": "support@acme.com", "alias": "agents.support",
               "callback_url": "https://app.acme.com/done?x=1", "connection_data": {"subdomain": "acme"},
               "experimental": {"account_type": "SHARED", "acl_config_for_shared":
                   {"allow_all_users": false, "allowed_user_ids": ["agent-1"], "not_allowed_user_ids": []}}}),
    );
    fake.client
        .link(&LinkRequest {
            sharing: None,
            ..shared
        })
        .await
        .unwrap();
    let (_, _, body) = fake.asked();
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap()["experimental"],
        json!({"account_type": "SHARED"})
    );

    let fake = Fake::saying(201, recorded!("create_201.json"));
    let mut create = create_request();
    create
        .credentials
        .insert("status".into(), Sensitive::new("FAILED"));
    fake.client.create(&create).await.unwrap();
    expect(
        &fake,
        "POST /api/v3.1/connected_accounts",
        json!({"auth_config": {"id": "ac_1"}, "connection": {
            "user_id": "support@acme.com", "alias": "agents.support",
            "state": {"authScheme": "API_KEY", "val": {"status": "ACTIVE", "generic_api_key": "sk-live-1"}},
            "experimental": {"account_type": "PRIVATE"}}}),
    );

    let fake = Fake::saying(200, recorded!("patch_200.json"));
    fake.client
        .patch(
            "ca_1",
            &PatchRequest {
                alias: Some(String::new()),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    expect(
        &fake,
        "PATCH /api/v3.1/connected_accounts/ca_1",
        json!({"alias": ""}),
    );
    fake.client
        .patch("ca_1", &credentials_patch())
        .await
        .unwrap();
    expect(
        &fake,
        "PATCH /api/v3.1/connected_accounts/ca_1",
        json!({"connection": {"state": {"authScheme": "API_KEY", "val": {"generic_api_key": "sk-live-1"}}}}),
    );
    let sharing = SharingPatch {
        allowed: Some(Default::default()),
        ..Default::default()
    };
    fake.client
        .patch(
            "ca_1",
            &PatchRequest {
                sharing: Some(sharing),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    expect(
        &fake,
        "PATCH /api/v3.1/connected_accounts/ca_1",
        json!({"experimental": {"acl_config_for_shared": {"allowed_user_ids": []}}}),
    );

    let fake = Fake::saying(200, recorded!("status_200.json"));
    fake.client.set_enabled("ca_1", false).await.unwrap();
    expect(
        &fake,
        "PATCH /api/v3.1/connected_accounts/ca_1/status",
        json!({"enabled": false}),
    );

    let fake = Fake::saying(200, recorded!("refresh_200_url.json"));
    fake.client.refresh("ca_1", None).await.unwrap();
    expect(
        &fake,
        "POST /api/v3.1/connected_accounts/ca_1/refresh",
        json!({}),
    );
    fake.client
        .refresh("ca_1", Some("https://a.b/c?d=e"))
        .await
        .unwrap();
    expect(
        &fake,
        "POST /api/v3.1/connected_accounts/ca_1/refresh?redirect_url=https%3A%2F%2Fa.b%2Fc%3Fd%3De",
        json!({"redirect_url": "https://a.b/c?d=e"}),
    );

    let fake = Fake::saying(200, recorded!("revoke_200.json"));
    fake.client.revoke("ca_1").await.unwrap();
    expect_empty(&fake, "POST /api/v3.1/connected_accounts/ca_1/revoke");

    let fake = Fake::saying(200, recorded!("delete_200.json"));
    fake.client.delete("ca_1", false).await.unwrap();
    expect_empty(
        &fake,
        "DELETE /api/v3.1/connected_accounts/ca_1?revoke_on_delete=false",
    );
    fake.client.delete("ca_1", true).await.unwrap();
    expect_empty(
        &fake,
        "DELETE /api/v3.1/connected_accounts/ca_1?revoke_on_delete=true",
    );

    let fake = Fake::saying(200, recorded!("account_active.json"));
    fake.client.get("ca_1/../x y").await.unwrap();
    expect_empty(&fake, "GET /api/v3.1/connected_accounts/ca_1%2F..%2Fx%20y");

    let fake = Fake::saying(200, recorded!("auth_config.json"));
    fake.client.auth_config("ac_1").await.unwrap();
    expect_empty(&fake, "GET /api/v3.1/auth_configs/ac_1");
}

#[tokio::test]
async fn a_list_asks_for_private_and_shared_and_repeats_the_names_of_lists() {
    let fake = Fake::saying(200, recorded!("list_empty.json"));
    fake.client.list(&ListQuery::default()).await.unwrap();
    let base = "GET /api/v3.1/connected_accounts?account_type=ALL";
    expect_empty(
        &fake,
        &format!("{base}&order_by=updated_at&order_direction=desc"),
    );
    let query = ListQuery {
        ids: vec!["ca_1".into(), "ca_2".into()],
        user_ids: vec!["a+b@acme.com".into()],
        toolkit_slugs: vec!["gmail".into()],
        auth_config_ids: vec!["ac_1".into()],
        statuses: vec![State::Active, State::Unknown("NEW".into())],
        order_by: OrderBy::Created,
        cursor: Some("eyJw==".into()),
        limit: Some(50),
    };
    fake.client.list(&query).await.unwrap();
    expect_empty(
        &fake,
        &format!(
            "{base}&order_by=created_at&order_direction=desc&connected_account_ids=ca_1\
             &connected_account_ids=ca_2&user_ids=a%2Bb%40acme.com&toolkit_slugs=gmail\
             &auth_config_ids=ac_1&statuses=ACTIVE&statuses=NEW&limit=50&cursor=eyJw%3D%3D"
        ),
    );
}

#[tokio::test]
async fn an_id_that_would_name_another_path_is_not_sent() {
    let fake = Fake::saying(200, "{}");
    for id in ["", ".", ".."] {
        let error = fake.client.delete(id, false).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Never, "{id:?}");
        assert!(!error.outcome_unknown(), "{id:?}");
    }
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn auth_configs_are_read_to_the_last_page_and_only_of_the_toolkit() {
    let other = r#"{"items": [{"id": "ac_x", "status": "ENABLED", "toolkit": {"slug": "slack"}}], "next_cursor": "Mg"}"#;
    let fake = Fake::answering([
        answer(200, other),
        answer(200, recorded!("auth_config_list.json")),
    ]);
    let found = fake.client.auth_configs("gmail").await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|found| (found.id.as_str(), found.enabled))
        .collect();
    assert_eq!(
        found,
        [("ac_1Kd8fQzYwTqL", true), ("ac_8Rf2nVbXsJm3", false)]
    );
    expect_empty(
        &fake,
        "GET /api/v3.1/auth_configs?toolkit_slug=gmail&show_disabled=true&limit=50&cursor=Mg",
    );
    let endless = Fake::saying(200, other);
    assert!(
        endless.client.auth_configs("gmail").await.is_err(),
        "pages that do not end"
    );
    let odd = r#"{"items": [{"id": "ac_1", "toolkit": {"slug": "gmail"}}, {"id": "ac_2"}]}"#;
    let half = Fake::saying(200, odd).client.auth_configs("gmail").await;
    let told = half
        .expect_err("one of them may be of the toolkit")
        .to_string();
    assert!(
        told.contains("auth config 2 on the page: it has no toolkit.slug"),
        "{told}"
    );
}

fn expect(fake: &Fake, line: &str, body: Value) {
    let (method, path, sent) = fake.asked();
    assert_eq!(format!("{method} {path}"), line);
    assert_eq!(serde_json::from_str::<Value>(&sent).unwrap(), body);
}

fn expect_empty(fake: &Fake, line: &str) {
    let (method, path, sent) = fake.asked();
    assert_eq!(
        (format!("{method} {path}").as_str(), sent.as_str()),
        (line, "")
    );
}
