//! What the operators of the chart may do, as the apiserver says, and whether the namespaces are there that they are to
//! watch.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{Namespace, PodSpec};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::PostParams;

use super::{Found, deployments, not_seen};
use crate::cluster::Cluster;
use crate::failure::Right;

/// What the chart lets the operator do where it is to work.
const RULES: &str = include_str!("../../../charts/composio-operator/files/rules.yaml");
/// And besides where that is all namespaces.
const CLUSTER_RULES: &str =
    include_str!("../../../charts/composio-operator/files/cluster-rules.yaml");
/// The flag that names the namespaces.
const WATCH: &str = "--watch-namespace=";
/// So many missing rights are told.
const TOLD: usize = 5;

/// Whether each operator has its rights, in each namespace that it is to watch.
pub(super) async fn operator_rights(cluster: &Cluster, namespace: Option<&str>) -> Found {
    let deployments = deployments(cluster, namespace).await.unwrap_or_default();
    if deployments.is_empty() {
        return Found::Unknown("no Deployment with the chart's labels is seen".to_owned());
    }
    let mut wrong = Vec::new();
    for deployment in &deployments {
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
            match lacking(cluster, &user(deployment), scope).await {
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

fn pod(deployment: &Deployment) -> Option<&PodSpec> {
    deployment.spec.as_ref()?.template.spec.as_ref()
}

/// The service account as the apiserver calls it.
fn user(deployment: &Deployment) -> String {
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    let account = pod(deployment).and_then(|pod| pod.service_account_name.as_deref());
    format!(
        "system:serviceaccount:{namespace}:{}",
        account.unwrap_or("default")
    )
}

fn watched(deployment: &Deployment) -> Vec<String> {
    let containers = pod(deployment).map(|pod| pod.containers.as_slice());
    let arguments = containers
        .unwrap_or_default()
        .iter()
        .flat_map(|one| one.args.iter().flatten());
    let named = arguments.filter_map(|argument| argument.strip_prefix(WATCH));
    named
        .flat_map(|names| names.split(','))
        .filter(|name| crate::name::namespace(name).is_ok())
        .map(str::to_owned)
        .collect()
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

async fn lacking(cluster: &Cluster, user: &str, scope: Option<&str>) -> Result<Vec<String>, Found> {
    let api: Api<SubjectAccessReview> = Api::all(cluster.client.clone());
    let right = Right {
        verb: "create",
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
        namespace: None,
    };
    let mut lacking = Vec::new();
    for (group, resource, verb) in rights(scope.is_some()) {
        let words = format!("{verb} {resource}");
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource.to_owned(), Some(subresource.to_owned())),
            None => (resource, None),
        };
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.to_owned()),
                resource_attributes: Some(ResourceAttributes {
                    namespace: scope.map(str::to_owned),
                    group: Some(group),
                    resource: Some(resource),
                    subresource,
                    verb: Some(verb),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let answer = api.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(|error| not_seen(&error, right))?;
        if !answer.status.is_some_and(|status| status.allowed) {
            let place = scope.map_or("all namespaces".to_owned(), |one| {
                format!("namespace {one}")
            });
            lacking.push(format!("{user} may not {words} in {place}"));
        }
    }
    Ok(lacking)
}

/// Group, resource and verb of each.
fn rights(is_scoped: bool) -> Vec<(String, String, String)> {
    let files: &[&str] = match is_scoped {
        true => &[RULES],
        false => &[RULES, CLUSTER_RULES],
    };
    let mut rights = Vec::new();
    for file in files {
        let rules: Vec<PolicyRule> = serde_saphyr::from_str(file).unwrap_or_default();
        for rule in rules {
            let groups = rule.api_groups.unwrap_or_default();
            for group in groups {
                for resource in rule.resources.iter().flatten() {
                    let verbs = rule.verbs.iter();
                    rights
                        .extend(verbs.map(|verb| (group.clone(), resource.clone(), verb.clone())));
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
            rights.iter().any(|(_, found, _)| found == resource)
        };
        assert!(has(true, "connectedaccounts/status") && has(true, "secrets"));
        assert!(!has(true, "clustercomposioprojects") && has(false, "clustercomposioprojects"));
    }
}
