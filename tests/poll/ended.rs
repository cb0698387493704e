//! A poller that is ended in the middle of a resync: its settings have changed, or its key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use composio_operator::poll::Poll;

use super::bench::{Bench, POLLING, lock};
use super::{RESYNC, TICK, in_simulated_time};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn what_a_poller_had_read_when_it_was_ended_is_told_by_the_next() {
    in_simulated_time(async {
        let mut ended = 0;
        // Whichever request is never answered, others are.
        for hanging in 0..5 {
            let mut bench = Bench::new(120, 0, 50, false);
            bench.tick().await;
            bench.pass_time(RESYNC + TICK);
            for id in &bench.ours {
                bench.set(id, "EXPIRED", bench.now());
            }
            let shared = Arc::downgrade(&bench.shared);
            let mut request = 0;
            // What it sets is how long the next one takes.
            *lock(&bench.shared.between) = Some(Box::new(move |_, _| {
                request += 1;
                let shared = shared.upgrade().expect("the test holds it");
                *lock(&shared.latency) = if request == hanging {
                    2 * MINUTE
                } else {
                    Duration::ZERO
                };
            }));
            if hanging == 0 {
                *lock(&bench.shared.latency) = 2 * MINUTE;
            }
            let mut told = BTreeSet::new();
            let tick = bench.poll.tick(|object| {
                told.insert(object.name);
            });
            ended += u32::from(tokio::time::timeout(MINUTE, tick).await.is_err());
            *lock(&bench.shared.between) = None;
            *lock(&bench.shared.latency) = Duration::ZERO;

            let (project, objects) = (Arc::clone(&bench.project), bench.objects.clone());
            bench.poll = Poll::new(project, objects, POLLING);
            let (_, by_the_next) = bench.tick().await;
            told.extend(by_the_next);
            let missed: Vec<_> = bench.ours.iter().filter(|id| !told.contains(*id)).collect();
            assert!(missed.is_empty(), "request {hanging}: {missed:?}");
        }
        assert!(
            ended >= 3,
            "only {ended} pollers were ended while they read"
        );
    });
}
