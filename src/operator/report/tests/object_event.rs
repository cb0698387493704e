use super::*;
use crate::{
    crd::{ConnectedAccount, DeletionPolicy, LINK_REQUESTED_ANNOTATION},
    plan::Flags,
    report::object_event::{ObjectEvent, of_status},
};

mod effects;

/// The news of the write of a status after an event.
fn written(
    wanted: &DesiredBuilder,
    sight: &ObservedBuilder,
    event: OutcomeKind,
) -> Vec<ObjectEvent> {
    let status = after(wanted, sight, event);
    of_status(&wanted.0, &sight.0.recorded, &status)
}

fn words(events: &[ObjectEvent]) -> Vec<(&'static str, bool)> {
    events
        .iter()
        .map(|event| (event.reason.as_str(), event.warning))
        .collect()
}

fn ours(row: crate::plan::tests::build::Row) -> ObservedBuilder {
    let state = row.0.state.clone();
    seen(row)
        .recorded("ca_1")
        .recorded_state(state)
        .connected(ago(5000))
}

fn asked_for_with(token: &str) -> DesiredBuilder {
    let mut object = ConnectedAccount::new("support-gmail", object().0.spec);
    object.metadata.annotations = Some([(LINK_REQUESTED_ANNOTATION.into(), token.into())].into());
    DesiredBuilder(Desired::of(&object, &Flags::default()))
}

#[test]
fn each_turn_of_the_status_is_told() {
    let waits = |state| seen(account("ca_1").is(state)).recorded("ca_1").good_link();
    let stalled = |reason| {
        ours(account("ca_1").active())
            .condition(condition::SYNCED, "False", reason)
            .condition(condition::STALLED, "True", reason)
    };
    let none: &[(&str, bool)] = &[];
    for (sentence, wanted, sight, event, expected) in [
        (
            "the person consented",
            object(),
            waits(State::Active),
            OutcomeKind::Settled,
            &[("Connected", false)][..],
        ),
        (
            "an account that is to go connects to nobody's use",
            object().deleted(DeletionPolicy::Revoke),
            waits(State::Active),
            did(Applied::Changed),
            none,
        ),
        (
            "waiting for the person",
            object(),
            waits(State::Initiated),
            waiting(Reason::AwaitingUser),
            none,
        ),
        (
            "an outage",
            object(),
            ours(account("ca_1").active()),
            failed(Reason::ComposioUnavailable, LATER),
            &[("ComposioUnavailable", true)],
        ),
        (
            "the same outage",
            object(),
            stalled(Reason::ComposioUnavailable),
            failed(Reason::ComposioUnavailable, LATER),
            none,
        ),
        (
            "the key is rejected",
            object(),
            ours(account("ca_1").active()),
            waiting(Reason::ProjectUnavailable),
            &[("ProjectUnavailable", true)],
        ),
        (
            "the Secret of an account that is connected is gone",
            object().made_from_secret(),
            ours(account("ca_1").active()),
            waiting(Reason::SecretMissing),
            &[("SecretMissing", true)],
        ),
        (
            "the alias is another account's",
            object(),
            ours(account("ca_1").active()),
            waiting(Reason::AliasInUse),
            &[("AliasInUse", true)],
        ),
        (
            "the rate limit is full again within a minute",
            object(),
            ours(account("ca_1").active()),
            waiting(Reason::RateLimited),
            none,
        ),
        (
            "the link ran out",
            object(),
            waits(State::Expired),
            waiting(Reason::LinkExpired),
            &[("LinkExpired", true)],
        ),
        (
            "a link was all that was asked for",
            object().ready_with_link(),
            waits(State::Expired),
            waiting(Reason::LinkExpired),
            none,
        ),
        (
            "the grant died",
            object(),
            ours(account("ca_1").expired()),
            waiting(Reason::ReauthorizationRequired),
            &[("ReauthorizationRequired", true)],
        ),
        (
            "somebody revoked the grant",
            object(),
            ours(account("ca_1").is(State::Revoked)),
            waiting(Reason::Revoked),
            &[("Revoked", true)],
        ),
        (
            "the provider does not revoke",
            object().deleted(DeletionPolicy::Revoke),
            ours(account("ca_1").active()),
            failed(Reason::RevokeRefused, LATER),
            &[("RevokeRefused", true)],
        ),
        (
            "a refusal",
            object(),
            ours(account("ca_1").active()),
            refused(Reason::Rejected),
            &[("Rejected", true)],
        ),
        (
            "the same refusal",
            object(),
            stalled(Reason::Rejected),
            refused(Reason::Rejected),
            none,
        ),
        (
            "another refusal",
            object(),
            stalled(Reason::Rejected),
            refused(Reason::Forbidden),
            &[("Forbidden", true)],
        ),
        (
            "a request for a link that an active account does not need",
            object().asking_for_link("please"),
            ours(account("ca_1").active()),
            OutcomeKind::Settled,
            &[("LinkRequestIgnored", false)],
        ),
        (
            "a request for a link that no person could open",
            object().made_from_secret().asking_for_link("please"),
            ours(account("ca_1").active()),
            OutcomeKind::Settled,
            &[("LinkRequestIgnored", false)],
        ),
        (
            "a request that was answered with a link",
            object().asking_for_link("please"),
            ours(account("ca_1").expired()),
            did(Applied::Linked { link: good_link() }),
            none,
        ),
        (
            "a suspended object is asked in vain",
            object().suspended().asking_for_link("please"),
            ours(account("ca_1").active()),
            waiting(Reason::Suspended),
            none,
        ),
        (
            "a token that is too long, though nobody looked",
            asked_for_with(&"x".repeat(65)),
            ours(account("ca_1").active()).cached(),
            OutcomeKind::Settled,
            &[("LinkRequestIgnored", true)],
        ),
        (
            "the longest token",
            asked_for_with(&"x".repeat(64)),
            ours(account("ca_1").active()),
            OutcomeKind::Settled,
            &[("LinkRequestIgnored", false)],
        ),
    ] {
        assert_eq!(
            words(&written(&wanted, &sight, event)),
            expected,
            "{sentence}"
        );
    }
}

