//! A person comes back from the sign-in.

use http::StatusCode;
use jiff::Timestamp;

use super::{Browser, Site, page_path};
use crate::{
    connect::{
        account::{Account, State},
        cookie::Cookie,
        onward::from_sign_in,
        page_address::browser_name,
        pages::Tone,
        reply::Reply,
        requests::{Asked, Made},
        stage::{Returning, returning},
        texts,
        visitor::NotLetIn,
    },
    crd::{ConnectRequestKind, FinishedIn, Returned},
};

/// So many seconds people have to read who has signed in, before they are taken on.
const READ: u8 = 3;

impl Site {
    /// Without a valid proof nothing is written, nothing is asked and nothing is told. Of what Composio put into the
    /// address nothing is read.
    pub(super) async fn returned(
        &self,
        browser: &Browser<'_>,
        account: Option<&Account>,
        cookie: Option<Cookie>,
    ) -> Reply {
        let query = &browser.query;
        let (request, asker, proof) = (query.name("r"), query.name("b"), query.name("p"));
        let uid = account.map_or("", Account::uid);
        let keys = &self.settings.page.keys;
        let is_proved = keys.verify_return_proof(proof, uid, request, asker);
        let account = match account {
            Some(account) if is_proved && account.has_page() => account,
            Some(_) => return self.not_let_in(NotLetIn::Token),
            None => return self.not_let_in(NotLetIn::NoObject),
        };
        let user = match &self.settings.proxy {
            None => None,
            Some(proxy) => match proxy.user(browser.headers, browser.peer) {
                Some(user) => Some(user),
                None => return self.not_let_in(NotLetIn::Proxy),
            },
        };
        let came_at = query.time("s", browser.now);
        let seconds = came_at.as_second();
        let again = format!(
            "/connected/{}?r={request}&b={asker}&p={proof}&s={seconds}&again=1",
            account.key()
        );
        if cookie.is_none() && !query.has("again") {
            // Some browsers keep back every cookie where another site has led here. From a page of this one they send it.
            return self.looking(false, 0, &again);
        }
        let is_asker = cookie.is_some_and(|cookie| browser_name(&cookie.nonce) == asker)
            && user.is_none_or(|user| user == account.person());
        let came_in = match is_asker {
            true => FinishedIn::Same,
            false => FinishedIn::Another,
        };
        let stage = |account: &Account, now| returning(account, request, came_in, came_at, now);
        let is_open = |stage| matches!(stage, Returning::Look { .. } | Returning::Settling);
        if let Returning::Look { is_settled, .. } = stage(account, browser.now) {
            let asked = Asked {
                kind: ConnectRequestKind::Returned,
                user,
                browser: None,
                returned: Some(Returned {
                    request: request.to_owned(),
                    browser: asker.to_owned(),
                    proof: keys.outcome_proof(uid, request, asker, came_in),
                    finished_in: came_in,
                }),
                session: None,
            };
            // Where it fails the page comes back to it.
            let made = self.requests.make(account, &asked, &self.metrics).await;
            // That it could be made shows that the one before was handled, and brought no grant to light.
            if is_settled && matches!(made, Made::New(_)) {
                let stage = match came_in {
                    FinishedIn::Same => Returning::NotFinished,
                    FinishedIn::Another => Returning::Over,
                };
                return self.outcome(account, stage);
            }
        }
        let held = match query.has("again") {
            true => {
                let is_over = |account: &Account, now| !is_open(stage(account, now));
                self.held(account, is_over).await
            }
            false => None,
        };
        let account = held.as_deref().unwrap_or(account);
        let stage = stage(account, Timestamp::now());
        if is_open(stage) {
            let is_long = matches!(stage, Returning::Look { is_long: true, .. });
            return self.looking(is_long, if is_long { 5 } else { 1 }, &again);
        }
        self.outcome(account, stage)
    }

    pub(super) fn looking(&self, is_long: bool, seconds: u8, again: &str) -> Reply {
        let page = self.brand().wait(&texts::looking(is_long));
        let kind = if is_long { "looking_long" } else { "looking" };
        Reply::page(kind, StatusCode::OK, page).then(seconds, again)
    }

    pub(super) fn outcome(&self, account: &Account, stage: Returning) -> Reply {
        let toolkit = account.toolkit();
        let (identity, expected) = (account.identity(), account.expected_identity());
        let (kind, notice, tone) = match stage {
            Returning::Done => ("done", texts::done(toolkit, identity), Tone::Good),
            Returning::WrongIdentity => {
                let notice = texts::wrong_identity(identity, expected);
                let page = self.brand().back(&notice, &page_path(account));
                return Reply::page("wrong_identity", StatusCode::OK, page);
            }
            Returning::NotFinished => {
                let notice = texts::not_finished(toolkit);
                let page = self.brand().back(&notice, &page_path(account));
                return Reply::page("not_finished", StatusCode::OK, page);
            }
            Returning::Unproved => {
                let page = self
                    .brand()
                    .back(&texts::unproved(toolkit), &page_path(account));
                return Reply::page("unproved", StatusCode::OK, page);
            }
            Returning::Elsewhere => {
                let page = self.brand().elsewhere(account);
                return Reply::page("elsewhere", StatusCode::OK, page);
            }
            Returning::Look { .. } | Returning::Settling | Returning::Over => {
                ("over", texts::over(), Tone::Plain)
            }
        };
        let is_connected = account.state() == State::Active;
        let onward = account
            .callback_url()
            .filter(|_| stage == Returning::Done)
            .and_then(|callback| from_sign_in(callback, is_connected, account.account_id()));
        let page = self.brand().ended(&notice, tone, onward.as_ref());
        let reply = Reply::page(kind, StatusCode::OK, page);
        // Anywhere else people go by a click, on a link that names the host.
        let vouched = onward.filter(|to| account.callback_host() == Some(&*to.host));
        match vouched {
            Some(to) => reply.then(READ, &to.address),
            None => reply,
        }
    }
}
