//! One size, from the first declaration to the last deletion.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

use super::meter::{Process, Served};
use super::part::{LONG, Part, Phase};
use super::raw::{self, Raw};
use super::stage::{self, Mix, Stage};
use super::table::say;
use crate::support::child::{Folder, Signal};
use crate::support::operator::Operator;
use crate::support::sandbox::Sandbox;

/// How long is waited for what may still come.
const SETTLE: Duration = Duration::from_secs(4);
/// People who agree, a second.
const CONSENTS: u32 = 50;
/// After so long a burst of changes is read to its end: two long pauses of the poll and more.
const QUIET: Duration = Duration::from_secs(75);
/// How long is measured at rest.
const REST: Duration = Duration::from_secs(60);

/// What one size has cost. Times in seconds, memory in megabytes.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) size: usize,
    pub(crate) mix: Mix,
    pub(crate) concurrency: u16,
    pub(crate) raw_rate: f64,
    pub(crate) raw_least_rate: f64,
    pub(crate) raw_onboard_seconds: f64,
    pub(crate) onboard: Phase,
    pub(crate) onboard_peak_mb: f64,
    pub(crate) pending: Phase,
    pub(crate) consent: Phase,
    pub(crate) consent_p50_seconds: f64,
    pub(crate) consent_p99_seconds: f64,
    pub(crate) rest: Phase,
    pub(crate) rest_mb: f64,
    pub(crate) restart: Phase,
    pub(crate) relist_peak_mb: f64,
    pub(crate) adopt: Phase,
    pub(crate) adopt_peak_mb: f64,
    pub(crate) raw_delete_seconds: f64,
    pub(crate) delete: Phase,
}

/// Measures one size.
pub(crate) async fn measure(size: usize, mix: Mix, concurrency: u16, smoke: bool) -> Measured {
    let folder = Folder::new().expect("a folder can be made");
    let sandbox = stage::composio(&folder).await;
    let stage = Stage::set(concurrency, mix).await;
    say(&format!("{size} accounts: the raw limit"));
    stage.declare(size, "raw").await;
    let raw = raw::measure(size, &stage, &sandbox).await;
    say(&format!("{size} accounts: onboarding"));
    stage.declare(size, "account").await;
    let operator = stage.operator("operator", &sandbox);
    let onboard = until_reported(&stage, &sandbox, &operator, size).await;
    let onboard_peak_mb = Process::read(operator.child.pid()).peak_mb;
    stop(operator).await;
    say(&format!("{size} accounts: restart while links wait"));
    let (operator, pending) = restart(&stage, &sandbox, size).await;
    say(&format!("{size} accounts: consent"));
    let (consent, latencies) = consent(&stage, &sandbox, &operator, size).await;
    say(&format!("{size} accounts: at rest"));
    // A poll that was quick for the last person is the last quick one.
    tokio::time::sleep(if smoke { SETTLE } else { QUIET }).await;
    let part = Part::begin(&stage, &sandbox, &operator, size).await;
    tokio::time::sleep(if smoke { SETTLE } else { REST }).await;
    let seconds = part.seconds();
    let rest = part.end(seconds).await;
    let rest_mb = Process::read(operator.child.pid()).rss_mb;
    stop(operator).await;
    say(&format!("{size} accounts: restart"));
    let (operator, restart) = restart(&stage, &sandbox, size).await;
    let relist_peak_mb = relist(&stage, &operator, size).await;
    stop(operator).await;
    drop(stage);
    say(&format!("{size} accounts: adoption by an empty cluster"));
    let stage = Stage::set(concurrency, mix).await;
    stage.declare(size, "account").await;
    let operator = stage.operator("operator", &sandbox);
    let adopt = until_reported(&stage, &sandbox, &operator, size).await;
    let adopt_peak_mb = Process::read(operator.child.pid()).peak_mb;
    say(&format!("{size} accounts: deletion"));
    let mut part = Part::begin(&stage, &sandbox, &operator, size).await;
    stage.delete_all().await;
    let many = size as u64;
    part.until("deletion", |writes| writes.patches >= many)
        .await;
    assert!(stage.is_empty().await, "what was let go is still there");
    let seconds = part.seconds();
    let delete = part.end(seconds).await;
    stop(operator).await;
    let Raw {
        onboard: raw_onboard,
        delete: raw_delete,
        rate,
        least_rate,
    } = raw;
    Measured {
        size,
        mix,
        concurrency,
        raw_rate: rate,
        raw_least_rate: least_rate,
        raw_onboard_seconds: raw_onboard.as_secs_f64(),
        onboard,
        onboard_peak_mb,
        pending,
        consent,
        consent_p50_seconds: at(&latencies, 50),
        consent_p99_seconds: at(&latencies, 99),
        rest,
        rest_mb,
        restart,
        relist_peak_mb,
        adopt,
        adopt_peak_mb,
        raw_delete_seconds: raw_delete.as_secs_f64(),
        delete,
    }
}

