//! What can go wrong in a call to Composio, and the one question a caller asks of it: [`Retry`].

use std::{fmt, time::Duration};

use super::{
    call::{Class, Endpoint},
    model::{Sensitive, without},
    quote::{Quote, sanitize_id},
};

/// A call that did not do what was asked, or of which that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What was called.
    pub endpoint: Endpoint,
    /// What came back.
    pub kind: Kind,
    /// To be quoted to Composio's support.
    pub request_id: Option<String>,
    /// The call carried Secret values: what Composio says about it is not repeated.
    pub carried_credentials: bool,
}

/// An error and what caused it, the innermost last: the outer ones mostly repeat that something failed.
pub fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// Composio's name for credentials that lack a field which the toolkit needs. Its number is 612.
pub(super) const MISSING_FIELDS: &str = "ConnectedAccount_MissingRequiredFields";

/// How Composio's names of errors begin that are about the request and not about an object.
const HTTP_ERROR: &str = "HTTP_";

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The call was not sent, because it cannot be written as a request.
    NotSent(&'static str),
    /// No connection: nothing was sent.
    Connect(Quote),
    /// No complete answer in time.
    Timeout,
    /// The connection broke before the answer was complete.
    Disconnected(Quote),
    /// The answer is larger than what is read.
    TooLarge {
        /// The HTTP status of the answer.
        status: u16,
        /// The most bytes that are read.
        limit: usize,
    },
    /// A 2xx whose body is not what the endpoint answers.
    NotUnderstood {
        /// The HTTP status of the answer.
        status: u16,
        /// What is wrong with it; never a part of the body.
        what: String,
    },
    /// A 3xx. It is never followed: the API key must not go to another host.
    Redirect {
        /// The HTTP status of the answer.
        status: u16,
        /// Scheme and host of the place it names.
        to: Option<Quote>,
    },
    /// 429, from Composio or from a proxy in between.
    RateLimited {
        /// How long to leave the whole organisation alone.
        retry_after: Duration,
    },
    /// 429 from the edge before Composio, which tells no limit: it says nothing of the organisation's.
    EdgeThrottled,
    /// An error in Composio's own form.
    Api(Box<Refusal>),
    /// An error status in another form, or none: a proxy or a gateway answered, not Composio.
    Gateway {
        /// The HTTP status of the answer.
        status: u16,
    },
}

/// An error in Composio's own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Composio's name of the error, such as `ConnectedAccount_BadRequest`.
    pub slug: Option<String>,
    /// Composio's number of the error; some are words.
    pub code: Option<String>,
    /// A sentence. Empty if the call carried credentials, which it might repeat; not where it names the
    /// fields that these lack.
    pub message: Quote,
    /// What to do about it; treated as the message is.
    pub suggested_fix: Option<Quote>,
    /// The alias belongs to another account of this user and toolkit.
    pub alias_in_use: bool,
}

impl Refusal {
    /// What an answer of 404 with an empty object means.
    pub(super) fn not_found() -> Self {
        Self {
            status: 404,
            slug: None,
            code: None,
            message: Quote::new("not found"),
            suggested_fix: None,
            alias_in_use: false,
        }
    }
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not before this has passed, and nobody else of the project either.
    After(Duration),
    /// Later, and later again.
    Backoff,
    /// Not until something that was declared changes.
    Never,
    /// The object that was named does not exist.
    Gone,
}

impl Kind {
    /// The same without these values in Composio's names of the error.
    pub(super) fn without(mut self, values: &[Sensitive]) -> Self {
        if let Self::Api(refusal) = &mut self {
            for name in [&mut refusal.slug, &mut refusal.code].into_iter().flatten() {
                *name = without(name, values);
            }
        }
        self
    }
}

