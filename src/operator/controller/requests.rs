//! ConnectRequests: who asks for a link has the object looked at, and what is over is deleted.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::{
    Client,
    core::DeserializeGuard,
    runtime::{WatchStreamExt, reflector::ObjectRef, watcher::Event},
};
use tokio::time::Instant;
use tracing::warn;

use super::Trigger;
use crate::{
    crd::ConnectRequest,
    http::Health,
    kubernetes::{self, apis, delete_connect_request},
    log::cause,
    reconcile::Emit,
    store::{AllObjects, StoredRequest},
};
use unproved::Unproved;

mod unproved;

/// The part of readiness that the watch of requests sets. Without it links can be asked for by annotation alone.
const CONNECT_REQUESTS: &str = "connect requests";
/// The shortest time between two looks through the requests.
const BREATH: Duration = Duration::from_millis(200);
/// So many are deleted at once.
const AT_ONCE: usize = 8;
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
    let watches = apis
        .into_iter()
        .map(|api| kubernetes::watch(api).default_backoff().boxed());
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
                trigger.send(&ObjectRef::new(&name).within(&namespace));
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

/// What is to become of the requests that are there.
#[derive(Default)]
struct Sorted {
    /// They are to be deleted.
    over: Vec<StoredRequest>,
    /// Those of them that tell of a return from a sign-in of an object, and bear no proof that the page has written them.
    unproved: Vec<StoredRequest>,
    /// They are for an object that is there.
    open: Vec<StoredRequest>,
    /// When the first of those would have an object that were made just before it.
    next: Option<Instant>,
}

/// Tells what counts from what does not. Each holds a name that the next honest request needs, so what can never count
/// is over at once: what bears no proof that it comes from the page, and what names an object by the uid of another one.
fn sort(objects: &AllObjects, now: Timestamp) -> Sorted {
    let all = objects.connect_requests().all();
    let has_object =
        |one: &StoredRequest| objects.has(&one.namespace, &one.account, &one.account_uid);
    let (with, without): (Vec<_>, Vec<_>) = all.into_values().partition(has_object);
    let uids = without.iter().map(|one| one.account_uid.as_str()).collect();
    let others = objects.known_uids(&uids);
    let others: HashSet<String> = others.into_iter().map(str::to_owned).collect();
    let mut sorted = Sorted::default();
    for request in with {
        let is_unproved = request.is_unproved(objects.page());
        if is_unproved {
            sorted.unproved.push(request.clone());
        }
        match is_unproved || request.is_over(now) {
            true => sorted.over.push(request),
            false => sorted.open.push(request),
        }
    }
    for request in without {
        let until = request.waits_until();
        let is_of_another = others.contains(&request.account_uid);
        match is_of_another || request.is_void(objects.page(), now) || until <= Instant::now() {
            true => sorted.over.push(request),
            false => sorted.next = sorted.next.into_iter().chain([until]).min(),
        }
    }
    sorted
}

/// Deletes what is over, what can never count and what names no object that is there, tells of returns that nobody can hear,
/// and has the others looked at again, for ever.
pub(super) async fn sweep(client: Client, objects: AllObjects, trigger: Trigger, emit: Emit) {
    let requests = objects.connect_requests();
    let mut round = tokio::time::interval(AGAIN);
    let mut is_round = false;
    let mut told = Unproved::new(emit);
    loop {
        let Sorted {
            over,
            unproved,
            open,
            next,
        } = sort(&objects, Timestamp::now());
        let deletions = over.into_iter().map(|request| {
            let (client, requests) = (client.clone(), requests.clone());
            async move { delete_connect_request(&client, &requests, &request).await }
        });
        let deletions = stream::iter(deletions).buffer_unordered(AT_ONCE);
        deletions.for_each(|_| std::future::ready(())).await;
        told.report(&client, unproved).await;
        for request in open.iter().filter(|_| is_round) {
            trigger.send(&ObjectRef::new(&request.account).within(&request.namespace));
        }
        let due = next.unwrap_or_else(Instant::now);
        is_round = tokio::select! {
            _ = round.tick() => true,
            () = requests.changed() => false,
            () = tokio::time::sleep_until(due), if next.is_some() => false,
        };
        // Many may come at once, and each time all are looked through.
        tokio::time::sleep(BREATH).await;
    }
}
