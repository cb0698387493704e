//! The reasons of events.

use crate::{crd::Reason, plan::ChangeKind};

/// The reason of an event, in PascalCase as the API conventions ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventReason {
    /// A link to sign in was issued.
    LinkIssued,
    /// A request for a link was read and has no effect.
    LinkRequestIgnored,
    /// An account that was found is managed now.
    Adopted,
    /// Another account took the place of one that was connected.
    AccountReplaced,
    /// The account became active.
    Connected,
    /// Composio did not take a sign-in for the declared user's.
    SignInNotCompleted,
    /// Somebody came back from a sign-in, and nothing proves that the page says so.
    ReturnNotVerified,
    /// The toolkit shows somebody else than before, and nobody has signed in anew.
    IdentityChanged,
    /// Somebody was expected, and the toolkit does not tell whether it is they.
    IdentityUnknown,
    /// The operator disabled the account.
    Disabled,
    /// The operator enabled the account.
    Enabled,
    /// The operator changed the account.
    Changed(ChangeKind),
    /// The operator revoked the grant.
    Revoked,
    /// The operator deleted the account.
    Deleted,
    /// The account is gone, and it was not the operator.
    AccountVanished,
    /// The status named an account that is not this object's.
    RecordRejected,
    /// The annotation on the object was written for another object.
    CopyDetected,
    /// The object goes on in another project, as a person says.
    Moved,
    /// The object is let go, and the account stays as it is.
    AccountRetained,
    /// The account did not end as declared, which the project does not allow.
    DeletionPolicyReplaced,
    /// The object is let go, and a person has given the account up.
    AccountAbandoned,
    /// The declaration cannot be read, and the object is left alone.
    NotDecoded,
    /// The object is being deleted, and cannot be let go because it cannot be read.
    DeletionBlocked,
    /// The ConfigMap in which others find the account's id could not be written.
    ConfigMapNotWritten,
    /// The conditions have a new reason that only a person can end.
    Problem(Reason),
}

impl EventReason {
    /// The reason of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkIssued => "LinkIssued",
            Self::LinkRequestIgnored => "LinkRequestIgnored",
            Self::Adopted => "Adopted",
            Self::AccountReplaced => "AccountReplaced",
            Self::Connected => "Connected",
            Self::SignInNotCompleted => "SignInNotCompleted",
            Self::ReturnNotVerified => "ReturnNotVerified",
            Self::IdentityChanged => "IdentityChanged",
            Self::IdentityUnknown => "IdentityUnknown",
            Self::Disabled => "Disabled",
            Self::Enabled => "Enabled",
            Self::Changed(change) => change.event_reason(),
            Self::Revoked => "Revoked",
            Self::Deleted => "Deleted",
            Self::AccountVanished => "AccountVanished",
            Self::RecordRejected => "RecordRejected",
            Self::CopyDetected => "CopyDetected",
            Self::Moved => "Moved",
            Self::AccountRetained => "AccountRetained",
            Self::DeletionPolicyReplaced => "DeletionPolicyReplaced",
            Self::AccountAbandoned => "AccountAbandoned",
            Self::NotDecoded => "NotDecoded",
            Self::DeletionBlocked => "DeletionBlocked",
            Self::ConfigMapNotWritten => "ConfigMapNotWritten",
            Self::Problem(reason) => reason.as_str(),
        }
    }
}
