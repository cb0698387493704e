//! The closed set of reasons and the one table that maps each to the four conditions.

use std::fmt;

/// Why the conditions are as they are. Every condition of a status carries one of these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// One row of the table.
struct Row {
    reason: Reason,
    word: &'static str,
    ready: ReadyRule,
    synced: bool,
    progress: Progress,
    meaning: &'static str,
}

const fn row(
    reason: Reason,
    word: &'static str,
    ready: ReadyRule,
    synced: bool,
    progress: Progress,
    meaning: &'static str,
) -> Row {
    Row {
        reason,
        word,
        ready,
        synced,
        progress,
        meaning,
    }
}

/// One row a reason, in the order of the enum.
const TABLE: [Row; 43] = {
    use Progress::{None, Reconciling, Stalled};
    use ReadyRule::{False, Kept, KeptOrFalse, True, Unknown};
    use Reason as R;
    [
        row(
            R::Connected,
            "Connected",
            True,
            true,
            None,
            "The account is active and as declared.",
        ),
        row(
            R::Disabled,
            "Disabled",
            True,
            true,
            None,
            "The account is disabled, as declared.",
        ),
        row(
            R::ConnectionDataChanged,
            "ConnectionDataChanged",
            True,
            false,
            None,
            "The account is as declared, but was connected with another `spec.connectionData`, which only a new link can change: it takes effect at the next sign-in. To change it now, revoke the grant at the provider, or make a new object.",
        ),
        row(
            R::LinkIssued,
            "LinkIssued",
            True,
            true,
            None,
            "A link was issued, or waits on the connect page for somebody to ask for it, and `readyWhen: LinkIssued` asks for no more. The link is in `status.link.url` while it can be used, the page in `status.connectPage.url`.",
        ),
        row(
            R::AwaitingUser,
            "AwaitingUser",
            False,
            true,
            Reconciling,
            "The declared user must sign in: on the page in `status.connectPage.url`, or by the link in `status.link.url`, which is good for ten minutes. Where neither is there, a ConnectRequest asks for a link.",
        ),
        row(
            R::Suspended,
            "Suspended",
            Kept,
            true,
            None,
            "`spec.suspend` is set: the account is observed, and nothing is changed.",
        ),
        row(
            R::Progressing,
            "Progressing",
            Kept,
            true,
            Reconciling,
            "A change is under way.",
        ),
        row(
            R::Deleting,
            "Deleting",
            False,
            true,
            Reconciling,
            "The object is being deleted, and its account with it as `spec.deletionPolicy` says.",
        ),
        row(
            R::SecretMissing,
            "SecretMissing",
            Kept,
            false,
            Reconciling,
            "The Secret, or a key in it, is not there yet. Create it; the operator looks again by itself.",
        ),
        row(
            R::SecretInvalid,
            "SecretInvalid",
            Kept,
            false,
            Reconciling,
            "The Secret cannot be sent as it is, and nothing of it was. The message says why: correct it, or name another; the operator looks again by itself.",
        ),
        row(
            R::SecretNotOffered,
            "SecretNotOffered",
            Kept,
            false,
            Reconciling,
            "The project allows only Secrets that an annotation marks for Composio, and nothing of this one was sent. If it is meant for Composio, add the annotation that the message names; the operator looks again by itself.",
        ),
        row(
            R::OutcomeUnknown,
            "OutcomeUnknown",
            Kept,
            false,
            Reconciling,
            "A call was cut off and may have taken effect. The operator looks before it acts again.",
        ),
        row(
            R::ComposioUnavailable,
            "ComposioUnavailable",
            Kept,
            false,
            Reconciling,
            "Composio could not be reached or answered with a server error. The operator tries again by itself.",
        ),
        row(
            R::RateLimited,
            "RateLimited",
            Kept,
            false,
            Reconciling,
            "The organisation's rate limit is used up. The operator waits as long as Composio asks.",
        ),
        row(
            R::ProjectUnavailable,
            "ProjectUnavailable",
            Kept,
            false,
            Reconciling,
            "The project that `spec.projectRef` names cannot be used now. Its own condition Ready says why and what to do; every object goes on by itself.",
        ),
        row(
            R::ProjectNotFound,
            "ProjectNotFound",
            Kept,
            false,
            Reconciling,
            "The project that `spec.projectRef` names is not there. Create it, or make a new object that names another; the object goes on by itself.",
        ),
        row(
            R::NamespaceUnreachable,
            "NamespaceUnreachable",
            Kept,
            false,
            Reconciling,
            "The account exists already, and an object in a namespace that the operator cannot read may manage it. Give the operator its Role there, or take the namespace out of `watchNamespaces`; every object goes on by itself.",
        ),
        row(
            R::KubernetesRefused,
            "KubernetesRefused",
            Kept,
            false,
            Reconciling,
            "The apiserver refuses what the operator must write on the object. The message says why: change the admission policy, the operator's Role or the object. The operator tries again by itself, at growing intervals.",
        ),
        row(
            R::RevokeRefused,
            "RevokeRefused",
            False,
            false,
            Reconciling,
            "The provider refused to revoke the grant. The operator tries again; `deletionPolicy: Delete` ends the wait without revoking.",
        ),
        row(
            R::AliasInUse,
            "AliasInUse",
            False,
            false,
            Reconciling,
            "Another account of this user and toolkit has the alias. Choose another one in `spec.metadata.alias`, or free it.",
        ),
        row(
            R::DoesNotConverge,
            "DoesNotConverge",
            False,
            false,
            Reconciling,
            "The operator's corrections do not last: somebody changes the account back, such as another cluster with the same alias prefix. Find out who, or declare what they want; the operator tries again every ten minutes.",
        ),
        row(
            R::UnknownState,
            "UnknownState",
            Unknown,
            true,
            None,
            "Composio uses a state that this version of the operator does not know. It waits and touches nothing.",
        ),
        row(
            R::LinkExpired,
            "LinkExpired",
            False,
            true,
            Stalled,
            "Nobody finished the sign-in within the ten minutes of its link. Give the annotation `composio.dev/link-requested-at` a new value to get another.",
        ),
        row(
            R::SignInDeclined,
            "SignInDeclined",
            False,
            true,
            Stalled,
            "The user declined to sign in. Give the annotation `composio.dev/link-requested-at` a new value to ask again.",
        ),
        row(
            R::SignInFailed,
            "SignInFailed",
            False,
            true,
            Stalled,
            "The sign-in failed, or the user declined it; Composio's own words, if it has any, stand before this. Give the annotation `composio.dev/link-requested-at` a new value to get another link.",
        ),
        row(
            R::IdentityRefused,
            "IdentityRefused",
            False,
            true,
            Stalled,
            "The application that verifies identities saw somebody else than the declared user sign in, and the sign-in was refused. Give the annotation `composio.dev/link-requested-at` a new value to get another link, for the declared user only.",
        ),
        row(
            R::FinishedElsewhere,
            "FinishedElsewhere",
            False,
            false,
            Stalled,
            "The sign-in was finished in another browser than the one that had asked for the link, so somebody else may have signed in. The account is disabled. Whoever wants to connect asks for a new link, which leads to a new account. Only the person who gave the old grant can end it, at the provider.",
        ),
        row(
            R::WrongIdentity,
            "WrongIdentity",
            False,
            false,
            Stalled,
            "The toolkit shows in `status.identity` that somebody other than `spec.expectedIdentity`, or than the person whom the project demands, has signed in; or it shows nobody, although the project demands it. The account is disabled. Ask for a new link, which leads to a new account; to expect somebody else, change the declaration first.",
        ),
        row(
            R::ReauthorizationRequired,
            "ReauthorizationRequired",
            False,
            true,
            Stalled,
            "The grant is dead and the user must authorise again. Give the annotation `composio.dev/link-requested-at` a new value to get a link.",
        ),
        row(
            R::Revoked,
            "Revoked",
            False,
            true,
            Stalled,
            "Somebody revoked the grant. Give the annotation `composio.dev/link-requested-at` a new value to ask the user again.",
        ),
        row(
            R::Rejected,
            "Rejected",
            False,
            false,
            Stalled,
            "Composio refused what the object declares. The message says why; change the object.",
        ),
        row(
            R::Forbidden,
            "Forbidden",
            False,
            false,
            Stalled,
            "The API key may not do this to this account. Give the key the right, or the object another account.",
        ),
        row(
            R::CredentialsRejected,
            "CredentialsRejected",
            False,
            false,
            Stalled,
            "Composio refused the Secret's values. Correct the Secret.",
        ),
        row(
            R::NotAllowed,
            "NotAllowed",
            KeptOrFalse,
            false,
            Stalled,
            "The project does not allow what the object asks for. Change the object, or have `spec.allow` of the project changed; the object goes on by itself. An account that it has stays as it is: what takes access away is still done, and what gives some is not.",
        ),
        row(
            R::Conflict,
            "Conflict",
            False,
            false,
            Stalled,
            "Another object manages this account, and this one touches nothing. Delete one of the two, or give this one an account of its own: without `spec.connectedAccountId`, without the `spec.metadata.alias` of the other, and without the annotations `composio.dev/alias` and `composio.dev/own-account` if it is a copy.",
        ),
        row(
            R::ProjectMismatch,
            "ProjectMismatch",
            False,
            false,
            Stalled,
            "The object's account is, or may be, in another project than `spec.projectRef` names, and nothing is done. Name the former project again, or, if the object is a copy, take the annotation `composio.dev/alias` off it. To leave that account as it is, and go on here, annotate `composio.dev/move-to-project` with the project of `spec.projectRef`, as it is written here: `<kind>/<name>`, or `<kind>/<name>/<id>` where that name stood for another project before. That project must allow to take over.",
        ),
        row(
            R::Mismatch,
            "Mismatch",
            False,
            false,
            Stalled,
            "The account that was found differs from the declared one in something that cannot be changed. The message says in what.",
        ),
        row(
            R::AliasChanged,
            "AliasChanged",
            False,
            false,
            Stalled,
            "The account does not carry the alias of this object any more, and nothing else proves that it is this object's. Confirm it with the annotation `composio.dev/own-account: <account id>`, or give it its alias back.",
        ),
        row(
            R::AccountNotFound,
            "AccountNotFound",
            False,
            false,
            Stalled,
            "`spec.connectedAccountId` names an account that this project does not have.",
        ),
        row(
            R::AuthConfigNotFound,
            "AuthConfigNotFound",
            False,
            false,
            Stalled,
            "The project has no such auth config. Create it, or name another.",
        ),
        row(
            R::AuthConfigDisabled,
            "AuthConfigDisabled",
            False,
            false,
            Stalled,
            "The auth config is disabled: no account can be made with it, and its accounts cannot be used. Enable it in Composio, and the operator goes on by itself. An account cannot be moved to another auth config: to use another, make a new object.",
        ),
        row(
            R::ToolkitMismatch,
            "ToolkitMismatch",
            False,
            false,
            Stalled,
            "The auth config is of another toolkit than `spec.toolkit`.",
        ),
        row(
            R::AuthConfigAmbiguous,
            "AuthConfigAmbiguous",
            False,
            false,
            Stalled,
            "The toolkit has several enabled auth configs. Name one in `spec.authConfig`.",
        ),
    ]
};

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
        self.row().word
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
