//! CloudEvents 1.0 in the structured mode of their HTTP binding. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{digest::Digest, notice::Notice};

/// How the body is announced.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// The beginning of each type.
const TYPE: &str = "dev.composio.connectedaccount";
/// The beginning of each source.
const SOURCE: &str = "/apis/composio.dev/v1alpha1";

/// One notice as an event.
pub(super) fn event(notice: &Notice) -> Value {
    json!({
        "specversion": "1.0",
        "id": notice.id,
        "source": format!("{SOURCE}/namespaces/{}/connectedaccounts/{}", notice.namespace, notice.name),
        "type": format!("{TYPE}.{}", notice.type_.as_str()),
        "subject": format!("{}/{}", notice.namespace, notice.name),
        "time": notice.time.to_string(),
        "datacontenttype": "application/json",
        "data": data(notice),
    })
}

/// Many notices as one event, made at that time.
pub(super) fn digest(digest: &Digest, now: Timestamp) -> Value {
    let items = digest.first.iter().map(|notice| {
        let mut item = data(notice);
        item["id"] = json!(notice.id);
        item["type"] = json!(notice.type_);
        item["time"] = json!(notice.time.to_string());
        item
    });
    json!({
        "specversion": "1.0",
        "id": digest.id,
        "source": format!("{SOURCE}/connectedaccounts"),
        "type": format!("{TYPE}.Digest"),
        "time": now.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "total": digest.total,
            "byType": digest.by_type.iter().map(|(type_, count)| (type_.as_str(), count))
                .collect::<std::collections::BTreeMap<_, _>>(),
            "byNamespace": digest.by_namespace,
            "omitted": digest.omitted,
            "items": items.collect::<Vec<_>>(),
        },
    })
}

fn data(notice: &Notice) -> Value {
    let Notice {
        id: _,
        type_: _,
        time: _,
        namespace,
        name,
        uid,
        project,
        toolkit,
        user,
        person,
        description,
        page,
        account,
    } = notice;
    let mut data = json!({
        "message": notice.sentence(),
        "namespace": namespace,
        "name": name,
        "uid": uid,
        "project": {"kind": project.kind.to_string(), "name": project.name},
        "toolkit": toolkit,
        "user": user,
        "person": person,
    });
    for (field, value) in [
        ("description", description),
        ("connectPage", page),
        ("connectedAccountId", account),
    ] {
        if let Some(value) = value {
            data[field] = json!(value);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        super::{digest::tests::notices, notice::tests::notice},
        *,
    };

    #[test]
    fn an_event_has_what_the_specification_requires_and_who_is_asked_for_what() {
        let event = event(&notice(&json!({"description": "reads \"bills\" <b>"})));
        assert_eq!(
            event,
            json!({
                "specversion": "1.0",
                "id": "u1-AwaitingUser-1767225600000000",
                "source": "/apis/composio.dev/v1alpha1/namespaces/agents/connectedaccounts/mail",
                "type": "dev.composio.connectedaccount.AwaitingUser",
                "subject": "agents/mail",
                "time": "2026-01-01T00:00:00Z",
                "datacontenttype": "application/json",
                "data": {
                    "message": "A person must sign in to connect this account.",
                    "namespace": "agents", "name": "mail", "uid": "u1",
                    "project": {"kind": "ClusterComposioProject", "name": "shared"},
                    "toolkit": "gmail", "user": "ann@acme.com", "person": "ann@acme.com",
                    "description": "reads \"bills\" <b>",
                    "connectPage": "https://connect.acme.com/connect/agents/mail",
                },
            })
        );
    }

    #[test]
    fn a_digest_of_many_stays_below_what_every_receiver_takes() {
        let mut all = Vec::new();
        for namespace in 0..50 {
            all.extend(notices(&format!("namespace-{namespace}"), 20));
        }
        let digest = digest(&Digest::of(&all, &BTreeMap::new()), Timestamp::UNIX_EPOCH);
        assert_eq!(digest["data"]["total"], 1000);
        assert_eq!(digest["data"]["items"].as_array().map(Vec::len), Some(100));
        let length = digest.to_string().len();
        assert!(length <= 64 * 1024, "{length} bytes");
    }
}
