//! The accounts that an object may mean, looked for in Composio.

use super::ProjectContext;
use crate::{
    composio::{
        error::{Error, Retry},
        model::Account,
    },
    crd::ConnectedAccountStatus,
    plan::{Desired, Presence},
    proof::ProjectProof,
    record::RecordKeys,
};

impl ProjectContext {
    /// The accounts that the object may mean: the recorded id, else the declared one, else our alias.
    /// Only a GET that says so proves that an id is gone; a list is a hint. Where the recorded account is not
    /// this object's, its own is looked for beside it, by the declared id too.
    pub(super) async fn find(
        &self,
        desired: &Desired,
        recorded: &ConnectedAccountStatus,
        keys: &RecordKeys,
    ) -> Result<Vec<Account>, LookError> {
        let on_record = recorded.connected_account_id.as_ref();
        // What is on record of one that comes from another project is there.
        let on_record = on_record.filter(|_| desired.leaves().is_none());
        let Some(id) = on_record.or(desired.spec.connected_account_id.as_ref()) else {
            return Ok(self.by_alias(desired, None).await?);
        };
        let mut found = self.by_id(desired, id, on_record).await?;
        match on_record {
            // Somebody else's is none of ours, whoever wrote it into the status.
            Some(_) => {
                found.retain(|account| account.is_of(&desired.spec.user, &desired.spec.toolkit));
            }
            // Nor does whoever guesses ids learn which of them are there.
            None => found.retain(|account| desired.may_find(account)),
        }
        if found.is_empty()
            && on_record.is_some()
            && !ProjectProof::new(&self.project, &self.objects)
                .has_recorded_auth_config(recorded)
                .await?
        {
            return Err(LookError::Elsewhere(id.clone()));
        }
        let look_further = match desired.presence {
            Presence::Present => on_record.is_none(),
            // Before the object goes, an account that carries its alias must have been looked for.
            Presence::Deleting { .. } => true,
        };
        let is_claimed = |account: &Account| desired.claim(recorded, keys, account).is_some();
        let has_duplicates = |account: &Account| !self.duplicates_of(desired, account).is_empty();
        if found.is_empty() && look_further {
            return Ok(self.without_record(desired, id).await?);
        }
        let is_anothers = !found.iter().all(is_claimed);
        if is_anothers || found.iter().any(has_duplicates) {
            let others = match is_anothers {
                true => self.without_record(desired, id).await?,
                false => self.by_alias(desired, Some(id)).await?,
            };
            for account in &found {
                let alias = desired.lookup_alias();
                self.project.forget_duplicates(account, alias, &others);
            }
            found.extend(others.into_iter().filter(|other| other.id != *id));
        }
        Ok(found)
    }

    /// The others that were noticed with the alias by which this object's account is looked for. It need not be
    /// the alias of the account any more: somebody may have renamed that. Before the object goes it must be: what
    /// has the alias alone may be what somebody else has made since, and nothing of it is to end.
    pub(super) fn duplicates_of(&self, desired: &Desired, account: &Account) -> Vec<Account> {
        let alias = desired.lookup_alias();
        match desired.presence {
            Presence::Deleting { .. } if account.alias.as_deref() != Some(alias) => Vec::new(),
            Presence::Present | Presence::Deleting { .. } => self
                .project
                .snapshot(|snapshot| snapshot.duplicates_of(account, alias)),
        }
    }

    /// What was seen of an account. Who manages it must hear of it, also if another object has looked.
    fn see(&self, desired: &Desired, account: &Account, recorded: Option<&String>) {
        let others_know = self.others_are_to_know(desired, &account.id, recorded);
        self.project.snapshot(|snapshot| match others_know {
            true => snapshot.see_unowned(account),
            false => snapshot.see(account),
        });
    }

    /// Whether an object that may manage the account is to be told what this one has seen of it: all but this
    /// one, if it alone has it on record. Whoever else has may be the one that manages it.
    fn others_are_to_know(&self, desired: &Desired, id: &str, recorded: Option<&String>) -> bool {
        let is_recorded = recorded.is_some_and(|recorded| recorded == id);
        !is_recorded || self.objects.have_recorded(id, &desired.uid)
    }

    /// What the object means besides the account of that id, which has been looked for: another one that it
    /// names, and what carries its alias. A record that cannot be verified is no reason to overlook either.
    async fn without_record(&self, desired: &Desired, id: &String) -> Result<Vec<Account>, Error> {
        let declared = desired.spec.connected_account_id.as_ref();
        let mut found = match declared.filter(|declared| *declared != id) {
            Some(declared) => self.by_id(desired, declared, Some(id)).await?,
            None => Vec::new(),
        };
        found.retain(|account| desired.may_find(account));
        found.extend(self.by_alias(desired, Some(id)).await?);
        Ok(found)
    }

    async fn by_id(
        &self,
        desired: &Desired,
        id: &str,
        recorded: Option<&String>,
    ) -> Result<Vec<Account>, Error> {
        match self.project.client.get(id).await {
            Ok(account) => {
                self.see(desired, &account, recorded);
                Ok(vec![account])
            }
            Err(error) if error.retry() == Retry::Gone => {
                let others_know = self.others_are_to_know(desired, id, recorded);
                self.project.snapshot(|snapshot| match others_know {
                    true => snapshot.see_unowned_absent(id),
                    false => snapshot.absent(id),
                });
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
        let (spec, alias) = (&desired.spec, desired.lookup_alias());
        let found = self
            .project
            .accounts_of(&desired.namespace, &spec.user, &spec.toolkit, alias)
            .await?;
        for account in &found {
            self.see(desired, account, recorded);
        }
        Ok(found)
    }
}

/// Why a look at the account has seen nothing, neither that it is there nor that it is gone.
pub(super) enum LookError {
    /// Composio did not answer.
    Error(Error),
    /// The project is not the one in which the account of that id was made.
    Elsewhere(String),
}

impl From<Error> for LookError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
