//! The API server as its clients see it.

use std::path::PathBuf;
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::client::retry::RetryPolicy;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;

/// Where the API server is, and what the administrator has.
pub(super) struct Server {
    pub(super) url: String,
    /// Written by the server when it starts: its certificate, signed by itself.
    pub(super) certificate: PathBuf,
    pub(super) admin_token: String,
    pub(super) admin_kubeconfig: PathBuf,
}

impl Server {
    /// YAML is a superset of this.
    pub(super) fn kubeconfig(&self, token: &str) -> serde_json::Value {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "test",
                "cluster": { "server": self.url, "certificate-authority": self.certificate },
            }],
            "users": [{ "name": "test", "user": { "token": token } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
            "current-context": "test",
        })
    }

    pub(super) async fn client(&self, token: &str, timeout: Duration) -> Result<Client, String> {
        let kubeconfig = serde_json::from_value(self.kubeconfig(token));
        client_of(kubeconfig.map_err(|e| e.to_string())?, timeout).await
    }

    pub(super) async fn is_ready(&self) -> Result<(), String> {
        let client = self
            .client(&self.admin_token, Duration::from_secs(5))
            .await?;
        let request = http::Request::get("/readyz")
            .body(Vec::new())
            .map_err(|e| e.to_string())?;
        match client.request_text(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A client for whoever has the kubeconfig, bound to the calling runtime. Every request ends: by default kube
/// waits for ever for an answer, and retries for minutes.
pub(crate) async fn client_of(kubeconfig: Kubeconfig, timeout: Duration) -> Result<Client, String> {
    // Fails when there is one already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|e| e.to_string())?;
    config.default_retry = false;
    // The way to loopback leads past every proxy in the environment.
    config.proxy_url = None;
    let retry = RetryPolicy::new(Duration::from_millis(200), Duration::from_secs(2), 3, true)
        .map_err(|e| e.to_string())?;
    Ok(ClientBuilder::try_from(config)
        .map_err(|e| e.to_string())?
        .with_layer(&BufferLayer::new(1024))
        .with_layer(&RetryLayer::new(retry))
        .with_layer(&TimeoutLayer::new(timeout))
        .build())
}
