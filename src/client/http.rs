//! The network: requests joined to the base URL, with the key, a time limit and a bounded answer.

use std::{fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{
    FutureExt,
    future::{self, BoxFuture},
};
use http::{HeaderName, HeaderValue, Request, Response, header};
use memchr::memmem;
use reqwest::{Url, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{error::causes, model::Sensitive, quote::Quote};

/// Sends one request and brings the whole answer. The request carries path and query only; host,
/// key and limits are the transport's.
pub type Transport = Arc<
    dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>, SendError>> + Send + Sync,
>;

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No connection: nothing was sent.
    Connect(String),
    /// No complete answer in time.
    Timeout,
    /// The connection broke before the answer was complete.
    Disconnected(String),
    /// The answer is larger than [`HttpConfig::max_body`].
    TooLarge {
        /// The HTTP status of the answer.
        status: u16,
        /// The most bytes that are read.
        limit: usize,
    },
}

/// Checks that a text can be an API key, and takes the white space around it away (a file ends with a line end).
///
/// # Errors
/// When it cannot be one. The error never shows it.
pub fn api_key(text: &Sensitive) -> Result<Sensitive, ConfigError> {
    header_value(text)?;
    Ok(Sensitive::new(text.expose().trim()))
}

fn header_value(key: &Sensitive) -> Result<HeaderValue, ConfigError> {
    let key = key.expose().trim();
    if key.is_empty() {
        return Err(ConfigError::EmptyKey);
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::KeyCharacters);
    }
    let mut value = HeaderValue::from_str(key).map_err(|_| ConfigError::KeyCharacters)?;
    value.set_sensitive(true);
    Ok(value)
}

/// How this program calls.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Which program calls, and of which version: `composio-operator/0.1.0`.
    pub user_agent: String,
    /// Which instance of the program calls: the header `x-composio-operator-instance`, for Composio's support.
    pub instance: String,
    /// From sending to the last byte of the answer.
    pub timeout: Duration,
    /// The largest answer that is read, in bytes. [`MAX_BODY`] unless there is a reason.
    pub max_body: usize,
}

/// Default of [`HttpConfig::max_body`]: a full page of accounts is a few hundred kilobytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// Answers that are larger than this are read one after the other, so that all that come at the same time
/// take no more memory than one of the largest. Composio's own are far smaller.
pub(super) const LARGE: usize = 1024 * 1024;

/// Goes with a large answer until it was read: the next one may come then.
#[derive(Clone)]
struct TakesRoom(
    #[expect(dead_code, reason = "it is held, not looked at")] Arc<OwnedSemaphorePermit>,
);

/// A connection that takes longer than this will not come: a packet was lost for good.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than the idle time of usual load balancers (60 s): a connection that they are about to
/// close makes a request fail of which nobody knows whether it was heard.
const IDLE: Duration = Duration::from_secs(30);

/// What is wrong with the configuration. Never shows a value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing but white space.
    #[error("the Composio API key is empty")]
    EmptyKey,
    /// Not fit for a header.
    #[error(
        "the Composio API key contains characters that no API key has (white space, control characters or non-ASCII)"
    )]
    KeyCharacters,
    /// Not a URL to which a path can be joined.
    #[error("the Composio base URL {0}")]
    BaseUrl(String),
    /// Not fit for a header.
    #[error("the instance name must be visible ASCII")]
    Instance,
    /// The HTTP client cannot start, for instance without CA certificates.
    #[error("the HTTP client cannot start: {0}")]
    Client(String),
}

/// The HTTP client, with its connections. All projects share it, and so the room for large answers. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    instance: HeaderValue,
    timeout: Duration,
    max_body: usize,
    room: Arc<Semaphore>,
}

impl HttpClient {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// When the instance's name does not fit into a header, or the client cannot start.
    pub fn new(config: HttpConfig) -> Result<Self, ConfigError> {
        let HttpConfig {
            user_agent,
            instance,
            timeout,
            max_body,
        } = config;
        let instance = HeaderValue::from_str(&instance).map_err(|_| ConfigError::Instance)?;
        let client = reqwest::Client::builder()
            .user_agent(user_agent)
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_TIMEOUT))
            .pool_idle_timeout(IDLE)
            // The key must not go to another host, and a POST must not be sent twice.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| ConfigError::Client(root(&error)))?;
        Ok(Self {
            client,
            instance,
            timeout,
            max_body,
            room: Arc::new(Semaphore::new(1)),
        })
    }

    /// The way to one Composio with one API key. `base_url`: `https://backend.composio.dev`, or a self-hosted one,
    /// which may stand under a path.
    ///
    /// # Errors
    /// When no path can be joined to the URL, or the key cannot be one.
    pub fn transport(&self, base_url: &str, api_key: &Sensitive) -> Result<Transport, ConfigError> {
        let base = base(base_url)?;
        let key = header_value(api_key)?;
        let this = self.clone();
        Ok(Arc::new(move |request| {
            let (this, base, key) = (this.clone(), base.clone(), key.clone());
            async move {
                let (parts, body) = request.into_parts();
                let url = format!("{base}{}", parts.uri);
                let mut headers = parts.headers;
                headers.insert(HeaderName::from_static("x-api-key"), key.clone());
                headers.insert(
                    HeaderName::from_static("x-composio-operator-instance"),
                    this.instance,
                );
                let answer = this
                    .client
                    .request(parts.method, url)
                    .headers(headers)
                    .body(body)
                    .send()
                    .await
                    .map_err(|error| send_error(&error))?;
                let answer = read(answer, this.max_body, this.room, this.timeout).await?;
                Ok(without_key(answer, key.as_bytes()))
            }
            .boxed()
        }))
    }
}

