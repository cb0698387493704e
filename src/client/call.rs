//! One call as a meter sees it: which endpoint, how it ended, what the headers told.

use std::{fmt, time::Duration};

use http::{HeaderMap, Method, header};
use jiff::Timestamp;

use super::quote::{Quote, sanitize_id};

/// The endpoints this client knows. A closed set, so that it can be a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::EnumCount)]
pub enum Endpoint {
    /// `POST /connected_accounts/link`.
    Link,
    /// `POST /connected_accounts`.
    Create,
    /// `GET /connected_accounts`.
    List,
    /// `GET /connected_accounts/{id}`.
    Get,
    /// `PATCH /connected_accounts/{id}`.
    Patch,
    /// `PATCH /connected_accounts/{id}/status`.
    SetEnabled,
    /// `POST /connected_accounts/{id}/refresh`.
    Refresh,
    /// `POST /connected_accounts/{id}/revoke`.
    Revoke,
    /// `POST /connected_accounts/complete_auth`.
    CompleteAuth,
    /// `DELETE /connected_accounts/{id}`.
    Delete,
    /// `GET /auth_configs/{id}`.
    AuthConfig,
    /// `GET /auth_configs`.
    AuthConfigs,
    /// `GET /auth/session/info`.
    SessionInfo,
    /// `GET /webhook_subscriptions`.
    WebhookSubscriptions,
    /// `POST /webhook_subscriptions`.
    Subscribe,
    /// `DELETE /webhook_subscriptions/{id}`.
    Unsubscribe,
}

impl Endpoint {
    /// Every endpoint, for tests that must miss none.
    pub const ALL: [Self; <Self as strum::EnumCount>::COUNT] = [
        Self::Link,
        Self::Create,
        Self::List,
        Self::Get,
        Self::Patch,
        Self::SetEnabled,
        Self::Refresh,
        Self::Revoke,
        Self::CompleteAuth,
        Self::Delete,
        Self::AuthConfig,
        Self::AuthConfigs,
        Self::SessionInfo,
        Self::WebhookSubscriptions,
        Self::Subscribe,
        Self::Unsubscribe,
    ];

    /// The label `endpoint` of the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Create => "create",
            Self::List => "list",
            Self::Get => "get",
            Self::Patch => "patch",
            Self::SetEnabled => "set_enabled",
            Self::Refresh => "refresh",
            Self::Revoke => "revoke",
            Self::CompleteAuth => "complete_auth",
            Self::Delete => "delete",
            Self::AuthConfig => "auth_config",
            Self::AuthConfigs => "auth_configs",
            Self::SessionInfo => "session_info",
            Self::WebhookSubscriptions => "webhook_subscriptions",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// The HTTP method.
    pub fn method(self) -> Method {
        match self {
            Self::Link
            | Self::Create
            | Self::Refresh
            | Self::Revoke
            | Self::CompleteAuth
            | Self::Subscribe => Method::POST,
            Self::List
            | Self::Get
            | Self::AuthConfig
            | Self::AuthConfigs
            | Self::SessionInfo
            | Self::WebhookSubscriptions => Method::GET,
            Self::Patch | Self::SetEnabled => Method::PATCH,
            Self::Delete | Self::Unsubscribe => Method::DELETE,
        }
    }

    /// Whether the call can change something at Composio.
    pub fn is_effect(self) -> bool {
        match self {
            Self::Link
            | Self::Create
            | Self::Patch
            | Self::SetEnabled
            | Self::Refresh
            | Self::Revoke
            | Self::CompleteAuth
            | Self::Delete
            | Self::Subscribe
            | Self::Unsubscribe => true,
            Self::List
            | Self::Get
            | Self::AuthConfig
            | Self::AuthConfigs
            | Self::SessionInfo
            | Self::WebhookSubscriptions => false,
        }
    }

    /// Whether the path names one object, so that a 404 speaks about that object.
    pub fn is_by_id(self) -> bool {
        match self {
            Self::Get
            | Self::Patch
            | Self::SetEnabled
            | Self::Refresh
            | Self::Revoke
            | Self::Delete
            | Self::AuthConfig
            | Self::Unsubscribe => true,
            Self::Link
            | Self::Create
            | Self::CompleteAuth
            | Self::List
            | Self::AuthConfigs
            | Self::SessionInfo
            | Self::WebhookSubscriptions
            | Self::Subscribe => false,
        }
    }

