//! The projects as they are declared, by a watch of each kind in each place, and the labels of namespaces, by which
//! a ClusterComposioProject says whose objects may refer to it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::SetOnce;
use tracing::{error, warn};

use super::{AnyProject, Declared, ProjectKey};
use crate::{
    crd::{ClusterComposioProject, ComposioProject},
    kubernetes::{self, refusal},
    log::cause,
    store::NamespaceChange,
};

/// What is known of the projects of one place, or of one kind in all places.
pub(crate) enum Change {
    /// One is there, or is another than before.
    Declared(Box<Declared>),
    /// It is gone.
    Gone(ProjectKey),
    /// Namespaces have other labels than before.
    Namespaces(NamespaceChange),
    /// Those are all that there are: a list has come to its end, or is refused.
    Synced,
    /// They cannot be watched.
    Failed(String),
}

/// All changes of projects, for ever. `known` is set once each watch has brought its first list, or is refused:
/// what is in a place that the operator may not see it does not serve.
pub(super) fn changes(
    client: &Client,
    namespaces: &[String],
    known: Arc<SetOnce<()>>,
) -> impl Stream<Item = Change> + Send + use<> {
    let mut watches = Vec::new();
    if namespaces.is_empty() {
        watches.push(
            watch(Api::<DeserializeGuard<ComposioProject>>::all(
                client.clone(),
            ))
            .boxed(),
        );
        watches.push(
            watch(Api::<DeserializeGuard<ClusterComposioProject>>::all(
                client.clone(),
            ))
            .boxed(),
        );
        watches.push(watch_namespaces(Api::all(client.clone())).boxed());
    }
    for namespace in namespaces {
        let api = Api::<DeserializeGuard<ComposioProject>>::namespaced(client.clone(), namespace);
        watches.push(watch(api).boxed());
    }
    let mut awaited: BTreeSet<usize> = (0..watches.len()).collect();
    let watches = watches.into_iter().enumerate();
    stream::select_all(watches.map(|(n, watch)| watch.map(move |change| (n, change)).boxed())).map(
        move |(n, change)| {
            if matches!(change, Change::Synced) {
                awaited.remove(&n);
            }
            if awaited.is_empty() {
                let _ = known.set(());
            }
            change
        },
    )
}

/// The changes of one watch. What a list does not show any more is gone.
fn watch<K>(api: Api<DeserializeGuard<K>>) -> impl Stream<Item = Change> + Send
where
    K: AnyProject + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    let mut known = BTreeSet::<ProjectKey>::new();
    let mut listed = BTreeSet::<ProjectKey>::new();
    kubernetes::watch(api)
        .default_backoff()
        .flat_map(move |event| {
            let mut changes = Vec::new();
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    let Some(declared) = readable(object) else {
                        return stream::iter(changes);
                    };
                    listed.insert(declared.key.clone());
                    known.insert(declared.key.clone());
                    changes.push(Change::Declared(Box::new(declared)));
                }
                Ok(Event::InitDone) => {
                    let gone = known.difference(&listed).cloned();
                    changes.extend(gone.map(Change::Gone));
                    known = std::mem::take(&mut listed);
                    changes.push(Change::Synced);
                }
                Ok(Event::Apply(object)) => {
                    let Some(declared) = readable(object) else {
                        return stream::iter(changes);
                    };
                    known.insert(declared.key.clone());
                    changes.push(Change::Declared(Box::new(declared)));
                }
                Ok(Event::Delete(object)) => {
                    let key = ProjectKey::of(K::KIND, &object);
                    known.remove(&key);
                    changes.push(Change::Gone(key));
                }
                Err(error) => changes.extend(failed("projects", &error)),
            }
            stream::iter(changes)
        })
}

/// The project, if it can be read. One that cannot is as it was before, or not there, and holds up no other.
fn readable<K: AnyProject>(object: DeserializeGuard<K>) -> Option<Declared> {
    match object.0 {
        Ok(object) => Some(object.declared()),
        Err(invalid) => {
            let namespace = invalid.metadata.namespace.unwrap_or_default();
            let name = invalid.metadata.name.unwrap_or_default();
            error!(kind = %K::KIND, %namespace, %name, "cannot be read, and is left alone until it can be");
            None
        }
    }
}

/// The labels of all namespaces.
fn watch_namespaces(api: Api<PartialObjectMeta<Namespace>>) -> impl Stream<Item = Change> + Send {
    let name_and_labels = |object: PartialObjectMeta<Namespace>| {
        let labels = object.meta().labels.clone().unwrap_or_default();
        (object.name_any(), labels)
    };
    let mut listed = HashMap::new();
    kubernetes::watch(api)
        .default_backoff()
        .flat_map(move |event| {
            let changes = match event {
                Ok(Event::Init) => {
                    listed.clear();
                    Vec::new()
                }
                Ok(Event::InitApply(object)) => {
                    listed.extend([name_and_labels(object)]);
                    Vec::new()
                }
                Ok(Event::InitDone) => {
                    let all = NamespaceChange::All(std::mem::take(&mut listed));
                    vec![Change::Namespaces(all), Change::Synced]
                }
                Ok(Event::Apply(object)) => {
                    let (name, labels) = name_and_labels(object);
                    let change = NamespaceChange::One(name, Some(labels));
                    vec![Change::Namespaces(change)]
                }
                Ok(Event::Delete(object)) => {
                    let change = NamespaceChange::One(object.name_any(), None);
                    vec![Change::Namespaces(change)]
                }
                Err(error) => {
                    let mut changes = failed("namespaces", &error);
                    if refusal(&error).is_some() {
                        changes.insert(0, Change::Namespaces(NamespaceChange::Refused));
                    }
                    changes
                }
            };
            stream::iter(changes)
        })
}

/// What is told of a watch that fails.
fn failed(what: &str, error: &watcher::Error) -> Vec<Change> {
    let why = cause(error);
    warn!("{what} cannot be watched now: {why}");
    let failed = Change::Failed(why);
    match refusal(error) {
        Some(_) => vec![Change::Synced, failed],
        None => vec![failed],
    }
}
