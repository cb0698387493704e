//! What the operator writes on a project: the finalizer while accounts are in it, and the status.

use futures::TryStreamExt;
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Declared, Entry, ProjectKey, Shared, declared::api_resource};
use crate::{
    crd::{PROJECT_FINALIZER, ProjectKind, ProjectStatus},
    kubernetes,
    store::{PackedObject, Summary},
};

/// So many objects are named that keep a project.
const NAMED: usize = 3;

/// What was done about the finalizer of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// It was written: the watch brings the project anew.
    Written,
    /// Nothing was to be written.
    Unchanged,
    /// The project goes, and an object needs it that refers to another one: its pin names this one.
    Pinned,
}

/// Puts the finalizer on a project that objects refer to, and takes it off one that goes and that none needs. Whether
/// one does is asked of the apiserver, unless `is_pinned` says that it was so a moment ago.
pub(super) async fn mark(
    shared: &Shared,
    entry: &Entry,
    declared: &Declared,
    is_pinned: bool,
) -> Result<Marked, kube::Error> {
    let finalizers = match (declared.is_deleting, declared.has_finalizer()) {
        (false, false) if !entry.objects().is_empty() => {
            let all = declared.finalizers.iter().cloned();
            all.chain([PROJECT_FINALIZER.to_owned()]).collect()
        }
        (true, true) if users(entry).is_empty() => {
            if is_pinned || is_needed(shared, declared).await? {
                return Ok(Marked::Pinned);
            }
            let others = declared.finalizers.iter();
            let others = others.filter(|one| *one != PROJECT_FINALIZER);
            others.cloned().collect::<Vec<_>>()
        }
        (false | true, false | true) => return Ok(Marked::Unchanged),
    };
    let patch = json!({"metadata": {
        "uid": declared.uid,
        "resourceVersion": declared.resource_version,
        "finalizers": finalizers,
    }});
    let api = api(&shared.parts.client, &declared.key);
    let params = PatchParams::default();
    api.patch(declared.key.name(), &params, &Patch::Merge(patch))
        .await?;
    Ok(Marked::Written)
}

/// Writes the status.
pub(super) async fn status(
    client: &Client,
    declared: &Declared,
    status: &ProjectStatus,
) -> Result<(), kube::Error> {
    let mut object = DynamicObject::new(declared.key.name(), &api_resource(declared.key.kind()));
    // An apiserver before 1.36 takes a label that is not said again off whoever owns it.
    object.metadata = declared.metadata.clone();
    object.data = json!({"status": status});
    let params = PostParams::default();
    api(client, &declared.key)
        .replace_status(declared.key.name(), &params, &object)
        .await?;
    Ok(())
}

/// What keeps a project that is being deleted, in words; `None`: it is not, or nothing does. A cluster project names
/// none of the objects: they are other people's.
pub(super) fn in_use(entry: &Entry, declared: &Declared) -> Option<String> {
    if !declared.is_deleting {
        return None;
    }
    let users = users(entry);
    let count = users.len();
    let some = match declared.key.kind() {
        ProjectKind::ClusterComposioProject => String::new(),
        ProjectKind::ComposioProject => {
            let mut names: Vec<String> = users.into_iter().take(NAMED).collect();
            if count > NAMED {
                names.push("…".to_owned());
            }
            format!(": {}", names.join(", "))
        }
    };
    match count {
        0 => None,
        1 => Some(format!("1 ConnectedAccount keeps it{some}")),
        _ => Some(format!("{count} ConnectedAccounts keep it{some}")),
    }
}

/// The names of the objects that have, or may have, an account in the project, by what the watch has brought.
fn users(entry: &Entry) -> Vec<String> {
    let all = entry.objects().all().filter(|one| one.is_marked);
    let mut names: Vec<_> = all.map(|one| one.name.to_string()).collect();
    names.sort();
    names
}

/// Whether an object needs the project, as the apiserver tells now: one that refers to it, or whose pin does.
async fn is_needed(shared: &Shared, declared: &Declared) -> Result<bool, kube::Error> {
    let client = shared.parts.client.clone();
    let objects: Api<PackedObject> = match declared.key.namespace() {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut objects = kubernetes::all(objects);
    while let Some(object) = objects.try_next().await? {
        if needs(object.summary(), &declared.key) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn needs(object: &Summary, project: &ProjectKey) -> bool {
    let pinned = object.pin_project();
    object.is_marked
        && (object.project() == *project || pinned == Some(project.reference().to_string()))
}

fn api(client: &Client, key: &ProjectKey) -> Api<DynamicObject> {
    let resource = api_resource(key.kind());
    match key.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}
