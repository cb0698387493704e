//! The projects: whose API key is used, and for whom. Each that is declared runs by itself: what is wrong with one
//! is told on it, and holds up no other.
//!
//! | module | is |
//! |---|---|
//! | `watching` | the projects as they are declared |
//! | `entry` | one of them, and what the passes over its objects work with |
//! | `running` | what keeps it running: key, poller, status |
//! | `peers` | which of them lead to the same place |
//! | `polling` | its poller |
//! | `report` | what its status says, pure |
//! | `overlap` | what it says of users that several namespaces have |
//! | `api_key`, `base_url` | what is sent, and where |
//! | `writes` | its finalizer and status, written |

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::SignedDuration;
use kube::Client;
use parking_lot::Mutex;
use tokio::{
    sync::{SetOnce, mpsc},
    task::{AbortHandle, JoinError},
};
use tokio_util::sync::CancellationToken;

use crate::{
    composio::{ConfigError, HttpClient, Sensitive, Transport, http::only_while},
    controller::Trigger,
    crd::{ProjectKind, ProjectReason},
    lease::{Leadership, NotLeading},
    look::ProjectContext,
    metrics::Metrics,
    plan::{ProjectState, decide},
    poll::Polling,
    project::{Clock, Connection, Project},
    reconcile::{Backoff, Context, Emit, Slots},
    record::RecordKeySource,
    report::{RequeuePolicy, report as build_status},
    store::{AllObjects, NamespaceChange, PackedObject},
};

mod api_key;
mod base_url;
mod declared;
mod entry;
mod key;
pub(crate) mod overlap;
mod peers;
mod polling;
mod report;
mod running;
mod watching;
mod writes;

pub(crate) use api_key::read_api_key;
pub use base_url::AllowedBaseUrls;
pub use declared::{AnyProject, Declared, ProjectSpec};
pub(crate) use entry::Entry;
pub use key::ProjectKey;
use peers::Places;
pub use peers::{Peer, Peers};
pub(crate) use report::EmitProject;
pub use report::{Finding, ProjectEvent};
use running::Running;
pub(crate) use watching::Change;

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

/// What every project at work has at hand.
struct Shared {
    parts: Parts,
    backoff: Arc<Backoff>,
    places: Places,
    /// All that are declared: how many there are of a namespace.
    declared: Mutex<BTreeMap<ProjectKey, Arc<Declared>>>,
    /// Takes what a task has panicked with.
    died: mpsc::UnboundedSender<JoinError>,
    /// Set once the projects run.
    runs: OnceLock<()>,
}

