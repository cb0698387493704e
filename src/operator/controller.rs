//! The controller: watches, the queue, concurrency, and shutdown.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use kube::Client;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    composio::HttpClient,
    http::Health,
    lease::Leadership,
    metrics::{Metrics, NO_PROJECT, ProjectCounts},
    notify::Notifier,
    plan::Flags,
    projects::{ProjectKey, ProjectSettings},
    record::StateKey,
    report::RequeuePolicy,
    store::ObjectCounts,
};

mod events;
mod namespaces;
mod queue;
mod requests;
mod schedule;
mod startup;
mod watching;
mod worker;

pub(crate) use queue::Trigger;
use startup::Watching;

/// The part of readiness that the watches set.
pub const KUBERNETES: &str = "kubernetes";
/// The part of readiness that the watches of projects set.
pub const PROJECTS: &str = "projects";

/// A task of the controller's has ended, which none does by itself: the process is to end, and to be started anew.
#[derive(Debug, thiserror::Error)]
pub enum TaskEnded {
    /// It panicked.
    #[error("a task of the controller has ended: {0}")]
    Panicked(#[from] JoinError),
    /// It came to its end, which it should not have.
    #[error("a task of the controller has ended without an error")]
    Returned,
}

impl TaskEnded {
    fn of(ended: Result<(), JoinError>) -> Self {
        ended.map_or_else(Self::Panicked, |()| Self::Returned)
    }
}

/// What the controller runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which of several processes this one is, for whoever reads its events.
    pub instance: String,
    /// The only namespaces to work in; none named: all.
    pub namespaces: Vec<String>,
    /// How many objects are worked on at a time.
    pub concurrency: u16,
    /// What decisions depend on, but for what each project says of itself.
    pub flags: Flags,
    /// When to come again.
    pub requeue_policy: RequeuePolicy,
    /// How projects are served.
    pub projects: ProjectSettings,
}

/// What the controller works with.
pub struct Connections {
    /// The apiserver. Its writes must be guarded by the leadership.
    pub client: Client,
    /// The way to Composio, for all projects.
    pub http: HttpClient,
    /// What the keys of records are derived from, so that they outlive the API keys.
    pub state_key: Option<StateKey>,
    /// How people are told; `None`: nobody is.
    pub notifier: Option<Notifier>,
    /// Whether this replica may work; until then it only watches.
    pub leadership: Leadership,
}

/// Runs the controller until `stop` is cancelled and the calls in flight have ended.
///
/// # Errors
/// When the watch or the poll has died: the process is to end, and to be started anew.
pub async fn run(
    connections: Connections,
    settings: Settings,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> Result<(), TaskEnded> {
    let client = connections.client.clone();
    let (emitters, publishing) = events::publish(client, &settings.instance, Arc::clone(&metrics));
    let ended = async {
        let watching = Watching::start(connections, settings, health, metrics, emitters, stop);
        let leading = watching.until_leading().await?;
        let known = leading.until_known().await?;
        let running = known.open_queue();
        running.until_stopped().await
    };
    let ended = ended.await;
    publishing.end().await;
    info!("stopped");
    ended.or_else(startup::Ended::into_result)
}

/// What is told of the objects of each project that has a label of its own, and of all others together.
fn project_counts(
    counts: Vec<(ProjectKey, ObjectCounts)>,
    label_of: impl Fn(&ProjectKey) -> Option<String>,
    now: Timestamp,
) -> Vec<ProjectCounts> {
    let mut by_label = BTreeMap::<String, ObjectCounts>::new();
    for (key, counts) in counts {
        let label = label_of(&key).unwrap_or_else(|| NO_PROJECT.to_owned());
        match by_label.entry(label) {
            Entry::Occupied(mut others) => others.get_mut().merge(&counts),
            Entry::Vacant(free) => drop(free.insert(counts)),
        }
    }
    let all = by_label.into_iter().map(|(project, counts)| {
        let since = counts.longest_waiting_since();
        // A clock that was put back shows no wait.
        let longest_wait = since.map_or(0.0, |since| {
            now.duration_since(since).as_secs_f64().max(0.0)
        });
        ProjectCounts {
            project,
            counts,
            longest_wait,
        }
    });
    all.collect()
}

/// Up to a tenth more, so that what failed together is not tried again together.
fn jittered(wait: Duration) -> Duration {
    wait + wait.mul_f64(fastrand::f64() / 10.0)
}
