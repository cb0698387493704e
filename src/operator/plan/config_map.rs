//! The ConfigMap in which others find an account's id: what is due of it, and by which call. What was written is
//! remembered in the status, so that an object at rest has nobody asked.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Resource, ResourceExt};
use ring::digest::{SHA256, digest};

use crate::crd::{ConnectedAccount, ConnectedAccountStatus, condition, length_prefixed};

use super::{Desired, Presence};

/// The keys of the ConfigMap. There is no other: nothing of a link or a Secret is ever in it.
const KEYS: [&str; 5] = ["connectedAccountId", "state", "alias", "user", "toolkit"];

/// What is due of an object's ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigMapStep {
    /// It must say this. A key that has no value must not be there.
    Write {
        /// Each key that is ours.
        data: BTreeMap<&'static str, Option<String>>,
        /// What is recorded of it.
        digest: String,
    },
    /// It is declared no more.
    Remove,
}

/// The one call that a step takes, by what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigMapCall {
    /// It is as it must be.
    Nothing,
    /// It is not there: make it.
    Create,
    /// Change exactly this version of it.
    Change(ConfigMapVersion),
    /// Delete exactly this version of it.
    Delete(ConfigMapVersion),
    /// It is being deleted: nothing can be made of it before it is gone.
    AwaitEnd,
    /// It belongs to somebody else.
    NotOurs {
        /// To a former object of the same name: it goes by itself.
        is_left_over: bool,
    },
}

/// One version of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapVersion {
    /// Its `metadata.uid`.
    pub uid: String,
    /// Its `metadata.resourceVersion`.
    pub resource_version: String,
}

/// What is due of the object's ConfigMap by its status; `None`: nothing. `is_asked`: somebody asks for a look.
pub fn config_map_step(
    desired: &Desired,
    status: &ConnectedAccountStatus,
    is_asked: bool,
) -> Option<ConfigMapStep> {
    // It goes with the object.
    if desired.presence != Presence::Present {
        return None;
    }
    let written = status.written_to.as_ref();
    if desired.spec.write_to.is_none() {
        return written.map(|_| ConfigMapStep::Remove);
    }
    let spec = &desired.spec;
    let alias = status.alias.as_deref().unwrap_or(desired.lookup_alias());
    let values = [
        status.connected_account_id.as_deref(),
        status.state.as_deref(),
        Some(alias),
        Some(&spec.user),
        Some(&spec.toolkit),
    ];
    let data: BTreeMap<_, _> = KEYS
        .into_iter()
        .zip(values.map(|value| value.map(str::to_owned)))
        .collect();
    let digest = digest_of(&desired.uid, &data);
    let is_recorded = written.is_some_and(|written| written.digest.as_ref() == Some(&digest));
    let is_said = status
        .condition(condition::CONFIG_MAP_WRITTEN)
        .is_some_and(|written| written.status == "True");
    (is_asked || !is_recorded || !is_said).then_some(ConfigMapStep::Write { data, digest })
}

/// Of another object of the same name it is another one: its status may be a copy.
fn digest_of(uid: &str, data: &BTreeMap<&'static str, Option<String>>) -> String {
    let pairs = data
        .iter()
        .filter_map(|(key, value)| Some([*key, value.as_deref()?]));
    let text = length_prefixed([uid].into_iter().chain(pairs.flatten()));
    BASE64_STANDARD_NO_PAD.encode(digest(&SHA256, &text))
}

/// Which call the step takes.
pub fn config_map_call(
    step: &ConfigMapStep,
    desired: &Desired,
    existing: Option<&ConfigMap>,
) -> ConfigMapCall {
    let Some(existing) = existing else {
        return match step {
            ConfigMapStep::Write { .. } => ConfigMapCall::Create,
            ConfigMapStep::Remove => ConfigMapCall::Nothing,
        };
    };
    let of_account = |owner: &&OwnerReference| {
        owner.controller == Some(true) && owner.kind == ConnectedAccount::kind(&())
    };
    let owner = existing.owner_references().iter().find(of_account);
    if owner.is_none_or(|owner| owner.uid != desired.uid) {
        let is_left_over = owner.is_some_and(|owner| owner.name == desired.name);
        return ConfigMapCall::NotOurs { is_left_over };
    }
    let version = ConfigMapVersion {
        uid: existing.uid().unwrap_or_default(),
        resource_version: existing.resource_version().unwrap_or_default(),
    };
    let is_ending = existing.metadata.deletion_timestamp.is_some();
    match step {
        ConfigMapStep::Remove if is_ending => ConfigMapCall::Nothing,
        ConfigMapStep::Remove => ConfigMapCall::Delete(version),
        ConfigMapStep::Write { .. } if is_ending => ConfigMapCall::AwaitEnd,
        ConfigMapStep::Write { data, .. } => {
            let is = |(key, value): (&&str, &Option<String>)| {
                let found = existing.data.as_ref().and_then(|data| data.get(*key));
                found == value.as_ref()
            };
            match data.iter().all(is) {
                true => ConfigMapCall::Nothing,
                false => ConfigMapCall::Change(version),
            }
        }
    }
}
