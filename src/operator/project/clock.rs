//! The two clocks of the operator.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

/// Tells the time. What is written down, or compared with what others have written, is a time of the wall clock,
/// which may be put forward or back. What is waited for here is measured by the monotonic one, which never is.
/// Function values, so that a test can tell its own.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    monotonic: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Clock {
    /// A clock that tells what these functions do.
    pub fn new(
        wall: impl Fn() -> Timestamp + Send + Sync + 'static,
        monotonic: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        Self {
            wall: Arc::new(wall),
            monotonic: Arc::new(monotonic),
        }
    }

    /// The machine's clocks. That of the wall in the whole microseconds that Kubernetes keeps.
    pub fn system() -> Self {
        let wall = || {
            let now = Timestamp::now();
            Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
        };
        Self::new(wall, Instant::now)
    }

    /// The time by the wall clock.
    pub fn now(&self) -> Timestamp {
        (self.wall)()
    }

    /// The time by the monotonic clock.
    pub fn instant(&self) -> Instant {
        (self.monotonic)()
    }
}
