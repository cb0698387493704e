//! Which of the watched namespaces can be read, and what readiness, metrics and objects say of the others.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{error, info};

use super::super::{KUBERNETES, queue::Trigger};
use crate::{
    crd::Reason,
    http::Health,
    metrics::Metrics,
    store::{AllObjects, Summary, Told},
};

/// The part of readiness that tells of the watched namespaces. It is never the reason to be unready: whoever
/// is served in the other namespaces must not lose the operator for one that is missing.
const NAMESPACES: &str = "namespaces";

/// The watched namespaces. Cheap to clone.
#[derive(Clone)]
pub(crate) struct NamespaceAccess(Arc<Inner>);

struct Inner {
    namespaces: Mutex<BTreeMap<String, Access>>,
    rechecks: BTreeMap<String, Arc<Notify>>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    objects: AllObjects,
    trigger: Trigger,
}

/// What the last list or watch of a namespace came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    /// It has not been answered yet.
    Awaited,
    /// Every object in it is known.
    Readable,
    /// It was refused, and always was since the start: which objects are in it is unknown.
    Unread(String),
    /// It is refused now: the objects in it are known as they were before.
    Lost(String),
}

impl Access {
    fn refusal(&self) -> Option<&str> {
        match self {
            Self::Awaited | Self::Readable => None,
            Self::Unread(why) | Self::Lost(why) => Some(why),
        }
    }
}

impl NamespaceAccess {
    /// For these namespaces; none named: all, of which nothing is to be told one by one.
    pub(crate) fn new(
        namespaces: &[String],
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        objects: AllObjects,
        trigger: Trigger,
    ) -> Self {
        let each = || namespaces.iter().cloned();
        for namespace in namespaces {
            metrics.namespace_unreachable(namespace, false);
        }
        Self(Arc::new(Inner {
            namespaces: Mutex::new(each().map(|name| (name, Access::Awaited)).collect()),
            rechecks: each().map(|name| (name, Arc::default())).collect(),
            health,
            metrics,
            objects,
            trigger,
        }))
    }

    /// A namespace has been listed as a whole.
    pub(super) fn readable(&self, namespace: &str) {
        let before = self.set(namespace, Access::Readable);
        if before
            .as_ref()
            .is_none_or(|access| access.refusal().is_none())
        {
            return;
        }
        info!(namespace, "can be read, and is served");
        // What was refused meanwhile is due, and the watch brings no change for it.
        let inside = self.0.objects.of_namespace(namespace);
        let inside = inside.map(|object| object.reference());
        let waits =
            |one: &Summary| Told::says(one.recorded.synced, &[Reason::NamespaceUnreachable]);
        let all = self.0.objects.all();
        let waiting = all.filter(|one| waits(one));
        for object in inside.chain(waiting.map(|one| one.reference())) {
            self.0.trigger.send(&object);
        }
    }

    /// The apiserver answers again, after it may not have: there need be no change to tell so.
    pub(super) fn listed_again(&self) {
        self.0.health.ready(KUBERNETES);
    }

    /// The server refuses to show a namespace.
    pub(super) fn refused(&self, namespace: &str, why: &str) {
        let was_known = matches!(
            self.0.namespaces.lock().get(namespace),
            Some(Access::Readable | Access::Lost(_))
        );
        let (access, meaning) = match was_known {
            true => (
                Access::Lost(why.to_owned()),
                "its objects and their accounts stay as they are. If it is being deleted it hangs until the operator has its rights there again",
            ),
            false => (
                Access::Unread(why.to_owned()),
                "it is not served. What its objects manage is not known, so no account that exists is taken over meanwhile",
            ),
        };
        let before = self.set(namespace, access);
        if before.as_ref().and_then(Access::refusal).is_none() {
            error!(namespace, "cannot be read: {meaning}; tried again: {why}");
        }
    }

    /// Whether the objects of a namespace can neither be read nor written now.
    pub(crate) fn is_refused(&self, namespace: &str) -> bool {
        let namespaces = self.0.namespaces.lock();
        let access = namespaces.get(namespace);
        access.is_some_and(|access| access.refusal().is_some())
    }

    /// Something in a namespace was refused: a watch that is open goes on after the right to it has ended, so
    /// the namespace is listed once more, to see whether all of it is refused.
    pub(crate) fn recheck(&self, namespace: &str) {
        if let Some(recheck) = self.0.rechecks.get(namespace) {
            recheck.notify_one();
        }
    }

    /// Notified by [`NamespaceAccess::recheck`] of that namespace.
    pub(super) fn rechecks(&self, namespace: &str) -> Arc<Notify> {
        self.0.rechecks.get(namespace).cloned().unwrap_or_default()
    }

    /// What it was before.
    fn set(&self, namespace: &str, access: Access) -> Option<Access> {
        let mut namespaces = self.0.namespaces.lock();
        let refused = access.refusal().is_some();
        let before = namespaces.insert(namespace.to_owned(), access);
        let is_unread = |access: &Access| matches!(access, Access::Unread(_));
        self.0
            .objects
            .set_complete(!namespaces.values().any(is_unread));
        self.0.metrics.namespace_unreachable(namespace, refused);
        let refusals = namespaces
            .iter()
            .filter_map(|(namespace, access)| Some(format!("{namespace} ({})", access.refusal()?)));
        match refusals.collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => drop(self.0.health.ready(NAMESPACES)),
            some => {
                let why = format!("cannot be read: {some}");
                self.0.health.degraded(NAMESPACES, why);
            }
        }
        before
    }
}
