//! What the commands of this program do, each in the caller's name.

use k8s_openapi::api::authorization::v1::ResourceAttributes;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::{Found, not_seen};
use crate::cluster::Cluster;
use crate::failure::Right;

/// Commands that do not go by without it.
const DAILY: &str = "";
const ASKS: &str = "connect asks by annotation, which needs patch connectedaccounts";
const TAKES_BACK: &str = "connect leaves a request that nobody waits for to the operator";
const LOOKS: &str =
    "import, inventory and webhook register fail, and explain and diff go by the status";
const KEEPS: &str = "webhook register fails";
const OF_CLUSTER: &str = "projects of the cluster are not seen";

/// Verb, group, resource, whether it is in a namespace, and what comes of it where it is lacking.
type Need = (&'static str, &'static str, &'static str, bool, &'static str);

const NEEDS: [Need; 13] = [
    ("get", "composio.dev", "connectedaccounts", true, DAILY),
    ("list", "composio.dev", "connectedaccounts", true, DAILY),
    ("watch", "composio.dev", "connectedaccounts", true, DAILY),
    ("patch", "composio.dev", "connectedaccounts", true, DAILY),
    ("create", "composio.dev", "connectedaccounts", true, DAILY),
    ("list", "", "events", true, DAILY),
    ("create", "composio.dev", "connectrequests", true, ASKS),
    (
        "delete",
        "composio.dev",
        "connectrequests",
        true,
        TAKES_BACK,
    ),
    ("get", "composio.dev", "composioprojects", true, LOOKS),
    ("list", "composio.dev", "composioprojects", true, LOOKS),
    ("get", "", "secrets", true, LOOKS),
    ("create", "", "secrets", true, KEEPS),
    (
        "get",
        "composio.dev",
        "clustercomposioprojects",
        false,
        OF_CLUSTER,
    ),
];

/// Whether the caller has the rights of the daily commands, and what comes of those that are lacking besides.
pub(super) async fn own_rights(cluster: &Cluster) -> Found {
    let place = &cluster.namespace;
    // Rights are granted ahead too, and the apiserver answers of any name. Who may not see it is told nothing of it.
    let there = Api::<Namespace>::all(cluster.client.clone());
    if let Ok(None) = there.get_opt(place).await {
        return Found::Failed(format!("there is no namespace {place}"));
    }
    let mut lacking: Vec<String> = Vec::new();
    let mut besides: Vec<(&str, Vec<String>)> = Vec::new();
    for (verb, group, resource, is_namespaced, comes) in NEEDS {
        let right = Right {
            verb,
            group,
            resource,
            namespace: is_namespaced.then_some(place.as_str()),
        };
        match may(cluster, right).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => return not_seen(&error, right),
        }
        let words = format!("{verb} {resource}");
        match besides.iter_mut().find(|(known, _)| *known == comes) {
            _ if comes == DAILY => lacking.push(words),
            Some((_, rights)) => rights.push(words),
            None => besides.push((comes, vec![words])),
        }
    }
    let besides: String = besides
        .iter()
        .map(|(comes, rights)| format!("; without {} {comes}", rights.join(", ")))
        .collect();
    match (lacking.as_slice(), besides.as_str()) {
        ([], "") => Found::Ok(format!("all that the commands need in namespace {place}")),
        ([], besides) => Found::Ok(format!(
            "all that the daily commands need in namespace {place}{besides}"
        )),
        (some, besides) => Found::Failed(format!(
            "in namespace {place} you may not {}{besides}",
            some.join(", ")
        )),
    }
}

async fn may(cluster: &Cluster, right: Right<'_>) -> Result<bool, kube::Error> {
    let attributes = ResourceAttributes {
        namespace: right.namespace.map(str::to_owned),
        verb: Some(right.verb.to_owned()),
        group: Some(right.group.to_owned()),
        resource: Some(right.resource.to_owned()),
        ..ResourceAttributes::default()
    };
    composio_operator::check::may(&cluster.client, attributes).await
}
