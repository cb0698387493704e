//! A receiver of notifications: it keeps what it is sent, and answers as it is told to.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures::future::pending;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The largest message that is read.
const MAX_MESSAGE: usize = 1024 * 1024;

/// How the receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Answers {
    /// It takes what it is sent, after that time.
    Takes(Duration),
    /// With this status and this header.
    Refuses(u16, &'static str, String),
    /// It reads the message and cuts the connection.
    Cuts,
    /// It reads the message and never answers.
    Never,
}

impl Answers {
    pub(crate) const AT_ONCE: Answers = Answers::Takes(Duration::ZERO);
}

/// What was sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// Whether it was answered that it was taken.
    pub(crate) is_taken: bool,
}

impl Message {
    /// The id of a CloudEvent.
    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().expect("it has an id")
    }

    /// The last word of the type of a CloudEvent.
    pub(crate) fn kind(&self) -> &str {
        let kind = self.body["type"].as_str().expect("it has a type");
        kind.rsplit('.').next().expect("a word")
    }
}

/// A running receiver. It ends with this value.
pub(crate) struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Message>>>,
    answers: Arc<Mutex<Answers>>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    /// One that takes what it is sent.
    pub(crate) async fn start() -> io::Result<Receiver> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let received = Arc::<Mutex<Vec<Message>>>::default();
        let answers = Arc::new(Mutex::new(Answers::AT_ONCE));
        let (keeps, says) = (Arc::clone(&received), Arc::clone(&answers));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (keeps, says) = (Arc::clone(&keeps), Arc::clone(&says));
                let service = service_fn(move |request| {
                    let answers = says.lock().clone();
                    answer(request, answers, Arc::clone(&keeps))
                });
                let connection = http1::Builder::new();
                let connection = connection.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    // Who asked may be gone.
                    let _ = connection.await;
                });
            }
        });
        Ok(Receiver {
            url,
            received,
            answers,
            accepting,
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on it answers so.
    pub(crate) fn answer(&self, answers: Answers) {
        *self.answers.lock() = answers;
    }

    /// Everything that it was sent.
    pub(crate) fn received(&self) -> Vec<Message> {
        self.received.lock().clone()
    }

    /// What it has taken.
    pub(crate) fn taken(&self) -> Vec<Message> {
        let received = self.received().into_iter();
        received.filter(|message| message.is_taken).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    answers: Answers,
    received: Arc<Mutex<Vec<Message>>>,
) -> Result<Response<Body>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(Body::new(body), MAX_MESSAGE).await;
    let body = body.map_err(io::Error::other)?;
    received.lock().push(Message {
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        is_taken: matches!(answers, Answers::Takes(_)),
    });
    let response = Response::builder();
    let response = match answers {
        Answers::Takes(after) => {
            tokio::time::sleep(after).await;
            response.status(StatusCode::ACCEPTED)
        }
        Answers::Refuses(status, header, value) => response.status(status).header(header, value),
        Answers::Cuts => return Err(io::Error::other("the connection is cut")),
        Answers::Never => pending().await,
    };
    response.body(Body::empty()).map_err(io::Error::other)
}
