//! The wiring: watches, triggers, concurrency, backoff and shutdown of the controller.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
};
use jiff::{SignedDuration, Timestamp};
use kube::{
    Client, ResourceExt,
    runtime::{
        WatchStreamExt, applier,
        controller::{self, Action, ReconcileReason, ReconcileRequest},
        reflector::{self, ObjectRef},
        utils::CancelableJoinHandle,
    },
};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, mpsc, oneshot, watch},
    task::JoinError,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::{info, warn};

use crate::{
    composio::{ApiKey, Transport},
    http::Health,
    look::Sources,
    metrics::{Census, Metrics},
    plan::{Flags, decide},
    poll::{Poll, Polling},
    project::{Clock, Project},
    reconcile::{Backoff, Context, Failed, reconcile},
    record::RecordKeys,
    report::{Pace, report},
    store::{ObjectCounts, Objects, PackedObject},
};

mod events;
mod namespaces;
mod watching;

use namespaces::NamespaceAccess;
use watching::{follow, poll_and_tell, tell_watch_error};

/// The parts of readiness that the controller tells.
pub const KUBERNETES: &str = "kubernetes";
/// See [`KUBERNETES`].
pub const COMPOSIO: &str = "composio";

/// What the controller runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which of several processes this one is, for whoever reads its events.
    pub instance: String,
    /// The only namespaces to work in; none named: all.
    pub namespaces: Vec<String>,
    /// How many objects are worked on at a time.
    pub concurrency: u16,
    /// What decisions depend on.
    pub flags: Flags,
    /// When to come again.
    pub pace: Pace,
    /// How the accounts are polled.
    pub polling: Polling,
    /// How long an auth config is remembered.
    pub auth_config_lifetime: SignedDuration,
}

/// For so long the reconciles wait for the first poll, which answers for all objects at once.
const FIRST_POLL: Duration = Duration::from_secs(10);

/// So many passes more than work at a time may be begun: they wait for a slot to work in, or to be looked
/// for together with others. It is enough to fill a list; kube polls every pass that was begun whenever one
/// of them goes on.
const WAITING: u16 = 50;

/// At the start so many objects are in the queue at a time.
const BACKLOG: usize = 300;
/// And none waits longer for one of these places.
const LONGEST_TURN: Duration = Duration::from_millis(50);

/// What reaches the controller from outside while it runs.
pub struct Signals {
    /// Done when this process may work; until then it only watches.
    pub leading: BoxFuture<'static, ()>,
    /// The API key, from which the keys of records are derived.
    pub api_key: ApiKey,
    /// Told when the API key is another one.
    pub key_changed: Arc<Notify>,
    /// Done when nothing new is to be begun.
    pub shutdown: BoxFuture<'static, ()>,
}

