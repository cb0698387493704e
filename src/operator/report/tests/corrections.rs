use super::{facts::time, *};

#[test]
fn a_duplicate_that_went_leaves_the_record_alone() {
    let sight = seen(account("ca_1").active())
        .recorded("ca_1")
        .recorded_state(State::Active)
        .connected(ago(100));
    let status = after(&object(), &sight, did(Applied::Deleted));
    assert_eq!(status.connected_account_id.as_deref(), Some("ca_1"));
    assert_eq!(time(&status.connected_at), Some(ago(100)));
}

#[test]
fn corrections_of_what_was_as_declared_are_counted_once_a_pass_and_hour() {
    let settled = || {
        seen(account("ca_1").active())
            .recorded("ca_1")
            .connected(ago(5000))
            .condition(condition::SYNCED, "True", Reason::Connected)
    };
    let count = |sight: &ObservedBuilder| {
        let status = after(&object(), sight, did(Applied::Changed));
        status.corrections.map(|tally| (tally.since.0, tally.count))
    };
    let first = settled()
        .corrected(ago(0), 0)
        .with(|observed| observed.recorded.corrections = None);
    let enabled = [enable()];
    assert_eq!(count(&first.clone().having_done(&enabled)), Some((NOW, 1)));
    let again = settled().corrected(ago(60), 1);
    assert_eq!(
        count(&again.clone().having_done(&enabled)),
        Some((ago(60), 2))
    );
    assert_eq!(
        count(&again.clone().having_done(&[enable(), share()])),
        Some((ago(60), 1)),
        "the second of a pass"
    );
    assert_eq!(
        count(&settled().corrected(ago(3600), 9).having_done(&enabled)),
        Some((NOW, 1)),
        "an hour later"
    );
    let edited = again.having_done(&enabled).with(|observed| {
        observed.recorded.observed_generation = Some(0);
        for condition in &mut observed.recorded.conditions {
            condition.observed_generation = Some(0);
        }
    });
    assert_eq!(
        count(&edited),
        None,
        "the declaration changed, not the account"
    );
}

#[test]
fn corrections_count_after_every_reason_that_leaves_nothing_to_do() {
    let settled = Reason::all().filter(|reason| reason.is_settled());
    let reasons: Vec<Reason> = settled.chain([Reason::DoesNotConverge]).collect();
    assert_eq!(reasons.len(), 5);
    for reason in reasons {
        let sight = seen(account("ca_1").active())
            .recorded("ca_1")
            .connected(ago(5000))
            .condition(condition::SYNCED, "True", reason)
            .corrected(ago(60), 1)
            .having_done(&[share()]);
        let status = after(&object(), &sight, did(Applied::Changed));
        assert_eq!(
            status.corrections.map(|tally| tally.count),
            Some(2),
            "{reason}"
        );
    }
}

#[test]
fn a_time_in_the_future_is_brought_back() {
    let sight = seen_none().unknown_since(ago(-7000));
    let status = after(&object(), &sight, waiting(Reason::OutcomeUnknown));
    assert_eq!(time(&status.unknown_since), Some(NOW));
}

#[test]
fn a_former_alias_is_waited_for_from_when_it_was_noticed() {
    let status = after(&object(), &seen_none(), waiting(Reason::OutcomeUnknown));
    assert_eq!(time(&status.unknown_since), Some(NOW));
}
