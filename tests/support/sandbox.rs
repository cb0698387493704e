//! An emulated Composio in a process of its own, and what a test or the demo asks of it.

use std::io;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::child::{Child, Folder};
use super::scene::SOON;
use super::{http_client, wait};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_composio-operator");
/// The key that the sandbox takes.
pub(crate) const API_KEY: &str = "sandbox";

/// A running sandbox.
pub(crate) struct Sandbox {
    child: Child,
    url: String,
    http: reqwest::Client,
}

/// One request that the sandbox answered.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) seq: u64,
    pub(crate) time: jiff::Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) status: Option<u16>,
    pub(crate) account: Option<String>,
    pub(crate) auth_config: Option<String>,
    pub(crate) body: Value,
    pub(crate) user_agent: String,
    pub(crate) instance: String,
}

impl Asked {
    /// Whether it only read.
    pub(crate) fn is_look(&self) -> bool {
        self.method == "GET"
    }

    /// What the poller asks: the list that keeps the snapshot, which names neither user nor toolkit, and whose the key is.
    pub(crate) fn is_poll(&self) -> bool {
        self.is_poll_list() || self.path.ends_with("/auth/session/info")
    }

    /// The list that keeps the snapshot.
    pub(crate) fn is_poll_list(&self) -> bool {
        self.is_look()
            && self.path.ends_with("/connected_accounts")
            && !self.query.contains("user_ids")
    }

    /// The request in words: `POST link`, `PATCH status (disable)`, `DELETE`.
    pub(crate) fn words(&self) -> String {
        let rest = self
            .path
            .split_once("/api/v3.1/")
            .map_or(self.path.as_str(), |(_, rest)| rest);
        let segments: Vec<&str> = rest.split('/').collect();
        let what = match (self.method.as_str(), segments.as_slice()) {
            ("POST", ["connected_accounts"]) => "create",
            ("POST", ["connected_accounts", last @ ("link" | "complete_auth")]) => last,
            ("POST", ["connected_accounts", _, last @ ("refresh" | "revoke")]) => last,
            ("PATCH", ["connected_accounts", _, "status"]) => match &self.body["enabled"] {
                Value::Bool(true) => "status (enable)",
                _ => "status (disable)",
            },
            ("PATCH", ["connected_accounts", _]) if self.body.get("experimental").is_some() => {
                "sharing"
            }
            ("PATCH", ["connected_accounts", _]) if self.body.get("alias").is_some() => "alias",
            ("PATCH", ["connected_accounts", _]) if self.body.get("connection").is_some() => {
                "credentials"
            }
            ("DELETE", ["connected_accounts", _])
                if self.query.contains("revoke_on_delete=true") =>
            {
                "(revoke_on_delete)"
            }
            ("DELETE", ["connected_accounts", _]) => "",
            ("GET", ["connected_accounts"]) => "list",
            ("GET", ["connected_accounts", _]) => "account",
            ("GET", ["auth_configs", ..]) => "auth config",
            _ => rest,
        };
        format!("{} {what}", self.method).trim_end().to_owned()
    }
}

impl Sandbox {
    /// Starts one on a free port of loopback.
    pub(crate) async fn start(folder: &Folder, name: &str) -> io::Result<Sandbox> {
        Sandbox::start_with(folder, name, &["--api-key", API_KEY]).await
    }

    /// The same with these arguments.
    pub(crate) async fn start_with(
        folder: &Folder,
        name: &str,
        args: &[&str],
    ) -> io::Result<Sandbox> {
        let mut command = Command::new(PROGRAM);
        command.args(["sandbox", "--listen", "127.0.0.1:0"]);
        command.args(args);
        let child = Child::spawn(folder, name, Duration::from_secs(2), &command)?;
        let url = wait::until("the address of the sandbox", SOON, async || {
            let log = child.read_log();
            log.lines()
                .find_map(|line| line.strip_prefix("listening on "))
                .map(str::to_owned)
                .ok_or(log)
        })
        .await;
        let http = http_client(SOON);
        Ok(Sandbox { child, url, http })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }

