//! One size, from the first declaration to the last deletion.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

use super::meter::{Asked, Log, Process, Writes, add, effects, looks, sum};
use super::raw::{self, Raw};
use super::stage::{self, Kind, Stage, kind};
use super::table::say;
use crate::support::child::{Folder, Signal};
use crate::support::operator::Operator;
use crate::support::sandbox::Sandbox;

/// Nothing takes longer, also on a machine that is busy with something else.
const LONG: Duration = Duration::from_secs(3600);
/// How long is waited for what may still come.
const SETTLE: Duration = Duration::from_secs(4);
/// Consents a second.
const CONSENTS: u64 = 200;

/// What one size has cost. Times in seconds, memory in megabytes.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) size: usize,
    pub(crate) concurrency: u16,
    pub(crate) raw_rate: f64,
    pub(crate) raw_least_rate: f64,
    pub(crate) raw_onboard_seconds: f64,
    pub(crate) onboard: Phase,
    pub(crate) onboard_peak_mb: f64,
    pub(crate) consent: Phase,
    pub(crate) consent_p50_seconds: f64,
    pub(crate) consent_p99_seconds: f64,
    pub(crate) rest: Phase,
    pub(crate) rest_mb: f64,
    pub(crate) restart: Phase,
    pub(crate) adopt: Phase,
    pub(crate) adopt_peak_mb: f64,
    pub(crate) raw_delete_seconds: f64,
    pub(crate) delete: Phase,
}

/// A part of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Phase {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) asked: Asked,
    pub(crate) patches: u64,
    pub(crate) statuses: u64,
}

impl Phase {
    pub(crate) fn requests(&self) -> usize {
        looks(&self.asked) + effects(&self.asked)
    }

    pub(crate) fn effects(&self) -> usize {
        effects(&self.asked)
    }

    /// Without the resync, which has a rhythm of its own.
    pub(crate) fn requests_a_minute(&self) -> f64 {
        let resync = sum(&self.asked, |words| words.contains("(ids)"));
        (self.requests() - resync) as f64 * 60.0 / self.seconds
    }

    pub(crate) fn writes(&self) -> u64 {
        self.patches + self.statuses
    }
}

/// Reads the meters over a part of a run.
struct Part<'a> {
    stage: &'a Stage,
    sandbox: &'a Sandbox,
    operator: &'a Operator,
    started: Instant,
    log: Log,
    asked: Asked,
    writes: Writes,
    cpu: Duration,
}

