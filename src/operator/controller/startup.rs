//! The order in which the controller starts: [`Watching`] → [`Leading`] → [`Known`] → [`Running`]. Each step
//! takes the value of the one before, so that no other order compiles.

use std::sync::Arc;

use futures::{StreamExt, future};
use jiff::Timestamp;
use kube::{Client, runtime::watcher::Event};
use tokio::{
    sync::{SetOnce, mpsc},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    Connections, Settings, TaskEnded,
    events::Emitters,
    namespaces::{self, NamespaceAccess},
    project_counts,
    queue::{Opened, Queue, Trigger},
    requests,
    watching::{follow, follow_notifications, follow_projects, report_watch_error},
    worker::Worker,
};
use crate::{
    http::Health,
    kubernetes::StatusSubresource,
    lease::Leadership,
    metrics::Metrics,
    notify::{Notifier, Outbox, Parts as NotifyParts},
    plan::Flags,
    projects::{Parts, Projects},
    reconcile::{Emit, Slots},
    record::RecordKeySource,
    store::AllObjects,
};

/// So many passes more than work at a time may be begun: they wait for a slot to work in, or to be looked
/// for together with others. It is enough to fill a list.
const WAITING: usize = 50;

/// Why the controller ends.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was told to stop.
    Stopped,
    /// A task of its own has ended, which none of them does by itself.
    Died(TaskEnded),
}

impl Ended {
    pub(super) fn into_result<T: Default>(self) -> Result<T, TaskEnded> {
        match self {
            Self::Stopped => Ok(T::default()),
            Self::Died(ended) => Err(ended),
        }
    }
}

/// What all steps share.
struct Controller {
    client: Client,
    statuses: StatusSubresource,
    namespaces: Vec<String>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    /// Publishes events of objects.
    emit: Emit,
    projects: Projects,
    deaths: mpsc::UnboundedReceiver<JoinError>,
    objects: AllObjects,
    access: NamespaceAccess,
    queue: Queue,
    /// How people are told, and of which objects; `None`: nobody is.
    notifications: Option<(Notifier, Outbox)>,
    leadership: Leadership,
    /// What goes on beside the passes. Aborted when this is dropped.
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Controller {
    /// Waits, but not beyond the end.
    async fn wait<T>(&mut self, until: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Ended::Stopped),
            Some(died) = self.tasks.join_next() => Err(Ended::Died(TaskEnded::of(died))),
            value = until => Ok(value),
        }
    }

    /// What the watch of objects brings, for ever.
    fn watch(&self, known: Arc<SetOnce<()>>) -> impl Future<Output = ()> + use<> {
        let changes = namespaces::changes(
            &self.client,
            &self.namespaces,
            self.objects.clone(),
            &self.access,
        );
        let (health, metrics) = (Arc::clone(&self.health), Arc::clone(&self.metrics));
        let (objects, trigger) = (self.objects.clone(), self.queue.trigger());
        let projects = self.projects.clone();
        let outbox = self
            .notifications
            .as_ref()
            .map(|(_, outbox)| outbox.clone());
        changes.for_each(move |event| {
            match event {
                Ok(event) => {
                    let event = follow(event, &health, &metrics, &objects, &trigger, &known);
                    if let Some(outbox) = &outbox {
                        follow_notifications(&event, &objects, outbox);
                    }
                    match &event {
                        Event::Delete(object) => {
                            projects.forget(&object.project());
                            projects.forget(&object.project_at_work());
                        }
                        Event::InitDone => projects.forget_all(),
                        Event::Init | Event::InitApply(_) | Event::Apply(_) => {}
                    }
                }
                Err(error) => report_watch_error(&health, &error),
            }
            future::ready(())
        })
    }

    /// What the watches of projects bring, for ever.
    fn watch_projects(&self, known: Arc<SetOnce<()>>) -> impl Future<Output = ()> + use<> {
        let changes = self.projects.changes(&self.namespaces, Arc::clone(&known));
        let (health, projects) = (Arc::clone(&self.health), self.projects.clone());
        changes.for_each(move |change| {
            follow_projects(change, &health, &projects, &known);
            future::ready(())
        })
    }
}

/// Objects and projects are watched, and nothing is done with them.
pub(super) struct Watching {
    controller: Controller,
    known: [Arc<SetOnce<()>>; 2],
}

