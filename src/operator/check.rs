//! `composio-operator check`: whether the cluster and Composio are as the operator needs them.
//!
//! It looks and changes nothing: what it tries is a dry run. It runs as the operator runs, with its service account, its key and its
//! way to Composio: what it finds is what the operator would find.

use std::io::{self, Write};

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
    core::PartialObjectMeta,
};

use crate::{
    crd::ConnectedAccount, kubernetes::CRD_NOT_INSTALLED, lease::SCOPES, log::cause,
    projects::ProjectKey,
};

pub mod marks;
mod projects;
pub use projects::ProjectAccess;

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is wrong was written already.
    #[error("{0} of the checks failed")]
    Failed(usize),
    /// Nobody reads what is found.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Group, resource, verbs.
type Right = (&'static str, &'static str, &'static [&'static str]);

/// Some rights, and the name of the only object that they are for.
type Rights<'a> = (&'a [Right], Option<&'a str>);

/// What the operator does where it is to work. A test holds it to the chart's rules.
const RIGHTS: [Right; 7] = [
    (
        "composio.dev",
        "connectedaccounts",
        &["get", "list", "watch", "patch"],
    ),
    ("composio.dev", "connectedaccounts/status", &["update"]),
    (
        "composio.dev",
        "connectrequests",
        &["list", "watch", "patch", "delete"],
    ),
    (
        "composio.dev",
        "composioprojects",
        &["list", "watch", "patch"],
    ),
    ("composio.dev", "composioprojects/status", &["update"]),
    ("", "secrets", &["get"]),
    ("events.k8s.io", "events", &["create", "patch"]),
];

/// What it does besides, where it works in all namespaces.
const CLUSTER_RIGHTS: [Right; 3] = [
    (
        "composio.dev",
        "clustercomposioprojects",
        &["list", "watch", "patch"],
    ),
    (
        "composio.dev",
        "clustercomposioprojects/status",
        &["update"],
    ),
    ("", "namespaces", &["list", "watch"]),
];

/// What it does with the Lease of its release.
const LEASE_RIGHTS: [Right; 1] = [(
    "coordination.k8s.io",
    "leases",
    &["get", "list", "watch", "update"],
)];

/// What it does with the Lease in which all releases claim their namespaces.
const SCOPES_RIGHTS: [Right; 1] = [("coordination.k8s.io", "leases", &["get", "update"])];

/// What it does before there are such Leases. No rule can say by what name something is made.
const CREATE_RIGHTS: [Right; 1] = [("coordination.k8s.io", "leases", &["create"])];

/// Looks at everything, and writes a line for each thing. No namespaces: all of them. The right to elect a
/// leader is looked at for the Lease in that namespace and of that name.
///
/// # Errors
/// When something is not as the operator needs it. The lines say what, and what to do.
pub async fn run(
    kubernetes: Client,
    access: &ProjectAccess,
    namespaces: &[String],
    lease: Option<(&str, &str)>,
    out: &mut impl Write,
) -> Result<(), Error> {
    let scopes: Vec<Option<&str>> = match namespaces {
        [] => vec![None],
        some => some
            .iter()
            .map(|namespace| Some(namespace.as_str()))
            .collect(),
    };
    let mut failed = 0;
    let mut tell = |what: &str, found: Result<String, String>| {
        let (mark, text) = match found {
            Ok(text) => ("ok    ", text),
            Err(text) => {
                failed += 1;
                ("FAILED", text)
            }
        };
        writeln!(out, "{mark} {what}: {text}")
    };
    tell("apiserver", apiserver(&kubernetes).await)?;
    for scope in scopes.iter().copied() {
        let place = scope.map_or("all namespaces".to_owned(), |scope| {
            format!("namespace {scope}")
        });
        tell(
            &format!("definition, {place}"),
            definition(&kubernetes, scope).await,
        )?;
        tell(
            &format!("permissions, {place}"),
            permissions(&kubernetes, scope, rights_in(scope)).await,
        )?;
        tell(
            &format!("marks, {place}"),
            marks::of_operator(&kubernetes, scope).await,
        )?;
    }
    if let Some((namespace, lease)) = lease {
        let rights: [Rights<'_>; 3] = [
            (&LEASE_RIGHTS, Some(lease)),
            (&SCOPES_RIGHTS, Some(SCOPES)),
            (&CREATE_RIGHTS, None),
        ];
        tell(
            &format!("leader election, namespace {namespace}"),
            permissions(&kubernetes, Some(namespace), &rights).await,
        )?;
    }
    let mut looked_at = 0;
    for scope in scopes {
        match projects::all(&kubernetes, scope).await {
            Ok(all) if all.is_empty() => {
                let place = scope.map_or(String::new(), |scope| format!(" in namespace {scope}"));
                tell("projects", Ok(format!("there is none{place} yet")))?;
            }
            Ok(all) => {
                let is_meant =
                    |key: &ProjectKey| access.only.as_ref().is_none_or(|only| only == key);
                for declared in all.into_iter().filter(|one| is_meant(&one.key)) {
                    looked_at += 1;
                    let found = projects::project(&kubernetes, access, &declared).await;
                    tell(&declared.key.to_string(), found)?;
                }
            }
            Err(why) => tell("projects", Err(why))?,
        }
    }
    if let Some(only) = &access.only
        && looked_at == 0
    {
        tell(&only.to_string(), Err("it is not there".to_owned()))?;
    }
    match failed {
        0 => Ok(()),
        failed => Err(Error::Failed(failed)),
    }
}

