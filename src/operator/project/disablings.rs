//! How many accounts are disabled at a time because somebody else has signed in. Pure: time is an argument, that of the
//! monotonic clock.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

/// So many in a minute, of each namespace. More at once is rather a toolkit that shows people otherwise than before.
pub(super) const MOST_DISABLINGS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);

/// When accounts of a project were disabled for that, by namespace: nobody uses up what others have.
#[derive(Debug, Default)]
pub(super) struct Disablings {
    last: Mutex<HashMap<Box<str>, VecDeque<Instant>>>,
}

impl Disablings {
    /// Takes one.
    ///
    /// # Errors
    /// How long until the next may be taken.
    pub(super) fn take(&self, namespace: &str, now: Instant) -> Result<(), Duration> {
        let mut all = self.last.lock();
        all.retain(|_, last| {
            last.retain(|at| now.duration_since(*at) < WINDOW);
            !last.is_empty()
        });
        let last = all.entry(namespace.into()).or_default();
        match last.front() {
            Some(oldest) if last.len() >= MOST_DISABLINGS => {
                Err((*oldest + WINDOW).duration_since(now))
            }
            _ => {
                last.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_disabled_in_a_minute_and_the_next_in_turn() {
        let disablings = Disablings::default();
        let start = Instant::now();
        let at = |seconds| disablings.take("team", start + Duration::from_secs(seconds));
        for seconds in [0, 10, 10, 10, 50] {
            assert_eq!(at(seconds), Ok(()), "{seconds}");
        }
        assert_eq!(at(50), Err(Duration::from_secs(10)));
        assert_eq!(at(59), Err(Duration::from_secs(1)));
        assert_eq!(at(60), Ok(()));
        assert_eq!(at(60), Err(Duration::from_secs(10)));
        assert_eq!(at(71), Ok(()));
    }

    #[test]
    fn no_namespace_uses_up_what_another_has() {
        let disablings = Disablings::default();
        let now = Instant::now();
        for _ in 0..MOST_DISABLINGS {
            assert_eq!(disablings.take("noisy", now), Ok(()));
        }
        assert_eq!(disablings.take("noisy", now), Err(WINDOW));
        assert_eq!(disablings.take("quiet", now), Ok(()));
        let later = now + WINDOW;
        assert_eq!(disablings.take("quiet", later), Ok(()));
        assert_eq!(disablings.last.lock().len(), 1, "what is over is forgotten");
    }
}
