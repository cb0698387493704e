//! Which other object manages an account that a look has found.

use super::ProjectContext;
use crate::{
    composio::model::Account,
    crd::{ConnectedAccountStatus, Reason, condition},
    plan::{Desired, Holder, Precedence},
    record::RecordKeys,
};

/// Whether the last report says that another object manages the account.
pub(super) fn has_lost(recorded: &ConnectedAccountStatus) -> bool {
    recorded.says(condition::SYNCED, &[Reason::Conflict])
}

impl ProjectContext {
    /// Another object that manages the account, also while it is being deleted: the one that [`Precedence`] puts
    /// first; else the older one.
    pub(super) fn holder(
        &self,
        desired: &Desired,
        recorded: &ConnectedAccountStatus,
        keys: &RecordKeys,
        account: &Account,
    ) -> Option<Holder> {
        // Of our own object the store may not know yet what was written last.
        let claim = desired.claim(recorded, keys, account);
        let ours = (
            Precedence::of(claim, recorded, &desired.own_alias, keys, account),
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
                            Precedence::of(
                                Some(claim),
                                &other.recorded.claim(),
                                &own_alias,
                                &keys,
                                account,
                            ),
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
