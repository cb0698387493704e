//! What a failed call means for the object.

use std::time::Duration;

use crate::{
    composio::{
        Endpoint,
        error::{Error, Retry},
        model::{Sensitive, State},
    },
    crd::Reason,
};

use super::{Change, Desired, Effect};

/// A look or an effect that did not go through.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Which condition it makes.
    pub reason: Reason,
    /// For the user: what was asked, what came back.
    pub message: String,
    /// How the caller goes on.
    pub answer: Answer,
}

/// How a failed call was answered, as far as the next decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not now, or by a server's fault: the same call may go through later.
    NotNow {
        /// How long Composio asks to wait, if it says so.
        after: Option<Duration>,
    },
    /// It may have taken effect.
    Unknown,
    /// Definitely refused; the status code.
    Refused(u16),
    /// What the call was about has changed or gone: look before anything else.
    LookAgain,
}

/// How a pass goes on after an effect that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It ends.
    End,
    /// It goes on with what is left to do.
    GoOn,
    /// It goes on from a fresh look.
    LookAgain,
}

impl Failure {
    /// How a pass goes on after this failure of an effect. Whatever it does, the effect is not tried
    /// again in this pass.
    pub fn next(&self, effect: &Effect, desired: &Desired) -> AfterFailure {
        match (self.answer, effect) {
            (Answer::LookAgain, _) => AfterFailure::LookAgain,
            // What refuses may do so because the person has just signed in, or because the account is
            // there already.
            (
                Answer::Refused(_),
                Effect::Link { .. }
                | Effect::Create { .. }
                | Effect::Refresh { .. }
                // A refusal may have ended the account, and a session that was used may have connected it.
                | Effect::CompleteAuth { .. },
            ) => AfterFailure::LookAgain,
            (Answer::Refused(_), _) => AfterFailure::GoOn,
            // It was enabled only to be revoked: it must not stay so until that goes through. A call
            // that nobody may make now would be made in vain.
            (Answer::NotNow { after: None } | Answer::Unknown, Effect::Revoke { .. })
                if !desired.spec.enabled && self.reason != Reason::ProjectUnavailable =>
            {
                AfterFailure::LookAgain
            }
            (Answer::NotNow { .. } | Answer::Unknown, _) => AfterFailure::End,
        }
    }

    /// A look that failed. `secrets` are the values of the object's Secret, which an answer may repeat;
    /// `None`: they are not at hand.
    pub fn of_look(error: &Error, secrets: Option<&[Sensitive]>) -> Self {
        Self::of(error, None, secrets)
    }

    /// An effect that failed; `secrets` as above.
    pub fn of_effect(error: &Error, effect: &Effect, secrets: Option<&[Sensitive]>) -> Self {
        Self::of(error, Some(effect), secrets)
    }

    /// A look that found neither the account nor any auth config that is recorded.
    pub fn of_another_project(id: &str) -> Self {
        Self {
            reason: Reason::ProjectUnavailable,
            message: format!(
                "neither account {id} nor any recorded auth config is in this project: the API key or \
                 the base URL seems to be another project's. Nothing is concluded from that"
            ),
            answer: Answer::NotNow { after: None },
        }
    }

    /// A write of the object that the apiserver refused, with what it says of that.
    pub fn of_kubernetes(message: String) -> Self {
        Self {
            reason: Reason::KubernetesRefused,
            message,
            answer: Answer::NotNow { after: None },
        }
    }

    /// A refresh that was accepted and brought no link: as good as refused.
    pub fn no_link(state: &State) -> Self {
        Self {
            reason: Reason::Rejected,
            message: format!("Composio gave no link to sign in with, and the account is {state}"),
            answer: Answer::Refused(200),
        }
    }

    /// The session of a sign-in is not at hand any more: Composio was not asked.
    pub fn no_session() -> Self {
        Self {
            reason: Reason::Rejected,
            message: "its session cannot be read any more".to_owned(),
            answer: Answer::LookAgain,
        }
    }

    /// Composio took the session for the sign-in of another account. Of that one its own object decides.
    pub fn session_of_another() -> Self {
        Self {
            reason: Reason::Rejected,
            message: "Composio completed the sign-in of another account of this user with it: the link of this object was not the one that was used"
                .to_owned(),
            answer: Answer::Refused(200),
        }
    }

