//! Whether the API key may be used, as its last answers tell. Pure: time is an argument, that of the monotonic
//! clock, since nothing of it outlives the process.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::time::to_signed;

/// After its first refusal a gate stays closed for this long, after each further one twice as long as before.
const MIN_WAIT: Duration = Duration::from_secs(30);
/// The longest that a gate stays closed after one refusal.
const MAX_WAIT: Duration = Duration::from_secs(10 * 60);

/// Two gates, because a key without the right to write gets the same 401 as a wrong key.
#[derive(Debug, Default)]
pub(super) struct AccessGates {
    read: Option<ClosedGate>,
    write: Option<ClosedGate>,
    /// What Composio suggested where it refused the key, until the key is taken again.
    suggestion: Option<Arc<str>>,
    /// The organisation's rate limit is used up until then.
    paused_until: Option<Instant>,
    /// What is known of the project itself.
    identity: ProjectIdentity,
    /// Namespaces of which too much is missing, though the project is ours.
    unproved_namespaces: Arc<BTreeSet<String>>,
    /// Which key this is of: an answer to the former one proves nothing of the next.
    generation: u64,
}

/// Whether the project is the one in which the recorded accounts were made. With the key of another
/// one, or at another server, everything looks gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectIdentity {
    /// It was not asked yet, since the start or since the key changed.
    #[default]
    Unproved,
    /// It is.
    Ours,
    /// It seems to be another one.
    Foreign,
}

#[derive(Clone, Copy, Debug)]
struct ClosedGate {
    until: Instant,
    wait: Duration,
}

/// Which gates are closed, and until when: by the wall clock as it stands at this moment, for what is told and
/// decided in its terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosedGates {
    /// Reading: until the poll, which goes on, gets through.
    pub read_until: Option<Timestamp>,
    /// Writing: until then, when the next effect is the probe.
    pub write_until: Option<Timestamp>,
    /// Whether the last effect was refused for the key.
    pub write_refused: bool,
    /// Everything: as long as Composio asked, because the rate limit is used up.
    pub paused_until: Option<Timestamp>,
    /// What Composio suggested where it refused the key.
    pub suggestion: Option<Arc<str>>,
    /// Everything that rests on an account not being there, unless the project is proved to be ours.
    pub identity: ProjectIdentity,
}

impl AccessGates {
    /// Takes note of an answer.
    pub(super) fn note(&mut self, write: bool, status: Option<u16>, now: Instant) {
        let gate = if write {
            &mut self.write
        } else {
            &mut self.read
        };
        match status {
            Some(401) => {
                // Calls that were under way when the gate closed say nothing new.
                if gate.is_some_and(|gate| now < gate.until) {
                    return;
                }
                let wait = gate.map_or(MIN_WAIT, |gate| (gate.wait * 2).min(MAX_WAIT));
                *gate = Some(ClosedGate {
                    until: now + wait,
                    wait,
                });
            }
            Some(200..=299) => *gate = None,
            Some(_) | None => {}
        }
        if self.read.is_none() && self.write.is_none() {
            self.suggestion = None;
        }
    }

    /// Takes note of what Composio suggested where it refused the key.
    pub(super) fn suggest(&mut self, suggestion: &str) {
        if self.suggestion.as_deref() != Some(suggestion) {
            self.suggestion = Some(suggestion.into());
        }
    }

    /// Takes note of a 429: the limit is the organisation's, so nobody asks anything before its end.
    pub(super) fn pause(&mut self, retry_after: Duration, now: Instant) {
        self.paused_until = self.paused_until.max(Some(now + retry_after));
    }

    /// Everything begins anew: the key is another one.
    pub(super) fn key_changed(&mut self) {
        *self = Self {
            generation: self.generation + 1,
            ..Self::default()
        };
    }

    /// The number of the key in use: how often it was changed.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes note of what was found out with the key of that generation.
    pub(super) fn identify(&mut self, generation: u64, identity: ProjectIdentity) {
        if generation == self.generation {
            self.identity = identity;
        }
    }

    /// Takes note of the namespaces for which nothing is to be concluded from what is missing.
    pub(super) fn set_unproved_namespaces(
        &mut self,
        generation: u64,
        namespaces: BTreeSet<String>,
    ) {
        if generation == self.generation {
            self.unproved_namespaces = Arc::new(namespaces);
        }
    }

