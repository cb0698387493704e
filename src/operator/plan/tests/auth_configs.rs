//! An auth config that was disabled after an account was made from it.

use super::*;
use crate::composio::model::State;

fn off(row: Row) -> Row {
    row.with(|account| account.auth_config_disabled = true)
}

/// As Composio leaves it when it has set the account to INACTIVE together with its auth config.
fn gone_with_it() -> Row {
    account("ca_1")
        .inactive()
        .with(|row| row.state_reason = Some("Auth config is disabled".into()))
}

#[test]
fn an_account_of_a_disabled_auth_config_is_left_as_it_is_and_told() {
    let ours = |row| seen(row).recorded("ca_1").connected(ago(100));
    let told = || Waits(Reason::AuthConfigDisabled);
    check([
        (
            "it lives on",
            object(),
            ours(off(account("ca_1").active())),
            told(),
        ),
        (
            "a remembered look is enough to say so",
            object(),
            ours(off(account("ca_1").active())).cached(),
            told(),
        ),
        (
            "it went with it",
            object(),
            ours(off(gone_with_it())),
            told(),
        ),
        (
            "its sign-in was never noticed",
            object(),
            seen(off(gone_with_it()))
                .recorded("ca_1")
                .link_issued(ago(60)),
            told(),
        ),
        (
            "what was enabled again brings it back",
            object(),
            ours(gone_with_it()),
            does(enable()),
        ),
        (
            "that it is not to be used is made so all the same",
            object().disabled(),
            ours(off(account("ca_1").active())),
            does(disable()),
        ),
        (
            "and then nobody misses it",
            object().disabled(),
            ours(off(gone_with_it())),
            nothing(),
        ),
        (
            "what else is declared is made so",
            object().called("support"),
            ours(off(account("ca_1").active())),
            does(rename("support")),
        ),
        (
            "without a grant the person is waited for",
            object(),
            seen(off(account("ca_1").is(State::Initiated)))
                .recorded("ca_1")
                .good_link(),
            Waits(Reason::AwaitingUser),
        ),
    ]);
}
