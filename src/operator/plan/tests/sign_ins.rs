//! How a sign-in ended that brought no grant.

use super::*;
use crate::composio::model::State;

fn failed(why: &str) -> Row {
    account("ca_1")
        .is(State::Failed)
        .with(|row| row.state_reason = Some(why.into()))
}

#[test]
fn a_sign_in_without_a_grant_says_how_it_ended() {
    let over = |row: Row| seen(row).recorded("ca_1").link_issued(ago(60));
    let declined = "OAuth callback failed: access_denied";
    let exchange = "OAuth callback failed during token exchange";
    let verified = "IDENTITY_VERIFICATION_FAILED";
    let expired = || account("ca_1").never_finished();
    check([
        (
            "the person declined",
            object(),
            over(failed(declined)),
            Waits(Reason::SignInDeclined),
        ),
        (
            "so it is told of what is remembered",
            object(),
            over(failed("user_cancelled_login")).cached(),
            Waits(Reason::SignInDeclined),
        ),
        (
            "Composio does not tell who",
            object(),
            over(failed(exchange)),
            Waits(Reason::SignInFailed),
        ),
        (
            "somebody else signed in",
            object(),
            over(failed(verified)),
            Waits(Reason::IdentityRefused),
        ),
        (
            "nobody came",
            object(),
            over(expired()),
            Waits(Reason::LinkExpired),
        ),
        (
            "whoever was connected once must authorise again",
            object(),
            over(expired()).once_connected(),
            Waits(Reason::ReauthorizationRequired),
        ),
        (
            "and is told to have declined that",
            object(),
            over(failed(declined)).connected(ago(100)),
            Waits(Reason::SignInDeclined),
        ),
        (
            "whatever came of it, who asks for a link gets one",
            object().asking_for_link("now"),
            over(failed(verified)),
            does(refresh()),
        ),
    ]);
}

#[test]
fn of_what_composio_says_no_address_is_passed_on() {
    let why = "server_error at https://accounts.example/o/oauth2?code=4/0AX4XfWh";
    let ObservedBuilder(observed) = seen(failed(why)).recorded("ca_1").link_issued(ago(60));
    let Plan::Wait(wait) = plan(&object().0, &observed, NOW) else {
        panic!("it waits for a request");
    };
    assert_eq!(wait.detail, "server_error at https://accounts.example/…");
}
