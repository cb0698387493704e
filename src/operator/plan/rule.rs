//! The rules by which a decision is made: the table of decisions, in its order.

use strum::{EnumIter, IntoStaticStr};

/// A rule of the table of decisions. The first that fits decides; [`Rule::when`] and [`Rule::then`] are its
/// row. Rules whose name begins with `Deleting` are for objects that are being deleted; `LookAfresh` is for
/// these too, and there comes behind `DeletingProjectUnavailable`. A test holds the order against the decider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, IntoStaticStr)]
#[allow(missing_docs, reason = "`when` and `then` say what each is")]
pub enum Rule {
    NotAllowed,
    Suspended,
    ProjectMismatch,
    ProjectUnavailable,
    LookAfresh,
    Move,
    NotOurs,
    DisableAtOnce,
    HeldByAnother,
    RestoreMarks,
    Mismatch,
    NotVisibleYet,
    AccountGone,
    Unproved,
    HolderUnknown,
    FoundNotAllowed,
    Adopt,
    UnknownState,
    DeleteDuplicate,
    FinishedElsewhere,
    NotReturned,
    WrongIdentity,
    AwaitReturn,
    AccountNotFound,
    CompleteAuth,
    AwaitUser,
    GrantRevoked,
    DisabledAndDead,
    LinkOver,
    AwaitRequest,
    Enable,
    Disable,
    Share,
    ReadSecret,
    Rotate,
    Remake,
    Rename,
    PinAgain,
    AliasInUse,
    Refused,
    DoesNotConverge,
    SecretMissing,
    SecretInvalid,
    CreationRefused,
    Revive,
    Recreate,
    CredentialsRejected,
    MakeRoom,
    OutcomeUnknown,
    SignInAgain,
    DropFormerAlias,
    FindAuthConfig,
    NoAuthConfig,
    Mark,
    Link,
    Create,
    NoLongerAllowed,
    AuthConfigDisabled,
    ConnectionDataChanged,
    AsDeclared,
    DeletingUntouched,
    DeletingAbandoned,
    DeletingProjectMismatch,
    DeletingProjectUnavailable,
    DeletingMayShowUp,
    DeletingGone,
    DeletingNotOurs,
    DeletingHolderUnknown,
    DeletingRefused,
    DeletingOthersFirst,
    DeletingUnused,
    DeletingRetained,
    DeletingDelete,
    DeletingRevoke,
    DeletingProviderRefuses,
    DeletingEnable,
    DeletingRevoked,
    DeletingCannotRevoke,
    DeletingNoGrant,
}

