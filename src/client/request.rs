//! One call: the request as it is sent, and what an answer that is no success means.

use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::Value;

use super::{
    Client,
    call::{self, Call, Class, Endpoint},
    error::{Error, Kind, Refusal, Retry},
    http::{SendError, redirect_target},
    model::{Sensitive, without},
    path,
    quote::Quote,
    refusal,
};

/// From so many bytes on a Secret value is taken out of names and ids.
const HIDDEN: usize = 8;

/// One request to the API, before it is written as HTTP.
pub(super) struct ApiRequest {
    pub(super) endpoint: Endpoint,
    path: String,
    body: Option<Bytes>,
    /// It carries Secret values.
    pub(super) secret: bool,
}

impl ApiRequest {
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

    /// What of a body with Secret values no name or id of the answer may repeat. What is shorter may be in one by chance.
    fn hidden(&self) -> Vec<Sensitive> {
        let body = self.body.as_ref().filter(|_| self.secret);
        let body = body.and_then(|body| serde_json::from_slice(body).ok());
        let mut hidden = Vec::new();
        let mut left: Vec<Value> = body.into_iter().collect();
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) if text.len() >= HIDDEN => hidden.push(Sensitive::new(text)),
                Value::Array(values) => left.extend(values),
                Value::Object(fields) => left.extend(fields.into_iter().map(|(_, value)| value)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        hidden
    }

    pub(super) fn into_http(self) -> Result<Request<Bytes>, Kind> {
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

pub(super) fn kind_of_send_error(error: SendError) -> Kind {
    match error {
        SendError::Connect(why) => Kind::Connect(Quote::new(why)),
        SendError::Timeout => Kind::Timeout,
        SendError::Disconnected(why) => Kind::Disconnected(Quote::new(why)),
        SendError::TooLarge { status, limit } => Kind::TooLarge { status, limit },
    }
}

pub(super) fn kind_of_answer(
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
    let (kind, request_id) = refusal::refusal(status, answer.body(), secret);
    if status == StatusCode::TOO_MANY_REQUESTS && !call::has_rate_limit(answer.headers()) {
        return (Kind::EdgeThrottled, request_id);
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = call::retry_after(answer.headers());
        return (Kind::RateLimited { retry_after }, request_id);
    }
    let deleted_before = endpoint == Endpoint::Delete
        && status == StatusCode::NOT_FOUND
        && refusal::is_empty_object(answer.body());
    if deleted_before {
        return (Kind::Api(Box::new(Refusal::not_found())), request_id);
    }
    (kind, request_id)
}

impl Client {
    /// Sends it, reads the answer with `read`, and tells the observer of the call.
    pub(crate) async fn send<T>(
        &self,
        request: ApiRequest,
        read: fn(StatusCode, &[u8]) -> Result<T, String>,
    ) -> Result<T, Error> {
        let (endpoint, secret) = (request.endpoint, request.secret);
        let hidden = request.hidden();
        let request = request.into_http().map_err(|kind| Error {
            endpoint,
            kind,
            request_id: None,
            carried_credentials: secret,
        })?;
        let started = Instant::now();
        let answer = (self.transport)(request).await;
        let headers = answer
            .as_ref()
            .ok()
            .map(|answer| answer.headers().clone())
            .unwrap_or_default();
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        let mut request_id = call::request_id(&headers);
        let result = match answer {
            Err(error) => Err(kind_of_send_error(error)),
            Ok(answer) if answer.status().is_success() => read(answer.status(), answer.body())
                .map_err(|what| Kind::NotUnderstood {
                    status: answer.status().as_u16(),
                    what,
                }),
            Ok(answer) => {
                let (kind, id) = kind_of_answer(endpoint, &answer, secret);
                request_id = id.or(request_id);
                Err(kind.without(&hidden))
            }
        };
        let request_id = request_id.map(|id| without(&id, &hidden));
        let result = result.map_err(|kind| Error {
            endpoint,
            kind,
            request_id: request_id.clone(),
            carried_credentials: secret,
        });
        let call = Call {
            endpoint,
            method: endpoint.method(),
            class: result.as_ref().err().map_or(Class::Success, Error::class),
            status: status.or_else(|| result.as_ref().err().and_then(Error::status)),
            duration: started.elapsed(),
            rate_limit: call::rate_limit(&headers),
            retry_after: match result.as_ref().err().map(Error::retry) {
                Some(Retry::After(wait)) => Some(wait),
                Some(Retry::Backoff | Retry::Never | Retry::Gone) | None => None,
            },
            date: call::date(&headers),
            request_id,
            suggested_fix: (result.as_ref().err())
                .and_then(Error::suggested_fix)
                .cloned(),
            deprecation: call::deprecation(&headers),
        };
        tracing::debug!(
            endpoint = call.endpoint.as_str(),
            method = %call.method,
            status = call.status,
            class = call.class.as_str(),
            request_id = call.request_id,
            "called Composio"
        );
        (self.observer)(&call);
        result
    }
}
