//! What is counted of each project: all of it in one place, since there may be a thousand projects, and it goes with
//! the project.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use super::{CALL_SECONDS, Metrics};

/// The values of the label `gate`.
const GATES: [&str; 3] = ["read", "write", "project"];

/// What is counted of all projects, by their labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Projects(Arc<Mutex<BTreeMap<Box<str>, Box<Project>>>>);

/// What is counted of one project; `None`: nothing is told.
#[derive(Debug, Default)]
struct Project {
    calls: Vec<Calls>,
    /// Of all its calls, whatever it asks for.
    duration: CallDuration,
    rate_limit_remaining: Option<i64>,
    /// Whether each of the [`GATES`] is closed.
    gates: Option<[bool; GATES.len()]>,
    /// In Unix time.
    last_poll: Option<f64>,
    is_ready: bool,
}

/// How often an endpoint was asked, with that way to end.
#[derive(Debug)]
struct Calls {
    endpoint: &'static str,
    class: &'static str,
    count: u64,
}

/// A histogram with the buckets of [`CALL_SECONDS`], and one for what took longer.
#[derive(Debug, Default)]
struct CallDuration {
    sum: f64,
    buckets: [u64; CALL_SECONDS.len() + 1],
}

impl Project {
    fn count(&mut self, endpoint: &'static str, class: &'static str) {
        let known = self.calls.iter_mut();
        let mut known = known.filter(|one| one.endpoint == endpoint && one.class == class);
        if let Some(calls) = known.next() {
            calls.count += 1;
            return;
        }
        // Of the few words that there are most projects use the same two or three for ever.
        self.calls.reserve_exact(1);
        self.calls.push(Calls {
            endpoint,
            class,
            count: 1,
        });
    }

    fn forget_calls(&mut self) {
        self.last_poll = None;
        self.rate_limit_remaining = None;
        self.gates = None;
    }
}

impl CallDuration {
    fn observe(&mut self, seconds: f64) {
        self.sum += seconds;
        let bucket = CALL_SECONDS.partition_point(|most| *most < seconds);
        self.buckets[bucket] += 1;
    }

    fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    fn buckets(&self) -> [(f64, u64); CALL_SECONDS.len() + 1] {
        let most = |n| CALL_SECONDS.get(n).copied().unwrap_or(f64::INFINITY);
        std::array::from_fn(|n| (most(n), self.buckets[n]))
    }
}

impl Metrics {
    /// Counts a request to Composio.
    pub fn composio_call(
        &self,
        project: &str,
        endpoint: &'static str,
        class: &'static str,
        duration: Duration,
        rate_limit_remaining: Option<u64>,
    ) {
        self.call_duration(endpoint, duration);
        self.projects.with(project, |of_project| {
            of_project.count(endpoint, class);
            of_project.duration.observe(duration.as_secs_f64());
            if let Some(remaining) = rate_limit_remaining {
                let remaining = i64::try_from(remaining).unwrap_or(i64::MAX);
                of_project.rate_limit_remaining = Some(remaining);
            }
        });
    }

    /// Says whether the gates of a project are closed: to read, to write, and because it seems another one.
    pub fn gates(
        &self,
        project: &str,
        read_closed: bool,
        write_closed: bool,
        project_closed: bool,
    ) {
        let closed = [read_closed, write_closed, project_closed];
        self.projects
            .with(project, |of_project| of_project.gates = Some(closed));
    }

    /// Says that all accounts of a project were listed, at this Unix time in seconds.
    pub fn polled(&self, project: &str, unix_seconds: f64) {
        self.projects.with(project, |of_project| {
            of_project.last_poll = Some(unix_seconds)
        });
    }

    /// Says whether a project can be used. From then on what is counted of it is told, until it is forgotten.
    pub fn project_ready(&self, project: &str, ready: bool) {
        let mut all = self.projects.0.lock();
        if let Some(known) = all.get_mut(project) {
            known.is_ready = ready;
            return;
        }
        let of_project = Project {
            is_ready: ready,
            ..Project::default()
        };
        all.insert(project.into(), Box::new(of_project));
    }

    /// Forgets what was told of the way to Composio of a project: it cannot be used now.
    pub fn forget_calls(&self, project: &str) {
        self.projects.with(project, Project::forget_calls);
    }

    /// Forgets a project that is gone.
    pub fn forget_project(&self, project: &str) {
        self.projects.0.lock().remove(project);
    }
}

impl Projects {
    /// Of a project that is gone a call may still come to its end: that makes it known no more.
    fn with(&self, label: &str, work: impl FnOnce(&mut Project)) {
        if let Some(project) = self.0.lock().get_mut(label) {
            work(project);
        }
    }
}

