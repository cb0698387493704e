//! An object as the watch brings it: what is used of it and no more, because all of them are kept; and
//! read in a way that one which cannot be read holds up no other.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    crd::{ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus},
    observe::Kept,
};

/// An object, or that there is one.
#[derive(Clone)]
pub(super) enum Watched {
    /// What is used of it.
    Read(Kept),
    /// It has a form that this version does not know.
    Unreadable {
        /// Which object it is.
        metadata: ObjectMeta,
        /// What is wrong with it. It may quote the object, and so a link.
        why: String,
    },
}

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
        let Metadata {
            name,
            namespace,
            uid,
            resource_version,
            generation,
            creation_timestamp,
            deletion_timestamp,
            finalizers,
            annotations,
        } = metadata;
        // Those of others, `kubectl apply` among them, repeat the whole object.
        let group = ConnectedAccount::group(&());
        let annotations: BTreeMap<_, _> = annotations
            .into_iter()
            .flatten()
            .filter(|(name, _)| {
                name.split_once('/')
                    .is_some_and(|(domain, _)| domain == group)
            })
            .collect();
        Self {
            name,
            namespace,
            uid,
            resource_version,
            generation,
            creation_timestamp,
            deletion_timestamp,
            finalizers,
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.meta();
        f.debug_struct("Watched")
            .field("namespace", &metadata.namespace)
            .field("name", &metadata.name)
            .finish_non_exhaustive()
    }
}

impl Watched {
    /// Enough of it to tell its end.
    pub(super) fn named(self) -> Kept {
        match self {
            Self::Read(kept) => kept,
            Self::Unreadable { metadata, .. } => Kept::name_alone(metadata),
        }
    }
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The whole text first: the parser cannot go on behind a mistake.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let read = serde_json::from_str::<Used>(text.get()).and_then(|used| {
            let Used {
                metadata,
                spec,
                status,
            } = used;
            let metadata = metadata.into();
            Kept::pack(ConnectedAccount {
                metadata,
                spec,
                status,
            })
        });
        let why = match read {
            Ok(kept) => return Ok(Self::Read(kept)),
            Err(error) => error.to_string(),
        };
        let Named { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok(Self::Unreadable {
            metadata: metadata.into(),
            why,
        })
    }
}

impl Resource for Watched {
    type DynamicType = ();
    type Scope = <ConnectedAccount as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        ConnectedAccount::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        ConnectedAccount::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        ConnectedAccount::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        ConnectedAccount::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Read(kept) => kept.meta(),
            Self::Unreadable { metadata, .. } => metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Read(kept) => kept.meta_mut(),
            Self::Unreadable { metadata, .. } => metadata,
        }
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
        let Watched::Read(kept) = read(&sent) else {
            panic!("it cannot be read");
        };
        let mut expected = whole;
        expected.metadata.labels = None;
        expected.metadata.managed_fields = None;
        let annotations = expected.annotations_mut();
        annotations.retain(|name, _| name == ALIAS_ANNOTATION);
        let [kept, expected] = [&kept.unpack().expect("it was packed"), &expected]
            .map(|one| serde_json::to_value(one).expect("JSON"));
        assert_eq!(kept, expected);
    }

    fn read(sent: &Value) -> Watched {
        serde_json::from_str(&sent.to_string()).expect("whatever has a name")
    }

    #[test]
    fn one_that_cannot_be_read_leaves_the_others_readable() {
        let list = json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccountList",
            "metadata": {"resourceVersion": "9"},
            "items": [object("a", json!({})), object("b", json!({"link": 7})), object("c", json!({}))],
        });
        let list: ObjectList<Watched> = serde_json::from_str(&list.to_string()).expect("a list");
        let readable: Vec<_> = list
            .items
            .iter()
            .map(|one| (one.name_any(), matches!(one, Watched::Read(_))))
            .collect();
        let expected = [("a", true), ("b", false), ("c", true)];
        assert_eq!(readable, expected.map(|(name, is)| (name.to_owned(), is)));
    }

    #[test]
    fn the_events_of_a_watch_are_read() {
        for (type_, status) in [("ADDED", json!({})), ("DELETED", json!({"link": 7}))] {
            // In this order, as the apiserver does.
            let event = format!(r#"{{"type":"{type_}","object":{}}}"#, object("a", status));
            match serde_json::from_str(&event).expect("an event") {
                WatchEvent::Added(Watched::Read(object)) => assert_eq!(object.name_any(), "a"),
                WatchEvent::Deleted(Watched::Unreadable { metadata, .. }) => {
                    assert_eq!(metadata.uid.as_deref(), Some("u"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
