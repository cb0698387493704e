//! What is seen: the recorded status, the Secret, the auth config, the account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    composio::model::{Account, Sensitive, each_once},
    crd::{ConnectedAccountStatus, ProjectReason, Reason},
    record::{Proven, RecordKeys},
};

use super::{Claim, Desired, Effect, EffectKind, Failure, still_within};

/// Everything a decision is made on besides what is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The status as it was reported last, written or not.
    pub recorded: ConnectedAccountStatus,
    /// By which records are signed and verified.
    pub keys: RecordKeys,
    /// What the last look found, remembered or read in this pass: see `fresh`.
    pub account: AccountLookup,
    /// Whether the account was read in this pass, rather than remembered; and the object too, but before
    /// its first mark, which the apiserver takes for the version alone that is known here.
    pub fresh: bool,
    /// The Secret with the credentials.
    pub secret: SecretSeen,
    /// Whether an account can be made from the auth config; asked only when one is to be made.
    pub auth_config: AuthConfigCheck,
    /// Another object that manages the account that is dealt with.
    pub holder: Option<Holder>,
    /// The ids of those others of several that another object manages.
    pub others_held: BTreeSet<String>,
    /// Whether every object was looked through for it. Else one in a namespace that the apiserver does not
    /// show may be the holder.
    pub all_objects_known: bool,
    /// Whether the project may be used.
    pub gate: AccessGate,
    /// What Composio refused in this pass, so that it is not asked again.
    pub refused: Vec<Refused>,
    /// What was done in this pass.
    pub done: Vec<Effect>,
}

impl Observed {
    /// Nothing that was seen of the account counts any more.
    pub fn forget_account(&mut self) {
        self.account = AccountLookup::NotLooked;
        self.fresh = false;
    }

    /// The values of the object's Secret; `None` where it has one that is not at hand.
    pub fn secrets(&self) -> Option<Vec<Sensitive>> {
        match &self.secret {
            SecretSeen::NotUsed => Some(Vec::new()),
            SecretSeen::Present { values, .. } => Some(values.values().cloned().collect()),
            SecretSeen::NotRead
            | SecretSeen::Missing(_)
            | SecretSeen::Unfit(_)
            | SecretSeen::NotOffered => None,
        }
    }

    /// What the object has to say for an account being its own.
    pub fn claim(&self, desired: &Desired, account: &Account) -> Option<Claim> {
        desired.claim(&self.recorded, &self.keys, account)
    }

    /// Whether another object manages the account, which is one of those that were seen.
    pub(super) fn is_held(&self, account: &Account) -> bool {
        match self.account.account() {
            Some(first) if first.id == account.id => self.holder.is_some(),
            Some(_) | None => self.others_held.contains(&account.id),
        }
    }

    /// What the record proves of the recorded account; `None`: none is recorded.
    pub(super) fn proven(&self, desired: &Desired) -> Option<Proven> {
        let recorded = &self.recorded;
        let id = recorded.connected_account_id.as_ref()?;
        let record = recorded.record.as_ref();
        Some(self.keys.verify(record, &desired.own_alias, id))
    }

    /// Whether the record was signed with a key that is not known here.
    pub(super) fn is_record_of_another_key(&self, desired: &Desired) -> bool {
        self.proven(desired) == Some(Proven::UnknownKey)
    }

    /// Whether the recorded id came with a copy, or by hand: what this object has is signed for it, or was found by
    /// its declared alias, or is named to it.
    pub(super) fn is_record_of_another(&self, desired: &Desired) -> bool {
        let recorded = &self.recorded;
        let named = [&desired.spec.connected_account_id, &desired.own_account];
        recorded.adopted.is_none()
            && !named.contains(&&recorded.connected_account_id)
            && self.proven(desired) == Some(Proven::Invalid)
    }

