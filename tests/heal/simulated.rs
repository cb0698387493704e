//! Faults that last: the real pass and poll under simulated time.

use std::collections::BTreeMap;
use std::time::Duration;

use composio_operator::sandbox::world::{Fault, Seed};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::outage::Seen;
use crate::support::scene::gmail;
use crate::support::simulation::Simulation;

/// From this minute of a fault on all that waits does so for long.
const SETTLED: i64 = 5;
/// The most calls in such a minute: the poll, and no more than one look at each object that waits.
const STEADY: usize = 12;

pub(super) async fn unauthorized() -> Seen {
    lasting(json!({"status": 401}), SignedDuration::from_mins(10)).await
}

pub(super) async fn down_for_an_hour() -> Seen {
    let page = "<html><body>503 Service Unavailable</body></html>";
    let down = json!({"status": 503, "body": page});
    lasting(down, SignedDuration::from_hours(1)).await
}

/// Ten accounts are connected and ten are declared while nothing answers; then it is over.
async fn lasting(mut fault: Value, time: SignedDuration) -> Seen {
    let mut simulation = Simulation::new(Seed::default());
    let connected: Vec<String> = (0..10).map(|n| format!("before-{n}")).collect();
    for name in &connected {
        simulation.apply(name, of(name));
    }
    simulation.advance(SignedDuration::from_secs(5)).await;
    for name in &connected {
        let id = text(&simulation, name, "/status/connectedAccountId");
        let now = simulation.now();
        let done = simulation.world().consent(&id, now);
        done.expect("it waits for consent");
    }
    simulation.advance(SignedDuration::from_mins(2)).await;

    let began = simulation.now();
    let seq = seq(&simulation);
    fault["times"] = json!(u32::MAX);
    let fault: Fault = serde_json::from_value(fault).expect("a fault");
    simulation.world().add_fault(fault).expect("it can be");
    let declared: Vec<String> = (0..10).map(|n| format!("after-{n}")).collect();
    for name in &declared {
        simulation.apply(name, of(name));
    }
    simulation.advance(time).await;
    for name in &connected {
        let ready = text(&simulation, name, "/status/conditions/0/status");
        assert_eq!(ready, "True", "{}", simulation.describe());
    }
    simulation.world().clear_faults();
    // The longest wait there is, and what jitter adds to it.
    simulation.advance(SignedDuration::from_mins(12)).await;
    for name in &declared {
        text(&simulation, name, "/status/connectedAccountId");
    }
    let calls = calls(&simulation, seq, began, began + time);
    let settled = calls.range(SETTLED..).map(|(_, count)| *count).max();
    assert!(
        settled.unwrap_or_default() <= STEADY,
        "calls by minute: {calls:?}"
    );
    Seen {
        time: Duration::try_from(time).expect("not that long"),
        calls: calls.into_values().sum(),
        asked: 0,
        lines: 0,
        grown: 0,
    }
}

fn of(name: &str) -> Value {
    let mut spec = gmail();
    spec["user"] = json!(name);
    spec
}

fn text(simulation: &Simulation, name: &str, pointer: &str) -> String {
    let object = simulation.object(name).expect("it is there");
    let found = object.pointer(pointer).and_then(Value::as_str);
    let missing = || panic!("{name} has no {pointer}: {}", simulation.describe());
    found.map_or_else(missing, str::to_owned)
}

fn seq(simulation: &Simulation) -> u64 {
    let log = simulation.world().log_since(0);
    log.last().map_or(0, |entry| entry.seq)
}

/// The calls during the fault, minute by minute.
fn calls(
    simulation: &Simulation,
    seq: u64,
    began: Timestamp,
    end: Timestamp,
) -> BTreeMap<i64, usize> {
    let mut minutes: BTreeMap<i64, usize> = BTreeMap::new();
    for entry in simulation.world().log_since(seq) {
        let time: Timestamp = entry.time.parse().expect("a time");
        if time < end {
            let minute = time.duration_since(began).as_secs() / 60;
            *minutes.entry(minute).or_default() += 1;
        }
    }
    minutes
}