    /// What the call tries, as it reads after "could not".
    pub(super) fn intent(self) -> &'static str {
        match self {
            Self::Link => "start a sign-in",
            Self::Create => "create the account",
            Self::List => "list accounts",
            Self::Get => "read the account",
            Self::Patch => "change the account",
            Self::SetEnabled => "enable or disable the account",
            Self::Refresh => "start a new sign-in for the account",
            Self::Revoke => "revoke the grant",
            Self::CompleteAuth => "tell Composio whose sign-in it was",
            Self::Delete => "delete the account",
            Self::AuthConfig => "read the auth config",
            Self::AuthConfigs => "list auth configs",
            Self::SessionInfo => "ask which project the API key is of",
            Self::WebhookSubscriptions => "list webhook subscriptions",
            Self::Subscribe => "make a webhook subscription",
            Self::Unsubscribe => "delete the webhook subscription",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a call ended. A closed set, so that it can be a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Composio did as asked.
    Success,
    /// Composio refused: a 4xx in its own form, 429 apart.
    Refused,
    /// 429 of the organisation's limit.
    RateLimited,
    /// 429 of the edge, which tells no limit.
    EdgeThrottled,
    /// A 5xx in Composio's own form.
    ServerError,
    /// An error status that is not Composio's own: a proxy or a gateway in between.
    Gateway,
    /// A 3xx.
    Redirect,
    /// No connection.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The connection broke before the answer was complete.
    Disconnected,
    /// An answer that is too large or cannot be read.
    NotUnderstood,
}

impl Class {
    /// The label `class` of the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::RateLimited => "rate_limited",
            Self::EdgeThrottled => "turned_away",
            Self::ServerError => "server_error",
            Self::Gateway => "gateway",
            Self::Redirect => "redirect",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Disconnected => "cut",
            Self::NotUnderstood => "not_understood",
        }
    }
}

/// The organisation's budget as an answer's headers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls in one window.
    pub limit: u64,
    /// Calls left in the current window.
    pub remaining: u64,
    /// Length of the window.
    pub window: Duration,
}

/// One finished call, as handed to the observer.
#[derive(Clone, Debug)]
pub struct Call {
    /// What was called.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: Method,
    /// How it ended.
    pub class: Class,
    /// `None` when no answer came.
    pub status: Option<u16>,
    /// From sending to the decoded answer.
    pub duration: Duration,
    /// `None` when the answer did not tell.
    pub rate_limit: Option<RateLimit>,
    /// On a 429: how long to leave the whole organisation alone.
    pub retry_after: Option<Duration>,
    /// Composio's clock.
    pub date: Option<Timestamp>,
    /// To be quoted to Composio's support.
    pub request_id: Option<String>,
    /// What Composio suggests where it refused the call: from an address that is not allowed it names that address.
    pub suggested_fix: Option<Quote>,
    /// The endpoint is about to be removed: what the headers `Deprecation` and `Sunset` say.
    pub deprecation: Option<Deprecation>,
}

/// What an answer tells of the end of its endpoint, in the words of its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deprecation {
    /// Since when, or `true`.
    pub deprecated: Option<String>,
    /// When it will be removed.
    pub sunset: Option<String>,
}

/// Without a Retry-After: the length of Composio's fixed window.
const WINDOW: Duration = Duration::from_secs(60);
/// A Retry-After is obeyed up to here, ten of Composio's windows. Whoever stands between may ask for a day, and
/// meanwhile nothing would be revoked either: it costs less to ask once more.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);
/// A Retry-After of zero, or of a time gone by, must not become a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

pub(super) fn rate_limit(headers: &HeaderMap) -> Option<RateLimit> {
    let number = |name| {
        text(headers, name)?
            .parse::<i64>()
            .ok()
            .map(|n| n.max(0).unsigned_abs())
    };
    Some(RateLimit {
        limit: number("x-ratelimit")?,
        remaining: number("x-ratelimit-remaining")?,
        window: text(headers, "x-ratelimit-window-size")
            .and_then(|size| size.trim_end_matches('s').parse().ok())
            .map_or(WINDOW, Duration::from_secs)
            .clamp(SHORTEST_WAIT, LONGEST_WAIT),
    })
}

/// Whether a 429 is of the organisation's limit: the edge tells neither that nor how long to wait.
pub(super) fn has_rate_limit(headers: &HeaderMap) -> bool {
    rate_limit(headers).is_some() || headers.contains_key(header::RETRY_AFTER)
}

pub(super) fn retry_after(headers: &HeaderMap) -> Duration {
    let asked = text(headers, header::RETRY_AFTER.as_str()).and_then(|value| match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        // A date means something only beside the clock it was read from.
        Err(_) => {
            let wait = http_date(value)?.duration_since(date(headers)?);
            Some(Duration::try_from(wait).unwrap_or(SHORTEST_WAIT))
        }
    });
    asked.unwrap_or(WINDOW).clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(text(headers, header::DATE.as_str())?)
}

pub(super) fn deprecation(headers: &HeaderMap) -> Option<Deprecation> {
    let header = |name| {
        text(headers, name)
            .filter(|value| !value.is_empty())
            .map(sanitize_id)
    };
    let (deprecated, sunset) = (header("deprecation"), header("sunset"));
    (deprecated.is_some() || sunset.is_some()).then_some(Deprecation { deprecated, sunset })
}

pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    text(headers, "x-request-id")
        .filter(|id| !id.is_empty())
        .map(sanitize_id)
}

fn http_date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
