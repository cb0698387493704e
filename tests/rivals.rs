//! Two objects that mean one account: what one of them finds out the other is told, and what one has the other
//! does not touch. The real pass and poll under simulated time.

use composio_operator::sandbox::world::Seed;
use http::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::scene::gmail;
use crate::support::simulation::Simulation;
use crate::support::story::condition;

/// Longer than the longest time between two looks at all that is recorded.
const LONG: SignedDuration = SignedDuration::from_mins(30);

async fn settle(simulation: &mut Simulation) {
    simulation.advance(SignedDuration::from_secs(5)).await;
}

fn reason(simulation: &Simulation, name: &str) -> Value {
    let object = simulation.object(name).expect("it is there");
    condition(&object, "Ready")["reason"].clone()
}

fn recorded(simulation: &Simulation, name: &str) -> Value {
    let object = simulation.object(name).expect("it is there");
    object["status"]["connectedAccountId"].clone()
}

/// An object whose account is connected.
async fn owner(simulation: &mut Simulation) -> String {
    simulation.apply("owner", gmail());
    settle(simulation).await;
    let id = recorded(simulation, "owner");
    let id = id.as_str().expect("it is recorded").to_owned();
    let now = simulation.now();
    let signed_in = simulation.world().consent(&id, now);
    signed_in.expect("it waits for its person");
    simulation.advance(SignedDuration::from_mins(2)).await;
    assert_eq!(reason(simulation, "owner"), "Connected");
    id
}

fn naming(id: &str) -> Value {
    let mut spec = gmail();
    spec["connectedAccountId"] = json!(id);
    spec
}

#[tokio::test]
async fn that_an_account_is_gone_is_told_also_if_its_owner_is_not_the_one_to_find_it_out() {
    let mut simulation = Simulation::new(Seed::default());
    let id = owner(&mut simulation).await;
    let now = simulation.now();
    let deleted = simulation.world().delete_by_hand(&id, now);
    deleted.expect("it is there");
    simulation.apply("rival", naming(&id));
    simulation.advance(LONG).await;
    assert_eq!(reason(&simulation, "rival"), "AccountNotFound");
    let told = simulation.describe();
    assert_ne!(recorded(&simulation, "owner"), json!(id), "{told}");
}

#[tokio::test]
async fn what_a_forged_status_makes_another_object_see_is_told_to_the_owner() {
    let mut simulation = Simulation::new(Seed::default());
    let id = owner(&mut simulation).await;
    simulation.apply("rival", gmail());
    settle(&mut simulation).await;
    let now = simulation.now();
    let disabled = simulation.world().set_enabled(&id, false, now);
    disabled.expect("it is there");
    let status = json!({"connectedAccountId": id, "record": null});
    simulation.merge("rival", json!({"status": status}));
    simulation.advance(LONG).await;
    let told = simulation.describe();
    assert_eq!(reason(&simulation, "owner"), "Connected", "{told}");
    let now = simulation.now();
    let accounts = simulation.world().accounts(now);
    let account = accounts.iter().find(|account| account.id == id);
    let account = json!(account.expect("it is there"));
    assert_eq!(account["status"], "ACTIVE", "{told}");
}

/// An account of the same user, made by hand and connected.
fn by_hand(simulation: &mut Simulation, alias: &str) -> String {
    let now = simulation.now();
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "u", "alias": alias});
    let request = Request::builder()
        .method("POST")
        .uri("/api/v3.1/connected_accounts/link")
        .header("x-api-key", "sandbox")
        .body(body.to_string().into())
        .expect("a request");
    let mut world = simulation.world();
    let answer = world.exchange(&request, now).expect("no fault is set");
    let made: Value = serde_json::from_slice(answer.body()).expect("JSON");
    let id = made["connected_account_id"].as_str().expect("an id");
    world.consent(id, now).expect("it waits for its person");
    id.to_owned()
}

