//! A part of a run, and what the meters say of it.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::meter::{Asked, Log, Process, Served, add, effects, looks, pause, sum};
use super::stage::Stage;
use super::table::say;
use crate::support::operator::Operator;
use crate::support::sandbox::Sandbox;

/// Nothing takes longer, also on a machine that is busy with something else.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

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
pub(crate) struct Part<'a> {
    stage: &'a Stage,
    sandbox: &'a Sandbox,
    operator: &'a Operator,
    started: Instant,
    pub(crate) log: Log,
    pub(crate) asked: Asked,
    writes: Served,
    pub(crate) cpu: Duration,
    pause: Duration,
}

impl<'a> Part<'a> {
    pub(crate) async fn begin(
        stage: &'a Stage,
        sandbox: &'a Sandbox,
        operator: &'a Operator,
        size: usize,
    ) -> Part<'a> {
        Part {
            pause: pause(size),
            stage,
            sandbox,
            operator,
            log: Log::from_now(sandbox).await,
            asked: Asked::new(),
            writes: Served::read(&stage.client).await,
            cpu: Process::read(operator.child.pid()).cpu,
            started: Instant::now(),
        }
    }

    /// Until so many writes were made.
    pub(crate) async fn until(&mut self, what: &str, enough: impl Fn(Served) -> bool) {
        let mut told = Instant::now();
        loop {
            let writes = Served::read(&self.stage.client).await.since(self.writes);
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
            tokio::time::sleep(self.pause).await;
        }
    }

    pub(crate) async fn end(mut self, seconds: f64) -> Phase {
        add(&mut self.asked, self.log.read(self.sandbox).await);
        let writes = Served::read(&self.stage.client).await.since(self.writes);
        let cpu = Process::read(self.operator.child.pid()).cpu;
        Phase {
            seconds,
            cpu_seconds: cpu.saturating_sub(self.cpu).as_secs_f64(),
            asked: self.asked,
            patches: writes.patches,
            statuses: writes.statuses,
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}
