//! Whose the accounts are that were found, and whether the project allows them.

use composio_operator::composio::{Account, State};
use composio_operator::plan::{
    AccountLookup, AuthConfigCheck, Claim, EffectKind, Pin, is_computed_form,
};
use composio_operator::record::Proven;

use super::sight::Situation;

impl Situation<'_> {
    /// What the object has to say for the account that was found.
    pub(super) fn claim(&self) -> Option<Claim> {
        self.observed.claim(self.desired, self.account()?)
    }

    /// Whether more than its name in the declaration tells that the account is this object's.
    pub(super) fn is_proved(&self) -> bool {
        let claimant = self.desired.claimant().without_names();
        let (recorded, keys) = (&self.observed.recorded, &self.observed.keys);
        let account = self.account();
        let claim = account.and_then(|account| claimant.claim(recorded, keys, account));
        claim == Some(Claim::Own)
    }

    /// Whether an object that is not known may manage that account.
    pub(super) fn may_be_anothers(&self, account: &Account) -> bool {
        let own = Some(self.desired.own_alias.as_str());
        let pin = &self.desired.pin;
        let was_asked_for = pin.is_own() && pin.alias() == own && account.alias.as_deref() == own;
        !self.observed.all_objects_known
            && self.recorded_id() != Some(&account.id)
            && !was_asked_for
    }

    /// Whether another object manages that account, which is one of those that were found.
    pub(super) fn is_held(&self, account: &Account) -> bool {
        match self.account().map(|first| &first.id) == Some(&account.id) {
            true => self.observed.holder.is_some(),
            false => self.observed.others_held.contains(&account.id),
        }
    }

    /// Whether the record names an account and is signed for it, by a key that is known.
    pub(super) fn is_signed(&self) -> bool {
        self.verified() == Some(Proven::Valid)
    }

    /// What the signature tells of the record, if there is one.
    fn verified(&self) -> Option<Proven> {
        let record = self.observed.recorded.record.as_ref();
        let own_alias = &self.desired.own_alias;
        let id = self.recorded_id()?;
        Some(self.observed.keys.verify(record, own_alias, id))
    }

    /// Whether the record may be true, and no key that is known here proves it.
    pub(super) fn may_be_true(&self) -> bool {
        let recorded = &self.observed.recorded;
        let record = recorded.record.as_ref();
        let alias = &self.desired.own_alias;
        let proven = |id| self.observed.keys.verify(record, alias, id);
        recorded.adopted.is_some() || self.recorded_id().map(proven) == Some(Proven::UnknownKey)
    }

    /// Whether nothing but the status speaks for the recorded account, and that is not signed.
    pub(super) fn is_only_written_down(&self) -> bool {
        let recorded = &self.observed.recorded;
        let own_alias = &self.desired.own_alias;
        let names = |id: &str| {
            let spec = &self.desired.spec;
            spec.connected_account_id.as_deref() == Some(id)
                || self.desired.own_account.as_deref() == Some(id)
        };
        let proven = |id| {
            let record = recorded.record.as_ref();
            self.observed.keys.verify(record, own_alias, id)
        };
        self.recorded_id()
            .is_some_and(|id| !names(id) && proven(id) == Proven::Invalid)
            && recorded.adopted.is_none()
    }

    /// Whether the object was copied with the record.
    pub(super) fn is_copy(&self) -> bool {
        let carried = self.account().and_then(|account| account.alias.as_ref());
        match &self.desired.pin {
            Pin::Foreign { .. } => true,
            Pin::Former { alias, .. } => alias.is_some() && carried == alias.as_ref(),
            Pin::Own { .. } | Pin::Absent => false,
        }
    }

    /// Whether one of several is certainly the object's own.
    pub(super) fn has_own(&self) -> bool {
        let is_own = |account| self.observed.claim(self.desired, account) == Some(Claim::Own);
        matches!(self.observed.account, AccountLookup::Many(_))
            && self.accounts().iter().any(is_own)
    }

    /// Whether a second account of ours holds nobody's grant.
    pub(super) fn has_duplicate(&self) -> bool {
        let pin = &self.desired.pin;
        let mut others = self.accounts().iter().filter(|other| {
            Some(&other.id) != self.account().map(|account| &account.id)
                && Some(other.id.as_str()) != self.recorded_id()
        });
        !self.refused(EffectKind::Delete)
            && pin.is_own()
            && pin.alias().is_some()
            && others.any(|other| {
                let never_connected =
                    matches!(other.state, State::Expired | State::Failed) && other.timed_out();
                other.alias.as_deref() == pin.alias()
                    && !self.is_held(other)
                    && Some(&other.auth_config) == self.observed.recorded.auth_config.as_ref()
                    && !self.mismatched(other)
                    && !self.may_be_anothers(other)
                    && (never_connected || (self.has_credentials() && self.carries(&other.alias)))
            })
    }

    /// Whether the account that is dealt with has that alias.
    fn carries(&self, alias: &Option<String>) -> bool {
        self.account()
            .is_some_and(|account| account.alias == *alias)
    }

    /// What is pinned beside an account of that alias.
    pub(super) fn pin_of<'s>(&self, alias: &'s str) -> Option<&'s str> {
        let is_of_another = is_computed_form(alias) && *alias != self.desired.own_alias;
        (!is_of_another).then_some(alias)
    }

    /// Whether the project does not allow what is declared, and nothing tells yet that the object has an account.
    pub(super) fn is_refused_unseen(&self) -> bool {
        let is_unproved = self.verified().is_none_or(|one| one == Proven::Invalid)
            || (self.is_pinned_elsewhere() && self.desired.moves_here);
        is_unproved && self.desired.not_allowed_as_new().is_some()
    }

    /// Whether the project does not allow that account, which is not proved to be the object's own.
    pub(super) fn is_refused(&self, account: &Account) -> bool {
        let is_it = self.recorded_id() == Some(&account.id) && self.is_signed();
        let is_own = is_it || account.alias.as_ref() == Some(&self.desired.own_alias);
        !is_own && self.desired.not_allowed_of(account, false).is_some()
    }

    /// Whether the project does not allow the account that was found, whosoever it is.
    pub(super) fn is_not_allowed(&self) -> bool {
        self.account().is_some_and(|account| {
            let is_signed = self.recorded_id() == Some(&account.id) && self.is_signed();
            self.desired.not_allowed_of(account, is_signed).is_some()
        })
    }

    /// Whether an account may be made from the auth config that was found.
    pub(super) fn may_be_made(&self) -> bool {
        match &self.observed.auth_config {
            AuthConfigCheck::Fit(id) => self.desired.may_use(id),
            AuthConfigCheck::NotAsked | AuthConfigCheck::Unfit { .. } => false,
        }
    }
}
