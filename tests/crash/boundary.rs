//! The names of boundaries: the points at which the operator hands something over and waits for an answer.

use std::fmt;

use composio_operator::crd::NotificationType;
use composio_operator::plan::ChangeKind;
use serde_json::Value;
use strum::IntoEnumIterator;

use super::neighbour::NEIGHBOURS_SECRET;
use crate::support::project::KEY_SECRET;
use crate::support::proxy::Seen;

/// Which server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Server {
    Kubernetes,
    Composio,
    /// The one that notifications are sent to.
    Receiver,
}

/// Where notifications are sent.
pub(super) const NOTIFICATION: &str = "/notifications";
/// What of notifications a status says: one is to be told, or it was told.
pub(super) const TO_BE_TOLD: &str = "to be told";
pub(super) const TOLD: &str = "told";

/// A kind of request: the same for every account and object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) server: Server,
    pub(super) method: String,
    /// Names and ids are left out of it: `/connected_accounts/{id}/status`.
    pub(super) path: String,
    /// What the request changes, where the path does not say it: `sharing`, `pin`.
    pub(super) what: &'static str,
}

/// One request of a scenario: in which of its steps, and the how-many-th of its kind there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Boundary {
    pub(super) step: &'static str,
    pub(super) kind: Kind,
    pub(super) nth: usize,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = match self.server {
            Server::Kubernetes => "kubernetes",
            Server::Composio => "composio",
            Server::Receiver => "receiver",
        };
        write!(f, "{server} {} {}", self.method, self.path)?;
        match self.what {
            "" => Ok(()),
            what => write!(f, " ({what})"),
        }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} #{}", self.step, self.kind, self.nth)
    }
}

impl Kind {
    pub(super) fn new(server: Server, method: &str, path: &str, what: &'static str) -> Kind {
        Kind {
            server,
            method: method.to_owned(),
            path: path.to_owned(),
            what,
        }
    }

    /// Whether it may change something.
    pub(super) fn is_effect(&self) -> bool {
        self.method != "GET"
    }

    /// Whether it is asked again and again, also where there is nothing left to do.
    pub(super) fn is_routine(&self) -> bool {
        self.path == "/auth/session/info"
    }

    /// The kind of a request to that server; `None` for what comes in a time of its own: watches, the
    /// Lease, events, the lists of the poller, the API key and what is told of its project.
    pub(super) fn of(server: Server, seen: &Seen) -> Option<Kind> {
        let body = serde_json::from_slice(&seen.body).unwrap_or_default();
        let (path, what) = match server {
            Server::Kubernetes => kubernetes(&seen.path, &body)?,
            Server::Composio => composio(&seen.path, &seen.query, &body)?,
            Server::Receiver => (NOTIFICATION.to_owned(), type_of(&body)?),
        };
        Some(Kind::new(server, seen.method.as_str(), &path, what))
    }
}

fn kubernetes(path: &str, body: &Value) -> Option<(String, &'static str)> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let rest = match segments.as_slice() {
        ["apis", _, _, "namespaces", _, rest @ ..] => rest,
        ["api", _, "namespaces", _, rest @ ..] => rest,
        // The version, and whatever else a client discovers.
        _ => return None,
    };
    match rest {
        ["events" | "leases", ..]
        | ["connectedaccounts" | "composioprojects" | "connectrequests"] => None,
        ["secrets", KEY_SECRET | NEIGHBOURS_SECRET] | ["composioprojects", _, "status"] => None,
        ["connectedaccounts", _] => {
            let path = "connectedaccounts/{name}";
            Some((path.to_owned(), change_of_object(body)))
        }
        ["connectedaccounts", _, "status"] => {
            let path = "connectedaccounts/{name}/status";
            Some((path.to_owned(), change_of_status(body)))
        }
        [resource, _] => Some((format!("{resource}/{{name}}"), "")),
        [resource, _, subresource] => Some((format!("{resource}/{{name}}/{subresource}"), "")),
        _ => Some((path.to_owned(), "")),
    }
}

fn change_of_object(body: &Value) -> &'static str {
    let metadata = &body["metadata"];
    match (metadata.get("annotations"), metadata.get("finalizers")) {
        (Some(_), Some(_)) => "pin",
        (Some(_), None) => "unpin",
        (None, Some(_)) => "release",
        (None, None) => "",
    }
}

fn change_of_status(body: &Value) -> &'static str {
    let status = &body["status"];
    match (&status["pendingNotification"], &status["notificationState"]) {
        (Value::Null, Value::Null) => "",
        (Value::Null, _) => TOLD,
        _ => TO_BE_TOLD,
    }
}

/// The type of an event, as far as it is about one account.
fn type_of(event: &Value) -> Option<&'static str> {
    let type_ = event["type"].as_str()?.rsplit('.').next()?;
    let mut all = NotificationType::ALL.iter().map(|one| one.as_str());
    all.find(|one| *one == type_)
}

fn composio(path: &str, query: &str, body: &Value) -> Option<(String, &'static str)> {
    let rest = path.strip_prefix("/api/v3.1/").unwrap_or(path);
    let segments: Vec<&str> = rest.split('/').collect();
    Some(match segments.as_slice() {
        // The snapshot's list names no user.
        ["connected_accounts"] if body.is_null() && !query.contains("user_ids") => return None,
        ["connected_accounts", last @ ("link" | "complete_auth")] => {
            (format!("/connected_accounts/{last}"), "")
        }
        ["connected_accounts", _] => ("/connected_accounts/{id}".to_owned(), change(body, query)),
        ["connected_accounts", _, "status"] => {
            let what = match body["enabled"] {
                Value::Bool(true) => "enable",
                _ => "disable",
            };
            ("/connected_accounts/{id}/status".to_owned(), what)
        }
        ["connected_accounts", _, last] => (format!("/connected_accounts/{{id}}/{last}"), ""),
        ["auth_configs", _] => ("/auth_configs/{id}".to_owned(), ""),
        _ => (format!("/{rest}"), ""),
    })
}

/// The field of a PATCH that makes the change, and what it changes.
pub(super) fn patched(change: ChangeKind) -> (&'static str, &'static str) {
    match change {
        ChangeKind::Alias => ("alias", "alias"),
        ChangeKind::Sharing => ("experimental", "sharing"),
        ChangeKind::Credentials => ("connection", "credentials"),
    }
}

fn change(body: &Value, query: &str) -> &'static str {
    let mut all = ChangeKind::iter().map(patched);
    match all.find(|(field, _)| body.get(field).is_some()) {
        Some((_, what)) => what,
        None if query.contains("revoke_on_delete=true") => "revoke_on_delete",
        None => "",
    }
}