/// What is done in a namespace, or where all are watched.
fn rights_in(scope: Option<&str>) -> &'static [Rights<'static>] {
    match scope {
        Some(_) => &[(&RIGHTS, None)],
        None => &[(&RIGHTS, None), (&CLUSTER_RIGHTS, None)],
    }
}

async fn apiserver(client: &Client) -> Result<String, String> {
    match client.apiserver_version().await {
        Ok(version) => Ok(format!("Kubernetes {} answers", version.git_version)),
        Err(error) => Err(format!("it does not answer: {}", cause(&error))),
    }
}

async fn definition(client: &Client, namespace: Option<&str>) -> Result<String, String> {
    type Meta = PartialObjectMeta<ConnectedAccount>;
    let api: Api<Meta> = match namespace {
        None => Api::all(client.clone()),
        Some(namespace) => Api::namespaced(client.clone(), namespace),
    };
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) => Ok("ConnectedAccounts can be listed".to_owned()),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(CRD_NOT_INSTALLED.to_owned()),
        Err(error) => Err(format!(
            "ConnectedAccounts cannot be listed: {}",
            cause(&error)
        )),
    }
}

async fn permissions(
    client: &Client,
    namespace: Option<&str>,
    rights: &[Rights<'_>],
) -> Result<String, String> {
    let mut lacking = Vec::new();
    for (rights, name) in rights {
        for (group, resource, verbs) in *rights {
            for verb in *verbs {
                let attributes = attributes(namespace, group, resource, verb, *name);
                let may = may(client, attributes).await;
                if !may.map_err(|error| format!("the apiserver does not tell: {error}"))? {
                    let name = name.map_or(String::new(), |name| format!(" {name}"));
                    lacking.push(format!("{verb} {resource}{name}"));
                }
            }
        }
    }
    match lacking.is_empty() {
        true => Ok("all that the operator does is allowed".to_owned()),
        false => Err(format!(
            "the service account may not {}; let the chart make the role (rbac.create)",
            lacking.join(", ")
        )),
    }
}

fn attributes(
    namespace: Option<&str>,
    group: &str,
    resource: &str,
    verb: &str,
    name: Option<&str>,
) -> ResourceAttributes {
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (resource, None),
    };
    ResourceAttributes {
        namespace: namespace.map(str::to_owned),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(verb.to_owned()),
        name: name.map(str::to_owned),
        ..ResourceAttributes::default()
    }
}

/// Whether the caller has that right, as the apiserver tells.
///
/// # Errors
/// When the apiserver does not answer, or does not tell.
pub async fn may(client: &Client, attributes: ResourceAttributes) -> Result<bool, kube::Error> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answer = Api::<SelfSubjectAccessReview>::all(client.clone())
        .create(&PostParams::default(), &review)
        .await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::PolicyRule;

    use super::{
        CLUSTER_RIGHTS, CREATE_RIGHTS, LEASE_RIGHTS, RIGHTS, Right, SCOPES, SCOPES_RIGHTS,
    };

    fn rules(yaml: &str) -> Vec<PolicyRule> {
        serde_saphyr::from_str(yaml).expect("the file is a list of rules")
    }

    fn asked(rights: &[Right]) -> Vec<PolicyRule> {
        let rule = |(group, resource, verbs): &Right| PolicyRule {
            api_groups: Some(vec![(*group).to_owned()]),
            resources: Some(vec![(*resource).to_owned()]),
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            ..PolicyRule::default()
        };
        rights.iter().map(rule).collect()
    }

    #[test]
    fn what_is_asked_for_is_what_the_chart_grants() {
        let granted = rules(include_str!(
            "../../charts/composio-operator/files/rules.yaml"
        ));
        assert_eq!(asked(&RIGHTS), granted);
        let granted = rules(include_str!(
            "../../charts/composio-operator/files/cluster-rules.yaml"
        ));
        assert_eq!(asked(&CLUSTER_RIGHTS), granted);

        let mut granted = rules(include_str!(
            "../../charts/composio-operator/files/lease-rules.yaml"
        ));
        let named: Vec<_> = granted
            .iter_mut()
            .map(|rule| rule.resource_names.take())
            .collect();
        // The chart puts the release's own name in the place of the first.
        let only = |name: &str| Some(vec![name.to_owned()]);
        assert_eq!(named, [only("composio-operator"), only(SCOPES), None]);
        let rights = [LEASE_RIGHTS, SCOPES_RIGHTS, CREATE_RIGHTS].concat();
        assert_eq!(asked(&rights), granted);
    }
}
