//! What the operator counts, in the Prometheus text format.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

mod controller;
mod labels;
mod notifications;
mod objects;
mod process;
mod projects;

use controller::ControllerMetrics;
pub use controller::QueueReading;
use labels::{BuildLabel, EndpointLabel, NamespaceLabel, UrgencyLabel, WriteLabel};
use notifications::NotificationMetrics;
pub use notifications::PendingReading;
use objects::Objects;
pub use objects::{NO_PROJECT, ProjectCounts};
use process::Process;
use projects::Projects;

/// The program's metrics. Labels come from closed sets, but for the project's name, which goes with the project.
pub struct Metrics {
    registry: Registry,
    controller: ControllerMetrics,
    notifications: NotificationMetrics,
    kubernetes_writes: Family<WriteLabel, Counter>,
    projects: Projects,
    call_seconds: Family<EndpointLabel, Histogram, fn() -> Histogram>,
    throttled: Family<UrgencyLabel, Counter<f64, AtomicU64>>,
    deprecated_calls: Family<EndpointLabel, Counter>,
    unrevoked: Counter,
    objects: Objects,
    leader: Gauge<i64>,
    blocked: Gauge<i64>,
    not_decoded: Counter,
    status_fields_not_decoded: Counter,
    namespace_unreachable: Family<NamespaceLabel, Gauge>,
}

/// The values of the label `urgency`: there from the start, so that a rate can be read of the first.
const URGENCIES: [&str; 5] = ["withdrawal", "request", "creation", "drift", "polling"];

/// The values of the label `kind` of writes to the apiserver: there from the start, as above.
const WRITES: [&str; 6] = [
    "status",
    "metadata",
    "config_map",
    "project",
    "event",
    "lease",
];

/// The revision comes from the environment of the build.
const BUILD: BuildLabel = BuildLabel {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("COMPOSIO_OPERATOR_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
};

/// The bounds of the buckets of how long a call has taken, in seconds.
const CALL_SECONDS: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

fn call_histogram() -> Histogram {
    Histogram::new(CALL_SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            controller: ControllerMetrics::default(),
            notifications: NotificationMetrics::default(),
            kubernetes_writes: Family::default(),
            projects: Projects::default(),
            call_seconds: Family::new_with_constructor(call_histogram),
            throttled: Family::default(),
            deprecated_calls: Family::default(),
            unrevoked: Counter::default(),
            objects: Objects::default(),
            leader: Gauge::default(),
            blocked: Gauge::default(),
            not_decoded: Counter::default(),
            status_fields_not_decoded: Counter::default(),
            namespace_unreachable: Family::default(),
        };
        for urgency in URGENCIES {
            drop(metrics.throttled.get_or_create(&UrgencyLabel { urgency }));
        }
        let registry = &mut metrics.registry;
        registry.register_collector(Box::new(Process));
        let registry = registry.sub_registry_with_prefix("composio_operator");
        let build = Family::<BuildLabel, Gauge>::default();
        build.get_or_create(&BUILD).set(1);
        registry.register(
            "build_info",
            "1, with what this program was built from",
            build,
        );
        metrics.controller.register(registry);
        metrics.notifications.register(registry);
        for kind in WRITES {
            let label = WriteLabel {
                kind,
                result: "success",
            };
            drop(metrics.kubernetes_writes.get_or_create(&label));
        }
        registry.register(
            "kubernetes_writes",
            "Requests that write to the apiserver, each try, by what is written and how it was answered",
            metrics.kubernetes_writes.clone(),
        );
        registry.register_collector(Box::new(metrics.projects.clone()));
        registry.register_with_unit(
            "composio_request_duration",
            "How long Composio took to answer",
            Unit::Seconds,
            metrics.call_seconds.clone(),
        );
        registry.register(
            "leader",
            "1 while this replica leads: of all replicas one does",
            metrics.leader.clone(),
        );
        registry.register(
            "scope_held_by_another",
            "1 while another release works on some of this release's namespaces, so that this one does not",
            metrics.blocked.clone(),
        );
        registry.register(
            "objects_not_decoded",
            "How often an object came up that this operator cannot read, and leaves alone",
            metrics.not_decoded.clone(),
        );
        registry.register(
            "status_fields_not_decoded",
            "Fields of statuses that this operator cannot read, and takes as absent",
            metrics.status_fields_not_decoded.clone(),
        );
        registry.register(
            "namespace_unreachable",
            "1 while the apiserver refuses to show a namespace that is to be watched",
            metrics.namespace_unreachable.clone(),
        );
        registry.register_with_unit(
            "throttled",
            "For how long work was put off to leave the organisation's rate limit to others, by its urgency",
            Unit::Seconds,
            metrics.throttled.clone(),
        );
        registry.register(
            "composio_deprecated_calls",
            "Answers of Composio that announce the end of the endpoint, by endpoint",
            metrics.deprecated_calls.clone(),
        );
        registry.register(
            "unrevoked_deletions",
            "Accounts that were deleted although their provider had refused to revoke the grant",
            metrics.unrevoked.clone(),
        );
        registry.register_collector(Box::new(metrics.objects.clone()));
        metrics
    }
}

