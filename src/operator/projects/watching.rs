//! The projects as they are declared, by a watch of each kind in each place.

use std::{collections::BTreeSet, sync::Arc};

use futures::{Stream, StreamExt, stream};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::SetOnce;
use tracing::warn;

use super::{AnyProject, Declared, ProjectKey};
use crate::{
    crd::{ClusterComposioProject, ComposioProject},
    log::cause,
};

/// What is known of the projects of one place, or of one kind in all places.
pub(crate) enum Change {
    /// One is there, or is another than before.
    Declared(Box<Declared>),
    /// It is gone.
    Gone(ProjectKey),
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
        watches.push(watch::<ComposioProject>(Api::all(client.clone())).boxed());
        watches.push(watch::<ClusterComposioProject>(Api::all(client.clone())).boxed());
    }
    for namespace in namespaces {
        let api = Api::<ComposioProject>::namespaced(client.clone(), namespace);
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
fn watch<K>(api: Api<K>) -> impl Stream<Item = Change> + Send
where
    K: AnyProject + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    let mut known = BTreeSet::<ProjectKey>::new();
    let mut listed = BTreeSet::<ProjectKey>::new();
    watcher(api, watcher::Config::default())
        .default_backoff()
        .flat_map(move |event| {
            let mut changes = Vec::new();
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    let declared = object.declared();
                    listed.insert(declared.key.clone());
                    changes.push(Change::Declared(Box::new(declared)));
                }
                Ok(Event::InitDone) => {
                    let gone = known.difference(&listed).cloned();
                    changes.extend(gone.map(Change::Gone));
                    known.clone_from(&listed);
                    changes.push(Change::Synced);
                }
                Ok(Event::Apply(object)) => {
                    let declared = object.declared();
                    known.insert(declared.key.clone());
                    changes.push(Change::Declared(Box::new(declared)));
                }
                Ok(Event::Delete(object)) => {
                    let key = object.declared().key;
                    known.remove(&key);
                    changes.push(Change::Gone(key));
                }
                Err(error) => {
                    let why = cause(&error);
                    warn!("projects cannot be watched now: {why}");
                    if is_refusal(&error) {
                        changes.push(Change::Synced);
                    }
                    changes.push(Change::Failed(why));
                }
            }
            stream::iter(changes)
        })
}

/// Whether the apiserver says for certain that nothing is to be seen there.
fn is_refusal(error: &watcher::Error) -> bool {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => return false,
    };
    status.code == 403 || (status.code == 404 && status.reason == "NotFound")
}
