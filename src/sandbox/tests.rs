//! The sandbox over real connections.

mod control;
mod page;
mod server;
mod table;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::world::Seed;
use super::{Error, serve};

/// A sandbox that listens, and a client that follows no redirects.
struct Served {
    base: String,
    client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Served {
    async fn start() -> Self {
        Self::of(vec![Seed::default()]).await
    }

    async fn of(seeds: Vec<Seed>) -> Self {
        // Fails when another test was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, seeds, async {
            let _ = stopped.await;
        }));
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            base,
            client,
            stop,
            task,
        }
    }

    async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> reqwest::Result<Response> {
        let request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .header("x-api-key", "sandbox");
        match body {
            Value::Null => request.send().await,
            body => request.json(body).send().await,
        }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let response = self.try_call(method, path, &body).await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.call(Method::POST, path, body).await;
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// Id and URL of a new link.
    async fn link(&self, config: &str, user: &str, callback: Value) -> (String, String) {
        let body = json!({"auth_config_id": config, "user_id": user, "callback_url": callback});
        let answer = self.post("/api/v3.1/connected_accounts/link", body).await;
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("connected_account_id"), text("redirect_url"))
    }

    async fn status(&self, id: &str) -> Value {
        let path = format!("/api/v3.1/connected_accounts/{id}");
        self.get(&path).await["status"].clone()
    }

    async fn open(&self, url: &str) -> (StatusCode, String) {
        let response = self.client.get(url).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn submit(&self, url: &str, form: &str) -> Response {
        self.client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())
            .send()
            .await
            .unwrap()
    }
}
