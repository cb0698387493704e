//! One pass as the queue sees it: what it is logged under, how long it took, and when the next one is due.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{Instrument, warn};

use super::{jittered, namespaces::NamespaceAccess, queue::Trigger};
use crate::{
    log::pass_span,
    metrics::Metrics,
    projects::{Entry, Projects},
    reconcile::{ReconcileResult, reconcile_known},
    store::{AllObjects, Summary},
};

/// What works on the objects.
pub(super) struct Worker {
    pub(super) projects: Projects,
    pub(super) objects: AllObjects,
    pub(super) metrics: Arc<Metrics>,
    pub(super) access: NamespaceAccess,
    pub(super) trigger: Trigger,
}

impl Worker {
    /// Goes over an object, and says when to come again. A failure is one of the answers: it has its wait.
    pub(super) async fn pass(self: Arc<Self>, object: Arc<Summary>) {
        let at = object.reference();
        let begun = Instant::now();
        let span = pass_span(&object.namespace, &object.name);
        let project = self.projects.of_object(&object);
        let passed = self.reconcile(&object, &project).instrument(span).await;
        self.projects.passed(&project);
        let requeue_after = passed.requeue_after.map(jittered);
        let (metrics, took) = (&self.metrics, begun.elapsed());
        metrics.reconciled(passed.label, passed.result(), took);
        self.trigger.ended(&at, requeue_after);
    }

    async fn reconcile(&self, object: &Summary, project: &Entry) -> ReconcileResult {
        let namespace = &object.namespace;
        if self.access.is_refused(namespace) {
            // Nothing of it could be read or written. It is triggered once the namespace can be.
            return ReconcileResult::NAMESPACE_UNREACHABLE;
        }
        project.note_use();
        // Of another project than it refers to an object is not told when that one goes on.
        let is_told = object.project_at_work() == object.project();
        if is_told && (project.is_held() || self.projects.await_namespace_of(object)) {
            return ReconcileResult::AWAITS_PROJECT;
        }
        match reconcile_known(object, &self.objects, project.context()).await {
            Ok(passed) => passed,
            Err(failed) => {
                if failed.error.is_forbidden() {
                    self.access.recheck(namespace);
                }
                warn!("{failed}");
                ReconcileResult::error(failed.requeue_after)
            }
        }
    }
}

#[cfg(test)]
mod tests;
