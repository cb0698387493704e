//! Tables over all that the sandbox can answer: a row without a case fails.

mod documented;
mod endpoints;
mod facts;
mod failures;
mod paragraphs;
mod readings;
mod routes;
mod switches;
mod worlds;

use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::Served;

/// A world of its own inside one sandbox, so that cases do not meet.
struct Place<'a> {
    served: &'a Served,
    key: String,
}

impl<'a> Place<'a> {
    async fn new(served: &'a Served) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let key = format!("key-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        served
            .post("/_sandbox/worlds", json!({"api_key": key}))
            .await;
        let place = Self { served, key };
        let keyless =
            json!({"id": "ac_open", "toolkit": "weather", "scheme": "NO_AUTH", "managed": false});
        place.control("POST", "auth-configs", keyless).await;
        place
    }

    /// An answer with its headers.
    async fn whole(&self, key: &str, method: &str, path: &str, body: &Value) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.served.base);
        let mut request = self
            .served
            .client
            .request(method, url)
            .header("x-api-key", key);
        if !body.is_null() {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    async fn send(&self, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let response = self.whole(key, method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, body)
    }

    /// A call of the API.
    async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send(&self.key, method, &format!("/api/v3.1{path}"), &body)
            .await
    }

    /// A control call, whatever it is answered.
    async fn try_control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send(&self.key, method, &format!("/_sandbox/{path}"), &body)
            .await
    }

    /// A control call that must succeed.
    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, body) = self.try_control(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        body
    }

    /// Starts a sign-in.
    async fn link(&self, config: &str, user: &str, alias: Value) -> String {
        let body = json!({"auth_config_id": config, "user_id": user, "alias": alias});
        let (status, body) = self.api("POST", "/connected_accounts/link", body).await;
        assert_eq!(status, 201, "{body}");
        body["connected_account_id"].as_str().unwrap().to_owned()
    }

    /// A person finishes a sign-in; where the browser goes then.
    async fn consent(&self, id: &str, person: Value) -> String {
        let call = format!("accounts/{id}/consent");
        let answer = self.control("POST", &call, person).await;
        let target = answer["finished"]["redirect_url"].as_str();
        target.unwrap_or_default().to_owned()
    }

    /// An account whose sign-in was finished.
    async fn active(&self, config: &str, user: &str) -> String {
        let id = self.link(config, user, Value::Null).await;
        self.consent(&id, Value::Null).await;
        id
    }

    /// An account, `null` when it is not there.
    async fn row(&self, id: &str) -> Value {
        let path = format!("/connected_accounts/{id}");
        match self.api("GET", &path, Value::Null).await {
            (200, body) => body,
            (404, _) => Value::Null,
            (status, body) => panic!("{status}: {body}"),
        }
    }

    async fn status(&self, id: &str) -> String {
        let row = self.row(id).await;
        row["status"].as_str().unwrap_or("gone").to_owned()
    }

    /// All rows, newest first.
    async fn list(&self) -> Vec<Value> {
        let path = "/connected_accounts?account_type=ALL&limit=50";
        let (status, body) = self.api("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{body}");
        body["items"].as_array().unwrap().clone()
    }

    /// The ids of all rows, page by page.
    async fn pages(&self) -> Vec<String> {
        let mut ids = Vec::new();
        let mut path = "/connected_accounts?account_type=ALL".to_owned();
        loop {
            let (status, body) = self.api("GET", &path, Value::Null).await;
            assert_eq!(status, 200, "{body}");
            let items = body["items"].as_array().unwrap();
            ids.extend(
                items
                    .iter()
                    .map(|row| row["id"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = body["next_cursor"].as_str() else {
                return ids;
            };
            path = format!("/connected_accounts?account_type=ALL&cursor={cursor}");
        }
    }

    /// What the list says about one row.
    async fn listed(&self, id: &str) -> Option<String> {
        let rows = self.list().await;
        let row = rows.iter().find(|row| row["id"] == id)?;
        Some(row["status"].as_str().unwrap().to_owned())
    }

    async fn log(&self) -> Vec<Value> {
        let log = self.control("GET", "log", Value::Null).await;
        log["entries"].as_array().unwrap().clone()
    }

    async fn grant_alive(&self, id: &str) -> bool {
        let account = self
            .control("GET", &format!("accounts/{id}"), Value::Null)
            .await;
        account["grant"]["alive"] == true
    }
}
