//! How a sign-in ended that brought no grant.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

use super::*;
use crate::{
    composio::model::{Sensitive, State},
    connect::{
        keys::{ConnectKeys, SessionOf},
        page_address::{ConnectUrl, PageSettings},
    },
    crd::{ConnectRequestKind, FinishedIn, LinkRequestedBy, Returned, SignInSession},
    plan::PendingRequest,
};

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

pub(crate) const BROWSER: &str = "browser-a";

pub(super) fn page(key: &str, knows_users: bool) -> Arc<PageSettings> {
    Arc::new(PageSettings {
        url: ConnectUrl::parse("https://connect.example").expect("a URL"),
        keys: ConnectKeys::read(&Sensitive::new(key.repeat(32))).expect("a key"),
        knows_users,
    })
}

/// Somebody of that name has come back, in that browser, to have Composio told whose sign-in it was.
pub(crate) fn back(knows_users: bool, browser: &str, person: Option<&str>) -> DesiredBuilder {
    let page = page("k", knows_users);
    object().with(|desired| {
        let of = SessionOf {
            uid: &desired.uid,
            request: "asked",
            browser,
            person: person.unwrap_or_default(),
        };
        let session = SignInSession {
            request: "asked".into(),
            browser: browser.into(),
            sealed: page.keys.seal_session("session_1", of),
        };
        desired.requests = vec![PendingRequest {
            uid: "back".into(),
            created: None,
            kind: ConnectRequestKind::CompleteAuth,
            browser: None,
            requested_by: person.map(str::to_owned),
            proof: None,
            returned: None,
            session: Some(session),
        }];
        desired.flags.page = Some(page);
    })
}

/// The link of the request "asked" is out, for that browser.
pub(crate) fn link_out(state: State) -> ObservedBuilder {
    let seen = seen(account("ca_1").is(state)).recorded("ca_1").good_link();
    seen.with(|observed| {
        let link = observed.recorded.link.as_mut().expect("a link");
        link.requested_by = Some(LinkRequestedBy {
            uid: "asked".into(),
            browser: Some(BROWSER.into()),
        });
    })
}

/// The same, once the link has ended.
pub(crate) fn over(link_out: ObservedBuilder) -> ObservedBuilder {
    link_out.with(|observed| {
        let link = observed.recorded.link.as_mut().expect("a link");
        link.expires_at = Time(ago(1));
    })
}

#[test]
fn composio_is_told_only_of_who_was_asked_in_the_browser_that_had_asked() {
    let person = || object().0.person().to_owned();
    let told = || {
        does(Effect::CompleteAuth {
            id: "ca_1".into(),
            request: "back".into(),
        })
    };
    let out = || link_out(State::Initiated);
    let waits = || Waits(Reason::AwaitingUser);
    check([
        (
            "the person is back",
            back(true, BROWSER, Some(&person())),
            out(),
            told(),
        ),
        (
            "where nobody says who comes, the browser is",
            back(false, BROWSER, None),
            out(),
            told(),
        ),
        (
            "they came in time, and the link has ended meanwhile",
            back(true, BROWSER, Some(&person())),
            over(out()),
            told(),
        ),
        (
            "somebody else is",
            back(true, BROWSER, Some("mallory")),
            out(),
            waits(),
        ),
        ("nobody says who", back(true, BROWSER, None), out(), waits()),
        (
            "another browser is",
            back(true, "browser-b", Some(&person())),
            out(),
            waits(),
        ),
        (
            "the page has sealed it for somebody else",
            back(true, BROWSER, Some("mallory"))
                .with(|desired| desired.requests[0].requested_by = Some(person())),
            out(),
            waits(),
        ),
        (
            "another key has sealed it",
            back(true, BROWSER, Some(&person()))
                .with(|desired| desired.flags.page = Some(page("q", true))),
            out(),
            waits(),
        ),
        (
            "no page is served any more",
            back(false, BROWSER, None).with(|desired| desired.flags.page = None),
            out(),
            waits(),
        ),
        (
            "the link is another one by now",
            back(false, BROWSER, None),
            out().with(|observed| {
                let link = observed.recorded.link.as_mut().expect("a link");
                link.requested_by.as_mut().expect("it was asked for").uid = "other".into();
            }),
            waits(),
        ),
        (
            "Composio has refused it",
            back(false, BROWSER, None),
            out().refused(
                Effect::CompleteAuth {
                    id: "ca_1".into(),
                    request: "back".into(),
                },
                rejected(),
            ),
            waits(),
        ),
    ]);
}

#[test]
fn a_server_that_does_not_verify_is_told_from_a_session_that_is_over() {
    const ROUTE: &str = r#"{"error": {"message": "Cannot POST", "slug": "HTTP_NotFound"}}"#;
    const SESSION: &str =
        r#"{"error": {"message": "not found", "slug": "ConnectedAccount_ResourceNotFound"}}"#;
    const PROXY: &str = "<pre>Cannot POST /api/v3.1/connected_accounts/complete_auth</pre>";
    for (status, body, lacks_it) in [
        (404, ROUTE, true),
        (404, PROXY, true),
        (405, PROXY, true),
        (405, ROUTE, true),
        (410, ROUTE, true),
        (501, ROUTE, true),
        (404, SESSION, false),
        (400, SESSION, false),
    ] {
        let effect = Effect::CompleteAuth {
            id: "ca_1".into(),
            request: "back".into(),
        };
        let failure = failures::failing(Some(effect), status, body);
        assert_eq!(failure.answer, Answer::Refused(status), "{body}");
        let says = failure.message.contains("take the verifier URL off");
        assert_eq!(says, lacks_it, "{status} {body}: {}", failure.message);
    }
}

