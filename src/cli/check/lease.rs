//! Who leads.

use composio_operator::arguments::DEFAULT_LEASE_NAME;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::ListParams;

use super::{Found, deployments, not_seen};
use crate::cluster::Cluster;
use crate::failure::Right;
use crate::view::ago;

/// Who holds the Leases of the operators that the caller can see. Those of the chart are named as their
/// Deployments are.
pub(super) async fn leader(cluster: &Cluster, namespace: Option<&str>) -> Found {
    let deployments = deployments(cluster, namespace).await.unwrap_or_default();
    let names: Vec<(Option<String>, Option<String>)> = deployments
        .into_iter()
        .map(|deployment| (deployment.metadata.namespace, deployment.metadata.name))
        .collect();
    let right = Right {
        verb: "list",
        group: "coordination.k8s.io",
        resource: "leases",
        namespace,
    };
    let client = cluster.client.clone();
    let api: Api<Lease> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let leases = match api.list(&ListParams::default()).await {
        Ok(leases) => leases.items,
        Err(error) => return not_seen(&error, right),
    };
    let now = Timestamp::now();
    let ours = leases.iter().filter(|lease| {
        let metadata = &lease.metadata;
        let place = (metadata.namespace.clone(), metadata.name.clone());
        metadata.name.as_deref() == Some(DEFAULT_LEASE_NAME) || names.contains(&place)
    });
    let leaders: Vec<(bool, String)> = ours.map(|lease| held(lease, now)).collect();
    let words = leaders.iter().map(|(_, words)| words.as_str());
    let words = words.collect::<Vec<_>>().join("; ");
    match leaders.iter().all(|(is_held, _)| *is_held) {
        _ if leaders.is_empty() => {
            Found::Failed("nobody leads: there is no Lease of an operator".to_owned())
        }
        true => Found::Ok(words),
        false => Found::Failed(words),
    }
}

/// Whether somebody holds the Lease, and in words.
fn held(lease: &Lease, now: Timestamp) -> (bool, String) {
    let metadata = &lease.metadata;
    let place = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref());
    let Some(holder) = holder.filter(|holder| !holder.is_empty()) else {
        return (false, format!("{place}: nobody leads"));
    };
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref());
    let seconds = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or_default();
    let lasts = SignedDuration::from_secs(i64::from(seconds));
    match renewed.map(|time| time.0) {
        Some(renewed) if now.duration_since(renewed) <= lasts => {
            (true, format!("{place}: {holder} leads"))
        }
        Some(renewed) => (
            false,
            format!(
                "{place}: {holder} led, and last said so {} ago",
                ago(renewed, now)
            ),
        ),
        None => (
            false,
            format!("{place}: {holder} has never said that it leads"),
        ),
    }
}
