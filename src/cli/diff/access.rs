//! What the caller may look at for an object: the project's policy, and the account with the project's key. Whoever
//! may not is told from status and spec alone.

use std::collections::HashMap;
use std::sync::Arc;

use composio_api::ConnectedAccountStatus;
use composio_operator::composio::{Account, AuthConfig};
use composio_operator::plan::{
    AccountLookup, AuthConfigCheck, Desired, Flags, Holder, Labels, Observed, Plan, Presence,
    ProjectState, decide,
};
use composio_operator::projects::{Declared, ProjectKey};
use jiff::Timestamp;

use super::candidate::{Candidate, Change};
use super::foresee::{Foreseen, foresee};
use crate::arguments::Diff;
use crate::cluster::Cluster;
use crate::composio::{self, Composio};
use crate::explain::from_status;
use crate::failure::Failure;
use crate::objects::Objects;
use crate::print::Out;
use crate::project::{self, Found};
use crate::rows::{self, Filter};
use crate::view::View;

/// The projects that were asked for so far.
pub(super) struct Accesses<'a> {
    cluster: &'a Cluster,
    arguments: &'a Diff,
    of: HashMap<ProjectKey, Arc<Access>>,
    labels: HashMap<String, Option<Arc<Labels>>>,
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
    pub(super) fn new(cluster: &'a Cluster, arguments: &'a Diff) -> Self {
        Self {
            cluster,
            arguments,
            of: HashMap::new(),
            labels: HashMap::new(),
        }
    }

    /// What would be done for the object, and why its account was not looked at, if it was not.
    pub(super) async fn foresee(
        &mut self,
        candidate: &Candidate,
        now: Timestamp,
        out: &mut Out,
    ) -> Result<(Foreseen, Option<String>), Failure> {
        let object = &candidate.object;
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let key = ProjectKey::referred(&object.spec.project_ref, namespace);
        let access = self.access(&key, out).await?;
        let labels = match &access.project {
            Some(project) => self.labels_of(project, namespace).await,
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
        if candidate.change == Change::Deleted {
            desired.presence = Presence::Deleting { since: now };
        }
        let view = View::of(&candidate.value);
        let mut observed = from_status::observed(&desired, &view, now);
        observed.gate.project = access.state;
        let unseen = match (&access.composio, labels) {
            (Ok(_), Some(_)) => None,
            (Ok(_), None) => Some("you may not read the labels of the namespace, by which the project says what it allows".to_owned()),
            (Err(why), _) => Some(why.clone()),
        };
        if let (Ok((composio, objects)), None) = (&access.composio, &unseen) {
            observed.keys = composio.record_keys();
            observed.recorded = candidate.recorded();
            observed.auth_config = AuthConfigCheck::NotAsked;
            // First what can be told without a look: who is not allowed to ask learns nothing.
            observed.account = AccountLookup::NotLooked;
            observed.fresh = false;
            if let Plan::Refuse(_) = decide(&desired, &observed, now).plan {
                return Ok((foresee(desired, observed, now), None));
            }
            observed.fresh = true;
            look(composio, objects, &desired, &mut observed, out).await?;
        }
        Ok((foresee(desired, observed, now), unseen))
    }

    async fn labels_of(&mut self, project: &Declared, namespace: &str) -> Option<Arc<Labels>> {
        if let Some(known) = self.labels.get(namespace) {
            return known.clone();
        }
        let found = project::labels_of(self.cluster, project, namespace).await;
        self.labels.insert(namespace.to_owned(), found.clone());
        found
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
        let options = &self.arguments.key;
        if self.arguments.status_only {
            let why = "--status-only";
            return Ok(without(ProjectState::Available, Some(project), why));
        }
        composio::may_send(&project, options)?;
        let composio = match Composio::connect(self.cluster, &project, options).await {
            Ok(composio) => composio,
            Err(why) => {
                let why = why.to_string();
                return Ok(without(ProjectState::Available, Some(project), &why));
            }
        };
        let objects = Objects::of(self.cluster, &project).await?;
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

/// Looks for the account as the operator does: the recorded id, else the declared one, else the alias.
async fn look(
    composio: &Composio,
    objects: &Objects,
    desired: &Desired,
    observed: &mut Observed,
    out: &mut Out,
) -> Result<(), Failure> {
    let recorded = observed.recorded.connected_account_id.clone();
    let spec = &desired.spec;
    let mut found: Vec<Account> = Vec::new();
    if let Some(id) = recorded.as_ref().or(spec.connected_account_id.as_ref()) {
        found.extend(composio.account(id).await?);
        if recorded.is_some() {
            found.retain(|account| account.is_of(&spec.user, &spec.toolkit));
        }
    }
    let is_claimed = |account: &Account| observed.claim(desired, account).is_some();
    if found.is_empty() || !found.iter().all(is_claimed) {
        let filter = Filter {
            users: vec![spec.user.clone()],
            toolkits: vec![spec.toolkit.clone()],
            ..Filter::default()
        };
        let rows = rows::all(composio, &filter, out).await?;
        let alias = desired.lookup_alias();
        let mut rows = rows.accounts;
        rows.retain(|row| row.alias.as_deref() == Some(alias));
        found.extend(rows);
    }
    observed.account = AccountLookup::of(found, recorded.as_deref());
    // What this object has on record, and is proved to be its own, nobody else holds.
    let account = observed.account.account();
    let account = account.filter(|account| recorded.as_ref() != Some(&account.id));
    observed.holder = account
        .and_then(|account| objects.holder(account, &desired.namespace, &desired.name))
        .map(|holder| Holder {
            object: holder.to_string(),
        });
    if observed.account.account().is_none() {
        observed.auth_config = auth_config(composio, desired, &observed.recorded).await?;
    }
    Ok(())
}

/// Whether an account can be made, and from which auth config.
async fn auth_config(
    composio: &Composio,
    desired: &Desired,
    recorded: &ConnectedAccountStatus,
) -> Result<AuthConfigCheck, Failure> {
    use composio_api::Reason::{
        AuthConfigAmbiguous, AuthConfigDisabled, AuthConfigNotFound, ToolkitMismatch,
    };
    let toolkit = &desired.spec.toolkit;
    let unfit = |reason, detail: String| AuthConfigCheck::Unfit { reason, detail };
    if let Some(id) = &desired.spec.auth_config {
        return Ok(match composio.auth_config(id).await? {
            None => unfit(AuthConfigNotFound, format!("there is no {id}")),
            Some(found) if found.toolkit != *toolkit => unfit(
                ToolkitMismatch,
                format!("{id} is not of toolkit {toolkit:?}"),
            ),
            Some(found) if !found.enabled => unfit(AuthConfigDisabled, id.clone()),
            Some(found) => AuthConfigCheck::Fit(found.id),
        });
    }
    let all = composio.auth_configs(toolkit).await?;
    let is_fit = |found: &&AuthConfig| found.enabled && desired.may_use(&found.id);
    let fit: Vec<&AuthConfig> = all.iter().filter(is_fit).collect();
    let former = recorded.auth_config.as_ref();
    Ok(
        match (
            fit.iter().find(|found| Some(&found.id) == former),
            fit.as_slice(),
        ) {
            (Some(former), _) => AuthConfigCheck::Fit(former.id.clone()),
            (None, []) => unfit(
                AuthConfigNotFound,
                format!(
                    "the project has no enabled auth config of toolkit {toolkit:?} for this object"
                ),
            ),
            (None, [only]) => AuthConfigCheck::Fit(only.id.clone()),
            (None, several) => unfit(
                AuthConfigAmbiguous,
                several
                    .iter()
                    .map(|found| found.id.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        },
    )
}
