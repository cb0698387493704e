//! A person asks for a link, waits for it, and goes on to it.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{StatusCode, header};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{Browser, Site, Visit, page_path};
use crate::{
    connect::{
        account::Account,
        address::Query,
        bodies::NoBody,
        cookie::Cookie,
        onward::to_sign_in,
        page_address::browser_name,
        reply::Reply,
        requests::{Asked, Made, RETRY},
        stage::{Asking, Waiting, asking, waiting},
        texts,
        visitor::{NotLetIn, only},
    },
    crd::{ConnectRequestKind, ConnectRequestOutcome},
};

/// The longest form, in bytes.
pub(super) const FORM: usize = 8 * 1024;
/// So long a page is held back that would say nothing new.
pub(super) const HOLD: Duration = Duration::from_secs(8);
/// So long whoever presses the button waits for the request that they have made before to be over, and its answer with it.
/// For one of somebody else they wait as long as a page is held back.
const TURN: Duration = Duration::from_secs(3);

impl Site {
    /// The button was pressed.
    pub(super) async fn submit(
        &self,
        browser: &Browser<'_>,
        account: Option<&Account>,
        cookie: Option<Cookie>,
        body: Body,
    ) -> Reply {
        let headers = browser.headers;
        let origin = self.settings.page.url.origin();
        if only(headers, &header::ORIGIN) != Some(origin.as_bytes()) {
            return self.form_over("origin");
        }
        let kind = only(headers, &header::CONTENT_TYPE).unwrap_or_default();
        if !kind.starts_with(b"application/x-www-form-urlencoded") {
            return self.form_over("content_type");
        }
        // Whoever is not let in is not waited for.
        let visit = match self.visit(browser, account, cookie) {
            Ok(visit) if visit.account.is_taken_on() => visit,
            Ok(_) => return self.not_let_in(NotLetIn::NotTakenOn),
            Err(why) => return self.not_let_in(why),
        };
        let form = match self.forms.read(body).await {
            Ok(form) => form,
            Err(NoBody::Wrong) => return self.form_over("body"),
            Err(NoBody::GaveWay) => {
                self.metrics.refused("body_gave_way");
                return self.busy();
            }
        };
        let form = Query::parse(&form);
        let account = visit.account;
        let keys = &self.settings.page.keys;
        // What has changed since, such as whose server it is, they have not read.
        let is_own = |cookie: &&Cookie| {
            let (token, nonce) = (form.get("form"), &cookie.nonce);
            keys.verify_form_token(token, nonce, account.uid(), &account.shown())
        };
        let Some(cookie) = visit.cookie.as_ref().filter(is_own) else {
            return self.form_over("form_token");
        };
        let starts_over = match form.get("action") {
            "connect" => false,
            "start-over" => true,
            _ => return self.form_over("form"),
        };
        let reply = self
            .request_link(&visit, &browser_name(&cookie.nonce), starts_over)
            .await;
        // It is known for at least as long as the sign-in may last.
        let cookie = Cookie {
            asked_at: Some(visit.now.as_second()),
            ..cookie.clone()
        };
        self.with_cookie(reply, browser, account, &cookie)
    }

    async fn request_link(&self, visit: &Visit<'_>, browser: &str, starts_over: bool) -> Reply {
        let (account, now) = (visit.account, visit.now);
        if !matches!(asking(account, now), Asking::Ask { .. }) {
            return Reply::see("not_needed", page_path(account));
        }
        let link = account.open_link(now);
        // Nobody can go once more through a link whose sign-in was not completed.
        let is_used = account.last_completion() == Some(ConnectRequestOutcome::Refused);
        if !starts_over && !is_used && link.is_some_and(|link| link.is_for(browser)) {
            return Reply::see("reused", waiting_path(account, "", "", now));
        }
        // A link of another browser does not do for this one. The operator knows that, and makes no second one where this
        // browser has one by then.
        let kind = match starts_over || is_used {
            true => ConnectRequestKind::StartOver,
            false => ConnectRequestKind::Link,
        };
        let (keys, user) = (&self.settings.page.keys, visit.user);
        let person = user.unwrap_or_default();
        let asked = Asked {
            kind,
            user,
            browser: Some(browser.to_owned()),
            proof: Some(keys.asked_proof(account.uid(), kind.as_str(), person, browser)),
            returned: None,
            session: None,
        };
        let former = account.link_request();
        match self.in_turn(account, &asked).await {
            Made::New(request) | Made::Pending(request) => {
                Reply::see("asked", waiting_path(account, &request, former, now))
            }
            Made::InTheWay => Reply::see("asked", waiting_path(account, "", former, now)),
            Made::Failed => self.busy(),
        }
    }

    /// Makes the request once there is room for it. The one that is in its way may be answered already and only wait to
    /// be deleted: then no link comes of it any more, and nobody else asks for one.
    pub(super) async fn in_turn(&self, account: &Account, asked: &Asked<'_>) -> Made {
        let hold = self.holds.take(account.uid());
        let begun = Instant::now();
        let known = account.written_link();
        let is_over = |newest: &Account, now| {
            let has_new_link = newest.open_link(now).is_some() && newest.written_link() != known;
            let session = asked.session.as_ref();
            // In another tab, or at another replica.
            let is_finished = session.is_some_and(|of| newest.finished_in(&of.request).is_some());
            has_new_link || is_finished
        };
        let mut newest: Option<Arc<Account>> = None;
        loop {
            let as_known = newest.as_deref().unwrap_or(account);
            let made = self.requests.make(as_known, asked, &self.metrics).await;
            let end = match &made {
                Made::New(_) | Made::Failed => return made,
                Made::Pending(_) => begun + TURN,
                Made::InTheWay => begun + HOLD,
            };
            let now = Instant::now();
            if hold.is_none() || now >= end || self.holds.is_over() {
                return made;
            }
            match self.until(account, end.min(now + RETRY), is_over).await {
                Some(found) if !is_over(&found, Timestamp::now()) => newest = Some(found),
                Some(_) | None => return made,
            }
        }
    }

