use super::*;
use crate::crd::DeletionPolicy;

fn ready(status: &ConnectedAccountStatus) -> (&str, &str) {
    let ready = status.condition(condition::READY).expect("always there");
    (&ready.status, &ready.reason)
}

fn ours(state: State) -> ObservedBuilder {
    seen(account("ca_1").is(state.clone()))
        .recorded("ca_1")
        .recorded_state(state)
        .connected(ago(5000))
}

#[test]
fn a_steady_object_has_a_steady_status() {
    for wanted in [
        object(),
        object().disabled(),
        object().suspended(),
        object().made_from_secret(),
        object().ready_with_link(),
        object().asking_for_link("now").asking_for_look("now"),
        object().deleted(DeletionPolicy::Revoke),
    ] {
        for state in [
            "INITIATED",
            "ACTIVE",
            "INACTIVE",
            "EXPIRED",
            "REVOKED",
            "PAUSED",
        ] {
            for sight in sights(State::from(state)) {
                for event in events() {
                    let outcome = Outcome {
                        observed: sight.0.clone(),
                        kind: event,
                    };
                    let once = report(&wanted.0, &sight.0.recorded, &outcome, NOW);
                    let twice = report(&wanted.0, &once, &outcome, NOW);
                    assert_eq!(once, twice, "{:?}", outcome.kind);
                    if matches!(
                        outcome.kind,
                        OutcomeKind::Settled | OutcomeKind::Waiting(_) | OutcomeKind::Refused(_)
                    ) {
                        let later = ago(-60);
                        assert_eq!(
                            once,
                            report(&wanted.0, &once, &outcome, later),
                            "time alone writes nothing: {:?}",
                            outcome.kind
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_transition_time_moves_only_with_the_status() {
    let before = ours(State::Active)
        .condition(condition::READY, "True", Reason::Connected)
        .condition(condition::SYNCED, "True", Reason::Connected);
    let time = |status: &ConnectedAccountStatus, type_| {
        status
            .condition(type_)
            .expect("there")
            .last_transition_time
            .0
    };
    let status = after(&object().disabled(), &before, OutcomeKind::Settled);
    assert_eq!(ready(&status), ("True", "Disabled"));
    assert_eq!(
        time(&status, condition::READY),
        ago(600),
        "only the reason changed"
    );
    let status = after(&object(), &before, refused(Reason::Rejected));
    assert_eq!(ready(&status), ("False", "Rejected"));
    assert_eq!(time(&status, condition::READY), NOW);
    assert_eq!(time(&status, condition::SYNCED), NOW);
    assert_eq!(time(&status, condition::STALLED), NOW);
}

#[test]
fn every_reason_makes_the_conditions_of_its_row() {
    for reason in Reason::all() {
        let sight = match reason {
            // It is said with the link alone.
            Reason::AwaitingUser => seen(account("ca_1")).recorded("ca_1").good_link(),
            _ => ours(State::Active),
        };
        let status = after(&object(), &sight, waiting(reason));
        let value = |type_| status.condition(type_).map(|found| found.status.as_str());
        assert_eq!(
            value(condition::SYNCED),
            Some(if reason.synced() { "True" } else { "False" }),
            "{reason}"
        );
        let progress = match reason.progress() {
            Progress::None => (None, None),
            Progress::Reconciling => (Some("True"), None),
            Progress::Stalled => (None, Some("True")),
        };
        assert_eq!(
            (value(condition::RECONCILING), value(condition::STALLED)),
            progress,
            "{reason}"
        );
        let readiness = match reason.ready() {
            ReadyRule::True => "True",
            ReadyRule::False => "False",
            ReadyRule::Unknown | ReadyRule::Kept | ReadyRule::KeptOrFalse => "Unknown",
        };
        assert_eq!(value(condition::READY), Some(readiness), "{reason}");
        for found in &status.conditions {
            assert_eq!(found.observed_generation, Some(1), "{reason}");
            assert_eq!(found.reason, reason.as_str());
        }
        assert_eq!(status.observed_generation, Some(1));
    }
}

fn outage() -> OutcomeKind {
    failed(Reason::ComposioUnavailable, LATER)
}

#[rstest]
#[case::an_outage(object(), ours(State::Active), outage(), "True")]
#[case::a_suspended_object(object().suspended(), ours(State::Active), waiting(Reason::Suspended), "True")]
#[case::the_grant_was_seen_dead(object(), ours(State::Expired), outage(), "False")]
#[case::also_while_suspended(object().suspended(), ours(State::Expired), waiting(Reason::Suspended), "False")]
#[case::somebody_disabled_it(object(), ours(State::Inactive), outage(), "False")]
#[case::as_declared(object().disabled(), ours(State::Inactive), outage(), "True")]
#[case::dead_and_not_to_be_used(object().disabled(), ours(State::Expired), outage(), "True")]
#[case::it_is_gone(object(), seen_none().recorded("ca_1"), did(Applied::Forgotten), "False")]
#[case::a_link_is_enough(
    object().ready_with_link(), seen(account("ca_1")).recorded("ca_1").good_link(), outage(), "True"
)]
fn readiness_is_kept_while_it_fits_what_was_seen_last(
    #[case] wanted: DesiredBuilder,
    #[case] sight: ObservedBuilder,
    #[case] event: OutcomeKind,
    #[case] expected: &str,
) {
    let was_ready =
        |sight: ObservedBuilder| sight.condition(condition::READY, "True", Reason::Connected);
    let status = after(&wanted, &was_ready(sight), event);
    assert_eq!(ready(&status).0, expected);
}

#[test]
fn a_failed_look_says_nothing_new() {
    let was_waiting =
        ours(State::Active).condition(condition::READY, "False", Reason::AwaitingUser);
    assert_eq!(
        ready(&after(&object(), &was_waiting, outage())),
        ("False", "AwaitingUser"),
        "a failed look says nothing new"
    );
}

fn link() -> ObservedBuilder {
    seen(account("ca_1")).recorded("ca_1").good_link()
}

#[rstest]
#[case::the_person_is_awaited(object(), link(), Reason::AwaitingUser, ("False", "AwaitingUser"))]
#[case::a_link_is_enough(object().ready_with_link(), link(), Reason::AwaitingUser, ("True", "LinkIssued"))]
#[case::past_its_expiry_too(object().ready_with_link(), link(), Reason::LinkExpired, ("True", "LinkIssued"))]
#[case::not_without_any_link(
    object().ready_with_link(),
    seen(account("ca_1")).recorded("ca_1"),
    Reason::LinkExpired,
    ("False", "LinkExpired")
)]
#[case::not_after_the_first_connection(
    object().ready_with_link(),
    link().once_connected(),
    Reason::AwaitingUser,
    ("False", "AwaitingUser")
)]
fn ready_when_link_issued_is_content_with_a_link_until_the_first_connection(
    #[case] wanted: DesiredBuilder,
    #[case] sight: ObservedBuilder,
    #[case] event: Reason,
    #[case] expected: (&str, &str),
) {
    assert_eq!(ready(&after(&wanted, &sight, waiting(event))), expected);
}

#[test]
fn an_unused_account_that_vanished_leaves_the_link_that_was_enough() {
    let sight = seen_none()
        .recorded("ca_1")
        .link_issued(ago(3000))
        .condition(condition::READY, "True", Reason::LinkIssued);
    let status = after(&object().ready_with_link(), &sight, did(Applied::Forgotten));
    assert_eq!(ready(&status).0, "True");
    let again = seen_none().with(|observed| observed.recorded = status);
    let status = after(
        &object().ready_with_link(),
        &again,
        waiting(Reason::LinkExpired),
    );
    assert_eq!(ready(&status), ("True", "LinkIssued"));
}

#[test]
fn a_condition_of_another_controller_is_left_alone() {
    let theirs = ours(State::Active).condition("team.example/Audited", "True", Reason::Connected);
    let status = after(&object(), &theirs, OutcomeKind::Settled);
    let kept = status.condition("team.example/Audited");
    assert_eq!(kept, theirs.0.recorded.condition("team.example/Audited"));
    let again = theirs.with(|observed| observed.recorded = status.clone());
    assert_eq!(after(&object(), &again, OutcomeKind::Settled), status);
}
