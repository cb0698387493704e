//! The wiring: watches, triggers, concurrency, backoff and shutdown of the controller.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, future};
use jiff::SignedDuration;
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        PredicateConfig, WatchStreamExt, applier,
        controller::{self, Action, ReconcileReason, ReconcileRequest, trigger_self},
        reflector::{self, ObjectRef, Store},
        utils::CancelableJoinHandle,
        watcher,
    },
};
use tokio::{runtime::Handle, sync::mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::{error, info, warn};

use crate::{
    composio::{Error as ComposioError, Transport},
    crd::{ALIAS_ANNOTATION, ConnectedAccount, Reason, condition},
    http::Health,
    metrics::Metrics,
    observe::{Poll, PollEvent, Rhythm, Sources},
    plan::Flags,
    project::{Project, system_clock},
    reconcile::{Context, Error, reconcile},
    report::Pace,
};

mod events;

/// The parts of readiness that the controller tells.
pub const KUBERNETES: &str = "kubernetes";
/// See [`KUBERNETES`].
pub const COMPOSIO: &str = "composio";

/// How to say that the definition is missing.
const NO_CRD: &str = "the ConnectedAccount resource is not installed; install it with: composio-operator crd | kubectl apply --server-side -f -";

/// What the controller runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which of several processes this one is, for whoever reads its events.
    pub instance: String,
    /// The only namespace to work in; `None`: all.
    pub namespace: Option<String>,
    /// How many objects are worked on at a time.
    pub concurrency: u16,
    /// What decisions depend on.
    pub flags: Flags,
    /// When to come again.
    pub pace: Pace,
    /// How often the accounts are listed.
    pub rhythm: Rhythm,
    /// How long an auth config is remembered.
    pub auth_config_lifetime: SignedDuration,
}

/// Runs the controller until `shutdown` is done and the calls in flight have ended.
pub async fn run(
    client: Client,
    transport: Transport,
    settings: Settings,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let project = Arc::new(Project::new(
        transport,
        Arc::clone(&metrics),
        system_clock(),
        settings.auth_config_lifetime,
    ));
    let (objects, writer) = reflector::store();
    let (trigger, triggered) = mpsc::unbounded_channel();
    let api: Api<ConnectedAccount> = match &settings.namespace {
        None => Api::all(client.clone()),
        Some(namespace) => Api::namespaced(client.clone(), namespace),
    };
    let watch = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .inspect_err({
            let health = Arc::clone(&health);
            move |error| tell_watch_error(&health, error)
        })
        .inspect_ok({
            let (health, objects, trigger) =
                (Arc::clone(&health), objects.clone(), trigger.clone());
            move |event| follow(event, &health, &objects, &trigger)
        })
        .applied_objects()
        .predicate_filter(matters, PredicateConfig::default());
    let (polled_once, first_poll) = tokio::sync::oneshot::channel();
    let polling = tokio::spawn(poll_and_tell(
        Poll::new(Arc::clone(&project), objects.clone()),
        settings.rhythm,
        Arc::clone(&project),
        Arc::clone(&metrics),
        Arc::clone(&health),
        trigger,
        polled_once,
    ));
    // After a restart the first poll answers for all objects at once; without it each would ask alone.
    let changed = trigger_self(watch, ()).boxed();
    let told = UnboundedReceiverStream::new(triggered)
        .map(|object| Ok(request(object)))
        .boxed();
    let queue = futures::stream::once(first_poll)
        .filter_map(|_| future::ready(None))
        .chain(futures::stream::select(changed, told))
        .take_until(Box::pin(shutdown));
    let (tell, publishing) = events::publish(client.clone(), &settings.instance);
    let context = Arc::new(Context {
        sources: Sources {
            project,
            objects: objects.clone(),
            client,
        },
        flags: settings.flags.clone(),
        pace: settings.pace,
        metrics: Arc::clone(&metrics),
        tell,
    });
    info!(
        namespace = settings.namespace.as_deref().unwrap_or("all"),
        "started"
    );
    applier(
        |object, context| CancelableJoinHandle::spawn(pass(object, context), &Handle::current()),
        |object: Arc<ConnectedAccount>, error, context: Arc<Context>| {
            warn!(object = %ObjectRef::from_obj(&*object), "{error}");
            Action::requeue(jittered(context.pace.min))
        },
        context,
        objects,
        queue,
        controller::Config::default().concurrency(settings.concurrency),
    )
    .for_each(|result| {
        if let Err(controller::Error::QueueError(error)) = result {
            // Told by `tell_watch_error`, in words that say what to do.
            tracing::debug!("{error}");
        }
        future::ready(())
    })
    .await;
    polling.abort();
    publishing.end().await;
    info!("stopped");
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
    let share = f64::from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |now| now.subsec_nanos())
            % 1000,
    ) / 10_000.0;
    wait + wait.mul_f64(share)
}

