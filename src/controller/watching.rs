//! What watch and poll bring: whom they trigger, and what readiness and the log say of them.

use std::sync::Arc;

use kube::{
    ResourceExt,
    runtime::{reflector::ObjectRef, watcher},
};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::{COMPOSIO, KUBERNETES};
use crate::{
    composio::Error as ComposioError,
    http::Health,
    metrics::Metrics,
    observe::{Kept, Objects, Poll, PollEvent},
    plan::ANOTHER_PROJECT,
    project::{Project, Standing},
};

/// How to say that the definition is missing.
const NO_CRD: &str = "the ConnectedAccount resource is not installed; install it with: composio-operator crd | kubectl apply --server-side -f -";

/// Leaves out what cannot be read, so that one such object does not hold up all others: it is as if
/// that version of it had never been written. What was known of the object before still counts, because
/// it may hold an account. Its end needs no more than its name.
pub(super) fn readable(
    event: watcher::Event<Kept>,
    metrics: &Metrics,
) -> Option<watcher::Event<Kept>> {
    let (watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = &event else {
        return Some(event);
    };
    let Some(why) = object.why_unreadable() else {
        return Some(event);
    };
    metrics.not_decoded();
    let object = format!(
        "{}/{}",
        object.namespace().unwrap_or_default(),
        object.name_any()
    );
    let why = without_values(why);
    error!(%object, "cannot be read, and is left alone: {why}");
    None
}

/// What is wrong, and not the value that is: it may be a link.
fn without_values(error: &str) -> String {
    match (error.split_once('"'), error.rsplit_once('"')) {
        (Some((before, _)), Some((_, after))) => format!("{before}…{after}"),
        (None, _) | (_, None) => error.to_owned(),
    }
}

/// Follows what the watch brings besides the objects themselves.
pub(super) fn follow(
    event: &watcher::Event<Kept>,
    health: &Health,
    objects: &Objects,
    trigger: &mpsc::UnboundedSender<ObjectRef<Kept>>,
    known: &watch::Sender<bool>,
) {
    let mut trigger = |object| {
        // The receiver lives as long as the controller.
        let _ = trigger.send(object);
    };
    objects.follow(event).into_iter().for_each(&mut trigger);
    match event {
        watcher::Event::InitDone => {
            if health.ready(KUBERNETES) {
                info!(objects = objects.count(), "the objects are known");
            }
            known.send_replace(true);
        }
        watcher::Event::Delete(_) | watcher::Event::Apply(_) => drop(health.ready(KUBERNETES)),
        watcher::Event::Init | watcher::Event::InitApply(_) => {}
    }
    // Whoever lost against an object that is gone may have its account now.
    if matches!(event, watcher::Event::Delete(_) | watcher::Event::InitDone) {
        objects.in_conflict().into_iter().for_each(&mut trigger);
    }
}

/// Once the objects are known a watch that breaks is taken up where it was, and nothing says so but the
/// next change: that is no reason to be unready.
pub(super) fn tell_watch_error(health: &Health, error: &watcher::Error) {
    let (is_taken_up, cause) = match error {
        watcher::Error::InitialListFailed(error) => (false, Some(error)),
        watcher::Error::NoResourceVersion => (false, None),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            (true, Some(error))
        }
        watcher::Error::WatchError(_) => (true, None),
    };
    let not_found = matches!(cause, Some(kube::Error::Api(status)) if status.code == 404);
    let why = if not_found {
        NO_CRD.to_owned()
    } else {
        format!("cannot watch ConnectedAccounts: {}", innermost(error))
    };
    if is_taken_up && !not_found && health.is_ready(KUBERNETES) {
        warn!("{why}");
        return;
    }
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

pub(super) async fn poll_and_tell(
    poll: Poll,
    project: Arc<Project>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    trigger: mpsc::UnboundedSender<ObjectRef<Kept>>,
    polled_once: oneshot::Sender<()>,
) {
    let mut polled_once = Some(polled_once);
    let trigger = move |object| {
        // The receiver lives as long as the controller.
        let _ = trigger.send(object);
    };
    let tell = move |event| {
        let closed = project.closed();
        metrics.gates(
            closed.read_until.is_some(),
            closed.write_until.is_some(),
            closed.standing == Standing::Foreign,
        );
        let failed = matches!(event, PollEvent::Failed(_));
        match event {
            PollEvent::Listed => {
                if health.ready(COMPOSIO) {
                    info!("Composio answers");
                }
            }
            PollEvent::Foreign => {
                if health.not_ready(COMPOSIO, ANOTHER_PROJECT) {
                    error!("{ANOTHER_PROJECT}");
                }
            }
            PollEvent::Failed(error) => tell_poll_error(&health, &error),
        }
        if !failed {
            metrics.polled(project.now().as_microsecond() as f64 / 1e6);
        }
        if let Some(polled_once) = polled_once.take() {
            // As above.
            let _ = polled_once.send(());
        }
    };
    poll.run(trigger, tell).await;
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

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::*;

    const LINK: &str = "https://connect.composio.dev/link/lk_secret";

    fn watched(status: Value) -> Kept {
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {"name": "mail", "namespace": "agents", "uid": "u"},
            "spec": {"user": "u", "toolkit": "gmail"},
            "status": status,
        });
        serde_json::from_str(&object.to_string()).expect("whatever has a name is taken")
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_its_end_is_told() {
        let metrics = Metrics::default();
        let (good, bad) = (json!({}), json!({"link": 7}));
        let of = |event| readable(event, &metrics);
        assert!(of(Event::Apply(watched(good.clone()))).is_some());
        assert!(of(Event::InitApply(watched(good))).is_some());
        assert!(of(Event::Apply(watched(bad.clone()))).is_none());
        assert!(of(Event::InitApply(watched(bad.clone()))).is_none());
        let Some(Event::Delete(gone)) = of(Event::Delete(watched(bad))) else {
            panic!("its end is lost");
        };
        assert_eq!(
            (gone.name_any(), gone.uid().as_deref()),
            ("mail".to_owned(), Some("u"))
        );
        let text = metrics.text();
        assert!(
            text.contains("composio_operator_objects_not_decoded_total 2"),
            "{text}"
        );
    }

    #[test]
    fn why_an_object_cannot_be_read_is_told_without_the_value_that_is_wrong() {
        let kept = watched(json!({"link": LINK}));
        let why = kept.why_unreadable().expect("a link is a struct");
        assert!(why.contains(LINK), "{why}");
        let why = without_values(why);
        assert!(!why.contains("lk_secret"), "{why}");
        assert!(why.contains("expected struct Link"), "{why}");
    }
}
