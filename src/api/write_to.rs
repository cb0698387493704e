//! Where the operator writes an account's id for those who use it, and what is told of that. Data only.

use std::fmt;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What the name of an object's ConfigMap ends in, so that an object can claim no other one.
pub const CONFIG_MAP_SUFFIX: &str = "-composio";

/// Where the account's id and state are written for those who use it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WriteTo {
    /// A ConfigMap in the object's own namespace, with the keys `connectedAccountId`, `state`, `alias`, `user` and
    /// `toolkit`; while there is no account, the first two are missing. It belongs to the object, and is deleted with
    /// it.
    pub config_map: ConfigMapTarget,
}

/// The ConfigMap of an object.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ConfigMapTarget {
    /// Name of the ConfigMap: `<name of the object>-composio`, which it also is if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// What was written for those who use the account.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WrittenTo {
    /// Name of the ConfigMap.
    pub config_map: String,
    /// SHA-256 over the object's uid and what the ConfigMap has, in base64. Absent: nothing was written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The name of an object's ConfigMap.
pub fn config_map_name(object: &str) -> String {
    format!("{object}{CONFIG_MAP_SUFFIX}")
}

/// Why the condition `ConfigMapWritten` is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::EnumCount)]
#[allow(
    missing_docs,
    reason = "`ConfigMapReason::meaning` describes each, for crds/README.md too"
)]
pub enum ConfigMapReason {
    Written,
    NotOurs,
    Forbidden,
    Failed,
}

impl ConfigMapReason {
    /// Every reason.
    pub const ALL: [Self; <Self as strum::EnumCount>::COUNT] =
        [Self::Written, Self::NotOurs, Self::Forbidden, Self::Failed];

    /// The word in the condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "Written",
            Self::NotOurs => "NotOurs",
            Self::Forbidden => "Forbidden",
            Self::Failed => "Failed",
        }
    }

    /// What it means and what to do.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Written => "The ConfigMap has the account's id and state.",
            Self::NotOurs => {
                "A ConfigMap of that name is there that does not belong to this object, and it is left as it is. Delete it, or make the object under another name; the operator looks again by itself, at growing intervals."
            }
            Self::Forbidden => {
                "The operator may not touch ConfigMaps in this namespace. Add the namespace to `configMaps.namespaces` of its chart; the operator looks again by itself, at growing intervals, or at once when a new value of the annotation `composio.dev/reconcile-requested-at` asks for it."
            }
            Self::Failed => {
                "The ConfigMap could not be written or deleted. The message says why; the operator tries again by itself, at growing intervals."
            }
        }
    }
}

impl fmt::Display for ConfigMapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