/// What of an object must change for it to be looked at again: not the status, which we write
/// ourselves, and not the alias that we pin. A refusal that took the pin off again would else bring the
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

/// Follows what the watch brings besides the objects themselves.
fn follow(
    event: &watcher::Event<ConnectedAccount>,
    health: &Health,
    objects: &Store<ConnectedAccount>,
    trigger: &mpsc::UnboundedSender<ObjectRef<ConnectedAccount>>,
) {
    match event {
        watcher::Event::InitDone => {
            if health.ready(KUBERNETES) {
                info!(objects = objects.len(), "the objects are known");
            }
        }
        // Whoever lost against it may have its account now.
        watcher::Event::Delete(gone) => {
            for waiting in objects
                .state()
                .iter()
                .filter(|object| is_in_conflict(object, gone))
            {
                // The receiver lives as long as the controller.
                let _ = trigger.send(ObjectRef::from_obj(&**waiting));
            }
        }
        watcher::Event::Init | watcher::Event::InitApply(_) | watcher::Event::Apply(_) => {}
    }
}

fn is_in_conflict(object: &ConnectedAccount, gone: &ConnectedAccount) -> bool {
    let ready = object
        .status
        .as_ref()
        .and_then(|status| status.condition(condition::READY));
    ready.is_some_and(|ready| ready.reason == Reason::Conflict.as_str())
        && object.uid() != gone.uid()
}

fn tell_watch_error(health: &Health, error: &watcher::Error) {
    let not_found = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    };
    let why = if not_found {
        NO_CRD.to_owned()
    } else {
        format!("cannot watch ConnectedAccounts: {}", innermost(error))
    };
    if health.not_ready(KUBERNETES, why.clone()) {
        error!("{why}");
    }
}

/// The last cause says what is wrong; the ones before it say where.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

async fn poll_and_tell(
    poll: Poll,
    rhythm: Rhythm,
    project: Arc<Project>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    trigger: mpsc::UnboundedSender<ObjectRef<ConnectedAccount>>,
    polled_once: tokio::sync::oneshot::Sender<()>,
) {
    let mut polled_once = Some(polled_once);
    poll.run(rhythm, async move |event| {
        let closed = project.closed();
        metrics.gates(closed.read_until.is_some(), closed.write_until.is_some());
        match event {
            PollEvent::Listed(objects) => {
                metrics.polled(project.now().as_microsecond() as f64 / 1e6);
                if health.ready(COMPOSIO) {
                    info!("Composio answers");
                }
                for object in objects {
                    // The receiver lives as long as the controller.
                    let _ = trigger.send(object);
                }
            }
            PollEvent::Failed(error) => tell_poll_error(&health, &error),
        }
        if let Some(polled_once) = polled_once.take() {
            // As above.
            let _ = polled_once.send(());
        }
    })
    .await;
}

/// A rejected key is everybody's business, and so is a Composio that was never reached. An outage that
/// comes later heals by itself: to be unready for it would only hold up what has nothing to do with it.
fn tell_poll_error(health: &Health, error: &ComposioError) {
    if !error.is_unauthorized() && health.is_ready(COMPOSIO) {
        warn!("{error}");
        return;
    }
    let why = if error.is_unauthorized() {
        "Composio rejects the API key (401): give the operator a valid one, with the right to read and write connected accounts".to_owned()
    } else {
        error.to_string()
    };
    if health.not_ready(COMPOSIO, why.clone()) {
        error!("{why}");
    }
}
