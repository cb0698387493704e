//! What people were told outside of Kubernetes, and what not.

use std::sync::{OnceLock, atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::Metrics;
use crate::crd::NotificationType;

/// What waits to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PendingReading {
    /// Of how many objects.
    pub count: usize,
    /// For how many seconds the first of them has been waiting.
    pub oldest_seconds: f64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TypeLabel {
    r#type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// Why notifications are dropped: there from the start, so that a rate can be read of the first.
const CAUSES: [&str; 5] = [
    "expired",
    "limited",
    "object_gone",
    "rejected",
    "superseded",
];

/// How requests to the receiver end.
const RESULTS: [&str; 10] = [
    "success",
    "disconnected",
    "failed",
    "not_configured",
    "redirected",
    "refused",
    "rejected",
    "throttled",
    "timeout",
    "unreachable",
];

#[derive(Default)]
pub(super) struct NotificationMetrics {
    sent: Family<TypeLabel, Counter>,
    repeated: Counter,
    dropped: Family<CauseLabel, Counter>,
    requests: Family<ResultLabel, Counter>,
    pending: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    read_pending: OnceLock<Box<dyn Fn() -> PendingReading + Send + Sync>>,
}

impl NotificationMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for type_ in NotificationType::ALL {
            let r#type = type_.as_str();
            drop(self.sent.get_or_create(&TypeLabel { r#type }));
        }
        for cause in CAUSES {
            drop(self.dropped.get_or_create(&CauseLabel { cause }));
        }
        for result in RESULTS {
            drop(self.requests.get_or_create(&ResultLabel { result }));
        }
        registry.register(
            "notifications_sent",
            "Notifications that the receiver has taken, by what happened; those in a digest count each",
            self.sent.clone(),
        );
        registry.register(
            "notifications_repeated",
            "Notifications that were sent again, because they had not been taken",
            self.repeated.clone(),
        );
        registry.register(
            "notifications_dropped",
            "Notifications that are not sent any more, by the cause",
            self.dropped.clone(),
        );
        registry.register(
            "notification_requests",
            "Requests to the receiver of notifications, by the way they ended",
            self.requests.clone(),
        );
        registry.register(
            "notifications_pending",
            "Objects with a notification that the receiver has not taken yet",
            self.pending.clone(),
        );
        registry.register_with_unit(
            "notification_oldest",
            "How long ago that happened which the oldest pending notification tells",
            Unit::Seconds,
            self.oldest.clone(),
        );
    }

    pub(super) fn read(&self) {
        let reading = self.read_pending.get().map(|read| read());
        let PendingReading {
            count,
            oldest_seconds,
        } = reading.unwrap_or_default();
        self.pending.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.oldest.set(oldest_seconds);
    }
}

impl Metrics {
    /// Counts a notification that the receiver has taken.
    pub fn notification_sent(&self, type_: NotificationType) {
        let r#type = type_.as_str();
        let sent = &self.notifications.sent;
        sent.get_or_create(&TypeLabel { r#type }).inc();
    }

    /// Counts that a notification is sent again.
    pub fn notification_repeated(&self) {
        self.notifications.repeated.inc();
    }

    /// Counts a notification that is not sent any more, and why.
    pub fn notification_dropped(&self, cause: &'static str) {
        let dropped = &self.notifications.dropped;
        dropped.get_or_create(&CauseLabel { cause }).inc();
    }

    /// Counts a request to the receiver.
    pub fn notification_requested(&self, result: &'static str) {
        let requests = &self.notifications.requests;
        requests.get_or_create(&ResultLabel { result }).inc();
    }

    /// Says how it is read what is pending, from now on whenever somebody reads. The first to say it counts.
    pub fn read_pending_notifications_by(
        &self,
        read: impl Fn() -> PendingReading + Send + Sync + 'static,
    ) {
        // There is one controller a process.
        let _ = self.notifications.read_pending.set(Box::new(read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_and_what_not_is_counted() {
        let metrics = Metrics::default();
        metrics.notification_sent(NotificationType::Connected);
        metrics.notification_repeated();
        metrics.notification_dropped("expired");
        metrics.notification_requested("timeout");
        metrics.read_pending_notifications_by(|| PendingReading {
            count: 3,
            oldest_seconds: 1.5,
        });
        let text = metrics.text();
        for line in [
            "composio_operator_notifications_sent_total{type=\"Connected\"} 1",
            "composio_operator_notifications_sent_total{type=\"Revoked\"} 0",
            "composio_operator_notifications_repeated_total 1",
            "composio_operator_notifications_dropped_total{cause=\"expired\"} 1",
            "composio_operator_notifications_dropped_total{cause=\"limited\"} 0",
            "composio_operator_notification_requests_total{result=\"timeout\"} 1",
            "composio_operator_notifications_pending 3",
            "composio_operator_notification_oldest_seconds 1.5",
        ] {
            let found = text.lines().any(|found| found == line);
            assert!(found, "no {line} in\n{text}");
        }
    }
}
