//! Faults that heal: each is waited for without haste, and everything goes on when it is over, in the
//! same process and with the memory that it had.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::task::LocalSet;

use crate::support::tools::say;

mod apiserver;
mod composio;
mod outage;
mod simulated;

use outage::Seen;

/// What a fault may cost at most.
struct Case {
    name: &'static str,
    /// Requests to Composio in a minute.
    calls: usize,
    /// Requests to the apiserver in a minute, the Lease's apart.
    asked: usize,
    run: fn() -> LocalBoxFuture<'static, Seen>,
    reason: &'static str,
}

/// The faults that must be here.
const NAMED: [&str; 11] = [
    "apiserver restarts",
    "etcd stops",
    "watch cut",
    "410 Gone",
    "409 conflicts",
    "API key rotated",
    "401 for ten minutes",
    "a key that may read but not write",
    "429 with Retry-After",
    "latency of 30 s",
    "Composio down for an hour",
];

const CASES: [Case; 11] = [
    Case {
        name: "apiserver restarts",
        calls: 30,
        asked: 30,
        run: || apiserver::restarts().boxed_local(),
        reason: "Composio is polled on; the watch is taken up again at a growing interval",
    },
    Case {
        name: "etcd stops",
        calls: 30,
        asked: 30,
        run: || apiserver::storage_stops().boxed_local(),
        reason: "every request hangs: none is repeated before its time limit",
    },
    Case {
        name: "watch cut",
        calls: 30,
        asked: 30,
        run: || apiserver::watch_is_cut().boxed_local(),
        reason: "it is taken up where it was, and nothing is looked at again for it",
    },
    Case {
        name: "410 Gone",
        calls: 30,
        asked: 40,
        run: || apiserver::watch_is_too_old().boxed_local(),
        reason: "everything is listed once more",
    },
    Case {
        name: "409 conflicts",
        calls: 30,
        asked: 60,
        run: || apiserver::conflicts().boxed_local(),
        reason: "somebody else writes all the time: read again, and decided again",
    },
    Case {
        name: "API key rotated",
        calls: 30,
        asked: 30,
        run: || composio::key_is_rotated().boxed_local(),
        reason: "the poll alone tries whether the key is good",
    },
    Case {
        name: "401 for ten minutes",
        calls: 12,
        asked: 0,
        run: || simulated::unauthorized().boxed_local(),
        reason: "the poll alone tries whether the key is good",
    },
    Case {
        name: "a key that may read but not write",
        calls: 30,
        asked: 40,
        run: || composio::key_may_only_read().boxed_local(),
        reason: "one effect tries at a growing interval, whatever there is to do",
    },
    Case {
        name: "429 with Retry-After",
        calls: 30,
        asked: 30,
        run: || composio::rate_limited().boxed_local(),
        reason: "nothing is asked for as long as Composio says",
    },
    Case {
        name: "latency of 30 s",
        calls: 40,
        asked: 40,
        run: || composio::slow().boxed_local(),
        reason: "one call at a time for an object, and no second POST",
    },
    Case {
        name: "Composio down for an hour",
        calls: 12,
        asked: 0,
        run: || down_for_an_hour().boxed_local(),
        reason: "each object comes again at a growing interval, up to ten minutes",
    },
];

/// What it asks is counted in simulated time, and its memory is that of a real process.
async fn down_for_an_hour() -> Seen {
    Seen {
        grown: composio::grown_by_an_outage().await,
        ..simulated::down_for_an_hour().await
    }
}

/// More than this is not needed for anything that a fault brings.
const MEMORY: u64 = 32 * 1024;
/// Lines of log in a minute.
const LINES: usize = 120;
/// So many at a time: some have a control plane of their own.
const AT_ONCE: usize = 4;

#[test]
fn every_fault_that_is_to_heal_is_in_the_table() {
    let there: Vec<_> = CASES.iter().map(|case| case.name).collect();
    let absent: Vec<_> = NAMED.iter().filter(|name| !there.contains(name)).collect();
    assert!(absent.is_empty(), "no case: {absent:?}");
}

#[tokio::test]
async fn each_fault_heals_by_itself() {
    let run = futures::stream::iter(CASES).map(|case| async move {
        // In a task of its own: one that fails does not keep the others from being told.
        let told = match tokio::task::spawn_local((case.run)()).await {
            Ok(seen) => check_case(&case, &seen),
            Err(failed) => Err(format!("{}: {}", case.name, said(failed))),
        };
        match &told {
            Ok(line) => say(&format!("healed: {line} ({})", case.reason)),
            Err(line) => say(&format!("NOT HEALED: {line}")),
        }
        told.err()
    });
    let failed: Vec<_> = LocalSet::new()
        .run_until(run.buffer_unordered(AT_ONCE).collect::<Vec<_>>())
        .await
        .into_iter()
        .flatten()
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

fn said(failed: tokio::task::JoinError) -> String {
    let Ok(panic) = failed.try_into_panic() else {
        return "it was cancelled".to_owned();
    };
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

fn check_case(case: &Case, seen: &Seen) -> Result<String, String> {
    let Seen {
        time,
        calls,
        asked,
        lines,
        grown,
    } = seen;
    let line = format!(
        "{}: {} s, {calls} calls (at most {}/min), {asked} to the apiserver ({}/min), {lines} lines, {grown} kB more",
        case.name,
        time.as_secs(),
        case.calls,
        case.asked,
    );
    // What is allowed in a minute is allowed at once.
    let minutes = time.div_duration_f64(Duration::from_secs(60)).ceil() as usize;
    let is_bounded = *calls <= case.calls * minutes
        && *asked <= case.asked * minutes
        && *lines <= LINES * minutes
        && *grown <= MEMORY;
    match is_bounded {
        true => Ok(line),
        false => Err(line),
    }
}