    /// An account is not disabled yet because of who has signed in, since so many of its namespace were.
    pub fn put_off(most: usize, after: Duration) -> Self {
        Self {
            reason: Reason::WrongIdentity,
            message: format!(
                "the account is not disabled yet: {most} of this namespace were within a minute. If the toolkit shows people otherwise than before, correct what is expected"
            ),
            answer: Answer::NotNow { after: Some(after) },
        }
    }

    fn of(error: &Error, effect: Option<&Effect>, secrets: Option<&[Sensitive]>) -> Self {
        let status = error.status().unwrap_or_default();
        let (reason, answer) = match (error.retry(), effect) {
            _ if error.is_unauthorized() || error.refuses_project() => {
                (Reason::ProjectUnavailable, Answer::NotNow { after: None })
            }
            (Retry::After(after), _) => {
                (Reason::RateLimited, Answer::NotNow { after: Some(after) })
            }
            // The look before it went the same way: it is this call that is not known there.
            (_, Some(Effect::CompleteAuth { .. })) if error.lacks_endpoint() => {
                (Reason::Rejected, Answer::Refused(status))
            }
            // A session can be redeemed once: to try again does no harm, and no account comes of it later.
            (_, Some(Effect::CompleteAuth { .. })) if error.outcome_unknown() => {
                (Reason::ComposioUnavailable, Answer::NotNow { after: None })
            }
            (_, Some(_)) if error.outcome_unknown() => (Reason::OutcomeUnknown, Answer::Unknown),
            (_, Some(_)) if error.is_alias_in_use() => {
                (Reason::AliasInUse, Answer::Refused(status))
            }
            // A 404 on a POST that makes an account is about the auth config, not about an account.
            (Retry::Never, Some(Effect::Link { .. } | Effect::Create { .. })) if status == 404 => {
                (Reason::AuthConfigNotFound, Answer::Refused(status))
            }
            // A list has no name to be wrong in: whoever answers so is not Composio, or not ours.
            (Retry::Never, None) if status == 404 => {
                (Reason::ProjectUnavailable, Answer::NotNow { after: None })
            }
            (Retry::Gone, _) => (Reason::ComposioUnavailable, Answer::LookAgain),
            (Retry::Never, Some(Effect::Revoke { .. })) if error.is_conflict() => {
                (Reason::ComposioUnavailable, Answer::LookAgain)
            }
            (Retry::Backoff, Some(Effect::Revoke { .. })) if status == 500 => {
                (Reason::RevokeRefused, Answer::NotNow { after: None })
            }
            (Retry::Backoff, _) => (Reason::ComposioUnavailable, Answer::NotNow { after: None }),
            (Retry::Never, _) if error.is_forbidden() => {
                (Reason::Forbidden, Answer::Refused(status))
            }
            // What is asked in a look is not what was declared.
            (Retry::Never, None) => (Reason::ComposioUnavailable, Answer::NotNow { after: None }),
            // Somebody else is changing the account at this moment.
            (Retry::Never, Some(Effect::Patch { .. })) if matches!(status, 409 | 423) => {
                (Reason::ComposioUnavailable, Answer::NotNow { after: None })
            }
            (
                Retry::Never,
                Some(Effect::Patch {
                    change: Change::Credentials,
                    ..
                }),
            ) => (Reason::CredentialsRejected, Answer::Refused(status)),
            (Retry::Never, Some(Effect::Create { .. })) if error.lacks_fields() => {
                (Reason::CredentialsRejected, Answer::Refused(status))
            }
            (Retry::Never, _) => (Reason::Rejected, Answer::Refused(status)),
        };
        let mut message = error.for_user(secrets);
        if error.endpoint == Endpoint::AuthConfigs && error.is_not_understood() {
            message.push_str("; name the auth config in spec.authConfig");
        }
        if error.endpoint == Endpoint::CompleteAuth && error.lacks_endpoint() {
            message.push_str(
                ". This server does not verify sign-ins: take the verifier URL off the project, or use a base URL whose server does",
            );
        }
        Self {
            reason,
            message,
            answer,
        }
    }
}
