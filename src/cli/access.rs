//! What the caller may look at for an object: the project's policy, and the account with the project's key. Whoever
//! may not is told from status and spec alone.

use std::collections::HashMap;
use std::sync::Arc;

use composio_api::ConnectedAccount;
use composio_operator::plan::{
    AccountLookup, AuthConfigCheck, Desired, Flags, Labels, Observed, Plan, Presence, ProjectState,
    decide,
};
use composio_operator::projects::{Declared, ProjectKey};
use jiff::Timestamp;
use serde_json::Value;

use crate::arguments::KeyOptions;
use crate::cluster::Cluster;
use crate::composio::{self, Composio};
use crate::explain::from_status;
use crate::failure::Failure;
use crate::objects::Objects;
use crate::print::Out;
use crate::project::{self, Found};
use crate::view::View;

mod look;
mod requests;
use requests::Requests;

/// An object of which it is asked what would be done.
pub(crate) struct Asked<'a> {
    pub(crate) object: &'a ConnectedAccount,
    /// The same as it was read.
    pub(crate) value: &'a Value,
    /// Whether it is taken to be deleted.
    pub(crate) is_deleted: bool,
}

/// What there is to decide on.
pub(crate) struct Sight {
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    /// Why the account was not looked at, if it was not.
    pub(crate) unseen: Option<String>,
    /// Why it is not known what ConnectRequests ask for, if it is not.
    pub(crate) unread_requests: Option<String>,
}

/// What becomes of a look that fails, or that the command line does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The command fails.
    Fail,
    /// It goes by status and spec, and tells why.
    GoByStatus,
}

/// The projects that were asked for so far.
pub(crate) struct Accesses<'a> {
    cluster: &'a Cluster,
    key: &'a KeyOptions,
    status_only: bool,
    on_failure: OnFailure,
    of: HashMap<ProjectKey, Arc<Access>>,
    labels: HashMap<String, Option<Arc<Labels>>>,
    requests: HashMap<String, Arc<Requests>>,
}

/// What may be looked at of a project.
struct Access {
    state: ProjectState,
    /// `None`: the project cannot be read.
    project: Option<Declared>,
    /// Why it is not looked at, if it is not.
    composio: Result<(Composio, Objects), String>,
}

