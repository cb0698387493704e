//! The world alone, under simulated time.

mod change;
mod create;
mod delivery;
mod faults;
mod list;
mod revoke;
mod sign_in;

use bytes::Bytes;
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Entry, Seed, World};

/// A world and a time that only moves when the test moves it.
struct Bench {
    world: World,
    now: Timestamp,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// The body of an answer that must have this status.
    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Slug and message of an error that must have this status.
    #[track_caller]
    fn refused(self, status: u16) -> (String, String) {
        let error = &self.expect(status)["error"];
        assert_eq!(error["status"], status);
        assert!(error["request_id"].as_str().unwrap().starts_with("req_"));
        assert!(error["code"].is_number());
        (text(&error["slug"]), text(&error["message"]))
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Bench {
    fn new() -> Self {
        Self::of(Seed::default())
    }

    fn of(seed: Seed) -> Self {
        Self {
            world: World::new(seed),
            now: "2026-09-01T12:00:00Z".parse().unwrap(),
        }
    }

    fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    fn request(method: &str, path: &str, body: &Value) -> Request<Bytes> {
        let bytes = match body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        Request::builder()
            .method(method)
            .uri(format!("/api/v3.1{path}"))
            .header("host", "sandbox.test:8090")
            .header("user-agent", "bench/1")
            .header("x-composio-operator-instance", "a")
            .header("x-api-key", "sandbox")
            .body(bytes)
            .unwrap()
    }

    fn call(&mut self, method: &str, path: &str, body: Value) -> Answer {
        self.send(&Self::request(method, path, &body))
    }

    fn send(&mut self, request: &Request<Bytes>) -> Answer {
        let response = self.world.handle(request, self.now);
        let body = response.body();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_slice(body)
                .unwrap_or_else(|_| json!(String::from_utf8_lossy(body))),
        }
    }

    fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, Value::Null)
    }

    /// Starts a sign-in and gives the account's id.
    fn link(&mut self, config: &str, user: &str) -> String {
        let body = json!({"auth_config_id": config, "user_id": user});
        let answer = self.call("POST", "/connected_accounts/link", body);
        text(&answer.expect(201)["connected_account_id"])
    }

    /// An account whose sign-in was finished.
    fn active(&mut self, config: &str, user: &str) -> String {
        let id = self.link(config, user);
        self.world.consent(&id, self.now).unwrap();
        id
    }

    /// A SHARED account whose sign-in was finished.
    fn shared(&mut self, config: &str, user: &str) -> String {
        let body = json!({
            "auth_config_id": config, "user_id": user,
            "experimental": {"account_type": "SHARED"},
        });
        let answer = self.call("POST", "/connected_accounts/link", body);
        let id = text(&answer.expect(201)["connected_account_id"]);
        self.world.consent(&id, self.now).unwrap();
        id
    }

    /// An account made from an API key.
    fn keyed(&mut self, user: &str, key: &str) -> String {
        let answer = self.call("POST", "/connected_accounts", key_body(user, key));
        text(&answer.expect(201)["id"])
    }

    #[track_caller]
    fn account(&mut self, id: &str) -> Value {
        self.get(&format!("/connected_accounts/{id}")).expect(200)
    }

    fn status(&mut self, id: &str) -> String {
        text(&self.account(id)["status"])
    }

    fn last_entry(&self) -> Entry {
        self.world.log_since(0).pop().expect("a request in the log")
    }

    fn alive(&self, id: &str) -> bool {
        let grants = self.world.grants();
        grants
            .iter()
            .any(|grant| grant.account == id && grant.alive)
    }
}

fn key_body(user: &str, key: &str) -> Value {
    json!({
        "auth_config": {"id": "ac_hubspot"},
        "connection": {
            "user_id": user,
            "state": {"authScheme": "API_KEY", "val": {"status": "ACTIVE", "api_key": key}},
        },
    })
}
