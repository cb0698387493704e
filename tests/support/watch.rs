//! Waiting for what objects come to be. The apiserver tells of each change by a watch: a wait costs one
//! request, and sees a change when it happens.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use composio_operator::crd::{ComposioProject, ConnectedAccount};
use futures::StreamExt;
use k8s_openapi::api::events::v1::Event as ClusterEvent;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::wait::PAUSE;

/// What an apiserver writes behind the last of all accounts that are there.
pub(crate) const END_OF_LIST: &str = r#"{"type":"BOOKMARK","object":{"kind":"ConnectedAccount","apiVersion":"composio.dev/v1alpha1","metadata":{"resourceVersion":"1","annotations":{"k8s.io/initial-events-end":"true"}}}}
"#;

/// The accounts of a namespace, as JSON: tests look at what is stored, also where no type reads it.
pub(crate) fn accounts(client: &Client, namespace: &str) -> Api<DynamicObject> {
    untyped::<ConnectedAccount>(client, namespace)
}

/// The projects of a namespace.
pub(crate) fn projects(client: &Client, namespace: &str) -> Api<DynamicObject> {
    untyped::<ComposioProject>(client, namespace)
}

/// The events of a namespace.
pub(crate) fn events(client: &Client, namespace: &str) -> Api<DynamicObject> {
    untyped::<ClusterEvent>(client, namespace)
}

fn untyped<K: Resource<DynamicType = ()>>(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<K>(&()))
}

/// An object as kubectl shows it: without the list of who wrote which field.
pub(crate) fn shown(object: &DynamicObject) -> Value {
    let mut object = serde_json::to_value(object).expect("an object is JSON");
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object
}

/// Shows `probe` the objects that the field selector selects, by name, whenever one of them has changed, until
/// it answers `Ok`. The error says what it answered last before the deadline.
pub(crate) async fn find<T>(
    api: Api<DynamicObject>,
    selector: &str,
    deadline: Duration,
    mut probe: impl FnMut(&BTreeMap<String, Value>) -> Result<T, String>,
) -> Result<T, String> {
    let end = Instant::now() + deadline;
    let mut changes = pin!(watcher::watcher(
        api,
        watcher::Config::default().fields(selector)
    ));
    let mut objects = BTreeMap::new();
    let mut listed = BTreeMap::new();
    let mut last = String::from("the apiserver told nothing");
    while let Ok(change) = timeout_at(end, changes.next()).await {
        let entry = |object: &DynamicObject| {
            let name = object.metadata.name.clone().unwrap_or_default();
            (name, shown(object))
        };
        match change {
            Some(Ok(Event::Apply(object))) => objects.extend([entry(&object)]),
            Some(Ok(Event::Delete(object))) => drop(objects.remove(&entry(&object).0)),
            Some(Ok(Event::InitApply(object))) => {
                listed.extend([entry(&object)]);
                continue;
            }
            Some(Ok(Event::Init)) => {
                listed.clear();
                continue;
            }
            Some(Ok(Event::InitDone)) => objects = std::mem::take(&mut listed),
            // The next request for a change takes the watch up again.
            Some(Err(error)) => {
                last = format!("{error}; before that: {last}");
                sleep(PAUSE).await;
                continue;
            }
            None => return Err(format!("the watch ended; before that: {last}")),
        }
        match probe(&objects) {
            Ok(found) => return Ok(found),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}

/// The same for one object of that name.
pub(crate) async fn find_one<T>(
    api: Api<DynamicObject>,
    name: &str,
    deadline: Duration,
    mut probe: impl FnMut(Option<&Value>) -> Result<T, String>,
) -> Result<T, String> {
    let selector = format!("metadata.name={name}");
    find(api, &selector, deadline, |objects| probe(objects.get(name))).await
}