impl Collector for Projects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.0.lock();
        // A replica that waits has none, and tells of none.
        if all.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(
            "composio_requests",
            "Requests to Composio by project, endpoint and the way they ended",
            None,
            MetricType::Counter,
        )?;
        for (label, project) in all.iter() {
            for calls in &project.calls {
                let labels = [
                    ("project", &**label),
                    ("endpoint", calls.endpoint),
                    ("class", calls.class),
                ];
                let mut counter = family.encode_family(&labels)?;
                counter.encode_counter::<NoLabelSet, _, u64>(&calls.count, None)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "project_request_duration",
            "How long Composio took to answer, by project",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (label, project) in all.iter() {
            let duration = &project.duration;
            if duration.count() > 0 {
                let labels = [("project", &**label)];
                let mut histogram = family.encode_family(&labels)?;
                histogram.encode_histogram::<NoLabelSet>(
                    duration.sum,
                    duration.count(),
                    &duration.buckets(),
                    None,
                )?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "composio_gate_closed",
            "1 while Composio rejects the API key for reading or writing, or the project seems another one",
            None,
            MetricType::Gauge,
        )?;
        for (label, project) in all.iter() {
            for (gate, is_closed) in GATES.into_iter().zip(project.gates.into_iter().flatten()) {
                let labels = [("project", &**label), ("gate", gate)];
                family
                    .encode_family(&labels)?
                    .encode_gauge(&i64::from(is_closed))?;
            }
        }
        encode_gauge(
            &mut encoder,
            ("composio_rate_limit_remaining", None),
            "Requests that the organisation has left in this window, by the last answer",
            all.iter()
                .filter_map(|(label, one)| Some((&**label, one.rate_limit_remaining?))),
        )?;
        encode_gauge(
            &mut encoder,
            ("last_poll_timestamp", Some(&Unit::Seconds)),
            "When the accounts were last listed, in Unix time",
            all.iter()
                .filter_map(|(label, one)| Some((&**label, one.last_poll?))),
        )?;
        encode_gauge(
            &mut encoder,
            ("project_ready", None),
            "1 while the project can be used: its condition Ready",
            all.iter()
                .map(|(label, one)| (&**label, i64::from(one.is_ready))),
        )
    }
}

/// A gauge with the project as its only label.
fn encode_gauge<'a, V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, unit): (&str, Option<&Unit>),
    help: &str,
    values: impl Iterator<Item = (&'a str, V)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (project, value) in values {
        let labels = [("project", project)];
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that tell of a project, without the name of the program before each.
    fn told(metrics: &Metrics, project: &str) -> Vec<String> {
        let text = metrics.text();
        let label = format!("project=\"{project}\"");
        let lines = text.lines().filter(|line| line.contains(&label));
        let lines = lines.filter_map(|line| line.strip_prefix("composio_operator_"));
        lines.map(str::to_owned).collect()
    }

    fn call(metrics: &Metrics, project: &str, class: &'static str, milliseconds: u64) {
        let duration = Duration::from_millis(milliseconds);
        metrics.composio_call(project, "list", class, duration, None);
    }

    #[test]
    fn the_calls_of_a_project_are_counted_and_timed() {
        let metrics = Metrics::default();
        metrics.project_ready("a", true);
        for milliseconds in [25, 26, 40_000] {
            call(&metrics, "a", "success", milliseconds);
        }
        call(&metrics, "a", "outage", 1000);
        call(&metrics, "b", "success", 1000);
        let told = told(&metrics, "a");
        let expected = [
            r#"composio_requests_total{project="a",endpoint="list",class="success"} 3"#,
            r#"composio_requests_total{project="a",endpoint="list",class="outage"} 1"#,
            r#"project_request_duration_seconds_count{project="a"} 4"#,
            r#"project_request_duration_seconds_sum{project="a"} 41.051"#,
            r#"project_request_duration_seconds_bucket{le="0.025",project="a"} 1"#,
            r#"project_request_duration_seconds_bucket{le="0.05",project="a"} 2"#,
            r#"project_request_duration_seconds_bucket{le="0.5",project="a"} 2"#,
            r#"project_request_duration_seconds_bucket{le="1.0",project="a"} 3"#,
            r#"project_request_duration_seconds_bucket{le="30.0",project="a"} 3"#,
            r#"project_request_duration_seconds_bucket{le="+Inf",project="a"} 4"#,
        ];
        for line in expected {
            assert!(told.iter().any(|one| one == line), "no {line} in {told:#?}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_project_is_not_told() {
        let metrics = Metrics::default();
        metrics.project_ready("a", false);
        assert_eq!(told(&metrics, "a"), [r#"project_ready{project="a"} 0"#]);
        metrics.gates("a", false, true, false);
        metrics.polled("a", 1.5);
        metrics.composio_call("a", "list", "success", Duration::ZERO, Some(7));
        metrics.composio_call("a", "list", "outage", Duration::ZERO, None);
        let gauges = |told: Vec<String>| -> Vec<String> {
            let is_gauge = |line: &String| !line.contains("request");
            told.into_iter().filter(is_gauge).collect()
        };
        let expected = [
            r#"composio_gate_closed{project="a",gate="read"} 0"#,
            r#"composio_gate_closed{project="a",gate="write"} 1"#,
            r#"composio_gate_closed{project="a",gate="project"} 0"#,
            r#"composio_rate_limit_remaining{project="a"} 7"#,
            r#"last_poll_timestamp_seconds{project="a"} 1.5"#,
            r#"project_ready{project="a"} 0"#,
        ];
        assert_eq!(gauges(told(&metrics, "a")), expected);
        metrics.forget_calls("a");
        assert_eq!(gauges(told(&metrics, "a")), [expected[5]]);
        metrics.forget_calls("unknown");
        assert_eq!(told(&metrics, "unknown"), [""; 0]);
    }

    #[test]
    fn with_a_project_goes_all_that_is_told_of_it() {
        let metrics = Metrics::default();
        for project in ["a", "b"] {
            metrics.project_ready(project, true);
            call(&metrics, project, "success", 1);
        }
        metrics.forget_project("a");
        assert_eq!(told(&metrics, "a"), [""; 0]);
        // A poll that was under way.
        call(&metrics, "a", "outage", 1);
        metrics.gates("a", false, false, false);
        metrics.polled("a", 1.0);
        assert_eq!(told(&metrics, "a"), [""; 0]);
        let text = metrics.text();
        assert!(text.contains(r#"project_ready{project="b"} 1"#), "{text}");
        assert!(text.contains(r#"duration_seconds_count{endpoint="list"} 3"#));
    }
}
