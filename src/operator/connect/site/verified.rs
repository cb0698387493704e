//! A person comes back from the sign-in of a project that has whose it was verified, before anything is connected.

use std::sync::Arc;

use http::{Method, StatusCode, header};
use jiff::Timestamp;

use super::{Browser, Site, Visit, page_path};
use crate::{
    connect::{
        account::Account,
        address::{Address, Page, Query, VERIFY},
        cookie::session_name,
        keys::SessionOf,
        page_address::browser_name,
        pages::Tone,
        reply::Reply,
        requests::{Asked, Made},
        stage::{Returning, completing},
        texts,
        visitor::NotLetIn,
    },
    crd::{ConnectRequestKind, FinishedIn, SignInSession},
};

/// The parameter by which Composio names the sign-in. It names nothing else: whose link it was, the browser must know.
const SESSION: &str = "session_uri";
/// The parameter by which a page of this host names a session that is in a cookie.
const HELD: &str = "s";
/// The longest one that is taken.
const LONGEST: usize = 1024;

impl Site {
    /// Nothing is written but for a browser that had asked for a link which is out, with the person in it whom the link is
    /// for. To anybody else nothing is told but that nothing is connected, and the session is gone from the address.
    pub(super) async fn verify(&self, browser: &Browser<'_>) -> Reply {
        if browser.method != Method::GET {
            self.metrics.refused("method");
            return self.not_found();
        }
        let is_first = !browser.query.has(HELD);
        let (known_as, session) = if is_first {
            let session = browser.query.get(SESSION);
            (session_name(session), session.to_owned())
        } else {
            let known_as = browser.query.name(HELD);
            let held = self.cookies.session(browser.headers, known_as);
            (known_as.to_owned(), held.unwrap_or_default())
        };
        if let Some(path) = self.led_on_before(browser, &known_as) {
            return Reply::see("verify", path);
        }
        let is_one =
            session.len() <= LONGEST && session.bytes().all(|byte| byte.is_ascii_graphic());
        if session.is_empty() || !is_one {
            return self.of_nobody();
        }
        let user = match &self.settings.proxy {
            None => None,
            Some(proxy) => match proxy.user(browser.headers, browser.peer) {
                Some(user) => Some(user),
                None => return self.not_let_in(NotLetIn::Proxy),
            },
        };
        // It is in no address of a page of this host.
        let hold = self.cookies.set_session(&session);
        let again = format!("{VERIFY}?{HELD}={known_as}");
        let waits = |reply: Reply| reply.header(header::SET_COOKIE, &*hold);
        let Some(account) = self.asked_for(browser) else {
            if self.cookies.all(browser.headers).is_empty() && is_first {
                // Some browsers keep back every cookie where another site has led here. From a page of this one they send
                // it.
                return waits(self.looking(false, 0, &again));
            }
            self.metrics.refused("session");
            return Reply::see("verify_elsewhere", VERIFY);
        };
        let (request, asker) = (account.link_request(), account.link_browser());
        let of = SessionOf {
            uid: account.uid(),
            request,
            browser: asker,
            person: user.unwrap_or_default(),
        };
        let asked = Asked {
            kind: ConnectRequestKind::CompleteAuth,
            user,
            browser: None,
            proof: None,
            returned: None,
            session: Some(SignInSession {
                request: request.to_owned(),
                browser: asker.to_owned(),
                sealed: self.settings.page.keys.seal_session(&session, of),
            }),
        };
        let made = self.in_turn(&account, &asked).await;
        let newest = self.objects.get(account.namespace(), account.name());
        let is_finished = newest.is_some_and(|newest| newest.finished_in(request).is_some());
        let made = match made {
            Made::New(made) | Made::Pending(made) => made,
            Made::InTheWay if is_finished => String::new(),
            // It may be anybody's, and of another session: this one is asked for once that is gone.
            Made::InTheWay => return waits(self.looking(false, 1, &again)),
            // The session is good for ten minutes.
            Made::Failed => return waits(self.busy().then(5, &again)),
        };
        let keys = &self.settings.page.keys;
        let proof = keys.return_proof(account.uid(), request, asker);
        let came = Came {
            request: &made,
            link: request,
            proof: &proof,
            at: browser.now,
        };
        let path = came.path(&account);
        let known = self.cookies.set_verified(&known_as, &path);
        let forget = self.cookies.forget_session(&session);
        Reply::see("verify", path)
            .header(header::SET_COOKIE, known)
            .header(header::SET_COOKIE, forget)
    }