#[tokio::test]
async fn an_account_that_another_object_has_does_not_end_with_one_that_only_names_it() {
    for deletion_policy in ["Revoke", "Delete"] {
        let mut simulation = Simulation::new(Seed::default());
        let id = by_hand(&mut simulation, "by-hand");
        let theirs = by_hand(&mut simulation, "theirs");
        let mut spec = naming(&id);
        spec["deletionPolicy"] = json!(deletion_policy);
        simulation.apply("former", spec.clone());
        settle(&mut simulation).await;
        assert_eq!(reason(&simulation, "former"), "Connected");
        // Its status says another account by now, and nobody puts that right.
        let mut suspended = spec.clone();
        suspended["suspend"] = json!(true);
        simulation.apply("former", suspended);
        settle(&mut simulation).await;
        let status = json!({"connectedAccountId": theirs, "record": null});
        simulation.merge("former", json!({"status": status}));
        settle(&mut simulation).await;
        simulation.apply("owner", spec);
        settle(&mut simulation).await;
        assert_eq!(
            recorded(&simulation, "owner"),
            json!(id),
            "{}",
            simulation.describe()
        );
        simulation.delete("former");
        simulation.advance(LONG).await;
        assert!(simulation.object("former").is_none());
        let told = simulation.describe();
        assert_eq!(reason(&simulation, "owner"), "Connected", "{told}");
        assert_eq!(recorded(&simulation, "owner"), json!(id), "{told}");
    }
}

/// The object is given a record that nobody here can verify, of an account that is not its own.
fn forge(simulation: &mut Simulation, name: &str, theirs: &str) {
    let record = json!({"keyId": "AAAAAAAA", "mac": "AAAA"});
    let status = json!({"connectedAccountId": theirs, "record": record});
    simulation.merge(name, json!({"status": status}));
}

#[tokio::test]
async fn the_account_that_an_object_names_is_found_beside_a_record_that_nobody_can_verify() {
    for (is_taken, expected) in [(false, "Connected"), (true, "Conflict")] {
        let mut simulation = Simulation::new(Seed::default());
        let id = by_hand(&mut simulation, "by-hand");
        let theirs = by_hand(&mut simulation, "theirs");
        let mut suspended = naming(&id);
        suspended["suspend"] = json!(true);
        simulation.apply("named", naming(&id));
        settle(&mut simulation).await;
        simulation.apply("named", suspended);
        settle(&mut simulation).await;
        forge(&mut simulation, "named", &theirs);
        settle(&mut simulation).await;
        // Its pin finds it no more.
        let now = simulation.now();
        let renamed = simulation.world().rename_by_hand(&id, "renamed", now);
        renamed.expect("it is there");
        if is_taken {
            simulation.apply("owner", naming(&id));
            settle(&mut simulation).await;
            assert_eq!(recorded(&simulation, "owner"), json!(id));
        }
        simulation.apply("named", naming(&id));
        simulation.advance(LONG).await;
        let told = simulation.describe();
        assert_eq!(reason(&simulation, "named"), expected, "{told}");
        assert_ne!(recorded(&simulation, "named"), json!(theirs), "{told}");
    }
}

#[tokio::test]
async fn the_account_that_an_object_names_ends_with_it_whatever_is_written_into_its_status() {
    let mut simulation = Simulation::new(Seed::default());
    let id = by_hand(&mut simulation, "by-hand");
    let theirs = by_hand(&mut simulation, "theirs");
    simulation.apply("named", naming(&id));
    settle(&mut simulation).await;
    let now = simulation.now();
    let renamed = simulation.world().rename_by_hand(&id, "renamed", now);
    renamed.expect("it is there");
    forge(&mut simulation, "named", &theirs);
    simulation.delete("named");
    simulation.advance(LONG).await;
    assert!(simulation.object("named").is_none());
    let now = simulation.now();
    let accounts = simulation.world().accounts(now);
    let left = accounts.iter().map(|account| json!(account));
    let left = left.filter(|account| account["deleted_at"].is_null());
    let left: Vec<Value> = left.map(|account| account["id"].clone()).collect();
    assert_eq!(left, [json!(theirs)], "{}", simulation.describe());
}
