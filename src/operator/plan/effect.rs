//! The steps that change something.

use std::fmt;

use strum::{EnumDiscriminants, EnumIter, IntoStaticStr};

use super::Change;

/// One step that changes something: one call to Composio, one patch of the object, or one record in
/// its status.
#[derive(Clone, Debug, PartialEq, EnumDiscriminants)]
#[strum_discriminants(
    name(EffectKind),
    derive(Hash, PartialOrd, Ord, EnumIter, IntoStaticStr),
    doc = "Which effect, without its particulars."
)]
#[strum_discriminants(allow(missing_docs, reason = "the effects of the same names"))]
pub enum Effect {
    /// Write the finalizer and the pin into the object, before the first POST.
    Pin {
        /// The alias that the account has or will have; `None`: nothing is, or was, asked for.
        alias: Option<String>,
    },
    /// Take the alias out of the object again: it is proved that no account carries it.
    Unpin,
    /// Record the account that was found as ours.
    Adopt,
    /// Drop the record of an account that is gone, or is not this object's.
    Forget,
    /// Ask for a hosted sign-in, which makes an account.
    Link {
        /// The auth config to make it from.
        auth_config: String,
        /// The pinned alias.
        alias: String,
    },
    /// Make an account from the Secret.
    Create {
        /// The auth config to make it from.
        auth_config: String,
        /// The pinned alias.
        alias: String,
    },
    /// Ask for a new hosted sign-in of the same account.
    Refresh {
        /// Its id at Composio, `ca_…`: the recorded one, or that of a duplicate.
        id: String,
    },
    /// Tell Composio that the sign-in through the link that is out was the declared user's.
    CompleteAuth {
        /// The account's id at Composio, `ca_…`.
        id: String,
        /// `metadata.uid` of the ConnectRequest that holds the session.
        request: String,
    },
    /// Enable the account.
    Enable {
        /// Its id at Composio, `ca_…`: the recorded one, or that of a duplicate.
        id: String,
    },
    /// Disable the account.
    Disable {
        /// Its id at Composio, `ca_…`: the recorded one, or that of a duplicate.
        id: String,
    },
    /// Change the account with a PATCH.
    Patch {
        /// Its id at Composio, `ca_…`: the recorded one, or that of a duplicate.
        id: String,
        /// What of it.
        change: Change,
    },
    /// End the grant at the provider.
    Revoke {
        /// Its id at Composio, `ca_…`: the recorded one, or that of a duplicate.
        id: String,
    },
    /// Delete the account.
    Delete {
        /// Its id at Composio, `ca_…`: the recorded one, or that of a duplicate.
        id: String,
        /// Whether Composio is asked to revoke in the background.
        revoke: bool,
    },
    /// Take the finalizer off the object.
    Release,
}

impl Effect {
    /// Which effect it is, without its arguments: a metric's label, and what refusals are compared by.
    pub fn kind(&self) -> EffectKind {
        self.into()
    }

    /// The change, if it is a PATCH.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Patch { change, .. } => Some(change),
            _ => None,
        }
    }

    /// Whether the other one is of the same kind, and of the same kind of change: where one was refused, the
    /// other is not tried in that pass.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind() == other.kind()
            && self.change().map(Change::kind) == other.change().map(Change::kind)
    }

    /// Whether it puts right what can be read back: who keeps changing it the other way is seen.
    pub fn is_correction(&self) -> bool {
        match self {
            Self::Enable { .. } | Self::Disable { .. } => true,
            Self::Patch { change, .. } => change.is_correction(),
            _ => false,
        }
    }

    /// Whether the effect asks Composio for an account or a link.
    pub fn asks_for_account(&self) -> bool {
        matches!(
            self.kind(),
            EffectKind::Link | EffectKind::Create | EffectKind::Refresh
        )
    }

    /// Whether the effect asks Composio to change something.
    pub fn writes_to_composio(&self) -> bool {
        match self.kind() {
            EffectKind::Pin
            | EffectKind::Unpin
            | EffectKind::Adopt
            | EffectKind::Forget
            | EffectKind::Release => false,
            EffectKind::Link
            | EffectKind::Create
            | EffectKind::Refresh
            | EffectKind::CompleteAuth
            | EffectKind::Enable
            | EffectKind::Disable
            | EffectKind::Patch
            | EffectKind::Revoke
            | EffectKind::Delete => true,
        }
    }
}

impl fmt::Display for Effect {
    /// As logs and messages name it: `Revoke`, `Patch(Alias)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind: &str = self.kind().into();
        match self.change().map(Change::kind) {
            None => f.write_str(kind),
            Some(change) => write!(f, "{kind}({})", <&str>::from(change)),
        }
    }
}