/// The same way, which is closed while `may` says no: it is asked right before each request is sent.
pub fn only_while(
    transport: Transport,
    may: impl Fn() -> bool + Send + Sync + 'static,
    why_not: impl fmt::Display + Send + Sync + 'static,
) -> Transport {
    Arc::new(move |request| {
        if may() {
            return transport(request);
        }
        // Nothing was sent, and that is what a refused connection means too.
        let refused = SendError::Connect(why_not.to_string());
        future::ready(Err(refused)).boxed()
    })
}

/// The base URL without the slash at its end, so that a path can follow.
fn base(text: &str) -> Result<String, ConfigError> {
    let wrong = |why: &str| Err(ConfigError::BaseUrl(why.to_owned()));
    let url = match Url::parse(text.trim()) {
        Ok(url) => url,
        Err(error) => return wrong(&format!("is not a URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("must begin with https:// or http://");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return wrong("names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not contain a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("must not contain a query or a fragment");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Reads in pieces and stops at the limit, so that no answer can fill the memory, nor many at once.
pub(super) async fn read(
    mut answer: reqwest::Response,
    limit: usize,
    room: Arc<Semaphore>,
    patience: Duration,
) -> Result<Response<Bytes>, SendError> {
    let status = answer.status();
    let too_large = SendError::TooLarge {
        status: status.as_u16(),
        limit,
    };
    if answer
        .content_length()
        .is_some_and(|length| length > limit as u64)
    {
        return Err(too_large);
    }
    // As large as it will be, where that is told: to let it grow takes twice the room.
    let announced = answer
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    let mut body = BytesMut::with_capacity(announced.unwrap_or_default().min(LARGE));
    let mut takes_room = None;
    while let Some(piece) = answer.chunk().await.map_err(|error| send_error(&error))? {
        let length = body.len() + piece.len();
        if length > limit {
            return Err(too_large);
        }
        if length > LARGE && takes_room.is_none() {
            let turn = tokio::time::timeout(patience, Arc::clone(&room).acquire_owned());
            takes_room = turn.await.map_err(|_| SendError::Timeout)?.ok();
            body.reserve(announced.unwrap_or_default().saturating_sub(body.len()));
        }
        body.extend_from_slice(&piece);
    }
    let mut response = Response::new(body.freeze());
    if let Some(permit) = takes_room {
        response
            .extensions_mut()
            .insert(TakesRoom(Arc::new(permit)));
    }
    *response.status_mut() = status;
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// A key of that length is recognised in what is said of it. A shorter one would be found in words.
const SHORTEST_KEY: usize = 8;

/// What is said of a failure is shown to people, and may repeat the key that was sent.
fn without_key(mut answer: Response<Bytes>, key: &[u8]) -> Response<Bytes> {
    if answer.status().is_success() || key.len() < SHORTEST_KEY {
        return answer;
    }
    let found: Vec<usize> = memmem::find_iter(answer.body(), key).collect();
    if found.is_empty() {
        return answer;
    }
    let mut body = BytesMut::new();
    let mut read = 0;
    for at in found {
        body.extend_from_slice(&answer.body()[read..at]);
        body.extend_from_slice(b"[redacted]");
        read = at + key.len();
    }
    body.extend_from_slice(&answer.body()[read..]);
    *answer.body_mut() = body.freeze();
    answer
}

fn send_error(error: &reqwest::Error) -> SendError {
    // First: a connection that was not made in time is a time-out too, but nothing was sent.
    if error.is_connect() || error.is_builder() {
        SendError::Connect(root(error))
    } else if error.is_timeout() {
        SendError::Timeout
    } else {
        SendError::Disconnected(root(error))
    }
}

/// The innermost cause: the outer ones only repeat that a request failed, and its URL.
fn root(error: &reqwest::Error) -> String {
    let inner = causes(error).skip(1).last();
    inner.map_or("the request failed".to_owned(), ToString::to_string)
}

/// Scheme and host of a redirect's target: its path and query may carry anything.
pub(super) fn redirect_target(answer: &Response<Bytes>) -> Option<Quote> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    let url = Url::parse(location).ok()?;
    Some(Quote::new(format!(
        "{}://{}",
        url.scheme(),
        url.host_str()?
    )))
}
