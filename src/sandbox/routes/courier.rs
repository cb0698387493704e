//! Delivers webhooks over real HTTP, to loopback addresses and nowhere else.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use http::{Request, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};

use super::Shared;
use super::worlds::Sent;
use crate::world::Post;

/// A subscriber that is slower has not answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// When nothing is due, a request wakes the courier; it looks by itself as well, as clocks of worlds move.
const IDLE: Duration = Duration::from_secs(60);

/// Carries what is due, for as long as the sandbox serves. A subscriber that is slow keeps nobody else's waiting.
pub(super) async fn run(shared: Shared) {
    let mut underway = FuturesUnordered::new();
    loop {
        let (posts, next) = shared.worlds.lock().due_posts(Timestamp::now());
        underway.extend(posts.into_iter().map(|(world, post)| deliver(world, post)));
        let wait = Box::pin(sleep(next.unwrap_or(IDLE).min(IDLE)));
        let woken = select(Box::pin(shared.asked.notified()), wait);
        let sent = match underway.is_empty() {
            true => {
                woken.await;
                None
            }
            false => match select(woken, underway.next()).await {
                Either::Left(_) => None,
                Either::Right((sent, _)) => sent,
            },
        };
        if let Some(sent) = sent {
            shared.worlds.lock().posted(sent, Timestamp::now());
        }
    }
}

async fn deliver(world: String, post: Post) -> Sent {
    let outcome = match timeout(PATIENCE, send(&post)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
    };
    Sent {
        world,
        id: post.id,
        outcome,
    }
}

/// The status of the answer, or why there is none.
async fn send(post: &Post) -> Result<u16, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let uri: Uri = post.url.parse().map_err(|error| told(&error))?;
    let stream = TcpStream::connect(address(&uri).await?)
        .await
        .map_err(|error| told(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    let host = uri.authority().map_or("localhost", |host| host.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close");
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let request = request
        .body(Body::from(post.body.clone()))
        .map_err(|error| told(&error))?;
    match select(Box::pin(sender.send_request(request)), Box::pin(connection)).await {
        Either::Left((answer, _)) => {
            let answer = answer.map_err(|error| told(&error))?;
            Ok(answer.status().as_u16())
        }
        Either::Right((Err(error), _)) => Err(told(&error)),
        Either::Right((Ok(()), answer)) => {
            let answer = answer.await.map_err(|error| told(&error))?;
            Ok(answer.status().as_u16())
        }
    }
}

/// Looked up once and then connected to, so that no name leads off this machine.
async fn address(uri: &Uri) -> Result<SocketAddr, String> {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((host, uri.port_u16().unwrap_or(80)))
        .await
        .map_err(|error| error.to_string())?;
    let mut loopback = found.filter(|address| address.ip().is_loopback());
    loopback
        .next()
        .ok_or_else(|| format!("{host} is no loopback address"))
}
