//! The projects: whose API key is used, and for whom. Each that is declared runs by itself: what is wrong with one
//! is told on it, and holds up no other.
//!
//! | module | is |
//! |---|---|
//! | `watching` | the projects as they are declared |
//! | `entry` | one of them, and what the passes over its objects work with |
//! | `running` | what keeps it running: key, poller, status |
//! | `first_keys` | that passes wait until it is known who leads where |
//! | `peers` | which of them lead to the same place, and are polled together |
//! | `organizations` | which of them share a rate limit |
//! | `polling` | its poller |
//! | `shared` | what all of them have at hand |
//! | `task` | a task whose panic is not lost |
//! | `report` | what its status says, pure |
//! | `overlap` | what it says of users that several namespaces have |
//! | `api_key`, `base_url` | what is sent, and where |
//! | `writes` | its finalizer and status, written |

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::SignedDuration;
use kube::Client;
use parking_lot::Mutex;
use tokio::{
    sync::{SetOnce, mpsc},
    task::JoinError,
};
use tokio_util::sync::CancellationToken;

use crate::{
    composio::HttpClient,
    controller::Trigger,
    kubernetes::StatusSubresource,
    lease::Leadership,
    metrics::Metrics,
    poll::Polling,
    reconcile::{Emit, Slots},
    record::RecordKeySource,
    report::RequeuePolicy,
    store::{AllObjects, NamespaceChange, Summary},
};

mod api_key;
mod base_url;
mod declared;
mod entry;
mod first_keys;
mod key;
mod organizations;
pub(crate) mod overlap;
mod peers;
mod polling;
mod report;
mod running;
mod shared;
mod task;
mod watching;
mod writes;

pub(crate) use api_key::read_api_key;
pub use api_key::{NoKey, api_key_of};
pub use base_url::AllowedBaseUrls;
pub use declared::{AnyProject, Declared, ProjectSpec, list_projects};
pub(crate) use entry::Entry;
use first_keys::FirstKeys;
pub use key::ProjectKey;
use organizations::{Membership, Organizations};
use peers::Places;
pub use peers::{Peer, Peers};
pub(crate) use report::EmitProject;
pub use report::{Finding, ProjectEvent};
use running::Running;
use shared::Shared;
pub(crate) use watching::Change;

/// How often it is looked for projects that nobody has any use for.
const TIDY: Duration = Duration::from_secs(600);

/// How projects are served.
#[derive(Clone, Debug)]
pub struct ProjectSettings {
    /// Where API keys may be sent.
    pub allowed_base_urls: AllowedBaseUrls,
    /// Where the Secrets of ClusterComposioProjects are.
    pub cluster_resource_namespace: String,
    /// Of so many ComposioProjects of one namespace the oldest are served.
    pub max_per_namespace: usize,
    /// How often each Secret is read again.
    pub key_interval: Duration,
    /// How accounts are polled, where a project says nothing else.
    pub polling: Polling,
    /// How long an auth config is remembered.
    pub auth_config_lifetime: SignedDuration,
}

/// What all projects share with each other and with the controller.
pub(crate) struct Parts {
    pub(crate) client: Client,
    pub(crate) statuses: StatusSubresource,
    pub(crate) http: HttpClient,
    pub(crate) leadership: Leadership,
    pub(crate) keys: RecordKeySource,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) trigger: Trigger,
    pub(crate) objects: AllObjects,
    pub(crate) slots: Arc<Slots>,
    pub(crate) requeue_policy: RequeuePolicy,
    pub(crate) emit: Emit,
    pub(crate) emit_project: EmitProject,
    pub(crate) settings: ProjectSettings,
    /// Whether ClusterComposioProjects are served: only where all namespaces are.
    pub(crate) serves_cluster: bool,
    pub(crate) stop: CancellationToken,
}

/// The projects. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Projects {
    shared: Arc<Shared>,
    entries: Arc<Mutex<HashMap<ProjectKey, Arc<Entry>>>>,
}

