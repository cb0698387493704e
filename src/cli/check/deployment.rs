//! What a Deployment of the chart tells of its operator: as whom it runs, where it works, and how it elects a leader.

use composio_operator::arguments::DEFAULT_LEASE_NAME;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::PodSpec;

/// The flag that names the namespaces.
const WATCH: &str = "--watch-namespace=";
const LEASE_NAME: &str = "--lease-name=";
const LEASE_NAMESPACE: &str = "--lease-namespace=";
const NO_ELECTION: &str = "--leader-elect=false";

/// `namespace/name`.
pub(super) fn place(deployment: &Deployment) -> String {
    let metadata = &deployment.metadata;
    format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    )
}

/// The service account as the apiserver calls it.
pub(super) fn user(deployment: &Deployment) -> String {
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    let account = pod(deployment).and_then(|pod| pod.service_account_name.as_deref());
    format!(
        "system:serviceaccount:{namespace}:{}",
        account.unwrap_or("default")
    )
}

/// The namespaces that it is to watch; empty: all.
pub(super) fn watched(deployment: &Deployment) -> Vec<String> {
    let named = arguments(deployment).filter_map(|argument| argument.strip_prefix(WATCH));
    named
        .flat_map(|names| names.split(','))
        .filter(|name| crate::name::namespace(name).is_ok())
        .map(str::to_owned)
        .collect()
}

/// Namespace and name of the Lease by which its replicas elect a leader; `None`: they do not.
pub(super) fn lease(deployment: &Deployment) -> Option<(String, String)> {
    if arguments(deployment).any(|argument| argument == NO_ELECTION) {
        return None;
    }
    let of = |flag: &str| {
        let mut values = arguments(deployment).filter_map(|argument| argument.strip_prefix(flag));
        values.next().map(str::to_owned)
    };
    let own = deployment.metadata.namespace.clone();
    Some((
        of(LEASE_NAMESPACE).or(own).unwrap_or_default(),
        of(LEASE_NAME).unwrap_or_else(|| DEFAULT_LEASE_NAME.to_owned()),
    ))
}

fn pod(deployment: &Deployment) -> Option<&PodSpec> {
    deployment.spec.as_ref()?.template.spec.as_ref()
}

fn arguments(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let containers = pod(deployment).map(|pod| pod.containers.as_slice());
    let arguments = containers
        .unwrap_or_default()
        .iter()
        .flat_map(|one| one.args.iter().flatten());
    arguments.map(String::as_str)
}
