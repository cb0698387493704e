use super::*;
use crate::crd::DeletionPolicy;

pub(super) fn time(time: &Option<MicroTime>) -> Option<Timestamp> {
    time.as_ref().map(|time| time.0)
}

fn linked() -> OutcomeKind {
    did(Applied::Linked { link: good_link() })
}

#[test]
fn each_effect_leaves_its_facts() {
    let status = after(
        &object(),
        &seen(account("ca_1").active()),
        did(Applied::Adopted),
    );
    assert_eq!(status.connected_account_id.as_deref(), Some("ca_1"));
    assert_eq!(status.auth_config.as_deref(), Some("ac_1"));
    assert_eq!(status.state.as_deref(), Some("ACTIVE"));
    assert_eq!(time(&status.connected_at), Some(NOW));
    assert_eq!(time(&status.first_connected_at), Some(NOW));

    let status = after(
        &object(),
        &seen(account("ca_1").inactive()),
        did(Applied::Adopted),
    );
    assert_eq!(
        time(&status.connected_at),
        Some(NOW),
        "a disabled account has a grant"
    );

    let status = after(
        &object(),
        &seen(account("ca_1").expired()),
        did(Applied::Adopted),
    );
    assert_eq!(time(&status.connected_at), None);

    let asking = object().asking_for_link("now");
    let status = after(
        &asking,
        &seen(account("ca_1").is(State::Initializing)),
        linked(),
    );
    assert_eq!(status.connected_account_id.as_deref(), Some("ca_1"));
    assert_eq!(status.link, Some(good_link()));
    assert_eq!(time(&status.last_link_issued_at), Some(NOW));
    assert_eq!(status.last_handled_link_request.as_deref(), Some("now"));

    let created = did(Applied::Created);
    let status = after(
        &object().made_from_secret(),
        &seen(account("ca_1").active()).with_secret(),
        created,
    );
    assert_eq!(status.credentials.expect("told").resource_version, "7");
    assert_eq!(time(&status.connected_at), Some(NOW));

    let tried = seen(account("ca_1").is(State::Revoked))
        .recorded("ca_1")
        .revoke_refused(ago(100), 3);
    let status = after(
        &object(),
        &tried,
        did(Applied::Revoked { tokens: Vec::new() }),
    );
    assert_eq!(status.revoke_refusals, None);
    assert_eq!(status.state.as_deref(), Some("REVOKED"));
}

#[test]
fn what_is_gone_is_forgotten_with_all_that_was_its_own() {
    let connected = || {
        seen_none()
            .recorded("ca_1")
            .recorded_state(State::Active)
            .good_link()
            .connected(ago(50))
            .unknown_since(ago(40))
    };
    for event in [Applied::Forgotten, Applied::Deleted] {
        let status = after(&object(), &connected(), did(event.clone()));
        assert_eq!(status.connected_account_id, None);
        assert_eq!(status.state, None);
        assert_eq!(status.link, None);
        assert_eq!(status.connected_at, None);
        assert_eq!(status.last_link_issued_at, None, "it earns a new link");
        assert_eq!(status.unknown_since, None, "what was unknown is known");
        assert_eq!(
            time(&status.first_connected_at),
            Some(ago(50)),
            "never cleared"
        );
        let unused = seen_none().recorded("ca_1").link_issued(ago(900));
        let status = after(&object(), &unused, did(event));
        assert_eq!(
            time(&status.last_link_issued_at),
            Some(ago(900)),
            "an unused one earns none"
        );
    }
    let deleted = object().deleted(DeletionPolicy::Delete);
    let status = after(&deleted, &connected(), did(Applied::Deleted));
    assert_eq!(
        status.connected_account_id.as_deref(),
        Some("ca_1"),
        "the proof that there was one"
    );
}

fn seen_as(before: State, now: State) -> ObservedBuilder {
    let sight = seen(account("ca_1").is(now))
        .recorded("ca_1")
        .recorded_state(before);
    sight.connected(ago(5000))
}

