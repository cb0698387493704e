//! What all passes share: sources, flags, the pure functions, metrics, and the limit of concurrent passes.

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Backoff, Pace};
use crate::{
    crd::{ConnectedAccount, ConnectedAccountStatus},
    look::ProjectContext,
    metrics::Metrics,
    plan::{Decision, Desired, Flags, Observed, Outcome},
    projects::ProjectKey,
    report::{RequeuePolicy, object_event::ObjectEvent},
    turns::{Share, Turns},
};

/// Decides as [`crate::plan::decide`] does; a function value, so that a test can listen to every decision.
pub type Decide = Arc<dyn Fn(&Desired, &Observed, Timestamp) -> Decision + Send + Sync>;

/// Builds a status as [`crate::report::report`] does; a function value for the same reason.
pub type Report = Arc<
    dyn Fn(&Desired, &ConnectedAccountStatus, &Outcome, Timestamp) -> ConnectedAccountStatus
        + Send
        + Sync,
>;

/// Takes an event of an object to be published. It must not wait: what cannot be taken now is lost.
pub type Emit = Arc<dyn Fn(&ConnectedAccount, ObjectEvent) + Send + Sync>;

/// What all passes over the objects of one project share.
#[derive(Clone)]
pub struct Context {
    /// The name of the project.
    pub key: ProjectKey,
    /// How many passes are at work at a time, over the objects of all projects.
    pub slots: Arc<Slots>,
    /// The store, the project and the apiserver.
    pub project_context: ProjectContext,
    /// [`crate::plan::decide`], or what a test has put around it.
    pub decide: Decide,
    /// [`crate::report::report`], or what a test has put around it.
    pub report: Report,
    /// The bounds of the waits between passes.
    pub requeue_policy: RequeuePolicy,
    /// The objects whose passes failed or are deferred.
    pub backoff: Arc<Backoff>,
    /// What the namespaces have asked for of late.
    pub pace: Arc<Pace>,
    /// The metrics of the process.
    pub metrics: Arc<Metrics>,
    /// Publishes Kubernetes events.
    pub emit: Emit,
}

impl Context {
    /// The flags that decisions depend on, those of the project among them.
    pub fn flags(&self) -> Arc<Flags> {
        self.project_context.objects.flags()
    }

    /// Whose turn a pass over an object of that namespace is.
    pub(super) fn share(&self, namespace: &str) -> Share {
        let is_declared = self.project_context.objects.is_declared(&self.key);
        Share::of(&self.key, namespace, is_declared)
    }
}

/// Limits how many passes are at work at a time. Others may have begun, and wait: they take turns.
pub struct Slots {
    turns: Mutex<Turns<Waiter>>,
    /// At most so many of them, half of all, are held by passes of which the apiserver does not take what they
    /// must write.
    patient: Semaphore,
    stop: CancellationToken,
}

/// Who waits for a slot.
struct Waiter {
    share: Share,
    granted: oneshot::Sender<Slot>,
}

/// The right to be at work, until it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    share: Share,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.turns.lock().release(self.share);
        self.slots.grant();
    }
}

impl Slots {
    /// That many slots; none is given away once `stop` is cancelled.
    pub fn new(concurrency: u16, stop: CancellationToken) -> Self {
        Self {
            turns: Mutex::new(Turns::new(concurrency.into())),
            patient: Semaphore::new(usize::from(concurrency / 2)),
            stop,
        }
    }

    /// A slot, once it is this share's turn. `None` at the end: nothing new is to be begun.
    pub(super) async fn take(self: &Arc<Self>, share: Share, is_urgent: bool) -> Option<Slot> {
        let (granted, slot) = oneshot::channel();
        let waiter = Waiter { share, granted };
        self.turns.lock().push(share, is_urgent, waiter);
        self.grant();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            slot = slot => slot.ok(),
        }
    }

    /// Gives away what is free. A slot whose waiter is gone comes back by itself.
    fn grant(self: &Arc<Self>) {
        loop {
            // It must not be locked while a slot comes back.
            let Some(Waiter { share, granted }) = self.turns.lock().pop() else {
                return;
            };
            let slots = Arc::clone(self);
            drop(granted.send(Slot { slots, share }));
        }
    }

    /// The right to hold a slot while a write is tried again and again. `None`: half of the slots are held so, and
    /// the others are needed.
    pub(super) fn may_be_patient(&self) -> Option<SemaphorePermit<'_>> {
        self.patient.try_acquire().ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::crd::ProjectRef;

    #[test]
    fn half_of_the_slots_are_left_to_whoever_gets_through() {
        for (slots, patient) in [(1, 0), (2, 1), (16, 8)] {
            let slots = Slots::new(slots, CancellationToken::new());
            let held: Vec<_> = std::iter::from_fn(|| slots.may_be_patient()).collect();
            assert_eq!(held.len(), patient);
            drop(held);
            assert_eq!(slots.may_be_patient().is_some(), patient > 0);
        }
    }

    fn share(namespace: &str) -> Share {
        let project = ProjectKey::referred(&ProjectRef::default(), namespace);
        Share::of(&project, namespace, true)
    }

    #[tokio::test]
    async fn after_the_stop_no_slot_is_given_away_whether_one_is_free_or_waited_for() {
        let stop = CancellationToken::new();
        let slots = Arc::new(Slots::new(1, stop.clone()));
        let slot = slots.take(share("a"), false).await.expect("one is free");
        let mut waits = Box::pin(slots.take(share("a"), false));
        assert!((&mut waits).now_or_never().is_none(), "it is taken");
        stop.cancel();
        assert!(waits.await.is_none());
        drop(slot);
        assert!(slots.take(share("a"), false).await.is_none(), "one is free");
    }

    #[tokio::test]
    async fn a_slot_goes_to_who_holds_fewest_and_past_those_who_do_not_wait_any_more() {
        let slots = Arc::new(Slots::new(2, CancellationToken::new()));
        let first = slots.take(share("noisy"), false).await.expect("free");
        let _second = slots.take(share("noisy"), false).await.expect("free");
        let kept = slots.take(share("quiet"), false).await.expect("kept");
        let mut noisy = Box::pin(slots.take(share("noisy"), false));
        let mut gone = Box::pin(slots.take(share("gone"), false));
        let mut another = Box::pin(slots.take(share("another"), false));
        for waits in [&mut noisy, &mut gone, &mut another] {
            assert!(waits.now_or_never().is_none(), "none is free");
        }
        drop(gone);
        drop(first);
        assert!((&mut noisy).now_or_never().is_none());
        let another = (&mut another).now_or_never().flatten();
        drop(another.expect("it is the turn of this one"));
        assert!((&mut noisy).now_or_never().is_none());
        drop(kept);
        assert!(noisy.now_or_never().flatten().is_some());
    }
}
