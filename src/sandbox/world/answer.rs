//! Answers: good ones, and what all of them carry.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::fault::FromTheEdge;
use super::{Call, World};

/// A good answer, and the account it is about.
pub(super) struct Reply {
    pub(super) status: u16,
    /// JSON.
    pub(super) body: String,
    pub(super) account: Option<String>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self::text(body.to_string())
    }

    pub(super) fn text(body: String) -> Self {
        Self {
            status: 200,
            body,
            account: None,
        }
    }

    pub(super) fn created(body: Value, account: String) -> Self {
        Self {
            status: 201,
            body: body.to_string(),
            account: Some(account),
        }
    }
}

impl World {
    /// The headers which every answer carries. The edge knows nothing of the budget.
    pub(super) fn dress(
        &self,
        mut response: Response<Bytes>,
        call: &Call<'_>,
        request_id: &str,
    ) -> Response<Bytes> {
        let now = call.now;
        let from_the_edge = response.extensions().get::<FromTheEdge>().is_some();
        let deprecated = self.switches.refresh_is_deprecated && is_refresh(call);
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let (limit, remaining) = self.window.state(now);
        let headers = response.headers_mut();
        let mut more = vec![("date", date), ("x-request-id", request_id.to_owned())];
        if !from_the_edge {
            more.push(("x-ratelimit", limit.to_string()));
            more.push(("x-ratelimit-remaining", remaining.to_string()));
            more.push(("x-ratelimit-window-size", "60s".to_owned()));
        }
        if deprecated {
            more.extend(DEPRECATION.map(|(name, value)| (name, value.to_owned())));
        }
        for (name, value) in more {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// Announced on 2026-09-22, and 90 days from then.
const DEPRECATION: [(&str, &str); 3] = [
    ("deprecation", "@1790035200"),
    ("sunset", "Mon, 21 Dec 2026 00:00:00 GMT"),
    (
        "link",
        "<https://docs.composio.dev/changelog>; rel=\"deprecation\"",
    ),
];

fn is_refresh(call: &Call<'_>) -> bool {
    call.method == "POST"
        && call.path.starts_with("/api/v3.1/connected_accounts/")
        && call.path.ends_with("/refresh")
}

pub(super) fn json_response(status: u16, body: &Value) -> Response<Bytes> {
    json_text(status, body.to_string())
}

pub(super) fn json_text(status: u16, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}