impl Error {
    /// When to try again.
    pub fn retry(&self) -> Retry {
        match &self.kind {
            Kind::RateLimited { retry_after } => Retry::After(*retry_after),
            Kind::NotSent(_) => Retry::Never,
            Kind::Connect(_)
            | Kind::Timeout
            | Kind::Disconnected(_)
            | Kind::TooLarge { .. }
            | Kind::NotUnderstood { .. }
            // About the base URL, not about what was declared.
            | Kind::Redirect { .. }
            | Kind::EdgeThrottled
            // Not Composio's word, so it proves nothing about the object: neither that it is gone
            // nor that it is wrong.
            | Kind::Gateway { .. } => Retry::Backoff,
            Kind::Api(refusal) => match refusal.status {
                404 if self.endpoint.is_by_id() => Retry::Gone,
                408 => Retry::Backoff,
                // Not supported for this scheme or toolkit: another try changes nothing.
                501 => Retry::Never,
                400..=499 => Retry::Never,
                _ => Retry::Backoff,
            },
        }
    }

    /// Whether the effect may have been committed all the same.
    pub fn outcome_unknown(&self) -> bool {
        if !self.endpoint.is_effect() {
            return false;
        }
        match &self.kind {
            Kind::NotSent(_)
            | Kind::Connect(_)
            | Kind::Redirect { .. }
            | Kind::RateLimited { .. }
            | Kind::EdgeThrottled => false,
            Kind::Timeout | Kind::Disconnected(_) | Kind::NotUnderstood { .. } => true,
            Kind::TooLarge { status, .. } | Kind::Gateway { status } => {
                !(400..=499).contains(status) || *status == 408
            }
            Kind::Api(refusal) => match refusal.status {
                408 => true,
                400..=499 | 501 => false,
                // A row may have been made before whatever went wrong; only of the calls that make
                // none is Composio's own 500 a plain "no".
                500 => matches!(self.endpoint, Endpoint::Link | Endpoint::Create),
                _ => true,
            },
        }
    }

