//! What the operator reads from Composio and sends to it: domain values, and no field that could
//! hold `state`, `data` or a token.
//!
//! Unknown fields are ignored and unknown words are kept, because Composio may add either.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    fmt,
};

use jiff::Timestamp;
use zeroize::Zeroizing;

/// One connected account as a list item or a GET by id shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `ca_…`, issued by Composio.
    pub id: String,
    /// Unique per (project, user, toolkit); the only text of ours that Composio keeps.
    pub alias: Option<String>,
    /// Composio calls the field deprecated: it may be absent.
    pub user_id: Option<String>,
    /// Toolkit slug.
    pub toolkit: String,
    /// Id of the auth config the account was made from.
    pub auth_config: String,
    /// Whether that auth config is disabled: the account cannot be used, whatever its state.
    pub auth_config_disabled: bool,
    /// Lifecycle position.
    pub state: State,
    /// `status_reason`, as sent.
    pub state_reason: Option<String>,
    /// Who signed in, as the provider names them: an address, a user name. Absent for many toolkits.
    pub identity: Option<String>,
    /// Who may use the account.
    pub visibility: Visibility,
    /// The access list of a shared account; `None` when Composio did not return one.
    pub sharing: Option<Acl>,
    /// By Composio's clock.
    pub created_at: Option<Timestamp>,
    /// By Composio's clock.
    pub updated_at: Option<Timestamp>,
}

impl Account {
    /// Whether it can be this user's, of this toolkit. Neither ever changes; a server that leaves the
    /// deprecated `user_id` out says nothing against it.
    pub fn is_of(&self, user: &str, toolkit: &str) -> bool {
        self.toolkit == toolkit && self.user_id.as_deref().is_none_or(|id| id == user)
    }

    /// Whether Composio says that the sign-in was never finished, in its words or its code.
    pub fn timed_out(&self) -> bool {
        self.is_because(&["initiation_timeout", "initiation did not complete"])
    }

    /// Whether Composio passes on that the person declined: providers have one of these words for it.
    pub fn was_declined(&self) -> bool {
        self.is_because(&["access_denied", "user_denied", "user_cancelled"])
    }

    /// Whether another person signed in than the one that was asked, as who verifies that has told Composio.
    pub fn failed_verification(&self) -> bool {
        self.is_because(&["identity_verification_failed"])
    }

    /// Whether Composio has set it to INACTIVE together with its auth config.
    pub fn went_with_auth_config(&self) -> bool {
        self.is_because(&["auth config is disabled"])
    }

    /// Whether the reason for the state holds one of these, in small letters.
    fn is_because(&self, words: &[&str]) -> bool {
        let reason = self.state_reason.as_deref().unwrap_or_default();
        let reason = reason.to_ascii_lowercase();
        words.iter().any(|word| reason.contains(word))
    }
}

/// Composio's lifecycle word. Not proof that the stored credential still works.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The row and a hosted flow exist, nobody opened it yet.
    Initializing,
    /// The user opened the flow.
    Initiated,
    /// Credentials are stored.
    Active,
    /// The flow ran out, or the grant is dead.
    Expired,
    /// The flow failed.
    Failed,
    /// Disabled.
    Inactive,
    /// The grant was revoked.
    Revoked,
    /// A word this version does not know, kept as sent.
    Unknown(String),
}

impl State {
    /// Composio's own word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Initiated => "INITIATED",
            Self::Active => "ACTIVE",
            Self::Expired => "EXPIRED",
            Self::Failed => "FAILED",
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
            Self::Unknown(word) => word,
        }
    }
}

impl State {
    /// Whether credentials are stored and the grant was alive when Composio last used it.
    pub fn is_connected(&self) -> bool {
        match self {
            Self::Active | Self::Inactive => true,
            Self::Initializing
            | Self::Initiated
            | Self::Expired
            | Self::Failed
            | Self::Revoked
            | Self::Unknown(_) => false,
        }
    }

    /// Whether the flow or the grant is at its end.
    pub fn is_dead(&self) -> bool {
        match self {
            Self::Expired | Self::Failed | Self::Revoked => true,
            Self::Initializing
            | Self::Initiated
            | Self::Active
            | Self::Inactive
            | Self::Unknown(_) => false,
        }
    }

    /// Which of several accounts with one alias is worth most.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Active => 2,
            Self::Inactive => 1,
            Self::Initializing
            | Self::Initiated
            | Self::Expired
            | Self::Failed
            | Self::Revoked
            | Self::Unknown(_) => 0,
        }
    }
}