impl Projects {
    /// None yet. What a task of theirs dies of comes out of the other end.
    pub(crate) fn new(parts: Parts) -> (Self, mpsc::UnboundedReceiver<JoinError>) {
        let (died, deaths) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(parts, died));
        let projects = Self {
            shared,
            entries: Arc::default(),
        };
        (projects, deaths)
    }

    /// The changes of all projects, for ever. `known` is set once all are known.
    pub(crate) fn changes(
        &self,
        namespaces: &[String],
        known: Arc<SetOnce<()>>,
    ) -> impl futures::Stream<Item = Change> + Send + use<> {
        watching::changes(&self.shared.parts.client, namespaces, known)
    }

    /// Takes in that a project is declared so.
    pub(crate) fn declare(&self, declared: Declared) {
        let key = declared.key.clone();
        let declared = Arc::new(declared);
        let former = self
            .shared
            .declared
            .lock()
            .insert(key.clone(), Arc::clone(&declared));
        let secret = self.shared.key_secret(&declared);
        self.shared.parts.objects.set_key_secret(&key, Some(secret));
        let entry = self.entry(&key);
        if entry.declare(Some(declared)) {
            self.shared.look_at_all(&entry);
        }
        self.run(&entry);
        if former.is_none() {
            self.count_again(&key);
        }
    }

    /// Takes in that a project is gone.
    pub(crate) fn gone(&self, key: &ProjectKey) {
        self.shared.declared.lock().remove(key);
        self.shared.parts.objects.set_key_secret(key, None);
        let entry = self.entry(key);
        entry.declare(None);
        self.shared.look_at_all(&entry);
        self.count_again(key);
        self.forget(key);
    }

    /// Takes in what the watch of namespaces has brought.
    pub(crate) fn apply_namespaces(&self, change: NamespaceChange) {
        let concerned = self
            .shared
            .parts
            .objects
            .apply_namespaces(change)
            .into_iter();
        concerned.for_each(|object| self.shared.parts.trigger.send(&object));
    }

    /// Starts all that are declared: this replica leads, and objects and projects are known.
    pub(crate) fn start(&self) {
        let _ = self.shared.runs.set(());
        let entries: Vec<_> = self.entries.lock().values().cloned().collect();
        let is_declared = |entry: &&Arc<Entry>| entry.declared().is_some();
        let declared = entries.iter().filter(is_declared).count();
        if !self.shared.first_keys.start(declared) {
            let shared = Arc::clone(&self.shared);
            self.shared.spawn(async move {
                tokio::time::sleep(first_keys::PATIENCE).await;
                if shared.first_keys.end() {
                    shared.look_at_each();
                }
            });
        }
        entries.iter().for_each(|entry| self.run(entry));
    }

    /// Whether it is not known yet what the object may ask for.
    pub(crate) fn await_namespace_of(&self, object: &Summary) -> bool {
        self.shared.parts.objects.awaits_labels(object)
    }

    /// The project of an object. One that is being deleted is dealt with where its account is, by its pin.
    pub(crate) fn of_object(&self, object: &Summary) -> Arc<Entry> {
        self.entry(&object.project_at_work())
    }

    /// An object of the project is gone: the project may go too. One that is not declared is forgotten, once no
    /// object refers to it.
    pub(crate) fn forget(&self, key: &ProjectKey) {
        if let Some(entry) = self.entries.lock().get(key) {
            entry.note_end();
        }
        self.forget_if_over(key);
    }

    /// A pass has ended that worked in the project. Whoever may write an object that is being deleted can have it
    /// worked on in any: of one that is not declared, and that no object refers to, nothing is kept.
    pub(crate) fn passed(&self, project: &Entry) {
        if project.is_over() {
            self.forget_if_over(&project.key);
        }
    }

    /// Forgets all that are over: of what was missed meanwhile nothing tells one by one.
    pub(crate) fn forget_all(&self) {
        let known: Vec<_> = self.entries.lock().keys().cloned().collect();
        let of_objects = self.shared.parts.objects.unused_projects();
        let all = known.iter().chain(&of_objects);
        all.for_each(|key| self.forget_if_over(key));
    }

    /// The same now and then, for ever.
    pub(crate) async fn tidy(self) {
        loop {
            tokio::time::sleep(TIDY).await;
            self.forget_all();
        }
    }

    fn forget_if_over(&self, key: &ProjectKey) {
        let mut entries = self.entries.lock();
        // Whoever declares it has said so before taking the entry.
        let is_declared = self.shared.declared.lock().contains_key(key);
        if is_declared || entries.get(key).is_some_and(|entry| !entry.is_over()) {
            return;
        }
        if let Some(entry) = entries.remove(key) {
            entry.end();
            let label = entry.project().label();
            self.shared.parts.metrics.forget_project(label);
            self.shared.places.leave(key);
            self.shared.organizations.leave(key);
        }
        // Objects may have named it without a pass. An entry holds what is known of them, so both go together.
        self.shared.parts.objects.forget_project(key);
    }

    /// The name of a project in metrics. One that is not served has none: of those there may be any number.
    pub(crate) fn label_of(&self, key: &ProjectKey) -> Option<String> {
        let declared = self.shared.declared.lock().get(key).cloned()?;
        self.shared.has_room(&declared).then(|| key.to_string())
    }

    /// How many there are, declared or not.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.entries.lock().len()
    }

    fn run(&self, entry: &Arc<Entry>) {
        if self.shared.runs.get().is_none() || entry.declared().is_none() {
            return;
        }
        entry.run_by(|| {
            // On the heap: there it is held once, and not in each of the futures around it.
            let mut running = Running::new(Arc::clone(entry), Arc::clone(&self.shared));
            let running = Box::pin(async move { running.run().await });
            let stop = self.shared.parts.stop.clone();
            self.shared.spawn(async move {
                stop.run_until_cancelled(running).await;
            })
        });
    }

    /// Has the others of a namespace look whether they are too many.
    fn count_again(&self, key: &ProjectKey) {
        let entries = self.entries.lock();
        let others = entries.values();
        let others = others.filter(|other| {
            key.namespace().is_some()
                && other.key.namespace() == key.namespace()
                && other.key != *key
        });
        others.for_each(|other| other.wake());
    }

    fn entry(&self, key: &ProjectKey) -> Arc<Entry> {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get(key) {
            return Arc::clone(entry);
        }
        let entry = Arc::new(self.shared.entry(key));
        entries.insert(key.clone(), Arc::clone(&entry));
        entry
    }
}
