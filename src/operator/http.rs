//! `/livez`, `/readyz` and `/metrics`.

use std::{collections::BTreeMap, fmt::Write, io, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What the program is ready for, part by part.
#[derive(Default)]
pub struct Health {
    parts: Mutex<BTreeMap<&'static str, Part>>,
}

enum Part {
    Ready,
    /// Nothing is to be done with it now, and why.
    Idle(String),
    /// It works, but for what is said.
    Degraded(String),
    /// It works on, or waits, and says what for.
    NotReady(String),
}

impl Health {
    /// Health with these parts, none of them ready.
    pub fn of(parts: &[&'static str]) -> Self {
        let parts = parts
            .iter()
            .map(|part| (*part, Part::NotReady("starting".to_owned())))
            .collect();
        Self {
            parts: Mutex::new(parts),
        }
    }

    /// Says that a part is ready. Tells whether that is new.
    pub fn ready(&self, part: &'static str) -> bool {
        !matches!(
            self.parts.lock().insert(part, Part::Ready),
            Some(Part::Ready)
        )
    }

    /// Says that a part has nothing to do, and why: the program is as ready as it can be.
    pub fn idle(&self, part: &'static str, why: impl Into<String>) {
        self.parts.lock().insert(part, Part::Idle(why.into()));
    }

    /// Says what of a part does not work while the rest does: that is no reason to be unready.
    pub fn degraded(&self, part: &'static str, why: impl Into<String>) {
        self.parts.lock().insert(part, Part::Degraded(why.into()));
    }

    /// Says that a part is not ready, and why. Tells whether that is new.
    pub fn not_ready(&self, part: &'static str, why: impl Into<String>) -> bool {
        let why = why.into();
        let new = Part::NotReady(why.clone());
        !matches!(self.parts.lock().insert(part, new), Some(Part::NotReady(before)) if before == why)
    }

    /// Whether a part is ready.
    pub fn is_ready(&self, part: &'static str) -> bool {
        matches!(self.parts.lock().get(part), Some(Part::Ready))
    }

    fn answer(&self) -> (StatusCode, String) {
        let (mut status, mut text) = (StatusCode::OK, String::new());
        for (name, part) in self.parts.lock().iter() {
            // Writing to a String cannot fail; the signature is that of `fmt::Write`.
            let _ = match part {
                Part::Ready => writeln!(text, "[+] {name} ok"),
                Part::Idle(why) => writeln!(text, "[+] {name} idle: {why}"),
                Part::Degraded(why) => writeln!(text, "[+] {name} degraded: {why}"),
                Part::NotReady(why) => {
                    status = StatusCode::SERVICE_UNAVAILABLE;
                    writeln!(text, "[-] {name} not ready: {why}")
                }
            };
        }
        (status, text)
    }
}

/// Serves until the future is done.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    until: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_text(listener, health, move || metrics.text(), until).await
}

/// The same with metrics of whatever kind.
///
/// # Errors
/// When the listener fails.
pub async fn serve_text(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: impl Fn() -> String + Clone + Send + Sync + 'static,
    until: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(async move || health.answer()))
        .route(
            "/metrics",
            get(async move || {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([(header::CONTENT_TYPE, kind)], metrics()).into_response()
            }),
        );
    axum::serve(listener, routes)
        .with_graceful_shutdown(until)
        .await
}
