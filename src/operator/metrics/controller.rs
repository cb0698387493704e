//! What the controller does: passes, decisions, its queue, and events.

use std::{
    sync::{OnceLock, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::Metrics;

/// The queue as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueReading {
    /// How many objects wait for a pass that is due.
    pub depth: usize,
    /// For how long the first of them has been waiting.
    pub oldest: Duration,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RuleLabel {
    rule: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

/// Why events are dropped: there from the start, so that a rate can be read of the first.
const CAUSES: [&str; 2] = ["name_too_long", "queue_full"];

fn reconcile_histogram() -> Histogram {
    Histogram::new([
        0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ])
}

pub(super) struct ControllerMetrics {
    reconciles: Family<OutcomeLabel, Counter>,
    reconcile_seconds: Family<ResultLabel, Histogram, fn() -> Histogram>,
    decisions: Family<RuleLabel, Counter>,
    events_dropped: Family<CauseLabel, Counter>,
    queue_depth: Gauge,
    queue_oldest: Gauge<f64, AtomicU64>,
    read_queue: OnceLock<Box<dyn Fn() -> QueueReading + Send + Sync>>,
}

impl Default for ControllerMetrics {
    fn default() -> Self {
        Self {
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(reconcile_histogram),
            decisions: Family::default(),
            events_dropped: Family::default(),
            queue_depth: Gauge::default(),
            queue_oldest: Gauge::default(),
            read_queue: OnceLock::new(),
        }
    }
}

impl ControllerMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for cause in CAUSES {
            drop(self.events_dropped.get_or_create(&CauseLabel { cause }));
        }
        registry.register(
            "reconciles",
            "Reconciles by their outcome",
            self.reconciles.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "How long a reconcile took, its wait for a slot included, by its result",
            Unit::Seconds,
            self.reconcile_seconds.clone(),
        );
        registry.register(
            "decisions",
            "Decisions of reconciles by the rule that decided",
            self.decisions.clone(),
        );
        registry.register(
            "events_dropped",
            "Kubernetes events that were not published, by the cause",
            self.events_dropped.clone(),
        );
        registry.register(
            "queue_depth",
            "Objects that wait for a reconcile which is due",
            self.queue_depth.clone(),
        );
        registry.register_with_unit(
            "queue_oldest",
            "How long the first of the objects that wait for a reconcile has been waiting",
            Unit::Seconds,
            self.queue_oldest.clone(),
        );
    }

    pub(super) fn read(&self) {
        let reading = self.read_queue.get().map(|read| read());
        let QueueReading { depth, oldest } = reading.unwrap_or_default();
        self.queue_depth
            .set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.queue_oldest.set(oldest.as_secs_f64());
    }
}

impl Metrics {
    /// Counts a reconcile. `outcome` is a reason of a condition, or one of the controller's own words; `result`
    /// one of the three of [`crate::reconcile::ReconcileResult::result`].
    pub fn reconciled(&self, outcome: &'static str, result: &'static str, duration: Duration) {
        let metrics = &self.controller;
        let outcome = OutcomeLabel { outcome };
        metrics.reconciles.get_or_create(&outcome).inc();
        let seconds = metrics
            .reconcile_seconds
            .get_or_create(&ResultLabel { result });
        seconds.observe(duration.as_secs_f64());
    }

    /// Counts a decision by its rule.
    pub fn decided(&self, rule: &'static str) {
        let decisions = &self.controller.decisions;
        decisions.get_or_create(&RuleLabel { rule }).inc();
    }

    /// Counts an event that is not published, and why.
    pub fn event_dropped(&self, cause: &'static str) {
        let dropped = &self.controller.events_dropped;
        dropped.get_or_create(&CauseLabel { cause }).inc();
    }

    /// Says how the queue is read, from now on whenever somebody reads. The first to say it counts.
    pub fn read_queue_by(&self, read: impl Fn() -> QueueReading + Send + Sync + 'static) {
        // There is one controller a process.
        let _ = self.controller.read_queue.set(Box::new(read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn has(text: &str, line: &str) {
        assert!(
            text.lines().any(|found| found == line),
            "no {line} in\n{text}"
        );
    }

    #[test]
    fn passes_decisions_queue_and_dropped_events_are_counted() {
        let metrics = Metrics::default();
        let text = metrics.text();
        for line in [
            "composio_operator_queue_depth 0",
            "composio_operator_queue_oldest_seconds 0.0",
            "composio_operator_events_dropped_total{cause=\"queue_full\"} 0",
        ] {
            has(&text, line);
        }
        metrics.reconciled("Settled", "success", Duration::from_millis(30));
        metrics.reconciled("Settled", "success", Duration::from_millis(300));
        metrics.reconciled("Error", "error", Duration::from_secs(90));
        metrics.decided("LookAfresh");
        metrics.decided("AsDeclared");
        metrics.decided("LookAfresh");
        metrics.event_dropped("queue_full");
        metrics.read_queue_by(|| QueueReading {
            depth: 7,
            oldest: Duration::from_millis(1500),
        });
        let text = metrics.text();
        for line in [
            "composio_operator_reconciles_total{outcome=\"Settled\"} 2",
            "composio_operator_reconcile_duration_seconds_count{result=\"success\"} 2",
            "composio_operator_reconcile_duration_seconds_bucket{le=\"0.1\",result=\"success\"} 1",
            "composio_operator_reconcile_duration_seconds_bucket{le=\"60.0\",result=\"error\"} 0",
            "composio_operator_reconcile_duration_seconds_count{result=\"error\"} 1",
            "composio_operator_decisions_total{rule=\"LookAfresh\"} 2",
            "composio_operator_decisions_total{rule=\"AsDeclared\"} 1",
            "composio_operator_events_dropped_total{cause=\"queue_full\"} 1",
            "composio_operator_events_dropped_total{cause=\"name_too_long\"} 0",
            "composio_operator_queue_depth 7",
            "composio_operator_queue_oldest_seconds 1.5",
        ] {
            has(&text, line);
        }
    }
}
