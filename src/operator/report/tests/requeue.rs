use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

const POLICY: RequeuePolicy = RequeuePolicy {
    min: Duration::from_secs(5),
    max: Duration::from_secs(600),
    slow: Duration::from_secs(1800),
    secret: Duration::from_secs(300),
};

/// The wait after an event, when Synced has been false for so many seconds.
fn wait_after(outcome: OutcomeKind, failing_for: Option<i64>) -> Option<u64> {
    let mut status = not_looked().0.recorded;
    if let Some(seconds) = failing_for {
        let sight = not_looked().condition(condition::SYNCED, "False", Reason::ComposioUnavailable);
        status = sight.0.recorded;
        status.conditions[0].last_transition_time = Time(ago(seconds));
    }
    requeue_after(&object().0, &status, &outcome, POLICY, NOW).map(|wait| wait.as_secs())
}

fn until(seconds: i64) -> OutcomeKind {
    OutcomeKind::Waiting(Wait {
        reason: Reason::AwaitingUser,
        detail: String::new(),
        until: Some(ago(-seconds)),
    })
}

#[test]
fn the_next_look_is_taken_when_it_can_change_something() {
    let outage = || failed(Reason::ComposioUnavailable, LATER);
    let told = |seconds| Answer::NotNow {
        after: Some(Duration::from_secs(seconds)),
    };
    for (sentence, outcome, failing_for, expected) in [
        ("nothing is to be done", OutcomeKind::Settled, None, None),
        (
            "a person is awaited, without a time",
            waiting(Reason::Revoked),
            None,
            None,
        ),
        ("a time to wait for", until(540), None, Some(540)),
        (
            "it counts also while something fails",
            until(540),
            Some(60),
            Some(540),
        ),
        (
            "a time that is over is no reason to come at once",
            until(0),
            None,
            Some(5),
        ),
        ("nor one long ago", until(-100), None, Some(5)),
        (
            "nor again and again while it fails",
            until(-100),
            Some(80),
            Some(80),
        ),
        ("the first failure", outage(), Some(0), Some(5)),
        (
            "the wait is as long as the failure has lasted",
            outage(),
            Some(40),
            Some(40),
        ),
        ("so it doubles", outage(), Some(80), Some(80)),
        ("up to a limit", outage(), Some(9000), Some(600)),
        ("a clock that went back", outage(), Some(-50), Some(5)),
        (
            "a missing Secret is waited for so, too",
            waiting(Reason::SecretMissing),
            Some(40),
            Some(40),
        ),
        (
            "Retry-After is obeyed in full",
            failed(Reason::RateLimited, told(3600)),
            Some(1),
            Some(3600),
        ),
        (
            "an unknown outcome",
            failed(Reason::OutcomeUnknown, Answer::Unknown),
            Some(0),
            Some(5),
        ),
        (
            "only a person can help",
            refused(Reason::Mismatch),
            Some(40),
            Some(1800),
        ),
        (
            "a look that was refused",
            OutcomeKind::Failed(rejected()),
            Some(40),
            Some(1800),
        ),
    ] {
        assert_eq!(wait_after(outcome, failing_for), expected, "{sentence}");
    }
}

#[test]
fn a_secret_is_looked_at_again_by_time_alone() {
    let wanted = || object().made_from_secret();
    let deleted = wanted().deleted(crate::crd::DeletionPolicy::Delete);
    for (sentence, wanted, outcome, expected) in [
        (
            "it may change at any time",
            wanted(),
            OutcomeKind::Settled,
            Some(300),
        ),
        (
            "also when it is the Secret that is wrong",
            wanted(),
            refused(Reason::CredentialsRejected),
            Some(300),
        ),
        (
            "nothing is sent while suspended",
            wanted().suspended(),
            waiting(Reason::Suspended),
            None,
        ),
        (
            "nor for what is being deleted",
            deleted,
            waiting(Reason::Deleting),
            None,
        ),
        ("there is no Secret", object(), OutcomeKind::Settled, None),
    ] {
        let status = not_looked().0.recorded;
        let wait = requeue_after(&wanted.0, &status, &outcome, POLICY, NOW);
        assert_eq!(wait.map(|wait| wait.as_secs()), expected, "{sentence}");
    }
    let requeue_policy = RequeuePolicy {
        secret: Duration::from_secs(7200),
        ..POLICY
    };
    let outcome = refused(Reason::CredentialsRejected);
    let wait = requeue_after(
        &wanted().0,
        &not_looked().0.recorded,
        &outcome,
        requeue_policy,
        NOW,
    );
    assert_eq!(
        wait,
        Some(requeue_policy.slow),
        "never later than any refusal"
    );
}
