//! A proxy in front of a server: every request is seen before it is forwarded, and may meet there what
//! a crash or a bad network does to it.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::future::{BoxFuture, pending};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::http_client;

/// The largest request that the operator sends is far below.
const MAX_REQUEST: usize = 4 * 1024 * 1024;
/// A watch lasts longer than anything else.
const TIMEOUT: Duration = Duration::from_secs(600);
/// What is written before it is flushed would be lost with the connection.
const FLUSH: Duration = Duration::from_millis(50);

/// As an apiserver says it that has too much to do.
const TOO_MANY_REQUESTS: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too many requests, please try again later","reason":"TooManyRequests","code":429}"#;

/// A request, as it will be forwarded.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// With its question mark; empty, if there is none.
    pub(crate) query: String,
    pub(crate) body: Bytes,
    headers: HeaderMap,
}

impl Seen {
    /// Puts another value of a header in the place of that one; leaves every other value.
    pub(crate) fn replace_header(&mut self, name: &'static str, from: &str, to: &str) {
        let value = self.headers.get_mut(name).filter(|value| *value == from);
        if let Some(value) = value {
            *value = HeaderValue::from_str(to).expect("it is one");
        }
    }
}

/// What becomes of a request.
pub(crate) enum Fate {
    /// It is forwarded, and its answer delivered.
    Forwarded,
    /// It is never forwarded. Who asked waits, until it is killed; it is told that this has begun.
    HeldBefore(oneshot::Sender<()>),
    /// It is forwarded, and its answer never delivered. Who asked waits, until it is killed; it is told
    /// when the answer is there.
    HeldAfter(oneshot::Sender<()>),
    /// It is never forwarded: as by an apiserver that has too much to do, to be asked again in a second.
    TurnedAway,
    /// It is forwarded, and the connection is cut instead of an answer.
    AnswerDropped,
    /// It is forwarded, and the connection is cut in the middle of the answer.
    AnswerCut,
    /// It is forwarded, and this is the answer to it.
    AnswerReplaced(StatusCode, &'static str),
    /// It is forwarded, and its answer, which is JSON, delivered as this makes it.
    AnswerEdited(Edit),
    /// It is forwarded only after that time, also when nobody waits for the answer any more. It is told
    /// when that is done.
    Delayed(Duration, oneshot::Sender<()>),
    /// This is the answer to it, at once. It is forwarded when it is told to be, if ever.
    AnsweredFirst(String, oneshot::Receiver<()>),
}

/// Decides what becomes of a request; it may change it before.
pub(crate) type Intercept = Arc<dyn Fn(Seen) -> BoxFuture<'static, (Seen, Fate)> + Send + Sync>;

/// What an answer becomes on its way.
pub(crate) type Edit = Arc<dyn Fn(Value) -> Value + Send + Sync>;

/// A running proxy. It ends with this value.
pub(crate) struct Proxy {
    url: String,
    accepting: JoinHandle<()>,
}

/// The connection is cut instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
struct Cut;

struct Handler {
    upstream: String,
    client: reqwest::Client,
    intercept: Intercept,
}

impl Proxy {
    /// In front of a server that speaks HTTP.
    pub(crate) async fn of_http(upstream: &str, intercept: Intercept) -> io::Result<Proxy> {
        Proxy::start(upstream, http_client(TIMEOUT), intercept).await
    }

    /// In front of a server that speaks HTTPS, with that certificate, which it signed itself. The
    /// proxy speaks HTTP to whoever asks.
    pub(crate) async fn of_https(
        upstream: &str,
        certificate: &Path,
        intercept: Intercept,
    ) -> io::Result<Proxy> {
        let certificate = reqwest::Certificate::from_pem(&std::fs::read(certificate)?)
            .map_err(io::Error::other)?;
        // Fails when there is one already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .timeout(TIMEOUT)
            .build()
            .map_err(io::Error::other)?;
        Proxy::start(upstream, client, intercept).await
    }

