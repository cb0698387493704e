//! An object as the watch brings it. Whatever stands in it, it can be read, or it would hold up all others.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;
use serde_json::Value;

use super::Account;
use crate::crd::{ConnectedAccount, ConnectedAccountStatus};

/// An object that was just read.
#[derive(Clone, Deserialize)]
#[serde(from = "Parts")]
pub struct PageObject {
    metadata: ObjectMeta,
    account: std::sync::Arc<Account>,
}

/// What is looked at of an object.
#[derive(Deserialize)]
struct Parts {
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: ConnectedAccountStatus,
}

/// Of the metadata: the record of who wrote which field is more than all the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    deletion_timestamp: Option<Time>,
    annotations: Option<BTreeMap<String, String>>,
}

impl PageObject {
    /// What is kept of it.
    pub(in crate::connect) fn account(self) -> std::sync::Arc<Account> {
        self.account
    }
}

impl From<Parts> for PageObject {
    fn from(parts: Parts) -> Self {
        let Parts {
            metadata,
            spec,
            status,
        } = parts;
        let metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            deletion_timestamp: metadata.deletion_timestamp,
            annotations: metadata.annotations,
            ..ObjectMeta::default()
        };
        Self {
            account: Account::new(&metadata, &spec, &status).into(),
            metadata,
        }
    }
}

impl std::fmt::Debug for PageObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.account.fmt(f)
    }
}

impl Resource for PageObject {
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
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
