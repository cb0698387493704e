//! Which other object manages an account that a look has found.

use super::ProjectContext;
use crate::{
    composio::model::Account,
    crd::{ConnectedAccountStatus, Reason, condition},
    plan::{Claim, Desired, Holder},
    record::{Proven, RecordKeys},
};

/// Whether the last report says that another object manages the account.
pub(super) fn has_lost(recorded: &ConnectedAccountStatus) -> bool {
    recorded.says(condition::SYNCED, &[Reason::Conflict])
}

impl ProjectContext {
    /// Another object that manages the account. Whose own it is goes before who found it by a declared alias,
    /// who has it recorded before who has not, also while it is being deleted; else the older one. An id in a
    /// status is no more than that: a record that is proved goes before one of a key that is not known, and one
    /// that is neither counts for nothing.
    pub(super) fn holder(
        &self,
        desired: &Desired,
        recorded: &ConnectedAccountStatus,
        keys: &RecordKeys,
        account: &Account,
    ) -> Option<Holder> {
        let rank = |claim, status: &ConnectedAccountStatus, own_alias: &str, keys: &RecordKeys| {
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
            rank(claim, recorded, &desired.own_alias, keys),
            desired.created,
            Some(desired.uid.clone()),
        );
        // Whoever does not have it recorded would find it by id or alias, as this object did. Objects of another
        // project with the same key at the same place are rivals too.
        let ours_too = (self.objects.clone(), keys.clone());
        let peers = self.peers.all().into_iter();
        let peers = peers.map(|peer| (peer.objects, peer.project.record_keys()));
        let mut rivals = Vec::new();
        for (objects, keys) in std::iter::once(ours_too).chain(peers) {
            let flags = objects.flags();
            let mut others = objects.with_id(&account.id);
            if let Some(alias) = &account.alias {
                let spec = &desired.spec;
                others.extend(objects.with_alias(&spec.user, &spec.toolkit, alias));
            }
            rivals.extend(
                others
                    .into_iter()
                    .filter(|other| other.uid.as_deref() != Some(&desired.uid))
                    .filter_map(|other| {
                        let labels = objects.labels(&other.namespace);
                        let claim = other.claim(&flags, desired, &labels, &keys, account)?;
                        let own_alias = other.own_alias(&flags);
                        let precedence = (
                            rank(Some(claim), &other.recorded.claim(), &own_alias, &keys),
                            other.created,
                            other.uid.as_deref().map(str::to_owned),
                        );
                        Some((precedence, other))
                    }),
            );
        }
        rivals
            .into_iter()
            .filter(|(precedence, _)| *precedence < ours)
            .min_by(|(one, _), (another, _)| one.cmp(another))
            .map(|(_, other)| Holder {
                object: format!("{}/{}", other.namespace, other.name),
            })
    }
}
