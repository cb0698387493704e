//! Which of the Deployments and Leases that look like an operator's are one's. Whoever has a namespace can put both there,
//! with the chart's labels and names: only where a Lease is held by a pod of its Deployment does an operator run.

use std::collections::BTreeSet;

use composio_operator::arguments::DEFAULT_LEASE_NAME;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::ListParams;
use kube::{Api, Client};

use super::{Found, deployment, not_seen};
use crate::cluster::Cluster;
use crate::failure::Right;
use crate::{name, pages};

/// The labels of the operator's Deployment, as the chart sets them.
const OPERATOR: &str =
    "app.kubernetes.io/name=composio-operator,app.kubernetes.io/component=operator";
/// Leases of so many names are looked for.
const NAMES: usize = 20;
/// So many of the others are told.
const TOLD: usize = 3;

/// The operators that the caller can see.
pub(crate) struct Operators {
    /// Their Deployments.
    pub(crate) deployments: Result<Vec<Deployment>, kube::Error>,
    /// The Leases by which they elect a leader.
    pub(super) leases: Result<Vec<Lease>, kube::Error>,
    /// Places of what looks like an operator's, outside of the namespaces where one leads.
    elsewhere: Vec<String>,
    /// Where was looked; `None`: in all namespaces.
    namespace: Option<String>,
}

impl Operators {
    /// Those of the namespace. Where none is named: of all, and where one leads, of its namespace alone.
    pub(crate) async fn of(cluster: &Cluster, namespace: Option<&str>) -> Self {
        let deployments = deployments(&cluster.client, namespace).await;
        let leases = leases(
            &cluster.client,
            namespace,
            deployments.as_deref().unwrap_or_default(),
        )
        .await;
        let mut operators = Self {
            deployments,
            leases,
            elsewhere: Vec::new(),
            namespace: namespace.map(str::to_owned),
        };
        if namespace.is_none() {
            operators.leave_out_others();
        }
        operators
    }

    fn leave_out_others(&mut self) {
        let (Ok(deployments), Ok(leases)) = (&mut self.deployments, &mut self.leases) else {
            return;
        };
        let led: BTreeSet<String> = deployments
            .iter()
            .filter(|one| is_led(one, leases))
            .filter_map(|one| one.metadata.namespace.clone())
            .collect();
        if led.is_empty() {
            return;
        }
        let is_in = |namespace: &Option<String>| {
            let namespace = namespace.as_ref();
            namespace.is_some_and(|namespace| led.contains(namespace))
        };
        let others = deployments.extract_if(.., |one| !is_in(&one.metadata.namespace));
        self.elsewhere = others
            .map(|one| format!("Deployment {}", deployment::place(&one)))
            .collect();
        let used: Vec<(String, String)> =
            deployments.iter().filter_map(deployment::lease).collect();
        let others = leases.extract_if(.., |one| {
            !is_in(&one.metadata.namespace) && !used.contains(&place(one))
        });
        self.elsewhere.extend(others.map(|one| {
            let (namespace, name) = place(&one);
            format!("Lease {namespace}/{name}")
        }));
    }

    /// That, with a word for what looks like an operator's elsewhere.
    pub(super) fn noting(&self, found: Found) -> Found {
        let Some(note) = self.note() else {
            return found;
        };
        match found {
            Found::Ok(words) => Found::Ok(format!("{words}; {note}")),
            Found::Unknown(words) => Found::Unknown(format!("{words}; {note}")),
            Found::Failed(words) => Found::Failed(format!("{words}; {note}")),
        }
    }

    /// What looks like an operator's elsewhere.
    pub(crate) fn note(&self) -> Option<String> {
        let told = self.elsewhere.get(..TOLD).unwrap_or(&self.elsewhere);
        let more = self.elsewhere.len() - told.len();
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let told = told.join(", ");
        (!told.is_empty()).then(|| {
            format!("left out: {told}{more}, of a namespace where no operator leads (--operator-namespace)")
        })
    }

    /// The Deployments, or why they are not seen.
    pub(super) fn seen(&self) -> Result<&[Deployment], Found> {
        let right = Right {
            verb: "list",
            group: "apps",
            resource: "deployments",
            namespace: self.namespace.as_deref(),
        };
        (self.deployments.as_deref()).map_err(|error| not_seen(error, right))
    }

    /// The Leases, or why they are not seen.
    pub(super) fn seen_leases(&self) -> Result<&[Lease], Found> {
        let right = Right {
            verb: "list",
            group: "coordination.k8s.io",
            resource: "leases",
            namespace: self.namespace.as_deref(),
        };
        (self.leases.as_deref()).map_err(|error| not_seen(error, right))
    }
}

/// Namespace and name.
pub(super) fn place(lease: &Lease) -> (String, String) {
    let metadata = &lease.metadata;
    let namespace = metadata.namespace.clone().unwrap_or_default();
    (namespace, metadata.name.clone().unwrap_or_default())
}

/// Whether a pod of it has its Lease, or had it last.
fn is_led(one: &Deployment, leases: &[Lease]) -> bool {
    let Some(of_it) = deployment::lease(one) else {
        return false;
    };
    let pods = format!("{}-", one.metadata.name.as_deref().unwrap_or_default());
    let mut leases = leases.iter().filter(|lease| place(lease) == of_it);
    leases.any(|lease| {
        let holder = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.as_deref());
        holder.is_some_and(|holder| holder.starts_with(&pods))
    })
}

async fn deployments(
    client: &Client,
    namespace: Option<&str>,
) -> Result<Vec<Deployment>, kube::Error> {
    let api: Api<Deployment> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut found = Vec::new();
    let parameters = ListParams::default().labels(OPERATOR);
    pages::each(&api, &parameters, |one| found.push(one)).await?;
    Ok(found)
}

/// Those of the names by which the Deployments elect, and of the name that operators use by themselves: a cluster has
/// thousands of others.
async fn leases(
    client: &Client,
    namespace: Option<&str>,
    deployments: &[Deployment],
) -> Result<Vec<Lease>, kube::Error> {
    let api: Api<Lease> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let named = deployments.iter().filter_map(deployment::lease);
    let mut names: Vec<String> = vec![DEFAULT_LEASE_NAME.to_owned()];
    for (_, named) in named.filter(|(_, named)| name::object(named).is_ok()) {
        if !names.contains(&named) && names.len() < NAMES {
            names.push(named);
        }
    }
    let mut found = Vec::new();
    for name in names {
        let parameters = ListParams::default().fields(&format!("metadata.name={name}"));
        pages::each(&api, &parameters, |one| found.push(one)).await?;
    }
    Ok(found)
}
