use rstest::rstest;
use serde_json::{Value, json};

use super::{Bench, text};
use crate::world::{ControlError, SignIn};

fn linked(bench: &mut Bench, callback: &Value) -> (String, String) {
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "ann", "callback_url": callback});
    let answer = bench
        .call("POST", "/connected_accounts/link", body)
        .expect(201);
    (
        text(&answer["connected_account_id"]),
        text(&answer["link_token"]),
    )
}

#[test]
fn opening_the_page_initiates_and_agreeing_activates() {
    let mut bench = Bench::new();
    let (id, token) = linked(&mut bench, &Value::Null);
    assert!(matches!(
        bench.world.open_sign_in(&token, bench.now),
        SignIn::Open(_)
    ));
    assert_eq!(bench.status(&id), "INITIATED");
    let finished = bench
        .world
        .complete_sign_in(&token, Vec::new(), bench.now)
        .unwrap();
    assert_eq!((finished.status, finished.redirect_url), ("success", None));
    assert_eq!(bench.status(&id), "ACTIVE");
    assert!(matches!(
        bench.world.open_sign_in(&token, bench.now),
        SignIn::Used(_)
    ));
    assert!(matches!(
        bench.world.complete_sign_in(&token, Vec::new(), bench.now),
        Err(SignIn::Used(_))
    ));
}

#[test]
fn an_unfinished_sign_in_expires_after_ten_minutes_with_the_documented_reason() {
    let mut bench = Bench::new();
    let (id, token) = linked(&mut bench, &Value::Null);
    bench.wait(599);
    assert_eq!(bench.status(&id), "INITIALIZING");
    bench.wait(600);
    let account = bench.account(&id);
    assert_eq!(account["status"], "EXPIRED");
    assert_eq!(
        account["status_reason"],
        "Connection initiation did not complete within 10 minutes"
    );
    assert_eq!(
        account["updated_at"], "2026-09-01T12:10:00.000Z",
        "when it happened, not when seen"
    );
    assert!(matches!(
        bench.world.open_sign_in(&token, bench.now),
        SignIn::Expired(_)
    ));
    assert!(matches!(
        bench.world.consent(&id, bench.now),
        Err(ControlError::NotPossible(_))
    ));
    assert!(!bench.world.account(&id, bench.now).unwrap().ever_active);
}

#[test]
fn time_changes_an_account_also_for_those_who_only_list() {
    let mut bench = Bench::new();
    let (id, _) = linked(&mut bench, &Value::Null);
    bench.wait(1);
    bench.active("ac_gmail", "bob");
    bench.wait(600);
    let list = bench
        .get("/connected_accounts?order_by=updated_at")
        .expect(200);
    assert_eq!(list["items"][0]["id"], json!(id));
    assert_eq!(list["items"][0]["status"], "EXPIRED");
}

#[test]
fn a_sign_in_that_is_declined_fails_the_account() {
    let mut bench = Bench::new();
    let (id, _) = linked(&mut bench, &json!("https://app.test/back"));
    let finished = bench.world.cancel(&id, bench.now).unwrap();
    assert_eq!(finished.status, "failed");
    let account = bench.account(&id);
    assert_eq!(account["status"], "FAILED");
    assert_eq!(
        account["status_reason"],
        "OAuth callback failed during token exchange"
    );
}

#[rstest]
#[case::without_a_query(
    "https://app.test/back",
    "https://app.test/back?status=success&connected_account_id=ID"
)]
#[case::with_a_query(
    "https://app.test/?a=1",
    "https://app.test/?a=1&status=success&connected_account_id=ID"
)]
#[case::with_an_empty_query(
    "https://app.test/?",
    "https://app.test/?status=success&connected_account_id=ID"
)]
fn the_callback_keeps_its_query_and_gets_the_outcome(
    #[case] callback: &str,
    #[case] expected: &str,
) {
    let mut bench = Bench::new();
    let (id, _) = linked(&mut bench, &json!(callback));
    let finished = bench.world.consent(&id, bench.now).unwrap();
    assert_eq!(finished.redirect_url, Some(expected.replace("ID", &id)));
}

#[test]
fn a_cancelled_sign_in_is_told_to_the_callback() {
    let mut bench = Bench::new();
    let (id, _) = linked(&mut bench, &json!("https://app.test/back"));
    let target = bench
        .world
        .cancel(&id, bench.now)
        .unwrap()
        .redirect_url
        .unwrap();
    assert_eq!(
        target,
        format!(
            "https://app.test/back?status=failed&connected_account_id={id}&error=access_denied"
        )
    );
}

#[test]
fn a_newer_link_takes_the_place_of_the_old() {
    let mut bench = Bench::new();
    let (id, token) = linked(&mut bench, &Value::Null);
    let path = format!("/connected_accounts/{id}/refresh");
    let url = text(&bench.call("POST", &path, Value::Null).expect(200)["redirect_url"]);
    assert!(matches!(
        bench.world.open_sign_in(&token, bench.now),
        SignIn::Expired(_)
    ));
    let newer = url.rsplit('/').next().unwrap();
    assert!(matches!(
        bench.world.open_sign_in(newer, bench.now),
        SignIn::Open(_)
    ));
}

#[test]
fn the_link_of_a_deleted_account_is_over() {
    let mut bench = Bench::new();
    let (id, token) = linked(&mut bench, &Value::Null);
    bench
        .call("DELETE", &format!("/connected_accounts/{id}"), Value::Null)
        .expect(200);
    assert!(matches!(
        bench.world.open_sign_in(&token, bench.now),
        SignIn::Expired(_)
    ));
    assert!(matches!(
        bench.world.open_sign_in("lk_none", bench.now),
        SignIn::Unknown
    ));
}

#[test]
fn a_dead_grant_expires_the_account() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    bench.world.expire(&id, bench.now).unwrap();
    let account = bench.account(&id);
    assert_eq!(account["status"], "EXPIRED");
    assert_eq!(
        account["status_reason"],
        "Permanent auth error during token refresh"
    );
    assert!(!bench.alive(&id));
    assert!(bench.world.expire(&id, bench.now).is_err());
}

#[test]
fn the_clock_of_the_world_can_be_moved() {
    let mut bench = Bench::new();
    let (id, _) = linked(&mut bench, &Value::Null);
    bench
        .world
        .advance(jiff::SignedDuration::from_mins(11))
        .unwrap();
    assert_eq!(bench.status(&id), "EXPIRED");
    let noon = "2030-01-01T12:00:00Z".parse().unwrap();
    bench.world.set_time(noon, bench.now).unwrap();
    assert_eq!(bench.world.time(bench.now), noon);
}
