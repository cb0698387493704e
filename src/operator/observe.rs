//! The eyes: what is remembered (no I/O), what is read afresh (one I/O each), and the poller that keeps
//! the memory.

use std::{collections::BTreeSet, sync::Arc};

use kube::Api;

use crate::{
    composio::{error::Error, model::Account},
    crd::{ConnectedAccount, ConnectedAccountStatus, Reason, condition},
    plan::{
        AuthConfigCheck, Claim, Desired, Failure, Gate, Holder, Need, Observed, Proof, SecretSeen,
        Seen,
    },
    project::{Known, Project, Standing},
    record::{Proven, RecordKeys},
};

mod find;
mod kept;
mod objects;
mod poll;
mod proof;
mod secret;

use find::Unseen;
#[cfg(test)]
pub(crate) use kept::DECODED;
pub use kept::{Kept, Summary};
use objects::summary;
pub use objects::{Followed, ObjectCounts, Objects};
pub use poll::{Poll, PollEvent, Polling};

/// Where everything is looked up.
#[derive(Clone)]
pub struct Sources {
    /// The project whose accounts these are.
    pub project: Arc<Project>,
    /// The objects, as the watch keeps them.
    pub objects: Objects,
    /// To read Secrets by name.
    pub client: kube::Client,
}

impl Sources {
    /// What is known without asking anybody.
    pub fn remembered(&self, desired: &Desired, recorded: ConnectedAccountStatus) -> Observed {
        let account = match &recorded.connected_account_id {
            None => Seen::NotLooked,
            Some(id) => match self.project.snapshot(|snapshot| snapshot.known(id)) {
                Known::Nothing => Seen::NotLooked,
                Known::Gone => Seen::Absent,
                Known::There(account)
                    if account.is_of(&desired.spec.user, &desired.spec.toolkit) =>
                {
                    let mut all = self.project.snapshot(|snapshot| snapshot.twins(&account));
                    all.push(*account);
                    Seen::of(all, Some(id))
                }
                // Not what was ever recorded by us: a look tells what it is.
                Known::There(_) => Seen::NotLooked,
            },
        };
        let keys = self.project.record_keys();
        // Only who lost against another object can have lost: that is seen at a fresh look first.
        let holder = account
            .account()
            .filter(|_| lost(&recorded))
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
                let account = Seen::of(found, recorded);
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
                secret: secret::read(&self.client, desired, &observed.keys).await,
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
            proof: match closed.standing {
                Standing::Ours if self.project.held_up().contains(namespace) => Proof::Failed,
                Standing::Ours => Proof::Given,
                Standing::Unproved => Proof::Awaited,
                Standing::Foreign => Proof::Failed,
            },
        }
    }

    /// Another object that manages the account. Whose own it is goes before who found it by a declared alias,
    /// who has it recorded before who has not, also while it is being deleted; else the older one. An id in a
    /// status is no more than that: a record that is proved goes before one of a key that is not known, and one
    /// that is neither counts for nothing.
    fn holder(
        &self,
        desired: &Desired,
        recorded: &ConnectedAccountStatus,
        keys: &RecordKeys,
        account: &Account,
    ) -> Option<Holder> {
        let rank = |claim, status: &ConnectedAccountStatus, own_alias: &str| {
            let has_it = status.connected_account_id.as_ref() == Some(&account.id);
            let proven = match account.alias.as_deref() == Some(own_alias) {
                true => Proven::Valid,
                false => keys.verify(status.record.as_ref(), own_alias, &account.id),
            };
            let is_own = claim == Some(Claim::Own);
            let place = match (has_it, proven) {
                (true, Proven::Valid) => 0,
                // What was found by a declared alias is never signed.
                (true, Proven::UnknownKey) => 1,
                (true, Proven::Invalid) if !is_own => 1,
                (true, Proven::Invalid) | (false, _) => 2,
            };
            (!is_own, place)
        };
        // Of our own object the store may not know yet what was written last.
        let claim = desired.claim(recorded, keys, account);
        let ours = (
            rank(claim, recorded, &desired.own_alias),
            desired.created,
            Some(desired.uid.clone()),
        );
        // Whoever does not have it recorded would find it by id or alias, as this object did.
        let mut others = self.objects.with_id(&account.id);
        if let Some(alias) = &account.alias {
            let spec = &desired.spec;
            others.extend(self.objects.with_alias(&spec.user, &spec.toolkit, alias));
        }
        let others = others.iter().filter_map(|other| summary(other));
        others
            .filter(|other| other.metadata.uid.as_ref() != Some(&desired.uid))
            .filter_map(|other| {
                let claim = other.claim(desired, keys, account)?;
                let metadata = &other.metadata;
                let precedence = (
                    rank(Some(claim), &other.status, &other.own_alias(&desired.flags)),
                    metadata.creation_timestamp.as_ref().map(|time| time.0),
                    metadata.uid.clone(),
                );
                Some((precedence, other))
            })
            .filter(|(precedence, _)| *precedence < ours)
            .min_by(|(one, _), (another, _)| one.cmp(another))
            .map(|(_, Summary { metadata, .. })| Holder {
                object: format!(
                    "{}/{}",
                    metadata.namespace.unwrap_or_default(),
                    metadata.name.unwrap_or_default()
                ),
            })
    }

    /// Whether an account can be made, and from which auth config. A link names no toolkit, so a wrong
    /// auth config would make an account that our list never finds.
    async fn auth_config(&self, desired: &Desired) -> Result<AuthConfigCheck, Error> {
        let toolkit = &desired.spec.toolkit;
        let unfit = |reason, detail: String| AuthConfigCheck::Unfit { reason, detail };
        let Some(id) = &desired.spec.auth_config else {
            let all = self.project.auth_configs(toolkit).await?;
            let fit: Vec<_> = all
                .into_iter()
                .filter(|found| found.enabled && found.toolkit == *toolkit)
                .collect();
            return Ok(match fit.as_slice() {
                [] => unfit(
                    Reason::AuthConfigNotFound,
                    format!("the project has no enabled auth config of toolkit {toolkit:?}"),
                ),
                [only] => AuthConfigCheck::Fit(only.id.clone()),
                several => unfit(
                    Reason::AuthConfigAmbiguous,
                    several
                        .iter()
                        .map(|found| found.id.as_str())
                        .collect::<Vec<_>>()
                        .join(", "),
                ),
            });
        };
        Ok(match self.project.auth_config(id).await? {
            None => unfit(Reason::AuthConfigNotFound, format!("there is no {id}")),
            Some(found) if found.toolkit != *toolkit => unfit(
                Reason::ToolkitMismatch,
                format!(
                    "{id} is of toolkit {:?}, declared is {toolkit:?}",
                    found.toolkit
                ),
            ),
            Some(found) if !found.enabled => unfit(Reason::AuthConfigDisabled, id.clone()),
            Some(found) => AuthConfigCheck::Fit(found.id),
        })
    }

    /// Reads an object as the watch would bring it.
    ///
    /// # Errors
    /// When the apiserver does not answer, or with something that is no object.
    pub async fn read(&self, namespace: &str, name: &str) -> Result<Option<Kept>, kube::Error> {
        let api = Api::<Kept>::namespaced(self.client.clone(), namespace);
        api.get_opt(name).await
    }

    /// The objects' interface in one namespace.
    pub fn api(&self, namespace: &str) -> Api<ConnectedAccount> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Whether the last report says that another object manages the account.
fn lost(recorded: &ConnectedAccountStatus) -> bool {
    recorded.says(condition::SYNCED, &[Reason::Conflict])
}
