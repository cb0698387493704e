//! Writes the ConfigMap in which others find an account's id: one look and one call for a change.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Resource,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use tracing::{info, warn};

use super::describe;
use crate::{
    crd::{ConfigMapReason, ConnectedAccount, config_map_name},
    plan::{ConfigMapCall, ConfigMapStep, Desired, config_map_call},
    report::ConfigMapResult,
};

/// Under which name the operator owns what it writes there.
const FIELD_MANAGER: &str = "composio-operator-config-map";
/// What says who keeps it.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "composio-operator");
/// How often it is looked at again because somebody was quicker.
const TRIES: usize = 3;

/// Takes a step. What is there that is not ours stays as it is, also where it comes between look and call.
pub(super) async fn take(
    client: kube::Client,
    object: &ConnectedAccount,
    desired: &Desired,
    step: ConfigMapStep,
) -> ConfigMapResult {
    let name = config_map_name(&desired.name);
    let api = Api::<ConfigMap>::namespaced(client, &desired.namespace);
    let (reason, detail) = try_step(&api, &name, object, desired, &step).await;
    match reason {
        ConfigMapReason::Written => {}
        _ => warn!(config_map = name, %reason, "{detail}"),
    }
    ConfigMapResult {
        step,
        reason,
        detail,
    }
}

async fn try_step(
    api: &Api<ConfigMap>,
    name: &str,
    object: &ConnectedAccount,
    desired: &Desired,
    step: &ConfigMapStep,
) -> (ConfigMapReason, String) {
    for _ in 0..TRIES {
        let existing = match api.get_opt(name).await {
            Ok(existing) => existing,
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                return (ConfigMapReason::Forbidden, String::new());
            }
            Err(error) => return (ConfigMapReason::Failed, describe(&error)),
        };
        let called = match config_map_call(step, desired, existing.as_ref()) {
            ConfigMapCall::Nothing => return (ConfigMapReason::Written, String::new()),
            ConfigMapCall::NotOurs { is_left_over } => {
                let detail = match is_left_over {
                    true => format!(
                        "ConfigMap {name} is that of a former object of this name, and goes with it"
                    ),
                    false => format!("ConfigMap {name} is somebody else's"),
                };
                return (ConfigMapReason::NotOurs, detail);
            }
            ConfigMapCall::AwaitEnd => {
                let detail =
                    format!("ConfigMap {name} is being deleted, and is made again after that");
                return (ConfigMapReason::Failed, detail);
            }
            ConfigMapCall::Create => create(api, name, object, step).await,
            ConfigMapCall::Change(version) => {
                let patch = Patch::Merge(json!({
                    "metadata": {"uid": version.uid, "resourceVersion": version.resource_version},
                    "data": data(step),
                }));
                let params = PatchParams {
                    field_manager: Some(FIELD_MANAGER.to_owned()),
                    ..PatchParams::default()
                };
                api.patch(name, &params, &patch).await.map(drop)
            }
            ConfigMapCall::Delete(version) => {
                let params = DeleteParams::default().preconditions(Preconditions {
                    uid: Some(version.uid),
                    resource_version: Some(version.resource_version),
                });
                api.delete(name, &params).await.map(drop)
            }
        };
        match called {
            Ok(()) => {
                info!(config_map = name, "brought up to date");
                return (ConfigMapReason::Written, String::new());
            }
            // Somebody was quicker: look again at what is there now.
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => {}
            Err(error) => return (ConfigMapReason::Failed, describe(&error)),
        }
    }
    let detail = format!("somebody else changes ConfigMap {name} at the same time");
    (ConfigMapReason::Failed, detail)
}

/// Only where none is there: another one of that name is not taken over.
async fn create(
    api: &Api<ConfigMap>,
    name: &str,
    object: &ConnectedAccount,
    step: &ConfigMapStep,
) -> Result<(), kube::Error> {
    let mut owner = object.controller_owner_ref(&()).unwrap_or_default();
    // To make an object wait for it takes another right, and nothing has to.
    owner.block_owner_deletion = None;
    let (label, value) = MANAGED_BY;
    let data = data(step).into_iter();
    let config_map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some([(label.to_owned(), value.to_owned())].into()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(
            data.filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect(),
        ),
        ..ConfigMap::default()
    };
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    api.create(&params, &config_map).await.map(drop)
}

/// What it must say; nothing of one that is to go.
fn data(step: &ConfigMapStep) -> BTreeMap<&'static str, Option<String>> {
    match step {
        ConfigMapStep::Write { data, .. } => data.clone(),
        ConfigMapStep::Remove => BTreeMap::new(),
    }
}
