//! An answer: a page or the way to another one, with what keeps it from being kept, framed or told on.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use maud::Markup;

use super::pages::POLICY;

/// An answer before it is sent.
pub(super) struct Reply {
    status: StatusCode,
    /// What it is, for the metrics.
    pub(super) kind: &'static str,
    body: String,
    headers: Vec<(HeaderName, String)>,
    referrer: &'static str,
}

impl Reply {
    pub(super) fn page(kind: &'static str, status: StatusCode, markup: Markup) -> Self {
        Self {
            status,
            kind,
            body: markup.into_string(),
            headers: Vec::new(),
            referrer: "no-referrer",
        }
    }

    /// An answer without words.
    pub(super) fn empty(kind: &'static str, status: StatusCode) -> Self {
        Self {
            status,
            kind,
            body: String::new(),
            headers: Vec::new(),
            referrer: "no-referrer",
        }
    }

    /// The way to another address, which is read anew there.
    pub(super) fn see(kind: &'static str, location: impl Into<String>) -> Self {
        let reply = Self {
            status: StatusCode::SEE_OTHER,
            kind,
            body: String::new(),
            headers: Vec::new(),
            referrer: "no-referrer",
        };
        reply.header(header::LOCATION, location)
    }

    /// Has the browser go there after so many seconds.
    pub(super) fn then(self, seconds: u8, path: &str) -> Self {
        self.header(header::REFRESH, format!("{seconds}; url={path}"))
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// For a page with a form: without a referrer to its own host, browsers would not say either where the form comes
    /// from.
    pub(super) fn with_form(mut self) -> Self {
        self.referrer = "same-origin";
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let always = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, self.referrer),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("permissions-policy"),
                "camera=(), geolocation=(), microphone=()",
            ),
            (
                HeaderName::from_static("x-robots-tag"),
                "noindex, nofollow, noarchive",
            ),
            (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        ];
        let own = self.headers.iter().map(|(name, value)| (name, &**value));
        let always = always.iter().map(|(name, value)| (name, *value));
        for (name, value) in always.chain(own) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(name.clone(), value);
            }
        }
        response
    }
}
