//! Answers browsers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use kube::Client;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    account::Account,
    address::{Address, Page, Query},
    bodies::Bodies,
    cookie::{Cookie, Cookies, new_nonce},
    holds::Holds,
    objects::Objects,
    page_address::PageSettings,
    page_metrics::PageMetrics,
    pages::{Ask, Brand, Tone, shown},
    reply::Reply,
    requests::Requests,
    stage::{Asking, Last, asking},
    texts,
    visitor::{NotLetIn, Proxy, in_grace, is_let_in, is_person, only, token_end},
    webhook::{self, Webhooks},
};

mod asked;
mod returned;
mod verified;

/// The longest that an answer takes.
const LONGEST: Duration = Duration::from_secs(25);

/// How the page is set up.
#[derive(Debug)]
pub struct SiteSettings {
    /// What the operator is told too.
    pub page: PageSettings,
    /// Who says who comes.
    pub proxy: Option<Proxy>,
    /// Whose page it is.
    pub brand: Brand,
    /// Whether accounts of namespaced projects are listed too.
    pub lists_namespaced: bool,
    /// Where the secrets are that sign Composio's events, a file for each project; `None`: none is taken.
    pub webhook_secrets: Option<std::path::PathBuf>,
}

/// The page.
pub struct Site {
    settings: SiteSettings,
    cookies: Cookies,
    pub(super) objects: Arc<Objects>,
    pub(super) requests: Requests,
    forms: Bodies,
    holds: Holds,
    pub(super) metrics: Arc<PageMetrics>,
    webhooks: Option<Webhooks>,
}

/// Somebody who was let in to the page of an object.
struct Visit<'a> {
    account: &'a Account,
    /// Who comes, as the proxy says.
    user: Option<&'a str>,
    cookie: Option<Cookie>,
    now: Timestamp,
}

/// A request of a browser.
struct Browser<'a> {
    method: &'a Method,
    path: &'a str,
    query: Query,
    headers: &'a HeaderMap,
    peer: SocketAddr,
    now: Timestamp,
}

impl Site {
    /// The page of these objects, until `stop` is cancelled.
    pub fn new(
        settings: SiteSettings,
        objects: Arc<Objects>,
        client: Client,
        metrics: Arc<PageMetrics>,
        stop: CancellationToken,
    ) -> Self {
        if settings.webhook_secrets.is_some() {
            metrics.expects_events();
        }
        Self {
            cookies: Cookies::of(&settings.page.url),
            webhooks: settings.webhook_secrets.clone().map(Webhooks::new),
            settings,
            objects,
            requests: Requests::new(client),
            forms: Bodies::new(asked::FORM),
            holds: Holds::new(stop),
            metrics,
        }
    }

    /// Answers a request that came over a connection from there.
    pub async fn answer(&self, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        let reply = timeout(LONGEST, self.reply(request, peer)).await;
        let reply = reply.unwrap_or_else(|_| self.busy());
        self.metrics.page(reply.kind);
        reply.into_response()
    }

    async fn reply(&self, request: Request<Body>, peer: SocketAddr) -> Reply {
        let (parts, body) = request.into_parts();
        if !self.is_own_host(&parts.headers, &parts.uri) {
            self.metrics.refused("host");
            let page = self.brand().plain(&texts::misdirected());
            return Reply::page("misdirected", StatusCode::MISDIRECTED_REQUEST, page);
        }
        if let (Some(webhooks), Some(path)) =
            (&self.webhooks, parts.uri.path().strip_prefix(webhook::PATH))
        {
            let (method, headers) = (&parts.method, &parts.headers);
            let now = Timestamp::now();
            return self
                .webhook(webhooks, method, headers, path, body, now)
                .await;
        }
        let browser = Browser {
            method: &parts.method,
            path: parts.uri.path(),
            query: Query::of(&parts.uri),
            headers: &parts.headers,
            peer,
            now: Timestamp::now(),
        };
        let Some(address) = Address::parse(browser.path) else {
            self.metrics.refused("address");
            return self.not_found();
        };
        let (page, namespace, name) = match address {
            Address::List => return self.list(&browser),
            Address::Verify => return self.verify(&browser).await,
            Address::Of {
                page,
                namespace,
                name,
            } => (page, namespace, name),
        };
        let account = self.objects.get(namespace, name);
        let account = account.as_deref();
        let cookie = self.cookies.read(browser.headers, namespace, name);
        match (page, browser.method) {
            (Page::Ask, &Method::POST) => self.submit(&browser, account, cookie, body).await,
            (Page::Returned | Page::Back, &Method::GET) => {
                self.returned(&browser, page, account, cookie).await
            }
            (page, &Method::GET | &Method::HEAD) => {
                self.show(&browser, page, account, cookie).await
            }
            _ => {
                self.metrics.refused("method");
                self.not_found()
            }
        }
    }

