//! The steps that change something.

use crate::composio::SharingPatch;

/// One step that changes something: one call to Composio, one patch of the object, or one record in
/// its status.
#[derive(Clone, Debug, PartialEq)]
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
        /// The account.
        id: String,
    },
    /// Enable the account.
    Enable {
        /// The account.
        id: String,
    },
    /// Disable the account.
    Disable {
        /// The account.
        id: String,
    },
    /// Change the access list.
    Share {
        /// The account.
        id: String,
        /// What to send: Composio merges it.
        patch: SharingPatch,
    },
    /// Send the Secret's values to the account.
    Rotate {
        /// The account.
        id: String,
    },
    /// Give the account its declared alias.
    Rename {
        /// The account.
        id: String,
        /// The alias to send.
        alias: String,
    },
    /// End the grant at the provider.
    Revoke {
        /// The account.
        id: String,
    },
    /// Delete the account.
    Delete {
        /// The account.
        id: String,
        /// Whether Composio is asked to revoke in the background.
        revoke: bool,
    },
    /// Take the finalizer off the object.
    Release,
}

/// Which effect, without its particulars: what was refused in a pass is remembered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the effects of the same names")]
pub enum Kind {
    Pin,
    Unpin,
    Adopt,
    Forget,
    Link,
    Create,
    Refresh,
    Enable,
    Disable,
    Share,
    Rotate,
    Rename,
    Revoke,
    Delete,
    Release,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Pin,
        Self::Unpin,
        Self::Adopt,
        Self::Forget,
        Self::Link,
        Self::Create,
        Self::Refresh,
        Self::Enable,
        Self::Disable,
        Self::Share,
        Self::Rotate,
        Self::Rename,
        Self::Revoke,
        Self::Delete,
        Self::Release,
    ];

    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "Pin",
            Self::Unpin => "Unpin",
            Self::Adopt => "Adopt",
            Self::Forget => "Forget",
            Self::Link => "Link",
            Self::Create => "Create",
            Self::Refresh => "Refresh",
            Self::Enable => "Enable",
            Self::Disable => "Disable",
            Self::Share => "Share",
            Self::Rotate => "Rotate",
            Self::Rename => "Rename",
            Self::Revoke => "Revoke",
            Self::Delete => "Delete",
            Self::Release => "Release",
        }
    }
}

impl Effect {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Pin { .. } => Kind::Pin,
            Self::Unpin => Kind::Unpin,
            Self::Adopt => Kind::Adopt,
            Self::Forget => Kind::Forget,
            Self::Link { .. } => Kind::Link,
            Self::Create { .. } => Kind::Create,
            Self::Refresh { .. } => Kind::Refresh,
            Self::Enable { .. } => Kind::Enable,
            Self::Disable { .. } => Kind::Disable,
            Self::Share { .. } => Kind::Share,
            Self::Rotate { .. } => Kind::Rotate,
            Self::Rename { .. } => Kind::Rename,
            Self::Revoke { .. } => Kind::Revoke,
            Self::Delete { .. } => Kind::Delete,
            Self::Release => Kind::Release,
        }
    }

    /// Whether the effect asks Composio to change something.
    pub fn writes_to_composio(&self) -> bool {
        match self.kind() {
            Kind::Pin | Kind::Unpin | Kind::Adopt | Kind::Forget | Kind::Release => false,
            Kind::Link
            | Kind::Create
            | Kind::Refresh
            | Kind::Enable
            | Kind::Disable
            | Kind::Share
            | Kind::Rotate
            | Kind::Rename
            | Kind::Revoke
            | Kind::Delete => true,
        }
    }
}
