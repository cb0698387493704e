//! ConnectRequests: who asks for a link has the object looked at, and what is over is deleted.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::{
    Client,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        reflector::ObjectRef,
        watcher::{self, Event, watcher},
    },
};
use tracing::warn;

use super::Trigger;
use crate::{
    crd::ConnectRequest,
    http::Health,
    kubernetes::{apis, delete_connect_request},
    log::cause,
    store::AllObjects,
};

/// The part of readiness that the watch of requests sets. Without it links can be asked for by annotation alone.
const CONNECT_REQUESTS: &str = "connect requests";
/// The shortest time between two looks through the requests.
const BREATH: Duration = Duration::from_secs(1);
/// How often what could not be handled or deleted is taken up again.
const AGAIN: Duration = Duration::from_secs(30);

/// Follows the requests of these namespaces, or of all if none is named, for ever.
pub(super) async fn watch(
    client: Client,
    namespaces: Vec<String>,
    objects: AllObjects,
    trigger: Trigger,
    health: Arc<Health>,
) {
    let apis = apis::<DeserializeGuard<ConnectRequest>>(&client, &namespaces);
    let is_one = apis.len() == 1;
    let watches = apis.into_iter().map(|api| {
        watcher(api, watcher::Config::default())
            .default_backoff()
            .boxed()
    });
    let mut events = stream::select_all(watches);
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let why = cause(&error);
                warn!("ConnectRequests cannot be watched now: {why}");
                health.degraded(CONNECT_REQUESTS, why);
                continue;
            }
        };
        if matches!(event, Event::InitDone | Event::Apply(_)) {
            health.ready(CONNECT_REQUESTS);
        }
        if let Some(event) = readable(event, is_one) {
            for (namespace, name) in objects.connect_requests().apply(&event) {
                trigger.send(ObjectRef::new(&name).within(&namespace));
            }
        }
    }
}

/// The event without what cannot be read: nothing is asked for by that. Of several watches none brings all that there
/// are, so each object of a list is one that is there, and what went meanwhile is found to be gone when it is deleted.
fn readable(
    event: Event<DeserializeGuard<ConnectRequest>>,
    is_one: bool,
) -> Option<Event<ConnectRequest>> {
    match event {
        Event::Init => is_one.then_some(Event::Init),
        Event::InitDone => is_one.then_some(Event::InitDone),
        Event::InitApply(request) if is_one => request.0.ok().map(Event::InitApply),
        Event::InitApply(request) | Event::Apply(request) => request.0.ok().map(Event::Apply),
        Event::Delete(request) => request.0.ok().map(Event::Delete),
    }
}

/// Deletes what is over and what names no object that is there, and has the others looked at again, for ever.
pub(super) async fn sweep(client: Client, objects: AllObjects, trigger: Trigger) {
    let requests = objects.connect_requests();
    let mut round = tokio::time::interval(AGAIN);
    let mut is_round = false;
    loop {
        let now = Timestamp::now();
        for request in requests.all().into_values() {
            let is_orphan = request.has_waited()
                && !objects.has(&request.namespace, &request.account, &request.account_uid);
            if is_orphan || request.is_over(now) {
                delete_connect_request(&client, requests, &request).await;
            } else if is_round {
                trigger.send(ObjectRef::new(&request.account).within(&request.namespace));
            }
        }
        is_round = tokio::select! {
            _ = round.tick() => true,
            () = requests.changed() => false,
        };
        // Many may come at once, and each time all are looked through.
        tokio::time::sleep(BREATH).await;
    }
}
