use rstest::rstest;
use serde_json::{Value, json};

use super::{Bench, key_body, text};

#[test]
fn a_link_makes_an_initializing_account_and_points_at_the_host_that_was_asked() {
    let mut bench = Bench::new();
    let body = json!({
        "auth_config_id": "ac_gmail", "user_id": "ann", "alias": "mail",
        "connection_data": {"region": "eu"},
        "experimental": {"account_type": "SHARED", "acl_config_for_shared": {"allowed_user_ids": ["bob"]}},
    });
    let answer = bench
        .call("POST", "/connected_accounts/link", body)
        .expect(201);
    let token = text(&answer["link_token"]);
    assert_eq!(
        answer["redirect_url"],
        format!("http://sandbox.test:8090/connect/{token}")
    );
    assert_eq!(answer["expires_at"], "2026-09-01T12:10:00.000Z");

    let account = bench.account(answer["connected_account_id"].as_str().unwrap());
    assert_eq!(account["status"], "INITIALIZING");
    assert_eq!(account["alias"], "mail");
    assert_eq!(account["user_id"], "ann");
    assert_eq!(account["toolkit"]["slug"], "gmail");
    assert_eq!(account["auth_config"]["id"], "ac_gmail");
    assert_eq!(account["created_at"], "2026-09-01T12:00:00.000Z");
    assert_eq!(account["params"]["region"], "eu");
    assert_eq!(
        account["experimental"],
        json!({"account_type": "SHARED", "acl_config_for_shared": {
            "allow_all_users": false, "allowed_user_ids": ["bob"], "not_allowed_user_ids": [],
        }})
    );
}

#[rstest]
#[case::no_auth_config(json!({"user_id": "ann"}), 400, "missing field `auth_config_id`")]
#[case::no_user(json!({"auth_config_id": "ac_gmail"}), 400, "missing field `user_id`")]
#[case::an_empty_user(json!({"auth_config_id": "ac_gmail", "user_id": ""}), 400, "1 to 256")]
#[case::a_user_that_is_too_long(json!({"auth_config_id": "ac_gmail", "user_id": "x".repeat(257)}), 400, "1 to 256")]
#[case::an_auth_config_that_is_not_there(json!({"auth_config_id": "ac_none", "user_id": "ann"}), 404, "ac_none")]
#[case::a_disabled_auth_config(json!({"auth_config_id": "ac_disabled", "user_id": "ann"}), 400, "disabled")]
#[case::a_callback_without_a_host(
    json!({"auth_config_id": "ac_gmail", "user_id": "ann", "callback_url": "/back"}),
    400,
    "callback_url"
)]
#[case::an_access_list_of_a_private_account(
    json!({"auth_config_id": "ac_gmail", "user_id": "ann",
        "experimental": {"acl_config_for_shared": {"allow_all_users": true}}}),
    400,
    "SHARED"
)]
#[case::an_unknown_visibility(
    json!({"auth_config_id": "ac_gmail", "user_id": "ann",
        "experimental": {"account_type": "PUBLIC"}}),
    400,
    "PUBLIC"
)]
#[case::an_empty_user_on_the_list(
    json!({"auth_config_id": "ac_gmail", "user_id": "ann",
        "experimental": {"account_type": "SHARED",
            "acl_config_for_shared": {"allowed_user_ids": [""]}}}),
    400,
    "1 to 256"
)]
#[case::too_many_users_on_the_list(
    json!({"auth_config_id": "ac_gmail", "user_id": "ann",
        "experimental": {"account_type": "SHARED",
            "acl_config_for_shared": {"allowed_user_ids": vec!["a"; 1001]}}}),
    400,
    "at most 1000"
)]
fn links_that_cannot_be_are_refused(#[case] body: Value, #[case] status: u16, #[case] why: &str) {
    let mut bench = Bench::new();
    let (_, message) = bench
        .call("POST", "/connected_accounts/link", body)
        .refused(status);
    assert!(message.contains(why), "{message}");
    assert!(bench.world.accounts(bench.now).is_empty());
}

#[test]
fn every_link_makes_a_row_of_its_own() {
    let mut bench = Bench::new();
    let first = bench.link("ac_gmail", "ann");
    let second = bench.link("ac_gmail", "ann");
    assert_ne!(first, second);
}

#[test]
fn a_second_use_of_an_alias_is_refused_in_the_documented_words() {
    let mut bench = Bench::new();
    let body =
        |config: &str, user: &str| json!({"auth_config_id": config, "user_id": user, "alias": "a"});
    bench
        .call("POST", "/connected_accounts/link", body("ac_gmail", "ann"))
        .expect(201);
    let refused = bench
        .call("POST", "/connected_accounts/link", body("ac_gmail", "ann"))
        .refused(400);
    assert_eq!(
        refused,
        (
            "ConnectedAccount_BadRequest".to_owned(),
            "Alias \"a\" is already in use by another connection for this entity".to_owned()
        )
    );
    // Another user or toolkit is another entity.
    bench
        .call("POST", "/connected_accounts/link", body("ac_gmail", "bob"))
        .expect(201);
    bench
        .call("POST", "/connected_accounts/link", body("ac_slack", "ann"))
        .expect(201);
}

