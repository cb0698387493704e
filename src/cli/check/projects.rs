//! The projects that the caller can see, as the operator has told of them last. No key is read.

use composio_api::{ProjectKind, condition};
use composio_operator::projects::Declared;

use super::Found;
use crate::cluster::Cluster;
use crate::project;

/// Where it is told that one user may be granted to several namespaces.
const USERS_OVERLAP: &str = "UsersOverlap";
/// What no policy can do anything about.
const KEY_HOLDERS: &str =
    "what it allows divides those who write objects; whoever holds its API key is above it";

/// How the projects of the namespace and of the cluster are.
pub(super) async fn projects(cluster: &Cluster) -> Found {
    let namespace = &cluster.namespace;
    let mut all = match project::list(cluster, ProjectKind::ComposioProject, namespace).await {
        Ok(projects) => projects,
        Err(why) => return Found::Unknown(why.to_string()),
    };
    // Those of the cluster are not for everybody to see.
    let shared = project::list(cluster, ProjectKind::ClusterComposioProject, namespace).await;
    all.extend(shared.unwrap_or_default());
    let (failed, told): (Vec<bool>, Vec<String>) = all.iter().map(one).unzip();
    let words = told.join("; ");
    match (all.is_empty(), failed.contains(&true)) {
        (true, _) => Found::Unknown(format!(
            "there is none in namespace {namespace}, and none of the cluster that you can see"
        )),
        (false, true) => Found::Failed(words),
        (false, false) => Found::Ok(words),
    }
}

/// Whether it cannot be used, and in words.
fn one(project: &Declared) -> (bool, String) {
    let name = project.key.reference();
    let ready = project.status.condition(condition::READY);
    let (failed, mut words) = match ready {
        None => (false, format!("{name}: no operator has looked at it yet")),
        Some(ready) if ready.status == "True" => (false, format!("{name}: {}", ready.reason)),
        Some(ready) => (
            ready.status == "False",
            format!("{name}: {}: {}", ready.reason, ready.message),
        ),
    };
    if let Some(overlap) = project.status.condition(USERS_OVERLAP) {
        words.push_str(&format!(" ({USERS_OVERLAP}: {})", overlap.message));
    }
    if project.key.kind() == ProjectKind::ClusterComposioProject {
        words.push_str(&format!(" ({KEY_HOLDERS})"));
    }
    (failed, words)
}
