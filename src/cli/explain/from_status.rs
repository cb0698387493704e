//! What the operator would see, as far as the object and its status tell it. Nothing is asked of Composio, and
//! no Secret is read.

use std::sync::Arc;

use composio_api::ConnectedAccount;
use composio_api::{ALIAS_ANNOTATION, CredentialsStep, LinkPolicy, ProjectKind, Reason, condition};
use composio_operator::composio::model::{Account, State};
use composio_operator::plan::{
    AccessGate, AccountLookup, AuthConfigCheck, Desired, Flags, Holder, Observed, Policy,
    SecretSeen, SecretVersion,
};
use composio_operator::record::RecordKeys;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::view::View;

/// How long a closed gate stays closed, at least.
const CLOSED: SignedDuration = SignedDuration::from_secs(30);
/// What an auth config is called that nobody has named.
const ONLY_CONFIG: &str = "the toolkit's only one";

/// The operator's settings, as it has left them on the object: its alias prefix and its project.
pub(crate) fn flags(object: &ConnectedAccount) -> Flags {
    let mut flags = Flags::default();
    let annotations = object.metadata.annotations.as_ref();
    let pin = annotations.and_then(|all| all.get(ALIAS_ANNOTATION));
    let pin: Value = pin
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let is_own = |key: &str, own: &Option<String>| pin[key].as_str() == own.as_deref();
    if is_own("namespace", &object.metadata.namespace) && is_own("name", &object.metadata.name) {
        if let Some(prefix) = pin["prefix"].as_str() {
            prefix.clone_into(&mut flags.alias_prefix);
        }
        if let Some(project) = pin["project"].as_str() {
            project.clone_into(&mut flags.project);
        }
    }
    let status = object.status.as_ref();
    if status.is_some_and(|status| status.says(condition::SYNCED, &[Reason::NotAllowed])) {
        // What the project allows is not for everybody to read: that it does not allow this is told.
        let nothing = Policy::new(ProjectKind::ClusterComposioProject, None);
        flags.policy = Some(Arc::new(nothing));
    }
    flags
}

/// Whether a link is made only when somebody asks for it depends on a flag of the operator where the object does not say:
/// that it serves the connect page is seen by the addresses which it writes.
pub(crate) fn set_link_policy(
    desired: &mut Desired,
    object: &ConnectedAccount,
    is_page_seen: bool,
) {
    let status = object.status.as_ref();
    let has_page = is_page_seen || status.is_some_and(|status| status.connect_page.is_some());
    if has_page && desired.spec.link_policy.is_none() {
        desired.spec.link_policy = Some(LinkPolicy::OnDemand);
    }
}

/// What would be seen.
pub(crate) fn observed(desired: &Desired, view: &View<'_>, now: Timestamp) -> Observed {
    let mut recorded = view.status.clone();
    let keys = RecordKeys::derive(&[], &desired.flags.project);
    // The key is the operator's: whether the record is genuine is not known here, and is taken for granted.
    if let (Some(id), Some(_)) = (&recorded.connected_account_id, &recorded.record) {
        recorded.record = Some(keys.sign(&desired.own_alias, id));
    }
    let says = |reason: Reason| {
        [condition::SYNCED, condition::READY]
            .iter()
            .any(|type_| recorded.says(type_, &[reason]))
    };
    let said = view.message();
    let until = now.saturating_add(CLOSED).ok();
    Observed {
        account: account(desired, view),
        fresh: true,
        secret: secret(desired, view, said),
        auth_config: auth_config(desired, view, said),
        holder: says(Reason::Conflict).then(|| Holder {
            object: "another object, as the message says".to_owned(),
        }),
        others_held: [].into(),
        all_objects_known: !says(Reason::NamespaceUnreachable),
        gate: AccessGate {
            read_closed_until: until.filter(|_| says(Reason::ProjectUnavailable)),
            write_closed_until: None,
            paused_until: until.filter(|_| says(Reason::RateLimited)),
            ..AccessGate::default()
        },
        refused: Vec::new(),
        done: Vec::new(),
        keys,
        recorded,
    }
}

/// The account as the status has it, and in all else as it is declared.
fn account(desired: &Desired, view: &View<'_>) -> AccountLookup {
    let status = &view.status;
    let Some(id) = &status.connected_account_id else {
        return AccountLookup::Absent;
    };
    let alias = status.alias.as_ref().unwrap_or(&desired.alias);
    let auth_config = status.auth_config.clone();
    AccountLookup::One(Account {
        id: id.clone(),
        alias: Some(alias.clone()),
        user_id: Some(desired.spec.user.clone()),
        toolkit: desired.spec.toolkit.clone(),
        auth_config: auth_config.unwrap_or_default(),
        state: State::from(status.state.as_deref().unwrap_or_default()),
        state_reason: status.state_reason.clone(),
        identity: status.identity.clone(),
        visibility: desired.visibility(),
        sharing: desired.access_list(),
        auth_config_disabled: false,
        created_at: None,
        updated_at: None,
    })
}

/// The Secret as it was sent last, unless the status says that it cannot be sent.
fn secret(desired: &Desired, view: &View<'_>, said: &str) -> SecretSeen {
    if desired.spec.credentials.is_none() {
        return SecretSeen::NotUsed;
    }
    let says = |reason: Reason| view.status.says(condition::SYNCED, &[reason]);
    if says(Reason::SecretMissing) {
        return SecretSeen::Missing(said.to_owned());
    }
    if says(Reason::SecretNotOffered) {
        return SecretSeen::NotOffered;
    }
    if says(Reason::SecretInvalid) {
        return SecretSeen::Unfit(said.to_owned());
    }
    match &view.status.credentials {
        Some(sent) if sent.step != CredentialsStep::Refused => SecretSeen::Present {
            version: SecretVersion {
                uid: sent.uid.clone(),
                resource_version: sent.resource_version.clone(),
            },
            values: [].into(),
        },
        Some(_) | None => SecretSeen::NotRead,
    }
}

/// What the status says of the auth config; nothing, where it says nothing.
fn auth_config(desired: &Desired, view: &View<'_>, said: &str) -> AuthConfigCheck {
    const UNFIT: [Reason; 4] = [
        Reason::AuthConfigNotFound,
        Reason::AuthConfigDisabled,
        Reason::AuthConfigAmbiguous,
        Reason::ToolkitMismatch,
    ];
    let status = &view.status;
    let unfit = UNFIT
        .iter()
        .find(|reason| status.says(condition::READY, &[**reason]));
    match unfit {
        Some(reason) if view.is_current() => AuthConfigCheck::Unfit {
            reason: *reason,
            detail: said.to_owned(),
        },
        Some(_) | None => {
            let named = desired
                .spec
                .auth_config
                .as_deref()
                .or(status.auth_config.as_deref());
            AuthConfigCheck::Fit(named.unwrap_or(ONLY_CONFIG).to_owned())
        }
    }
}