    /// The namespaces that [`AccessGates::set_unproved_namespaces`] was given last.
    pub(super) fn unproved_namespaces(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.unproved_namespaces)
    }

    /// What is closed now. Reading stays closed until a poll gets through, however long that takes.
    pub(super) fn closed(&self, now: Instant, wall: Timestamp) -> ClosedGates {
        let wall_time = |until: Instant| {
            wall.saturating_add(to_signed(until.saturating_duration_since(now)))
                .unwrap_or(Timestamp::MAX)
        };
        let is_ahead = |until: &Instant| now < *until;
        ClosedGates {
            read_until: self.read.map(|gate| wall_time(gate.until)),
            write_until: (self.write.map(|gate| gate.until).filter(is_ahead)).map(wall_time),
            write_refused: self.write.is_some(),
            paused_until: self.paused_until.filter(is_ahead).map(wall_time),
            suggestion: self.suggestion.clone(),
            identity: self.identity,
        }
    }

    /// For how long nothing is to be asked, because the rate limit is used up.
    pub(super) fn pause_left(&self, now: Instant) -> Duration {
        self.paused_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    /// Gates whose clocks show the same seconds.
    struct Timed {
        gates: AccessGates,
        start: Instant,
    }

    impl Timed {
        fn new() -> Self {
            Self {
                gates: AccessGates::default(),
                start: Instant::now(),
            }
        }

        fn instant(&self, time: Timestamp) -> Instant {
            self.start + Duration::from_secs(time.as_second().unsigned_abs())
        }

        fn note(&mut self, write: bool, status: Option<u16>, time: Timestamp) {
            let now = self.instant(time);
            self.gates.note(write, status, now);
        }

        fn pause(&mut self, seconds: u64, time: Timestamp) {
            let now = self.instant(time);
            self.gates.pause(Duration::from_secs(seconds), now);
        }

        fn closed(&self, time: Timestamp) -> ClosedGates {
            self.gates.closed(self.instant(time), time)
        }
    }

    #[test]
    fn reading_stays_closed_until_an_answer_is_good() {
        let mut gates = Timed::new();
        gates.note(false, Some(401), at(0));
        assert_eq!(
            gates.closed(at(3600)).read_until,
            Some(at(3600)),
            "time alone does not open it"
        );
        gates.note(false, Some(500), at(3600));
        gates.note(false, None, at(3600));
        assert!(
            gates.closed(at(3600)).read_until.is_some(),
            "a failure says nothing about the key"
        );
        gates.note(false, Some(200), at(3601));
        assert_eq!(gates.closed(at(3601)), ClosedGates::default());
    }

    #[test]
    fn what_was_suggested_is_told_until_the_key_is_taken_again() {
        let mut gates = Timed::new();
        let told = |gates: &Timed| gates.closed(at(1)).suggestion.map(|fix| fix.to_string());
        gates.note(false, Some(401), at(0));
        gates.gates.suggest("Allow 192.0.2.1");
        assert_eq!(told(&gates).as_deref(), Some("Allow 192.0.2.1"));
        gates.note(true, Some(401), at(0));
        gates.note(false, Some(200), at(1));
        assert!(told(&gates).is_some(), "it may not write yet");
        gates.note(true, Some(201), at(1));
        assert_eq!(told(&gates), None);
    }

    #[test]
    fn writing_is_tried_again_at_a_growing_interval() {
        let mut gates = Timed::new();
        gates.note(true, Some(401), at(0));
        assert_eq!(gates.closed(at(1)).write_until, Some(at(30)));
        assert_eq!(
            gates.closed(at(1)).read_until,
            None,
            "a key that may only read goes on reading"
        );
        gates.note(true, Some(401), at(2));
        assert_eq!(
            gates.closed(at(3)).write_until,
            Some(at(30)),
            "a call under way does not lengthen the wait"
        );
        assert_eq!(
            gates.closed(at(30)).write_until,
            None,
            "one effect is the probe"
        );
        gates.note(true, Some(401), at(31));
        assert_eq!(gates.closed(at(32)).write_until, Some(at(91)));
        for _ in 0..10 {
            let until = gates.closed(at(0)).write_until.expect("closed");
            gates.note(true, Some(401), until);
        }
        let until = gates.closed(at(0)).write_until.expect("closed");
        gates.note(true, Some(401), until);
        let longest = gates
            .closed(at(0))
            .write_until
            .expect("closed")
            .duration_since(until);
        assert_eq!(longest.as_secs().unsigned_abs(), MAX_WAIT.as_secs());
        gates.note(true, Some(201), until);
        assert_eq!(gates.closed(until), ClosedGates::default());
    }

    #[test]
    fn what_was_found_out_with_the_former_key_proves_nothing_of_the_next() {
        let mut gates = AccessGates::default();
        let former = gates.generation();
        gates.identify(former, ProjectIdentity::Ours);
        assert_eq!(
            gates.closed(Instant::now(), at(0)).identity,
            ProjectIdentity::Ours
        );
        gates.key_changed();
        gates.identify(former, ProjectIdentity::Ours);
        assert_eq!(
            gates.closed(Instant::now(), at(0)).identity,
            ProjectIdentity::Unproved
        );
    }

    #[test]
    fn a_used_up_rate_limit_pauses_everything_for_as_long_as_was_asked() {
        let mut gates = Timed::new();
        gates.pause(40, at(0));
        gates.pause(7, at(1));
        assert_eq!(
            gates.closed(at(39)).paused_until,
            Some(at(40)),
            "the longest wait counts"
        );
        assert_eq!(gates.closed(at(40)), ClosedGates::default());
    }

    #[test]
    fn a_wall_clock_that_is_put_back_lengthens_no_wait() {
        let mut gates = Timed::new();
        gates.pause(40, at(4000));
        gates.note(true, Some(401), at(4000));
        let later = gates.instant(at(4010));
        let closed = gates.gates.closed(later, at(410));
        assert_eq!(closed.paused_until, Some(at(440)), "half a minute is left");
        assert_eq!(closed.write_until, Some(at(430)));
        let over = gates.instant(at(4040));
        let open = ClosedGates {
            write_refused: true,
            ..ClosedGates::default()
        };
        assert_eq!(gates.gates.closed(over, at(440)), open, "it may be tried");
        assert_eq!(gates.gates.pause_left(over), Duration::ZERO);
    }
}
