//! An object as the watch brings it: what is used of it and no more, because all of them are kept; and
//! read in a way that one which cannot be read holds up no other.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::value::RawValue;

use super::{PackedObject, STATUS};
use crate::crd::{ConnectedAccount, ConnectedAccountStatus, Decoded, decode};

/// What is used of an object, each part to be read for itself.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

/// Of the metadata. Labels, owners and the record of who wrote which field are more than all the rest, and
/// nothing is decided on them.
#[derive(Default, Serialize, Deserialize)]
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

impl<'de> Deserialize<'de> for PackedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The whole text first: the parser cannot go on behind a mistake.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let parts: Parts<'_> = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let mut left_out = Vec::new();
        let metadata: Metadata = part("metadata", decode(parts.metadata.get()), &mut left_out);
        let spec = parts.spec.map_or("null", RawValue::get);
        let object = ConnectedAccount {
            metadata: metadata.into(),
            spec: part("spec", decode(spec), &mut left_out),
            status: parts.status.map(|status| {
                let status = ConnectedAccountStatus::decode(status.get());
                part(STATUS, status, &mut left_out)
            }),
        };
        PackedObject::pack_partial(object, &left_out).map_err(D::Error::custom)
    }
}

/// A part of the object. The fields that could not be read are named from the root.
fn part<T>(name: &str, decoded: Decoded<T>, left_out: &mut Vec<String>) -> T {
    left_out.extend(decoded.left_out.iter().map(|path| match path.as_str() {
        "" => name.to_owned(),
        path => format!("{name}.{path}"),
    }));
    decoded.value
}

#[cfg(test)]
mod tests {
    use kube::{
        ResourceExt,
        core::{ObjectList, WatchEvent},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        crd::ALIAS_ANNOTATION,
        plan::{Claimant, Flags, Labels, Pin},
    };

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
                    ALIAS_ANNOTATION: Pin::annotation(&Flags::default(), "agents", name, Some("pinned")),
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
        let packed = read(&sent);
        let mut expected = whole;
        expected.metadata.labels = None;
        expected.metadata.managed_fields = None;
        let annotations = expected.annotations_mut();
        annotations.retain(|name, _| name == ALIAS_ANNOTATION);
        let [packed, expected] = [&packed.unpack().expect("it was packed"), &expected]
            .map(|one| serde_json::to_value(one).expect("JSON"));
        assert_eq!(packed, expected);
    }

    fn left_out_of(packed: &PackedObject) -> Vec<&str> {
        let left_out = &packed.summary().left_out;
        left_out.iter().map(|path| &**path).collect()
    }

    fn read(sent: &Value) -> PackedObject {
        serde_json::from_str(&sent.to_string()).expect("whatever has a name")
    }

    /// The same with something else in that place of it.
    fn with(place: &str, value: Value) -> PackedObject {
        let mut sent = object(
            "mail",
            json!({"connectedAccountId": "ca_1", "authConfig": "ac_1"}),
        );
        *sent.pointer_mut(place).expect("it is there") = value;
        read(&sent)
    }

    #[test]
    fn one_that_cannot_be_read_leaves_the_others_readable() {
        let mut odd = object("b", json!({}));
        odd["spec"] = json!("u");
        let list = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccountList",
            "metadata": {"resourceVersion": "9"},
            "items": [object("a", json!({})), odd, object("c", json!({}))],
        });
        let list: ObjectList<PackedObject> =
            serde_json::from_str(&list.to_string()).expect("a list");
        let readable: Vec<_> = list
            .items
            .iter()
            .map(|one| (one.name_any(), one.unpack().is_ok()))
            .collect();
        let expected = [("a", true), ("b", false), ("c", true)];
        assert_eq!(readable, expected.map(|(name, is)| (name.to_owned(), is)));
    }

    #[test]
    fn a_status_that_cannot_be_read_leaves_the_object_readable() {
        for (place, value, left_out) in [
            ("/status", json!([1, "ca_2"]), "status"),
            ("/status/authConfig", json!(7), "status.authConfig"),
        ] {
            let packed = with(place, value);
            assert_eq!(left_out_of(&packed), [left_out]);
            let object = packed.unpack().expect("it is readable");
            assert_eq!(object.spec.user, "u");
            let id = object.status.and_then(|status| status.connected_account_id);
            assert_ne!(id.as_deref(), Some("ca_2"));
            assert_eq!(id.is_some(), place != "/status");
        }
    }

    #[test]
    fn of_what_is_unreadable_the_place_among_the_others_is_known() {
        struct Case {
            place: &'static str,
            value: Value,
            left_out: &'static str,
            user: Option<&'static str>,
        }
        let cases = [
            Case {
                place: "/spec",
                value: json!({"user": "u", "toolkit": "gmail", "enabled": "s3cr3t"}),
                left_out: "spec.enabled",
                user: Some("u"),
            },
            Case {
                place: "/spec/user",
                value: json!({"s3cr3t": 7}),
                left_out: "spec.user",
                user: None,
            },
            Case {
                place: "/spec",
                value: json!({"user": "u"}),
                left_out: "spec.toolkit",
                user: Some("u"),
            },
            Case {
                place: "/spec",
                value: json!(["u", "gmail"]),
                left_out: "spec",
                user: None,
            },
            Case {
                place: "/spec",
                value: Value::Null,
                left_out: "spec",
                user: None,
            },
            Case {
                place: "/metadata/generation",
                value: json!("two"),
                left_out: "metadata.generation",
                user: Some("u"),
            },
        ];
        for case in cases {
            let packed = with(case.place, case.value);
            assert_eq!(left_out_of(&packed), [case.left_out]);
            assert!(packed.unpack().is_err(), "{}", case.left_out);
            let summary = packed.summary();
            assert!(!summary.is_readable());
            assert_eq!(summary.user.as_deref(), case.user, "{}", case.left_out);
            assert_eq!(summary.recorded_id(), Some("ca_1"));
            let sought = |claimant: Claimant<'_>| claimant.lookup_alias().to_owned();
            assert_eq!(
                summary.claimant(&Flags::default(), &Labels::default(), sought),
                "pinned"
            );
            assert_eq!(summary.uid.as_deref(), Some("u"));
            assert!(summary.is_marked);
        }
    }

    #[test]
    fn the_events_of_a_watch_are_read() {
        for (type_, status) in [("ADDED", json!({})), ("DELETED", json!({"link": 7}))] {
            // In this order, as the apiserver does.
            let event = format!(r#"{{"type":"{type_}","object":{}}}"#, object("a", status));
            match serde_json::from_str::<WatchEvent<PackedObject>>(&event).expect("an event") {
                WatchEvent::Added(one) => assert_eq!(left_out_of(&one), [""; 0]),
                WatchEvent::Deleted(one) => {
                    assert_eq!(left_out_of(&one), ["status.link"]);
                    assert_eq!(one.meta().uid.as_deref(), Some("u"));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_has_no_metadata_is_no_object() {
        serde_json::from_str::<PackedObject>(r#"{"spec":{"user":"u","toolkit":"gmail"}}"#)
            .expect_err("nobody knows which it is");
    }
}
