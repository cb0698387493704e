//! HTTP around the world: API, hosted page and control calls, each a function of request and time.

mod control;
mod courier;
mod line;
mod worlds;

use std::future::IntoFuture as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{Either, select};
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::page;
use super::world::{API, Cut, HalfBody, Seed};
pub(super) use control::ROUTES;
use line::{Connection, Lines};
use worlds::Worlds;

/// Requests larger than this are a 413. The largest legal one has two lists of 1000 long user ids.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Worlds that connections share. The lock is never held across an await, and a panic in one request leaves
/// nothing half done that matters to a test.
#[derive(Clone)]
struct Shared {
    worlds: Arc<Mutex<Worlds>>,
    /// Something was asked, so there may be something to deliver.
    asked: Arc<Notify>,
}

/// Serves until `shutdown` is done.
pub(super) async fn serve(
    listener: TcpListener,
    seeds: Vec<Seed>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let worlds = Worlds::new(seeds, listener.local_addr()?);
    let shared = Shared {
        worlds: Arc::new(Mutex::new(worlds)),
        asked: Arc::default(),
    };
    let app = Router::new()
        .fallback(entry)
        .with_state(shared.clone())
        .into_make_service_with_connect_info::<Connection>();
    let served = axum::serve(Lines(listener), app)
        .with_graceful_shutdown(shutdown)
        .into_future();
    match select(served, Box::pin(courier::run(shared))).await {
        Either::Left((served, _)) => served,
        Either::Right(((), served)) => served.await,
    }
}

async fn entry(
    State(shared): State<Shared>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = http::Request::from_parts(parts, body);
    let (outcome, latency) = answer(&mut shared.worlds.lock(), &request, Timestamp::now());
    shared.asked.notify_one();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match outcome {
        Ok(response) if response.extensions().get::<HalfBody>().is_some() => half(response),
        Ok(response) => response.map(Body::from),
        Err(Cut) => {
            connection.cut();
            // Never sent: the connection does not take a byte any more.
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

/// The headers promise the whole body; half of it comes, then the connection ends.
fn half(response: http::Response<Bytes>) -> Response {
    /// What is written before it is flushed would be lost with the connection.
    const FLUSH: Duration = Duration::from_millis(50);
    let (mut parts, body) = response.into_parts();
    let promised = HeaderValue::from(body.len());
    parts.headers.insert(header::CONTENT_LENGTH, promised);
    let begun = body.slice(..body.len() / 2);
    let rest = futures::stream::once(async {
        tokio::time::sleep(FLUSH).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let stream = futures::stream::once(async { Ok(begun) }).chain(rest);
    Response::from_parts(parts, Body::from_stream(stream))
}

/// What the sandbox answers, and how long it holds that back.
fn answer(
    worlds: &mut Worlds,
    request: &http::Request<Bytes>,
    now: Timestamp,
) -> (Result<http::Response<Bytes>, Cut>, Duration) {
    let path = request.uri().path();
    if let Some(token) = path.strip_prefix("/connect/") {
        let page = page::answer(worlds.of_link(token), request, token, now);
        return (Ok(page), Duration::ZERO);
    }
    if path == "/_sandbox" || path.starts_with("/_sandbox/") {
        return (Ok(control::answer(worlds, request, now)), Duration::ZERO);
    }
    if path == "/" && request.method() == Method::GET {
        return (Ok(front()), Duration::ZERO);
    }
    let world = worlds.entered(request);
    let outcome = world.exchange(request, now);
    let held_back = if path.starts_with(API) {
        world.draw_latency()
    } else {
        Duration::ZERO
    };
    (outcome, held_back)
}

/// For a person who opens the sandbox's address in a browser.
fn front() -> http::Response<Bytes> {
    let text = super::manual();
    let mut response = http::Response::new(Bytes::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
