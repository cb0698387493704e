//! The wiring: watches, triggers, concurrency, backoff and shutdown of the controller.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::{self, BoxFuture},
};
use jiff::SignedDuration;
use kube::{
    Client, ResourceExt,
    runtime::{
        PredicateConfig, WatchStreamExt, applier,
        controller::{self, Action, ReconcileReason, ReconcileRequest, trigger_self},
        reflector::{self, ObjectRef},
        utils::CancelableJoinHandle,
    },
};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinError,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::{info, warn};

use crate::{
    composio::Transport,
    crd::{ALIAS_ANNOTATION, ConnectedAccount},
    http::Health,
    metrics::Metrics,
    observe::{Objects, Poll, Polling, Sources},
    plan::{Flags, plan},
    project::{Project, system_clock},
    reconcile::{Context, Error, reconcile},
    report::{Pace, report},
};

mod census;
mod events;
mod namespaces;
mod watching;

use census::census;
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

/// What reaches the controller from outside while it runs.
pub struct Signals {
    /// Done when this process may work; until then it only watches.
    pub leading: BoxFuture<'static, ()>,
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
    let project = Arc::new(Project::new(
        transport,
        Arc::clone(&metrics),
        system_clock(),
        settings.auth_config_lifetime,
    ));
    let (store, writer) = reflector::store();
    let objects = Objects::new(store.clone(), settings.flags.clone());
    metrics.count_objects_by({
        let (project, store) = (Arc::clone(&project), store.clone());
        move || census(&store.state(), project.now())
    });
    let (trigger, triggered) = mpsc::unbounded_channel();
    let (known, is_known) = watch::channel(false);
    let changes = namespaces::changes(&client, &settings.namespaces, store.clone(), &metrics)
        .reflect(writer)
        .inspect_err({
            let health = Arc::clone(&health);
            move |error| tell_watch_error(&health, error)
        })
        .inspect_ok({
            let (health, objects, trigger) =
                (Arc::clone(&health), objects.clone(), trigger.clone());
            move |event| follow(event, &health, &objects, &trigger, &known)
        })
        .applied_objects()
        .predicate_filter(matters, PredicateConfig::default());
    let (changed, are_changed) = mpsc::unbounded_channel();
    // On its own, so that the objects are known before anything else begins.
    let mut watching = tokio::spawn(trigger_self(changes, ()).for_each(move |change| {
        // The receiver lives as long as the controller.
        let _ = changed.send(change);
        future::ready(())
    }));
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
    let following = tokio::spawn(follow_key(Arc::clone(&project), signals.key_changed));
    let has_begun = Arc::new(AtomicBool::new(false));
    let begin = {
        let (is_known, store) = (is_known.clone(), store.clone());
        let has_begun = Arc::clone(&has_begun);
        async move {
            leading.await;
            until(is_known).await;
            // After a restart the first poll answers for all objects; without it each would ask alone.
            let _ = tokio::time::timeout(FIRST_POLL, first_poll).await;
            // First: what changes from here on is told, and what was before is in the store.
            has_begun.store(true, Ordering::Release);
            let all = store.state();
            futures::stream::iter(
                all.into_iter()
                    .map(|object| request(ObjectRef::from_obj(&*object))),
            )
        }
    };
    let told = UnboundedReceiverStream::new(triggered).map(|object| Ok(request(object)));
    // What is told before the beginning is dropped: who waits for months must not keep it.
    let changes = futures::stream::select(UnboundedReceiverStream::new(are_changed), told)
        .filter(move |_| future::ready(has_begun.load(Ordering::Acquire)));
    let all = futures::stream::once(begin).flatten().map(Ok);
    let queue = futures::stream::select(all, changes).take_until(shutdown.clone());
    let (tell, publishing) = events::publish(client.clone(), &settings.instance);
    let context = Arc::new(Context {
        sources: Sources {
            project,
            objects,
            client,
        },
        plan: Box::new(plan),
        report: Box::new(report),
        flags: settings.flags.clone(),
        pace: settings.pace,
        metrics: Arc::clone(&metrics),
        tell,
    });
    let scope = match settings.namespaces.as_slice() {
        [] => "all".to_owned(),
        some => some.join(","),
    };
    info!(namespaces = scope, "started");
    let reconciling = applier(
        |object, context| CancelableJoinHandle::spawn(pass(object, context), &Handle::current()),
        |object: Arc<ConnectedAccount>, error, context: Arc<Context>| {
            warn!(object = %ObjectRef::from_obj(&*object), "{error}");
            Action::requeue(jittered(context.pace.min))
        },
        context,
        store,
        Box::pin(queue),
        controller::Config::default().concurrency(settings.concurrency),
    )
    .for_each(|result| {
        if let Err(controller::Error::QueueError(error)) = result {
            // Told by `tell_watch_error`, in words that say what to do.
            tracing::debug!("{error}");
        }
        future::ready(())
    });
    // The applier waits for the objects also when it is to stop.
    let nothing_to_end = async {
        shutdown.await;
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

async fn until(mut is_known: watch::Receiver<bool>) {
    // The sender lives as long as the watch, whose end ends everything.
    let _ = is_known.wait_for(|known| *known).await;
}

/// A new key has nothing to do with what the former one was refused, or found.
async fn follow_key(project: Arc<Project>, key_changed: Arc<Notify>) {
    loop {
        key_changed.notified().await;
        project.key_changed();
    }
}

async fn pass(object: Arc<ConnectedAccount>, context: Arc<Context>) -> Result<Action, Error> {
    match reconcile(object, &context).await {
        Ok(passed) => {
            context.metrics.reconciled(passed.outcome);
            Ok(passed.again.map_or_else(Action::await_change, |again| {
                Action::requeue(jittered(again))
            }))
        }
        Err(error) => {
            context.metrics.reconciled("Error");
            Err(error)
        }
    }
}

/// Up to a tenth more, so that what failed together is not tried again together.
fn jittered(wait: Duration) -> Duration {
    wait + wait.mul_f64(fastrand::f64() / 10.0)
}

/// What of an object must change for it to be looked at again: not the status, which we write
/// ourselves, but for the id in it, which somebody else may take away; and not the alias that we pin. A refusal that took the pin off again would else bring the
/// object back at once, to be pinned and refused again.
fn matters(object: &ConnectedAccount) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    object.metadata.generation.hash(&mut hasher);
    object
        .metadata
        .deletion_timestamp
        .is_some()
        .hash(&mut hasher);
    object.finalizers().hash(&mut hasher);
    let status = object.status.as_ref();
    status
        .and_then(|status| status.connected_account_id.as_ref())
        .hash(&mut hasher);
    for (name, value) in object.annotations() {
        if name != ALIAS_ANNOTATION {
            (name, value).hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}

fn request(object: ObjectRef<ConnectedAccount>) -> ReconcileRequest<ConnectedAccount> {
    ReconcileRequest {
        obj_ref: object,
        reason: ReconcileReason::Custom {
            reason: "its account changed".to_owned(),
        },
    }
}
