//! How a pass ends, and when the next one is due.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::Conclusion;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconcileResult {
    /// When the next pass is due if nothing triggers one before; `None`: never.
    pub requeue_after: Option<Duration>,
    /// The label `outcome` of the metric: a reason of the conditions, or one of the words below.
    pub label: &'static str,
    /// Whether the object is needed as a whole again, though nothing happens to it.
    is_needed: bool,
}

/// Of an object that is to be looked at again after so long no more than the summary is kept meanwhile.
const LONG: Duration = Duration::from_secs(60);

/// How a pass ends that finds all as declared.
pub(super) const SETTLED: &str = "Settled";
/// How a pass ends that failed.
const ERROR: &str = "Error";
/// The rate limit is to be left to others for now.
const THROTTLED: &str = "Throttled";

impl ReconcileResult {
    /// All is as declared, and nothing is due by itself.
    pub(super) const SETTLED: Self = Self {
        requeue_after: None,
        label: SETTLED,
        is_needed: false,
    };
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
        is_needed: true,
    };

    const fn done(label: &'static str) -> Self {
        Self {
            requeue_after: None,
            label,
            is_needed: true,
        }
    }

    /// The pass ended in this word, and the next one is due after that time.
    pub(super) fn after(requeue_after: Duration, label: &'static str) -> Self {
        Self {
            requeue_after: Some(requeue_after),
            label,
            is_needed: true,
        }
    }

    /// The plan had nothing left to do. `is_reread`: what the object names is read again for each conclusion.
    pub(super) fn ended(
        requeue_after: Option<Duration>,
        label: &'static str,
        is_reread: bool,
    ) -> Self {
        Self {
            requeue_after,
            label,
            is_needed: is_reread || requeue_after.is_some_and(|after| after < LONG),
        }
    }

    /// Whether no more than the summary of the object need be kept until something happens to it, or a time that is
    /// far off has come: then it is read again.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.is_needed
    }

    /// What may be remembered of it, if the object is at rest.
    pub(super) fn conclusion(&self, now: Instant) -> Option<Conclusion> {
        let until = self.requeue_after.map(|after| now + after);
        self.is_at_rest().then_some(match (self.label, until) {
            (SETTLED, None) => Conclusion::Settled,
            (reason, until) => Conclusion::Waiting { until, reason },
        })
    }

    /// What was remembered of it.
    pub(super) fn concluded(conclusion: Conclusion, now: Instant) -> Self {
        match conclusion {
            Conclusion::Settled => Self::SETTLED,
            Conclusion::Waiting { until, reason } => {
                let left = until.map(|until| until.saturating_duration_since(now));
                Self::ended(left, reason, false)
            }
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
