//! The pauses of the poller: it rests between two polls, and longer where nothing happens.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use composio_operator::composio::Urgency;
use composio_operator::record::RecordKeys;
use kube::runtime::watcher;
use serde_json::json;

use super::bench::{Bench, lock, object, packed};
use super::{TICK, in_simulated_time};

/// Polls for so many seconds, and says how many requests that took.
async fn polled(bench: &mut Bench, seconds: u64) -> usize {
    *lock(&bench.shared.requests) = 0;
    let polling = bench.poll.run(|_| (), |_| ());
    let polling = tokio::time::timeout(Duration::from_secs(seconds), polling).await;
    polling.expect_err("it polls for ever");
    *lock(&bench.shared.requests)
}

#[test]
fn a_project_in_which_nothing_happens_for_an_hour_is_polled_every_five_minutes_until_something_does()
 {
    in_simulated_time(async {
        let mut bench = Bench::new(3, 1, 50, false);
        let become_ready = |bench: &mut Bench, id: &str, is_ready: &str| {
            let mut one = object(id);
            let ready = json!({
                "type": "Ready", "status": is_ready, "reason": "Connected", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let status = one.status.as_mut().expect("it has one");
            status.conditions = vec![serde_json::from_value(ready).expect("a condition")];
            let event = watcher::Event::Apply(packed(one));
            bench.all.apply_event(event);
        };
        polled(&mut bench, 3700).await;
        assert_eq!(polled(&mut bench, 19).await, 10, "some are not ready");
        for id in bench.ours.clone() {
            become_ready(&mut bench, &id, "True");
        }
        assert_eq!(polled(&mut bench, 3599).await, 1800, "not for an hour");
        polled(&mut bench, 9).await;
        assert_eq!(polled(&mut bench, 2999).await, 10);
        // A pass asks Composio for something in the middle of a pause.
        let project = Arc::clone(&bench.project);
        let asked = async {
            let pause = tokio::time::timeout(Duration::from_secs(10), pending::<()>());
            pause.await.expect_err("nothing comes");
            project.admit(Urgency::Drift).expect("there is room");
        };
        let (requests, ()) = tokio::join!(polled(&mut bench, 19), asked);
        assert_eq!(requests, 1 + 5, "and then every two seconds");
        polled(&mut bench, 3700).await;
        assert_eq!(polled(&mut bench, 19).await, 1);
        // A row changes, be it somebody else's.
        bench.pass_time(TICK);
        bench.set("ca_3", "EXPIRED", bench.now());
        polled(&mut bench, 1).await;
        assert_eq!(polled(&mut bench, 19).await, 10);
        polled(&mut bench, 3700).await;
        become_ready(&mut bench, "ca_0", "False");
        assert_eq!(
            polled(&mut bench, 19).await,
            10,
            "the watch brings a change"
        );
    });
}

#[test]
fn with_a_key_that_is_new_everything_is_asked_for_once_and_then_the_poller_rests() {
    in_simulated_time(async {
        let mut bench = Bench::new(60, 0, 50, false);
        bench.project.key_changed(RecordKeys::clone);
        let polling = bench.poll.run(|_| (), |_| ());
        let interval = Duration::from_secs(2);
        let rested = tokio::time::timeout(interval / 2, polling).await;
        rested.expect_err("it polls for ever");
        let requests = *lock(&bench.shared.requests);
        assert_eq!(requests, 3, "whose the key is, and a page of ids a request");
    });
}