impl Metrics {
    /// Counts a request that writes to the apiserver.
    pub fn kubernetes_write(&self, kind: &'static str, result: &'static str) {
        let label = WriteLabel { kind, result };
        self.kubernetes_writes.get_or_create(&label).inc();
    }

    fn call_duration(&self, endpoint: &'static str, duration: Duration) {
        self.call_seconds
            .get_or_create(&EndpointLabel { endpoint })
            .observe(duration.as_secs_f64());
    }

    /// Says whether this replica leads.
    pub fn leading(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Says whether another release keeps this one from working.
    pub fn blocked(&self, blocked: bool) {
        self.blocked.set(blocked.into());
    }

    /// Counts an object that cannot be read.
    pub fn not_decoded(&self) {
        self.not_decoded.inc();
    }

    /// Counts so many fields of a status that cannot be read.
    pub fn status_fields_not_decoded(&self, fields: usize) {
        let fields = u64::try_from(fields).unwrap_or(u64::MAX);
        self.status_fields_not_decoded.inc_by(fields);
    }

    /// Says whether the apiserver refuses to show a watched namespace.
    pub fn namespace_unreachable(&self, namespace: &str, unreachable: bool) {
        let label = NamespaceLabel {
            watched_namespace: namespace.to_owned(),
        };
        let gauge = self.namespace_unreachable.get_or_create(&label);
        gauge.set(unreachable.into());
    }

    /// Counts that a piece of work is put off for so long.
    pub fn throttled(&self, urgency: &'static str, seconds: f64) {
        self.throttled
            .get_or_create(&UrgencyLabel { urgency })
            .inc_by(seconds);
    }

    /// Counts an answer that announces the end of its endpoint.
    pub fn deprecated(&self, endpoint: &'static str) {
        self.deprecated_calls
            .get_or_create(&EndpointLabel { endpoint })
            .inc();
    }

    /// Counts an account that was deleted although its provider had refused to revoke the grant.
    pub fn deleted_unrevoked(&self) {
        self.unrevoked.inc();
    }

    /// Sets how the objects are counted at each scrape. Only the first call has an effect.
    pub fn count_objects_by(
        &self,
        object_counts: impl Fn() -> Vec<ProjectCounts> + Send + Sync + 'static,
    ) {
        // There is one controller a process.
        let _ = self.objects.0.set(Box::new(object_counts));
    }

    /// The text that a scraper reads.
    pub fn text(&self) -> String {
        self.controller.read();
        self.notifications.read();
        let mut text = String::new();
        // Writing to a String cannot fail; the signature is that of `fmt::Write`.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
