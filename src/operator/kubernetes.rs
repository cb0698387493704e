//! The way to the apiserver: every request on it ends, and none of them writes but the leader's.

use std::{sync::Arc, time::Duration};

use kube::{
    Api, Client, Config, Resource,
    client::{ClientBuilder, retry::RetryPolicy},
    core::NamespaceResourceScope,
    runtime::watcher,
};
use tower::{
    BoxError, buffer::BufferLayer, retry::RetryLayer, timeout::TimeoutLayer, util::MapRequestLayer,
};

use crate::{lease::Leadership, metrics::Metrics};

mod connect_request;
mod status_subresource;
mod watch;
mod writes;
pub(crate) use connect_request::delete_connect_request;
pub use status_subresource::StatusSubresource;
pub(crate) use watch::{all, watch};
use writes::CountWrites;

/// Which program calls, and of which version: for the apiserver and for Composio.
pub const USER_AGENT: &str = concat!("composio-operator/", env!("CARGO_PKG_VERSION"));
/// The environment variables that name a proxy, as reqwest and kube read them.
pub const PROXY_VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];
/// Why nothing works where the definition is missing, and what to do.
pub const CRD_NOT_INSTALLED: &str = "the ConnectedAccount resource is not installed; let the chart install it (crds.enabled), or run: composio-operator crd | kubectl apply --server-side -f -";
/// Requests that may wait for their turn: far above what the concurrency allows.
const QUEUE: usize = 1024;
/// The longest wait for the headers of an answer. A watch's body may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Above the 290 s that a watch is asked to last: a longer silence is a connection that is dead.
const SILENCE: Duration = Duration::from_secs(300);

/// The cluster, as the kubeconfig or the pod tells it.
///
/// # Errors
/// When neither tells.
pub async fn cluster() -> Result<Config, String> {
    let mut config = Config::infer()
        .await
        .map_err(|error| format!("no way to a Kubernetes cluster: {error}"))?;
    config.default_retry = false;
    // The apiserver names the field manager after it: what the operator owns is told in managedFields.
    config.headers.push((
        http::header::USER_AGENT,
        http::HeaderValue::from_static(USER_AGENT),
    ));
    config.read_timeout = Some(SILENCE);
    if config.proxy_url.as_ref().is_some_and(is_from_environment) {
        // Meant for the way to Composio. The apiserver is reached directly, as from a pod.
        config.proxy_url = None;
    }
    Ok(config)
}

/// Every request ends and is tried a few times: by default kube waits for ever for an answer, and
/// retries for minutes. Nothing is written but by the leader.
///
/// # Errors
/// When the cluster's certificates cannot be used.
pub fn client(
    cluster: Config,
    leadership: &Leadership,
    metrics: Arc<Metrics>,
) -> Result<Client, BoxError> {
    let retry = RetryPolicy::new(Duration::from_millis(200), Duration::from_secs(2), 3, true)?;
    Ok(ClientBuilder::try_from(cluster)?
        .with_layer(&CountWrites(metrics))
        .with_layer(&leadership.guard())
        .with_layer(&MapRequestLayer::new(watch::up_to_date))
        .with_layer(&BufferLayer::new(QUEUE))
        .with_layer(&RetryLayer::new(retry))
        .with_layer(&TimeoutLayer::new(TIMEOUT))
        .build())
}

/// For the Lease alone: whoever elects has time limits and tries of its own, and must write before it
/// leads.
///
/// # Errors
/// When the cluster's certificates cannot be used.
pub fn bare_client(cluster: Config, metrics: Arc<Metrics>) -> Result<Client, BoxError> {
    Ok(ClientBuilder::try_from(cluster)?
        .with_layer(&CountWrites(metrics))
        .build())
}

/// The interfaces of these namespaces, or that of all if none is named.
pub(crate) fn apis<K>(client: &Client, namespaces: &[String]) -> Vec<Api<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespaces {
        [] => vec![Api::all(client.clone())],
        some => some
            .iter()
            .map(|namespace| Api::namespaced(client.clone(), namespace))
            .collect(),
    }
}

/// Why the server does not show what is to be watched, if it says so for certain: its rules do not allow it, or it
/// knows no such namespace. A bare 404 is another thing, the definition that is missing in all namespaces.
pub(crate) fn refusal(error: &watcher::Error) -> Option<String> {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => return None,
    };
    let is_certain = status.code == 403 || (status.code == 404 && status.reason == "NotFound");
    is_certain.then(|| status.message.clone())
}

fn is_from_environment(proxy: &http::Uri) -> bool {
    PROXY_VARIABLES
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|value| {
            value
                .parse::<http::Uri>()
                .is_ok_and(|value| value == *proxy)
        })
}