    /// Until when the recorded account may be there and not be visible, because it was made less than `wait`
    /// ago: a GET, too, may lag behind the POST. `None` if that time is over. Of one that was made from a
    /// Secret it began to be connected when it was made.
    pub(crate) fn hidden_until(&self, wait: SignedDuration, now: Timestamp) -> Option<Timestamp> {
        let recorded = &self.recorded;
        let made = recorded
            .last_link_issued_at
            .as_ref()
            .or(recorded.connected_at.as_ref())?;
        let deleted = self
            .done
            .iter()
            .any(|done| done.kind() == EffectKind::Delete);
        still_within(made.0, wait, now).filter(|_| !deleted)
    }

    /// The refusal in this pass of an effect of that kind.
    pub(super) fn refused(&self, kind: EffectKind) -> Option<&Refused> {
        self.refused
            .iter()
            .find(|refused| refused.effect.kind() == kind)
    }

    /// The refusal in this pass of exactly that effect: what is refused of one account says nothing of another.
    pub(super) fn refused_exactly(&self, effect: &Effect) -> Option<&Refused> {
        self.refused
            .iter()
            .find(|refused| refused.effect == *effect)
    }

    /// The refusal in this pass of an effect like that one.
    pub(super) fn refused_like(&self, effect: &Effect) -> Option<&Refused> {
        self.refused
            .iter()
            .find(|refused| refused.effect.is_like(effect))
    }
}

/// What is known of the account.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it a pass; a box would only be in the way"
)]
pub enum AccountLookup {
    /// Nothing.
    NotLooked,
    /// It is not there.
    Absent,
    /// It is there.
    One(Account),
    /// Several carry our alias, each of an id of its own: the recorded one first, else the best.
    Many(Vec<Account>),
}

impl AccountLookup {
    /// What a look that found these accounts has seen: the recorded one, then active before disabled
    /// before others, the newest first.
    pub fn of(accounts: Vec<Account>, recorded: Option<&str>) -> Self {
        // A list may show one account twice: it must not be taken for a duplicate of itself.
        let mut accounts = each_once(accounts);
        accounts.sort_by_key(|account| {
            (
                recorded != Some(&account.id),
                std::cmp::Reverse(account.state.rank()),
                std::cmp::Reverse(account.created_at),
            )
        });
        Self::found(accounts)
    }

    fn found(mut accounts: Vec<Account>) -> Self {
        match accounts.len() {
            0 => Self::Absent,
            1 => Self::One(accounts.remove(0)),
            _ => Self::Many(accounts),
        }
    }

    /// The account that is dealt with: the one, or the best of several.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::NotLooked | Self::Absent => None,
            Self::One(account) => Some(account),
            Self::Many(accounts) => accounts.first(),
        }
    }

    /// The others of several.
    pub fn others(&self) -> &[Account] {
        match self {
            Self::NotLooked | Self::Absent | Self::One(_) => &[],
            Self::Many(accounts) => accounts.get(1..).unwrap_or_default(),
        }
    }

    /// The account of that id, for changing what an effect has changed.
    pub fn account_mut(&mut self, id: &str) -> Option<&mut Account> {
        match self {
            Self::NotLooked | Self::Absent => None,
            Self::One(account) => Some(account).filter(|account| account.id == id),
            Self::Many(accounts) => accounts.iter_mut().find(|account| account.id == id),
        }
    }

    /// What is left when that account is gone.
    pub fn without(self, id: &str) -> Self {
        match self {
            Self::NotLooked => Self::NotLooked,
            Self::Absent => Self::Absent,
            Self::One(account) if account.id == id => Self::Absent,
            Self::One(account) => Self::One(account),
            Self::Many(mut accounts) => {
                accounts.retain(|account| account.id != id);
                Self::found(accounts)
            }
        }
    }
}