    async fn start(
        upstream: &str,
        client: reqwest::Client,
        intercept: Intercept,
    ) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let handler = Arc::new(Handler {
            upstream: upstream.to_owned(),
            client,
            intercept,
        });
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler)));
            }
        });
        Ok(Proxy { url, accepting })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, handler: Arc<Handler>) {
    // Small answers must not wait for each other; where it fails they just do.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let handler = Arc::clone(&handler);
        async move { handler.handle(request.map(Body::new)).await }
    });
    // Whoever asked may be killed at any time, and a service that fails is a connection that is cut.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Handler {
    /// When whoever asked is gone, this is dropped wherever it waits.
    async fn handle(self: Arc<Self>, request: Request<Body>) -> Result<Response<Body>, Cut> {
        let (parts, body) = request.into_parts();
        let seen = Seen {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts
                .uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default(),
            body: to_bytes(body, MAX_REQUEST).await.map_err(|_| Cut)?,
            headers: parts.headers,
        };
        let (seen, fate) = (self.intercept)(seen).await;
        match fate {
            Fate::Forwarded => self.forward(seen).await,
            Fate::HeldBefore(caught) => held(caught).await,
            Fate::HeldAfter(caught) => {
                self.forward_buffered(seen).await?;
                held(caught).await
            }
            Fate::TurnedAway => {
                let mut answer = answer(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS);
                let wait = HeaderValue::from_static("1");
                answer.headers_mut().insert(header::RETRY_AFTER, wait);
                Ok(answer)
            }
            Fate::AnswerDropped => {
                self.forward_buffered(seen).await?;
                Err(Cut)
            }
            Fate::AnswerCut => Ok(cut_in_half(self.forward_buffered(seen).await?)),
            Fate::AnswerReplaced(status, text) => {
                // Not to its end: a watch has none.
                drop(self.forward(seen).await?);
                Ok(answer(status, text))
            }
            Fate::AnswerEdited(edit) => {
                let (mut parts, body) = self.forward_buffered(seen).await?.into_parts();
                parts.headers.remove(header::CONTENT_LENGTH);
                let body = serde_json::from_slice(&body).map_err(|_| Cut)?;
                let body = Body::from(edit(body).to_string());
                Ok(Response::from_parts(parts, body))
            }
            Fate::Delayed(wait, done) => tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let answer = self.forward_buffered(seen).await;
                // Nobody may be interested any more.
                let _ = done.send(());
                answer.map(|answer| answer.map(Body::from))
            })
            .await
            .map_err(|_| Cut)?,
            Fate::AnsweredFirst(text, go) => {
                tokio::spawn(async move {
                    if go.await.is_ok() {
                        // Whoever asked was told that it has been done.
                        let _ = self.forward_buffered(seen).await;
                    }
                });
                Ok(answer(StatusCode::OK, text))
            }
        }
    }

    /// The body as it comes: that of a watch does not end.
    async fn forward(&self, seen: Seen) -> Result<Response<Body>, Cut> {
        Ok(self.send(seen).await?.map(Body::new))
    }

    async fn forward_buffered(&self, seen: Seen) -> Result<Response<Bytes>, Cut> {
        let (parts, body) = self.send(seen).await?.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX)
            .await
            .map_err(|_| Cut)?;
        Ok(Response::from_parts(parts, body))
    }

    async fn send(&self, seen: Seen) -> Result<Response<reqwest::Body>, Cut> {
        let Seen {
            method,
            path,
            query,
            body,
            mut headers,
        } = seen;
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        remove_hop_by_hop(&mut headers);
        let url = format!("{}{path}{query}", self.upstream);
        let request = self.client.request(method, url).headers(headers).body(body);
        let mut answer = http::Response::from(request.send().await.map_err(|_| Cut)?);
        remove_hop_by_hop(answer.headers_mut());
        Ok(answer)
    }
}

/// What speaks of one connection has no meaning on the next.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
}

async fn held(caught: oneshot::Sender<()>) -> Result<Response<Body>, Cut> {
    // A test that has ended does not wait for it.
    let _ = caught.send(());
    pending().await
}

fn answer(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut answer = Response::new(text.into());
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// The headers promise the whole body; half of it comes, then the connection ends.
fn cut_in_half(answer: Response<Bytes>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let promised = HeaderValue::from(body.len());
    parts.headers.insert(header::CONTENT_LENGTH, promised);
    let begun = body.slice(..body.len() / 2);
    let cut = futures::stream::once(async {
        tokio::time::sleep(FLUSH).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let begun = futures::stream::once(async { Ok(begun) });
    let stream = futures::StreamExt::chain(begun, cut);
    Response::from_parts(parts, Body::from_stream(stream))
}
