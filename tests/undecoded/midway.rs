//! A declaration that cannot be read any more in the middle of a pass.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use composio_operator::plan::{Applied, OutcomeKind};
use composio_operator::report::report;
use composio_operator::sandbox::world::Seed;
use serde_json::json;

use crate::support::scene::gmail;
use crate::support::simulation::{FakeApiServer, Logic, Simulation};

#[tokio::test(start_paused = true)]
async fn the_id_of_a_new_account_is_recorded_although_its_object_cannot_be_read_any_more() {
    let apiserver: Arc<OnceLock<Arc<Mutex<FakeApiServer>>>> = Arc::default();
    let (reached, is_changed) = (Arc::clone(&apiserver), AtomicBool::new(false));
    let logic = Logic {
        // The account is made, and its id not yet written.
        report: Arc::new(move |desired, previous, outcome, now| {
            let is_made = matches!(&outcome.kind, OutcomeKind::Applied(Applied::Linked { .. }));
            if is_made
                && let Some(apiserver) = reached.get()
                // A report may be asked for again.
                && !is_changed.swap(true, Ordering::Relaxed)
            {
                let mut apiserver = apiserver
                    .lock()
                    .expect("nothing panics while it holds this");
                apiserver.merge("mail", &json!({"spec": {"enabled": "perhaps"}}));
            }
            report(desired, previous, outcome, now)
        }),
        ..Logic::default()
    };
    let mut simulation = Simulation::with_logic(Seed::default(), logic);
    assert!(apiserver.set(Arc::clone(&simulation.apiserver)).is_ok());
    simulation.apply("mail", gmail());
    simulation.settle().await;

    let now = simulation.now();
    let made = simulation.world().accounts(now);
    let [account] = made.as_slice() else {
        panic!("one account: {}", simulation.describe());
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
    assert_eq!(simulation.object("mail"), None, "{}", simulation.describe());
    let left = simulation.world().accounts(now);
    let left: Vec<_> = left.iter().map(|account| json!(account)).collect();
    assert!(
        left.iter().all(|account| account["deleted_at"].is_string()),
        "{left:?}"
    );
}