#[rstest]
#[case::the_person_consented(
    seen(account("ca_1").active())
        .recorded("ca_1")
        .recorded_state(State::Initiated),
    OutcomeKind::Settled,
    Some(NOW)
)]
#[case::still_active(
    seen_as(State::Active, State::Active),
    OutcomeKind::Settled,
    Some(ago(5000))
)]
#[case::authorised_again(
    seen_as(State::Expired, State::Active),
    OutcomeKind::Settled,
    Some(NOW)
)]
#[case::enabling_is_no_consent(
    seen_as(State::Inactive, State::Active),
    OutcomeKind::Settled,
    Some(ago(5000))
)]
#[case::nor_is_disabling(
    seen_as(State::Active, State::Inactive),
    did(Applied::Changed),
    Some(ago(5000))
)]
#[case::disabled_in_the_very_pass_that_saw_it_connect(
    seen(account("ca_1").inactive())
        .recorded("ca_1")
        .recorded_state(State::Initiated),
    did(Applied::Changed),
    Some(NOW)
)]
#[case::disabled_by_somebody_never_seen_active(
    seen(account("ca_1").inactive())
        .recorded("ca_1")
        .recorded_state(State::Initiated),
    waiting(Reason::LinkExpired),
    None
)]
#[case::a_dead_grant_keeps_the_time(
    seen_as(State::Active, State::Expired),
    waiting(Reason::Revoked),
    Some(ago(5000))
)]
fn connected_at_is_the_last_entry_into_active(
    #[case] sight: ObservedBuilder,
    #[case] event: OutcomeKind,
    #[case] expected: Option<Timestamp>,
) {
    let status = after(&object(), &sight, event);
    assert_eq!(time(&status.connected_at), expected);
    let first = sight.0.recorded.first_connected_at.clone();
    assert_eq!(time(&status.first_connected_at), time(&first).or(expected));
}

#[test]
fn a_link_is_shown_only_while_it_can_be_used() {
    let row = |state| {
        seen(account("ca_1").is(state))
            .recorded("ca_1")
            .recorded_state(State::Initiated)
    };
    let wait = || waiting(Reason::AwaitingUser);
    let shown = |sight: ObservedBuilder| after(&object(), &sight, wait()).link.is_some();
    assert!(shown(row(State::Initiated).good_link()));
    assert!(!shown(row(State::Active).good_link()), "it was used");
    assert!(!shown(row(State::Failed).good_link()), "the flow is over");
    assert!(!shown(row(State::Initiated).link_until(NOW)), "it ran out");
    assert!(
        !shown(not_looked().recorded("ca_1").link_until(NOW)),
        "it ran out unseen"
    );
    assert!(
        shown(not_looked().recorded("ca_1").good_link()),
        "nothing is known against it"
    );

    let refreshed = after(&object(), &row(State::Expired), linked());
    assert_eq!(
        refreshed.link,
        Some(good_link()),
        "a refreshed account may stay dead until the person is done"
    );
    assert_eq!(refreshed.state.as_deref(), Some("EXPIRED"));
}

fn asking() -> DesiredBuilder {
    object().asking_for_link("now").asking_for_look("now")
}

fn row(state: State) -> ObservedBuilder {
    seen(account("ca_1").is(state)).recorded("ca_1")
}

#[rstest]
#[case::a_live_account_needs_no_link(asking(), row(State::Active), (true, true))]
#[case::a_disabled_one_neither(asking(), row(State::Inactive).connected(ago(9)), (true, true))]
#[case::one_that_never_was_connected_does(asking(), row(State::Inactive), (false, true))]
#[case::a_dead_one_does(asking(), row(State::Expired), (false, true))]
#[case::nobody_signs_in_to_one_from_a_secret(asking().made_from_secret(), row(State::Expired), (true, true))]
#[case::even_before_there_is_one(asking().made_from_secret(), seen_none(), (true, true))]
#[case::what_is_remembered_answers_nothing(asking(), row(State::Active).cached(), (false, false))]
#[case::requests_to_a_suspended_object_wait(asking().suspended(), row(State::Active), (false, false))]
fn a_request_is_answered_by_a_fresh_look_only(
    #[case] wanted: DesiredBuilder,
    #[case] sight: ObservedBuilder,
    #[case] expected: (bool, bool),
) {
    let answered = |wanted: &DesiredBuilder, sight: &ObservedBuilder| {
        let status = after(wanted, sight, waiting(Reason::Suspended));
        (
            status.last_handled_link_request.is_some(),
            status.last_handled_reconcile_at.is_some(),
        )
    };
    assert_eq!(answered(&wanted, &sight), expected);
}

