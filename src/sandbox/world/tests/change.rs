use rstest::rstest;
use serde_json::{Value, json};

use super::{Bench, key_body, text};
use crate::world::Switches;

fn path(id: &str) -> String {
    format!("/connected_accounts/{id}")
}

fn key_patch(val: &Value) -> Value {
    json!({"connection": {"state": {"authScheme": "API_KEY", "val": val}}})
}

#[test]
fn an_alias_is_set_changed_and_cleared() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    for (alias, seen) in [
        ("a", json!("a")),
        ("b", json!("b")),
        ("b", json!("b")),
        ("", json!(null)),
    ] {
        bench.wait(1);
        let answer = bench
            .call("PATCH", &path(&id), json!({"alias": alias}))
            .expect(200);
        assert_eq!(
            answer,
            json!({"id": id, "status": "ACTIVE", "success": true})
        );
        let account = bench.account(&id);
        assert_eq!(account["alias"], seen);
        assert_ne!(account["updated_at"], account["created_at"]);
    }
}

#[test]
fn an_alias_is_held_until_it_is_cleared_or_its_row_deleted() {
    let mut bench = Bench::new();
    let holder = bench.link("ac_gmail", "ann");
    let other = bench.link("ac_gmail", "ann");
    bench
        .call("PATCH", &path(&holder), json!({"alias": "a"}))
        .expect(200);
    bench.wait(3600);
    assert_eq!(bench.status(&holder), "EXPIRED");
    let (slug, message) = bench
        .call("PATCH", &path(&other), json!({"alias": "a"}))
        .refused(400);
    assert_eq!(slug, "ConnectedAccount_BadRequest");
    assert_eq!(
        message,
        "Alias \"a\" is already in use by another connection for this entity"
    );

    bench
        .call("PATCH", &path(&holder), json!({"alias": ""}))
        .expect(200);
    bench
        .call("PATCH", &path(&other), json!({"alias": "a"}))
        .expect(200);
    bench.call("DELETE", &path(&other), Value::Null).expect(200);
    bench
        .call("PATCH", &path(&holder), json!({"alias": "a"}))
        .expect(200);
}

#[test]
fn a_deleted_row_holds_its_alias_when_the_switch_says_so() {
    let mut bench = Bench::new();
    bench.world.set_switches(Switches {
        deleted_holds_alias: true,
        ..Switches::default()
    });
    let id = bench.link("ac_gmail", "ann");
    bench
        .call("PATCH", &path(&id), json!({"alias": "a"}))
        .expect(200);
    bench.call("DELETE", &path(&id), Value::Null).expect(200);
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann", "alias": "a"});
    bench
        .call("POST", "/connected_accounts/link", body)
        .refused(400);
}

#[test]
fn a_refused_patch_changes_nothing() {
    let mut bench = Bench::new();
    let id = bench.shared("ac_gmail", "ann");
    let other = bench.shared("ac_gmail", "ann");
    bench
        .call("PATCH", &path(&other), json!({"alias": "taken"}))
        .expect(200);
    let before = bench.account(&id);
    bench.wait(5);
    let body = json!({"alias": "taken",
        "experimental": {"acl_config_for_shared": {"allow_all_users": true}}});
    bench.call("PATCH", &path(&id), body).refused(400);
    assert_eq!(bench.account(&id), before);
}

