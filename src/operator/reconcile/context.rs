//! What every pass needs.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Backoff;
use crate::{
    crd::{ConnectedAccount, ConnectedAccountStatus},
    look::Sources,
    metrics::Metrics,
    plan::{Decision, Desired, Flags, Observed, Outcome},
    report::{Pace, news::News},
};

/// Decides as [`crate::plan::decide`] does; a function value, so that a test can listen to every decision.
pub type Decide = Box<dyn Fn(&Desired, &Observed, Timestamp) -> Decision + Send + Sync>;

/// Builds a status as [`crate::report::report`] does; a function value for the same reason.
pub type Report = Box<
    dyn Fn(&Desired, &ConnectedAccountStatus, &Outcome, Timestamp) -> ConnectedAccountStatus
        + Send
        + Sync,
>;

/// Takes news of an object away to be told. It must not wait: what cannot be taken now is lost.
pub type Tell = Box<dyn Fn(&ConnectedAccount, News) + Send + Sync>;

/// What every pass needs.
pub struct Context {
    /// How many passes may be at work at a time. Closed at the end: then none begins anything new.
    pub slots: Semaphore,
    /// Where everything is looked up.
    pub sources: Sources,
    /// The decider.
    pub decide: Decide,
    /// The builder of a status.
    pub report: Report,
    /// What decisions depend on.
    pub flags: Flags,
    /// When to come again.
    pub pace: Pace,
    /// Which objects are left alone for a while.
    pub backoff: Backoff,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where news go.
    pub tell: Tell,
}

impl Context {
    /// A slot to work in; none any more at the end.
    pub(super) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }
}