    /// Where this browser was led from the session of that name before, if its person may go there: the session was told
    /// already, and what came of it is there. Another tab, the button back and a reload come here once more.
    fn led_on_before(&self, browser: &Browser<'_>, known_as: &str) -> Option<String> {
        let known = self.cookies.verified(browser.headers, known_as)?;
        let (path, query) = known.split_once('?')?;
        let Some(Address::Of {
            page: Page::Completing,
            namespace,
            name,
        }) = Address::parse(path)
        else {
            return None;
        };
        let account = self.objects.get(namespace, name)?;
        let own = self.cookies.read(browser.headers, namespace, name);
        self.visit(browser, Some(&account), own).ok()?;
        let query = Query::parse(query.as_bytes());
        Some(Came::of(&query, browser.now).path(&account))
    }

    /// The object whose link this browser had asked for, if the person in it may. Of several it is the one whose link was
    /// made last: Composio does not say which it was, and takes no other user for it.
    fn asked_for(&self, browser: &Browser<'_>) -> Option<Arc<Account>> {
        let cookies = self.cookies.all(browser.headers).into_iter();
        let found = cookies.flat_map(|cookie| {
            let name = browser_name(&cookie.nonce);
            let found = self.objects.with_link_for(&name).into_iter();
            found.filter(move |account| {
                let link = account.open_link(browser.now);
                // The cookie must be this object's own.
                let (headers, namespace) = (browser.headers, account.namespace());
                let own = self.cookies.read(headers, namespace, account.name());
                let is_own = own.as_ref() == Some(&cookie);
                let visit = self.visit(browser, Some(account), own);
                link.is_some_and(|link| link.is_for(&name)) && is_own && visit.is_ok()
            })
        });
        found.max_by_key(|account| account.link_end())
    }

    /// The person waits for Composio to have been told. In another browser than the one that had asked for the link the
    /// address says nothing.
    pub(super) async fn completing(&self, browser: &Browser<'_>, visit: &Visit<'_>) -> Reply {
        let came = Came::of(&browser.query, visit.now);
        let cookie = visit.cookie.as_ref();
        let asker = cookie.map(|cookie| browser_name(&cookie.nonce));
        let asker = asker.unwrap_or_default();
        let (keys, uid) = (&self.settings.page.keys, visit.account.uid());
        if !keys.verify_return_proof(came.proof, uid, came.link, &asker) {
            self.metrics.refused("return_proof");
            return Reply::see("not_asked", page_path(visit.account));
        }
        let stage =
            |account: &Account, now| completing(account, came.link, came.request, came.at, now);
        let is_open = |stage| matches!(stage, Returning::Look { .. } | Returning::Settling);
        let held = match browser.query.has("again") {
            true => {
                let is_over = |account: &Account, now| !is_open(stage(account, now));
                self.held(visit.account, is_over).await
            }
            false => None,
        };
        let account = held.as_deref().unwrap_or(visit.account);
        let stage = stage(account, Timestamp::now());
        if is_open(stage) {
            let again = format!("{}&again=1", came.path(account));
            let is_long = matches!(stage, Returning::Look { is_long: true, .. });
            return self.looking(is_long, if is_long { 5 } else { 1 }, &again);
        }
        self.outcome(account, stage, FinishedIn::Same)
    }

    /// Whose agents it was for nobody can say here: the address names a session alone.
    fn of_nobody(&self) -> Reply {
        let page = self.brand().ended(&texts::unverified(), Tone::Bad, None);
        Reply::page("verify_elsewhere", StatusCode::OK, page)
    }
}

/// Somebody has come back from a verified sign-in.
struct Came<'a> {
    /// The request by which Composio is to be told.
    request: &'a str,
    /// The request whose link it was.
    link: &'a str,
    /// That this browser had asked for that.
    proof: &'a str,
    at: Timestamp,
}

impl<'a> Came<'a> {
    /// As the address says that it leads to.
    fn of(query: &'a Query, now: Timestamp) -> Self {
        Self {
            request: query.name("r"),
            link: query.name("l"),
            proof: query.name("p"),
            at: query.time("s", now),
        }
    }

    /// Where they wait for what comes of it.
    fn path(&self, account: &Account) -> String {
        let Self {
            request,
            link,
            proof,
            at,
        } = self;
        let (path, seconds) = (page_path(account), at.as_second());
        format!("{path}/completing?r={request}&l={link}&p={proof}&s={seconds}")
    }
}