#[test]
fn the_same_outcome_is_told_once() {
    let mut outcomes = events();
    outcomes.push(failed(Reason::RevokeRefused, LATER));
    for wanted in [
        object(),
        object().disabled(),
        object().suspended(),
        object().made_from_secret(),
        object().asking_for_link("please"),
        asked_for_with(&"x".repeat(65)),
        object().deleted(DeletionPolicy::Revoke),
    ] {
        for state in ["INITIATED", "ACTIVE", "INACTIVE", "EXPIRED", "REVOKED"] {
            for sight in sights(State::from(state)) {
                for event in &outcomes {
                    let once = after(&wanted, &sight, event.clone());
                    let again = sight
                        .clone()
                        .with(|observed| observed.recorded = once.clone());
                    assert_eq!(
                        written(&wanted, &again, event.clone()),
                        [],
                        "{event:?} on {state}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_note_says_what_the_condition_says_but_for_urls_and_the_end_of_a_long_one() {
    let refuse = |detail: &str| {
        let refusal = OutcomeKind::Refused(Refusal {
            reason: Reason::Rejected,
            detail: detail.to_owned(),
        });
        let events = written(&object(), &ours(account("ca_1").active()), refusal);
        events.into_iter().next().expect("a refusal is told").note
    };
    let note = refuse("the alias is taken");
    assert!(
        note.starts_with("the alias is taken. Composio refused"),
        "{note}"
    );
    assert!(note.ends_with("change the object."), "{note}");
    let note = refuse("see https://connect.example/1 for more");
    assert!(note.starts_with("see [URL] for more. "), "{note}");
    let note = refuse(&"ä".repeat(1000));
    assert!((1020..=1024).contains(&note.len()), "{}", note.len());
    assert!(note.ends_with("ä…"), "{note}");
}
