//! The definitions as they are installed.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

use super::{ClusterComposioProject, ComposioProject, ConnectRequest, ConnectedAccount};

/// The definition of ConnectedAccounts as it is installed.
///
/// Two things cannot be said in the derive: the status' default (without it kstatus calls an object
/// that nobody has looked at yet Current), and that null means absent (the apiserver prunes a null
/// only where the schema does not allow it).
pub fn definition() -> CustomResourceDefinition {
    as_installed(ConnectedAccount::crd())
}

/// All definitions as they are installed, ConnectedAccounts first.
pub fn definitions() -> [CustomResourceDefinition; 4] {
    [
        definition(),
        as_installed(ComposioProject::crd()),
        as_installed(ClusterComposioProject::crd()),
        as_installed(ConnectRequest::crd()),
    ]
}

fn as_installed(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let Some(schema) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        else {
            continue;
        };
        forbid_null(schema);
        if let Some(status) = schema
            .properties
            .as_mut()
            .and_then(|properties| properties.get_mut("status"))
        {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    definition
}

fn forbid_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(words) = &mut schema.enum_ {
        words.retain(|JSON(word)| !word.is_null());
    }
    for property in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        forbid_null(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        forbid_null(items);
    }
}
