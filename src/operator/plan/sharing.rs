//! How one access list becomes another without ever letting in too many on the way.

use std::collections::BTreeSet;

use crate::{
    composio::{
        SharingPatch,
        model::{Acl, Visibility},
    },
    crd::{self, Sharing},
};

/// Who may use an account, in Composio's words.
pub(super) fn visibility(declared: crd::Visibility) -> Visibility {
    match declared {
        crd::Visibility::Private => Visibility::Private,
        crd::Visibility::Shared => Visibility::Shared,
    }
}

/// What is declared, as Composio says it. A list left out is empty.
pub(super) fn declared(sharing: &Sharing) -> Acl {
    Acl {
        allow_all: sharing.allow_all,
        allowed: sharing.allowed_users.clone(),
        denied: sharing.denied_users.clone(),
    }
}

/// The next PATCH from `current` to `wanted`, `None` when they are equal.
///
/// When the change both takes rights away and gives some, the first step only takes away: the two
/// lists cannot be exchanged in a way that is never wrong, and to refuse for a moment is the harmless
/// way to be wrong.
pub(crate) fn next_step(current: &Acl, wanted: &Acl) -> Option<SharingPatch> {
    if current == wanted {
        return None;
    }
    let narrowed = Acl {
        allow_all: current.allow_all && wanted.allow_all,
        allowed: current
            .allowed
            .intersection(&wanted.allowed)
            .cloned()
            .collect(),
        denied: current.denied.union(&wanted.denied).cloned().collect(),
    };
    let target = if narrowed == *current {
        wanted
    } else {
        &narrowed
    };
    // Where nothing is given besides, the narrowed list is the wanted one, and this is the only step.
    Some(SharingPatch {
        allow_all: (target.allow_all != current.allow_all).then_some(target.allow_all),
        allowed: (target.allowed != current.allowed).then(|| target.allowed.clone()),
        denied: (target.denied != current.denied).then(|| target.denied.clone()),
    })
}

/// The PATCH that makes any list the wanted one.
pub(crate) fn whole(wanted: &Acl) -> SharingPatch {
    SharingPatch {
        allow_all: Some(wanted.allow_all),
        allowed: Some(wanted.allowed.clone()),
        denied: Some(wanted.denied.clone()),
    }
}

/// The access list after a step that Composio accepted.
pub(super) fn applied(current: &Acl, step: &SharingPatch) -> Acl {
    Acl {
        allow_all: step.allow_all.unwrap_or(current.allow_all),
        allowed: step
            .allowed
            .clone()
            .unwrap_or_else(|| current.allowed.clone()),
        denied: step
            .denied
            .clone()
            .unwrap_or_else(|| current.denied.clone()),
    }
}

/// Whether somebody who may use the account may not after that step.
pub(super) fn takes_away(current: &Acl, step: &SharingPatch) -> bool {
    let loses = |before: &BTreeSet<String>, after: &Option<BTreeSet<String>>| {
        after.as_ref().is_some_and(|after| !before.is_subset(after))
    };
    let denies = |denied: &BTreeSet<String>| !denied.is_subset(&current.denied);
    step.allow_all == Some(false)
        || loses(&current.allowed, &step.allowed)
        || step.denied.as_ref().is_some_and(denies)
}

/// Whether somebody who may not use the account may after that step.
pub(super) fn gives(current: &Acl, step: &SharingPatch) -> bool {
    let is_allowed = |allowed: &BTreeSet<String>| !allowed.is_subset(&current.allowed);
    let loses = |denied: &BTreeSet<String>| !current.denied.is_subset(denied);
    step.allow_all == Some(true)
        || step.allowed.as_ref().is_some_and(is_allowed)
        || step.denied.as_ref().is_some_and(loses)
}
