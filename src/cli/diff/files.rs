//! The manifests of a file, as `kubectl apply` takes them.

use std::fs;

use serde_json::Value;

use crate::arguments::Options;
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::{input, name, text};

/// The ConnectedAccounts of those files; what else is in them is not ours.
pub(super) async fn read(files: &[String]) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    for file in files {
        let odd = |why: String| Failure::Usage(format!("{file}: {}", text::plain(&why)));
        let read = match file.as_str() {
            "-" => input::all().await,
            path => fs::read_to_string(path),
        };
        let written = read.map_err(|error| odd(error.to_string()))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&written).map_err(|error| {
            let place = text::without_snippet(&error.to_string()).to_owned();
            odd(format!("no YAML: {place}"))
        })?;
        documents
            .into_iter()
            .for_each(|document| take(document, &mut found));
    }
    for manifest in &found {
        let named = manifest["metadata"]["name"].as_str().unwrap_or_default();
        name::object(named).map_err(|why| Failure::Usage(format!("{named:?}: {why}")))?;
    }
    Ok(found)
}

fn take(document: Value, found: &mut Vec<Value>) {
    let is_ours = document["apiVersion"] == "composio.dev/v1alpha1";
    match document["kind"].as_str() {
        Some("ConnectedAccount") if is_ours => found.push(document),
        Some("List" | "ConnectedAccountList") => {
            let items = document["items"].as_array().into_iter().flatten();
            items.for_each(|item| take(item.clone(), found));
        }
        Some(_) | None => {}
    }
}

/// The namespace of a manifest: its own, which may not be another one than that of the command line.
pub(super) fn namespace(
    manifest: &Value,
    options: &Options,
    cluster: &Cluster,
) -> Result<String, Failure> {
    match (
        manifest["metadata"]["namespace"].as_str(),
        &options.namespace,
    ) {
        (None, _) => Ok(cluster.namespace.clone()),
        (Some(own), Some(given)) if own != given => Err(Failure::Usage(format!(
            "the manifest says namespace {}, and the command line {given}",
            text::plain(own)
        ))),
        (Some(own), _) => name::namespace(own).map_err(Failure::Usage),
    }
}
