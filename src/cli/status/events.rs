//! What has happened to an object, as far as Kubernetes still has it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

use crate::cluster::Cluster;
use crate::failure::{Right, describe};
use crate::view::View;

/// The most that a screen has room for.
const SHOWN: usize = 8;

/// What happened, or why that is not known.
pub(super) enum Events {
    /// The last ones, the newest first.
    Known(Vec<EventSummary>),
    /// They cannot be had.
    Unknown(String),
}

/// One event.
pub(super) struct EventSummary {
    pub(super) at: Option<Timestamp>,
    pub(super) type_: String,
    pub(super) reason: String,
    pub(super) note: String,
}

/// The last events of an object.
pub(super) async fn of(cluster: &Cluster, view: &View<'_>) -> Events {
    let namespace = &cluster.namespace;
    let api: Api<Event> = Api::namespaced(cluster.client.clone(), namespace);
    let selector = format!("involvedObject.uid={}", view.uid());
    let right = Right {
        verb: "list",
        group: "",
        resource: "events",
        namespace: Some(namespace),
    };
    let list = match api.list(&ListParams::default().fields(&selector)).await {
        Ok(list) => list,
        Err(error) => return Events::Unknown(describe(&error, right)),
    };
    let mut events: Vec<EventSummary> = list.items.into_iter().map(read).collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    events.truncate(SHOWN);
    Events::Known(events)
}

fn read(event: Event) -> EventSummary {
    let last = event.series.and_then(|series| series.last_observed_time);
    let at = last.or(event.event_time).map(|time| time.0);
    EventSummary {
        at: at.or(event.last_timestamp.map(|time| time.0)),
        type_: event.type_.unwrap_or_default(),
        reason: event.reason.unwrap_or_default(),
        note: event.message.unwrap_or_default(),
    }
}