    /// Opens a link as a browser does and presses Connect.
    pub(crate) async fn open_and_connect(&self, link: &str) -> Result<(), String> {
        let page = self
            .http
            .get(link)
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        if !page.status().is_success() {
            return Err(format!("the sign-in page answers {}", page.status()));
        }
        let answer = self
            .http
            .post(link)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("action=connect")
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if !(status.is_success() || status.is_redirection()) {
            return Err(format!("pressing Connect is answered {status}"));
        }
        Ok(())
    }

    /// What was asked of the API since the request of that number.
    pub(crate) async fn asked_since(&self, seq: u64) -> Vec<Asked> {
        let log = self
            .control("GET", &format!("log?since={seq}"), Value::Null)
            .await;
        serde_json::from_value(log["entries"].clone()).expect("the log has entries")
    }

    /// All that was asked of the API.
    pub(crate) async fn asked(&self) -> Vec<Asked> {
        self.asked_since(0).await
    }

    /// The number of the last request.
    pub(crate) async fn seq(&self) -> u64 {
        self.asked().await.last().map_or(0, |asked| asked.seq)
    }

    /// All accounts that there ever were, by id.
    pub(crate) async fn accounts(&self) -> Vec<Value> {
        let accounts = self.control("GET", "accounts", Value::Null).await;
        accounts["accounts"]
            .as_array()
            .expect("a list of accounts")
            .clone()
    }

    /// One account.
    pub(crate) async fn account(&self, id: &str) -> Value {
        self.control("GET", &format!("accounts/{id}"), Value::Null)
            .await
    }

    /// Somebody does that to the account in the dashboard or in a browser, or Composio or the provider does.
    pub(crate) async fn by_hand(&self, id: &str, what: &str, body: Value) -> Value {
        let path = format!("accounts/{id}/{what}");
        self.control("POST", &path, body).await
    }

    /// The person completes the sign-in.
    pub(crate) async fn consent(&self, id: &str) {
        self.by_hand(id, "consent", json!({})).await;
    }

    /// The sign-in runs out, or the grant dies.
    pub(crate) async fn expire(&self, id: &str) {
        self.by_hand(id, "expire", json!({})).await;
    }

    /// The events of its webhook, and how they fared.
    pub(crate) async fn deliveries(&self) -> Vec<Value> {
        let deliveries = self.control("GET", "deliveries", Value::Null).await;
        let deliveries = deliveries["deliveries"].as_array();
        deliveries.expect("a list").clone()
    }

    /// A call of the API as an application makes it, which must be answered with JSON.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Value) -> Value {
        self.api_as(API_KEY, method, path, body).await
    }

    /// The same as whoever has that key.
    pub(crate) async fn api_as(&self, key: &str, method: &str, path: &str, body: Value) -> Value {
        let request = self.request(method, &format!("api/v3.1/{path}"), body);
        answer(request.header("x-api-key", key)).await.1
    }

    /// A control call that may not be possible in the account's state: whether it was.
    pub(crate) async fn may_control(&self, method: &str, path: &str, body: Value) -> bool {
        let request = self.request(method, &format!("_sandbox/{path}"), body);
        answer(request).await.0.is_success()
    }

    /// A control call, which must succeed.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self.request(method, &format!("_sandbox/{path}"), body);
        let (status, body) = answer(request).await;
        assert!(
            status.is_success(),
            "/_sandbox/{path} answers {status}: {body}"
        );
        body
    }

    /// From now on no key may ask which project it is of.
    pub(crate) async fn refuse_session_info(&self) {
        let refused = json!({"session_info_refused": true});
        self.control("POST", "switches", refused).await;
    }

    fn request(&self, method: &str, path: &str, body: Value) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}/{path}", self.url));
        if body.is_null() {
            return request;
        }
        request.json(&body)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (reqwest::StatusCode, Value) {
    let answer = request.send().await.expect("the sandbox answers");
    let status = answer.status();
    let body = answer.json().await.expect("the sandbox answers JSON");
    (status, body)
}
