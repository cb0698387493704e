//! ConnectRequests, and the sign-ins that their links bring.

use std::sync::{Arc, LazyLock};

use super::*;
use crate::{
    connect::{
        keys::{ConnectKeys, SessionOf},
        page_address::{ConnectUrl, PageSettings},
    },
    crd::{
        ConnectRequestKind, ConnectRequestOutcome, FinishedIn, HandledConnectRequest,
        IdentityVerdict, LinkRequestedBy, Returned, SignIn, SignInSession, Verdict,
    },
    plan::PendingRequest,
};

const UIDS: [&str; 3] = ["request-1", "request-2", "request-3"];
const BROWSERS: [&str; 2] = ["browser-a", "browser-b"];

static PAGES: LazyLock<[Arc<PageSettings>; 2]> = LazyLock::new(|| {
    let key = Sensitive::new("0123456789abcdef0123456789abcdef");
    [false, true].map(|knows_users| {
        Arc::new(PageSettings {
            url: ConnectUrl::parse("https://connect.example").expect("a URL"),
            keys: ConnectKeys::read(&key).expect("a key"),
            knows_users,
        })
    })
});

pub(super) fn page() -> Arc<PageSettings> {
    Arc::clone(&PAGES[0])
}

/// Half of them know who comes.
pub(super) fn any_page(dice: &mut Dice) -> Arc<PageSettings> {
    Arc::clone(&PAGES[dice.number(2) as usize])
}

/// What was asked for the link that is out.
pub(super) fn requested_by(dice: &mut Dice) -> LinkRequestedBy {
    LinkRequestedBy {
        uid: dice.text(&UIDS),
        browser: dice.maybe(|dice| dice.text(&BROWSERS)),
    }
}

pub(super) fn sign_in(dice: &mut Dice) -> SignIn {
    let LinkRequestedBy { uid, browser } = requested_by(dice);
    SignIn {
        request: uid,
        browser,
        finished_in: dice.maybe(|dice| dice.of(&[FinishedIn::Same, FinishedIn::Another])),
        return_by: dice.maybe(|dice| Time(dice.time(&times()))),
        callback_host: None,
    }
}

pub(super) fn judged(dice: &mut Dice) -> IdentityVerdict {
    IdentityVerdict {
        account_id: dice.text(&IDS),
        expected: dice.text(&IDENTITIES),
        verdict: dice.of(&[
            Verdict::AsExpected,
            Verdict::AnotherIdentity,
            Verdict::NotComparable,
            Verdict::NotShown,
        ]),
    }
}

pub(super) fn handled(dice: &mut Dice) -> HandledConnectRequest {
    HandledConnectRequest {
        uid: dice.text(&UIDS),
        kind: ConnectRequestKind::Link,
        outcome: ConnectRequestOutcome::LinkIssued,
    }
}

/// Of each kind one at most. Half of what comes back bears a proof.
pub(super) fn requests(dice: &mut Dice, uid: &str) -> Vec<PendingRequest> {
    let kinds = [
        ConnectRequestKind::Link,
        ConnectRequestKind::StartOver,
        ConnectRequestKind::Returned,
        ConnectRequestKind::Look,
        ConnectRequestKind::CompleteAuth,
    ];
    let mut drawn = Vec::new();
    for kind in kinds {
        // Much else must fit for that one to count.
        let is_drawn = kind == ConnectRequestKind::CompleteAuth || dice.once_in(4);
        if !is_drawn {
            continue;
        }
        let returned = (kind == ConnectRequestKind::Returned).then(|| {
            let (request, browser) = (dice.text(&UIDS), dice.text(&BROWSERS));
            let page = page();
            let (keys, told) = (&page.keys, [FinishedIn::Same, FinishedIn::Another]);
            let finished_in = dice.of(&told);
            // Who knows the address to come back to has another proof.
            let proof = match dice.once_in(4) {
                true => keys.return_proof(uid, &request, &browser),
                false => keys.outcome_proof(uid, &request, &browser, finished_in),
            };
            Returned {
                request,
                browser,
                proof,
                finished_in,
            }
        });
        let requested_by = dice.maybe(|dice| dice.text(&USERS));
        let session = (kind == ConnectRequestKind::CompleteAuth).then(|| {
            let (request, browser) = (dice.text(&UIDS), dice.text(&BROWSERS));
            // Who has copied it has the seal of another browser.
            let sealed_for = match dice.once_in(8) {
                true => dice.text(&BROWSERS),
                false => browser.clone(),
            };
            let of = SessionOf {
                uid,
                request: &request,
                browser: &sealed_for,
                person: requested_by.as_deref().unwrap_or_default(),
            };
            let sealed = page().keys.seal_session("session_1", of);
            SignInSession {
                request,
                browser,
                sealed,
            }
        });
        let account_uid = uid;
        let uid = dice.text(&UIDS);
        let place = UIDS.iter().position(|one| *one == uid);
        let browser = dice.maybe(|dice| dice.text(&BROWSERS));
        // Anybody may write who asks and where; the page says it of one kind and one object.
        let proof = browser
            .as_deref()
            .filter(|_| !dice.once_in(4))
            .map(|browser| {
                let person = requested_by.as_deref().unwrap_or_default();
                page()
                    .keys
                    .asked_proof(account_uid, kind.as_str(), person, browser)
            });
        drawn.push(PendingRequest {
            created: place.map(|place| ago(if place == 0 { 90 } else { 30 })),
            uid,
            kind,
            browser,
            requested_by,
            proof,
            returned,
            session,
        });
    }
    drawn
}

/// Mostly the link that is out is the one of which somebody has come back.
pub(super) fn links_for_session(
    dice: &mut Dice,
    desired: &Desired,
    recorded: &mut ConnectedAccountStatus,
) {
    let mut sessions = desired
        .requests
        .iter()
        .filter_map(|one| one.session.as_ref());
    let Some(session) = sessions.next().filter(|_| !dice.once_in(12)) else {
        return;
    };
    let end = Time(dice.of(&[ago(-300), ago(-300), ago(300)]));
    recorded.link = Some(Link {
        requested_by: Some(LinkRequestedBy {
            uid: session.request.clone(),
            browser: Some(session.browser.clone()),
        }),
        ..Link::in_clear("https://connect.example/1", end)
    });
}
