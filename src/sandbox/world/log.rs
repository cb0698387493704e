//! What was asked, without the secrets.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::account::iso;
use super::fault::Fault;
use super::{API, Call, Cut, World};

/// More entries than this push out the oldest. `seq` goes on, so the total is still known.
const KEPT: usize = 20_000;

const REDACTED: &str = "[redacted]";

/// One API request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// 1 for the first request since the start or the last reset.
    pub seq: u64,
    /// The world's time.
    pub time: String,
    /// Method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// The query as it came, credential-like values redacted.
    pub query: String,
    /// What was answered; nothing when the connection was cut.
    pub status: Option<u16>,
    /// The message of the answer, if it was a refusal.
    pub error: Option<String>,
    /// `status`, `status_after_commit`, or the word of the fault that met it.
    pub fault: Option<&'static str>,
    /// The `user-agent` header.
    pub user_agent: String,
    /// The `x-composio-operator-instance` header: tells several clients apart.
    pub instance: String,
    /// The account concerned, also when it was made by this very request.
    pub account: Option<String>,
    /// The auth config of that account, or the one asked for.
    pub auth_config: Option<String>,
    /// The body; credentials are replaced by `[redacted]`. `null` when there was none.
    pub body: Value,
    /// The request id which the answer carried.
    pub request_id: String,
}

#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    seq: u64,
}

impl Log {
    fn push(&mut self, mut entry: Entry) {
        self.seq += 1;
        entry.seq = self.seq;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Entries after `seq`, oldest first.
    pub(super) fn since(&self, seq: u64) -> Vec<Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.seq > seq)
            .cloned()
            .collect()
    }

    /// Forgets the entries; `seq` goes on, so a reader that remembers one misses nothing.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

impl World {
    pub(super) fn record(
        &mut self,
        request: &Request<Bytes>,
        call: &Call<'_>,
        request_id: &str,
        made: Option<String>,
        fault: Option<Fault>,
        outcome: &Result<Response<Bytes>, Cut>,
    ) {
        let body: Value = if call.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(call.body)
                .map(redact)
                .unwrap_or_else(|_| json!(format!("[{} bytes that are not JSON]", call.body.len())))
        };
        let account = made.or_else(|| account_in(call.path));
        let auth_config = account
            .as_deref()
            .and_then(|id| self.store.find_any(id))
            .map(|n| self.configs[self.store.at(n).config].id.clone())
            .or_else(|| asked_config(call.path, &body));
        self.log.push(Entry {
            seq: 0,
            time: iso(call.now),
            method: call.method.to_owned(),
            path: call.path.to_owned(),
            query: redact_query(&call.query),
            status: outcome.as_ref().ok().map(|answer| answer.status().as_u16()),
            error: outcome.as_ref().ok().and_then(message),
            fault: fault.map(|fault| fault.name()),
            user_agent: header_text(request.headers(), header::USER_AGENT.as_str()),
            instance: header_text(request.headers(), "x-composio-operator-instance"),
            account,
            auth_config,
            body,
            request_id: request_id.to_owned(),
        });
    }
}

/// What a refusal says, in either form.
fn message(answer: &Response<Bytes>) -> Option<String> {
    if answer.status().as_u16() < 400 {
        return None;
    }
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    let message = body["error"]["message"]
        .as_str()
        .or(body["message"].as_str())?;
    Some(message.to_owned())
}

fn header_text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

fn account_in(path: &str) -> Option<String> {
    let mut segments = path.strip_prefix(API)?.split('/').skip(1);
    let (Some("connected_accounts"), Some(id)) = (segments.next(), segments.next()) else {
        return None;
    };
    (!["link", "complete_auth", ""].contains(&id)).then(|| id.to_owned())
}

fn asked_config(path: &str, body: &Value) -> Option<String> {
    let in_body = body["auth_config_id"]
        .as_str()
        .or_else(|| body["auth_config"]["id"].as_str());
    let in_path = || path.strip_prefix(API)?.strip_prefix("/auth_configs/");
    in_body.or_else(in_path).map(str::to_owned)
}

/// Whether a field of this name may hold a credential.
fn credential_like(name: &str) -> bool {
    const PARTS: [&str; 9] = [
        "token",
        "secret",
        "password",
        "passphrase",
        "apikey",
        "credential",
        "private",
        "username",
        "authorization",
    ];
    const ALLOWED: [&str; 1] = ["validatecredentials"];
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    !ALLOWED.contains(&plain.as_str())
        && (plain.ends_with("key") || PARTS.iter().any(|part| plain.contains(part)))
}

fn redact(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let value = match (name.as_str(), value) {
                        ("val", Value::Object(fields)) => Value::Object(redact_all(fields)),
                        ("val", _) => json!(REDACTED),
                        (name, value) if credential_like(name) => hide(value),
                        (_, value) => redact(value),
                    };
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(redact).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

/// In `state.val` everything is a secret but the status.
fn redact_all(fields: Map<String, Value>) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| {
            let value = if name == "status" { value } else { hide(value) };
            (name, value)
        })
        .collect()
}

/// A null stays: it says that a field is to be removed, and hides nothing.
fn hide(value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            json!(REDACTED)
        }
    }
}

fn redact_query(query: &[(String, String)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in query {
        let shown = if credential_like(name) {
            REDACTED
        } else {
            value
        };
        text.append_pair(name, shown);
    }
    text.finish()
}
