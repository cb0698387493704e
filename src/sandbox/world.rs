//! The emulated Composio as a pure machine: a request and a time go in, an answer comes out. It has
//! no clock, does no I/O and writes no logs, so a test can drive ten minutes in a microsecond.
//!
//! The world's time is the time it is given plus an offset that control calls can move. What time
//! does by itself (a sign-in that nobody finished runs out after ten minutes) is applied when
//! somebody looks, and dated at the moment it happened.
//!
//! # Where the documentation leaves something open
//!
//! The questions which a client may meet in both readings are [`Switches`]. The rest is decided so:
//! - Timestamps have milliseconds, in UTC.
//! - A cursor is the Base64 of page number and page size, as the clients describe that of auth
//!   configs; pages shift while rows come and go. [`Switches::shifting_pages`] makes them shift all the time.
//! - Array filters may be repeated or comma-joined: the documentation shows the first, both official
//!   clients send the second. A user id that contains a comma is also matched as a whole.
//! - A page of accounts is 50 rows at most, whatever is asked; [`Switches::max_page`] makes it the 200
//!   that others have seen. One of auth configs has 20 rows, and 200 at most.
//! - `connection.user_id` may be absent at creation, as the clients have it, and is `default` then.
//!   The deprecated `connection.data` and `connection.redirect_uri` are still understood.
//! - `code` of an error is a number: the documentation also knows texts, the clients' models do not.
//!   600, 607, 612, 10401 and 10429 were seen; the others are made up.
//! - A connection without the fields that its toolkit needs ([`AuthConfig::requires`]) is a 400 of
//!   code 612, and so are credentials without the field that their scheme needs.
//! - `validate_credentials` is understood: the documentation has it, the newest clients do not.
//! - Unknown fields are ignored: the clients send along what their caller adds.
//! - `state.val` has the fields which the clients' models ask for. Not every scheme has FAILED and
//!   REVOKED there: it says EXPIRED then, the other state without credentials. `status` beside it
//!   is right in any case.
//! - Composio-managed `CIMD_OAUTH` is refused on POST like the three redirect schemes that the
//!   documentation names: the clients know it, the documentation does not.
//! - When a link is answered 422, and when anything is answered 403, 500 or 501 beside what is
//!   written here, is not documented: such an answer comes from a fault alone.
//! - A body field of a wrong type, a text that is too long or an enum word that is unknown is a 400.
//! - A disabled auth config takes no new accounts (400); those it has live on.
//! - `refresh` works in every state but INACTIVE and REVOKED (400), asks a person anew for redirect
//!   schemes and has ten minutes of its own; an ACTIVE row stays ACTIVE meanwhile, unless
//!   [`Switches::refresh_reopens_active`] says otherwise. For other schemes it changes nothing and
//!   has no URL; for `NO_AUTH` it is a 501.
//! - An account that Composio has set INACTIVE with its auth config stays so when the config is
//!   enabled again. `PATCH /auth_configs` is not emulated: a control call disables one.
//! - A sign-in that waits for its verification is INITIATED, and has ten minutes from then on. After
//!   the wrong user nothing makes the row ACTIVE again, neither refresh nor credentials.
//! - A second webhook subscription is a 409. A delivery that was not answered 2xx is repeated after 10
//!   seconds, one minute and five; each attempt has a timestamp of its own. After a rotation the old
//!   secret signs too for a day. The key of the signature is the secret's text, `whsec_` and all, as
//!   Composio's SDK takes it. Whatever version is asked for, the payload is that of V3.
//! - Events about anything but a dead OAuth 2 grant are not told, and nothing is sent to another
//!   machine: a delivery to a URL that is not loopback is listed as not sent.
//! - Credentials are believed, as Composio believes them, but the emulated provider refuses values
//!   that begin with `invalid`: with `validate_credentials` that is a 400 at creation, and a PATCH
//!   with such a value does not revive a row.
//! - A REVOKED row is not revived by a PATCH of credentials, nor by enabling.
//! - The job that `revoke_on_delete` starts is done at once; it fails without a word where the
//!   toolkit cannot revoke.
//! - All requests count against the limit, also those with a wrong key. Windows are whole minutes.
//! - A lower-case header `x-composio-operator-instance` is only recorded in the log.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

mod account;
mod answer;
mod change;
mod control;
mod create;
mod credential_body;
mod delivery;
mod fault;
mod ids;
mod item;
mod latency;
mod limit;
mod list;
mod log;
mod page;
mod project;
mod query;
mod refusal;
mod scheme;
mod seed;
mod sharing;
mod sign_in;
mod store;
mod switches;
#[cfg(test)]
mod tests;
mod verification;
mod webhook;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use jiff::{SignedDuration, Timestamp};

