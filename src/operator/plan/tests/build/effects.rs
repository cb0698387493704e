//! Effects on the account `ca_1`.

use super::ALIAS;
use crate::{
    composio::SharingPatch,
    plan::{Change, Effect},
};

pub(crate) fn link() -> Effect {
    Effect::Link {
        auth_config: "ac_1".into(),
        alias: ALIAS.into(),
    }
}

pub(crate) fn create() -> Effect {
    Effect::Create {
        auth_config: "ac_1".into(),
        alias: ALIAS.into(),
    }
}

pub(crate) fn pin(alias: &str) -> Effect {
    Effect::Pin {
        alias: Some(alias.into()),
    }
}

pub(crate) fn mark() -> Effect {
    Effect::Pin { alias: None }
}

pub(crate) fn refresh() -> Effect {
    Effect::Refresh { id: "ca_1".into() }
}

pub(crate) fn delete(revoke: bool) -> Effect {
    Effect::Delete {
        id: "ca_1".into(),
        revoke,
    }
}

pub(crate) fn enable() -> Effect {
    Effect::Enable { id: "ca_1".into() }
}

pub(crate) fn disable() -> Effect {
    Effect::Disable { id: "ca_1".into() }
}

pub(crate) fn revoke() -> Effect {
    Effect::Revoke { id: "ca_1".into() }
}

pub(crate) fn rename(alias: &str) -> Effect {
    patch(Change::Alias(alias.into()))
}

/// Somebody is allowed.
pub(crate) fn share() -> Effect {
    patch(Change::Sharing(SharingPatch {
        allowed: Some(["ann".to_owned()].into()),
        ..SharingPatch::default()
    }))
}

/// The Secret's values are sent.
pub(crate) fn send() -> Effect {
    patch(Change::Credentials)
}

pub(crate) fn patch(change: Change) -> Effect {
    let id = "ca_1".into();
    Effect::Patch { id, change }
}

/// One of each that Composio may refuse.
pub(crate) fn refusable() -> [Effect; 10] {
    [
        link(),
        create(),
        refresh(),
        enable(),
        disable(),
        share(),
        send(),
        rename("other"),
        revoke(),
        delete(false),
    ]
}
