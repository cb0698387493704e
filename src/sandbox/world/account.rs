//! One connected account, and how it is shown on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Composio's own words for these moments.
pub(super) mod reason {
    pub(in crate::world) const INITIATION_TIMEOUT: &str =
        "Connection initiation did not complete within 10 minutes";
    pub(in crate::world) const GRANT_DIED: &str = "Permanent auth error during token refresh";
    pub(in crate::world) const CALLBACK_FAILED: &str =
        "OAuth callback failed during token exchange";
    /// What the provider answers for a person who declines, in the words of OAuth 2.0.
    pub(in crate::world) const DECLINED: &str = "OAuth callback failed: access_denied";
    pub(in crate::world) const BY_USER: &str = "Connection status updated by user";
    pub(in crate::world) const CONFIG_DISABLED: &str = "Auth config is disabled";
    pub(in crate::world) const NOT_VERIFIED: &str = "IDENTITY_VERIFICATION_FAILED";
    pub(in crate::world) const REVOKED: &str = "Revoked via user-initiated revoke endpoint";
    pub(in crate::world) const REVOKED_ON_DELETE: &str = "Revoked as part of connection delete";
}

/// Where an account stands in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Made, nobody has opened the sign-in yet.
    Initializing,
    /// The sign-in was opened.
    Initiated,
    /// Credentials are stored.
    Active,
    /// Disabled.
    Inactive,
    /// The sign-in was not finished in time, or the grant died.
    Expired,
    /// The sign-in failed.
    Failed,
    /// The grant was taken back.
    Revoked,
    /// A word that only a control call can set: clients must live with words they do not know.
    Other(String),
}

impl State {
    /// Reads Composio's word.
    pub fn from_text(word: &str) -> Self {
        match word {
            "INITIALIZING" => Self::Initializing,
            "INITIATED" => Self::Initiated,
            "ACTIVE" => Self::Active,
            "INACTIVE" => Self::Inactive,
            "EXPIRED" => Self::Expired,
            "FAILED" => Self::Failed,
            "REVOKED" => Self::Revoked,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Composio's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Initiated => "INITIATED",
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Expired => "EXPIRED",
            Self::Failed => "FAILED",
            Self::Revoked => "REVOKED",
            Self::Other(word) => word,
        }
    }

    /// Whether a person still has to finish the sign-in.
    pub(super) fn unfinished(&self) -> bool {
        match self {
            Self::Initializing | Self::Initiated => true,
            Self::Active
            | Self::Inactive
            | Self::Expired
            | Self::Failed
            | Self::Revoked
            | Self::Other(_) => false,
        }
    }
}

/// What ended a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEnd {
    /// The revoke endpoint.
    Revoke,
    /// `revoke_on_delete`.
    RevokeOnDelete,
    /// The person, on the provider's own pages.
    Provider,
    /// It died by itself.
    Expired,
}

/// The provider's side of an account. Deleting an account does not touch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Never given.
    None,
    /// The provider would honour a call.
    Alive,
    /// The provider would refuse.
    Dead(GrantEnd, Timestamp),
}

/// Who but the owner may use a SHARED account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sharing {
    /// Everybody not denied.
    pub allow_all_users: bool,
    /// These, too.
    pub allowed_user_ids: Vec<String>,
    /// But never these.
    pub not_allowed_user_ids: Vec<String>,
}

/// A stored credential: not its value, only what is needed to tell two values apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) name: String,
    pub(super) fingerprint: [u8; 8],
    /// A value that begins with `invalid` is refused by the emulated provider.
    pub(super) accepted: bool,
}

impl Credential {
    pub(super) fn new(name: &str, value: &str) -> Self {
        let digest = Sha256::digest(value.as_bytes());
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&digest[..8]);
        Self {
            name: name.to_owned(),
            fingerprint,
            accepted: !value.starts_with("invalid"),
        }
    }

    pub(super) fn hex(&self) -> String {
        use std::fmt::Write as _;
        self.fingerprint
            .iter()
            .fold(String::from("sha256:"), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

/// The hosted sign-in of an account. A new one takes the place of the old.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) token: String,
    pub(super) url: String,
    pub(super) expires_at: Timestamp,
    pub(super) callback: Option<String>,
    pub(super) used: bool,
    /// What the browser that opened it is known by, where it must be finished in the same one.
    pub(super) browser: Option<String>,
    /// The sign-in is done, and waits for the application to say whose it was.
    pub(super) unverified: Option<Session>,
}

/// A sign-in that is to be verified.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) uri: String,
    pub(super) expires_at: Timestamp,
    pub(super) consent: Consent,
}

/// What a person brings along who agrees.
#[derive(Clone, Debug, Default)]
pub(super) struct Consent {
    /// The filled-in fields of a key scheme.
    pub(super) fields: Vec<(String, String)>,
    /// Who it is at the provider, where the provider tells.
    pub(super) display_name: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) word_id: String,
    pub(super) user: String,
    pub(super) alias: Option<String>,
    /// Index of the auth config.
    pub(super) config: usize,
    pub(super) state: State,
    pub(super) reason: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// `Some` makes it SHARED.
    pub(super) sharing: Option<Sharing>,
    pub(super) grant: Grant,
    pub(super) ever_active: bool,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) credentials: Vec<Credential>,
    pub(super) prefilled: Map<String, Value>,
    pub(super) link: Option<Link>,
    /// Who really signed in, where the provider tells.
    pub(super) display_name: Option<String>,
}

impl Account {
    /// When an unfinished sign-in runs out. A row put into such a state by hand has no link and
    /// never times out.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let link = self.link.as_ref()?;
        (self.deleted_at.is_none() && self.state.unfinished()).then_some(link.expires_at)
    }

    /// Whether the person's sign-in can still be finished.
    pub(super) fn open_link(&self, now: Timestamp) -> Option<&Link> {
        let state_allows = match self.state {
            State::Revoked | State::Inactive => false,
            State::Initializing
            | State::Initiated
            | State::Active
            | State::Expired
            | State::Failed
            | State::Other(_) => true,
        };
        self.link.as_ref().filter(|link| {
            state_allows && self.deleted_at.is_none() && !link.used && now < link.expires_at
        })
    }

    /// Whether nothing can make it ACTIVE any more.
    pub(super) fn is_terminal(&self) -> bool {
        self.state == State::Failed && self.reason.as_deref() == Some(reason::NOT_VERIFIED)
    }

    /// Credentials have arrived, or the person has agreed.
    pub(super) fn connect(&mut self) {
        self.state = State::Active;
        self.reason = None;
        self.grant = Grant::Alive;
        self.ever_active = true;
        self.close_link();
    }

    pub(super) fn close_link(&mut self) {
        if let Some(link) = &mut self.link {
            link.used = true;
        }
    }

    /// Puts credentials in the place of those with the same name; `None` removes.
    pub(super) fn merge(&mut self, changes: &[(String, Option<String>)]) {
        for (name, value) in changes {
            self.credentials.retain(|held| held.name != *name);
            if let Some(value) = value {
                self.credentials.push(Credential::new(name, value));
            }
        }
    }
}

/// A time as Composio writes it: always three digits after the second.
pub(super) fn iso(time: Timestamp) -> String {
    format!("{time:.3}")
}
