//! An object that is made anew under its name, for another project, while the watch lists everything again: until
//! the list is at its end a summary is known of the former object, and the text is the new one's.

use composio_operator::crd::{Allow, FINALIZER};
use composio_operator::sandbox::world::Seed;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::gmail_of;
use crate::support::simulation::{Logic, Simulation};

const SECOND: &str = "second";

fn simulation() -> Simulation {
    let seeds = [Seed::default(), Seed::default(), Seed::default()];
    let mut simulation = Simulation::with_two_projects(seeds, SECOND, Logic::default());
    simulation.allow(1, Some(&[Allow::default()]));
    simulation
}

fn of_second(user: &str) -> Value {
    let mut spec = gmail_of(user);
    spec["projectRef"] = json!({"kind": "ClusterComposioProject", "name": SECOND});
    spec
}

#[tokio::test]
async fn a_pass_that_began_for_its_predecessor_makes_nothing_for_an_object_in_the_wrong_project() {
    let mut simulation = simulation();
    simulation.advance(SignedDuration::from_secs(5)).await;
    simulation.apply("mail", gmail_of("ada"));
    let known = simulation.known("mail");
    simulation.replace("mail", of_second("ada"));
    let before = simulation.object("mail");
    simulation.pass_in_the_middle_of_a_list(&known).await;
    assert_eq!(simulation.object("mail"), before, "nothing is written");
    for number in 0..2 {
        let now = simulation.now();
        assert!(simulation.world_of(number).accounts(now).is_empty());
    }
    // The list comes to its end.
    simulation.advance(SignedDuration::from_secs(5)).await;
    let now = simulation.now();
    assert!(simulation.world_of(0).accounts(now).is_empty());
    assert_eq!(simulation.world_of(1).accounts(now).len(), 1);
}

#[tokio::test]
async fn nor_does_it_let_go_an_object_whose_account_is_in_another_project() {
    let mut simulation = simulation();
    simulation.advance(SignedDuration::from_secs(5)).await;
    simulation.apply("mail", of_second("ada"));
    simulation.advance(SignedDuration::from_secs(5)).await;
    let marked = simulation.object("mail").expect("it is there");
    simulation.replace("mail", gmail_of("ada"));
    let known = simulation.known("mail");
    simulation.restore("mail", marked);
    simulation.merge(
        "mail",
        json!({"metadata": {"deletionTimestamp": simulation.now().to_string()}}),
    );
    simulation.pass_in_the_middle_of_a_list(&known).await;
    let object = simulation.object("mail").expect("it is still there");
    assert_eq!(object["metadata"]["finalizers"], json!([FINALIZER]));
    // The list comes to its end.
    simulation.advance(SignedDuration::from_mins(1)).await;
    assert_eq!(simulation.object("mail"), None);
    let now = simulation.now();
    let accounts = json!(simulation.world_of(1).accounts(now));
    let accounts = accounts.as_array().expect("a list");
    assert!(!accounts.is_empty(), "it had one");
    assert!(
        accounts.iter().all(|one| one["deleted_at"].is_string()),
        "{accounts:?}"
    );
}