impl Watching {
    /// Starts to watch, on tasks of its own, so that objects and projects are known before anything else begins.
    pub(super) fn start(
        connections: Connections,
        settings: Settings,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        emitters: Emitters,
        stop: CancellationToken,
    ) -> Self {
        let Connections {
            client,
            http,
            state_key,
            notifier,
            leadership,
        } = connections;
        let Settings {
            instance: _,
            namespaces,
            concurrency,
            flags,
            requeue_policy,
            projects,
        } = settings;
        let flags = Flags {
            // What a project allows is not known before the project is.
            policy: None,
            notify: notifier.as_ref().map(Notifier::filter),
            ..flags
        };
        let objects = AllObjects::new(flags);
        let queue = Queue::new(WAITING + usize::from(concurrency), objects.clone());
        let access = NamespaceAccess::new(
            &namespaces,
            Arc::clone(&health),
            Arc::clone(&metrics),
            objects.clone(),
            queue.trigger(),
        );
        let statuses = StatusSubresource::new(client.clone());
        let (projects, deaths) = Projects::new(Parts {
            client: client.clone(),
            statuses: statuses.clone(),
            http,
            leadership: leadership.clone(),
            keys: RecordKeySource::new(state_key),
            metrics: Arc::clone(&metrics),
            trigger: queue.trigger(),
            objects: objects.clone(),
            slots: Arc::new(Slots::new(concurrency, stop.clone())),
            requeue_policy,
            emit: Arc::clone(&emitters.emit),
            emit_project: emitters.emit_project,
            settings: projects,
            serves_cluster: namespaces.is_empty(),
            stop: stop.clone(),
        });
        count(&metrics, &objects, &projects, queue.trigger());
        let mut controller = Controller {
            client,
            statuses,
            namespaces,
            health,
            metrics,
            emit: emitters.emit,
            projects,
            deaths,
            objects,
            access,
            queue,
            notifications: notifier.map(|notifier| (notifier, Outbox::default())),
            leadership,
            tasks: JoinSet::new(),
            stop,
        };
        let known = [Arc::new(SetOnce::new()), Arc::new(SetOnce::new())];
        let watch = controller.watch(Arc::clone(&known[0]));
        controller.tasks.spawn(watch);
        let watch = controller.watch_projects(Arc::clone(&known[1]));
        controller.tasks.spawn(watch);
        let tidy = controller.projects.clone().tidy();
        controller.tasks.spawn(tidy);
        let watch = requests::watch(
            controller.client.clone(),
            controller.namespaces.clone(),
            controller.objects.clone(),
            controller.queue.trigger(),
            Arc::clone(&controller.health),
        );
        controller.tasks.spawn(watch);
        let scope = match controller.namespaces.as_slice() {
            [] => "all".to_owned(),
            some => some.join(","),
        };
        info!(namespaces = scope, "started");
        Self { controller, known }
    }

    /// Waits until this replica leads.
    pub(super) async fn until_leading(self) -> Result<Leading, Ended> {
        let Self {
            mut controller,
            known,
        } = self;
        let leadership = controller.leadership.clone();
        controller.wait(leadership.held()).await?;
        Ok(Leading { controller, known })
    }
}

/// This replica leads, and has asked Composio nothing.
pub(super) struct Leading {
    controller: Controller,
    known: [Arc<SetOnce<()>>; 2],
}

impl Leading {
    /// Waits for objects and projects: an object whose project is not known yet would be told that there is none.
    pub(super) async fn until_known(self) -> Result<Known, Ended> {
        let Self {
            mut controller,
            known,
        } = self;
        for known in known {
            controller.wait(known.wait()).await?;
        }
        Ok(Known { controller })
    }
}

/// Objects and projects are known.
pub(super) struct Known {
    controller: Controller,
}

impl Known {
    /// Begins with the projects and with the passes. Those over the objects of a project wait for its first poll.
    pub(super) fn open_queue(self) -> Running {
        let Controller {
            client,
            statuses,
            namespaces: _,
            health,
            metrics,
            emit,
            projects,
            deaths,
            objects,
            access,
            queue,
            notifications,
            leadership,
            mut tasks,
            stop,
        } = self.controller;
        let notifying = notifications.map(|(notifier, outbox)| {
            notifier.start(NotifyParts {
                outbox,
                objects: objects.clone(),
                client: client.clone(),
                statuses,
                metrics: Arc::clone(&metrics),
                health,
                leadership,
                stop: stop.clone(),
            })
        });
        tasks.spawn(requests::sweep(
            client,
            objects.clone(),
            queue.trigger(),
            emit,
        ));
        let queue = queue.open(|| objects.stored());
        projects.start();
        let worker = Worker {
            projects,
            objects,
            metrics,
            access,
            trigger: queue.trigger(),
        };
        Running {
            queue,
            worker: Arc::new(worker),
            passes: JoinSet::new(),
            notifying: notifying.unwrap_or_default(),
            deaths,
            tasks,
            stop,
        }
    }
}

/// Passes go over the objects.
pub(super) struct Running {
    queue: Opened,
    worker: Arc<Worker>,
    passes: JoinSet<()>,
    /// What tells people, if anything does.
    notifying: JoinSet<()>,
    deaths: mpsc::UnboundedReceiver<JoinError>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Running {
    /// Works until it is told to stop, and the passes that had begun have ended.
    pub(super) async fn until_stopped(mut self) -> Result<(), Ended> {
        loop {
            let is_stopped = self.stop.is_cancelled();
            if is_stopped && self.passes.is_empty() && self.notifying.is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = self.stop.cancelled(), if !is_stopped => {}
                object = self.queue.next(), if !is_stopped => {
                    self.passes.spawn(Arc::clone(&self.worker).pass(object));
                }
                Some(passed) = self.passes.join_next() => {
                    passed.map_err(|panicked| Ended::Died(TaskEnded::Panicked(panicked)))?;
                }
                Some(ended) = self.notifying.join_next() => match ended {
                    Ok(()) if self.stop.is_cancelled() => {}
                    ended => return Err(Ended::Died(TaskEnded::of(ended))),
                },
                Some(died) = self.tasks.join_next() => return Err(Ended::Died(TaskEnded::of(died))),
                Some(died) = self.deaths.recv() => return Err(Ended::Died(TaskEnded::of(Err(died)))),
            }
        }
    }
}

/// Has the objects and the queue counted whenever somebody reads the metrics.
fn count(metrics: &Metrics, objects: &AllObjects, projects: &Projects, trigger: Trigger) {
    let (objects, projects) = (objects.clone(), projects.clone());
    metrics.count_objects_by(move || {
        let label_of = |key: &_| projects.label_of(key);
        project_counts(objects.counts(), label_of, Timestamp::now())
    });
    metrics.read_queue_by(move || trigger.reading());
}
