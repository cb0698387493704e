//! The closed set of reasons, and the one table of what each says: of the four conditions, to the person who signs in,
//! and of what to do.

use std::fmt;

use super::NotificationType;

mod table;

use table::TABLE;

/// Why the conditions are as they are. Every condition of a status carries one of these words.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::EnumCount,
    strum::IntoStaticStr,
)]
#[allow(
    missing_docs,
    reason = "`Reason::meaning` describes each, for crds/README.md too"
)]
pub enum Reason {
    Connected,
    Disabled,
    ConnectionDataChanged,
    LinkIssued,
    AwaitingUser,
    Suspended,
    Progressing,
    Deleting,
    SecretMissing,
    SecretInvalid,
    SecretNotOffered,
    OutcomeUnknown,
    ComposioUnavailable,
    RateLimited,
    ProjectUnavailable,
    ProjectNotFound,
    NamespaceUnreachable,
    KubernetesRefused,
    RevokeRefused,
    AliasInUse,
    DoesNotConverge,
    UnknownState,
    LinkExpired,
    SignInDeclined,
    SignInFailed,
    IdentityRefused,
    FinishedElsewhere,
    WrongIdentity,
    ReauthorizationRequired,
    Revoked,
    Rejected,
    Forbidden,
    CredentialsRejected,
    NotAllowed,
    Conflict,
    ProjectMismatch,
    Mismatch,
    AliasChanged,
    AccountNotFound,
    AuthConfigNotFound,
    AuthConfigDisabled,
    ToolkitMismatch,
    AuthConfigAmbiguous,
}

/// What a reason says of the Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyRule {
    /// Ready=True.
    True,
    /// Ready=False.
    False,
    /// Ready=Unknown.
    Unknown,
    /// Ready stays as it was last seen; Unknown where it was never seen.
    Kept,
    /// The same of an account on record; Ready=False where there is none.
    KeptOrFalse,
}

/// Which of the two conditions that exist only while true is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Neither.
    None,
    /// Something is still to come by itself, or by the person who was asked.
    Reconciling,
    /// Only a change, of the object or of what it names, helps.
    Stalled,
}

/// What a reason means to the person who signs in: the connect page, the notifications, the metrics and
/// `kubectl composio connect` go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForPerson {
    /// Their sign-in is what helps, and this is what they are told.
    Asked(NotificationType),
    /// They have signed in.
    Connected,
    /// It passes by itself, and what was so before still is.
    Passing,
    /// Somebody else must do something, or nobody.
    Nothing,
}

/// One row of the table.
struct Row {
    reason: Reason,
    ready: ReadyRule,
    synced: bool,
    progress: Progress,
    for_person: ForPerson,
    is_settled: bool,
    meaning: &'static str,
}

impl Row {
    /// Nothing is left to be made as declared.
    const fn settled(mut self) -> Self {
        self.is_settled = true;
        self
    }
}

const fn row(
    reason: Reason,
    ready: ReadyRule,
    synced: bool,
    progress: Progress,
    for_person: ForPerson,
    meaning: &'static str,
) -> Row {
    Row {
        reason,
        ready,
        synced,
        progress,
        for_person,
        is_settled: false,
        meaning,
    }
}

impl Reason {
    /// Every reason, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.reason)
    }

    /// The reason of that word; `None`: this version has none.
    pub fn named(word: &str) -> Option<Self> {
        Self::all().find(|reason| reason.as_str() == word)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The word in the conditions.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The word as words: `reauthorization required`.
    pub fn words(self) -> String {
        let mut words = String::new();
        for letter in self.as_str().chars() {
            if letter.is_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.push(letter.to_ascii_lowercase());
        }
        words
    }

    /// What it says of Ready.
    pub fn ready(self) -> ReadyRule {
        self.row().ready
    }

    /// What it says of Synced: false only for a failed look or effect, a refusal or a missing Secret.
    pub fn synced(self) -> bool {
        self.row().synced
    }

    /// Which of Reconciling and Stalled is there.
    pub fn progress(self) -> Progress {
        self.row().progress
    }

    /// What it means to the person who signs in.
    pub fn for_person(self) -> ForPerson {
        self.row().for_person
    }

    /// Whether it is a person's sign-in that helps.
    pub fn waits_for_person(self) -> bool {
        matches!(self.for_person(), ForPerson::Asked(_))
    }

    /// Whether a person must sign in, or has. An object gets such a reason only once its project allows what it
    /// declares.
    pub fn concerns_person(self) -> bool {
        matches!(
            self.for_person(),
            ForPerson::Asked(_) | ForPerson::Connected
        )
    }

    /// Whether nothing is left to be made as declared: what differs after that, somebody has changed.
    pub fn is_settled(self) -> bool {
        self.row().is_settled
    }

    /// What it means and what to do, in one or two sentences.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
