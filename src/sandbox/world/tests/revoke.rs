use rstest::rstest;
use serde_json::{Value, json};

use super::{Bench, text};
use crate::world::{GrantEnd, Switches};

fn revoke(bench: &mut Bench, id: &str) -> super::Answer {
    bench.call(
        "POST",
        &format!("/connected_accounts/{id}/revoke"),
        Value::Null,
    )
}

#[test]
fn a_revoke_reaches_the_provider_and_the_second_finds_nothing_left() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    assert!(bench.alive(&id));
    let connected_account = json!({"id": id, "status": "REVOKED"});
    for tokens in [json!(["access_token", "refresh_token"]), json!([])] {
        let answer = revoke(&mut bench, &id).expect(200);
        assert_eq!(answer["revoked_tokens"], tokens);
        assert_eq!(answer["connected_account"], connected_account);
    }
    let account = bench.account(&id);
    assert_eq!(account["status"], "REVOKED");
    assert_eq!(
        account["status_reason"],
        "Revoked via user-initiated revoke endpoint"
    );
    let grant = &bench.world.grants()[0];
    assert!(!grant.alive);
    assert_eq!(grant.ended_by, Some(GrantEnd::Revoke));
}

#[test]
fn a_key_is_revoked_as_a_credential() {
    let mut bench = Bench::new();
    let id = bench.keyed("ann", "k");
    let answer = revoke(&mut bench, &id).expect(200);
    assert_eq!(answer["revoked_tokens"], json!(["credential"]));
}

#[test]
fn a_toolkit_that_cannot_revoke_says_so_and_the_grant_lives_on() {
    let mut bench = Bench::new();
    let id = bench.active("ac_trello", "ann");
    let (_, message) = revoke(&mut bench, &id).refused(400);
    assert!(message.contains("trello"), "{message}");
    assert!(bench.alive(&id));
    assert_eq!(bench.status(&id), "ACTIVE");
}

#[rstest]
#[case::initializing("INITIALIZING")]
#[case::initiated("INITIATED")]
#[case::inactive("INACTIVE")]
#[case::expired("EXPIRED")]
#[case::failed("FAILED")]
#[case::unknown("DREAMING")]
fn only_active_and_revoked_rows_can_be_revoked(#[case] state: &str) {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    bench
        .world
        .force_state(&id, state, None, bench.now)
        .unwrap();
    let (_, message) = revoke(&mut bench, &id).refused(409);
    assert!(message.contains(state), "{message}");
    assert!(bench.alive(&id));
}

#[test]
fn a_grant_that_the_person_took_back_cannot_be_revoked_again() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    let before = bench.account(&id);
    bench.wait(5);
    bench.world.revoke_at_provider(&id, bench.now).unwrap();
    assert_eq!(bench.account(&id), before, "Composio does not notice");
    revoke(&mut bench, &id).refused(500);
    assert_eq!(bench.status(&id), "ACTIVE");
}

#[test]
fn nothing_is_revoked_of_an_account_that_is_not_there() {
    let mut bench = Bench::new();
    revoke(&mut bench, "ca_none").refused(404);
}

#[test]
fn deletion_frees_the_row_but_not_the_grant() {
    let mut bench = Bench::new();
    let id = bench.active("ac_gmail", "ann");
    let path = format!("/connected_accounts/{id}");
    let answer = bench.call("DELETE", &path, Value::Null).expect(200);
    assert_eq!(answer, json!({"success": true}));
    assert!(bench.alive(&id), "nobody told the provider");
    bench.call("DELETE", &path, Value::Null).refused(404);
    let view = bench.world.account(&id, bench.now).unwrap();
    assert_eq!(view.deleted_at.as_deref(), Some("2026-09-01T12:00:00.000Z"));
    assert!(view.ever_active);
}

#[rstest]
#[case::active("ac_gmail", "ACTIVE", false, false)]
#[case::inactive("ac_gmail", "INACTIVE", false, false)]
#[case::expired("ac_gmail", "EXPIRED", false, false)]
#[case::not_of_an_expired_one_with_the_switch("ac_gmail", "EXPIRED", true, true)]
#[case::active_with_the_switch("ac_gmail", "ACTIVE", true, false)]
#[case::not_where_the_toolkit_cannot("ac_trello", "ACTIVE", false, true)]
fn deletion_can_start_a_revocation(
    #[case] config: &str,
    #[case] state: &str,
    #[case] revoke_on_delete_needs_active: bool,
    #[case] survives: bool,
) {
    // Config, state, switch, whether the grant survives.
    let mut bench = Bench::new();
    bench.world.set_switches(Switches {
        revoke_on_delete_needs_active,
        ..Switches::default()
    });
    let id = bench.active(config, "ann");
    bench
        .world
        .force_state(&id, state, None, bench.now)
        .unwrap();
    let path = format!("/connected_accounts/{id}?revoke_on_delete=true");
    let answer = bench.call("DELETE", &path, Value::Null).expect(200);
    assert!(text(&answer["revoke_job_id"]).starts_with("job_"));
    assert_eq!(bench.alive(&id), survives, "{config} {state}");
}
