//! Whose account it is. An id in a status, an alias and an annotation can each be copied or written by hand;
//! what ends or renames an account needs proof.

use crate::{
    composio::model::Account,
    crd::ConnectedAccountStatus,
    record::{Proven, RecordKeys},
};

use super::{Desired, Pin, is_computed_form};

/// What an object has to say for an account being its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The account was made for this object, or a person has given it to the object by its id.
    Own,
    /// The account has the alias that the object declares, and nothing tells that this object has made it:
    /// another cluster may declare the same. It is managed, but neither renamed nor ended.
    DeclaredAlias,
}

/// Who claims an account: what of an object bears on it, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// The alias that is computed from the object's name.
    pub own_alias: &'a str,
    /// The alias that the object declares.
    pub declared_alias: Option<&'a str>,
    /// The id that the object declares.
    pub connected_account_id: Option<&'a str>,
    /// The id that a person has given to it.
    pub own_account: Option<&'a str>,
    /// What the annotation on it says.
    pub pin: &'a Pin,
    /// Whether the project lets it take over what only a name proves to be its own: an id or an alias that is
    /// declared, an id that was given to it, and the pin, which anybody can write who may change the object.
    pub may_take_over: bool,
}

/// How good what an object has to say for an account is, beside what another one has: the least goes first.
///
/// Whose own it is goes before who found it by a declared alias, and who has it recorded before who has not. An id in
/// a status is no more than that: a record that is proved goes before one of a key that is not known, and one that is
/// neither counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence {
    is_not_own: bool,
    place: u8,
}

impl Precedence {
    /// That of the object with this claim, status and computed alias.
    pub fn of(
        claim: Option<Claim>,
        status: &ConnectedAccountStatus,
        own_alias: &str,
        keys: &RecordKeys,
        account: &Account,
    ) -> Self {
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
        Self {
            is_not_own: !is_own,
            place,
        }
    }
}

impl<'a> Claimant<'a> {
    /// What the object has to say for an account. `recorded` is its status.
    ///
    /// # Guarantees
    /// A status alone claims nothing: what it names is an account of this object only if the record was
    /// signed for it, or the account itself or the declaration says so. Nor does an id that a person gave to
    /// the object from which this one was copied.
    pub fn claim(
        &self,
        recorded: &ConnectedAccountStatus,
        keys: &RecordKeys,
        account: &Account,
    ) -> Option<Claim> {
        let id = account.id.as_str();
        let alias = account.alias.as_deref();
        // Beside the pin of another object it came along with the copy: it was given to that one.
        let is_given = self.own_account == Some(id) && !matches!(self.pin, Pin::Foreign { .. });
        let is_named = self.may_take_over && (self.connected_account_id == Some(id) || is_given);
        let is_pinned = self.may_take_over
            && matches!(self.pin, Pin::Own { alias: Some(pinned) } if Some(pinned.as_str()) == alias);
        let is_signed = || {
            recorded.connected_account_id.as_deref() == Some(id)
                && keys.verify(recorded.record.as_ref(), self.own_alias, id) == Proven::Valid
        };
        if alias == Some(self.own_alias) || is_named || is_pinned || is_signed() {
            return Some(Claim::Own);
        }
        let is_declared = alias.is_some() && alias == self.declared_alias;
        (self.may_take_over && is_declared).then_some(Claim::DeclaredAlias)
    }

    /// The same claimant without the ids that were named to it: what else proves an account to be its own.
    #[must_use]
    pub fn without_names(self) -> Self {
        Self {
            connected_account_id: None,
            own_account: None,
            ..self
        }
    }

    /// The alias to look for while no id is recorded: the pinned one, whatever the spec says by now.
    pub fn lookup_alias(&self) -> &'a str {
        let declared = self.declared_alias.unwrap_or(self.own_alias);
        self.pin.alias().unwrap_or(declared)
    }
}

impl Desired {
    /// What of this object bears on whose an account is.
    pub fn claimant(&self) -> Claimant<'_> {
        let metadata = self.spec.metadata.as_ref();
        Claimant {
            own_alias: &self.own_alias,
            declared_alias: metadata.and_then(|metadata| metadata.alias.as_deref()),
            connected_account_id: self.spec.connected_account_id.as_deref(),
            own_account: self.own_account.as_deref(),
            pin: &self.pin,
            may_take_over: self.may_take_over(),
        }
    }

    /// What this object has to say for an account; see [`Claimant::claim`].
    pub fn claim(
        &self,
        recorded: &ConnectedAccountStatus,
        keys: &RecordKeys,
        account: &Account,
    ) -> Option<Claim> {
        self.claimant().claim(recorded, keys, account)
    }

    /// What is pinned with an account of that alias. Nothing, where no POST of this object can be behind it:
    /// it was found by its declared alias, or taken over with the computed alias of another object.
    pub(super) fn to_pin(&self, claim: Claim, alias: &str) -> Option<String> {
        match claim {
            Claim::DeclaredAlias => None,
            Claim::Own if is_computed_form(alias) && alias != self.own_alias => None,
            Claim::Own => Some(alias.to_owned()),
        }
    }
}