pub use account::{Grant, GrantEnd, Sharing, State};
pub use control::{AccountView, Budget, ControlError, GrantView, Person};
pub use delivery::{Attempt, Delivery, Post};
pub use fault::{Fault, FaultAnswer, HalfBody};
pub use latency::{Latency, LatencyError, Milliseconds};
pub use log::Entry;
pub use project::{Project, ProjectChange};
pub use scheme::Scheme;
pub use seed::{Account as SeedAccount, AuthConfig, Seed};
pub use sign_in::{Finished, SignIn, SignInView};
pub use switches::Switches;

use answer::{Reply, json_response, json_text};
use fault::Faults;
use ids::Ids;
use limit::Window;
use log::Log;
use refusal::Refusal;
use store::{AliasKey, Store};
use webhook::Webhooks;

/// The path that all endpoints are under.
pub const API: &str = "/api/v3.1";

/// How long a sign-in can be finished.
pub const LINK_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// The connection was cut instead of an answer. Whether the request had its effect is just what the
/// caller cannot know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut;

/// An emulated Composio project.
pub struct World {
    seed: Seed,
    api_key: String,
    /// Other keys that are let in.
    former_keys: Vec<String>,
    configs: Vec<AuthConfig>,
    store: Store,
    ids: Ids,
    offset: SignedDuration,
    window: Window,
    log: Log,
    faults: Faults,
    switches: Switches,
    latency: Latency,
    /// How often a distribution of latencies was drawn from.
    draws: u64,
    /// The seed's accounts are still to be made.
    unsown: bool,
    project: Project,
    webhooks: Webhooks,
    /// Auth configs whose disabling has still to reach their accounts.
    just_disabled: Vec<usize>,
}

/// One request, taken apart.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    query: Vec<(String, String)>,
    body: &'a Bytes,
    base: String,
    now: Timestamp,
}

impl World {
    /// A world with the seed's auth configs and accounts.
    /// Its rows are made when somebody looks for the first time, as it has no time before that.
    pub fn new(seed: Seed) -> Self {
        Self {
            api_key: seed.api_key.clone(),
            former_keys: Vec::new(),
            configs: seed.auth_configs.clone(),
            store: Store::default(),
            ids: Ids::new(seed.entropy),
            offset: SignedDuration::ZERO,
            window: Window::new(seed.limit),
            log: Log::default(),
            faults: Faults::default(),
            switches: seed.switches,
            latency: Latency::default(),
            draws: 0,
            unsown: true,
            project: Project::of(&seed),
            webhooks: Webhooks::default(),
            just_disabled: Vec::new(),
            seed,
        }
    }

    /// The key that is let in now.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Whether that key is let in.
    pub fn lets_in(&self, key: &[u8]) -> bool {
        let keys = self.former_keys.iter().chain([&self.api_key]);
        keys.into_iter().any(|one| one.as_bytes() == key)
    }

    /// Whether this link was made here, be it open or not.
    pub fn has_link(&self, token: &str) -> bool {
        self.store.find_link(token).is_some()
    }

    /// Answers an API request. A [`Cut`] becomes a 502 here; use [`World::exchange`] to see it.
    pub fn handle(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        self.exchange(request, now).unwrap_or_else(|Cut| {
            let mut response = Response::new(Bytes::from_static(b"the connection was cut"));
            *response.status_mut() = http::StatusCode::BAD_GATEWAY;
            response
        })
    }