#[test]
fn an_unknown_outcome_counts_from_the_last_one_until_it_is_known() {
    let unknown = || failed(Reason::OutcomeUnknown, Answer::Unknown);
    let since =
        |sight: &ObservedBuilder, event| time(&after(&object(), sight, event).unknown_since);
    let row = || {
        seen(account("ca_1").active())
            .recorded("ca_1")
            .unknown_since(ago(90))
    };
    let none = || seen_none().unknown_since(ago(90));
    assert_eq!(since(&seen_none(), unknown()), Some(NOW));
    assert_eq!(
        since(&none(), unknown()),
        Some(NOW),
        "a second one begins anew"
    );
    for event in [
        did(Applied::Changed),
        did(Applied::Adopted),
        linked(),
        OutcomeKind::Settled,
        waiting(Reason::AwaitingUser),
        refused(Reason::Rejected),
    ] {
        assert_eq!(since(&row(), event.clone()), None, "{event:?}");
    }
    for event in [
        did(Applied::Marked),
        waiting(Reason::OutcomeUnknown),
        waiting(Reason::AliasInUse),
        failed(Reason::ComposioUnavailable, LATER),
        OutcomeKind::Failed(rejected()),
    ] {
        assert_eq!(since(&none(), event.clone()), Some(ago(90)), "{event:?}");
    }
    assert_eq!(
        time(&after(&object().unpinned(), &none(), did(Applied::Marked)).unknown_since),
        None,
        "the pin went: no account carries the alias"
    );
}

#[test]
fn refusals_of_the_provider_are_counted() {
    let refusal = || failed(Reason::RevokeRefused, LATER);
    let deleted = object().deleted(DeletionPolicy::Revoke);
    let row = || seen(account("ca_1").active()).recorded("ca_1");
    let first = after(&deleted, &row(), refusal())
        .revoke_refusals
        .expect("counted");
    assert_eq!((first.since.0, first.count), (NOW, 1));
    let sixth = after(&deleted, &row().revoke_refused(ago(4000), 5), refusal());
    let sixth = sixth.revoke_refusals.expect("counted");
    assert_eq!((sixth.since.0, sixth.count), (ago(4000), 6));
    let outage = after(
        &deleted,
        &row().revoke_refused(ago(4000), 5),
        failed(Reason::OutcomeUnknown, Answer::Unknown),
    );
    assert_eq!(
        outage.revoke_refusals.expect("kept").count,
        5,
        "an outage is no refusal"
    );
}

#[test]
fn a_failed_look_leaves_what_was_seen() {
    let sight = not_looked()
        .recorded("ca_1")
        .recorded_state(State::Active)
        .connected(ago(50))
        .good_link();
    let before = sight.0.recorded.clone();
    let mut status = after(
        &object(),
        &sight,
        failed(Reason::ComposioUnavailable, LATER),
    );
    status.conditions.clear();
    status.observed_generation = None;
    assert_eq!(status, before);
}

#[test]
fn a_foreign_reason_is_cut() {
    let long = account("ca_1").with(|row| row.state_reason = Some("ü".repeat(300)));
    let status = after(
        &object(),
        &seen(long).recorded("ca_1"),
        OutcomeKind::Settled,
    );
    assert_eq!(status.state_reason.expect("told").chars().count(), 256);
}

#[test]
fn what_nobody_could_tell_again_must_be_kept() {
    let nothing = ConnectedAccountStatus::default();
    let linked = after(&object(), &seen(account("ca_1")), linked());
    assert!(must_be_kept(&nothing, &linked), "id and link");
    assert!(!must_be_kept(&linked, &linked));
    assert!(
        !must_be_kept(&linked, &nothing),
        "what is gone is found to be gone again"
    );
    let row = seen(account("ca_1")).recorded("ca_1");
    let settled = after(&object(), &row, OutcomeKind::Settled);
    assert!(
        !must_be_kept(&row.0.recorded, &settled),
        "a look can be repeated"
    );
}
