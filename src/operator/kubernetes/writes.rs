//! Counts what is written to the apiserver: each request that is sent, its retries too, by what it writes and
//! how it is answered.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// A layer that counts writes. It belongs right before the network, below all retries.
#[derive(Clone)]
pub(super) struct CountWrites(pub(super) Arc<Metrics>);

/// The service of [`CountWrites`]: counts each write with how it was answered.
#[derive(Clone)]
pub(super) struct Counting<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S> Layer<S> for CountWrites {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting {
            inner,
            metrics: Arc::clone(&self.0),
        }
    }
}

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let kind = written(request.method(), request.uri().path());
        let answer = self.inner.call(request);
        let metrics = Arc::clone(&self.metrics);
        Box::pin(async move {
            let answer = answer.await;
            if let Some(kind) = kind {
                let status = answer.as_ref().ok().map(Response::status);
                metrics.kubernetes_write(kind, result(status));
            }
            answer
        })
    }
}

/// What a request writes, if it does.
fn written(method: &Method, path: &str) -> Option<&'static str> {
    if method.is_safe() {
        return None;
    }
    let has = |segment| path.split('/').any(|found| found == segment);
    Some(match () {
        () if has("connectedaccounts") && path.ends_with("/status") => "status",
        () if has("connectedaccounts") => "metadata",
        () if has("composioprojects") || has("clustercomposioprojects") => "project",
        () if has("connectrequests") => "connect_request",
        () if has("configmaps") => "config_map",
        () if has("events") => "event",
        () if has("leases") => "lease",
        () => "other",
    })
}

/// A conflict is no failure: somebody else was quicker, and the object is read again.
fn result(status: Option<StatusCode>) -> &'static str {
    match status {
        None => "unanswered",
        Some(StatusCode::CONFLICT) => "conflict",
        Some(status) if status.is_client_error() => "refused",
        Some(status) if status.is_server_error() => "failed",
        Some(_) => "success",
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use tower::{BoxError, ServiceExt, service_fn};

    use super::*;

    /// What an apiserver that answers so has counted of one request.
    async fn counted(method: Method, path: &str, status: Option<u16>) -> Vec<String> {
        let metrics = Arc::<Metrics>::default();
        let server = service_fn(|_: Request<()>| {
            future::ready(match status {
                Some(status) => {
                    let answer = Response::builder().status(status).body(());
                    Ok(answer.expect("a status"))
                }
                None => Err(BoxError::from("no connection")),
            })
        });
        let request = Request::builder().method(method).uri(path).body(());
        let counting = CountWrites(Arc::clone(&metrics)).layer(server);
        // The answer goes through as it is.
        let answer = counting.oneshot(request.expect("a request")).await;
        assert_eq!(answer.ok().map(|answer| answer.status().as_u16()), status);
        let text = metrics.text();
        let counts = text.lines().filter_map(|line| {
            let line = line.strip_prefix("composio_operator_kubernetes_writes_total")?;
            (!line.ends_with(" 0")).then(|| line.to_owned())
        });
        counts.collect()
    }

    #[tokio::test]
    async fn each_write_is_counted_by_what_it_writes_and_how_it_was_answered() {
        let accounts = "/apis/composio.dev/v1alpha1/namespaces/status/connectedaccounts/events";
        let status = format!("{accounts}/status");
        let projects = "/apis/composio.dev/v1alpha1/clustercomposioprojects/default/status";
        let events = "/apis/events.k8s.io/v1/namespaces/leases/events";
        let leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases/mail";
        let config_maps = "/api/v1/namespaces/a/configmaps/mail-composio";
        let other = "/api/v1/namespaces/a/services";
        let cases = [
            (Method::PUT, &*status, Some(200), "status", "success"),
            (Method::PUT, &*status, Some(409), "status", "conflict"),
            (Method::PATCH, accounts, Some(403), "metadata", "refused"),
            (Method::PATCH, accounts, Some(503), "metadata", "failed"),
            (Method::PUT, projects, Some(200), "project", "success"),
            (Method::POST, events, Some(201), "event", "success"),
            (Method::PUT, leases, None, "lease", "unanswered"),
            (
                Method::PATCH,
                config_maps,
                Some(200),
                "config_map",
                "success",
            ),
            (Method::POST, other, Some(201), "other", "success"),
        ];
        for (method, path, answer, kind, result) in cases {
            let expected = format!("{{kind=\"{kind}\",result=\"{result}\"}} 1");
            assert_eq!(counted(method, path, answer).await, [expected], "{path}");
        }
        let read = counted(Method::GET, accounts, Some(200)).await;
        assert_eq!(read, [""; 0], "what is read is not written");
    }
}
