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

fn outage() -> OutcomeKind {
    failed(Reason::ComposioUnavailable, LATER)
}

fn told(seconds: u64) -> Answer {
    Answer::NotNow {
        after: Some(Duration::from_secs(seconds)),
    }
}

#[rstest]
#[case::nothing_is_to_be_done(OutcomeKind::Settled, None, None)]
#[case::a_person_is_awaited_without_a_time(waiting(Reason::Revoked), None, None)]
#[case::a_time_to_wait_for(until(540), None, Some(540))]
#[case::it_counts_also_while_something_fails(until(540), Some(60), Some(540))]
#[case::a_time_that_is_over_is_no_reason_to_come_at_once(until(0), None, Some(5))]
#[case::nor_one_long_ago(until(-100), None, Some(5))]
#[case::nor_again_and_again_while_it_fails(until(-100), Some(80), Some(80))]
#[case::the_first_failure(outage(), Some(0), Some(5))]
#[case::the_wait_is_as_long_as_the_failure_has_lasted(outage(), Some(40), Some(40))]
#[case::so_it_doubles(outage(), Some(80), Some(80))]
#[case::up_to_a_limit(outage(), Some(9000), Some(600))]
#[case::a_clock_that_went_back(outage(), Some(-50), Some(5))]
#[case::a_missing_secret_is_waited_for_so_too(waiting(Reason::SecretMissing), Some(40), Some(40))]
#[case::retry_after_is_obeyed_in_full(failed(Reason::RateLimited, told(3600)), Some(1), Some(3600))]
#[case::an_unknown_outcome(failed(Reason::OutcomeUnknown, Answer::Unknown), Some(0), Some(5))]
#[case::only_a_person_can_help(refused(Reason::Mismatch), Some(40), Some(1800))]
#[case::a_look_that_was_refused(OutcomeKind::Failed(rejected()), Some(40), Some(1800))]
fn the_next_look_is_taken_when_it_can_change_something(
    #[case] outcome: OutcomeKind,
    #[case] failing_for: Option<i64>,
    #[case] expected: Option<u64>,
) {
    assert_eq!(wait_after(outcome, failing_for), expected);
}

fn wanted() -> DesiredBuilder {
    object().made_from_secret()
}

#[rstest]
#[case::it_may_change_at_any_time(wanted(), OutcomeKind::Settled, Some(300))]
#[case::also_when_it_is_the_secret_that_is_wrong(
    wanted(),
    refused(Reason::CredentialsRejected),
    Some(300)
)]
#[case::nothing_is_sent_while_suspended(wanted().suspended(), waiting(Reason::Suspended), None)]
#[case::nor_for_what_is_being_deleted(
    wanted().deleted(crate::crd::DeletionPolicy::Delete), waiting(Reason::Deleting), None
)]
#[case::there_is_no_secret(object(), OutcomeKind::Settled, None)]
fn a_secret_is_looked_at_again_by_time_alone(
    #[case] wanted: DesiredBuilder,
    #[case] outcome: OutcomeKind,
    #[case] expected: Option<u64>,
) {
    let status = not_looked().0.recorded;
    let wait = requeue_after(&wanted.0, &status, &outcome, POLICY, NOW);
    assert_eq!(wait.map(|wait| wait.as_secs()), expected);
}

#[test]
fn what_is_refused_of_a_secret_is_looked_at_again_no_later_than_any_refusal() {
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
