//! Connection data that is declared otherwise than it was when the account was linked.

use super::*;
use crate::composio::model::State;

/// Of that subdomain.
fn at(subdomain: &str) -> DesiredBuilder {
    object().with(|desired| {
        desired.spec.connection_data = Some([("subdomain".into(), subdomain.into())].into());
    })
}

impl ObservedBuilder {
    /// The account was linked with that.
    fn linked_at(self, subdomain: &str) -> Self {
        let digest = connection_data_digest(&at(subdomain).0.spec);
        self.with(|observed| observed.recorded.connection_data_digest = Some(digest))
    }
}

#[test]
fn a_correction_asks_for_another_link_until_somebody_has_signed_in() {
    let row = |state| seen(account("ca_1").is(state)).recorded("ca_1");
    let waits = || row(State::Initiated).good_link();
    let over = || row(State::Failed).link_issued(ago(900));
    check([
        (
            "the former link leads to what is not meant",
            at("acme"),
            waits().linked_at("wrong"),
            does(delete(false)),
        ),
        (
            "also where it is over",
            at("acme"),
            over().linked_at("wrong"),
            does(delete(false)),
        ),
        (
            "the same is waited for",
            at("acme"),
            waits().linked_at("acme"),
            Waits(Reason::AwaitingUser),
        ),
        (
            "what is not recorded is taken to be the same",
            at("acme"),
            waits(),
            Waits(Reason::AwaitingUser),
        ),
        (
            "none is another one, too",
            object(),
            waits().linked_at("acme"),
            does(delete(false)),
        ),
        (
            "it is looked at first",
            at("acme"),
            waits().linked_at("wrong").cached(),
            looks(Need::Account),
        ),
        (
            "Composio does not let go of the row",
            at("acme"),
            waits()
                .linked_at("wrong")
                .refused(delete(false), rejected()),
            Refuses(Reason::Rejected),
        ),
        (
            "nothing proves that the row is its own",
            at("acme").called("support"),
            seen(account("ca_1").called("support"))
                .named_by_status("ca_1")
                .adopted()
                .good_link()
                .linked_at("wrong"),
            Refuses(Reason::AliasChanged),
        ),
        (
            "a revoked one had a grant",
            at("acme"),
            row(State::Revoked).link_issued(ago(900)).linked_at("wrong"),
            Waits(Reason::Revoked),
        ),
    ]);
}

#[test]
fn a_connected_account_keeps_what_it_was_linked_with_until_the_next_sign_in() {
    let ours = |row| {
        let sight = seen(row).recorded("ca_1").link_issued(ago(200));
        sight.connected(ago(100)).linked_at("wrong")
    };
    let told = || Waits(Reason::ConnectionDataChanged);
    let active = || account("ca_1").active();
    let dead = || account("ca_1").expired();
    let off = |row: Row| row.with(|account| account.auth_config_disabled = true);
    check([
        ("it is told", at("acme"), ours(active()), told()),
        (
            "a remembered look is enough",
            at("acme"),
            ours(active()).cached(),
            told(),
        ),
        (
            "as before it is as declared",
            at("wrong"),
            ours(active()),
            nothing(),
        ),
        (
            "what else is declared is made so",
            at("acme").disabled(),
            ours(active()),
            does(disable()),
        ),
        (
            "that it cannot be used goes before",
            at("acme"),
            ours(off(active())),
            Waits(Reason::AuthConfigDisabled),
        ),
        (
            "once its grant is dead a new account takes it in",
            at("acme"),
            ours(dead()),
            does(delete(false)),
        ),
        (
            "where it is the same the account is kept",
            at("wrong"),
            ours(dead()),
            does(refresh()),
        ),
        (
            "who was asked already is asked anew only by a request",
            at("acme"),
            ours(dead()).link_issued(ago(50)),
            Waits(Reason::ReauthorizationRequired),
        ),
        (
            "which brings a link with it",
            at("acme").asking_for_link("now"),
            ours(dead()).link_issued(ago(50)),
            does(delete(false)),
        ),
        (
            "and so does a link by which the person may still sign in with the former",
            at("acme"),
            ours(dead()).good_link().recorded_state(State::Expired),
            does(delete(false)),
        ),
        (
            "nobody needs a disabled one",
            at("acme").disabled(),
            ours(dead()),
            Waits(Reason::Disabled),
        ),
    ]);
}