/// Runs the controller until `shutdown` is done and the calls in flight have ended.
///
/// # Errors
/// When the watch or the poll has died: the process is to end, and to be started anew.
pub async fn run(
    client: Client,
    transport: Transport,
    settings: Settings,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    signals: Signals,
) -> Result<(), JoinError> {
    let (leading, shutdown) = (signals.leading.shared(), signals.shutdown.shared());
    let key_project = settings.flags.project.clone();
    let project = Arc::new(Project::new(
        transport,
        RecordKeys::derive(signals.api_key.current().expose().as_bytes(), &key_project),
        Arc::clone(&metrics),
        Clock::system(),
        settings.auth_config_lifetime,
    ));
    let (store, writer) = reflector::store();
    let objects = Objects::new(store.clone(), settings.flags.clone());
    metrics.count_objects_by({
        let (project, objects) = (Arc::clone(&project), objects.clone());
        move || census(objects.counts(), project.now())
    });
    let (trigger, triggered) = mpsc::unbounded_channel();
    let (known, is_known) = watch::channel(false);
    let access = NamespaceAccess::new(
        &settings.namespaces,
        Arc::clone(&health),
        Arc::clone(&metrics),
        objects.clone(),
        trigger.clone(),
    );
    let changes = namespaces::changes(&client, &settings.namespaces, store.clone(), &access)
        .reflect(writer)
        .for_each({
            let (health, metrics) = (Arc::clone(&health), Arc::clone(&metrics));
            let (objects, trigger) = (objects.clone(), trigger.clone());
            move |event| {
                match event {
                    Ok(event) => follow(&event, &health, &metrics, &objects, &trigger, &known),
                    Err(error) => tell_watch_error(&health, &error),
                }
                future::ready(())
            }
        });
    // On its own, so that the objects are known before anything else begins.
    let mut watching = tokio::spawn(changes);
    let (polled_once, first_poll) = oneshot::channel();
    let mut polling = tokio::spawn({
        let poll = Poll::new(Arc::clone(&project), objects.clone(), settings.polling);
        let told = poll_and_tell(
            poll,
            Arc::clone(&project),
            Arc::clone(&metrics),
            Arc::clone(&health),
            trigger,
            polled_once,
        );
        let (leading, is_known) = (leading.clone(), is_known.clone());
        async move {
            leading.await;
            // Who waits for a person is only known from the objects.
            let _ = tokio::time::timeout(FIRST_POLL, until(is_known)).await;
            told.await;
        }
    });
    let following = tokio::spawn(follow_key(
        Arc::clone(&project),
        signals.api_key,
        signals.key_changed,
        key_project,
    ));
    let has_begun = Arc::new(AtomicBool::new(false));
    let begin = {
        let (is_known, objects) = (is_known.clone(), objects.clone());
        let has_begun = Arc::clone(&has_begun);
        async move {
            leading.await;
            until(is_known).await;
            // After a restart the first poll answers for all objects; without it each would ask alone.
            let _ = tokio::time::timeout(FIRST_POLL, first_poll).await;
            // First: what changes from here on is told, and what was before is in the store.
            has_begun.store(true, Ordering::Release);
            futures::stream::iter(objects.refs().map(request))
        }
    };
    // What is told before the beginning is dropped: who waits for months must not keep it.
    let changed = UnboundedReceiverStream::new(triggered)
        .map(request)
        .filter(move |_| future::ready(has_begun.load(Ordering::Acquire)));
    // What waits for its turn is in memory: all of them at once would be, for ever, most of what is.
    let backlog = Arc::new(Semaphore::new(BACKLOG));
    let all = futures::stream::once(begin).flatten().then({
        let backlog = Arc::clone(&backlog);
        move |object| {
            let backlog = Arc::clone(&backlog);
            async move {
                // A pass that ends gives the place back; where there was none to end, time does.
                if let Ok(Ok(place)) = tokio::time::timeout(LONGEST_TURN, backlog.acquire()).await {
                    place.forget();
                }
                object
            }
        }
    });
    let queue = futures::stream::select(all, changed)
        .map(Ok::<_, Infallible>)
        .take_until(shutdown.clone());
    let (tell, publishing) = events::publish(client.clone(), &settings.instance);
    let context = Arc::new(Context {
        slots: Semaphore::new(settings.concurrency.into()),
        sources: Sources {
            project,
            objects,
            client,
        },
        decide: Box::new(decide),
        report: Box::new(report),
        flags: settings.flags.clone(),
        pace: settings.pace,
        backoff: Backoff::default(),
        metrics: Arc::clone(&metrics),
        tell,
    });
    let scope = match settings.namespaces.as_slice() {
        [] => "all".to_owned(),
        some => some.join(","),
    };
    info!(namespaces = scope, "started");
    let ending = Arc::clone(&context);
    let reconciling = applier(
        move |object, context| {
            let backlog = Arc::clone(&backlog);
            let pass = pass(object, context, access.clone());
            let pass = pass.inspect(move |_| backlog.add_permits(1));
            CancelableJoinHandle::spawn(pass, &Handle::current())
        },
        |object: Arc<PackedObject>, failed: &Failed, _| {
            warn!(object = %ObjectRef::from_obj(&*object), "{failed}");
            Action::requeue(jittered(failed.again))
        },
        context,
        store,
        Box::pin(queue),
        controller::Config::default().concurrency(settings.concurrency.saturating_add(WAITING)),
    )
    .for_each(|_| future::ready(()));
    // The applier waits for the objects also when it is to stop. The context goes with it: nobody tells
    // anything any more.
    let nothing_to_end = async move {
        shutdown.await;
        ending.slots.close();
        if *is_known.borrow() {
            future::pending().await
        }
    };
    let ended = tokio::select! {
        () = reconciling => Ok(()),
        () = nothing_to_end => Ok(()),
        died = &mut watching => died,
        died = &mut polling => died,
    };
    for task in [watching, polling, following] {
        task.abort();
    }
    publishing.end().await;
    info!("stopped");
    ended
}

fn census(counts: ObjectCounts, now: Timestamp) -> Census {
    let since = counts.longest_waiting_since();
    // A clock that was put back tells of no wait.
    let longest_wait = since.map_or(0.0, |since| {
        now.duration_since(since).as_secs_f64().max(0.0)
    });
    Census {
        by_state: counts.by_state,
        by_ready: counts.by_ready,
        by_synced: counts.by_synced,
        longest_wait,
    }
}

async fn until(mut is_known: watch::Receiver<bool>) {
    // The sender lives as long as the watch, whose end ends everything.
    let _ = is_known.wait_for(|known| *known).await;
}

/// A new key has nothing to do with what the former one was refused, or found.
async fn follow_key(
    project: Arc<Project>,
    api_key: ApiKey,
    key_changed: Arc<Notify>,
    key_project: String,
) {
    loop {
        key_changed.notified().await;
        let key = api_key.current();
        project.key_changed(|keys| keys.rotated(key.expose().as_bytes(), &key_project));
    }
}

async fn pass(
    object: Arc<PackedObject>,
    context: Arc<Context>,
    access: NamespaceAccess,
) -> Result<Action, Failed> {
    let namespace = object.namespace().unwrap_or_default();
    if access.is_refused(&namespace) {
        // Nothing of it could be read or written. It is triggered once the namespace can be.
        context.metrics.reconciled("NamespaceUnreachable");
        return Ok(Action::await_change());
    }
    match reconcile(object, &context).await {
        Ok(passed) => {
            context.metrics.reconciled(passed.outcome);
            Ok(passed.again.map_or_else(Action::await_change, |again| {
                Action::requeue(jittered(again))
            }))
        }
        Err(failed) => {
            if failed.error.is_forbidden() {
                access.recheck(&namespace);
            }
            context.metrics.reconciled("Error");
            Err(failed)
        }
    }
}

/// Up to a tenth more, so that what failed together is not tried again together.
fn jittered(wait: Duration) -> Duration {
    wait + wait.mul_f64(fastrand::f64() / 10.0)
}

fn request(object: ObjectRef<PackedObject>) -> ReconcileRequest<PackedObject> {
    ReconcileRequest {
        obj_ref: object,
        reason: ReconcileReason::Unknown,
    }
}
