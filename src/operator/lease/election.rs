//! Who may hold the Lease, decided from what was seen of it. Pure: both clocks are arguments, and of
//! these the wall clock is only written down, for people. It is never compared: clocks of machines
//! differ, and jump.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};

/// One candidate, and what it has seen.
pub(super) struct Election {
    name: String,
    identity: String,
    duration: Duration,
    seen: Option<Seen>,
}

/// The Lease, if there is one, and since when it says what it says.
struct Seen {
    lease: Option<Lease>,
    since: Instant,
}

/// What the candidate may do now.
#[derive(Debug, PartialEq)]
pub(super) enum ElectionStep {
    /// Write this Lease: new where it has no version, else in the place of exactly that version.
    Claim(Box<Lease>),
    /// Wait: another one holds it, until then unless it renews.
    Wait {
        /// Who holds it.
        holder: String,
        /// When it is over.
        until: Instant,
    },
}

impl Election {
    pub(super) fn new(name: String, identity: String, duration: Duration) -> Self {
        Self {
            name,
            identity,
            duration,
            seen: None,
        }
    }

    /// Takes note of the Lease. What counts is when it changed for us, by our own clock: whoever renews
    /// it changes it, and whoever does not is gone.
    pub(super) fn see(&mut self, lease: Option<Lease>, now: Instant) {
        let since = match &self.seen {
            Some(seen) if spec(seen.lease.as_ref()) == spec(lease.as_ref()) => seen.since,
            Some(_) | None => now,
        };
        self.seen = Some(Seen { lease, since });
    }

    /// What may be done, by what was seen last.
    pub(super) fn next(&self, now: Instant, wall: Timestamp) -> ElectionStep {
        let lease = self.seen.as_ref().and_then(|seen| seen.lease.as_ref());
        let since = self.seen.as_ref().map_or(now, |seen| seen.since);
        let spec = lease.and_then(|lease| lease.spec.as_ref());
        match holder(spec) {
            Some(holder) if *holder != self.identity => {
                let until = since + self.promised(spec);
                if now < until {
                    return ElectionStep::Wait {
                        holder: holder.clone(),
                        until,
                    };
                }
            }
            Some(_) | None => {}
        }
        ElectionStep::Claim(Box::new(self.claimed(lease, wall)))
    }

    /// Whether this candidate holds the Lease, by what was seen last.
    pub(super) fn is_held(&self) -> bool {
        let lease = self.seen.as_ref().and_then(|seen| seen.lease.as_ref());
        holder(spec(lease)) == Some(&self.identity)
    }

    /// The Lease as given up by this candidate; `None` if it does not hold it.
    pub(super) fn given_up(&self, wall: Timestamp) -> Option<Lease> {
        let mut lease = self.seen.as_ref()?.lease.clone()?;
        let spec = lease.spec.as_mut()?;
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            return None;
        }
        // As client-go leaves it: no holder, and over in a second for whoever does not know that.
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(wall));
        Some(lease)
    }

    /// The Lease as held by this candidate, all that others wrote into it kept.
    fn claimed(&self, lease: Option<&Lease>, wall: Timestamp) -> Lease {
        let mut lease = lease.cloned().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let is_new = lease.spec.is_none();
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            let before = spec.lease_transitions.unwrap_or_default();
            spec.lease_transitions = Some(if is_new { 0 } else { before.saturating_add(1) });
            spec.acquire_time = Some(MicroTime(wall));
            spec.holder_identity = Some(self.identity.clone());
        }
        let seconds = self.duration.as_secs_f64().ceil() as i32;
        spec.lease_duration_seconds = Some(seconds);
        spec.renew_time = Some(MicroTime(wall));
        lease
    }

    /// How long a holder may be silent: what it says itself, since it is not on our flags.
    fn promised(&self, spec: Option<&LeaseSpec>) -> Duration {
        spec.and_then(|spec| spec.lease_duration_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.duration, Duration::from_secs)
    }
}

fn spec(lease: Option<&Lease>) -> Option<&LeaseSpec> {
    lease.and_then(|lease| lease.spec.as_ref())
}

