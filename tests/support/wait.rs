//! Waiting for what another process does in its own time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Between two questions.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// Asks `probe` every 100 ms until it answers `Ok`. Past the deadline it panics with `what` and with
/// the last reason the probe gave, so that a failed test says what was seen and not only that time ran out.
pub(crate) async fn until<T>(
    what: &str,
    deadline: Duration,
    probe: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    within(deadline, probe)
        .await
        .unwrap_or_else(|last| panic!("{what} did not come within {deadline:?}: {last}"))
}

/// The same, but that past the deadline it returns the last reason.
pub(crate) async fn within<T>(
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, String> {
    let end = Instant::now() + deadline;
    let mut last = String::from("it was not asked once");
    while Instant::now() < end {
        match timeout_at(end, probe()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(reason)) => last = reason,
            Err(_) => last = format!("no answer in time; before that: {last}"),
        }
        sleep(PAUSE).await;
    }
    Err(last)
}