impl<'a> Accesses<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        key: &'a KeyOptions,
        status_only: bool,
        on_failure: OnFailure,
    ) -> Self {
        Self {
            cluster,
            key,
            status_only,
            on_failure,
            of: HashMap::new(),
            labels: HashMap::new(),
            requests: HashMap::new(),
        }
    }

    /// What is seen for the object.
    ///
    /// # Guarantees
    /// What the project does not allow is refused before anything is asked: who may not ask learns nothing.
    pub(crate) async fn sight(
        &mut self,
        asked: &Asked<'_>,
        now: Timestamp,
        out: &mut Out,
    ) -> Result<Sight, Failure> {
        // One that is not there yet was asked for by nobody.
        let requests = match &asked.object.metadata.uid {
            Some(_) => Some(self.requests(asked.object).await?),
            None => None,
        };
        let mut sight = self.look(asked, requests.as_deref(), now, out).await?;
        sight.unread_requests = match requests.as_deref() {
            Some(Requests::Unknown(why)) => Some(why.clone()),
            Some(Requests::Known(_)) | None => None,
        };
        Ok(sight)
    }

    async fn requests(&mut self, object: &ConnectedAccount) -> Result<Arc<Requests>, Failure> {
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        if let Some(known) = self.requests.get(&namespace) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Requests::of(self.cluster, &namespace).await?);
        self.requests.insert(namespace, Arc::clone(&found));
        Ok(found)
    }

    async fn look(
        &mut self,
        asked: &Asked<'_>,
        requests: Option<&Requests>,
        now: Timestamp,
        out: &mut Out,
    ) -> Result<Sight, Failure> {
        let object = asked.object;
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let key = ProjectKey::referred(&object.spec.project_ref, namespace);
        let access = self.access(&key, out).await?;
        let labels = match &access.project {
            Some(project) => self.labels_of(project, namespace).await?,
            None => None,
        };
        let flags = match (&access.project, &labels) {
            (Some(project), Some(_)) => project::flags(project),
            // What it allows is not for everybody to see: whether it was allowed so far, the status tells.
            (Some(project), None) => Flags {
                policy: from_status::flags(object).policy,
                ..project::flags(project)
            },
            (None, _) => Flags {
                project: object.spec.project_ref.to_string(),
                ..from_status::flags(object)
            },
        };
        let mut desired = Desired::of(object, &flags);
        desired.labels = labels.clone().unwrap_or_default();
        if let Some(requests) = requests {
            desired.requests = requests.of_object(&desired, now);
        }
        if asked.is_deleted {
            desired.presence = Presence::Deleting { since: now };
        }
        let is_page_seen = access
            .composio
            .as_ref()
            .is_ok_and(|(_, objects)| objects.has_page);
        from_status::set_link_policy(&mut desired, object, is_page_seen);
        let view = View::of(asked.value);
        let mut observed = from_status::observed(&desired, &view, now);
        observed.gate.project = access.state;
        let (composio, objects) = match (&access.composio, labels) {
            (Ok(both), Some(_)) => both,
            (Ok(_), None) => return Ok(Sight::unseen(desired, observed, NO_LABELS)),
            (Err(why), _) => return Ok(Sight::unseen(desired, observed, why)),
        };
        let by_status = observed.clone();
        observed.keys = composio.record_keys();
        observed.recorded = object.status.clone().unwrap_or_default();
        observed.auth_config = AuthConfigCheck::NotAsked;
        observed.account = AccountLookup::NotLooked;
        observed.fresh = false;
        if let Plan::Refuse(_) = decide(&desired, &observed, now).plan {
            return Ok(Sight::unseen(desired, observed, REFUSED));
        }
        observed.fresh = true;
        match look::look(composio, objects, &desired, &mut observed, now, out).await {
            Ok(()) => Ok(Sight {
                desired,
                observed,
                unseen: None,
                unread_requests: None,
            }),
            Err(Failure::Failed(why)) if self.on_failure == OnFailure::GoByStatus => {
                Ok(Sight::unseen(desired, by_status, &why))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn labels_of(
        &mut self,
        project: &Declared,
        namespace: &str,
    ) -> Result<Option<Arc<Labels>>, Failure> {
        if let Some(known) = self.labels.get(namespace) {
            return Ok(known.clone());
        }
        let found = project::labels_of(self.cluster, project, namespace).await?;
        self.labels.insert(namespace.to_owned(), found.clone());
        Ok(found)
    }

    async fn access(&mut self, key: &ProjectKey, out: &Out) -> Result<Arc<Access>, Failure> {
        if let Some(known) = self.of.get(key) {
            return Ok(Arc::clone(known));
        }
        let access = Arc::new(self.find(key, out).await?);
        self.of.insert(key.clone(), Arc::clone(&access));
        Ok(access)
    }

    async fn find(&self, key: &ProjectKey, out: &Out) -> Result<Access, Failure> {
        let without = |state, project, why: &str| Access {
            state,
            project,
            composio: Err(why.to_owned()),
        };
        let project = match project::find(self.cluster, key).await? {
            Found::Project(project) => *project,
            Found::Nothing => {
                return Ok(without(
                    ProjectState::NotFound,
                    None,
                    "there is no such project",
                ));
            }
            Found::Forbidden => {
                let why = format!("you may not read {key}");
                return Ok(without(ProjectState::Available, None, &why));
            }
        };
        if self.status_only {
            let why = "--status-only";
            return Ok(without(ProjectState::Available, Some(project), why));
        }
        if self.on_failure == OnFailure::Fail {
            composio::may_send(&project, self.key)?;
        }
        let both = match Composio::connect(self.cluster, &project, self.key).await {
            Ok(composio) => {
                let composio = match self.on_failure {
                    OnFailure::Fail => composio,
                    OnFailure::GoByStatus => composio.impatient(),
                };
                let objects = Objects::of(self.cluster, &project, composio.record_keys()).await;
                objects.map(|objects| (composio, objects))
            }
            Err(why) => Err(why),
        };
        let (composio, objects) = match both {
            Ok(both) => both,
            Err(why) => {
                let why = why.to_string();
                return Ok(without(ProjectState::Available, Some(project), &why));
            }
        };
        if !objects.are_all {
            out.note("warning: you may not list the objects of all namespaces: whether one there manages an account is not told");
        }
        Ok(Access {
            state: ProjectState::Available,
            project: Some(project),
            composio: Ok((composio, objects)),
        })
    }
}

impl Sight {
    fn unseen(desired: Desired, observed: Observed, why: &str) -> Self {
        Self {
            desired,
            observed,
            unseen: Some(why.to_owned()),
            unread_requests: None,
        }
    }
}

const NO_LABELS: &str =
    "you may not read the labels of the namespace, by which the project says what it allows";
const REFUSED: &str = "it is refused before anything is asked of Composio";
