//! The apiserver's verbs that a pass uses, over objects in memory.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use composio_operator::crd::FINALIZER;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::{NAMESPACE, lock};
use crate::support::pinned_alias;

/// Objects in memory, with the verbs that a pass uses.
#[derive(Default)]
pub(crate) struct FakeApiServer {
    pub(super) objects: BTreeMap<String, Value>,
    pub(super) secrets: BTreeMap<String, Value>,
    /// The ConnectRequests.
    pub(super) requests: BTreeMap<String, Value>,
    version: u64,
    /// How often an object was read.
    pub(super) reads: u64,
    /// So many of the next writes are answered with a conflict.
    pub(crate) conflicts: u32,
    /// So many of the next deletions of ConnectRequests fail.
    pub(crate) kept: u32,
    /// Aliases under which an account was asked for while no object was marked with them.
    pub(crate) unmarked: Vec<String>,
}

impl FakeApiServer {
    pub(super) fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    /// Merges a patch into an object.
    pub(crate) fn merge(&mut self, name: &str, patch: &Value) {
        let version = self.next_version();
        if let Some(object) = self.objects.get_mut(name) {
            merge(object, patch);
            object["metadata"]["resourceVersion"] = json!(version);
        }
    }

    /// Takes note that an account is asked for.
    pub(super) fn made(&mut self, alias: &str) {
        let is_marked = self.objects.values().any(|object| {
            let metadata = &object["metadata"];
            pinned_alias(object) == alias
                && metadata["finalizers"]
                    .as_array()
                    .is_some_and(|all| all.contains(&json!(FINALIZER)))
        });
        if !is_marked {
            self.unmarked.push(alias.to_owned());
        }
    }

    fn answer(&mut self, method: &Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["api", "v1", "namespaces", _, "secrets", name]) => {
                found(self.secrets.get(*name))
            }
            ("GET", [.., "connectedaccounts", name]) => {
                self.reads += 1;
                found(self.objects.get(*name))
            }
            ("PATCH", [.., "connectedaccounts", name]) => self.change(name, body, merge),
            ("PUT", [.., "connectedaccounts", name, "status"]) => {
                self.change(name, body, |object, body| {
                    object["status"] = body["status"].clone()
                })
            }
            ("DELETE", [.., "connectrequests", name]) => self.delete_request(name, body),
            _ => panic!("a pass asked {method} {path} of the apiserver"),
        }
    }

    fn change(
        &mut self,
        name: &str,
        body: &Value,
        apply: impl FnOnce(&mut Value, &Value),
    ) -> (StatusCode, Value) {
        let version = self.next_version();
        let Some(object) = self.objects.get_mut(name) else {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        };
        let asked = &body["metadata"];
        let same = ["uid", "resourceVersion"]
            .iter()
            .all(|field| asked[*field] == object["metadata"][*field]);
        if !same || self.conflicts > 0 {
            self.conflicts = self.conflicts.saturating_sub(1);
            return failure(StatusCode::CONFLICT, "Conflict");
        }
        apply(object, body);
        object["metadata"]["resourceVersion"] = json!(version);
        let answer = object.clone();
        self.sweep(name);
        (StatusCode::OK, answer)
    }

    fn delete_request(&mut self, name: &str, body: &Value) -> (StatusCode, Value) {
        if self.kept > 0 {
            self.kept -= 1;
            return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
        }
        match self.requests.get(name) {
            None => failure(StatusCode::NOT_FOUND, "NotFound"),
            Some(request) if request["metadata"]["uid"] != body["preconditions"]["uid"] => {
                failure(StatusCode::CONFLICT, "Conflict")
            }
            Some(_) => {
                self.requests.remove(name);
                let done = json!({"kind": "Status", "apiVersion": "v1", "status": "Success"});
                (StatusCode::OK, done)
            }
        }
    }

    /// What is being deleted and has no finalizer left goes.
    pub(super) fn sweep(&mut self, name: &str) {
        let gone = self.objects.get(name).is_some_and(|object| {
            object["metadata"].get("deletionTimestamp").is_some()
                && object["metadata"]["finalizers"]
                    .as_array()
                    .is_none_or(Vec::is_empty)
        });
        if gone {
            self.objects.remove(name);
        }
    }
}

fn found(object: Option<&Value>) -> (StatusCode, Value) {
    object.map_or_else(
        || failure(StatusCode::NOT_FOUND, "NotFound"),
        |object| (StatusCode::OK, object.clone()),
    )
}

fn failure(code: StatusCode, reason: &str) -> (StatusCode, Value) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "reason": reason, "message": reason, "code": code.as_u16(),
    });
    (code, body)
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let (Some(fields), Some(changes)) = (target.as_object_mut(), patch.as_object()) else {
        *target = patch.clone();
        return;
    };
    for (name, change) in changes {
        match change {
            Value::Null => drop(fields.remove(name)),
            Value::Object(_) => {
                merge(
                    fields.entry(name.clone()).or_insert_with(|| json!({})),
                    change,
                );
            }
            other => drop(fields.insert(name.clone(), other.clone())),
        }
    }
}

/// A client of the objects in memory.
pub(super) fn client(apiserver: &Arc<Mutex<FakeApiServer>>) -> Client {
    let apiserver = Arc::clone(apiserver);
    let service = tower::service_fn(move |request: Request<Body>| {
        let apiserver = Arc::clone(&apiserver);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.expect("a body in memory");
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (status, answer) = lock(&apiserver).answer(&parts.method, parts.uri.path(), &body);
            let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, NAMESPACE)
}
