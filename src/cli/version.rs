//! `kubectl composio version`.

use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use crate::arguments::{Options, Version};
use crate::check::{Operators, place, version_of};
use crate::cluster::Cluster;
use crate::failure::{Failure, NO_DEFINITION, Right, of};
use crate::print::Out;
use crate::text;

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
        let version = text::plain(&version);
        versions["kubernetes"] = json!(version);
        lines.push_str(&format!("Kubernetes {version}\n"));
        let operators = Operators::of(&cluster, arguments.operator_namespace.as_deref()).await;
        // As far as the caller may see them.
        let deployments = operators.deployments.as_deref().unwrap_or_default();
        let running: Vec<(&str, String)> = deployments
            .iter()
            .filter_map(|one| Some((version_of(one)?, place(one))))
            .collect();
        let numbers: Vec<&str> = running.iter().map(|(version, _)| *version).collect();
        versions["operators"] = json!(numbers);
        for (version, place) in running {
            let version = text::plain(version);
            lines.push_str(&format!("composio-operator {version} ({place})\n"));
        }
        if let Some(note) = operators.note() {
            out.note(&text::plain(&note));
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

async fn is_installed(cluster: &Cluster) -> bool {
    let api: Api<kube::api::DynamicObject> = cluster.accounts(Some(&cluster.namespace));
    let asked = api.list(&ListParams::default().limit(1)).await;
    !matches!(asked, Err(kube::Error::Api(status)) if status.code == 404)
}