    /// HTTP status, if an answer came.
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            Kind::NotSent(_) | Kind::Connect(_) | Kind::Timeout | Kind::Disconnected(_) => None,
            Kind::TooLarge { status, .. }
            | Kind::NotUnderstood { status, .. }
            | Kind::Redirect { status, .. }
            | Kind::Gateway { status } => Some(*status),
            Kind::RateLimited { .. } | Kind::EdgeThrottled => Some(429),
            Kind::Api(refusal) => Some(refusal.status),
        }
    }

    /// Composio's name of the error.
    pub fn slug(&self) -> Option<&str> {
        match &self.kind {
            Kind::Api(refusal) => refusal.slug.as_deref(),
            Kind::NotSent(_)
            | Kind::Connect(_)
            | Kind::Timeout
            | Kind::Disconnected(_)
            | Kind::TooLarge { .. }
            | Kind::NotUnderstood { .. }
            | Kind::Redirect { .. }
            | Kind::RateLimited { .. }
            | Kind::EdgeThrottled
            | Kind::Gateway { .. } => None,
        }
    }

    /// The server, or a gateway before it, does not know the endpoint, or not any more. Composio's own 404 of an
    /// object that it does not know has another name than that of a path.
    pub fn lacks_endpoint(&self) -> bool {
        match (&self.kind, self.status()) {
            (Kind::Gateway { .. } | Kind::Api(_), Some(405 | 410 | 501)) => true,
            (Kind::Gateway { .. }, Some(404)) => true,
            (Kind::Api(refusal), Some(404)) => {
                let slug = refusal.slug.as_deref();
                slug.is_some_and(|slug| slug.starts_with(HTTP_ERROR))
            }
            _ => false,
        }
    }

    /// 401: the key is wrong, or lacks a permission.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }

    /// An answer came, and it cannot be read, or is too large; or a list that does not end.
    pub fn is_not_understood(&self) -> bool {
        matches!(
            self.kind,
            Kind::NotUnderstood { .. } | Kind::TooLarge { .. }
        )
    }

    /// 403 of a list, in Composio's form: the organisation is blocked, whatever is listed.
    pub fn refuses_project(&self) -> bool {
        let is_list = matches!(self.endpoint, Endpoint::List | Endpoint::AuthConfigs);
        is_list && matches!(&self.kind, Kind::Api(refusal) if refusal.status == 403)
    }

    /// 403.
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(403)
    }

    /// 409: the account is not in a state that allows it.
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// What Composio suggests to do about its refusal.
    pub(super) fn suggested_fix(&self) -> Option<&Quote> {
        match &self.kind {
            Kind::Api(refusal) => refusal.suggested_fix.as_ref(),
            _ => None,
        }
    }

    /// The alias belongs to another account of this user and toolkit.
    pub fn is_alias_in_use(&self) -> bool {
        matches!(&self.kind, Kind::Api(refusal) if refusal.alias_in_use)
    }

    /// The credentials lack a field that the toolkit needs; the message names it.
    pub fn lacks_fields(&self) -> bool {
        self.slug() == Some(MISSING_FIELDS)
    }

    /// The sentence for an object's status, without any of these values. Where they are not at hand, and
    /// for a call that carried credentials, of what Composio says no more than its name for it and the
    /// request id.
    pub fn for_user(&self, secrets: Option<&[Sensitive]>) -> String {
        let repeated = secrets.filter(|_| !self.carried_credentials || self.lacks_fields());
        let secrets = secrets.unwrap_or_default();
        let id = match &self.request_id {
            Some(id) => format!(" (request {})", sanitize_id(&without(id, secrets))),
            None => String::new(),
        };
        format!(
            "could not {}: {}{id}",
            self.endpoint.intent(),
            self.reason(secrets, repeated.is_some())
        )
    }

    pub(super) fn class(&self) -> Class {
        match &self.kind {
            Kind::NotSent(_) | Kind::Connect(_) => Class::Unreachable,
            Kind::Timeout => Class::Timeout,
            Kind::Disconnected(_) => Class::Disconnected,
            Kind::TooLarge { .. } | Kind::NotUnderstood { .. } => Class::NotUnderstood,
            Kind::Redirect { .. } => Class::Redirect,
            Kind::RateLimited { .. } => Class::RateLimited,
            Kind::EdgeThrottled => Class::EdgeThrottled,
            Kind::Api(refusal) if refusal.status < 500 => Class::Refused,
            Kind::Api(_) => Class::ServerError,
            Kind::Gateway { .. } => Class::Gateway,
        }
    }

    fn reason(&self, secrets: &[Sensitive], repeated: bool) -> String {
        match &self.kind {
            Kind::NotSent(why) => (*why).to_owned(),
            Kind::Connect(why) => format!("no connection to Composio: {}", why.without(secrets)),
            Kind::Timeout => "Composio did not answer in time".to_owned(),
            Kind::Disconnected(why) => {
                let why = why.without(secrets);
                format!("the connection broke before the answer was complete: {why}")
            }
            Kind::TooLarge { status, limit } => {
                format!("the answer ({status}) is larger than {limit} bytes")
            }
            Kind::NotUnderstood { status, what } => {
                format!("the answer ({status}) was not understood: {what}")
            }
            Kind::Redirect { status, to } => {
                let to = match to {
                    Some(to) => format!(" to {}", to.without(secrets)),
                    None => String::new(),
                };
                format!(
                    "the base URL answers with a redirect ({status}){to}, which is not followed"
                )
            }
            Kind::RateLimited { retry_after } => {
                let wait = retry_after.as_secs();
                format!("the rate limit is used up (429), to be tried again in {wait} s")
            }
            Kind::EdgeThrottled => {
                "turned away before Composio (429, with no limit told), to be tried again within seconds"
                    .to_owned()
            }
            Kind::Gateway { status } => {
                format!("{status}, not in Composio's form: a proxy or gateway answered")
            }
            Kind::Api(refusal) => describe_refusal(refusal, secrets, repeated),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.for_user(Some(&[])))
    }
}

impl std::error::Error for Error {}

fn describe_refusal(refusal: &Refusal, secrets: &[Sensitive], repeated: bool) -> String {
    let Refusal {
        status,
        slug,
        code: _,
        message,
        suggested_fix,
        alias_in_use: _,
    } = refusal;
    let mut text = format!("Composio answered {status}");
    if let Some(slug) = slug {
        text.push(' ');
        text.push_str(&sanitize_id(&without(slug, secrets)));
    }
    if !repeated {
        return text;
    }
    text.push_str(": ");
    text.push_str(&message.without(secrets));
    if let Some(fix) = suggested_fix {
        text.push_str(&format!(" ({})", fix.without(secrets)));
    }
    text
}
