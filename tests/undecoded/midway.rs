//! A declaration that cannot be read any more in the middle of a pass.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use composio_operator::plan::{Applied, OutcomeKind};
use composio_operator::report::report;
use composio_operator::sandbox::world::Seed;
use serde_json::json;

use crate::support::scene::gmail;
use crate::support::simulation::{Mind, Shelf, Simulation};

#[tokio::test(start_paused = true)]
async fn the_id_of_a_new_account_is_recorded_although_its_object_cannot_be_read_any_more() {
    let shelf: Arc<OnceLock<Arc<Mutex<Shelf>>>> = Arc::default();
    let (reached, is_changed) = (Arc::clone(&shelf), AtomicBool::new(false));
    let mind = Mind {
        // The account is made, and its id not yet written.
        report: Arc::new(move |desired, previous, outcome, now| {
            let is_made = matches!(&outcome.kind, OutcomeKind::Applied(Applied::Linked { .. }));
            if is_made
                && let Some(shelf) = reached.get()
                // A report may be asked for again.
                && !is_changed.swap(true, Ordering::Relaxed)
            {
                let mut shelf = shelf.lock().expect("nothing panics while it holds this");
                shelf.merge("mail", &json!({"spec": {"enabled": "perhaps"}}));
            }
            report(desired, previous, outcome, now)
        }),
        ..Mind::default()
    };
    let mut simulation = Simulation::with_mind(Seed::default(), mind);
    assert!(shelf.set(Arc::clone(&simulation.shelf)).is_ok());
    simulation.apply("mail", gmail());
    simulation.settle().await;

    let now = simulation.now();
    let made = simulation.world().accounts(now);
    let [account] = made.as_slice() else {
        panic!("one account: {}", simulation.told());
    };
    let account = json!(account);
    let object = simulation.object("mail").expect("it is there");
    assert_eq!(object["spec"]["enabled"], "perhaps");
    assert_eq!(
        object["status"]["connectedAccountId"], account["id"],
        "{object}"
    );
    assert!(object["status"]["link"]["url"].is_string(), "{object}");

    // Nothing is done with it, a restart and a deletion included, until it can be read again.
    simulation.restart();
    simulation.settle().await;
    simulation.delete("mail");
    simulation.settle().await;
    assert_eq!(simulation.world().accounts(now).len(), 1);
    let object = simulation.object("mail").expect("it is held");
    assert_eq!(object["status"]["connectedAccountId"], account["id"]);
    simulation.merge("mail", json!({"spec": {"enabled": true}}));
    simulation.settle().await;
    assert_eq!(simulation.object("mail"), None, "{}", simulation.told());
    let left = simulation.world().accounts(now);
    let left: Vec<_> = left.iter().map(|account| json!(account)).collect();
    assert!(
        left.iter().all(|account| account["deleted_at"].is_string()),
        "{left:?}"
    );
}
