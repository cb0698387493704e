//! The hands: one effect, one call. No policy and no retry: what to do was decided before.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    composio::{
        CreateRequest, LinkRequest, Linked,
        model::{Account, Credentials, SensitiveUrl, State},
    },
    connect::keys::SealedFor,
    crd::{
        ALIAS_ANNOTATION, ConnectedAccount, FINALIZER, Link, MOVE_TO_PROJECT_ANNOTATION,
        OWN_ACCOUNT_ANNOTATION, has_finalizer,
    },
    plan::{
        AccountLookup, Applied, Desired, Effect, Failure, Observed, PendingRequest, Pin,
        SecretSeen, is_for_identity, page_of, usable_link,
    },
    project::Project,
    time::whole_seconds,
};

/// How long a link lives where Composio does not say, and at most.
pub const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

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
    mut observed: Observed,
) -> Result<EffectResult, EffectError> {
    let client = &project.client;
    let secrets = observed.secrets();
    let failed =
        |error| EffectError::Composio(Failure::of_effect(&error, effect, secrets.as_deref()));
    let mut patched = None;
    let done = match effect {
        Effect::Pin { alias } => {
            let marks = pinned(object, desired, &observed, alias.as_deref());
            patched = Some(patch_metadata(api, object, marks).await?);
            Applied::Marked
        }
        Effect::Unpin => {
            let unpinned = json!({"annotations": {ALIAS_ANNOTATION: Value::Null}});
            patched = Some(patch_metadata(api, object, unpinned).await?);
            Applied::Marked
        }
        Effect::Release => {
            patched = Some(patch_metadata(api, object, released(object)).await?);
            Applied::Released
        }
        Effect::Adopt => Applied::Adopted,
        Effect::Forget => {
            let is_there = observed.account.account().is_some();
            // What carries our alias may be another account: that takes another look.
            observed.forget_account();
            if is_there {
                Applied::Disowned
            } else {
                Applied::Forgotten
            }
        }
        Effect::Link { auth_config, alias } => {
            let asked = desired.link_asked_for(&observed.recorded, None);
            let request = link_request(desired, asked, auth_config, alias);
            let linked = client.link(&request).await.map_err(failed)?;
            let Linked {
                id,
                redirect_url,
                expires_at,
            } = linked;
            let ends = expires_at.map(|time| project.by_our_clock(time));
            let link = link(desired, asked, &id, &redirect_url, ends, project.now());
            let account = new_account(desired, auth_config, alias, id, State::Initializing);
            observed.account = AccountLookup::One(account);
            project.expect_person();
            Applied::Linked { link }
        }
        Effect::Create { auth_config, alias } => {
            let request = create_request(desired, &observed.secret, auth_config, alias);
            let created = client.create(&request).await.map_err(failed)?;
            // Without a word of its own it is not known to be alive: that takes another look.
            observed.fresh = created.state.is_some();
            let state = created.state.unwrap_or(State::Initializing);
            let account = new_account(desired, auth_config, alias, created.id, state);
            observed.account = AccountLookup::One(account);
            Applied::Created
        }
        Effect::Refresh { id } => {
            let account = observed.account.account();
            let usable =
                account.and_then(|account| usable_link(&observed.recorded, account, project.now()));
            let asked = desired.link_asked_for(&observed.recorded, usable);
            let callback = callback_url(desired, asked);
            let refreshed = client.refresh(id, callback.as_deref()).await;
            let refreshed = refreshed.map_err(failed)?;
            let before = account.map(|account| account.state.clone());
            let asked = asked.cloned();
            let state = refreshed.state.or(before).unwrap_or(State::Initializing);
            set_state(&mut observed, id, state.clone());
            match (refreshed.redirect_url, state) {
                (Some(url), _) => {
                    project.expect_person();
                    Applied::Linked {
                        link: link(desired, asked.as_ref(), id, &url, None, project.now()),
                    }
                }
                (None, State::Active) => Applied::Changed,
                (None, state) => return Err(EffectError::Composio(Failure::no_link(&state))),
            }
        }
        Effect::CompleteAuth { id, request } => {
            let mut requests = desired.requests.iter();
            let held = requests.find(|one| one.uid == *request);
            let session = held.and_then(|one| desired.session(one, &observed.recorded).ok());
            let Some(session) = session else {
                return Err(EffectError::Composio(Failure::no_session()));
            };
            let completed = client.complete_auth(&session, &desired.spec.user).await;
            let completed = completed.map_err(failed)?;
            if completed.account.is_some_and(|account| account != *id) {
                return Err(EffectError::Composio(Failure::session_of_another()));
            }
            // Who has signed in is for another look to say.
            observed.forget_account();
            Applied::AuthCompleted {
                request: request.clone(),
            }
        }
        Effect::Enable { id } => {
            client.set_enabled(id, true).await.map_err(failed)?;
            set_state(&mut observed, id, State::Active);
            Applied::Changed
        }
        Effect::Disable { id } => {
            if is_for_identity(desired, &observed) {
                project.take_disabling().map_err(EffectError::Composio)?;
            }
            client.set_enabled(id, false).await.map_err(failed)?;
            set_state(&mut observed, id, State::Inactive);
            Applied::Changed
        }
        Effect::Patch { id, change } => {
            let request = change.request(desired, &observed.secret);
            let patched = client.patch(id, &request).await.map_err(failed)?;
            if let Some(account) = observed.account.account_mut(id) {
                change.apply(account);
            }
            let done = change.done();
            if done == Applied::Rotated {
                // Whether it brought a dead account back to life is for another look to say.
                observed.fresh = patched.state.as_ref().is_some_and(State::is_connected);
                if let Some(state) = patched.state {
                    set_state(&mut observed, id, state);
                }
            }
            done
        }
        Effect::Revoke { id } => {
            let revoked = client.revoke(id).await.map_err(failed)?;
            set_state(&mut observed, id, revoked.state.unwrap_or(State::Revoked));
            Applied::Revoked {
                tokens: revoked.tokens,
            }
        }
        Effect::Delete { id, revoke } => {
            client.delete(id, *revoke).await.map_err(failed)?;
            observed.account = observed.account.without(id);
            project.snapshot(|snapshot| snapshot.deleted(id));
            Applied::Deleted
        }
    };
    if let Some(account) = observed.account.account() {
        project.snapshot(|snapshot| snapshot.see_own_effect(account.clone()));
    }
    observed.done.push(effect.clone());
    Ok(EffectResult {
        done,
        observed,
        object: patched,
    })
}

