//! What the operators of the chart may do, as the apiserver says, and whether the namespaces are there that they are to
//! watch.

use std::fmt;

use composio_operator::arguments::DEFAULT_LEASE_NAME;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::PostParams;

use super::deployment::{lease, user, watched};
use super::{Found, Operators, not_seen};
use crate::cluster::Cluster;
use crate::failure::Right;

/// What the chart lets the operator do where it is to work.
const RULES: &str = include_str!("../../../charts/composio-operator/files/rules.yaml");
/// And besides where that is all namespaces.
const CLUSTER_RULES: &str =
    include_str!("../../../charts/composio-operator/files/cluster-rules.yaml");
/// And in its own namespace, or wherever its Lease is.
const LEASE_RULES: &str = include_str!("../../../charts/composio-operator/files/lease-rules.yaml");
/// So many missing rights are told.
const TOLD: usize = 5;

/// Whether each operator has its rights, in each namespace that it is to watch.
pub(super) async fn operator_rights(cluster: &Cluster, operators: &Operators) -> Found {
    let deployments = operators.deployments.as_deref().unwrap_or_default();
    if deployments.is_empty() {
        return Found::Unknown("no Deployment with the chart's labels is seen".to_owned());
    }
    let mut wrong = Vec::new();
    for deployment in deployments {
        let watched = watched(deployment);
        for namespace in &watched {
            match is_there(cluster, namespace).await {
                Ok(true) => {}
                Ok(false) => wrong.push(format!("namespace {namespace} is not there")),
                Err(found) => return found,
            }
        }
        let scopes: Vec<Option<&str>> = match watched.as_slice() {
            [] => vec![None],
            some => some.iter().map(|one| Some(one.as_str())).collect(),
        };
        for scope in scopes {
            let rights = rights(scope.is_some());
            match lacking(cluster, &user(deployment), scope, &rights).await {
                Ok(lacking) => wrong.extend(lacking),
                Err(found) => return found,
            }
        }
        if let Some((namespace, name)) = lease(deployment) {
            let rights = lease_rights(&name);
            match lacking(cluster, &user(deployment), Some(&namespace), &rights).await {
                Ok(lacking) => wrong.extend(lacking),
                Err(found) => return found,
            }
        }
    }
    let more = wrong.len().saturating_sub(TOLD);
    wrong.truncate(TOLD);
    match wrong.as_slice() {
        [] => Found::Ok("all that it does is allowed, where it is to work".to_owned()),
        some => Found::Failed(match more {
            0 => some.join("; "),
            more => format!("{}; and {more} more", some.join("; ")),
        }),
    }
}

async fn is_there(cluster: &Cluster, namespace: &str) -> Result<bool, Found> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let right = Right {
        verb: "get",
        group: "",
        resource: "namespaces",
        namespace: None,
    };
    let found = api.get_opt(namespace).await;
    found
        .map(|found| found.is_some())
        .map_err(|error| not_seen(&error, right))
}

/// A right of the chart.
struct Granted {
    group: String,
    resource: String,
    /// The only object that it is for.
    name: Option<String>,
    verb: String,
}

impl Granted {
    fn attributes(&self, namespace: Option<&str>) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource.as_str(), None),
        };
        ResourceAttributes {
            namespace: namespace.map(str::to_owned),
            group: Some(self.group.clone()),
            resource: Some(resource.to_owned()),
            subresource,
            name: self.name.clone(),
            verb: Some(self.verb.clone()),
            ..ResourceAttributes::default()
        }
    }
}

/// `update leases/composio-operator`
impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        match &self.name {
            Some(name) => write!(f, "/{name}"),
            None => Ok(()),
        }
    }
}

/// Those of the rights that the user does not have in the namespace; `None`: in all.
async fn lacking(
    cluster: &Cluster,
    user: &str,
    namespace: Option<&str>,
    rights: &[Granted],
) -> Result<Vec<String>, Found> {
    let api: Api<SubjectAccessReview> = Api::all(cluster.client.clone());
    let right = Right {
        verb: "create",
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
        namespace: None,
    };
    let mut lacking = Vec::new();
    for granted in rights {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.to_owned()),
                resource_attributes: Some(granted.attributes(namespace)),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let answer = api.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(|error| not_seen(&error, right))?;
        if !answer.status.is_some_and(|status| status.allowed) {
            let place = namespace.map_or("all namespaces".to_owned(), |one| {
                format!("namespace {one}")
            });
            lacking.push(format!("{user} may not {granted} in {place}"));
        }
    }
    Ok(lacking)
}

/// What the operator needs where it works.
fn rights(is_scoped: bool) -> Vec<Granted> {
    let mut rights = read(RULES);
    if !is_scoped {
        rights.extend(read(CLUSTER_RULES));
    }
    rights
}

/// What it needs to elect a leader by the Lease of that name.
fn lease_rights(lease: &str) -> Vec<Granted> {
    let mut rights = read(LEASE_RULES);
    for granted in &mut rights {
        // The chart puts the name of the release there.
        if granted.name.as_deref() == Some(DEFAULT_LEASE_NAME) {
            granted.name = Some(lease.to_owned());
        }
    }
    rights
}

fn read(file: &str) -> Vec<Granted> {
    let rules: Vec<PolicyRule> = serde_saphyr::from_str(file).unwrap_or_default();
    let mut rights = Vec::new();
    for rule in rules {
        let names: Vec<Option<String>> = match rule.resource_names {
            Some(names) if !names.is_empty() => names.into_iter().map(Some).collect(),
            Some(_) | None => vec![None],
        };
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for name in &names {
                    rights.extend(rule.verbs.iter().map(|verb| Granted {
                        group: group.clone(),
                        resource: resource.clone(),
                        name: name.clone(),
                        verb: verb.clone(),
                    }));
                }
            }
        }
    }
    rights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_chart_are_read() {
        let has = |is_scoped, resource: &str| {
            let rights = rights(is_scoped);
            rights.iter().any(|granted| granted.resource == resource)
        };
        assert!(has(true, "connectedaccounts/status") && has(true, "secrets"));
        assert!(!has(true, "clustercomposioprojects") && has(false, "clustercomposioprojects"));
    }
    #[test]
    fn the_lease_is_that_of_the_release() {
        let named: Vec<String> = lease_rights("acme")
            .iter()
            .map(Granted::to_string)
            .collect();
        for right in [
            "update leases/acme",
            "update leases/scopes.composio.dev",
            "create leases",
        ] {
            assert!(named.iter().any(|one| one == right), "{right}: {named:?}");
        }
    }
}
