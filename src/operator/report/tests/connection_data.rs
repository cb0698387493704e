//! What is recorded of the connection data that an account was linked with.

use super::*;

fn at(subdomain: &str) -> DesiredBuilder {
    object().with(|desired| {
        desired.spec.connection_data = Some([("subdomain".into(), subdomain.into())].into());
    })
}

fn digest(wanted: &DesiredBuilder) -> Option<String> {
    Some(connection_data_digest(&wanted.0.spec))
}

fn linked() -> OutcomeKind {
    did(Applied::Linked { link: good_link() })
}

#[test]
fn a_link_records_what_it_was_asked_for_with_and_a_refresh_does_not() {
    let row = || seen(account("ca_1"));
    let status = after(&at("wrong"), &row().having_done(&[link()]), linked());
    assert_eq!(status.connection_data_digest, digest(&at("wrong")));
    let status = after(&object(), &row().having_done(&[link()]), linked());
    assert_eq!(
        status.connection_data_digest,
        digest(&object()),
        "none is recorded too"
    );

    let sent = digest(&at("wrong"));
    let before = |sight: ObservedBuilder| {
        let sent = sent.clone();
        sight.with(|observed| observed.recorded.connection_data_digest = sent)
    };
    let refreshed = before(row().recorded("ca_1").having_done(&[refresh()]));
    let status = after(&at("acme"), &refreshed, linked());
    assert_eq!(status.connection_data_digest, sent);
    let seen_again = before(row().recorded("ca_1"));
    let status = after(&at("acme"), &seen_again, waiting(Reason::AwaitingUser));
    assert_eq!(
        status.connection_data_digest, sent,
        "to look changes nothing"
    );
}

#[test]
fn of_an_account_of_which_nothing_is_recorded_what_is_declared_is() {
    let sight = seen(account("ca_1").active()).recorded("ca_1");
    let status = after(&at("acme"), &sight, OutcomeKind::Settled);
    assert_eq!(status.connection_data_digest, digest(&at("acme")));
    let status = after(&object(), &sight, OutcomeKind::Settled);
    assert_eq!(
        status.connection_data_digest, None,
        "nothing is written for it"
    );
}

#[test]
fn a_row_that_made_room_for_other_data_earns_a_link_and_leaves_no_record() {
    let lost = |wanted: &DesiredBuilder, event: Applied| {
        let sight = seen_none().recorded("ca_1").link_issued(ago(60));
        let sight = sight.with(|observed| {
            observed.recorded.connection_data_digest = digest(&at("wrong"));
        });
        after(wanted, &sight, did(event))
    };
    for event in [Applied::Deleted, Applied::Forgotten] {
        let status = lost(&at("acme"), event.clone());
        assert_eq!(status.last_link_issued_at, None, "{event:?}");
        assert_eq!(status.connection_data_digest, None);
        let status = lost(&at("wrong"), event);
        assert!(
            status.last_link_issued_at.is_some(),
            "an unused one does not"
        );
    }
}
