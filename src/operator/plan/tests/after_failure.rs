//! How a pass goes on after an effect that failed.

use super::*;

#[test]
fn how_a_pass_goes_on_follows_from_the_failure_and_the_effect() {
    let later = Answer::NotNow { after: None };
    let pause = Answer::NotNow {
        after: Some(std::time::Duration::from_secs(7)),
    };
    let no = Answer::Refused(400);
    let (enabled, disabled) = (object, || object().disabled());
    for (sentence, wanted, effect, reason, answer, expected) in [
        (
            "what has changed is looked at",
            enabled(),
            enable(),
            Reason::ComposioUnavailable,
            Answer::LookAgain,
            AfterFailure::LookAgain,
        ),
        (
            "a link that is refused may be there already",
            enabled(),
            link(),
            Reason::AliasInUse,
            no,
            AfterFailure::LookAgain,
        ),
        (
            "an account that is refused, too",
            enabled(),
            create(),
            Reason::AliasInUse,
            no,
            AfterFailure::LookAgain,
        ),
        (
            "where a sign-in is not to be started again the person may have just signed in",
            enabled(),
            refresh(),
            Reason::Rejected,
            no,
            AfterFailure::LookAgain,
        ),
        (
            "the others are not held up by a refusal",
            enabled(),
            rename("a"),
            Reason::AliasInUse,
            no,
            AfterFailure::GoOn,
        ),
        (
            "an account that was enabled only to be revoked is disabled again",
            disabled(),
            revoke(),
            Reason::RevokeRefused,
            later,
            AfterFailure::LookAgain,
        ),
        (
            "also where nobody knows what came of the call",
            disabled(),
            revoke(),
            Reason::OutcomeUnknown,
            Answer::Unknown,
            AfterFailure::LookAgain,
        ),
        (
            "one that was enabled all along stays so",
            enabled(),
            revoke(),
            Reason::RevokeRefused,
            later,
            AfterFailure::End,
        ),
        (
            "where no call may be made, none is tried",
            disabled(),
            revoke(),
            Reason::ProjectUnavailable,
            later,
            AfterFailure::End,
        ),
        (
            "what Composio asks to wait for is waited for",
            disabled(),
            revoke(),
            Reason::RateLimited,
            pause,
            AfterFailure::End,
        ),
        (
            "of another effect nothing was enabled",
            disabled(),
            rename("a"),
            Reason::ComposioUnavailable,
            later,
            AfterFailure::End,
        ),
        (
            "also where nobody knows what came of that",
            disabled(),
            rename("a"),
            Reason::OutcomeUnknown,
            Answer::Unknown,
            AfterFailure::End,
        ),
    ] {
        let next = failure(reason, answer).next(&effect, &wanted.0);
        assert_eq!(next, expected, "{sentence}");
    }
}
