//! At the start all passes wait until the API key of each project was read, or could not be: an object must not take
//! what one of another project has, only because it is not known yet that both lead to the same place.

use std::time::Duration;

use parking_lot::Mutex;

/// For so long passes wait, at the longest: the apiserver must not hold up everything with one Secret.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How many keys were not tried to be read yet.
#[derive(Debug, Default)]
pub(super) struct FirstKeys(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// No project has been started.
    #[default]
    NotStarted,
    /// So many are left.
    Left(usize),
    /// Nobody waits any more.
    Over,
}

impl FirstKeys {
    /// So many projects are started. Tells whether nobody waits any more.
    pub(super) fn start(&self, projects: usize) -> bool {
        let mut state = self.0.lock();
        *state = match projects {
            0 => State::Over,
            left => State::Left(left),
        };
        projects == 0
    }

    /// One was tried to be read. Tells whether that was the last.
    pub(super) fn was_tried(&self) -> bool {
        let mut state = self.0.lock();
        let State::Left(left) = *state else {
            return false;
        };
        *state = match left {
            0 | 1 => State::Over,
            left => State::Left(left - 1),
        };
        matches!(*state, State::Over)
    }

    /// Nobody waits any longer. Tells whether somebody did.
    pub(super) fn end(&self) -> bool {
        let former = std::mem::replace(&mut *self.0.lock(), State::Over);
        !matches!(former, State::Over)
    }

    /// Whether passes wait.
    pub(super) fn are_awaited(&self) -> bool {
        matches!(*self.0.lock(), State::Left(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_wait_for_the_last_of_the_first_keys_and_not_for_ever() {
        let keys = FirstKeys::default();
        assert!(!keys.are_awaited());
        assert!(!keys.start(2));
        assert!(keys.are_awaited());
        assert!(!keys.was_tried());
        assert!(keys.was_tried(), "the last");
        assert!(!keys.are_awaited());
        assert!(!keys.was_tried(), "one that is declared later");
        assert!(!keys.end());
        assert!(!keys.start(1));
        assert!(keys.end(), "the time is over");
        assert!(!keys.are_awaited());
        assert!(FirstKeys::default().start(0), "there is none");
    }
}
