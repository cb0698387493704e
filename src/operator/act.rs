//! The hands: one effect, one call. No policy and no retry: what to do was decided before.

use kube::Api;

use crate::{
    composio::{
        Error,
        model::{Account, State},
    },
    crd::ConnectedAccount,
    plan::{Applied, Desired, Effect, Failure, Observed},
    project::Project,
};

mod account;
mod metadata;
mod sign_in;

pub use sign_in::LINK_LIFETIME;

/// An effect that went through.
pub struct EffectResult {
    /// The facts of the answer.
    pub done: Applied,
    /// What is observed with the answer taken in.
    pub observed: Observed,
    /// The object after a patch of it; `None` when it was not patched.
    pub object: Option<ConnectedAccount>,
}

/// An effect that did not.
#[derive(Debug)]
pub enum EffectError {
    /// Composio's side.
    Composio(Failure),
    /// The apiserver's side.
    Kubernetes(kube::Error),
}

/// Carries out one effect.
///
/// # Guarantees
/// At most one request to Composio or to the apiserver. What the answer says of the account is in the
/// snapshot before this returns.
///
/// # Assumptions
/// The effect was planned on this object and this observation.
///
/// # Errors
/// As the call was answered; nothing is tried twice.
pub async fn act(
    effect: &Effect,
    project: &Project,
    api: &Api<ConnectedAccount>,
    object: &ConnectedAccount,
    desired: &Desired,
    observed: Observed,
) -> Result<EffectResult, EffectError> {
    let secrets = observed.secrets();
    let mut call = Call {
        project,
        api,
        object,
        desired,
        observed,
        patched: None,
    };
    let done = call.carry_out(effect).await.map_err(|error| match error {
        CallError::Client(error) => {
            EffectError::Composio(Failure::of_effect(&error, effect, secrets.as_deref()))
        }
        CallError::Effect(error) => error,
    })?;
    let Call {
        mut observed,
        patched,
        ..
    } = call;
    if let Some(account) = observed.account.account() {
        project.snapshot(|snapshot| snapshot.see_own_effect(account));
    }
    observed.done.push(effect.clone());
    Ok(EffectResult {
        done,
        observed,
        object: patched,
    })
}

/// One effect under way: what it was planned on, and what its answer changes of that.
struct Call<'a> {
    project: &'a Project,
    api: &'a Api<ConnectedAccount>,
    object: &'a ConnectedAccount,
    desired: &'a Desired,
    observed: Observed,
    patched: Option<ConnectedAccount>,
}

/// What ends a call. The client's own errors are told of the effect, and without the values of its Secret.
enum CallError {
    Client(Error),
    Effect(EffectError),
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        Self::Effect(EffectError::Kubernetes(error))
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Effect(EffectError::Composio(failure))
    }
}

impl Call<'_> {
    async fn carry_out(&mut self, effect: &Effect) -> Result<Applied, CallError> {
        match effect {
            Effect::Pin { alias } => self.pin(alias.as_deref()).await,
            Effect::Unpin => self.unpin().await,
            Effect::Release => self.release().await,
            Effect::Adopt => Ok(Applied::Adopted),
            Effect::Forget => Ok(self.forget()),
            Effect::Link { auth_config, alias } => self.link(auth_config, alias).await,
            Effect::Refresh { id } => self.refresh(id).await,
            Effect::CompleteAuth { id, request } => self.complete_auth(id, request).await,
            Effect::Create { auth_config, alias } => self.create_account(auth_config, alias).await,
            Effect::Enable { id } => self.enable(id).await,
            Effect::Disable { id } => self.disable(id).await,
            Effect::Patch { id, change } => self.patch_account(id, change).await,
            Effect::Revoke { id } => self.revoke(id).await,
            Effect::Delete { id, revoke } => self.delete_account(id, *revoke).await,
        }
    }

    /// The account is not this object's, or is gone.
    fn forget(&mut self) -> Applied {
        let is_there = self.observed.account.account().is_some();
        // What carries our alias may be another account: that takes another look.
        self.observed.forget_account();
        match is_there {
            true => Applied::Disowned,
            false => Applied::Forgotten,
        }
    }

    fn set_state(&mut self, id: &str, state: State) {
        if let Some(account) = self.observed.account.account_mut(id) {
            account.state = state;
            account.state_reason = None;
        }
    }
}

/// The account that a POST has made, as far as its answer and our request tell.
fn new_account(
    desired: &Desired,
    auth_config: &str,
    alias: &str,
    id: String,
    state: State,
) -> Account {
    Account {
        id,
        alias: Some(alias.to_owned()),
        user_id: Some(desired.spec.user.clone()),
        toolkit: desired.spec.toolkit.clone(),
        auth_config: auth_config.to_owned(),
        // Composio makes none from one that is.
        auth_config_disabled: false,
        state,
        state_reason: None,
        identity: None,
        visibility: desired.visibility(),
        sharing: desired.access_list(),
        created_at: None,
        updated_at: None,
    }
}
