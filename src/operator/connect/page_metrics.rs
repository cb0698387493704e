//! What the page counts.

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The page's metrics. Labels come from closed sets.
pub struct PageMetrics {
    registry: Registry,
    pages: Family<PageLabel, Counter>,
    requests: Family<RequestLabel, Counter>,
    refused: Family<RefusedLabel, Counter>,
    events: Family<EventLabel, Counter>,
    late_events: Counter,
    objects: Gauge<i64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PageLabel {
    page: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabel {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EventLabel {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusedLabel {
    why: &'static str,
}

impl Default for PageMetrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            pages: Family::default(),
            requests: Family::default(),
            refused: Family::default(),
            events: Family::default(),
            late_events: Counter::default(),
            objects: Gauge::default(),
        };
        let registry = metrics
            .registry
            .sub_registry_with_prefix("composio_operator_connect");
        registry.register(
            "pages",
            "Answers to browsers, by what they showed",
            metrics.pages.clone(),
        );
        registry.register(
            "requests",
            "ConnectRequests that were to be made, by kind and how the apiserver answered",
            metrics.requests.clone(),
        );
        registry.register(
            "refused",
            "Requests of browsers that were refused, by why",
            metrics.refused.clone(),
        );
        registry.register(
            "webhook_events",
            "Events of Composio that were signed, by what came of them",
            metrics.events.clone(),
        );
        registry.register(
            "webhook_events_late",
            "Events of Composio that came more than a minute after what they tell",
            metrics.late_events.clone(),
        );
        registry.register(
            "objects",
            "ConnectedAccounts that are known",
            metrics.objects.clone(),
        );
        metrics
    }
}

impl PageMetrics {
    pub(super) fn page(&self, page: &'static str) {
        self.pages.get_or_create(&PageLabel { page }).inc();
    }

    pub(super) fn request(&self, kind: &'static str, result: &'static str) {
        let label = RequestLabel { kind, result };
        self.requests.get_or_create(&label).inc();
    }

    pub(super) fn refused(&self, why: &'static str) {
        self.refused.get_or_create(&RefusedLabel { why }).inc();
    }

    /// Tells zero before the first event, so that its absence can be seen, and the first that is refused.
    pub fn expects_events(&self) {
        drop(self.events.get_or_create(&EventLabel { result: "asked" }));
        for why in [
            "webhook_signature",
            "webhook_timestamp",
            "webhook_body",
            "webhook_busy",
        ] {
            drop(self.refused.get_or_create(&RefusedLabel { why }));
        }
    }

    pub(super) fn event(&self, result: &'static str) {
        self.events.get_or_create(&EventLabel { result }).inc();
    }

    pub(super) fn late_event(&self) {
        self.late_events.inc();
    }

    pub(super) fn objects(&self, count: usize) {
        self.objects.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// All of them in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail; the signature is that of `fmt::Write`.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
