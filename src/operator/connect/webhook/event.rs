//! What is read of an event, and nothing else of it: the account itself stands in it, credentials and all. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The one event about connected accounts.
const EXPIRED: &str = "composio.connected_account.expired";
/// The longest id that is looked for.
const ID: usize = 128;

/// An account has expired, as is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Composio's id of it.
    pub(super) account: String,
    /// The id of its project, `pr_…`.
    pub(super) project_id: Option<String>,
    /// When it happened.
    pub(super) at: Option<Timestamp>,
}

/// What cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It has another form, as that of an older version has.
    Payload,
    /// It tells of something else.
    Type,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    type_: String,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    project_id: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    id: String,
}

impl Event {
    /// Reads the body of an event of version V3.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let payload: Payload<'_> = serde_json::from_slice(body).map_err(|_| Unreadable::Payload)?;
        if payload.type_ != EXPIRED {
            return Err(Unreadable::Type);
        }
        let data = payload.data.ok_or(Unreadable::Payload)?;
        let data: Data = serde_json::from_str(data.get()).map_err(|_| Unreadable::Payload)?;
        if data.id.is_empty() || data.id.len() > ID {
            return Err(Unreadable::Payload);
        }
        Ok(Self {
            account: data.id,
            project_id: payload.metadata.and_then(|metadata| metadata.project_id),
            at: payload.timestamp.and_then(|at| at.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_event_the_account_and_its_project_are_read() {
        let body = r#"{
            "id": "msg_1", "type": "composio.connected_account.expired",
            "metadata": {"project_id": "pr_1", "org_id": "or_1"},
            "data": {"id": "ca_1", "status": "EXPIRED", "state": {"val": {"access_token": "SECRET"}}, "data": {"a": "SECRET"}},
            "timestamp": "2026-01-01T00:00:00.000Z"
        }"#;
        let event = Event::read(body.as_bytes()).expect("it is one");
        assert_eq!(
            event,
            Event {
                account: "ca_1".to_owned(),
                project_id: Some("pr_1".to_owned()),
                at: Some("2026-01-01T00:00:00Z".parse().expect("a time")),
            }
        );
        assert!(!format!("{event:?}").contains("SECRET"));
    }

    #[test]
    fn what_is_no_such_event_is_told_apart() {
        let long = format!(
            r#"{{"type":"{EXPIRED}","data":{{"id":"{}"}}}}"#,
            "x".repeat(129)
        );
        for (body, expected) in [
            ("", Unreadable::Payload),
            ("null", Unreadable::Payload),
            ("[]", Unreadable::Payload),
            (r#"{"type":7}"#, Unreadable::Payload),
            (
                r#"{"trigger_name":"x","connection_id":"c","payload":{}}"#,
                Unreadable::Payload,
            ),
            (
                r#"{"type":"github_commit_event","timestamp":"x","data":{"connection_id":"c"}}"#,
                Unreadable::Type,
            ),
            (
                r#"{"type":"composio.trigger.message","data":{"id":"ca_1"}}"#,
                Unreadable::Type,
            ),
            (
                r#"{"type":"composio.connected_account.expired"}"#,
                Unreadable::Payload,
            ),
            (
                r#"{"type":"composio.connected_account.expired","data":{"id":7}}"#,
                Unreadable::Payload,
            ),
            (
                r#"{"type":"composio.connected_account.expired","data":{"id":""}}"#,
                Unreadable::Payload,
            ),
            (long.as_str(), Unreadable::Payload),
        ] {
            assert_eq!(Event::read(body.as_bytes()), Err(expected), "{body}");
        }
    }
}
