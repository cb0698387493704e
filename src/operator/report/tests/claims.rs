//! When an account is recorded as this object's own.

use super::{facts::time, *};

fn linked() -> OutcomeKind {
    did(Applied::Linked { link: good_link() })
}

#[test]
fn only_a_sign_in_by_a_link_of_this_object_makes_an_adopted_account_its_own() {
    let called = || object().called("support").pinned_to_nothing();
    let found = |state| seen(account("ca_1").called("support").is(state));
    let copied = found(State::Active)
        .named_by_status("ca_1")
        .recorded_state(State::Initiated)
        .link_until(ago(-60));
    let status = after(&called(), &copied, OutcomeKind::Settled);
    assert!(
        status.adopted.is_some() && status.record.is_none(),
        "the link came along with a copied status: {status:?}"
    );

    let expired = found(State::Expired).named_by_status("ca_1").adopted();
    let linked = after(&called(), &expired, linked());
    assert!(linked.adopted.is_some(), "nobody has signed in yet");
    let later = |status: &ConnectedAccountStatus, wanted: &DesiredBuilder| {
        let seen = found(State::Active).with(|observed| observed.recorded = status.clone());
        after(wanted, &seen, OutcomeKind::Settled)
    };
    let waits = found(State::Initiated).with(|observed| observed.recorded = linked.clone());
    let waits = after(&called(), &waits, waiting(Reason::AwaitingUser));
    assert_eq!(
        waits.record, linked.record,
        "it says the same while it waits"
    );
    let own = later(&waits, &called());
    assert!(own.adopted.is_none() && own.record.is_some(), "{own:?}");
    let copy = called().with(|desired| desired.own_alias = "agents-copy-aaaaaaaaaaaaaaaa".into());
    let status = later(&waits, &copy);
    assert!(
        status.adopted.is_some() && status.record.is_none(),
        "the link was issued by another object: {status:?}"
    );
}

#[test]
fn an_account_that_is_only_named_is_signed_when_it_was_decided_that_nobody_else_has_it() {
    let named = seen(account("ca_1").active().called("theirs")).named_by_status("ca_1");
    let given = || object().given("ca_1");
    let is_signed = |wanted: &DesiredBuilder, sight: &ObservedBuilder, event| {
        after(wanted, sight, event).record.is_some()
    };
    for event in [waiting(Reason::Suspended), refused(Reason::Conflict)] {
        assert!(!is_signed(&given(), &named, event.clone()), "{event:?}");
        let declared = object().taking_over("ca_1");
        assert!(!is_signed(&declared, &named, event.clone()), "{event:?}");
    }
    let remembered = named.clone().cached();
    assert!(!is_signed(&given(), &remembered, OutcomeKind::Settled));
    assert!(is_signed(&given(), &named, OutcomeKind::Settled));
    assert!(is_signed(&given(), &named, did(Applied::Adopted)));
    let own = seen(account("ca_1").active())
        .named_by_status("ca_1")
        .cached();
    assert!(
        is_signed(&object(), &own, waiting(Reason::Suspended)),
        "by its alias"
    );
}

#[test]
fn after_a_record_of_another_object_what_was_made_a_moment_ago_is_still_waited_for() {
    let copied = |made| seen_none().named_by_status("ca_9").link_issued(made);
    let unknown_since = |made| {
        let status = after(&object(), &copied(made), did(Applied::Forgotten));
        assert_eq!(status.connected_account_id, None);
        time(&status.unknown_since)
    };
    assert_eq!(unknown_since(ago(5)), Some(NOW));
    assert_eq!(unknown_since(ago(900)), None);
}
