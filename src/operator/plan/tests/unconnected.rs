use super::*;
use crate::composio::model::State;
use crate::crd::{ConnectedAccount, ConnectedAccountSpec, LINK_REQUESTED_ANNOTATION, condition};

#[test]
fn a_recorded_account_that_is_gone_is_forgotten_first() {
    check([
        (
            "proved by a look of this pass",
            object(),
            seen_none().recorded("ca_1"),
            does(Effect::Forget),
        ),
        (
            "it was made a moment ago, and a GET may lag behind",
            object(),
            seen_none().recorded("ca_1").link_issued(ago(59)),
            WaitsUntil(Reason::Progressing, ago(-1)),
        ),
        (
            "not any more",
            object(),
            seen_none().recorded("ca_1").link_issued(ago(60)),
            does(Effect::Forget),
        ),
        (
            "when it was connected later does not matter",
            object(),
            seen_none()
                .recorded("ca_1")
                .link_issued(ago(60))
                .connected(ago(1)),
            does(Effect::Forget),
        ),
        (
            "one from a Secret was connected when it was made",
            object().made_from_secret(),
            seen_none().recorded("ca_1").connected(ago(59)),
            WaitsUntil(Reason::Progressing, ago(-1)),
        ),
        (
            "a time in the future is not waited for",
            object(),
            seen_none().recorded("ca_1").link_issued(ago(-9000)),
            WaitsUntil(Reason::Progressing, ago(-60)),
        ),
        (
            "one that this pass has deleted is gone",
            object(),
            seen_none()
                .recorded("ca_1")
                .link_issued(ago(59))
                .having_done(&[disable(), delete(false)]),
            does(Effect::Forget),
        ),
        (
            "no other effect proves that",
            object(),
            seen_none()
                .recorded("ca_1")
                .link_issued(ago(59))
                .having_done(&[link(), disable()]),
            WaitsUntil(Reason::Progressing, ago(-1)),
        ),
        (
            "then its alias is looked for",
            object(),
            not_looked().once_connected(),
            looks(Need::Account),
        ),
        (
            "one that had been connected earns a new link",
            object(),
            seen_none().once_connected(),
            does(link()),
        ),
        (
            "an unused one does not",
            object(),
            seen_none().link_issued(ago(3000)),
            Waits(Reason::LinkExpired),
        ),
        (
            "unless somebody asks",
            object().asking_for_link("now"),
            seen_none().link_issued(ago(3000)),
            does(link()),
        ),
        (
            "a request counts once",
            object().asking_for_link("now"),
            seen_none()
                .link_issued(ago(3000))
                .handled_link_request("now"),
            Waits(Reason::LinkExpired),
        ),
        (
            "whoever was connected once must authorise again",
            object(),
            seen_none().link_issued(ago(3000)).once_connected(),
            Waits(Reason::ReauthorizationRequired),
        ),
    ]);
}

#[test]
fn a_person_is_waited_for_and_asked_again_only_for_a_reason() {
    let row = || seen(account("ca_1")).recorded("ca_1");
    let dead = || seen(account("ca_1").expired()).recorded("ca_1");
    let died = || dead().link_issued(ago(9000)).connected(ago(8000));
    check([
        (
            "a good link is waited for until it expires",
            object(),
            row().good_link(),
            WaitsUntil(Reason::AwaitingUser, ago(-540)),
        ),
        (
            "a request for another is heard meanwhile",
            object().asking_for_link("now"),
            row().good_link(),
            does(refresh()),
        ),
        (
            "a link that ran out is not renewed on a timer",
            object(),
            row().link_until(NOW).link_issued(ago(600)),
            Waits(Reason::LinkExpired),
        ),
        (
            "a link whose flow failed since is over",
            object(),
            seen(account("ca_1").is(State::Failed))
                .recorded("ca_1")
                .good_link()
                .recorded_state(State::Initiated),
            Waits(Reason::SignInFailed),
        ),
        (
            "a refreshed account may stay dead while its link waits",
            object(),
            died().good_link().recorded_state(State::Expired),
            WaitsUntil(Reason::AwaitingUser, ago(-540)),
        ),
        (
            "so may a revoked one",
            object(),
            seen(account("ca_1").is(State::Revoked))
                .recorded("ca_1")
                .good_link()
                .recorded_state(State::Revoked),
            WaitsUntil(Reason::AwaitingUser, ago(-540)),
        ),
        (
            "a link lost in a crash is asked for again",
            object(),
            row(),
            does(refresh()),
        ),
        (
            "a grant that died is asked for again once",
            object(),
            died(),
            does(refresh()),
        ),
        (
            "a refresh that may still take effect would end the link of the next one",
            object(),
            died().unknown_since(ago(59)),
            WaitsUntil(Reason::OutcomeUnknown, ago(-1)),
        ),
        (
            "after that it is asked for again",
            object(),
            died().unknown_since(ago(60)),
            does(refresh()),
        ),
        (
            "not twice",
            object(),
            dead().connected(ago(8000)).link_issued(ago(7000)),
            Waits(Reason::ReauthorizationRequired),
        ),
        (
            "what was revoked was revoked by somebody",
            object(),
            seen(account("ca_1").is(State::Revoked))
                .recorded("ca_1")
                .link_issued(ago(9000))
                .connected(ago(8000)),
            Waits(Reason::Revoked),
        ),
        (
            "a request asks again all the same",
            object().asking_for_link("now"),
            seen(account("ca_1").is(State::Revoked)).recorded("ca_1"),
            does(refresh()),
        ),
        (
            "a disabled object needs no live grant",
            object().disabled(),
            died(),
            Waits(Reason::Disabled),
        ),
        (
            "but for one that never had any",
            object().disabled(),
            dead(),
            does(refresh()),
        ),
        (
            "disabled before it was ever connected: enabling it would call it connected",
            object(),
            seen(account("ca_1").inactive())
                .recorded("ca_1")
                .link_issued(ago(900)),
            Waits(Reason::LinkExpired),
        ),
    ]);
}

