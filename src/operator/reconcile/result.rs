//! How a pass ends, and when the next one is due.

use std::time::Duration;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// When to look again if nothing happens before.
    pub again: Option<Duration>,
    /// For the metric: a reason of the conditions, or a word for how else a pass ends.
    pub outcome: &'static str,
}

pub(super) const GONE: Passed = Passed {
    again: None,
    outcome: "Gone",
};
pub(super) const RELEASED: Passed = Passed {
    again: None,
    outcome: "Released",
};
/// Somebody else changed the object in the middle of the pass: start over, and let them finish.
pub(super) const AGAIN: Passed = Passed {
    again: Some(Duration::from_millis(100)),
    outcome: "Conflicted",
};
/// It cannot be read. Once it can be, the watch tells.
pub(super) const NOT_DECODED: Passed = Passed {
    again: None,
    outcome: "NotDecoded",
};
/// Nothing new is to be begun any more.
pub(super) const STOPPED: Passed = Passed {
    again: None,
    outcome: "Stopped",
};
/// The rate limit is to be left to others for now.
pub(super) const THROTTLED: &str = "Throttled";
/// The last pass failed, and it is not yet time for the next one.
pub(super) const BACKING_OFF: &str = "BackingOff";

impl Passed {
    /// Whether what a former pass failed at was tried again, and went through.
    pub(super) fn is_success(&self) -> bool {
        *self != AGAIN && *self != STOPPED && self.outcome != THROTTLED
    }
}