/// Patches the metadata of exactly this object as it was read: a change by somebody else in between is
/// a 409 and means another look.
async fn patch_metadata(
    api: &Api<ConnectedAccount>,
    object: &ConnectedAccount,
    mut metadata: Value,
) -> Result<ConnectedAccount, EffectError> {
    metadata["uid"] = json!(object.uid());
    metadata["resourceVersion"] = json!(object.resource_version());
    let patch = Patch::Merge(json!({"metadata": metadata}));
    api.patch(&object.name_any(), &PatchParams::default(), &patch)
        .await
        .map_err(EffectError::Kubernetes)
}

fn pinned(
    object: &ConnectedAccount,
    desired: &Desired,
    observed: &Observed,
    alias: Option<&str>,
) -> Value {
    let mut finalizers = object.finalizers().to_vec();
    if !has_finalizer(&object.metadata) {
        finalizers.push(FINALIZER.to_owned());
    }
    let pin = Pin::annotation(&desired.flags, &desired.namespace, &desired.name, alias);
    let mut annotations = json!({ALIAS_ANNOTATION: pin});
    // It came along with the copy. A person has given the account to the other object.
    let is_copied = matches!(desired.pin, Pin::Foreign { .. });
    // From here on the pin says the same, and a backup that is restored elsewhere is no word of a person.
    let given = observed.account.account();
    let given = given.filter(|account| desired.own_account.as_ref() == Some(&account.id));
    let is_used_up =
        given.is_some_and(|account| alias.is_some() && account.alias.as_deref() == alias);
    if is_copied || is_used_up {
        annotations[OWN_ACCOUNT_ANNOTATION] = Value::Null;
    }
    if desired.leaves().is_some() {
        annotations[MOVE_TO_PROJECT_ANNOTATION] = Value::Null;
    }
    json!({"finalizers": finalizers, "annotations": annotations})
}

fn released(object: &ConnectedAccount) -> Value {
    let others: Vec<_> = object
        .finalizers()
        .iter()
        .filter(|finalizer| *finalizer != FINALIZER)
        .collect();
    json!({"finalizers": others})
}

/// Where the browser goes after the sign-in: by way of the page, where that has asked for the link.
fn callback_url(desired: &Desired, asked: Option<&PendingRequest>) -> Option<String> {
    let by_page = asked.zip(desired.flags.page.as_ref());
    let by_page = by_page.and_then(|(asked, page)| {
        let browser = asked.browser.as_deref()?;
        Some(page.callback(page_of(desired), &asked.uid, browser))
    });
    by_page.or_else(|| desired.spec.callback_url.clone())
}

fn link_request(
    desired: &Desired,
    asked: Option<&PendingRequest>,
    auth_config: &str,
    alias: &str,
) -> LinkRequest {
    let spec = &desired.spec;
    LinkRequest {
        auth_config: auth_config.to_owned(),
        user: spec.user.clone(),
        alias: alias.to_owned(),
        callback_url: callback_url(desired, asked),
        connection_data: spec.connection_data.as_ref().map(|data| {
            data.iter()
                .map(|(key, value)| (key.clone(), json!(value)))
                .collect()
        }),
        visibility: desired.visibility(),
        sharing: desired.access_list(),
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

/// A link that was issued just now, for a request or for none. `expires_at` is by our clock. Where the page is
/// served, nobody but the page can read it.
fn link(
    desired: &Desired,
    asked: Option<&PendingRequest>,
    account: &str,
    url: &SensitiveUrl,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Link {
    let latest = now.saturating_add(LINK_LIFETIME).unwrap_or(now);
    // One that is over already was told by a clock that nothing is known of: the person must see it.
    let expires_at = expires_at
        .filter(|time| *time > now)
        .map_or(latest, |time| time.min(latest));
    let expires_at = whole_seconds(expires_at);
    let link = match &desired.flags.page {
        None => Link::in_clear(url.expose(), Time(expires_at)),
        Some(page) => {
            let sealed_for = SealedFor {
                uid: &desired.uid,
                account,
                expires_at,
            };
            Link::sealed(page.keys.seal(url.expose(), sealed_for), Time(expires_at))
        }
    };
    Link {
        requested_by: asked.map(PendingRequest::as_link_has_it),
        ..link
    }
}

fn set_state(observed: &mut Observed, id: &str, state: State) {
    if let Some(account) = observed.account.account_mut(id) {
        account.state = state;
        account.state_reason = None;
    }
}
