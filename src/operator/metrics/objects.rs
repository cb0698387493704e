//! How many objects there are of each kind, counted whenever somebody reads: what is not there is not told, so that a
//! project goes with its objects, and many projects tell no more than there is to tell.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Unit,
};

use crate::store::{ObjectCounts, WordCounts};

/// The label `project` of objects whose project has none of its own: it is not declared, or is one of too many.
pub const NO_PROJECT: &str = "none";

/// The objects of one project.
#[derive(Clone, Debug)]
pub struct ProjectCounts {
    /// The label of the project.
    pub project: String,
    /// How many there are of each kind.
    pub counts: ObjectCounts,
    /// For how many seconds the oldest has been waiting for a person; 0, if none waits.
    pub longest_wait: f64,
}

/// Counts the objects of each project.
pub(super) type ReadCounts = Box<dyn Fn() -> Vec<ProjectCounts> + Send + Sync>;

/// Tells what is counted, once it is said how.
#[derive(Clone, Default)]
pub(super) struct Objects(pub(super) Arc<OnceLock<ReadCounts>>);

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

/// What is counted by one word.
struct ByWord {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    of: fn(&ObjectCounts) -> &WordCounts,
}

const BY_WORD: [ByWord; 5] = [
    ByWord {
        name: "objects",
        help: "ConnectedAccounts by project and the state of their account",
        label: "state",
        of: |counts| &counts.by_state,
    },
    ByWord {
        name: "objects_by_reason",
        help: "ConnectedAccounts by project and the reason of the condition Ready",
        label: "reason",
        of: |counts| &counts.by_ready,
    },
    ByWord {
        name: "objects_by_synced_reason",
        help: "ConnectedAccounts by project and the reason of the condition Synced",
        label: "reason",
        of: |counts| &counts.by_synced,
    },
    ByWord {
        name: "objects_without_config_map",
        help: "ConnectedAccounts whose ConfigMap is not written, by project and the reason of ConfigMapWritten",
        label: "reason",
        of: |counts| &counts.without_config_map,
    },
    ByWord {
        name: "notifications_held",
        help: "ConnectedAccounts with a notification that is not sent until their declaration is judged and allowed, by project and the reason of the condition Synced",
        label: "reason",
        of: |counts| &counts.held,
    },
];

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.0.get().map(|read| read()).unwrap_or_default();
        for one in &BY_WORD {
            let mut family =
                encoder.encode_descriptor(one.name, one.help, None, MetricType::Gauge)?;
            for project in &all {
                for (word, count) in (one.of)(&project.counts).iter() {
                    let labels = [("project", project.project.as_str()), (one.label, word)];
                    let count = i64::try_from(count).unwrap_or(i64::MAX);
                    ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let help =
            "How long the oldest ConnectedAccount of a project has been waiting for a person";
        let seconds = Some(&Unit::Seconds);
        let mut family: MetricEncoder<'_> =
            encoder.encode_descriptor("longest_wait", help, seconds, MetricType::Gauge)?;
        for project in &all {
            let labels = [("project", project.project.as_str())];
            ConstGauge::new(project.longest_wait).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
