//! The order in which the controller starts: [`Watching`] → [`Leading`] → [`Polled`] → [`Running`]. Each step
//! takes the value of the one before, so that no other order compiles.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{self, LocalBoxFuture},
};
use kube::{
    Client,
    runtime::{
        WatchStreamExt, applier,
        controller::{self, Error},
        reflector::{self, ObjectRef, Store, store::Writer},
        utils::CancelableJoinHandle,
    },
};
use tokio::{runtime::Handle, sync::SetOnce, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    Connections, Settings, TaskEnded,
    namespaces::{self, NamespaceAccess},
    object_gauges,
    queue::{Queue, Trigger},
    watching::{follow, poll_and_report, report_watch_error},
    worker::Worker,
};
use crate::{
    composio::KeyChanges,
    http::Health,
    lease::Leadership,
    look::ProjectContext,
    metrics::Metrics,
    plan::decide,
    poll::Poll,
    project::{Clock, Project},
    reconcile::{Backoff, Context, Emit, Slots},
    record::RecordKeys,
    report::report,
    store::{Objects, PackedObject},
};

/// For so long the reconciles wait for the first poll, which answers for all objects at once.
const FIRST_POLL: Duration = Duration::from_secs(10);

/// So many passes more than work at a time may be begun: they wait for a slot to work in, or to be looked
/// for together with others. It is enough to fill a list; kube polls every pass that was begun whenever one
/// of them goes on.
const WAITING: u16 = 50;

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
    settings: Settings,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    project: Arc<Project>,
    objects: Objects,
    store: Store<PackedObject>,
    access: NamespaceAccess,
    queue: Queue,
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

    /// What the watch brings, for ever.
    fn watch(
        &self,
        writer: Writer<PackedObject>,
        known: Arc<SetOnce<()>>,
    ) -> impl Future<Output = ()> + use<> {
        let namespaces = &self.settings.namespaces;
        let changes =
            namespaces::changes(&self.client, namespaces, self.store.clone(), &self.access);
        let (health, metrics) = (Arc::clone(&self.health), Arc::clone(&self.metrics));
        let (objects, trigger) = (self.objects.clone(), self.queue.trigger());
        changes.reflect(writer).for_each(move |event| {
            match event {
                Ok(event) => follow(&event, &health, &metrics, &objects, &trigger, &known),
                Err(error) => report_watch_error(&health, &error),
            }
            future::ready(())
        })
    }

    /// What the polls bring, for ever.
    fn poll(&self, polled: Arc<SetOnce<()>>) -> impl Future<Output = ()> + use<> {
        let (project, objects) = (Arc::clone(&self.project), self.objects.clone());
        poll_and_report(
            Poll::new(project, objects, self.settings.polling),
            Arc::clone(&self.project),
            Arc::clone(&self.metrics),
            Arc::clone(&self.health),
            self.queue.trigger(),
            polled,
        )
    }
}

/// The objects are watched, and nothing is done with them.
pub(super) struct Watching {
    controller: Controller,
    known: Arc<SetOnce<()>>,
    leadership: Leadership,
}