#[test]
fn a_refresh_that_is_refused_makes_room_for_a_new_account() {
    let died = || {
        seen(account("ca_1").expired())
            .recorded("ca_1")
            .link_issued(ago(9000))
            .connected(ago(8000))
    };
    check([
        (
            "the dead account is deleted, never with revocation",
            object(),
            died().refused(refresh(), rejected()),
            does(delete(false)),
        ),
        (
            "not before it was looked at again",
            object(),
            died().refused(refresh(), rejected()).cached(),
            looks(Need::Account),
        ),
        (
            "what was refused for the account before it is no reason: it is asked for itself first",
            object(),
            died().refused(Effect::Refresh { id: "ca_0".into() }, rejected()),
            does(refresh()),
        ),
        (
            "the person was quicker: there is nothing to make room for, and nothing to complain of",
            object(),
            seen(account("ca_1").active())
                .recorded("ca_1")
                .refused(refresh(), rejected()),
            nothing(),
        ),
        (
            "what we may not do to the account is no reason to delete it",
            object(),
            died().refused(refresh(), failure(Reason::Forbidden, Answer::Refused(403))),
            Refuses(Reason::Forbidden),
        ),
        (
            "a refused deletion is not repeated",
            object(),
            died()
                .refused(refresh(), rejected())
                .refused(delete(false), rejected()),
            Refuses(Reason::Rejected),
        ),
    ]);
}

#[test]
fn a_link_that_was_issued_when_the_grant_came_is_not_a_lost_one() {
    let died = |issued| {
        seen(account("ca_1").expired())
            .recorded("ca_1")
            .connected(ago(100))
            .link_issued(ago(issued))
    };
    check([
        (
            "it was issued after the grant had come",
            object(),
            died(99),
            Waits(Reason::ReauthorizationRequired),
        ),
        (
            "at the same moment",
            object(),
            died(100),
            Waits(Reason::ReauthorizationRequired),
        ),
        (
            "it was the one that brought the grant",
            object(),
            died(101),
            does(refresh()),
        ),
    ]);
}

#[test]
fn a_link_that_somebody_took_out_of_the_status_is_issued_again() {
    let waiting = |row: Row| {
        let said = condition::SYNCED;
        seen(row).recorded("ca_1").link_issued(ago(60)).condition(
            said,
            "True",
            Reason::AwaitingUser,
        )
    };
    check([
        (
            "the status says that the person is awaited, and holds no link",
            object(),
            waiting(account("ca_1")),
            does(refresh()),
        ),
        (
            "but the sign-in has failed since",
            object(),
            waiting(account("ca_1").is(State::Failed)),
            Waits(Reason::SignInFailed),
        ),
        (
            "it holds one that is over",
            object(),
            waiting(account("ca_1")).link_until(ago(1)),
            Waits(Reason::LinkExpired),
        ),
        (
            "it holds a good one",
            object(),
            waiting(account("ca_1")).link_until(ago(-540)),
            Waits(Reason::AwaitingUser),
        ),
        (
            "it was said before that the link is over",
            object(),
            seen(account("ca_1"))
                .recorded("ca_1")
                .link_issued(ago(60))
                .condition(condition::SYNCED, "True", Reason::LinkExpired),
            Waits(Reason::LinkExpired),
        ),
    ]);
}

#[test]
fn a_request_has_one_to_64_characters_and_a_longer_one_is_told() {
    let of = |token: &str| {
        let mut object = ConnectedAccount::new("support-gmail", ConnectedAccountSpec::default());
        let annotation = (LINK_REQUESTED_ANNOTATION.into(), token.into());
        object.metadata.annotations = Some([annotation].into());
        let desired = Desired::of(&object, &Flags::default());
        (desired.link_request, desired.ignored_link_request)
    };
    assert_eq!(of(""), (None, None));
    assert_eq!(of("1"), (Some("1".into()), None));
    let longest = "é".repeat(64);
    assert_eq!(of(&longest), (Some(longest.clone()), None));
    let told = format!("{longest}…");
    assert_eq!(of(&format!("{longest}é")), (None, Some(told.clone())));
    assert_eq!(of(&"é".repeat(100)), (None, Some(told)));
}