impl Projects {
    /// None yet. What a task of theirs dies of comes out of the other end.
    pub(crate) fn new(parts: Parts) -> (Self, mpsc::UnboundedReceiver<JoinError>) {
        let (died, deaths) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            parts,
            backoff: Arc::default(),
            places: Places::new(),
            declared: Mutex::default(),
            died,
            runs: OnceLock::new(),
        });
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
        concerned.for_each(|object| self.shared.parts.trigger.send(object));
    }

    /// Starts all that are declared: this replica leads, and objects and projects are known.
    pub(crate) fn start(&self) {
        let _ = self.shared.runs.set(());
        let entries: Vec<_> = self.entries.lock().values().cloned().collect();
        entries.iter().for_each(|entry| self.run(entry));
    }

    /// Whether it is not known yet what the object may ask for.
    pub(crate) fn await_namespace_of(&self, object: &PackedObject) -> bool {
        self.shared.parts.objects.awaits_labels(object)
    }

    /// The project of an object. One that is being deleted is dealt with where its account is, by its pin.
    pub(crate) fn of_object(&self, object: &PackedObject) -> Arc<Entry> {
        self.entry(&object.project_at_work())
    }

    /// An object of the project is gone: the project may go too. One that is not declared is forgotten, once no
    /// object refers to it.
    pub(crate) fn forget(&self, key: &ProjectKey) {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get(key) {
            entry.note_end();
        }
        if let Some(entry) = entries.get(key).filter(|entry| entry.is_over()) {
            entry.end();
            let label = entry.project().label();
            self.shared.parts.metrics.forget_project(label);
            self.shared.places.leave(key);
            entries.remove(key);
            self.shared.parts.objects.forget_project(key);
        }
    }

    /// The same of all, after a list: of what was missed meanwhile nothing tells one by one.
    pub(crate) fn forget_all(&self) {
        let over = |(key, entry): (&ProjectKey, &Arc<Entry>)| entry.is_over().then(|| key.clone());
        let keys: Vec<_> = self.entries.lock().iter().filter_map(over).collect();
        keys.iter().for_each(|key| self.forget(key));
    }

    fn run(&self, entry: &Arc<Entry>) {
        if self.shared.runs.get().is_none() || entry.declared.borrow().is_none() {
            return;
        }
        entry.run_by(|| {
            let running = Running::new(Arc::clone(entry), Arc::clone(&self.shared));
            let stop = self.shared.parts.stop.clone();
            self.shared.spawn(async move {
                stop.run_until_cancelled(running.run()).await;
            })
        });
    }

    /// Has the others of a namespace look whether they are too many.
    fn count_again(&self, key: &ProjectKey) {
        let entries = self.entries.lock();
        let others = entries.values();
        let others = others.filter(|other| {
            key.namespace.is_some() && other.key.namespace == key.namespace && other.key != *key
        });
        others.for_each(|other| other.used.notify_one());
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

impl Shared {
    fn entry(&self, key: &ProjectKey) -> Entry {
        let connection = Connection::default();
        let project = Project::new(
            &key.to_string(),
            connection.transport(),
            self.parts.keys.unknown(),
            Arc::clone(&self.parts.metrics),
            Clock::system(),
            self.parts.settings.auth_config_lifetime,
        );
        let context = Context {
            slots: Arc::clone(&self.parts.slots),
            project_context: ProjectContext {
                project: Arc::new(project),
                objects: self.parts.objects.of_project(key),
                peers: self.places.of(key),
                client: self.parts.client.clone(),
            },
            decide: Arc::new(decide),
            report: Arc::new(build_status),
            requeue_policy: self.parts.requeue_policy,
            backoff: Arc::clone(&self.backoff),
            metrics: Arc::clone(&self.parts.metrics),
            emit: Arc::clone(&self.parts.emit),
        };
        let undeclared = match key.kind {
            ProjectKind::ClusterComposioProject if !self.parts.serves_cluster => {
                ProjectState::Unavailable(ProjectReason::NotServed)
            }
            ProjectKind::ClusterComposioProject | ProjectKind::ComposioProject => {
                ProjectState::NotFound
            }
        };
        Entry::new(key.clone(), undeclared, context, connection)
    }

    /// Has all objects of a project looked at.
    fn look_at_all(&self, entry: &Entry) {
        let all = entry.objects().refs();
        all.for_each(|object| self.parts.trigger.send(object));
    }

    /// Runs on a task of its own. What it panics with ends the process: it would be missed by nobody.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let work = tokio::spawn(work);
        let (abort, died) = (work.abort_handle(), self.died.clone());
        tokio::spawn(async move {
            if let Err(error) = work.await
                && error.is_panic()
            {
                // With the receiver the process has ended anyway.
                let _ = died.send(error);
            }
        });
        abort
    }

    /// The way to Composio, which is closed while this replica does not lead.
    fn transport(&self, base_url: &str, key: &Sensitive) -> Result<Transport, ConfigError> {
        let direct = self.parts.http.transport(base_url, key)?;
        let leadership = self.parts.leadership.clone();
        Ok(only_while(direct, move || leadership.is_held(), NotLeading))
    }

    /// The Secret, by namespace and name, in which the API key of a project is said to be.
    fn key_secret(&self, declared: &Declared) -> (String, String) {
        let namespace = &self.parts.settings.cluster_resource_namespace;
        let namespace = declared.secret_namespace(namespace);
        let secret = &declared.spec.api_key_secret_ref.name;
        (namespace.to_owned(), secret.clone())
    }

    /// Whether a project may run at all. Where it may not, its key is not even read.
    fn may_run(&self, declared: &Declared) -> Result<(), Finding> {
        let base_url = &declared.spec.base_url;
        let allowed = &self.parts.settings.allowed_base_urls;
        if !allowed.allow(base_url) {
            let detail = format!("{base_url:?} is not on the list");
            return Err(Finding::new(ProjectReason::BaseUrlNotAllowed, detail));
        }
        let most = self.parts.settings.max_per_namespace;
        if declared.key.kind == ProjectKind::ComposioProject && self.older(declared) >= most {
            let detail = format!("the namespace has more than {most}");
            return Err(Finding::new(ProjectReason::TooManyProjects, detail));
        }
        if declared.spec.suspend {
            return Err(Finding::new(ProjectReason::Suspended, ""));
        }
        Ok(())
    }

    /// How many projects of its namespace are older, as far as that matters.
    fn older(&self, declared: &Declared) -> usize {
        let is_older = |other: &&Arc<Declared>| {
            (other.created, &other.key.name) < (declared.created, &declared.key.name)
        };
        let first = ProjectKey {
            name: String::new(),
            ..declared.key.clone()
        };
        let all = self.declared.lock();
        let of_namespace = all
            .range(first..)
            .map(|(_, other)| other)
            .take_while(|other| {
                other.key.kind == declared.key.kind && other.key.namespace == declared.key.namespace
            });
        let most = self.parts.settings.max_per_namespace;
        of_namespace.filter(is_older).take(most).count()
    }
}