fn holder(spec: Option<&LeaseSpec>) -> Option<&String> {
    spec.and_then(|spec| spec.holder_identity.as_ref())
        .filter(|holder| !holder.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: Duration = Duration::from_secs(15);

    fn election(identity: &str) -> Election {
        Election::new("lease".to_owned(), identity.to_owned(), DURATION)
    }

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    /// What `by` writes when it may.
    fn claim(by: &Election, now: Instant, at: Timestamp) -> Lease {
        match by.next(now, at) {
            ElectionStep::Claim(lease) => *lease,
            ElectionStep::Wait { holder, .. } => panic!("{holder} holds it"),
        }
    }

    fn waits(by: &Election, now: Instant) -> Option<Duration> {
        match by.next(now, wall(0)) {
            ElectionStep::Claim(_) => None,
            ElectionStep::Wait { until, .. } => Some(until - now),
        }
    }

    fn facts(lease: &Lease) -> (&str, i32, i32, i64, i64) {
        let spec = lease.spec.as_ref().expect("a spec");
        let seconds = |time: &Option<MicroTime>| time.as_ref().expect("a time").0.as_second();
        (
            spec.holder_identity.as_deref().expect("a holder"),
            spec.lease_duration_seconds.expect("a duration"),
            spec.lease_transitions.expect("transitions"),
            seconds(&spec.acquire_time),
            seconds(&spec.renew_time),
        )
    }

    #[test]
    fn a_lease_that_is_not_there_is_made() {
        let now = Instant::now();
        let mut a = election("a");
        a.see(None, now);
        let lease = claim(&a, now, wall(7));
        assert_eq!(lease.metadata.name.as_deref(), Some("lease"));
        assert_eq!(
            lease.metadata.resource_version, None,
            "it is made, not replaced"
        );
        assert_eq!(facts(&lease), ("a", 15, 0, 7, 7));
    }

    #[test]
    fn its_holder_renews_it_and_says_since_when_it_holds_it() {
        let now = Instant::now();
        let mut a = election("a");
        let mut lease = claim(&a, now, wall(7));
        lease.metadata.resource_version = Some("12".to_owned());
        a.see(Some(lease), now);
        let renewed = claim(&a, now + Duration::from_secs(2), wall(9));
        assert_eq!(facts(&renewed), ("a", 15, 0, 7, 9));
        assert_eq!(
            renewed.metadata.resource_version.as_deref(),
            Some("12"),
            "exactly what was read is replaced"
        );
    }

    #[test]
    fn a_holder_that_is_silent_for_the_whole_lease_is_replaced() {
        let now = Instant::now();
        let (a, mut b) = (election("a"), election("b"));
        let lease = claim(&a, now, wall(0));
        b.see(Some(lease.clone()), now);
        assert_eq!(waits(&b, now), Some(DURATION));
        let later = now + Duration::from_secs(14);
        b.see(Some(lease.clone()), later);
        assert_eq!(
            waits(&b, later),
            Some(Duration::from_secs(1)),
            "to read the same again renews nothing"
        );
        let over = now + DURATION;
        assert_eq!(facts(&claim(&b, over, wall(15))), ("b", 15, 1, 15, 15));
    }

    #[test]
    fn a_holder_that_renews_keeps_it() {
        let mut now = Instant::now();
        let (mut a, mut b) = (election("a"), election("b"));
        for second in 0..100 {
            let lease = claim(&a, now, wall(second));
            a.see(Some(lease.clone()), now);
            b.see(Some(lease), now);
            now += Duration::from_secs(14);
            assert_eq!(waits(&b, now), Some(Duration::from_secs(1)));
        }
    }

    #[test]
    fn no_wall_clock_makes_anybody_wait_longer_or_shorter() {
        // The holder's clock is right, years ahead, years behind, or jumps at each renewal.
        for clock in [
            [0, 2],
            [4_000_000_000, 4_000_000_002],
            [-1_000_000_000, -999_999_998],
            [0, 4_000_000_000],
            [4_000_000_000, 0],
            [5, 5 - 3600],
        ] {
            let now = Instant::now();
            let (mut a, mut b) = (election("a"), election("b"));
            let lease = claim(&a, now, wall(clock[0]));
            a.see(Some(lease.clone()), now);
            b.see(Some(lease), now);
            let renewed_at = now + Duration::from_secs(2);
            let renewed = claim(&a, renewed_at, wall(clock[1]));
            b.see(Some(renewed), renewed_at);
            let almost = renewed_at + DURATION - Duration::from_millis(1);
            assert_eq!(
                waits(&b, almost),
                Some(Duration::from_millis(1)),
                "{clock:?}"
            );
            // Our own clock jumps as well: it is written down and that is all.
            for ours in [wall(-2_000_000_000), wall(0), wall(5_000_000_000)] {
                assert!(
                    matches!(b.next(almost, ours), ElectionStep::Wait { .. }),
                    "{clock:?} {ours}"
                );
                assert!(
                    matches!(b.next(renewed_at + DURATION, ours), ElectionStep::Claim(_)),
                    "{clock:?} {ours}"
                );
            }
        }
    }

    #[test]
    fn a_lease_that_was_given_up_is_free_at_once() {
        let now = Instant::now();
        let (mut a, mut b) = (election("a"), election("b"));
        let lease = claim(&a, now, wall(0));
        a.see(Some(lease.clone()), now);
        b.see(Some(lease), now);
        assert!(waits(&b, now).is_some());
        let given_up = a.given_up(wall(1)).expect("it holds it");
        b.see(Some(given_up), now);
        assert_eq!(facts(&claim(&b, now, wall(2))), ("b", 15, 1, 2, 2));
        assert_eq!(b.given_up(wall(3)), None, "it is not b's yet");
    }

    #[test]
    fn a_lease_that_was_deleted_is_free_at_once() {
        let now = Instant::now();
        let (a, mut b) = (election("a"), election("b"));
        b.see(Some(claim(&a, now, wall(0))), now);
        b.see(None, now);
        assert_eq!(waits(&b, now), None);
    }

    #[test]
    fn the_holders_own_duration_counts() {
        let now = Instant::now();
        let a = Election::new(
            "lease".to_owned(),
            "a".to_owned(),
            Duration::from_millis(59_500),
        );
        let mut b = election("b");
        b.see(Some(claim(&a, now, wall(0))), now);
        assert_eq!(
            waits(&b, now),
            Some(Duration::from_secs(60)),
            "it is written in whole seconds, and never less than was meant"
        );
    }

    #[test]
    fn a_duration_that_is_none_is_ours() {
        let now = Instant::now();
        let (a, mut b) = (election("a"), election("b"));
        for duration in [None, Some(-1)] {
            let mut lease = claim(&a, now, wall(0));
            lease.spec.get_or_insert_default().lease_duration_seconds = duration;
            b.see(Some(lease), now);
            assert_eq!(waits(&b, now), Some(DURATION), "{duration:?}");
        }
    }

    #[test]
    fn what_others_wrote_into_it_stays() {
        let now = Instant::now();
        let (a, mut b) = (election("a"), election("b"));
        let mut lease = claim(&a, now, wall(0));
        let labels = [("team".to_owned(), "agents".to_owned())].into();
        lease.metadata.labels = Some(labels);
        b.see(Some(lease.clone()), now);
        let taken = claim(&b, now + DURATION, wall(15));
        assert_eq!(taken.metadata, lease.metadata);
    }
}