#[test]
fn a_patch_of_the_sharing_list_is_a_merge() {
    let mut bench = Bench::new();
    let id = bench.shared("ac_gmail", "ann");
    let steps = [
        (
            json!({"allowed_user_ids": ["a", "b"]}),
            json!([false, ["a", "b"], []]),
        ),
        (
            json!({"not_allowed_user_ids": ["c"]}),
            json!([false, ["a", "b"], ["c"]]),
        ),
        (
            json!({"allow_all_users": true, "allowed_user_ids": []}),
            json!([true, [], ["c"]]),
        ),
        (json!({}), json!([true, [], ["c"]])),
    ];
    for (patch, expected) in steps {
        let body = json!({"experimental": {"acl_config_for_shared": patch}});
        bench.call("PATCH", &path(&id), body).expect(200);
        let account = bench.account(&id);
        let list = &account["experimental"]["acl_config_for_shared"];
        let seen = json!([
            list["allow_all_users"],
            list["allowed_user_ids"],
            list["not_allowed_user_ids"]
        ]);
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_private_account_has_no_sharing_list() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    let body = json!({"experimental": {"acl_config_for_shared": {"allow_all_users": false}}});
    bench.call("PATCH", &path(&id), body).refused(400);
}

#[test]
fn patched_credentials_are_merged_field_by_field() {
    let mut bench = Bench::new();
    let mut body = key_body("ann", "one");
    body["connection"]["state"]["val"]["subdomain"] = json!("acme");
    let id = text(&bench.call("POST", "/connected_accounts", body).expect(201)["id"]);
    let held = |bench: &mut Bench| bench.world.account(&id, bench.now).unwrap().credentials;
    let before = held(&mut bench);

    bench
        .call("PATCH", &path(&id), key_patch(&json!({"api_key": "two"})))
        .expect(200);
    let after = held(&mut bench);
    assert_ne!(after["api_key"], before["api_key"]);
    assert_eq!(
        after["subdomain"], before["subdomain"],
        "an omitted field stays"
    );

    bench
        .call("PATCH", &path(&id), key_patch(&json!({"subdomain": null})))
        .expect(200);
    let last = held(&mut bench);
    assert!(!last.contains_key("subdomain"), "null removes");
    assert_eq!(last["api_key"], after["api_key"]);
    let logged = bench.last_entry().body;
    assert_eq!(
        logged["connection"]["state"]["val"]["subdomain"],
        Value::Null
    );
}

#[test]
fn credentials_of_the_wrong_scheme_are_refused() {
    let mut bench = Bench::new();
    let key = bench.keyed("ann", "one");
    let oauth = bench.active("ac_gmail", "ann");
    let basic = json!({"connection": {"state": {"authScheme": "BASIC", "val": {"username": "u"}}}});
    let token =
        json!({"connection": {"state": {"authScheme": "OAUTH2", "val": {"access_token": "t"}}}});
    bench.call("PATCH", &path(&key), basic).refused(400);
    bench.call("PATCH", &path(&oauth), token).refused(400);
}

#[rstest]
#[case::expired(false, "EXPIRED", "good", "ACTIVE")]
#[case::failed(false, "FAILED", "good", "ACTIVE")]
#[case::refused_by_the_provider(false, "EXPIRED", "invalid", "EXPIRED")]
#[case::revoked(false, "REVOKED", "good", "REVOKED")]
#[case::inactive(false, "INACTIVE", "good", "INACTIVE")]
#[case::not_with_the_switch(true, "EXPIRED", "good", "EXPIRED")]
fn new_credentials_revive_a_dead_row_unless_the_provider_refuses_them(
    #[case] patch_does_not_revive: bool,
    #[case] before: &str,
    #[case] key: &str,
    #[case] after: &str,
) {
    let mut bench = Bench::new();
    bench.world.set_switches(Switches {
        patch_does_not_revive,
        ..Switches::default()
    });
    let id = bench.keyed("ann", "one");
    bench
        .world
        .force_state(&id, before, None, bench.now)
        .unwrap();
    let answer = bench
        .call("PATCH", &path(&id), key_patch(&json!({"api_key": key})))
        .expect(200);
    assert_eq!(
        answer["status"], after,
        "{before} with {key}, switch {patch_does_not_revive}"
    );
}

#[test]
fn an_account_is_disabled_and_enabled() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    let status = format!("{}/status", path(&id));
    let answer = bench
        .call("PATCH", &status, json!({"enabled": false}))
        .expect(200);
    assert_eq!(answer, json!({"success": true}));
    let account = bench.account(&id);
    assert_eq!(account["status"], "INACTIVE");
    assert_eq!(account["is_disabled"], true);
    assert_eq!(
        account["status_reason"],
        "Connection status updated by user"
    );
    bench
        .call("PATCH", &status, json!({"enabled": true}))
        .expect(200);
    assert_eq!(bench.status(&id), "ACTIVE");
}

#[rstest]
#[case::expired("EXPIRED", false, 400)]
#[case::revoked("REVOKED", false, 400)]
#[case::initiated("INITIATED", false, 400)]
#[case::inactive_and_never_connected("INACTIVE", false, 400)]
#[case::expired_with_the_switch("EXPIRED", true, 200)]
#[case::inactive_with_the_switch("INACTIVE", true, 200)]
fn only_a_connected_account_can_be_enabled_unless_the_switch_says_so(
    #[case] state: &str,
    #[case] status_sets_anything: bool,
    #[case] expected: u16,
) {
    let mut bench = Bench::new();
    bench.world.set_switches(Switches {
        status_sets_anything,
        ..Switches::default()
    });
    let id = bench.link("ac_gmail", "ann");
    bench
        .world
        .force_state(&id, state, None, bench.now)
        .unwrap();
    let body = json!({"enabled": true});
    let answer = bench.call("PATCH", &format!("{}/status", path(&id)), body);
    assert_eq!(answer.status, expected, "{state}, never connected");
}

