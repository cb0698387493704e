//! Takes connections, and lets none of them take more than its share of time and memory.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use http::Request;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    Site,
    room::{Place, Room},
};

/// Connections at a time. The proxy before the page keeps few, and lets few of them wait.
const CONNECTIONS: usize = 512;
/// So many of them may have sent no request yet, so that there is always room for those that have.
const ARRIVING: usize = CONNECTIONS / 2;
/// How long the headers of a request may take.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a connection may last, whatever goes on over it.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long one may take to end then, or when the program ends.
const ENDING: Duration = Duration::from_secs(5);
/// The most headers of a request, and the most bytes of them.
const MOST_HEADERS: usize = 64;
const HEADER_BYTES: usize = 16 * 1024;

/// Serves the page until it is told to stop.
pub async fn serve(listener: TcpListener, site: Arc<Site>, stop: CancellationToken) {
    let arriving = Room::new(ARRIVING);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let (site, stop) = (Arc::clone(&site), stop.clone());
                let place = arriving.enter();
                connections.spawn(async move {
                    let _slot = slot;
                    converse(stream, peer, site, place, stop).await;
                });
            }
            Err(error) => {
                debug!("a connection could not be accepted: {error}");
                // Most often there are too many open files: others must end first.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    let _ = timeout(ENDING, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    site: Arc<Site>,
    place: Place,
    stop: CancellationToken,
) {
    let metrics = Arc::clone(&site.metrics);
    let given_away = place.given_away().clone();
    // It is kept until the request is here.
    let place = Mutex::new(Some(place));
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        drop(place.lock().take());
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request.map(Body::new), peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // A proxy would keep connections that this end may close at the very moment of the next request.
        .keep_alive(false)
        .header_read_timeout(HEADERS)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = &mut connection => {
            if let Err(error) = ended {
                debug!("a connection has ended: {error}");
            }
            return;
        }
        () = given_away.cancelled() => {
            metrics.refused("connection");
            return;
        }
        () = stop.cancelled() => {}
        () = sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(ENDING, connection).await;
}
