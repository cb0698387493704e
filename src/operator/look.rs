//! The two looks at an object's account: the remembered one, without I/O, and the fresh one, a request for each
//! thing that the plan needs.

use std::sync::Arc;

use kube::Api;

use crate::{
    composio::{
        error::{Error, Retry},
        model::Account,
    },
    crd::{ConnectedAccount, ConnectedAccountStatus},
    plan::{
        AccountLookup, AuthConfigCheck, Desired, Failure, Gate, Need, Observed, Presence, Proof,
        SecretSeen,
    },
    project::{CachedAccount, Project, ProjectIdentity},
    proof::ProjectProof,
    record::RecordKeys,
    store::{Objects, PackedObject},
};

mod auth_config;
mod holder;
mod secret;

/// Where the accounts of one project are looked up.
#[derive(Clone)]
pub struct Sources {
    /// The project whose accounts these are.
    pub project: Arc<Project>,
    /// The objects whose accounts are in that project, as the watch has them.
    pub objects: Objects,
    /// To read Secrets by name.
    pub client: kube::Client,
}

impl Sources {
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
                    let mut all = self
                        .project
                        .snapshot(|snapshot| snapshot.duplicates_of(&account));
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
            all_objects_known: self.objects.are_complete(),
            gate: self.gate(&desired.namespace),
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
                        Unseen::Error(error) => failed(&error),
                        Unseen::Elsewhere(id) => Failure::of_another_project(&id),
                    })?;
                let recorded = observed.recorded.connected_account_id.as_deref();
                let account = AccountLookup::of(found, recorded);
                let holder = account
                    .account()
                    .and_then(|account| self.holder(desired, &observed.recorded, &keys, account));
                Ok(Observed {
                    keys,
                    account,
                    holder,
                    all_objects_known: self.objects.are_complete(),
                    fresh: true,
                    gate: self.gate(&desired.namespace),
                    ..observed
                })
            }
            Need::AuthConfig => {
                let auth_config = self
                    .auth_config(desired)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(Observed {
                    auth_config,
                    ..observed
                })
            }
            Need::Secret => Ok(Observed {
                secret: secret::read(&self.client, desired).await,
                ..observed
            }),
        }
    }

    /// Whether the project may be used for the objects of a namespace.
    pub fn gate(&self, namespace: &str) -> Gate {
        let closed = self.project.closed();
        Gate {
            read_closed_until: closed.read_until,
            write_closed_until: closed.write_until,
            paused_until: closed.paused_until,
            proof: match closed.identity {
                ProjectIdentity::Ours if self.project.held_up().contains(namespace) => {
                    Proof::Failed
                }
                ProjectIdentity::Ours => Proof::Given,
                ProjectIdentity::Unproved => Proof::Awaited,
                ProjectIdentity::Foreign => Proof::Failed,
            },
        }
    }

    /// The accounts that the object may mean: the recorded id, else the declared one, else our alias.
    /// Only a GET that says so proves that an id is gone; a list is a hint. Where the recorded account is not
    /// this object's, its own is looked for beside it.
    async fn find(
        &self,
        desired: &Desired,
        recorded: &ConnectedAccountStatus,
        keys: &RecordKeys,
    ) -> Result<Vec<Account>, Unseen> {
        let id = recorded.connected_account_id.as_ref();
        let Some(id) = id.or(desired.spec.connected_account_id.as_ref()) else {
            return Ok(self.by_alias(desired, None).await?);
        };
        let mut found = self.by_id(id, recorded).await?;
        if recorded.connected_account_id.is_some() {
            // Somebody else's is none of ours, whoever wrote it into the status.
            found.retain(|account| account.is_of(&desired.spec.user, &desired.spec.toolkit));
        }
        if found.is_empty()
            && recorded.connected_account_id.is_some()
            && !ProjectProof::new(&self.project, &self.objects)
                .has_recorded_auth_config(recorded)
                .await?
        {
            return Err(Unseen::Elsewhere(id.clone()));
        }
        let look_further = match desired.presence {
            Presence::Present => recorded.connected_account_id.is_none(),
            // Before the object goes, an account that carries its alias must have been looked for.
            Presence::Deleting { .. } => true,
        };
        if found.is_empty() && look_further {
            return Ok(self.by_alias(desired, None).await?);
        }
        let needs_others = found.iter().any(|account| {
            let duplicates = self
                .project
                .snapshot(|snapshot| snapshot.duplicates_of(account));
            let is_claimed = desired.claim(recorded, keys, account).is_some();
            !duplicates.is_empty() || !is_claimed
        });
        if needs_others {
            let others = self.by_alias(desired, Some(id)).await?;
            for account in &found {
                self.project.forget_duplicates(account, &others);
            }
            found.extend(others.into_iter().filter(|other| other.id != *id));
        }
        Ok(found)
    }

    /// What was seen of an account. Who manages it must hear of it, also if another object has looked.
    fn see(&self, account: &Account, recorded: Option<&String>) {
        self.project.snapshot(|snapshot| {
            if recorded == Some(&account.id) {
                snapshot.see(account.clone());
            } else {
                snapshot.see_unowned(account.clone());
            }
        });
    }

    async fn by_id(
        &self,
        id: &str,
        recorded: &ConnectedAccountStatus,
    ) -> Result<Vec<Account>, Error> {
        match self.project.client.get(id).await {
            Ok(account) => {
                self.see(&account, recorded.connected_account_id.as_ref());
                Ok(vec![account])
            }
            Err(error) if error.retry() == Retry::Gone => {
                self.project.snapshot(|snapshot| snapshot.absent(id));
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    async fn by_alias(
        &self,
        desired: &Desired,
        recorded: Option<&String>,
    ) -> Result<Vec<Account>, Error> {
        let spec = &desired.spec;
        let found = self
            .project
            .accounts_of(&spec.user, &spec.toolkit, desired.sought_alias())
            .await?;
        for account in &found {
            self.see(account, recorded);
        }
        Ok(found)
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

/// Why a look at the account has seen nothing, neither that it is there nor that it is gone.
enum Unseen {
    /// Composio did not answer.
    Error(Error),
    /// The project is not the one in which the account of that id was made.
    Elsewhere(String),
}

impl From<Error> for Unseen {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
