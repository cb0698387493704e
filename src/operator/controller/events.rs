//! Kubernetes events: a bounded queue, and one task that publishes what is in it. No pass waits for it,
//! and none fails by it.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tracing::{debug, warn};

use crate::{
    crd::ConnectedAccount,
    metrics::Metrics,
    projects::{EmitProject, ProjectEvent},
    reconcile::Emit,
    report::object_event::ObjectEvent,
};

/// Who reports.
const CONTROLLER: &str = "composio-operator";
/// What the operator does with an object: the apiserver wants a word for it.
const ACTION: &str = "Reconcile";
/// How many events may wait while the apiserver is slow. An event that is lost is no loss of state.
const WAITING: usize = 1024;
/// Of them these places are for warnings alone.
const WARNINGS: usize = 256;
/// How many events the recorder may remember, to count what comes again: it keeps each for minutes, at two
/// kilobytes, and forgets none because there are too many.
const REMEMBERED: usize = 256;
/// After each event its publishing pauses so many times as long as that one took: what the apiserver can do
/// is for the work first.
const PAUSE: u32 = 4;
/// And no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long events are still published after the last pass.
const DRAIN: Duration = Duration::from_secs(1);
/// The apiserver's limit for the reporting instance.
const MAX_INSTANCE: usize = 128;
/// An event's name is that of its object with a dot and the time in sixteen hexadecimal digits, and
/// must not have more than 253 characters.
const MAX_NAME: usize = 253 - 17;

/// The task that publishes.
pub(super) struct Publishing(JoinHandle<()>);

impl Publishing {
    /// Waits a little for what is still in the queue, once nobody can put anything in any more.
    pub(super) async fn end(self) {
        if tokio::time::timeout(DRAIN, self.0).await.is_err() {
            debug!("events were dropped at the end");
        }
    }
}

/// Takes events to be published, without waiting. Cheap to clone.
#[derive(Clone)]
struct EventQueue {
    sender: mpsc::Sender<(ObjectReference, Event)>,
    metrics: Arc<Metrics>,
}

impl EventQueue {
    fn publish(&self, object: ObjectReference, event: Event) {
        let name = object.name.clone().unwrap_or_default();
        let is_warning = matches!(event.type_, EventType::Warning);
        if name.len() > MAX_NAME {
            self.metrics.event_dropped("name_too_long");
            debug!(object = %name, "its name is too long for events");
        } else if (!is_warning && self.sender.capacity() <= WARNINGS)
            || self.sender.try_send((object, event)).is_err()
        {
            self.metrics.event_dropped("queue_full");
            debug!(object = %name, "an event was dropped: too many wait");
        }
    }
}

/// What publishes the events of objects, and those of projects.
pub(super) struct Emitters {
    pub(super) emit: Emit,
    pub(super) emit_project: EmitProject,
}

/// Starts to publish.
pub(super) fn publish(
    client: Client,
    instance: &str,
    metrics: Arc<Metrics>,
) -> (Emitters, Publishing) {
    let reporter = Reporter {
        controller: CONTROLLER.to_owned(),
        instance: Some(instance.chars().take(MAX_INSTANCE).collect()),
    };
    let (sender, mut queued) = mpsc::channel::<(ObjectReference, Event)>(WAITING);
    let task = tokio::spawn(async move {
        loop {
            let recorder = Recorder::new(client.clone(), reporter.clone());
            for _ in 0..REMEMBERED {
                let Some((object, event)) = queued.recv().await else {
                    return;
                };
                let begun = Instant::now();
                match recorder.publish(&event, &object).await {
                    Ok(()) => {}
                    Err(error) if is_terminating(&error) => {
                        debug!(
                            event = event.reason,
                            "its namespace takes no event any more"
                        );
                    }
                    Err(error) => {
                        let name = object.name.unwrap_or_default();
                        warn!(object = %name, event = event.reason, "cannot be published: {error}");
                    }
                }
                if !queued.is_closed() {
                    let pause = begun.elapsed().saturating_mul(PAUSE);
                    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                }
            }
        }
    });
    let queue = EventQueue { sender, metrics };
    let of_projects = queue.clone();
    let emitters = Emitters {
        emit: Arc::new(move |object, event| {
            let ObjectEvent {
                reason,
                note,
                warning,
            } = event;
            let event = kubernetes_event(reason.as_str(), note, warning);
            queue.publish(reference(object), event);
        }),
        emit_project: Arc::new(move |project, event| {
            let ProjectEvent {
                reason,
                note,
                warning,
            } = event;
            let event = kubernetes_event(reason, note, warning);
            of_projects.publish(project.object_ref(), event);
        }),
    };
    (emitters, Publishing(task))
}

/// Whether nothing new can be made in the namespace because it is being deleted.
fn is_terminating(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else {
        return false;
    };
    let details = status.details.iter();
    let mut causes = details.flat_map(|details| &details.causes);
    causes.any(|cause| cause.reason == "NamespaceTerminating")
}

/// Without the version: what happens again is counted only for what is referred to in the same words.
fn reference(object: &ConnectedAccount) -> ObjectReference {
    ObjectReference {
        resource_version: None,
        ..object.object_ref(&())
    }
}

fn kubernetes_event(reason: &str, note: String, warning: bool) -> Event {
    Event {
        type_: match warning {
            true => EventType::Warning,
            false => EventType::Normal,
        },
        reason: reason.to_owned(),
        note: Some(note),
        action: ACTION.to_owned(),
        secondary: None,
    }
}
