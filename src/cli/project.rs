//! Which project is meant: the one that is named, or the only one that the caller can see.

use std::sync::Arc;

use composio_api::{ClusterComposioProject, ComposioProject, ProjectKind, ProjectRef};
use composio_operator::plan::{Flags, Labels, Policy};
use composio_operator::projects::{AnyProject, Declared, ProjectKey, list_projects};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use crate::cluster::Cluster;
use crate::failure::{self, Failure, Right};
use crate::name;

/// The project of that name, or the only one.
pub(crate) async fn chosen(
    cluster: &Cluster,
    named: Option<&ProjectRef>,
) -> Result<Declared, Failure> {
    match named {
        Some(reference) => get(cluster, reference, &cluster.namespace).await,
        None => only(cluster).await,
    }
}

/// What was found of a project.
pub(crate) enum Found {
    /// It is there.
    Project(Box<Declared>),
    /// It is not.
    Nothing,
    /// The caller may not read it.
    Forbidden,
}

/// The project, as far as the caller may read it.
pub(crate) async fn find(cluster: &Cluster, key: &ProjectKey) -> Result<Found, Failure> {
    match read(cluster, key).await {
        Ok(project) => Ok(Found::Project(Box::new(project))),
        Err(error) if is_not_there(&error) => Ok(Found::Nothing),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(Found::Forbidden),
        Err(error) => Err(not_read(error, key)),
    }
}

async fn read(cluster: &Cluster, key: &ProjectKey) -> Result<Declared, kube::Error> {
    let client = cluster.client.clone();
    let namespace = key.namespace().unwrap_or_default();
    match key.kind() {
        ProjectKind::ComposioProject => {
            let api = Api::<ComposioProject>::namespaced(client, namespace);
            api.get(key.name()).await.map(AnyProject::declared)
        }
        ProjectKind::ClusterComposioProject => {
            let api = Api::<ClusterComposioProject>::all(client);
            api.get(key.name()).await.map(AnyProject::declared)
        }
    }
}

fn is_not_there(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 && status.details.is_some())
}

fn not_read(error: kube::Error, key: &ProjectKey) -> Failure {
    let namespace = key.namespace().unwrap_or_default();
    failure::of(error, right("get", key.kind(), namespace))
}

async fn get(
    cluster: &Cluster,
    reference: &ProjectRef,
    namespace: &str,
) -> Result<Declared, Failure> {
    let key = ProjectKey::referred(reference, namespace);
    let name = &reference.name;
    match read(cluster, &key).await {
        Ok(project) => return Ok(project),
        Err(error) if is_not_there(&error) => {}
        Err(error) => return Err(not_read(error, &key)),
    }
    let mut message = format!("there is no project {key}");
    // Who may not list them is told no more.
    let others = list(cluster, reference.kind, namespace).await;
    let others = others.unwrap_or_default();
    let others = others.iter().map(|other| other.key.name());
    if let Some(near) = name::nearest(name, others) {
        message.push_str(&format!("; do you mean {near}?"));
    }
    Err(Failure::Failed(message))
}

async fn only(cluster: &Cluster) -> Result<Declared, Failure> {
    let namespace = &cluster.namespace;
    let mut all = list(cluster, ProjectKind::ComposioProject, namespace).await?;
    let kind = ProjectKind::ClusterComposioProject;
    match try_list(cluster, kind, namespace).await {
        Ok(shared) => all.extend(shared),
        // Those of the cluster are not for everybody to see.
        Err(error) if failure::is_forbidden(&error) => {}
        Err(error) => return Err(failure::of(error, right("list", kind, namespace))),
    }
    match all.as_slice() {
        [] => Err(Failure::Failed(format!(
            "there is no ComposioProject in namespace {namespace}, and no ClusterComposioProject that you can see"
        ))),
        [_] => Ok(all.swap_remove(0)),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|project| project.key.reference().to_string())
                .collect();
            Err(Failure::Usage(format!(
                "there are several projects: name one by --project, {}",
                names.join(" or ")
            )))
        }
    }
}

/// The projects of that kind: those of the namespace, or of the cluster.
pub(crate) async fn list(
    cluster: &Cluster,
    kind: ProjectKind,
    namespace: &str,
) -> Result<Vec<Declared>, Failure> {
    let listed = try_list(cluster, kind, namespace).await;
    listed.map_err(|error| failure::of(error, right("list", kind, namespace)))
}

async fn try_list(
    cluster: &Cluster,
    kind: ProjectKind,
    namespace: &str,
) -> Result<Vec<Declared>, kube::Error> {
    let client = cluster.client.clone();
    match kind {
        ProjectKind::ComposioProject => {
            list_projects(Api::<ComposioProject>::namespaced(client, namespace)).await
        }
        ProjectKind::ClusterComposioProject => {
            list_projects(Api::<ClusterComposioProject>::all(client)).await
        }
    }
}

fn right<'a>(verb: &'static str, kind: ProjectKind, namespace: &'a str) -> Right<'a> {
    let (resource, namespace) = match kind {
        ProjectKind::ComposioProject => ("composioprojects", Some(namespace)),
        ProjectKind::ClusterComposioProject => ("clustercomposioprojects", None),
    };
    Right {
        verb,
        group: "composio.dev",
        resource,
        namespace,
    }
}

const GET_NAMESPACE: Right<'static> = Right {
    verb: "get",
    group: "",
    resource: "namespaces",
    namespace: None,
};

/// The labels of a namespace, where the project's policy may go by them. `None`: the caller may not read them.
pub(crate) async fn labels_of(
    cluster: &Cluster,
    project: &Declared,
    namespace: &str,
) -> Result<Option<Arc<Labels>>, Failure> {
    match project.key.kind() {
        ProjectKind::ComposioProject => Ok(Some(Arc::default())),
        ProjectKind::ClusterComposioProject => {
            let api: Api<Namespace> = Api::all(cluster.client.clone());
            match api.get_opt(namespace).await {
                Ok(found) => {
                    Ok(found.map(|found| Arc::new(found.metadata.labels.unwrap_or_default())))
                }
                Err(error) if failure::is_forbidden(&error) => Ok(None),
                Err(error) => Err(failure::of(error, GET_NAMESPACE)),
            }
        }
    }
}

/// What decisions depend on of a project: the operator's own flags are taken to be as it is shipped.
pub(crate) fn flags(project: &Declared) -> Flags {
    let policy = Policy::new(project.key.kind(), project.spec.allow.as_deref());
    Flags {
        project: project.key.reference().to_string(),
        alias_prefix: project.spec.alias_prefix.clone(),
        policy: Some(Arc::new(policy)),
        ..Flags::default()
    }
}
