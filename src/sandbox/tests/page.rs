use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Served;
use crate::world::{AuthConfig, Scheme, Seed};

#[tokio::test]
async fn a_person_connects_an_account_in_the_browser_and_comes_back() {
    let served = Served::start().await;
    let (id, url) = served
        .link(
            "ac_gmail",
            "ann@acme.com",
            json!("https://app.test/done?tab=2"),
        )
        .await;
    assert!(url.starts_with(&served.base), "{url}");

    let (status, page) = served.open(&url).await;
    assert_eq!(status, 200);
    for shown in [
        "gmail",
        "ann@acme.com",
        "sandbox",
        "Connect",
        "Cancel",
        "method=post",
    ] {
        assert!(page.contains(shown), "{shown} is not on the page");
    }
    assert!(!page.contains("<script"), "it must work without JavaScript");
    assert_eq!(served.status(&id).await, "INITIATED");

    let response = served.submit(&url, "action=connect").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        response.headers()["location"],
        format!("https://app.test/done?tab=2&status=success&connected_account_id={id}")
    );
    assert_eq!(served.status(&id).await, "ACTIVE");

    assert_eq!(served.open(&url).await.0, StatusCode::CONFLICT);
    assert_eq!(
        served.submit(&url, "action=cancel").await.status(),
        StatusCode::CONFLICT
    );
    assert_eq!(served.status(&id).await, "ACTIVE");
}

#[tokio::test]
async fn a_person_declines_and_the_last_page_says_so() {
    let served = Served::start().await;
    let (id, url) = served.link("ac_gmail", "ann", Value::Null).await;
    let response = served.submit(&url, "action=cancel").await;
    assert_eq!(response.status(), 200);
    let page = response.text().await.unwrap();
    assert!(page.contains("You can close this window"), "{page}");
    assert_eq!(served.status(&id).await, "FAILED");
}

#[tokio::test]
async fn a_key_scheme_asks_for_the_key() {
    let served = Served::start().await;
    let (id, url) = served.link("ac_hubspot", "ann", Value::Null).await;
    let (_, page) = served.open(&url).await;
    assert!(page.contains("name=generic_api_key"), "{page}");

    let empty = served.submit(&url, "action=connect&generic_api_key=").await;
    assert_eq!(empty.status(), StatusCode::BAD_REQUEST);
    assert!(empty.text().await.unwrap().contains("API key"));
    assert_eq!(served.status(&id).await, "INITIATED");

    let response = served
        .submit(&url, "action=connect&generic_api_key=k&more=x")
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(served.status(&id).await, "ACTIVE");
    let account = served.get(&format!("/_sandbox/accounts/{id}")).await;
    let held: Vec<&String> = account["credentials"].as_object().unwrap().keys().collect();
    assert_eq!(
        held,
        ["generic_api_key"],
        "only the scheme's fields are taken"
    );
}

#[tokio::test]
async fn links_that_are_over_have_a_page_of_their_own() {
    let served = Served::start().await;
    let (_, url) = served.link("ac_gmail", "ann", Value::Null).await;
    served
        .post("/_sandbox/clock", json!({"advance_seconds": 601}))
        .await;
    let (status, page) = served.open(&url).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(page.contains("expired"), "{page}");
    assert_eq!(
        served.submit(&url, "action=connect").await.status(),
        StatusCode::GONE
    );
    let (status, _) = served
        .open(&format!("{}/connect/lk_none", served.base))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_users_wrote_cannot_become_markup() {
    let seed = Seed {
        project: "<script>1</script>".to_owned(),
        auth_configs: vec![AuthConfig {
            id: "ac_x".to_owned(),
            toolkit: "\"><b>".to_owned(),
            scheme: Scheme::Oauth2,
            managed: true,
            enabled: true,
            can_revoke: true,
            requires: Vec::new(),
        }],
        ..Seed::default()
    };
    let served = Served::of(vec![seed]).await;
    let (_, url) = served
        .link("ac_x", "<img src=x onerror='1'>", Value::Null)
        .await;
    let response = served.client.get(&url).send().await.unwrap();
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(
        !policy.contains("form-action"),
        "it would block the redirect: {policy}"
    );
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    let page = response.text().await.unwrap();
    for raw in ["<script>", "<img", "<b>"] {
        assert!(!page.contains(raw), "{raw}: {page}");
    }
    assert!(
        page.contains("&lt;img src=x onerror=&#39;1&#39;&gt;"),
        "{page}"
    );
}

#[tokio::test]
async fn a_link_opens_in_whichever_world_it_was_made() {
    let served = Served::start().await;
    let world = json!({"api_key": "other", "project": "the other project"});
    served.post("/_sandbox/worlds", world).await;
    let response = served
        .client
        .post(format!("{}/api/v3.1/connected_accounts/link", served.base))
        .header("x-api-key", "other")
        .json(&json!({"auth_config_id": "ac_gmail", "user_id": "ann"}))
        .send()
        .await
        .unwrap();
    let link: Value = response.json().await.unwrap();
    let url = link["redirect_url"].as_str().unwrap();
    let (status, page) = served.open(url).await;
    assert_eq!(status, 200);
    assert!(page.contains("the other project"), "{page}");
    served.submit(url, "action=connect").await;
    let accounts = served.get("/_sandbox/accounts?key=other").await;
    assert_eq!(accounts["accounts"][0]["status"], "ACTIVE");
    let accounts = served.get("/_sandbox/accounts").await;
    assert_eq!(accounts["accounts"], json!([]));
}
