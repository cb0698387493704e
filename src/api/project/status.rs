//! What the operator says of a project. Data only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::status::count_schema;

/// What the operator knows of a project. Every time in it is by the operator's clock.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProjectStatus {
    /// The generation that the conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Composio's own id of the project (`pr_…`) when it was proved last; some keys may not ask for it. A key of another
    /// one is not used for the accounts on record.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "projectID")]
    pub project_id: Option<String>,
    /// How many objects refer to the project. Written when it has changed, at most once a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<AccountCounts>,
    /// Ready always, Reconciling and Stalled while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl ProjectStatus {
    /// The condition of that type, if there is one.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.type_ == type_)
    }
}

/// How many objects refer to a project.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AccountCounts {
    /// All of them.
    #[schemars(schema_with = "count_schema")]
    pub total: i64,
    /// Those that are ready.
    #[schemars(schema_with = "count_schema")]
    pub ready: i64,
    /// Those that wait for a person.
    #[schemars(schema_with = "count_schema")]
    pub waiting_for_user: i64,
    /// Those that are stalled until somebody changes something.
    #[schemars(schema_with = "count_schema")]
    pub stalled: i64,
}