/// What is known of the Secret.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretSeen {
    /// No Secret is declared.
    NotUsed,
    /// It was not read.
    NotRead,
    /// It, or a key in it, is not there.
    Missing(String),
    /// It must not be sent, or cannot be.
    Unfit(String),
    /// It does not say itself that it may be sent, as the project wants it.
    NotOffered,
    /// It was read; of a scheme without a Secret it is empty.
    Present {
        /// Which one it is.
        version: SecretVersion,
        /// What is sent, by field of the scheme.
        values: BTreeMap<String, Sensitive>,
    },
}

/// Which state of a Secret was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretVersion {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

impl SecretSeen {
    /// Its keys and values, where it was read.
    pub fn values(&self) -> Option<&BTreeMap<String, Sensitive>> {
        match self {
            Self::Present { values, .. } => Some(values),
            Self::NotUsed
            | Self::NotRead
            | Self::Missing(_)
            | Self::Unfit(_)
            | Self::NotOffered => None,
        }
    }
}

/// What is known of the auth config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthConfigCheck {
    /// It was not asked for: no account is to be made.
    NotAsked,
    /// This one is enabled and of the toolkit.
    Fit(String),
    /// None fits.
    Unfit {
        /// One of the AuthConfig reasons, or ToolkitMismatch.
        reason: Reason,
        /// What exactly is wrong.
        detail: String,
    },
}

/// Another object that manages the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// `namespace/name`.
    pub object: String,
}

/// Whether the project may be read and written. A key that lacks one of the two rights is answered
/// with the same 401 as a wrong key, so the two are separate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessGate {
    /// When reading may be tried again, if it is closed.
    pub read_closed_until: Option<Timestamp>,
    /// When writing may be tried again, if it is closed.
    pub write_closed_until: Option<Timestamp>,
    /// When anything may be asked again, if the organisation's rate limit is used up.
    pub paused_until: Option<Timestamp>,
    /// Whether the project is the one in which the recorded accounts were made.
    pub proof: Proof,
    /// What of the project can be used for the object.
    pub project: ProjectState,
}

/// What of a project can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectState {
    /// All of it.
    #[default]
    Available,
    /// No project of that name is there.
    NotFound,
    /// It is there, and cannot be used, for that reason.
    Unavailable(ProjectReason),
    /// Only the accounts of objects that are being deleted may be ended: the key is gone from its Secret, for that
    /// reason, and so is the project.
    OnlyDeletions(ProjectReason),
    /// No object may be marked that is not yet: the project is going, or is not marked itself.
    NothingNew,
}

impl ProjectState {
    /// As it is for an object that is there, or is being deleted.
    #[must_use]
    pub fn for_object(self, is_deleting: bool) -> Self {
        match self {
            Self::OnlyDeletions(_) if is_deleting => Self::Available,
            Self::OnlyDeletions(why) => Self::Unavailable(why),
            Self::Available | Self::NotFound | Self::Unavailable(_) | Self::NothingNew => self,
        }
    }

    /// Whether anything may be asked.
    fn may_ask(self) -> bool {
        match self {
            Self::Available | Self::NothingNew => true,
            Self::NotFound | Self::Unavailable(_) | Self::OnlyDeletions(_) => false,
        }
    }
}

/// Whether the project is the one in which the recorded accounts were made. With the key of another
/// one, or at another server, everything looks gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// It is.
    #[default]
    Given,
    /// That is still to be found out: what is there may be looked at, and no more.
    Awaited,
    /// Too many of the recorded accounts, or all recorded auth configs, are not there.
    Failed,
}

impl AccessGate {
    /// Whether a look may be taken.
    pub fn may_read(&self) -> bool {
        self.project.may_ask()
            && self.read_closed_until.is_none()
            && self.paused_until.is_none()
            && self.proof != Proof::Failed
    }

    /// Whether an effect may be tried.
    pub fn may_write(&self) -> bool {
        self.may_read() && self.write_closed_until.is_none()
    }

    /// When to come again.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.read_closed_until.max(self.write_closed_until)
    }
}

/// An effect that Composio refused in this pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// What was refused: it is not tried again in this pass.
    pub effect: Effect,
    /// How it was refused.
    pub failure: Failure,
}