impl Watching {
    /// Starts to watch, on a task of its own, so that the objects are known before anything else begins.
    pub(super) fn start(
        connections: Connections,
        settings: Settings,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Self {
        let Connections {
            client,
            transport,
            api_key,
            state_key,
            leadership,
        } = connections;
        let (keys, key_project) = (api_key.changes(), settings.flags.project.clone());
        let current = api_key.current();
        let current = current.expose().as_bytes();
        let record_keys = match &state_key {
            Some(state_key) => RecordKeys::of_state_key(state_key, current, &key_project),
            None => RecordKeys::derive(current, &key_project),
        };
        let project = Arc::new(Project::new(
            transport,
            record_keys,
            Arc::clone(&metrics),
            Clock::system(),
            settings.auth_config_lifetime,
        ));
        let (store, writer) = reflector::store();
        let objects = Objects::new(store.clone(), settings.flags.clone());
        let queue = Queue::new();
        count(&metrics, &project, &objects, queue.trigger());
        let access = NamespaceAccess::new(
            &settings.namespaces,
            Arc::clone(&health),
            Arc::clone(&metrics),
            objects.clone(),
            queue.trigger(),
        );
        let mut controller = Controller {
            client,
            settings,
            health,
            metrics,
            project,
            objects,
            store,
            access,
            queue,
            tasks: JoinSet::new(),
            stop,
        };
        let known = Arc::new(SetOnce::new());
        let watch = controller.watch(writer, Arc::clone(&known));
        controller.tasks.spawn(watch);
        let project = Arc::clone(&controller.project);
        controller
            .tasks
            .spawn(follow_key(project, keys, key_project));
        let scope = match controller.settings.namespaces.as_slice() {
            [] => "all".to_owned(),
            some => some.join(","),
        };
        info!(namespaces = scope, "started");
        Self {
            controller,
            known,
            leadership,
        }
    }

    /// Waits until this replica leads.
    pub(super) async fn until_leading(self) -> Result<Leading, Ended> {
        let Self {
            mut controller,
            known,
            leadership,
        } = self;
        controller.wait(leadership.held()).await?;
        Ok(Leading { controller, known })
    }
}

/// This replica leads, and has asked Composio nothing.
pub(super) struct Leading {
    controller: Controller,
    known: Arc<SetOnce<()>>,
}

impl Leading {
    /// Starts to poll, and waits for the objects, and for a while for the first poll: after a restart it answers
    /// for all of them, and without it each would ask alone.
    pub(super) async fn until_polled(self) -> Result<Polled, Ended> {
        let Self {
            mut controller,
            known,
        } = self;
        // Who waits for a person is only known from the objects.
        let objects_known = timeout(FIRST_POLL, known.wait());
        let _ = controller.wait(objects_known).await?;
        let polled = Arc::new(SetOnce::new());
        let poll = controller.poll(Arc::clone(&polled));
        controller.tasks.spawn(poll);
        controller.wait(known.wait()).await?;
        let first_poll = timeout(FIRST_POLL, polled.wait());
        let _ = controller.wait(first_poll).await?;
        Ok(Polled { controller })
    }
}

/// Objects and accounts are known, as far as Composio answers.
pub(super) struct Polled {
    controller: Controller,
}

impl Polled {
    /// Begins with the passes.
    pub(super) fn open_queue(self, emit: Emit) -> Running {
        let Controller {
            client,
            settings,
            metrics,
            project,
            objects,
            store,
            access,
            queue,
            tasks,
            stop,
            health: _,
        } = self.controller;
        let trigger = queue.trigger();
        let refs = objects.clone();
        let queue = queue.open(move || refs.refs());
        let context = Context {
            slots: Slots::new(settings.concurrency, stop.clone()),
            project_context: ProjectContext {
                project,
                objects,
                client,
            },
            decide: Box::new(decide),
            report: Box::new(report),
            flags: settings.flags,
            requeue_policy: settings.requeue_policy,
            backoff: Backoff::default(),
            metrics: Arc::clone(&metrics),
            emit,
        };
        let worker = Arc::new(Worker {
            context,
            access,
            trigger: trigger.clone(),
        });
        let passes = applier(
            |object, worker: Arc<Worker>| {
                CancelableJoinHandle::spawn(worker.pass(object), &Handle::current())
            },
            |_, never: &Infallible, _| match *never {},
            worker,
            store,
            queue
                .map(Ok::<_, Infallible>)
                .take_until(stop.cancelled_owned())
                .boxed(),
            controller::Config::default().concurrency(settings.concurrency.saturating_add(WAITING)),
        );
        let passes = passes.for_each(move |passed| {
            if let Err(Error::ObjectNotFound(object)) = passed {
                let name = ObjectRef::new(&object.name);
                let object = object
                    .namespace
                    .iter()
                    .fold(name, |name, namespace| name.within(namespace));
                trigger.dropped(&object);
            }
            future::ready(())
        });
        Running {
            passes: passes.boxed_local(),
            tasks,
        }
    }
}

/// Passes go over the objects.
pub(super) struct Running {
    passes: LocalBoxFuture<'static, ()>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Works until it is told to stop, and the passes that had begun have ended.
    pub(super) async fn until_stopped(mut self) -> Result<(), Ended> {
        tokio::select! {
            () = self.passes => Ok(()),
            Some(died) = self.tasks.join_next() => Err(Ended::Died(TaskEnded::of(died))),
        }
    }
}

/// Has the objects and the queue counted whenever somebody reads the metrics.
fn count(metrics: &Metrics, project: &Arc<Project>, objects: &Objects, trigger: Trigger) {
    let (project, objects) = (Arc::clone(project), objects.clone());
    metrics.count_objects_by(move || object_gauges(objects.counts(), project.now()));
    metrics.read_queue_by(move || trigger.reading());
}

/// A new key has nothing to do with what the former one was refused, or found.
async fn follow_key(project: Arc<Project>, mut keys: KeyChanges, key_project: String) {
    loop {
        let key = keys.next().await;
        project.key_changed(|keys| keys.rotated(key.expose().as_bytes(), &key_project));
    }
}
