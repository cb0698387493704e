//! When an object is looked at again. No I/O.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    crd::{ConnectedAccountStatus, condition},
    plan::{Answer, Happened},
};

/// The bounds of the wait between two tries, and of the slow look-again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The shortest wait after a failure.
    pub min: Duration,
    /// The longest wait after a failure.
    pub max: Duration,
    /// How often an object that only a person can help is looked at again.
    pub slow: Duration,
}

/// When the object is to be looked at again if nothing happens to it before; `None`: never.
///
/// After a failure the wait is as long as the failure has lasted: it doubles by itself, needs no
/// memory, and survives a restart.
pub fn next_look(
    status: &ConnectedAccountStatus,
    event: &Happened,
    pace: Pace,
    now: Timestamp,
) -> Option<Duration> {
    let until = match event {
        Happened::Waiting(wait) => wait.until,
        Happened::Failed(failure) => match failure.answer {
            Answer::NotNow { after: Some(after) } => return Some(after),
            Answer::Refused(_) => return Some(pace.slow),
            Answer::NotNow { after: None } | Answer::Unknown | Answer::LookAgain => None,
        },
        Happened::Refused(_) => return Some(pace.slow),
        Happened::Settled | Happened::Did(_) => None,
    };
    if let Some(until) = until {
        // A time that is over and changed nothing is no reason to come again at once.
        return Some(if now < until {
            positive(until.duration_since(now))
        } else {
            pace.min
        });
    }
    let failing_since = status
        .condition(condition::SYNCED)
        .filter(|synced| synced.status == "False")
        .map(|synced| synced.last_transition_time.0);
    failing_since.map(|since| positive(now.duration_since(since)).clamp(pace.min, pace.max))
}

fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or(Duration::ZERO)
}
