//! How a pass ends, and when the next one is due.

use std::time::Duration;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconcileResult {
    /// When the next pass is due if nothing triggers one before; `None`: never.
    pub requeue_after: Option<Duration>,
    /// The label `outcome` of the metric: a reason of the conditions, or one of the words below.
    pub label: &'static str,
}

/// How a pass ends that finds all as declared.
pub(super) const SETTLED: &str = "Settled";
/// How a pass ends that failed.
const ERROR: &str = "Error";
/// The rate limit is to be left to others for now.
const THROTTLED: &str = "Throttled";

impl ReconcileResult {
    /// All is as declared, and nothing is due by itself.
    pub(super) const SETTLED: Self = Self::done(SETTLED);
    /// The object is not there any more.
    pub(super) const GONE: Self = Self::done("Gone");
    /// The object was let go.
    pub(super) const RELEASED: Self = Self::done("Released");
    /// It cannot be read. Once it can be, the watch brings it.
    pub(super) const NOT_DECODED: Self = Self::done("NotDecoded");
    /// Nothing new is to be begun any more.
    pub(super) const STOPPED: Self = Self::done("Stopped");
    /// Its namespace can neither be read nor written. Once it can be, all in it is triggered.
    pub(crate) const NAMESPACE_UNREACHABLE: Self = Self::done("NamespaceUnreachable");
    /// The project was not asked for the first time, or does not have its finalizer. Then all of its objects are
    /// triggered.
    pub(crate) const AWAITS_PROJECT: Self = Self::done("AwaitsProject");
    /// Somebody else changed the object in the middle of the pass: start over, and let them finish.
    pub(super) const CONFLICTED: Self = Self {
        requeue_after: Some(Duration::from_millis(100)),
        label: "Conflicted",
    };

    const fn done(label: &'static str) -> Self {
        Self {
            requeue_after: None,
            label,
        }
    }

    /// The pass ended in this word, and the next one is due after that time.
    pub(super) fn after(requeue_after: Duration, label: &'static str) -> Self {
        Self {
            requeue_after: Some(requeue_after),
            label,
        }
    }

    /// The rate limit is to be left to others for so long.
    pub(super) fn throttled(wait: Duration) -> Self {
        Self::after(wait, THROTTLED)
    }

    /// A former pass failed, and for so long the object is left alone.
    pub(super) fn backing_off(left: Duration) -> Self {
        Self::after(left, "BackingOff")
    }

    /// What was done does not stay done. The wait of a failure is the right one for it.
    pub(super) fn does_not_converge(wait: Duration) -> Self {
        Self::after(wait, "DoesNotConverge")
    }

    /// The pass failed, and is tried again after that time.
    pub(crate) fn error(requeue_after: Duration) -> Self {
        Self::after(requeue_after, ERROR)
    }

    /// Whether what a former pass failed at was tried again, and went through.
    pub(super) fn is_success(&self) -> bool {
        *self != Self::CONFLICTED && *self != Self::STOPPED && self.label != THROTTLED
    }

    /// For the histogram, in three words: `success`, nothing more is due by itself; `requeue`, another pass is;
    /// `error`, object or status could not be read or written.
    pub fn result(&self) -> &'static str {
        match (self.label, self.requeue_after) {
            (ERROR, _) => "error",
            (_, Some(_)) => "requeue",
            (_, None) => "success",
        }
    }
}
