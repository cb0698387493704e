//! How many accounts are disabled at a time because somebody else has signed in. Pure: time is an argument, that of the
//! monotonic clock.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// So many in a minute. More at once is rather a toolkit that shows people otherwise than before.
pub(super) const MOST_DISABLINGS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);

/// When accounts of a project were disabled for that.
#[derive(Debug, Default)]
pub(super) struct Disablings {
    last: Mutex<VecDeque<Instant>>,
}

impl Disablings {
    /// Takes one.
    ///
    /// # Errors
    /// How long until the next may be taken.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut last = self.last.lock();
        while last
            .front()
            .is_some_and(|at| now.duration_since(*at) >= WINDOW)
        {
            last.pop_front();
        }
        if last.len() < MOST_DISABLINGS {
            last.push_back(now);
            return Ok(());
        }
        let oldest = last.front().map_or(now, |at| *at);
        Err((oldest + WINDOW).duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_disabled_in_a_minute_and_the_next_in_turn() {
        let disablings = Disablings::default();
        let start = Instant::now();
        let at = |seconds| disablings.take(start + Duration::from_secs(seconds));
        for seconds in [0, 10, 10, 10, 50] {
            assert_eq!(at(seconds), Ok(()), "{seconds}");
        }
        assert_eq!(at(50), Err(Duration::from_secs(10)));
        assert_eq!(at(59), Err(Duration::from_secs(1)));
        assert_eq!(at(60), Ok(()));
        assert_eq!(at(60), Err(Duration::from_secs(10)));
        assert_eq!(at(71), Ok(()));
    }
}
