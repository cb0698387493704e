//! A gateway before the sandbox: it passes on what it hears, and answers some of it with 100 MB.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use tokio::net::TcpListener;

use crate::support::http_client;

const MEGABYTE: usize = 1024 * 1024;
const FLOOD: usize = 100;

pub(super) struct Gateway {
    url: String,
    floods: Arc<Floods>,
}

#[derive(Default)]
struct Floods {
    /// Method, end of the path, and how many times.
    waiting: Mutex<Vec<(String, String, usize)>>,
    done: AtomicUsize,
}

impl Floods {
    /// Which flood meets this call: the first of one kind comes with its length, the next without.
    fn take(&self, method: &str, path: &str) -> Option<usize> {
        let mut waiting = self
            .waiting
            .lock()
            .expect("nothing panics while it holds this");
        let (_, _, times) = waiting
            .iter_mut()
            .find(|(of, end, times)| of == method && path.ends_with(end.as_str()) && *times > 0)?;
        *times -= 1;
        Some(self.done.fetch_add(1, Ordering::SeqCst))
    }
}

impl Gateway {
    pub(super) async fn before(sandbox: &str) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let floods = Arc::new(Floods::default());
        let client = http_client(Duration::from_secs(30));
        let (sandbox, taken) = (sandbox.to_owned(), Arc::clone(&floods));
        let router = Router::new().fallback(move |request: Request| {
            let (client, sandbox, floods) = (client.clone(), sandbox.clone(), Arc::clone(&taken));
            async move { answer(&client, &sandbox, &floods, request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Gateway { url, floods }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The next so many such calls have their effect and are answered with 100 MB.
    pub(super) fn flood(&self, method: &str, path: &str, times: usize) {
        let mut waiting = self
            .floods
            .waiting
            .lock()
            .expect("nothing panics while it holds this");
        waiting.push((method.to_owned(), path.to_owned(), times));
    }

    /// How many calls were answered so.
    pub(super) fn flooded(&self) -> usize {
        self.floods.done.load(Ordering::SeqCst)
    }
}

async fn answer(
    client: &reqwest::Client,
    sandbox: &str,
    floods: &Floods,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let flood = floods.take(parts.method.as_str(), parts.uri.path());
    let mut headers = parts.headers;
    headers.remove("host");
    let passed_on = client
        .request(parts.method, format!("{sandbox}{}", parts.uri))
        .headers(headers)
        .body(
            to_bytes(body, 4 * MEGABYTE)
                .await
                .expect("a request is not that long"),
        )
        .send()
        .await
        .expect("the sandbox answers");
    let (status, headers) = (passed_on.status(), passed_on.headers().clone());
    let body = passed_on.bytes().await.expect("the sandbox answers");
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    if let Some(number) = flood {
        let piece = Bytes::from(vec![b' '; MEGABYTE]);
        let pieces = (0..FLOOD).map(move |_| Ok::<_, Infallible>(piece.clone()));
        *answer.body_mut() = Body::from_stream(stream::iter(pieces));
        answer.headers_mut().remove("content-length");
        if number % 2 == 0 {
            answer
                .headers_mut()
                .insert("content-length", (FLOOD * MEGABYTE).into());
        }
    }
    answer
}