    /// A page of its own between the form and the sign-in: browsers apply the form's rules to all that it redirects to.
    pub(super) async fn waiting(&self, browser: &Browser<'_>, visit: &Visit<'_>) -> Reply {
        let Some(cookie) = &visit.cookie else {
            return Reply::see("no_cookie", page_path(visit.account));
        };
        let name = browser_name(&cookie.nonce);
        let request = browser.query.name("r");
        let asked_at = browser.query.time("s", visit.now);
        let former = browser.query.name("f");
        let stage =
            |account: &Account, now| waiting(account, &name, request, former, asked_at, now);
        let is_new = |account: &Account, now| !matches!(stage(account, now), Waiting::Wait { .. });
        // The first page is shown at once.
        let held = match browser.query.has("again") {
            true => self.held(visit.account, is_new).await,
            false => None,
        };
        let account = held.as_deref().unwrap_or(visit.account);
        let now = Timestamp::now();
        match stage(account, now) {
            Waiting::Wait { is_long, is_behind } => {
                let again = format!(
                    "{}&again=1",
                    waiting_path(account, request, former, asked_at)
                );
                let kind = if is_long { "waiting_long" } else { "waiting" };
                let notice = texts::hindered(account.doubt());
                let notice = notice.unwrap_or_else(|| texts::waiting(is_long, is_behind));
                let page = self.brand().wait(&notice);
                Reply::page(kind, StatusCode::OK, page).then(if is_long { 5 } else { 1 }, &again)
            }
            Waiting::Ready => self.ready(account, now),
            Waiting::Refused => {
                let notice = texts::refused(account.reason(), account.namespace());
                let page = self.brand().back(&notice, &page_path(account));
                Reply::page("refused", StatusCode::OK, page)
            }
            Waiting::Page(page) => {
                let visit = Visit {
                    account,
                    user: visit.user,
                    cookie: visit.cookie.clone(),
                    now,
                };
                self.ask(browser, &visit, page)
            }
        }
    }

    /// Names the host, before anybody goes there. They take the time that they need to read it.
    fn ready(&self, account: &Account, now: Timestamp) -> Reply {
        let link = account.open_link(now);
        let link = link.and_then(|link| link.address(&self.settings.page.keys));
        let Some(to) = link.and_then(|link| to_sign_in(link.expose())) else {
            return self.busy();
        };
        let path = format!("{}/open", page_path(account));
        let page = self.brand().ready(account, &to, &path);
        Reply::page("ready", StatusCode::OK, page)
    }

    /// Leads on to the sign-in.
    pub(super) fn open(&self, visit: &Visit<'_>) -> Reply {
        let account = visit.account;
        let browser = visit
            .cookie
            .as_ref()
            .map(|cookie| browser_name(&cookie.nonce));
        let link = account
            .open_link(visit.now)
            .filter(|link| link.is_for(browser.as_deref().unwrap_or_default()))
            .and_then(|link| link.address(&self.settings.page.keys));
        match link.and_then(|link| to_sign_in(link.expose())) {
            Some(to) => Reply::see("opened", to.address),
            None => Reply::see("no_link", page_path(account)),
        }
    }

    /// The object once that holds of it, as its page is held back for so long; `None`: it is gone, or too many are held
    /// back.
    pub(super) async fn held(
        &self,
        account: &Account,
        holds: impl Fn(&Account, Timestamp) -> bool,
    ) -> Option<Arc<Account>> {
        let _hold = self.holds.take(account.uid())?;
        self.until(account, Instant::now() + HOLD, holds).await
    }

    /// The object once that holds of it, or as it is at that time; `None`: it is gone.
    pub(super) async fn until(
        &self,
        account: &Account,
        end: Instant,
        holds: impl Fn(&Account, Timestamp) -> bool,
    ) -> Option<Arc<Account>> {
        let mut changes = self.objects.changes();
        loop {
            let newest = self.objects.get(account.namespace(), account.name());
            let newest = newest.filter(|newest| newest.uid() == account.uid())?;
            if holds(&newest, Timestamp::now()) {
                return Some(newest);
            }
            let changed = tokio::select! {
                changed = timeout_at(end, changes.changed()) => changed,
                () = self.holds.over() => return Some(newest),
            };
            if !matches!(changed, Ok(Ok(()))) {
                return Some(newest);
            }
        }
    }

    fn form_over(&self, why: &'static str) -> Reply {
        self.metrics.refused(why);
        let page = self.brand().plain(&texts::form_over());
        Reply::page("form_over", StatusCode::FORBIDDEN, page)
    }
}

fn waiting_path(account: &Account, request: &str, former: &str, asked_at: Timestamp) -> String {
    let (path, seconds) = (page_path(account), asked_at.as_second());
    let former = match former {
        "" => String::new(),
        former => format!("&f={former}"),
    };
    format!("{path}/waiting?r={request}&s={seconds}{former}")
}