    /// Pages of an object that write nothing.
    async fn show(
        &self,
        browser: &Browser<'_>,
        page: Page,
        account: Option<&Account>,
        cookie: Option<Cookie>,
    ) -> Reply {
        if page == Page::Ask && self.settings.proxy.is_none() && browser.query.has("t") {
            return self.take_token(browser, account, cookie);
        }
        let visit = match self.visit(browser, account, cookie) {
            Ok(visit) => visit,
            Err(why) => return self.not_let_in(why),
        };
        match page {
            Page::Ask => self.ask(browser, &visit, asking(visit.account, visit.now)),
            Page::Waiting => self.waiting(browser, &visit).await,
            Page::Completing => self.completing(browser, &visit).await,
            Page::Open => self.open(&visit),
            Page::Returned | Page::Back => self.not_found(),
        }
    }

    /// Who comes, if they may.
    fn visit<'a>(
        &self,
        browser: &Browser<'a>,
        account: Option<&'a Account>,
        cookie: Option<Cookie>,
    ) -> Result<Visit<'a>, NotLetIn> {
        let now = browser.now;
        let user = match &self.settings.proxy {
            Some(proxy) => {
                let user = proxy.user(browser.headers, browser.peer);
                is_person(account, user)?;
                user
            }
            None => {
                is_let_in(&self.settings.page.keys, account, cookie.as_ref(), now)?;
                None
            }
        };
        Ok(Visit {
            account: account.ok_or(NotLetIn::NoObject)?,
            user,
            cookie,
            now,
        })
    }

    /// Moves the token from the address into the cookie: it is in no later address.
    fn take_token(
        &self,
        browser: &Browser<'_>,
        account: Option<&Account>,
        cookie: Option<Cookie>,
    ) -> Reply {
        let (token, now) = (browser.query.get("t"), browser.now);
        if let Err(why) = token_end(&self.settings.page.keys, account, token, now) {
            return self.not_let_in(why);
        }
        let asked_at = cookie.as_ref().and_then(|cookie| cookie.asked_at);
        let nonce = cookie.map(|cookie| cookie.nonce).or_else(new_nonce);
        let (Some(nonce), Some(account)) = (nonce, account) else {
            return self.busy();
        };
        let cookie = Cookie {
            nonce,
            token: token.to_owned(),
            asked_at,
        };
        let reply = Reply::see("token", page_path(account));
        self.with_cookie(reply, browser, account, &cookie)
    }

    /// The page of an object, for a browser that has a name from now on.
    fn ask(&self, browser: &Browser<'_>, visit: &Visit<'_>, page: Asking) -> Reply {
        let account = visit.account;
        let toolkit = shown(account.toolkit());
        let (last, again) = match page {
            // It would say in the platform's name what the platform does not allow.
            Asking::Ask { .. } if !account.is_taken_on() => {
                return self.not_let_in(NotLetIn::NotTakenOn);
            }
            Asking::Ask { last, again } => (last, again),
            Asking::Connected => {
                let notice = texts::connected(&toolkit, account.identity().map(shown).as_deref());
                return self.ended("connected", &notice, Tone::Good);
            }
            Asking::Checking => {
                return self.ended("checking", &texts::checking(&toolkit), Tone::Busy);
            }
            Asking::Off => {
                let notice = texts::off(&toolkit, account.namespace());
                return self.ended("off", &notice, Tone::Plain);
            }
        };
        let (cookie, is_new) = match &visit.cookie {
            Some(cookie) => (cookie.clone(), false),
            None => match new_nonce() {
                Some(nonce) => {
                    let cookie = Cookie {
                        nonce,
                        token: String::new(),
                        asked_at: None,
                    };
                    (cookie, true)
                }
                None => return self.busy(),
            },
        };
        let keys = &self.settings.page.keys;
        let form_token = keys.form_token(&cookie.nonce, account.uid(), &account.shown());
        let page = self.brand().ask(&Ask {
            account,
            path: &page_path(account),
            form_token: &form_token,
            last,
            again,
        });
        let kind = match last {
            Some(Last::Elsewhere) => "ask_after_elsewhere",
            Some(Last::WrongIdentity) => "ask_after_wrong_identity",
            _ => "ask",
        };
        let reply = Reply::page(kind, StatusCode::OK, page).with_form();
        match is_new {
            true => self.with_cookie(reply, browser, account, &cookie),
            false => reply,
        }
    }

    /// All accounts of the person who comes.
    fn list(&self, browser: &Browser<'_>) -> Reply {
        let proxy = self.settings.proxy.as_ref();
        let user = proxy.and_then(|proxy| proxy.user(browser.headers, browser.peer));
        let is_get = [Method::GET, Method::HEAD].contains(browser.method);
        let Some(user) = user.filter(|_| is_get) else {
            return self.not_let_in(NotLetIn::Proxy);
        };
        let mut accounts = self.objects.of_person(user);
        accounts.retain(|account| {
            let is_listed = account.is_of_cluster_project() || self.settings.lists_namespaced;
            account.has_page() && account.is_taken_on() && is_listed
        });
        let page = self.brand().list(&accounts, browser.now);
        Reply::page("list", StatusCode::OK, page)
    }

    fn is_own_host(&self, headers: &HeaderMap, uri: &http::Uri) -> bool {
        let own = self.settings.page.url.host();
        let is_own = |host: &[u8]| host.eq_ignore_ascii_case(own.as_bytes());
        let authority = uri.authority().map(|authority| authority.as_str());
        only(headers, &header::HOST).is_some_and(is_own)
            && authority.is_none_or(|authority| is_own(authority.as_bytes()))
    }

    fn brand(&self) -> &Brand {
        &self.settings.brand
    }

    fn with_cookie(
        &self,
        reply: Reply,
        browser: &Browser<'_>,
        account: &Account,
        cookie: &Cookie,
    ) -> Reply {
        let (keys, now) = (&self.settings.page.keys, browser.now);
        let end = token_end(keys, Some(account), &cookie.token, in_grace(now));
        let left = end.ok().map(|end| end.duration_since(now));
        let set = self.cookies.set(browser.headers, account, cookie, left);
        set.into_iter().fold(reply, |reply, value| {
            reply.header(header::SET_COOKIE, value)
        })
    }

    fn ended(&self, kind: &'static str, notice: &texts::Notice, tone: Tone) -> Reply {
        let page = self.brand().ended(notice, tone, None);
        Reply::page(kind, StatusCode::OK, page)
    }

    /// The same for all to whom nothing is told.
    fn not_let_in(&self, why: NotLetIn) -> Reply {
        self.metrics.refused(match why {
            NotLetIn::NoObject => "no_object",
            NotLetIn::NotTakenOn => "not_taken_on",
            NotLetIn::Token => "token",
            NotLetIn::Proxy => "proxy",
            NotLetIn::Person => "person",
        });
        self.not_found()
    }

    fn not_found(&self) -> Reply {
        let page = self.brand().plain(&texts::not_found());
        Reply::page("not_found", StatusCode::NOT_FOUND, page)
    }

    fn busy(&self) -> Reply {
        let page = self.brand().plain(&texts::busy());
        Reply::page("busy", StatusCode::SERVICE_UNAVAILABLE, page).header(header::RETRY_AFTER, "30")
    }
}

/// Where the page of an object is.
fn page_path(account: &Account) -> String {
    format!("/connect/{}", account.key())
}