impl<'a> Part<'a> {
    async fn begin(stage: &'a Stage, sandbox: &'a Sandbox, operator: &'a Operator) -> Part<'a> {
        Part {
            stage,
            sandbox,
            operator,
            log: Log::from_now(sandbox).await,
            asked: Asked::new(),
            writes: Writes::read(&stage.client).await,
            cpu: Process::read(operator.child.pid()).cpu,
            started: Instant::now(),
        }
    }

    /// Until so many writes were made.
    async fn until(&mut self, what: &str, enough: impl Fn(Writes) -> bool) {
        let mut told = Instant::now();
        loop {
            let writes = Writes::read(&self.stage.client).await.since(self.writes);
            add(&mut self.asked, self.log.read(self.sandbox).await);
            if enough(writes) {
                return;
            }
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                say(&format!("    {what}: {writes:?}"));
            }
            if let Some(ended) = self.operator.child.exited() {
                let log = self.operator.child.log_tail(20);
                panic!("the operator ended ({ended}): {log}");
            }
            assert!(self.started.elapsed() < LONG, "{what}: {writes:?}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn end(mut self, seconds: f64) -> Phase {
        add(&mut self.asked, self.log.read(self.sandbox).await);
        let writes = Writes::read(&self.stage.client).await.since(self.writes);
        let cpu = Process::read(self.operator.child.pid()).cpu;
        Phase {
            seconds,
            cpu_seconds: cpu.saturating_sub(self.cpu).as_secs_f64(),
            asked: self.asked,
            patches: writes.patches,
            statuses: writes.statuses,
        }
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// Measures one size.
pub(crate) async fn measure(size: usize, concurrency: u16, smoke: bool) -> Measured {
    let folder = Folder::new().expect("a folder can be made");
    let sandbox = stage::composio(&folder).await;
    let stage = Stage::set(concurrency).await;
    say(&format!("{size} accounts: the raw limit"));
    stage.declare(size, "raw").await;
    let raw = raw::measure(size, &stage, &sandbox).await;
    say(&format!("{size} accounts: onboarding"));
    stage.declare(size, "account").await;
    let operator = stage.operator("operator", &sandbox);
    let many = size as u64;
    let mut part = Part::begin(&stage, &sandbox, &operator).await;
    part.cpu = Duration::ZERO;
    part.until("onboarding", |writes| writes.statuses >= many)
        .await;
    let seconds = part.seconds();
    tokio::time::sleep(SETTLE).await;
    let onboard = part.end(seconds).await;
    let onboard_peak_mb = Process::read(operator.child.pid()).peak_mb;
    say(&format!("{size} accounts: consent"));
    let (consent, latencies) = consent(&stage, &sandbox, &operator).await;
    say(&format!("{size} accounts: at rest"));
    // A poll that was quick for the last person is the last quick one.
    tokio::time::sleep(Duration::from_secs(if smoke { 4 } else { 15 })).await;
    let part = Part::begin(&stage, &sandbox, &operator).await;
    tokio::time::sleep(Duration::from_secs(if smoke { 5 } else { 60 })).await;
    let seconds = part.seconds();
    let rest = part.end(seconds).await;
    let rest_mb = Process::read(operator.child.pid()).rss_mb;
    say(&format!("{size} accounts: restart"));
    stop(operator).await;
    let restart = restart(&stage, &sandbox).await;
    drop(stage);
    say(&format!("{size} accounts: adoption by an empty cluster"));
    let stage = Stage::set(concurrency).await;
    stage.declare(size, "account").await;
    let operator = stage.operator("operator", &sandbox);
    let mut part = Part::begin(&stage, &sandbox, &operator).await;
    part.cpu = Duration::ZERO;
    part.until("adoption", |writes| writes.statuses >= many)
        .await;
    let seconds = part.seconds();
    tokio::time::sleep(SETTLE).await;
    let adopt = part.end(seconds).await;
    let adopt_peak_mb = Process::read(operator.child.pid()).peak_mb;
    say(&format!("{size} accounts: deletion"));
    let mut part = Part::begin(&stage, &sandbox, &operator).await;
    stage.delete_all().await;
    let before = Instant::now();
    while !stage.list().await.is_empty() {
        add(&mut part.asked, part.log.read(&sandbox).await);
        assert!(before.elapsed() < LONG, "the objects do not go");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
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
        concurrency,
        raw_rate: rate,
        raw_least_rate: least_rate,
        raw_onboard_seconds: raw_onboard.as_secs_f64(),
        onboard,
        onboard_peak_mb,
        consent,
        consent_p50_seconds: at(&latencies, 50),
        consent_p99_seconds: at(&latencies, 99),
        rest,
        rest_mb,
        restart,
        adopt,
        adopt_peak_mb,
        raw_delete_seconds: raw_delete.as_secs_f64(),
        delete,
    }
}

/// Everybody agrees, one after the other; from the agreement to the moment at which the operator reports
/// the connection.
async fn consent(stage: &Stage, sandbox: &Sandbox, operator: &Operator) -> (Phase, Vec<f64>) {
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
    let mut part = Part::begin(stage, sandbox, operator).await;
    let mut agreed = BTreeMap::new();
    let pause = Duration::from_secs(1) * 4 / u32::try_from(CONSENTS).expect("a few");
    let mut pieces = stream::iter(waiting.chunks(4));
    while let Some(piece) = pieces.next().await {
        let together = piece.iter().map(|(name, id)| async move {
            sandbox.consent(id).await;
            (name.clone(), Timestamp::now())
        });
        agreed.extend(futures::future::join_all(together).await);
        tokio::time::sleep(pause).await;
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

async fn restart(stage: &Stage, sandbox: &Sandbox) -> Phase {
    let operator = stage.operator("restarted", sandbox);
    let mut part = Part::begin(stage, sandbox, &operator).await;
    part.cpu = Duration::ZERO;
    operator.readyz(200, "").await;
    let seconds = part.seconds();
    add(&mut part.asked, part.log.read(sandbox).await);
    let before_ready = std::mem::take(&mut part.asked);
    tokio::time::sleep(SETTLE).await;
    let mut phase = part.end(seconds).await;
    // What comes after it is ready is the poll, and no price of the restart.
    phase.asked = before_ready;
    stop(operator).await;
    phase
}

async fn stop(operator: Operator) {
    operator.child.signal(Signal::Term).expect("it runs");
    let ended = operator.child.wait(Duration::from_secs(60)).await;
    assert!(
        ended.is_some_and(|status| status.success()),
        "{}",
        operator.child.log_tail(20)
    );
}

fn at(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((sorted.len() * percent / 100).min(last))
        .copied()
        .unwrap_or_default()
}

impl Measured {
    /// Where a count is not what it must be.
    pub(crate) fn wrong_counts(&self) -> Vec<String> {
        let size = self.size;
        let links = (0..size).filter(|n| kind(*n) != Kind::Secret).count();
        let many = size as u64;
        let count = |phase: &Phase, words: &str| phase.asked.get(words).copied().unwrap_or(0);
        let checks = [
            (
                "onboarding: links",
                links,
                count(&self.onboard, "POST link"),
            ),
            (
                "onboarding: creations",
                size - links,
                count(&self.onboard, "POST create"),
            ),
            (
                "onboarding: calls that change",
                size,
                self.onboard.effects(),
            ),
            ("onboarding: patches", size, self.onboard.patches as usize),
            ("onboarding: statuses", size, self.onboard.statuses as usize),
            ("consent: calls that change", 0, self.consent.effects()),
            ("consent: statuses", links, self.consent.statuses as usize),
            ("consent: patches", 0, self.consent.patches as usize),
            ("rest: writes", 0, self.rest.writes() as usize),
            (
                "rest: requests but polls",
                0,
                self.rest.requests() - sum(&self.rest.asked, |words| words.starts_with("GET list")),
            ),
            ("restart: writes", 0, self.restart.writes() as usize),
            (
                "restart: requests before it is ready",
                size.div_ceil(50),
                self.restart.requests(),
            ),
            (
                "adoption: calls that change, the Secrets' apart",
                0,
                self.adopt.effects() - count(&self.adopt, "PATCH credentials"),
            ),
            (
                "adoption: writes, one more for each Secret",
                size * 2 + size - links,
                self.adopt.writes() as usize,
            ),
            (
                "deletion: revocations",
                size,
                count(&self.delete, "POST revoke"),
            ),
            ("deletion: deletions", size, count(&self.delete, "DELETE")),
            ("deletion: statuses", 0, self.delete.statuses as usize),
        ];
        let mut wrong: Vec<String> = checks
            .into_iter()
            .filter(|(_, expected, found)| expected != found)
            .map(|(what, expected, found)| format!("{what}: {found} instead of {expected}"))
            .collect();
        // How many are asked for together is up to the moment; one for each would be none together.
        let looks = count(&self.onboard, "GET list (users)");
        if looks as u64 > many {
            wrong.push(format!("onboarding: {looks} looks"));
        }
        wrong
    }
}