/// From the start of the process until every object has a status.
async fn until_reported(
    stage: &Stage,
    sandbox: &Sandbox,
    operator: &Operator,
    size: usize,
) -> Phase {
    let mut part = Part::begin(stage, sandbox, operator, size).await;
    part.cpu = Duration::ZERO;
    let many = size as u64;
    part.until("reported", |writes| writes.statuses >= many)
        .await;
    let seconds = part.seconds();
    tokio::time::sleep(SETTLE).await;
    part.end(seconds).await
}

/// Everybody agrees, one after the other; from the agreement to the moment at which the operator reports
/// the connection.
async fn consent(
    stage: &Stage,
    sandbox: &Sandbox,
    operator: &Operator,
    size: usize,
) -> (Phase, Vec<f64>) {
    let waiting: Vec<(String, String)> = stage
        .list()
        .await
        .into_iter()
        .filter_map(|object| {
            let status = object.status.as_ref()?;
            let waits = status.connected_at.is_none();
            let id = status.connected_account_id.clone()?;
            waits.then(|| (object.name_any(), id))
        })
        .collect();
    let mut part = Part::begin(stage, sandbox, operator, size).await;
    let mut agreed = BTreeMap::new();
    let mut rhythm = tokio::time::interval(Duration::from_secs(1) * 4 / CONSENTS);
    let mut pieces = stream::iter(waiting.chunks(4));
    while let Some(piece) = pieces.next().await {
        rhythm.tick().await;
        let together = piece.iter().map(|(name, id)| async move {
            sandbox.consent(id).await;
            (name.clone(), Timestamp::now())
        });
        agreed.extend(futures::future::join_all(together).await);
    }
    let many = waiting.len() as u64;
    part.until("consent", |writes| writes.statuses >= many)
        .await;
    let seconds = part.seconds();
    tokio::time::sleep(SETTLE).await;
    let phase = part.end(seconds).await;
    let mut latencies: Vec<f64> = stage
        .list()
        .await
        .iter()
        .filter_map(|object| {
            let connected = object.status.as_ref()?.connected_at.as_ref()?;
            let agreed = agreed.get(&object.name_any())?;
            Some(connected.0.duration_since(*agreed).as_secs_f64().max(0.0))
        })
        .collect();
    latencies.sort_by(f64::total_cmp);
    (phase, latencies)
}

/// Another process over the same objects, until it knows all accounts.
async fn restart(stage: &Stage, sandbox: &Sandbox, size: usize) -> (Operator, Phase) {
    let operator = stage.operator("restarted", sandbox);
    let mut part = Part::begin(stage, sandbox, &operator, size).await;
    part.cpu = Duration::ZERO;
    operator.polled().await;
    let seconds = part.seconds();
    let before_ready = part.log.read_first_poll(sandbox).await;
    tokio::time::sleep(SETTLE).await;
    let mut phase = part.end(seconds).await;
    // What comes after it knows them is the poll, and no price of the restart.
    phase.asked = before_ready;
    (operator, phase)
}

/// The most memory while all objects are listed anew: another apiserver knows nothing of what the
/// operator has seen.
async fn relist(stage: &Stage, operator: &Operator, size: usize) -> f64 {
    let pid = operator.child.pid();
    Process::forget_peak(pid);
    stage.control_plane.kill_apiserver().await;
    stage.control_plane.start_apiserver().await;
    let begun = Instant::now();
    loop {
        let writes = Served::read(&stage.client).await;
        if writes.sent >= size as u64 {
            break;
        }
        assert!(begun.elapsed() < LONG, "nothing is listed: {writes:?}");
        let ended = operator.child.exited();
        assert!(ended.is_none(), "{}", operator.child.log_tail(20));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(SETTLE).await;
    Process::read(pid).peak_mb
}

pub(crate) async fn stop(operator: Operator) {
    operator.child.signal(Signal::Term).expect("it runs");
    let ended = operator.child.wait(Duration::from_secs(60)).await;
    assert!(
        ended.is_some_and(|status| status.success()),
        "{}",
        operator.child.log_tail(20)
    );
}

pub(crate) fn at(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((sorted.len() * percent / 100).min(last))
        .copied()
        .unwrap_or_default()
}
