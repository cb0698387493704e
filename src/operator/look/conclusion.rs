//! What a conclusion that nothing is to be done, or not yet, rests on. While none of it has changed the conclusion holds, and the
//! object need not even be read again. Nothing else follows from it: what has changed, and what that means, is for a
//! pass to find out.

use std::hash::{BuildHasher, Hash, Hasher};

use super::ProjectContext;
use crate::{
    composio::model::{Account, Acl, Visibility},
    crd::Reason,
    plan::{AccessGate, Labels},
    project::{CachedAccount, Snapshot},
    store::{Conclusion, FINGERPRINTS, Summary, Told},
};

/// All that a decision depends on which rests on what is remembered alone, of an object that has an account: but for
/// time, on which a decision depends only from when on another pass is due.
#[derive(Clone, Copy)]
struct Inputs<'a> {
    /// The object in the version that was decided on.
    object: &'a Summary,
    /// Its account as it was seen last.
    account: &'a Account,
    /// The others that carry its alias, by their ids.
    duplicates: &'a [Account],
    /// Of the project's settings and of the flags, which revision.
    settings: u64,
    /// Of the project's API key, which one.
    key: u64,
    /// The labels of the namespace.
    labels: &'a Labels,
    /// Whether every object is known.
    are_all_known: bool,
}

impl ProjectContext {
    /// A fingerprint of all that a conclusion over the object rests on now. `None`: it rests on more than what is
    /// looked at here.
    ///
    /// # Guarantees
    /// Of the same fingerprint the same is concluded, by the same process.
    ///
    /// # Assumptions
    /// The object declares neither credentials nor a ConfigMap, which are read for each conclusion.
    pub(crate) fn rests_on(&self, object: &Summary) -> Option<u64> {
        let id = object.recorded_id()?;
        let CachedAccount::Present(account) =
            self.project.snapshot(|snapshot| snapshot.cached(id))?
        else {
            return None;
        };
        let (settings, flags) = self.objects.settings();
        let labels = self.objects.labels(&object.namespace);
        let alias = object.claimant(&flags, &labels, |one| one.lookup_alias().to_owned());
        let duplicates = |snapshot: &mut Snapshot| snapshot.duplicates_of(&account, &alias);
        let mut duplicates = self.project.snapshot(duplicates);
        duplicates.sort_by(|one, another| one.id.cmp(&another.id));
        let counts_accounts =
            (flags.policy.as_ref()).is_some_and(|policy| policy.counts_accounts());
        let requests = self.objects.connect_requests();
        let uid = object.uid.as_deref().unwrap_or_default();
        let rests_on_more = object.is_deleting
            || !object.is_readable()
            || counts_accounts
            || self.gate(&object.namespace, false) != AccessGate::default()
            // Whoever has lost against another object may have what that one has left.
            || Told::says(object.recorded.synced, &[Reason::Conflict])
            || !(requests.of_account(&object.namespace, uid, &object.name)).is_empty();
        let inputs = Inputs {
            object,
            account: &account,
            duplicates: &duplicates,
            settings,
            key: self.project.generation(),
            labels: &labels,
            are_all_known: self.objects.are_complete(),
        };
        (!rests_on_more).then(|| inputs.fingerprint())
    }

    /// What was concluded of the object last, that nothing is to be done or not yet, if that holds still.
    pub(crate) fn conclusion(&self, object: &Summary) -> Option<Conclusion> {
        let rests_on = self.rests_on(object)?;
        let now = self.project.instant();
        self.objects.conclusion(object, rests_on, now)
    }
}

impl Inputs<'_> {
    fn fingerprint(self) -> u64 {
        let Self {
            object,
            account,
            duplicates,
            settings,
            key,
            labels,
            are_all_known,
        } = self;
        let mut hasher = FINGERPRINTS.build_hasher();
        object.hash(&mut hasher);
        hash_account(account, &mut hasher);
        duplicates.len().hash(&mut hasher);
        for duplicate in duplicates {
            hash_account(duplicate, &mut hasher);
        }
        (settings, key, labels, are_all_known).hash(&mut hasher);
        hasher.finish()
    }
}

fn hash_account(account: &Account, hasher: &mut impl Hasher) {
    let Account {
        id,
        alias,
        user_id,
        toolkit,
        auth_config,
        auth_config_disabled,
        state,
        state_reason,
        identity,
        visibility,
        sharing,
        created_at,
        updated_at,
    } = account;
    (
        id,
        alias,
        user_id,
        toolkit,
        auth_config,
        auth_config_disabled,
    )
        .hash(hasher);
    (state, state_reason, identity).hash(hasher);
    let is_shared = match visibility {
        Visibility::Private => false,
        Visibility::Shared => true,
    };
    let sharing = sharing.as_ref().map(|list| {
        let Acl {
            allow_all,
            allowed,
            denied,
        } = list;
        (allow_all, allowed, denied)
    });
    (is_shared, sharing, created_at, updated_at).hash(hasher);
}

#[cfg(test)]
mod tests;
