//! Two objects that mean one account: what one of them finds out the other is told, and what one has the other
//! does not touch. The real pass and poll under simulated time.

use composio_operator::sandbox::world::Seed;
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
    let told = simulation.told();
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
    let told = simulation.told();
    assert_eq!(reason(&simulation, "owner"), "Connected", "{told}");
    let now = simulation.now();
    let accounts = simulation.world().accounts(now);
    let account = accounts.iter().find(|account| account.id == id);
    let account = json!(account.expect("it is there"));
    assert_eq!(account["status"], "ACTIVE", "{told}");
}