#[test]
fn requests_for_a_link_take_turns() {
    let asks = |kind, seconds| PendingRequest {
        uid: format!("{kind}-{seconds}"),
        created: Some(ago(seconds)),
        kind,
        browser: None,
        requested_by: None,
        proof: None,
        returned: None,
        session: None,
    };
    let (link, over) = (ConnectRequestKind::Link, ConnectRequestKind::StartOver);
    for (requests, first) in [
        ([asks(over, 10), asks(link, 20)], "Link-20"),
        ([asks(link, 10), asks(over, 20)], "StartOver-20"),
        ([asks(link, 10), asks(over, 10)], "StartOver-10"),
    ] {
        let DesiredBuilder(desired) = object().with(|desired| desired.requests = requests.to_vec());
        let recorded = ConnectedAccountStatus::default();
        let turn = desired.link_asked_for(&recorded, None, NOW);
        assert_eq!(turn.map(|one| one.uid.as_str()), Some(first));
    }
}

#[test]
fn a_link_that_was_just_made_for_a_browser_is_ended_by_that_one_alone() {
    let asks = |kind, browser: Option<&str>, seconds| PendingRequest {
        uid: format!("{kind}-{}", browser.unwrap_or("none")),
        created: Some(ago(seconds)),
        kind,
        browser: browser.map(Into::into),
        requested_by: None,
        proof: None,
        returned: None,
        session: None,
    };
    let (link, over) = (ConnectRequestKind::Link, ConnectRequestKind::StartOver);
    let (ours, theirs) = (Some(BROWSER), Some("theirs"));
    // For whom the link was made, how long ago, what is asked for, and who gets one now; else when the first does.
    for (made_for, age, requests, due) in [
        (ours, 59, vec![asks(over, theirs, 5)], Err(1)),
        (ours, 59, vec![asks(link, theirs, 5)], Err(1)),
        (ours, 59, vec![asks(over, None, 5)], Err(1)),
        (
            ours,
            60,
            vec![asks(over, theirs, 5)],
            Ok("StartOver-theirs"),
        ),
        (
            ours,
            0,
            vec![asks(over, ours, 0)],
            Ok("StartOver-browser-a"),
        ),
        // Whoever has the link and starts over again and again does not push others back.
        (
            ours,
            20,
            vec![asks(link, theirs, 5), asks(over, ours, 1)],
            Err(40),
        ),
        // From a clock that is ahead.
        (ours, -500, vec![asks(over, theirs, 5)], Err(60)),
        // That of nobody in particular is anybody's.
        (None, 0, vec![asks(over, theirs, 5)], Ok("StartOver-theirs")),
    ] {
        let DesiredBuilder(desired) = object().with(|desired| desired.requests = requests.clone());
        let ObservedBuilder(mut observed) = link_out(State::Initiated);
        let recorded = &mut observed.recorded;
        recorded.last_link_issued_at = Some(MicroTime(ago(age)));
        let usable = recorded.link.as_mut().expect("a link");
        usable
            .requested_by
            .as_mut()
            .expect("it was asked for")
            .browser = made_for.map(Into::into);
        let usable = recorded.link.as_ref();
        let now = desired.link_asked_for(recorded, usable, NOW);
        let waits = desired.link_kept_until(recorded, usable, NOW);
        let waits = waits.map(|until| until.duration_since(NOW).as_secs());
        let told = now
            .map(|one| one.uid.as_str())
            .ok_or(waits.unwrap_or_default());
        assert_eq!(told, due, "{made_for:?} {age} {requests:?}");
    }
}

#[test]
fn what_tells_of_a_return_without_a_proof_is_told_from_what_the_page_says() {
    let DesiredBuilder(sealed) = back(true, BROWSER, Some("ann"));
    let settings = page("k", true);
    let is_unproved = |request: &PendingRequest| request.is_unproved(&sealed.uid, &settings);
    let mut session = sealed.requests[0].clone();
    session.requested_by = Some("mallory".into());
    assert!(!is_unproved(&session), "that it cannot be opened is told");

    let told = FinishedIn::Another;
    let keys = &settings.keys;
    let mut returned = PendingRequest {
        kind: ConnectRequestKind::Returned,
        session: None,
        returned: Some(Returned {
            request: "asked".into(),
            browser: BROWSER.into(),
            proof: keys.outcome_proof(&sealed.uid, "asked", BROWSER, told),
            finished_in: told,
        }),
        ..session
    };
    assert!(!is_unproved(&returned));
    let what = returned.returned.as_mut().expect("it tells");
    what.finished_in = FinishedIn::Same;
    assert!(is_unproved(&returned));
    assert!(returned.is_unproved("another-uid", &settings));
    returned.returned = None;
    assert!(!is_unproved(&returned), "it tells nothing");
}
