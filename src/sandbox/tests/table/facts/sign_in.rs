//! What a sign-in makes of an account, who verifies it, and in which browser.

use serde_json::{Value, json};

use crate::tests::table::Place;

pub(super) async fn check(place: &Place<'_>, id: &str) {
    match id {
        "status.life" => {
            let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann"});
            let (_, link) = place.api("POST", "/connected_accounts/link", body).await;
            let id = link["connected_account_id"].as_str().unwrap();
            assert_eq!(place.status(id).await, "INITIALIZING");
            let url = link["redirect_url"].as_str().unwrap();
            place.served.open(url).await;
            assert_eq!(place.status(id).await, "INITIATED");
            place.served.submit(url, "action=connect").await;
            assert_eq!(place.status(id).await, "ACTIVE");
        }
        "status.timeout" => {
            let id = place.link("ac_gmail", "ann", Value::Null).await;
            later(place, 601).await;
            let row = place.row(&id).await;
            assert_eq!(
                (&row["status"], &row["status_reason"]),
                (
                    &json!("EXPIRED"),
                    &json!("Connection initiation did not complete within 10 minutes")
                )
            );
        }
        "status.reasons" => reasons(place).await,
        "sign_in.verified" => verified(place).await,
        "sign_in.same_browser" => same_browser(place).await,
        _ => panic!("no case for {id}"),
    }
}

async fn later(place: &Place<'_>, seconds: u32) {
    let clock = json!({"advance_seconds": seconds});
    place.control("POST", "clock", clock).await;
}

async fn reasons(place: &Place<'_>) {
    let told = async |id: &str| place.row(id).await["status_reason"].clone();
    let id = place.active("ac_gmail", "ann").await;
    let path = format!("/connected_accounts/{id}");
    let off = json!({"enabled": false});
    place.api("PATCH", &format!("{path}/status"), off).await;
    assert_eq!(told(&id).await, "Connection status updated by user");
    let on = json!({"enabled": true});
    place.api("PATCH", &format!("{path}/status"), on).await;
    place
        .api("POST", &format!("{path}/revoke"), Value::Null)
        .await;
    assert_eq!(
        told(&id).await,
        "Revoked via user-initiated revoke endpoint"
    );
    let id = place.link("ac_gmail", "ann", Value::Null).await;
    place
        .control("POST", &format!("accounts/{id}/cancel"), Value::Null)
        .await;
    assert_eq!(
        told(&id).await,
        "OAuth callback failed during token exchange"
    );
    // The others are a matter of Composio's own: any text may stand there.
    let state = json!({"state": "EXPIRED", "reason": "Max auth failures reached"});
    place
        .control("POST", &format!("accounts/{id}/state"), state)
        .await;
    assert_eq!(told(&id).await, "Max auth failures reached");
}

/// The id of a sign-in that the person has done, and its session.
async fn done(place: &Place<'_>, user: &str) -> (String, String) {
    let id = place.link("ac_gmail", user, Value::Null).await;
    let target = place.consent(&id, json!({"display_name": "a name"})).await;
    let (verifier, session) = target.split_once("&session_uri=").unwrap();
    assert_eq!(
        verifier, "https://app.test/verify?from=composio",
        "instead of the callback"
    );
    (id, session.replace("%3A", ":"))
}

async fn verified(place: &Place<'_>) {
    let project = json!({"verifier_url": "https://app.test/verify?from=composio"});
    place.control("POST", "project", project).await;
    let complete = async |session: &str, user: &str| {
        let body = json!({"session_uri": session, "user_id": user});
        place
            .api("POST", "/connected_accounts/complete_auth", body)
            .await
    };
    for placeholder in ["default", "  "] {
        let body = json!({"auth_config_id": "ac_gmail", "user_id": placeholder});
        let (status, _) = place.api("POST", "/connected_accounts/link", body).await;
        assert_eq!(status, 400, "{placeholder:?}");
    }

    let (id, session) = done(place, "ann").await;
    assert_eq!(place.status(&id).await, "INITIATED");
    let (status, answer) = complete(&session, "ann").await;
    assert_eq!(
        (status, answer),
        (
            200,
            json!({"connected_account_id": id, "toolkit_slug": "gmail"})
        )
    );
    let row = place.row(&id).await;
    assert_eq!(row["status"], "ACTIVE");
    assert_eq!(row["state"]["val"]["displayName"], "a name");
    assert_eq!(complete(&session, "ann").await.0, 404, "once");

    let (id, session) = done(place, "ann").await;
    assert_eq!(complete(&session, "eve").await.0, 400);
    let row = place.row(&id).await;
    assert_eq!(
        (&row["status"], &row["status_reason"]),
        (&json!("FAILED"), &json!("IDENTITY_VERIFICATION_FAILED"))
    );
    assert!(!place.grant_alive(&id).await);
    assert_eq!(complete(&session, "ann").await.0, 404, "and that was it");
    let refresh = format!("/connected_accounts/{id}/refresh");
    assert_eq!(
        place.api("POST", &refresh, Value::Null).await.0,
        400,
        "terminal"
    );

    let (id, session) = done(place, "ann").await;
    later(place, 601).await;
    assert_eq!(complete(&session, "ann").await.0, 404, "ten minutes");
    let row = place.row(&id).await;
    assert_eq!(row["status"], "EXPIRED", "nobody redeemed it");
}

async fn same_browser(place: &Place<'_>) {
    let project = json!({"same_browser": true});
    place.control("POST", "project", project).await;
    let start = async |config: &str| {
        let body = json!({"auth_config_id": config, "user_id": "ann",
            "callback_url": "https://app.test/"});
        let (_, link) = place.api("POST", "/connected_accounts/link", body).await;
        let text = |name: &str| link[name].as_str().unwrap().to_owned();
        (text("connected_account_id"), text("redirect_url"))
    };
    let client = &place.served.client;
    let finish = async |url: &str, cookie: &str| {
        let request = client.post(url).body("action=connect");
        let answer = request.header("cookie", cookie).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().to_owned()
    };

    let (id, url) = start("ac_gmail").await;
    let page = client.get(&url).send().await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let back = finish(&url, &format!("theirs=1; {cookie}")).await;
    assert!(back.contains("status=success"), "{back}");
    assert_eq!(place.status(&id).await, "ACTIVE");

    let (id, url) = start("ac_gmail").await;
    client.get(&url).send().await.unwrap();
    let back = finish(&url, &cookie).await;
    assert!(
        back.contains("status=failed") && back.contains("&error="),
        "{back}"
    );
    assert_eq!(place.status(&id).await, "INITIATED");
    later(place, 601).await;
    let row = place.row(&id).await;
    let reason = row["status_reason"].as_str().unwrap();
    assert_eq!(row["status"], "EXPIRED");
    assert!(reason.contains("10 minutes"), "{reason}");

    // Only Composio's own apps are bound, and a control call can say that it is another browser.
    let (_, url) = start("ac_custom").await;
    let page = client.get(&url).send().await.unwrap();
    assert!(!page.headers().contains_key("set-cookie"));
    let (id, _) = start("ac_gmail").await;
    let back = place.consent(&id, json!({"other_browser": true})).await;
    assert!(back.contains("status=failed"), "{back}");
}