#[test]
fn refresh_asks_the_person_again_on_the_same_id() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    bench.wait(3600);
    bench.world.expire(&id, bench.now).unwrap();
    let refresh = format!("{}/refresh", path(&id));
    let answer = bench.call("POST", &refresh, Value::Null).expect(200);
    assert_eq!(answer["id"], json!(id));
    assert_eq!(answer["status"], "INITIATED");
    assert!(text(&answer["redirect_url"]).starts_with("http://sandbox.test:8090/connect/lk_"));
    bench.world.consent(&id, bench.now).unwrap();
    assert_eq!(bench.status(&id), "ACTIVE");
    assert!(bench.alive(&id));
}

#[test]
fn refresh_has_ten_minutes_of_its_own() {
    let mut bench = Bench::new();
    let id = bench.link("ac_gmail", "ann");
    bench.wait(9 * 60);
    bench
        .call("POST", &format!("{}/refresh", path(&id)), Value::Null)
        .expect(200);
    bench.wait(9 * 60);
    assert_eq!(bench.status(&id), "INITIATED");
    bench.wait(60);
    assert_eq!(bench.status(&id), "EXPIRED");
}

#[rstest]
#[case::active("ac_gmail", "ACTIVE", 200, "ACTIVE", true)]
#[case::failed("ac_gmail", "FAILED", 200, "INITIATED", true)]
#[case::inactive("ac_gmail", "INACTIVE", 400, "INACTIVE", false)]
#[case::revoked("ac_gmail", "REVOKED", 400, "REVOKED", false)]
#[case::expired_with_an_api_key("ac_hubspot", "EXPIRED", 200, "EXPIRED", false)]
fn refresh_answers_by_state_and_scheme(
    #[case] config: &str,
    #[case] before: &str,
    #[case] status: u16,
    #[case] after: &str,
    #[case] has_url: bool,
) {
    let mut bench = Bench::new();
    let id = bench.active(config, "ann");
    bench
        .world
        .force_state(&id, before, None, bench.now)
        .unwrap();
    let answer = bench
        .call("POST", &format!("{}/refresh", path(&id)), Value::Null)
        .expect(status);
    assert_eq!(bench.status(&id), after, "{config} {before}");
    assert_eq!(
        answer["redirect_url"].is_string(),
        has_url,
        "{config} {before}"
    );
}

#[test]
fn refresh_leaves_the_row_expired_when_the_switch_says_so() {
    let mut bench = Bench::new();
    bench.world.set_switches(Switches {
        refresh_leaves_expired: true,
        ..Switches::default()
    });
    let id = bench.active("ac_gmail", "ann");
    bench.world.expire(&id, bench.now).unwrap();
    let answer = bench
        .call("POST", &format!("{}/refresh", path(&id)), Value::Null)
        .expect(200);
    assert_eq!(answer["status"], "EXPIRED");
    bench.world.consent(&id, bench.now).unwrap();
    assert_eq!(bench.status(&id), "ACTIVE");
}

#[test]
fn alias_and_sharing_leave_updated_at_alone_when_the_switch_says_so() {
    for (quiet_metadata, moves) in [(false, true), (true, false)] {
        let mut bench = Bench::new();
        bench.world.set_switches(Switches {
            quiet_metadata,
            ..Switches::default()
        });
        let id = bench.shared("ac_gmail", "ann");
        bench.wait(5);
        let body = json!({"alias": "a",
            "experimental": {"acl_config_for_shared": {"allow_all_users": true}}});
        bench.call("PATCH", &path(&id), body).expect(200);
        let account = bench.account(&id);
        assert_eq!(account["alias"], "a");
        assert_eq!(account["updated_at"] != account["created_at"], moves);
    }
}

#[test]
fn refresh_keeps_the_deadline_when_the_switch_says_so() {
    let mut bench = Bench::new();
    bench.world.set_switches(Switches {
        refresh_keeps_deadline: true,
        ..Switches::default()
    });
    let id = bench.link("ac_gmail", "ann");
    bench.wait(9 * 60);
    let refresh = format!("{}/refresh", path(&id));
    bench.call("POST", &refresh, Value::Null).expect(200);
    bench.wait(60);
    assert_eq!(bench.status(&id), "EXPIRED");
    // A row that is over has no deadline to keep.
    bench.call("POST", &refresh, Value::Null).expect(200);
    bench.wait(9 * 60);
    assert_eq!(bench.status(&id), "INITIATED");
}