impl Rule {
    /// The name: in logs, in metrics and for `explain`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// When it applies.
    pub fn when(self) -> &'static str {
        self.row().0
    }

    /// What is done then.
    pub fn then(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::NotAllowed => (
                "the project does not allow what is declared, and no account is proved to be this object's",
                "refuse: NotAllowed; nothing is looked at",
            ),
            Self::Suspended => ("suspended", "wait, observe and report"),
            Self::ProjectMismatch => (
                "the pin names another project, where an account is, or may be, and nobody moves the object here",
                "refuse: ProjectMismatch",
            ),
            Self::ProjectUnavailable => (
                "what is to be done needs the project, and it cannot be used now",
                "wait",
            ),
            Self::LookAfresh => (
                "what is remembered asks for something",
                "look at both sides afresh",
            ),
            Self::Move => (
                "the pin names another project, and `composio.dev/move-to-project` names this one",
                "drop the record, then pin the object to this project; leave the account there alone",
            ),
            Self::NotOurs => (
                "the recorded account is not this object's",
                "drop the record, leave the account alone",
            ),
            Self::DisableAtOnce => (
                "an active account whose grant is not to be used, as FinishedElsewhere, NotReturned or WrongIdentity says; also of an object that is suspended",
                "disable it",
            ),
            Self::HeldByAnother => ("another object manages the account", "refuse: Conflict"),
            Self::RestoreMarks => (
                "an account is, or may be, there, and finalizer or alias was taken off the object",
                "write both again",
            ),
            Self::Mismatch => (
                "what was found differs in something that cannot be changed",
                "refuse: Mismatch",
            ),
            Self::NotVisibleYet => (
                "the recorded account is not there, and was made a moment ago",
                "wait: it may not be visible yet",
            ),
            Self::AccountGone => (
                "the recorded account is gone",
                "forget it, go on as without",
            ),
            Self::Unproved => (
                "the account has another alias, and nothing proves that it is this object's",
                "refuse: AliasChanged",
            ),
            Self::HolderUnknown => (
                "an account is found, and an object that cannot be read may manage it",
                "wait",
            ),
            Self::FoundNotAllowed => (
                "an account is found that is ours and not recorded, and the project does not allow it",
                "refuse: NotAllowed",
            ),
            Self::Adopt => (
                "an account is found that is ours and not recorded",
                "pin, then record it",
            ),
            Self::UnknownState => ("the state is a word that is not known", "wait"),
            Self::DeleteDuplicate => (
                "a second account with our alias holds nobody's grant",
                "delete it, without revoking",
            ),
            Self::FinishedElsewhere => (
                "a grant that was given in another browser than the one that had asked for the link",
                "tell; at a request delete the account, without revoking, and ask for a link",
            ),
            Self::NotReturned => (
                "a grant of a project with `signIn: Bound` that was found, or of which nobody came back in the browser that had asked for the link within ten minutes",
                "as FinishedElsewhere",
            ),
            Self::WrongIdentity => (
                "a grant of somebody else than `spec.expectedIdentity` or the project's `identity` says, as it was judged when they signed in or it was found",
                "as FinishedElsewhere",
            ),
            Self::AwaitReturn => (
                "a grant of a project with `signIn: Bound`, and there is time to come back still",
                "wait: it does not count yet",
            ),
            Self::AccountNotFound => (
                "`connectedAccountId` names no account, and none was ever there",
                "refuse: AccountNotFound",
            ),
            Self::CompleteAuth => (
                "the project verifies sign-ins, and the person has come back from the link that is out, in the browser that had asked for it",
                "tell Composio that it was the declared user",
            ),
            Self::AwaitUser => ("a link waits for the person", "wait until it ends"),
            Self::GrantRevoked => ("somebody revoked the grant", "wait for a request"),
            Self::DisabledAndDead => ("disabled, and the grant is dead", "wait: nobody needs it"),
            Self::LinkOver => (
                "a link was issued, and is over: it ran out, or the sign-in failed",
                "wait for a request: each new link makes another account in Composio",
            ),
            Self::AwaitRequest => (
                "links are made on demand, nobody was connected yet, and nobody has asked",
                "wait for a request",
            ),
            Self::Enable => ("enabled, and the account is not", "enable it"),
            Self::Disable => ("disabled, and the account is not", "disable it"),
            Self::Share => ("another access list", "change it, who loses access first"),
            Self::ReadSecret => ("credentials are declared", "read the Secret"),
            Self::Rotate => ("a grant, and other data in the Secret", "send it"),
            Self::Remake => (
                "a grant, and other data in the Secret that only a new account takes",
                "delete the account, without revoking, and make it anew",
            ),
            Self::Rename => ("another alias", "rename the account"),
            Self::PinAgain => (
                "the alias on the object is not the account's",
                "write it again",
            ),
            Self::AliasInUse => ("the alias is taken", "tell, try again later"),
            Self::Refused => (
                "Composio refuses a difference, or a look",
                "tell; the others are made right",
            ),
            Self::DoesNotConverge => (
                "what was put right is changed back again and again",
                "wait, then put it right once",
            ),
            Self::SecretMissing => (
                "the Secret or a key in it is missing",
                "wait for it; the account stays as it is",
            ),
            Self::SecretInvalid => (
                "the Secret must not, or cannot, be sent",
                "wait until it is corrected; the account stays as it is",
            ),
            Self::CreationRefused => (
                "Composio refused to make the account",
                "take the alias off the object, tell",
            ),
            Self::Revive => ("credentials, no grant, other data in the Secret", "send it"),
            Self::Recreate => (
                "credentials, no grant, sending did not help or cannot",
                "delete the account, make it anew, once with that data",
            ),
            Self::CredentialsRejected => (
                "credentials, and Composio does not take them",
                "refuse: CredentialsRejected",
            ),
            Self::MakeRoom => (
                "no grant, and to start the sign-in again was refused, brought no link, or would leave out the `connectionData` that was changed since",
                "delete the account, then ask for a link",
            ),
            Self::OutcomeUnknown => (
                "an account or a link is due, and an earlier call may still bring one",
                "wait for its outcome",
            ),
            Self::SignInAgain => (
                "no grant, and the link was lost, the grant has died, or a new link is asked for",
                "start the sign-in again, on the same account",
            ),
            Self::DropFormerAlias => (
                "an account is due, the alias was changed, and nothing carries the former",
                "take the former off the object",
            ),
            Self::FindAuthConfig => ("an account is due", "read the auth config"),
            Self::NoAuthConfig => (
                "an account is due, and no auth config will do",
                "refuse, and say why",
            ),
            Self::Mark => (
                "an account is due, finalizer and alias are not on the object",
                "write both",
            ),
            Self::Link => (
                "no account, and no link was issued, or the last account had been connected",
                "ask for a link",
            ),
            Self::Create => (
                "no account, its credentials are there",
                "create it from the Secret",
            ),
            Self::NoLongerAllowed => (
                "the account is this object's, and the project does not allow it any more",
                "tell, leave it as it is; what takes access away, and other data of the Secret, is still sent",
            ),
            Self::AuthConfigDisabled => (
                "a grant, and its auth config is disabled",
                "tell, wait until it is enabled; an account that went with it is not enabled before",
            ),
            Self::ConnectionDataChanged => (
                "a grant, and other `connectionData` than it was given with",
                "tell, wait for the next sign-in",
            ),
            Self::AsDeclared => ("as declared", "nothing"),
            Self::DeletingUntouched => (
                "being deleted: nothing of it is there, or it is not to be touched",
                "let the object go",
            ),
            Self::DeletingAbandoned => (
                "the project, or the key of it, is gone, and `composio.dev/abandon` names the account or its alias",
                "let the object go, leave the account as it is",
            ),
            Self::DeletingProjectMismatch => (
                "being deleted: the account is, or may be, in a project that the pinned one has been",
                "wait until it is that again, or a person gives the account up",
            ),
            Self::DeletingProjectUnavailable => (
                "being deleted: what is to be done needs the project, and it cannot be used now",
                "wait",
            ),
            Self::DeletingMayShowUp => (
                "being deleted: an account may still be made or show up",
                "wait",
            ),
            Self::DeletingGone => ("being deleted: the account is gone", "let the object go"),
            Self::DeletingNotOurs => (
                "being deleted: what was found is not this object's",
                "let the object go",
            ),
            Self::DeletingHolderUnknown => (
                "being deleted: an account is found, and an object that cannot be read may manage it",
                "wait",
            ),
            Self::DeletingRefused => ("being deleted: Composio refuses", "tell, try again later"),
            Self::DeletingOthersFirst => (
                "being deleted: several accounts are its own",
                "end the others first; delete those without a grant, without revoking",
            ),
            Self::DeletingUnused => (
                "being deleted: `deletionPolicy: Retain`, and a link of the connect page is out, or the grant that came of one is not to be used, or not yet",
                "delete the account, without revoking",
            ),
            Self::DeletingRetained => (
                "being deleted: `deletionPolicy: Retain`, and the sign-in turns out to be a good one",
                "let the object go",
            ),
            Self::DeletingDelete => (
                "being deleted: `deletionPolicy: Delete`",
                "delete the account",
            ),
            Self::DeletingRevoke => ("being deleted: active", "revoke the grant"),
            Self::DeletingProviderRefuses => (
                "being deleted: the provider refuses to revoke",
                "wait, disabled as declared",
            ),
            Self::DeletingEnable => (
                "being deleted: disabled",
                "enable it: only an active account can be revoked",
            ),
            Self::DeletingRevoked => ("being deleted: the grant is revoked", "delete the account"),
            Self::DeletingCannotRevoke => (
                "being deleted: it cannot be revoked, or the provider has refused for `--revoke-patience`",
                "delete it, revocation asked for",
            ),
            Self::DeletingNoGrant => (
                "being deleted: no live grant is seen",
                "delete it, revocation asked for",
            ),
        }
    }
}
