//! What every project at work has at hand.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinError},
};

use super::{
    Declared, Entry, Finding, FirstKeys, Membership, Organizations, Parts, Places, ProjectKey, task,
};
use crate::{
    composio::{ConfigError, Sensitive, Transport, http::only_while},
    crd::{ProjectKind, ProjectReason},
    lease::NotLeading,
    look::{ProjectContext, SecretReader},
    plan::{ProjectState, decide},
    project::{Clock, Connection, Project},
    reconcile::{Backoff, Context},
    report::report as build_status,
    store::StoredSummary,
};

/// The most projects that read their key or write their status at a time.
const AT_WORK: usize = 16;

/// What every project at work has at hand.
pub(super) struct Shared {
    pub(super) parts: Parts,
    backoff: Arc<Backoff>,
    secrets: SecretReader,
    /// So many projects ask the apiserver for their key or write their status at a time: all of them begin at once.
    pub(super) at_work: Semaphore,
    pub(super) first_keys: Arc<FirstKeys>,
    pub(super) places: Places,
    pub(super) organizations: Organizations,
    /// All that are declared: how many there are of a namespace.
    pub(super) declared: Mutex<BTreeMap<ProjectKey, Arc<Declared>>>,
    /// Takes what a task has panicked with.
    died: mpsc::UnboundedSender<JoinError>,
    /// Set once the projects run.
    pub(super) runs: OnceLock<()>,
}

impl Shared {
    /// Nothing is declared yet. `died` takes what a task has panicked with.
    pub(super) fn new(parts: Parts, died: mpsc::UnboundedSender<JoinError>) -> Self {
        Self {
            parts,
            backoff: Arc::default(),
            secrets: SecretReader::default(),
            at_work: Semaphore::new(AT_WORK),
            first_keys: Arc::default(),
            places: Places::new(),
            organizations: Organizations::default(),
            declared: Mutex::default(),
            died,
            runs: OnceLock::new(),
        }
    }

    /// A project of which nothing is known but its name.
    pub(super) fn entry(&self, key: &ProjectKey) -> Entry {
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
            key: key.clone(),
            slots: Arc::clone(&self.parts.slots),
            project_context: ProjectContext {
                project: Arc::new(project),
                objects: self.parts.objects.of_project(key),
                peers: self.places.of(key),
                client: self.parts.client.clone(),
                secrets: self.secrets.clone(),
                statuses: self.parts.statuses.clone(),
            },
            decide: Arc::new(decide),
            report: Arc::new(build_status),
            requeue_policy: self.parts.requeue_policy,
            backoff: Arc::clone(&self.backoff),
            pace: Arc::default(),
            metrics: Arc::clone(&self.parts.metrics),
            emit: Arc::clone(&self.parts.emit),
        };
        let undeclared = match key.kind() {
            ProjectKind::ClusterComposioProject if !self.parts.serves_cluster => {
                ProjectState::Unavailable(ProjectReason::NotServed)
            }
            ProjectKind::ClusterComposioProject | ProjectKind::ComposioProject => {
                ProjectState::NotFound
            }
        };
        let first_keys = Arc::clone(&self.first_keys);
        Entry::new(key.clone(), undeclared, context, connection, first_keys)
    }

    /// Takes in what is proved of a project: what its objects claim, those of others may have claimed.
    pub(super) fn prove(&self, entry: &Entry) {
        let (key, project) = (&entry.key, entry.project());
        self.join_organization(entry);
        let rivals = self.places.prove(key, project.proved_id().as_ref());
        for rival in rivals {
            self.look_at(rival.objects.stored());
        }
    }

    /// Takes in what is known of the organisation of a project, by the key that is in use.
    fn join_organization(&self, entry: &Entry) {
        let Some(declared) = entry.declared() else {
            return;
        };
        let membership = Membership {
            base_url: declared.place(),
            declared: declared.spec.organization.as_deref().map(Arc::from),
            session: entry.project().session(),
            is_cluster: entry.key.kind() == ProjectKind::ClusterComposioProject,
        };
        let project = entry.project();
        self.organizations.enter(&entry.key, membership, project);
    }

    /// The key of a project was tried to be read for the first time.
    pub(super) fn key_was_tried(&self) {
        if self.first_keys.was_tried() {
            self.look_at_each();
        }
    }

    /// Has all objects of all projects looked at.
    pub(super) fn look_at_each(&self) {
        self.look_at(self.parts.objects.stored());
    }

    /// Lets the passes of a project begin, as far as they wait for its first poll.
    pub(super) fn release(&self, entry: &Entry) {
        if entry.release() {
            self.look_at_all(entry);
        }
    }

    /// Has all objects of a project looked at.
    pub(super) fn look_at_all(&self, entry: &Entry) {
        self.look_at(entry.objects().stored());
    }

    fn look_at(&self, objects: Vec<StoredSummary>) {
        let trigger = &self.parts.trigger;
        objects
            .iter()
            .for_each(|object| trigger.send_stored(object));
    }

    /// Runs on a task of its own. What it panics with ends the process: it would be missed by nobody.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        task::spawn(work, &self.died)
    }

    /// The way to Composio, which is closed while this replica does not lead.
    pub(super) fn transport(
        &self,
        base_url: &str,
        key: &Sensitive,
    ) -> Result<Transport, ConfigError> {
        let direct = self.parts.http.transport(base_url, key)?;
        let leadership = self.parts.leadership.clone();
        Ok(only_while(direct, move || leadership.is_held(), NotLeading))
    }

    /// The Secret, by namespace and name, in which the API key of a project is said to be.
    pub(super) fn key_secret(&self, declared: &Declared) -> (String, String) {
        let namespace = &self.parts.settings.cluster_resource_namespace;
        let namespace = declared.secret_namespace(namespace);
        let secret = &declared.spec.api_key_secret_ref.name;
        (namespace.to_owned(), secret.clone())
    }

    /// Whether a project may run at all. Where it may not, its key is not even read.
    pub(super) fn may_run(&self, declared: &Declared) -> Result<(), Finding> {
        let base_url = &declared.spec.base_url;
        let allowed = &self.parts.settings.allowed_base_urls;
        if !allowed.allow(base_url) {
            let detail = format!("{base_url:?} is not on the list");
            return Err(Finding::new(ProjectReason::BaseUrlNotAllowed, detail));
        }
        if !self.has_room(declared) {
            let most = self.parts.settings.max_per_namespace;
            let detail = format!("the namespace has more than {most}");
            return Err(Finding::new(ProjectReason::TooManyProjects, detail));
        }
        if declared.spec.suspend {
            return Err(Finding::new(ProjectReason::Suspended, ""));
        }
        Ok(())
    }

    /// Whether it is one of those of its namespace that are served.
    pub(super) fn has_room(&self, declared: &Declared) -> bool {
        let most = self.parts.settings.max_per_namespace;
        declared.key.kind() != ProjectKind::ComposioProject || self.older(declared) < most
    }

    /// How many projects of its namespace are older, as far as that matters.
    pub(super) fn older(&self, declared: &Declared) -> usize {
        let is_older = |other: &&Arc<Declared>| {
            (other.created, other.key.name()) < (declared.created, declared.key.name())
        };
        let key = &declared.key;
        let first = ProjectKey::new(key.kind(), key.namespace(), "");
        let all = self.declared.lock();
        let of_namespace = all
            .range(first..)
            .map(|(_, other)| other)
            .take_while(|other| {
                other.key.kind() == declared.key.kind()
                    && other.key.namespace() == declared.key.namespace()
            });
        let most = self.parts.settings.max_per_namespace;
        of_namespace.filter(is_older).take(most).count()
    }
}
