//! Accounts: made from a Secret, changed, switched on and off, revoked and deleted.

use std::mem;

use crate::{
    composio::{
        CreateRequest,
        model::{Credentials, State},
    },
    plan::{AccountLookup, Applied, Change, Desired, SecretSeen, may_be_put_off},
};

use super::{Call, CallError, new_account};

impl Call<'_> {
    pub(super) async fn create_account(
        &mut self,
        auth_config: &str,
        alias: &str,
    ) -> Result<Applied, CallError> {
        let desired = self.desired;
        let request = create_request(desired, &self.observed.secret, auth_config, alias);
        let created = self.project.client.create(&request).await?;
        // Without a word of its own it is not known to be alive: that takes another look.
        self.observed.fresh = created.state.is_some();
        let state = created.state.unwrap_or(State::Initializing);
        let account = new_account(desired, auth_config, alias, created.id, state);
        self.observed.account = AccountLookup::One(account);
        Ok(Applied::Created)
    }

    pub(super) async fn enable(&mut self, id: &str) -> Result<Applied, CallError> {
        self.project.client.set_enabled(id, true).await?;
        self.set_state(id, State::Active);
        Ok(Applied::Changed)
    }

    pub(super) async fn disable(&mut self, id: &str) -> Result<Applied, CallError> {
        if may_be_put_off(self.desired, &self.observed, self.project.now()) {
            self.project.take_disabling(&self.desired.namespace)?;
        }
        self.project.client.set_enabled(id, false).await?;
        self.set_state(id, State::Inactive);
        Ok(Applied::Changed)
    }

    pub(super) async fn patch_account(
        &mut self,
        id: &str,
        change: &Change,
    ) -> Result<Applied, CallError> {
        let request = change.request(self.desired, &self.observed.secret);
        let patched = self.project.client.patch(id, &request).await?;
        if let Some(account) = self.observed.account.account_mut(id) {
            change.apply(account);
        }
        let done = change.done();
        if done == Applied::Rotated {
            // Whether it brought a dead account back to life is for another look to say.
            self.observed.fresh = patched.state.as_ref().is_some_and(State::is_connected);
            if let Some(state) = patched.state {
                self.set_state(id, state);
            }
        }
        Ok(done)
    }

    pub(super) async fn revoke(&mut self, id: &str) -> Result<Applied, CallError> {
        let revoked = self.project.client.revoke(id).await?;
        self.set_state(id, revoked.state.unwrap_or(State::Revoked));
        Ok(Applied::Revoked {
            tokens: revoked.tokens,
        })
    }

    pub(super) async fn delete_account(
        &mut self,
        id: &str,
        revoke: bool,
    ) -> Result<Applied, CallError> {
        self.project.client.delete(id, revoke).await?;
        let seen = mem::replace(&mut self.observed.account, AccountLookup::NotLooked);
        self.observed.account = seen.without(id);
        self.project.snapshot(|snapshot| snapshot.deleted(id));
        Ok(Applied::Deleted)
    }
}

fn create_request(
    desired: &Desired,
    secret: &SecretSeen,
    auth_config: &str,
    alias: &str,
) -> CreateRequest {
    let Credentials { scheme, fields } = desired.credentials(secret);
    CreateRequest {
        auth_config: auth_config.to_owned(),
        user: desired.spec.user.clone(),
        alias: alias.to_owned(),
        scheme,
        credentials: fields,
        visibility: desired.visibility(),
        sharing: desired.access_list(),
    }
}
