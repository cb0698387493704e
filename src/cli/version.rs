//! `kubectl composio version`.

use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use crate::arguments::{Options, Version};
use crate::cluster::Cluster;
use crate::failure::{Failure, NO_DEFINITION, Right, of};
use crate::print::Out;

/// The version of this program, and what the cluster has.
pub(crate) async fn run(
    options: &Options,
    arguments: &Version,
    out: &mut Out,
) -> Result<(), Failure> {
    let client = env!("CARGO_PKG_VERSION");
    let mut versions = json!({"client": client, "api": "composio.dev/v1alpha1"});
    let mut lines = format!("kubectl-composio {client}, for composio.dev/v1alpha1\n");
    if !arguments.client {
        let cluster = Cluster::of(options).await?;
        let right = Right {
            verb: "get",
            group: "",
            resource: "/version",
            namespace: None,
        };
        let version = cluster.client.apiserver_version().await;
        let version = version.map_err(|error| of(error, right))?.git_version;
        let version = crate::text::plain(&version);
        versions["kubernetes"] = json!(version);
        lines.push_str(&format!("Kubernetes {version}\n"));
        let operators = operators(&cluster).await;
        versions["operators"] = json!(operators);
        for operator in operators {
            lines.push_str(&format!(
                "composio-operator {}\n",
                crate::text::plain(&operator)
            ));
        }
        if !is_installed(&cluster).await {
            lines.push_str(&format!("{NO_DEFINITION}\n"));
        }
    }
    match out.value(&versions) {
        Some(written) => written,
        None => out.text(&lines),
    }
}

/// The versions that run, as far as the caller may see them.
async fn operators(cluster: &Cluster) -> Vec<String> {
    let deployments = crate::check::deployments(cluster, None).await;
    let deployments = deployments.unwrap_or_default();
    let versions = deployments.iter().filter_map(crate::check::version_of);
    versions.map(str::to_owned).collect()
}

async fn is_installed(cluster: &Cluster) -> bool {
    let api: Api<kube::api::DynamicObject> = cluster.accounts(Some(&cluster.namespace));
    let asked = api.list(&ListParams::default().limit(1)).await;
    !matches!(asked, Err(kube::Error::Api(status)) if status.code == 404)
}
