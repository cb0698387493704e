//! An object as the watch brings it: what is used of it and no more, because all of them are kept; and
//! read in a way that one which cannot be read holds up no other.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use super::Kept;
use crate::crd::{ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus};

/// What is used of an object.
#[derive(Deserialize)]
struct Used {
    metadata: Metadata,
    spec: ConnectedAccountSpec,
    status: Option<ConnectedAccountStatus>,
}

/// By which an object is known that cannot be read.
#[derive(Deserialize)]
struct Named {
    metadata: Metadata,
}

/// Of the metadata. Labels, owners and the record of who wrote which field are more than all the rest, and
/// nothing is decided on them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl From<Metadata> for ObjectMeta {
    fn from(metadata: Metadata) -> Self {
        // Those of others, `kubectl apply` among them, repeat the whole object.
        let group = ConnectedAccount::group(&());
        let annotations: BTreeMap<_, _> = metadata
            .annotations
            .into_iter()
            .flatten()
            .filter(|(name, _)| {
                name.split_once('/')
                    .is_some_and(|(domain, _)| domain == group)
            })
            .collect();
        Self {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            finalizers: metadata.finalizers,
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            ..Self::default()
        }
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The whole text first: the parser cannot go on behind a mistake.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let read = serde_json::from_str::<Used>(text.get()).and_then(|used| {
            Kept::pack(ConnectedAccount {
                metadata: used.metadata.into(),
                spec: used.spec,
                status: used.status,
            })
        });
        read.or_else(|error| {
            let Named { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
            Ok(Kept::unreadable(metadata.into(), &error))
        })
    }
}

#[cfg(test)]
mod tests {
    use kube::{
        ResourceExt,
        core::{ObjectList, WatchEvent},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::crd::ALIAS_ANNOTATION;

    /// As the apiserver sends it.
    fn object(name: &str, status: Value) -> Value {
        json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {
                "name": name, "namespace": "agents", "uid": "u", "resourceVersion": "7", "generation": 2,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"team": "support"},
                "annotations": {
                    ALIAS_ANNOTATION: "agents.mail",
                    "kubectl.kubernetes.io/last-applied-configuration": "{}",
                },
                "finalizers": ["composio.dev/connected-account"],
                "managedFields": [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": {"user": "u", "toolkit": "gmail"},
            "status": status,
        })
    }

    #[test]
    fn what_is_used_is_kept_and_what_is_not_is_dropped() {
        let sent = object("mail", json!({"observedGeneration": 2, "conditions": []}));
        let whole: ConnectedAccount = serde_json::from_value(sent.clone()).expect("it is one");
        let kept = read(&sent);
        let mut expected = whole;
        expected.metadata.labels = None;
        expected.metadata.managed_fields = None;
        let annotations = expected.annotations_mut();
        annotations.retain(|name, _| name == ALIAS_ANNOTATION);
        let [kept, expected] = [&kept.unpack().expect("it was packed"), &expected]
            .map(|one| serde_json::to_value(one).expect("JSON"));
        assert_eq!(kept, expected);
    }

    fn read(sent: &Value) -> Kept {
        serde_json::from_str(&sent.to_string()).expect("whatever has a name")
    }

    #[test]
    fn one_that_cannot_be_read_leaves_the_others_readable() {
        let list = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccountList",
            "metadata": {"resourceVersion": "9"},
            "items": [object("a", json!({})), object("b", json!({"link": 7})), object("c", json!({}))],
        });
        let list: ObjectList<Kept> = serde_json::from_str(&list.to_string()).expect("a list");
        let readable: Vec<_> = list
            .items
            .iter()
            .map(|one| (one.name_any(), one.why_unreadable().is_none()))
            .collect();
        let expected = [("a", true), ("b", false), ("c", true)];
        assert_eq!(readable, expected.map(|(name, is)| (name.to_owned(), is)));
    }

    #[test]
    fn the_events_of_a_watch_are_read() {
        for (type_, status) in [("ADDED", json!({})), ("DELETED", json!({"link": 7}))] {
            // In this order, as the apiserver does.
            let event = format!(r#"{{"type":"{type_}","object":{}}}"#, object("a", status));
            match serde_json::from_str::<WatchEvent<Kept>>(&event).expect("an event") {
                WatchEvent::Added(kept) if kept.why_unreadable().is_none() => {
                    assert_eq!(kept.name_any(), "a");
                }
                WatchEvent::Deleted(kept) if kept.why_unreadable().is_some() => {
                    assert_eq!(kept.uid().as_deref(), Some("u"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
