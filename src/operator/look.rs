//! The two looks at an object's account: the remembered one, without I/O, and the fresh one, a request for each
//! thing that the plan needs.

use std::{collections::BTreeSet, sync::Arc};

use kube::Api;

use crate::{
    composio::error::Error,
    crd::{ConnectedAccount, ConnectedAccountStatus},
    kubernetes::StatusSubresource,
    plan::{
        AccessGate, AccountLookup, AuthConfigCheck, Desired, Failure, Need, Observed, Presence,
        Proof, SecretSeen,
    },
    project::{CachedAccount, Project, ProjectIdentity},
    projects::Peers,
    store::{Objects, PackedObject},
};

mod auth_config;
mod conclusion;
mod find;
mod holder;
mod secret;
mod secret_reader;

use find::LookError;
pub use secret_reader::SecretReader;

/// One Composio project, the objects whose accounts are in it, and the apiserver: all that a look reads from.
#[derive(Clone)]
pub struct ProjectContext {
    /// The Composio project.
    pub project: Arc<Project>,
    /// The objects whose accounts are in that project, as the watch has them.
    pub objects: Objects,
    /// The other projects that lead to the same place.
    pub peers: Peers,
    /// The client of the apiserver, which reads objects and Secrets by name.
    pub client: kube::Client,
    /// Reads the Secrets, for all projects together.
    pub secrets: SecretReader,
    /// Writes what is reported.
    pub statuses: StatusSubresource,
}

impl ProjectContext {
    /// What is known without asking anybody.
    pub fn remembered(&self, desired: &Desired, recorded: ConnectedAccountStatus) -> Observed {
        let account = match &recorded.connected_account_id {
            None => AccountLookup::NotLooked,
            Some(id) => match self.project.snapshot(|snapshot| snapshot.cached(id)) {
                None => AccountLookup::NotLooked,
                Some(CachedAccount::Absent | CachedAccount::Deleted) => AccountLookup::Absent,
                Some(CachedAccount::Present(account))
                    if account.is_of(&desired.spec.user, &desired.spec.toolkit) =>
                {
                    let mut all = self.duplicates_of(desired, &account);
                    all.push(*account);
                    AccountLookup::of(all, Some(id))
                }
                // Not what was ever recorded by us: a look tells what it is.
                Some(CachedAccount::Present(_)) => AccountLookup::NotLooked,
            },
        };
        let keys = self.project.record_keys();
        // Only who lost against another object can have lost: that is seen at a fresh look first.
        let holder = account
            .account()
            .filter(|_| holder::has_lost(&recorded))
            .and_then(|account| self.holder(desired, &recorded, &keys, account));
        Observed {
            recorded,
            keys,
            account,
            fresh: false,
            secret: match desired.spec.credentials {
                None => SecretSeen::NotUsed,
                Some(_) => SecretSeen::NotRead,
            },
            auth_config: AuthConfigCheck::NotAsked,
            holder,
            // Of these nothing is concluded before they are looked at.
            others_held: BTreeSet::new(),
            all_objects_known: self.objects.are_complete(),
            gate: self.gate_of(desired),
            refused: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Reads what the plan needs, and puts it into what is observed.
    ///
    /// # Errors
    /// When Composio does not answer; nothing is concluded from that. A Secret that cannot be read is
    /// no error but missing.
    pub async fn look(
        &self,
        need: Need,
        desired: &Desired,
        observed: Observed,
    ) -> Result<Observed, Failure> {
        let secrets = observed.secrets();
        let failed = |error: &Error| Failure::of_look(error, secrets.as_deref());
        match need {
            Need::Account => {
                let keys = self.project.record_keys();
                let found = self
                    .find(desired, &observed.recorded, &keys)
                    .await
                    .map_err(|unseen| match unseen {
                        LookError::Error(error) => failed(&error),
                        LookError::Elsewhere(id) => Failure::of_another_project(&id),
                    })?;
                let recorded = observed.recorded.connected_account_id.as_deref();
                let account = AccountLookup::of(found, recorded);
                let holder = account
                    .account()
                    .and_then(|account| self.holder(desired, &observed.recorded, &keys, account));
                let others_held = account
                    .others()
                    .iter()
                    .filter(|other| {
                        let holder = self.holder(desired, &observed.recorded, &keys, other);
                        holder.is_some()
                    })
                    .map(|other| other.id.clone())
                    .collect();
                Ok(Observed {
                    keys,
                    account,
                    holder,
                    others_held,
                    all_objects_known: self.objects.are_complete(),
                    fresh: true,
                    gate: self.gate_of(desired),
                    ..observed
                })
            }
            Need::AuthConfig => {
                let auth_config = self
                    .auth_config(desired, &observed.recorded)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(Observed {
                    auth_config,
                    gate: self.gate_of(desired),
                    ..observed
                })
            }
            Need::Secret => Ok(Observed {
                secret: secret::read(
                    &self.secrets,
                    &self.client,
                    &self.objects,
                    desired,
                    &observed.keys,
                )
                .await,
                gate: self.gate_of(desired),
                ..observed
            }),
        }
    }

    /// Whether the project may be used for the object.
    fn gate_of(&self, desired: &Desired) -> AccessGate {
        let is_deleting = desired.presence != Presence::Present;
        self.gate(&desired.namespace, is_deleting)
    }

    /// The same for an object of that namespace.
    fn gate(&self, namespace: &str, is_deleting: bool) -> AccessGate {
        let closed = self.project.closed();
        AccessGate {
            read_closed_until: closed.read_until,
            write_closed_until: closed.write_until,
            paused_until: closed.paused_until,
            project: self.project.state().for_object(is_deleting),
            proof: match closed.identity {
                ProjectIdentity::Ours if self.project.unproved_namespaces().contains(namespace) => {
                    Proof::Failed
                }
                ProjectIdentity::Ours => Proof::Given,
                ProjectIdentity::Unproved => Proof::Awaited,
                ProjectIdentity::Foreign => Proof::Failed,
            },
        }
    }

    /// Reads an object as the watch would bring it.
    ///
    /// # Errors
    /// When the apiserver does not answer, or with something that is no object.
    pub async fn read(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<PackedObject>, kube::Error> {
        let api = Api::<PackedObject>::namespaced(self.client.clone(), namespace);
        api.get_opt(name).await
    }

    /// The objects' interface in one namespace.
    pub fn api(&self, namespace: &str) -> Api<ConnectedAccount> {
        Api::namespaced(self.client.clone(), namespace)
    }
}