    /// Answers an API request, or cuts the connection where a fault asks for that.
    pub fn exchange(
        &mut self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Response<Bytes>, Cut> {
        let now = self.settle(now);
        let request_id = self.ids.next("req_");
        let call = Call {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: query_of(request),
            body: request.body(),
            base: self.base_of(request),
            now,
        };
        let fault = self.faults.take(call.method, call.path);
        // What the edge refuses does not reach the organisation's budget.
        let at_the_edge = fault.as_ref().is_some_and(Fault::at_the_edge);
        let admitted = at_the_edge || self.window.admit(now);
        let mut concerned = None;
        let outcome = match &fault {
            Some(fault) if !fault.after_commit() => {
                fault.outcome(None, self.window.refusal(now), &request_id)
            }
            Some(_) | None => {
                let answer = self.answer(request, &call, admitted, &request_id, &mut concerned);
                match &fault {
                    Some(fault) => {
                        fault.outcome(Some(answer), self.window.refusal(now), &request_id)
                    }
                    None => Ok(answer),
                }
            }
        };
        let outcome = outcome.map(|response| self.dress(response, &call, &request_id));
        self.record(request, &call, &request_id, concerned, fault, &outcome);
        outcome
    }

    /// Key, limit, endpoint.
    fn answer(
        &mut self,
        request: &Request<Bytes>,
        call: &Call<'_>,
        admitted: bool,
        request_id: &str,
        concerned: &mut Option<String>,
    ) -> Response<Bytes> {
        if !admitted {
            return self.window.refusal(call.now);
        }
        let key = request
            .headers()
            .get("x-api-key")
            .map(HeaderValue::as_bytes);
        let result = match key {
            Some(key) if self.lets_in(key) => self.endpoint(call),
            Some(key) if key.starts_with(b"uak_") => Err(Refusal::key_of_a_user()),
            Some(_) | None => Err(Refusal::unauthorized()),
        };
        match result {
            Ok(reply) => {
                *concerned = reply.account;
                json_text(reply.status, reply.body)
            }
            Err(refusal) => json_response(refusal.status, &refusal.body(request_id)),
        }
    }

    fn endpoint(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let unknown = || Refusal::no_such_endpoint(call.method, call.path);
        let path = call.path.strip_prefix(API).ok_or_else(unknown)?;
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (call.method, segments.as_slice()) {
            ("POST", ["connected_accounts", "link"]) => self.link(call),
            ("POST", ["connected_accounts"]) => self.create(call),
            ("POST", ["connected_accounts", "complete_auth"]) => self.complete_auth(call),
            ("GET", ["connected_accounts"]) => self.list_accounts(call),
            ("GET", ["connected_accounts", id]) => self.get_account(call, id),
            ("PATCH", ["connected_accounts", id]) => self.patch(call, id),
            ("PATCH", ["connected_accounts", id, "status"]) => self.set_status(call, id),
            ("POST", ["connected_accounts", id, "refresh"]) => self.refresh(call, id),
            ("POST", ["connected_accounts", id, "revoke"]) => self.revoke(call, id),
            ("DELETE", ["connected_accounts", id]) => self.delete(call, id),
            ("GET", ["auth", "session", "info"]) => self.session_info(call),
            ("POST", ["webhook_subscriptions"]) => self.subscribe(call),
            ("GET", ["webhook_subscriptions"]) => self.list_subscriptions(call),
            ("GET", ["webhook_subscriptions", "event_types"]) => Ok(webhook::event_types()),
            ("GET", ["webhook_subscriptions", id]) => self.subscription(id),
            ("PATCH", ["webhook_subscriptions", id]) => self.change_subscription(call, id),
            ("DELETE", ["webhook_subscriptions", id]) => self.unsubscribe(id),
            ("POST", ["webhook_subscriptions", id, "rotate_secret"]) => {
                self.rotate_secret(call, id)
            }
            ("GET", ["auth_configs"]) => self.list_auth_configs(call),
            ("GET", ["auth_configs", id]) => self.get_auth_config(id),
            (_, _) => Err(unknown()),
        }
    }

    /// The world's time, after all that had to happen until then has happened.
    pub(super) fn settle(&mut self, now: Timestamp) -> Timestamp {
        let now = self.now(now);
        if std::mem::take(&mut self.unsown) {
            self.sow(now);
        }
        self.store.settle(now);
        self.settle_configs(now);
        now
    }

    /// The world's time, in whole milliseconds as Composio writes it.
    fn now(&self, now: Timestamp) -> Timestamp {
        let moved = now.saturating_add(self.offset).unwrap_or(now);
        Timestamp::from_millisecond(moved.as_millisecond()).unwrap_or(moved)
    }

    fn base_of<T>(&self, request: &Request<T>) -> String {
        let headers = request.headers();
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let https = headers
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto == "https");
        let scheme = if https { "https" } else { "http" };
        match host {
            Some(host) => format!("{scheme}://{host}"),
            None => self.seed.public_base.clone(),
        }
    }

    fn config_index(&self, id: &str) -> Option<usize> {
        self.configs.iter().position(|config| config.id == id)
    }

    fn alias_key(&self, user: &str, config: usize, alias: &str) -> AliasKey {
        let toolkit = self.configs[config].toolkit.clone();
        (user.to_owned(), toolkit, alias.to_owned())
    }
}

fn query_of<T>(request: &Request<T>) -> Vec<(String, String)> {
    form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes())
        .into_owned()
        .collect()
}