impl From<&str> for State {
    fn from(word: &str) -> Self {
        match word {
            "INITIALIZING" => Self::Initializing,
            "INITIATED" => Self::Initiated,
            "ACTIVE" => Self::Active,
            "EXPIRED" => Self::Expired,
            "FAILED" => Self::Failed,
            "INACTIVE" => Self::Inactive,
            "REVOKED" => Self::Revoked,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Composio's `account_type`. It cannot be changed after creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Only the owner. What an account without the field is.
    #[default]
    Private,
    /// The owner and whom the access list names.
    Shared,
}

/// Access list of a shared account, for callers other than the owner: denied, then all, then allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    /// `allow_all_users`.
    pub allow_all: bool,
    /// `allowed_user_ids`, compared as a set.
    pub allowed: BTreeSet<String>,
    /// `not_allowed_user_ids`, compared as a set.
    pub denied: BTreeSet<String>,
}

/// One auth config. Never its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthConfig {
    /// `ac_…`.
    pub id: String,
    /// Toolkit slug.
    pub toolkit: String,
    /// Whether accounts can be made from it.
    pub enabled: bool,
}

/// A Secret value on its way to Composio. Debug never shows it, it can be neither displayed nor serialised, and
/// its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(Zeroizing<String>);

impl Sensitive {
    /// Wraps a value that must not be shown.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How many bytes of a foreign text are kept: what is shown of it is in the first sixteenth.
pub const MAX_FOREIGN_TEXT: usize = 4096;

/// As much of a foreign text as is kept. One that is cut ends no more than a character before [`MAX_FOREIGN_TEXT`].
pub fn cut_foreign_text(text: String) -> String {
    match beginning(&text, MAX_FOREIGN_TEXT) {
        all if all.len() == text.len() => text,
        part => part.to_owned(),
    }
}

/// The whole characters in that many bytes.
pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// Whether the end of it may be missing.
fn may_be_cut(text: &str) -> bool {
    text.len() + char::MAX.len_utf8() > MAX_FOREIGN_TEXT
}

/// The text without the beginning of a value at its end, where the rest was cut off.
fn without_beginning<'a>(text: &'a str, value: &str) -> &'a str {
    let longest = value.len().min(text.len());
    let cut = (1..=longest)
        .rev()
        .find(|length| text.as_bytes().ends_with(&value.as_bytes()[..*length]));
    // A value begins with a whole character, so the text ends with one before it.
    &text[..text.len() - cut.unwrap_or_default()]
}

/// Each account once: of several rows of one id the newest by `updated_at`, and of equally new ones the last,
/// which was read last. One account may stand on two pages of a list.
pub fn each_once(rows: Vec<Account>) -> Vec<Account> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(rows.len());
    let mut once: Vec<Account> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.entry(row.id.clone()) {
            Entry::Vacant(place) => {
                place.insert(once.len());
                once.push(row);
            }
            Entry::Occupied(place) => {
                let known = &mut once[*place.get()];
                if row.updated_at >= known.updated_at {
                    *known = row;
                }
            }
        }
    }
    once
}

/// The text without these values: as they are, without the line end that a file brings, and as JSON
/// writes them.
pub fn without(text: &str, secrets: &[Sensitive]) -> String {
    let mut needles: Vec<String> = secrets
        .iter()
        .flat_map(|secret| {
            let value = secret.expose();
            let json = serde_json::Value::from(value).to_string();
            [
                value.to_owned(),
                value.trim().to_owned(),
                json.trim_matches('"').to_owned(),
            ]
        })
        .filter(|needle| !needle.is_empty())
        .collect();
    // Longest first: a short one may be part of a longer one.
    needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    // What was cut off takes half a value with it, which would not be recognised any more.
    // What is left may end with half of another one, or of the same again.
    let mut whole = text;
    while may_be_cut(text)
        && let Some(shorter) = needles
            .iter()
            .map(|needle| without_beginning(whole, needle))
            .filter(|shorter| shorter.len() < whole.len())
            .min_by_key(|shorter| shorter.len())
    {
        whole = shorter;
    }
    needles.iter().fold(whole.to_owned(), |text, needle| {
        text.replace(needle, "[redacted]")
    })
}

/// The fields of credentials that a PATCH of an account takes. Any other one is taken with a new account only.
pub const PATCHABLE_FIELDS: [&str; 16] = [
    "api_key",
    "api_key_prefix",
    "application_id",
    "basic_encoded",
    "bearer_token",
    "credentials_json",
    "generic_api_key",
    "generic_id",
    "generic_secret",
    "generic_token",
    "installation_id",
    "password",
    "private_key",
    "token",
    "user_agent",
    "username",
];

/// The fields of one auth scheme, from a Secret. The Secret's keys are the scheme's field names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Composio's word for the scheme, such as `API_KEY`.
    pub scheme: String,
    /// Field name to value.
    pub fields: BTreeMap<String, Sensitive>,
}

/// The address of a hosted sign-in: whoever opens it connects the account. It belongs in an
/// object's status and nowhere else, so Debug never shows it and there is no Display.
#[derive(Clone, PartialEq, Eq)]
pub struct SensitiveUrl(String);

impl SensitiveUrl {
    /// Wraps an address that must not be logged.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SensitiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