#[test]
fn an_alias_may_be_used_twice_when_the_switch_says_so() {
    let mut bench = Bench::new();
    let mut switches = bench.world.switches();
    switches.alias_not_unique = true;
    bench.world.set_switches(switches);
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann", "alias": "a"});
    for _ in 0..2 {
        bench
            .call("POST", "/connected_accounts/link", body.clone())
            .expect(201);
    }
}

#[test]
fn a_key_makes_an_active_account_at_once_and_never_comes_back() {
    let mut bench = Bench::new();
    let answer = bench
        .call(
            "POST",
            "/connected_accounts",
            key_body("ann", "s3cr3t-value"),
        )
        .expect(201);
    assert_eq!(answer["status"], "ACTIVE");
    assert_eq!(answer["connectionData"]["authScheme"], "API_KEY");
    assert_eq!(answer["connectionData"]["val"]["status"], "ACTIVE");
    assert_eq!(answer["redirect_url"], Value::Null);
    let id = text(&answer["id"]);
    assert!(bench.alive(&id));

    let shown = format!(
        "{answer} {} {:?} {}",
        bench.account(&id),
        bench.world.log_since(0),
        serde_json::to_string(&bench.world.accounts(bench.now)).unwrap()
    );
    assert!(!shown.contains("s3cr3t-value"), "{shown}");
}

fn with_state(state: Value) -> Value {
    json!({
        "auth_config": {"id": "ac_hubspot"},
        "connection": {"user_id": "ann", "state": state},
    })
}

#[rstest]
#[case::another_scheme(with_state(json!({"authScheme": "BASIC", "val": {}})), 400, "mismatch")]
#[case::no_field(with_state(json!({"authScheme": "API_KEY", "val": {}})), 400, "api_key")]
#[case::no_credentials(
    json!({"auth_config": {"id": "ac_hubspot"}, "connection": {"user_id": "ann"}}), 400, "api_key"
)]
#[case::a_user_that_is_no_text(
    json!({"auth_config": {"id": "ac_hubspot"}, "connection": {"user_id": 7}}),
    400,
    "invalid type: integer"
)]
#[case::an_auth_config_that_is_not_there(
    json!({"auth_config": {"id": "ac_none"}, "connection": {"user_id": "ann"}}), 404, "ac_none"
)]
fn credentials_that_do_not_fit_are_refused(
    #[case] body: Value,
    #[case] status: u16,
    #[case] why: &str,
) {
    let mut bench = Bench::new();
    let (_, message) = bench
        .call("POST", "/connected_accounts", body)
        .refused(status);
    assert!(message.contains(why), "{message}");
}

#[test]
fn the_provider_is_asked_about_a_key_only_when_validation_is_wanted() {
    let mut bench = Bench::new();
    let mut body = key_body("ann", "invalid-key");
    bench
        .call("POST", "/connected_accounts", body.clone())
        .expect(201);
    body["validate_credentials"] = json!(true);
    let (_, message) = bench.call("POST", "/connected_accounts", body).refused(400);
    assert!(message.contains("validation failed"), "{message}");
}

#[test]
fn managed_oauth_cannot_be_created_without_a_link() {
    let mut bench = Bench::new();
    let body = json!({"auth_config": {"id": "ac_gmail"}, "connection": {"user_id": "ann"}});
    let (slug, message) = bench.call("POST", "/connected_accounts", body).refused(400);
    assert_eq!(slug, "ConnectedAccount_BadRequest");
    assert!(message.contains("/connected_accounts/link"), "{message}");
}

#[test]
fn a_custom_oauth_app_starts_a_redirect_or_takes_tokens() {
    let mut bench = Bench::new();
    let redirect = json!({"auth_config": {"id": "ac_custom"}, "connection": {"user_id": "ann"}});
    let answer = bench
        .call("POST", "/connected_accounts", redirect)
        .expect(201);
    assert_eq!(answer["status"], "INITIALIZING");
    assert_eq!(
        answer["connectionData"]["val"]["redirectUrl"],
        answer["redirect_url"]
    );
    assert!(text(&answer["redirect_url"]).contains("/connect/lk_"));

    let tokens = json!({"auth_config": {"id": "ac_custom"}, "connection": {"user_id": "ann",
        "state": {"authScheme": "OAUTH2", "val": {"status": "ACTIVE", "access_token": "t"}}}});
    let answer = bench
        .call("POST", "/connected_accounts", tokens)
        .expect(201);
    assert_eq!(answer["status"], "ACTIVE");
}
