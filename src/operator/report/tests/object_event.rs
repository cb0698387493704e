use super::*;
use crate::{
    crd::{ConnectedAccount, DeletionPolicy, LINK_REQUESTED_ANNOTATION},
    plan::Flags,
    report::object_event::{ObjectEvent, of_status},
};

mod effects;

/// The events of the write of a status after an event.
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

fn waits(state: State) -> ObservedBuilder {
    seen(account("ca_1").is(state)).recorded("ca_1").good_link()
}

fn stalled(reason: Reason) -> ObservedBuilder {
    ours(account("ca_1").active())
        .condition(condition::SYNCED, "False", reason)
        .condition(condition::STALLED, "True", reason)
}

#[rstest]
#[case::the_person_consented(object(), waits(State::Active), OutcomeKind::Settled, &[("Connected", false)])]
#[case::an_account_that_is_to_go_connects_to_nobodys_use(
    object().deleted(DeletionPolicy::Revoke), waits(State::Active), did(Applied::Changed), &[]
)]
#[case::waiting_for_the_person(object(), waits(State::Initiated), waiting(Reason::AwaitingUser), &[])]
#[case::an_outage(
    object(),
    ours(account("ca_1").active()),
    failed(Reason::ComposioUnavailable, LATER),
    &[("ComposioUnavailable", true)]
)]
#[case::the_same_outage(
    object(), stalled(Reason::ComposioUnavailable), failed(Reason::ComposioUnavailable, LATER), &[]
)]
#[case::the_key_is_rejected(
    object(),
    ours(account("ca_1").active()),
    waiting(Reason::ProjectUnavailable),
    &[("ProjectUnavailable", true)]
)]
#[case::the_secret_of_an_account_that_is_connected_is_gone(
    object().made_from_secret(),
    ours(account("ca_1").active()),
    waiting(Reason::SecretMissing),
    &[("SecretMissing", true)]
)]
#[case::the_alias_is_another_accounts(
    object(), ours(account("ca_1").active()), waiting(Reason::AliasInUse), &[("AliasInUse", true)]
)]
#[case::the_rate_limit_is_full_again_within_a_minute(
    object(), ours(account("ca_1").active()), waiting(Reason::RateLimited), &[]
)]
#[case::the_link_ran_out(object(), waits(State::Expired), waiting(Reason::LinkExpired), &[("LinkExpired", true)])]
#[case::a_link_was_all_that_was_asked_for(
    object().ready_with_link(), waits(State::Expired), waiting(Reason::LinkExpired), &[]
)]
#[case::the_grant_died(
    object(),
    ours(account("ca_1").expired()),
    waiting(Reason::ReauthorizationRequired),
    &[("ReauthorizationRequired", true)]
)]
#[case::somebody_revoked_the_grant(
    object(),
    ours(account("ca_1").is(State::Revoked)),
    waiting(Reason::Revoked),
    &[("Revoked", true)]
)]
#[case::the_provider_does_not_revoke(
    object().deleted(DeletionPolicy::Revoke),
    ours(account("ca_1").active()),
    failed(Reason::RevokeRefused, LATER),
    &[("RevokeRefused", true)]
)]
#[case::a_refusal(object(), ours(account("ca_1").active()), refused(Reason::Rejected), &[("Rejected", true)])]
#[case::the_same_refusal(object(), stalled(Reason::Rejected), refused(Reason::Rejected), &[])]
#[case::another_refusal(object(), stalled(Reason::Rejected), refused(Reason::Forbidden), &[("Forbidden", true)])]
#[case::a_request_for_a_link_that_an_active_account_does_not_need(
    object().asking_for_link("please"),
    ours(account("ca_1").active()),
    OutcomeKind::Settled,
    &[("LinkRequestIgnored", false)]
)]
#[case::a_request_for_a_link_that_no_person_could_open(
    object().made_from_secret().asking_for_link("please"),
    ours(account("ca_1").active()),
    OutcomeKind::Settled,
    &[("LinkRequestIgnored", false)]
)]
#[case::a_request_that_was_answered_with_a_link(
    object().asking_for_link("please"),
    ours(account("ca_1").expired()),
    did(Applied::Linked { link: good_link() }),
    &[]
)]
#[case::a_suspended_object_is_asked_in_vain(
    object().suspended().asking_for_link("please"),
    ours(account("ca_1").active()),
    waiting(Reason::Suspended),
    &[]
)]
#[case::a_token_that_is_too_long_though_nobody_looked(
    asked_for_with(&"x".repeat(65)),
    ours(account("ca_1").active()).cached(),
    OutcomeKind::Settled,
    &[("LinkRequestIgnored", true)]
)]
#[case::the_longest_token(
    asked_for_with(&"x".repeat(64)),
    ours(account("ca_1").active()),
    OutcomeKind::Settled,
    &[("LinkRequestIgnored", false)]
)]
fn each_turn_of_the_status_is_told(
    #[case] wanted: DesiredBuilder,
    #[case] sight: ObservedBuilder,
    #[case] event: OutcomeKind,
    #[case] expected: &[(&str, bool)],
) {
    assert_eq!(words(&written(&wanted, &sight, event)), expected);
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
