//! A person comes back from the sign-in.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Browser, Site, asked::HOLD, page_path};
use crate::{
    connect::{
        account::{Account, State},
        address::Page,
        cookie::Cookie,
        onward::{Onward, from_sign_in},
        page_address::browser_name,
        pages::{Tone, shown},
        reply::Reply,
        requests::{Asked, Made, RETRY},
        stage::{Returning, returning},
        texts::{self, Notice},
        visitor::NotLetIn,
    },
    crd::{ConnectRequestKind, FinishedIn, Returned},
};

impl Site {
    /// Without a valid proof nothing is written, nothing is asked and nothing is told. Of what Composio put into the
    /// address nothing is read.
    pub(super) async fn returned(
        &self,
        browser: &Browser<'_>,
        page: Page,
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
        let proxy = self.settings.proxy.as_ref();
        let user = proxy.and_then(|proxy| proxy.user(browser.headers, browser.peer));
        let came_at = query.time("s", browser.now);
        let seconds = came_at.as_second();
        let came = format!("r={request}&b={asker}&p={proof}&s={seconds}");
        let again = |was_asked: bool| {
            let asked = if was_asked { "&m=1" } else { "" };
            format!("{}?{came}{asked}&again=1", browser.path)
        };
        if cookie.is_none() && !query.has("again") {
            // Some browsers keep back every cookie where another site has led here. From a page of this one they send it.
            return self.looking(false, 0, &again(false));
        }
        let is_browser = cookie.is_some_and(|cookie| browser_name(&cookie.nonce) == asker);
        if proxy.is_some() && user.is_none() {
            if page == Page::Back {
                return self.not_let_in(NotLetIn::Proxy);
            }
            if is_browser {
                // It may be theirs, and their session at the proxy over. There they are asked who they are.
                let path = page_path(account);
                return Reply::see("returned_unnamed", format!("{path}/returned?{came}"));
            }
            // Whoever has no name at the proxy, and not the browser, is somebody else.
        }
        let is_asker = is_browser && user.is_none_or(|user| user == account.person());
        let came_in = match is_asker {
            true => FinishedIn::Same,
            false => FinishedIn::Another,
        };
        let stage = |account: &Account, now| returning(account, request, came_in, came_at, now);
        let is_open = |stage| matches!(stage, Returning::Look { .. } | Returning::Settling);
        let asked = Asked {
            kind: ConnectRequestKind::Returned,
            user,
            browser: None,
            proof: None,
            returned: Some(Returned {
                request: request.to_owned(),
                browser: asker.to_owned(),
                proof: keys.outcome_proof(uid, request, asker, came_in),
                finished_in: came_in,
            }),
            session: None,
        };
        // The first page is shown at once.
        let hold = query.has("again").then(|| self.holds.take(uid)).flatten();
        let end = Instant::now() + HOLD;
        let is_over = |account: &Account, now| !is_open(stage(account, now));
        let (mut newest, mut is_asked) = (None::<Arc<Account>>, false);
        let mut was_asked = query.has("m");
        loop {
            let account = newest.as_deref().unwrap_or(account);
            let now = stage(account, Timestamp::now());
            if !is_open(now) {
                return self.outcome(account, now, came_in);
            }
            if let Returning::Look { is_settled, .. } = now
                && !is_asked
            {
                // Whatever is in the way, it is tried until it is told: somebody may have signed in for Mallory.
                let made = self.requests.make(account, &asked, &self.metrics).await;
                // That it could be made once more shows that the one before was handled, and brought no grant to light. Where
                // there is one, the operator has not understood what it was told.
                let is_handled = was_asked && is_settled && matches!(made, Made::New(_));
                if is_handled && !account.has_grant() {
                    let stage = match came_in {
                        FinishedIn::Same => Returning::NotFinished,
                        FinishedIn::Another => Returning::Over,
                    };
                    return self.outcome(account, stage, came_in);
                }
                is_asked = matches!(made, Made::New(_) | Made::Pending(_));
                was_asked |= is_asked;
            }
            let pause = Instant::now() + if is_asked { HOLD } else { RETRY };
            if hold.is_none() || Instant::now() >= end || self.holds.is_over() {
                let is_long = matches!(now, Returning::Look { is_long: true, .. });
                let seconds = if is_long { 5 } else { 1 };
                let notice = match is_long && came_in == FinishedIn::Another {
                    true => texts::looking_elsewhere(),
                    false => texts::looking(is_long),
                };
                let reply = self.looking_at(&notice, is_long);
                return reply.then(seconds, &again(was_asked));
            }
            match self.until(account, end.min(pause), is_over).await {
                Some(found) => newest = Some(found),
                None => return self.looking(false, 1, &again(was_asked)),
            }
        }
    }

    pub(super) fn looking(&self, is_long: bool, seconds: u8, again: &str) -> Reply {
        let reply = self.looking_at(&texts::looking(is_long), is_long);
        reply.then(seconds, again)
    }

    fn looking_at(&self, notice: &Notice, is_long: bool) -> Reply {
        let kind = if is_long { "looking_long" } else { "looking" };
        Reply::page(kind, StatusCode::OK, self.brand().wait(notice))
    }

    pub(super) fn outcome(
        &self,
        account: &Account,
        stage: Returning,
        came_in: FinishedIn,
    ) -> Reply {
        let toolkit = shown(account.toolkit());
        let identity = account.identity().map(shown);
        let expected = account.expected_identity().map(shown);
        let (kind, notice, tone) = match stage {
            Returning::Done => (
                "done",
                texts::done(&toolkit, identity.as_deref()),
                Tone::Good,
            ),
            Returning::WrongIdentity => {
                let is_off = account.state() == State::Inactive;
                let notice =
                    texts::wrong_identity(identity.as_deref(), expected.as_deref(), is_off);
                let page = self.brand().back(&notice, &page_path(account));
                return Reply::page("wrong_identity", StatusCode::OK, page);
            }
            Returning::NotFinished => {
                let notice = texts::not_finished(&toolkit);
                let page = self.brand().back(&notice, &page_path(account));
                return Reply::page("not_finished", StatusCode::OK, page);
            }
            Returning::Off => (
                "off",
                texts::off(&toolkit, account.namespace()),
                Tone::Plain,
            ),
            Returning::TooLate => {
                let notice = texts::too_late(&toolkit);
                let page = self.brand().back(&notice, &page_path(account));
                return Reply::page("too_late", StatusCode::OK, page);
            }
            Returning::Unproved => {
                let page = self
                    .brand()
                    .back(&texts::unproved(&toolkit), &page_path(account));
                return Reply::page("unproved", StatusCode::OK, page);
            }
            Returning::Unheard if came_in == FinishedIn::Same => {
                let notice = texts::unheard(&toolkit);
                let page = self.brand().back(&notice, &page_path(account));
                return Reply::page("unheard", StatusCode::OK, page);
            }
            Returning::Elsewhere | Returning::Unheard => {
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
            .filter(|_| matches!(stage, Returning::Done | Returning::Off))
            .and_then(|callback| from_sign_in(callback, is_connected, account.account_id()));
        // Where it is said who has signed in, or the host must be known, people go on by a click once they have read it.
        let is_unread =
            |to: &&Onward| identity.is_none() && account.callback_host() == Some(&*to.host);
        if let Some(to) = onward.as_ref().filter(is_unread) {
            return Reply::see(kind, &*to.address);
        }
        let page = self.brand().ended(&notice, tone, onward.as_ref());
        Reply::page(kind, StatusCode::OK, page)
    }
}
