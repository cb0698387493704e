//! What an operator does while something is wrong.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::operator::Operator;
use crate::support::scene::Scene;

/// What it did, and what that cost.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) time: Duration,
    /// Requests to Composio.
    pub(super) calls: usize,
    /// Requests to the apiserver, the Lease's apart.
    pub(super) asked: usize,
    /// Lines in the log.
    pub(super) lines: usize,
    /// Kilobytes of memory that it has more than before.
    pub(super) grown: u64,
}

/// The time from before the fault until everything is as it should be.
pub(super) struct Outage<'a> {
    scene: &'a Scene<'a>,
    operator: &'a Operator,
    began: Instant,
    pub(super) seq: u64,
    asked: usize,
    lines: usize,
    memory: u64,
}

impl<'a> Outage<'a> {
    pub(super) async fn begin(scene: &'a Scene<'a>, operator: &'a Operator) -> Outage<'a> {
        Outage {
            scene,
            operator,
            began: Instant::now(),
            seq: scene.sandbox.seq().await,
            asked: asked(scene),
            lines: operator.child.read_log().lines().count(),
            memory: operator.child.memory(),
        }
    }

    /// How long it has lasted.
    pub(super) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    /// It is over, and the process is still the same.
    pub(super) async fn end(self) -> Seen {
        let ended = self.operator.child.exited();
        assert!(ended.is_none(), "{}", self.operator.child.log_tail(20));
        Seen {
            time: self.began.elapsed(),
            calls: self.scene.sandbox.asked_since(self.seq).await.len(),
            asked: asked(self.scene) - self.asked,
            lines: self.operator.child.read_log().lines().count() - self.lines,
            grown: self.operator.child.memory().saturating_sub(self.memory),
        }
    }
}

fn asked(scene: &Scene<'_>) -> usize {
    let asked = scene.asked_of_kubernetes();
    asked.iter().filter(|one| one.resource != "leases").count()
}
