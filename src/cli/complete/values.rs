//! What there is in the cluster and the kubeconfig. Nothing, where the caller may not see it.

use composio_api::ProjectKind;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::arguments::Options;
use crate::cluster::Cluster;
use crate::{kubeconfig, project};

/// The names of the objects of the namespace.
pub(super) async fn objects(options: &Options) -> Vec<String> {
    let Ok(cluster) = Cluster::of(options).await else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let listed = cluster.each(Some(&cluster.namespace), None, |object| {
        names.extend(object["metadata"]["name"].as_str().map(str::to_owned));
    });
    // Those of the pages before a failure are names too.
    let _ = listed.await;
    names
}

/// The namespaces.
pub(super) async fn namespaces(options: &Options) -> Vec<String> {
    let Ok(cluster) = Cluster::of(options).await else {
        return Vec::new();
    };
    let api: Api<Namespace> = Api::all(cluster.client);
    let listed = api.list_metadata(&ListParams::default()).await;
    let all = listed.map(|list| list.items).unwrap_or_default();
    all.iter().map(ResourceExt::name_any).collect()
}

/// The projects of the namespace by their names, those of the cluster behind their kind.
pub(super) async fn projects(options: &Options) -> Vec<String> {
    let Ok(cluster) = Cluster::of(options).await else {
        return Vec::new();
    };
    let list = async |kind| {
        let found = project::list(&cluster, kind, &cluster.namespace).await;
        found.unwrap_or_default()
    };
    let own = list(ProjectKind::ComposioProject).await;
    let shared = list(ProjectKind::ClusterComposioProject).await;
    let own = own.iter().map(|project| project.key.name().to_owned());
    let shared = shared
        .iter()
        .map(|project| project.key.reference().to_string());
    own.chain(shared).collect()
}

/// The contexts of the kubeconfig.
pub(super) fn contexts(options: &Options) -> Vec<String> {
    let kubeconfig = kubeconfig::read(options);
    let contexts = kubeconfig.map(|kubeconfig| kubeconfig.contexts);
    let contexts = contexts.unwrap_or_default().into_iter();
    contexts.map(|context| context.name).collect()
}
