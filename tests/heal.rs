//! Faults that heal: each is waited for without haste, and everything goes on when it is over, in the
//! same process and with the memory that it had.

use std::time::Duration;

use crate::support::tools::say;

mod apiserver;
mod composio;
mod outage;
mod simulated;

use outage::Seen;

/// What a fault may cost at most.
struct Limits {
    /// Requests to Composio in a minute.
    calls: usize,
    /// Requests to the apiserver in a minute, the Lease's apart.
    asked: usize,
}

/// What most faults may cost.
const USUAL: Limits = Limits {
    calls: 30,
    asked: 30,
};
/// What one may cost that has much read again: all watches end, and each is taken up again at an interval of its own,
/// from a server that may refuse the first attempts; or somebody else writes all the time.
const READ_AGAIN: Limits = Limits {
    calls: 30,
    asked: 60,
};
/// What one may cost that stops writes: each of several objects comes again.
const WRITES: Limits = Limits {
    calls: 40,
    asked: 40,
};
/// There is no apiserver under simulated time.
const SIMULATED: Limits = Limits {
    calls: 12,
    asked: 0,
};

/// Composio is polled on; the watch is taken up again at a growing interval.
#[tokio::test]
async fn a_restart_of_the_apiserver_heals() {
    heals(READ_AGAIN, apiserver::restarts()).await;
}

/// Every request hangs: none is repeated before its time limit.
#[tokio::test]
async fn a_pause_of_etcd_heals() {
    heals(USUAL, apiserver::storage_stops()).await;
}

/// It is taken up where it was, and nothing is looked at again for it.
#[tokio::test]
async fn a_watch_that_is_cut_heals() {
    heals(READ_AGAIN, apiserver::watch_is_cut()).await;
}

/// Everything is listed once more.
#[tokio::test]
async fn a_watch_from_a_version_that_is_gone_heals() {
    heals(READ_AGAIN, apiserver::watch_is_too_old()).await;
}

/// Somebody else writes before each write: read again, and decided again.
#[tokio::test]
async fn conflicts_with_somebody_else_who_writes_heal() {
    heals(READ_AGAIN, apiserver::conflicts()).await;
}

/// The poll alone tries whether the key is good.
#[tokio::test]
async fn a_rotated_api_key_heals() {
    heals(USUAL, composio::key_is_rotated()).await;
}

/// The poll alone tries whether the key is good.
#[tokio::test]
async fn ten_minutes_of_401_heal() {
    heals(SIMULATED, simulated::unauthorized()).await;
}

/// One effect tries at a growing interval, whatever there is to do.
#[tokio::test]
async fn a_key_that_may_read_but_not_write_heals() {
    heals(WRITES, composio::key_may_only_read()).await;
}

/// Nothing is asked for as long as Composio says.
#[tokio::test]
async fn a_429_heals_when_its_time_is_over() {
    heals(USUAL, composio::rate_limited()).await;
}

/// One call at a time for an object, and no second POST.
#[tokio::test]
async fn answers_that_take_30_seconds_heal() {
    heals(WRITES, composio::slow()).await;
}

/// Each object comes again at a growing interval, up to ten minutes.
#[tokio::test]
async fn an_hour_without_composio_heals() {
    heals(SIMULATED, down_for_an_hour()).await;
}

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

async fn heals(limits: Limits, fault: impl Future<Output = Seen>) {
    let Limits {
        calls: most_calls,
        asked: most_asked,
    } = limits;
    let Seen {
        time,
        calls,
        asked,
        lines,
        grown,
    } = fault.await;
    let line = format!(
        "{} s, {calls} calls (at most {most_calls}/min), {asked} to the apiserver ({most_asked}/min), {lines} lines, {grown} kB more",
        time.as_secs(),
    );
    // What is allowed in a minute is allowed at once.
    let minutes = time.div_duration_f64(Duration::from_secs(60)).ceil() as usize;
    let is_bounded = calls <= most_calls * minutes
        && asked <= most_asked * minutes
        && lines <= LINES * minutes
        && grown <= MEMORY;
    assert!(is_bounded, "{line}");
    say(&format!("healed: {line}"));
}
