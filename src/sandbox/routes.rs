//! HTTP around the world: API, hosted page and control calls, each a function of request and time.

mod control;
mod line;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::page;
use super::world::{API, Cut, World};
use line::{Connection, Lines};

/// Requests larger than this are a 413. The largest legal one has two lists of 1000 long user ids.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A world that connections share. The lock is never held across an await.
#[derive(Clone)]
struct Shared(Arc<Mutex<World>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        // A panic in one request leaves nothing half done that matters to a test.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until `shutdown` is done.
pub(super) async fn serve(
    listener: TcpListener,
    world: World,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let app = Router::new()
        .fallback(entry)
        .with_state(Shared(Arc::new(Mutex::new(world))))
        .into_make_service_with_connect_info::<Connection>();
    axum::serve(Lines(listener), app)
        .with_graceful_shutdown(shutdown)
        .await
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
    let outcome = answer(&mut shared.lock(), &request, Timestamp::now());
    let latency = shared.lock().latency();
    if !latency.is_zero() && request.uri().path().starts_with(API) {
        tokio::time::sleep(latency).await;
    }
    match outcome {
        Ok(response) => response.map(Body::from),
        Err(Cut) => {
            connection.cut();
            // Never sent: the connection does not take a byte any more.
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

/// What the sandbox answers.
fn answer(
    world: &mut World,
    request: &http::Request<Bytes>,
    now: Timestamp,
) -> Result<http::Response<Bytes>, Cut> {
    let path = request.uri().path();
    if let Some(token) = path.strip_prefix("/connect/") {
        return Ok(page::answer(world, request, token, now));
    }
    if path == "/_sandbox" || path.starts_with("/_sandbox/") {
        return Ok(control::answer(world, request, now));
    }
    if path == "/" && request.method() == Method::GET {
        return Ok(front());
    }
    world.exchange(request, now)
}

/// For a person who opens the sandbox's address in a browser.
fn front() -> http::Response<Bytes> {
    let text = "An emulated Composio. API: /api/v3.1, control calls: /_sandbox\n";
    let mut response = http::Response::new(Bytes::from_static(text.as_bytes()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
