//! One call on its way out and what came back of it: the request, and the reading of a failure.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::Value;

use super::{
    call::{self, Endpoint},
    decode,
    error::{Error, Kind, Refusal},
    http::{SendError, redirect_target},
    path,
    quote::Quote,
};

/// One request before it is written.
pub(super) struct Ask {
    pub(super) endpoint: Endpoint,
    path: String,
    body: Option<Bytes>,
    /// It carries Secret values.
    pub(super) secret: bool,
}

impl Ask {
    pub(super) fn new(endpoint: Endpoint, path: impl Into<String>) -> Self {
        Self {
            endpoint,
            path: path.into(),
            body: None,
            secret: false,
        }
    }

    pub(super) fn by_id(
        endpoint: Endpoint,
        collection: &str,
        id: &str,
        rest: &str,
    ) -> Result<Self, Error> {
        match path::segment(id) {
            Some(id) => Ok(Self::new(endpoint, format!("{collection}/{id}{rest}"))),
            None => Err(Error {
                endpoint,
                kind: Kind::NotSent("this is not an id"),
                request_id: None,
                carried_credentials: false,
            }),
        }
    }

    pub(super) fn json(self, body: &Value) -> Self {
        Self {
            body: Some(Bytes::from(body.to_string())),
            ..self
        }
    }

    pub(super) fn secret(self, secret: bool) -> Self {
        Self { secret, ..self }
    }

    pub(super) fn request(self) -> Result<Request<Bytes>, Kind> {
        let request = Request::builder()
            .method(self.endpoint.method())
            .uri(self.path)
            .header(header::ACCEPT, "application/json");
        match self.body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body),
            None => request.body(Bytes::new()),
        }
        .map_err(|_| Kind::NotSent("the request is too long"))
    }
}

pub(super) fn not_answered(error: SendError) -> Kind {
    match error {
        SendError::Connect(why) => Kind::Connect(Quote::new(why)),
        SendError::Timeout => Kind::Timeout,
        SendError::Cut(why) => Kind::Cut(Quote::new(why)),
        SendError::TooLarge { status, limit } => Kind::TooLarge { status, limit },
    }
}

pub(super) fn refused(
    endpoint: Endpoint,
    answer: &Response<Bytes>,
    secret: bool,
) -> (Kind, Option<String>) {
    let status = answer.status();
    if status.is_redirection() {
        let to = redirect_target(answer);
        return (
            Kind::Redirect {
                status: status.as_u16(),
                to,
            },
            None,
        );
    }
    let (kind, request_id) = decode::refusal(status, answer.body(), secret);
    if status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = call::retry_after(answer.headers());
        return (Kind::RateLimited { retry_after }, request_id);
    }
    let deleted_before = endpoint == Endpoint::Delete
        && status == StatusCode::NOT_FOUND
        && decode::is_empty_object(answer.body());
    if deleted_before {
        return (Kind::Api(Box::new(Refusal::not_found())), request_id);
    }
    (kind, request_id)
}
