//! One project that is declared, or that objects refer to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, task::AbortHandle};

use super::{Declared, FirstKeys, ProjectKey, overlap};
use crate::{
    crd::ProjectReason,
    plan::{Policy, ProjectState},
    project::{Connection, Project},
    reconcile::Context,
    store::Objects,
};

/// One project that is declared, or that objects refer to.
pub(crate) struct Entry {
    /// Its name.
    pub(super) key: ProjectKey,
    /// What its objects are told while it is not declared.
    undeclared: ProjectState,
    /// What passes over its objects work with.
    pub(super) context: Context,
    /// Where its calls go.
    pub(super) connection: Connection,
    /// How it is declared; `None`: it is not.
    declared: Mutex<Option<Arc<Declared>>>,
    /// Notified when there is something to do for what keeps it running.
    woken: Notify,
    /// Whether passes wait for the first poll, which answers for all objects at once.
    awaits_poll: AtomicBool,
    /// Whether passes wait for the finalizer on the project: it would go without the objects that are marked before.
    awaits_mark: AtomicBool,
    /// Whether passes of all projects wait.
    first_keys: Arc<FirstKeys>,
    /// What keeps it running.
    task: Mutex<Option<AbortHandle>>,
}

impl Entry {
    /// One that is not declared. `undeclared` is what its objects are told meanwhile.
    pub(super) fn new(
        key: ProjectKey,
        undeclared: ProjectState,
        context: Context,
        connection: Connection,
        first_keys: Arc<FirstKeys>,
    ) -> Self {
        context.project_context.project.set_state(undeclared);
        Self {
            key,
            undeclared,
            context,
            connection,
            declared: Mutex::default(),
            woken: Notify::new(),
            awaits_poll: AtomicBool::new(false),
            awaits_mark: AtomicBool::new(false),
            first_keys,
            task: Mutex::default(),
        }
    }

    /// What passes over its objects work with.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Whether passes wait for the project. Each object is triggered when they need no more.
    pub(crate) fn is_held(&self) -> bool {
        self.awaits_poll.load(Ordering::Acquire)
            || self.awaits_mark.load(Ordering::Acquire)
            || self.first_keys.are_awaited()
    }

    /// How the project is declared; `None`: it is not.
    pub(super) fn declared(&self) -> Option<Arc<Declared>> {
        self.declared.lock().clone()
    }

    /// Has what keeps the project running look at it: it is declared otherwise, it was polled, an object is to be
    /// marked and the project is not.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Waits until it is woken, or has been since this was asked last. One may wait.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    pub(super) fn project(&self) -> &Arc<Project> {
        &self.context.project_context.project
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.context.project_context.objects
    }

    /// Takes how the project is declared now. Tells whether its objects may ask for other things than before.
    pub(super) fn declare(&self, declared: Option<Arc<Declared>>) -> bool {
        let former = self.declared();
        let mut has_other_policy = false;
        match &declared {
            Some(declared) => {
                let prefix = &declared.spec.alias_prefix;
                let policy = self.policy(declared, former.as_deref());
                has_other_policy = self.objects().set_project(prefix, &policy);
                if former.is_none() {
                    self.awaits_poll.store(true, Ordering::Release);
                    self.project()
                        .set_state(ProjectState::Unavailable(ProjectReason::Progressing));
                }
            }
            None => drop(self.undeclare()),
        }
        *self.declared.lock() = declared;
        // What is yet to keep it running begins with that.
        if self.task.lock().is_some() {
            self.wake();
        }
        has_other_policy
    }

    /// What is declared that objects may ask for: read once for each time that it changes.
    fn policy(&self, declared: &Declared, former: Option<&Declared>) -> Arc<Policy> {
        let allow = &declared.spec.allow;
        let known = former.filter(|former| former.spec.allow == *allow);
        match (known, &self.objects().flags().policy) {
            (Some(_), Some(policy)) => Arc::clone(policy),
            (Some(_) | None, _) => Arc::new(Policy::new(self.key.kind(), allow.as_deref())),
        }
    }

    /// What is told of users whom several namespaces may have.
    pub(super) fn overlap(&self) -> Option<String> {
        let flags = self.objects().flags();
        overlap::told(flags.policy.as_ref()?)
    }

    /// Nothing is asked any more, and nothing waited for. Tells whether its objects are to be looked at for it.
    pub(super) fn undeclare(&self) -> bool {
        self.connection.set(None);
        let was_held = self.release();
        let was_unmarked = self.set_awaits_mark(false);
        let is_new = self.project().set_state(self.undeclared);
        was_held || was_unmarked || is_new
    }

    /// An object is to be worked on: the project is to be marked, if it is not.
    pub(crate) fn note_use(&self) {
        if self.awaits_mark.load(Ordering::Acquire) {
            self.wake();
        }
    }

    /// An object is gone: a project that is being deleted may go too.
    pub(super) fn note_end(&self) {
        let declared = self.declared();
        if declared.is_some_and(|declared| declared.is_deleting) {
            self.wake();
        }
    }

    /// Says whether the finalizer is still to be put on the project. Tells whether passes need not wait for it any
    /// more.
    pub(super) fn set_awaits_mark(&self, awaits: bool) -> bool {
        self.awaits_mark.swap(awaits, Ordering::AcqRel) && !awaits
    }

    /// Lets the passes begin, as far as they wait for the first poll. Tells whether they did.
    pub(super) fn release(&self) -> bool {
        self.awaits_poll.swap(false, Ordering::AcqRel)
    }

    /// Whether passes wait for the first poll.
    pub(super) fn awaits_poll(&self) -> bool {
        self.awaits_poll.load(Ordering::Acquire)
    }

    /// Takes what keeps the project running, unless something does.
    pub(super) fn run_by(&self, start: impl FnOnce() -> AbortHandle) {
        self.task.lock().get_or_insert_with(start);
    }

    /// Ends what keeps the project running.
    pub(super) fn end(&self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }

    /// Whether nothing is left of it: it is not declared, and no object refers to it.
    pub(super) fn is_over(&self) -> bool {
        self.declared.lock().is_none() && self.objects().is_empty()
    }
}
