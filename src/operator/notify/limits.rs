//! How much one namespace, and one person, is told of in a time. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

/// Messages of one namespace in an hour: a team must not flood the platform's channel.
const OF_NAMESPACE: Limit = Limit {
    most: 60,
    within: Duration::from_secs(60 * 60),
};
/// Messages to one person in a day.
const TO_PERSON: Limit = Limit {
    most: 5,
    within: Duration::from_secs(24 * 60 * 60),
};
/// So many namespaces or people are remembered at most. Those whose time is over are forgotten then; where there are
/// more all the same, what is new is told, and not counted.
const MOST: usize = 10_000;

#[derive(Clone, Copy)]
struct Limit {
    most: usize,
    within: Duration,
}

/// Those that are over are forgotten so often at most: there may be many.
const SWEEP: Duration = Duration::from_secs(60);

/// When messages were admitted, by a name.
#[derive(Default)]
struct Admitted {
    times: HashMap<String, VecDeque<Instant>>,
    swept: Option<Instant>,
}

/// What was told of late.
#[derive(Default)]
pub(super) struct Limits {
    of_namespace: Admitted,
    to_person: Admitted,
}

impl Limits {
    /// Whether one more message of that namespace may be sent to that person. If so, it counts.
    pub(super) fn admit(&mut self, namespace: &str, person: &str, now: Instant) -> bool {
        let may_be = self.of_namespace.has_room(OF_NAMESPACE, namespace, now)
            && self.to_person.has_room(TO_PERSON, person, now);
        if may_be {
            self.of_namespace.add(namespace, now);
            self.to_person.add(person, now);
        }
        may_be
    }
}

impl Admitted {
    fn has_room(&mut self, limit: Limit, name: &str, now: Instant) -> bool {
        let is_over = |at: &Instant| now.duration_since(*at) >= limit.within;
        let is_full = self.times.len() >= MOST;
        if is_full && self.swept.is_none_or(|at| now.duration_since(at) >= SWEEP) {
            self.swept = Some(now);
            self.times
                .retain(|_, times| times.back().is_some_and(|last| !is_over(last)));
        }
        let Some(times) = self.times.get_mut(name) else {
            return true;
        };
        while times.front().is_some_and(is_over) {
            times.pop_front();
        }
        times.len() < limit.most
    }

    fn add(&mut self, name: &str, now: Instant) {
        if self.times.len() < MOST || self.times.contains_key(name) {
            self.times
                .entry(name.to_owned())
                .or_default()
                .push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_noisy_namespace_is_stopped_and_no_other_is() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let mut admitted = |namespace: &str, count: usize, now| {
            let each = (0..count).map(|n| format!("{namespace}-{n}"));
            each.filter(|person| limits.admit(namespace, person, now))
                .count()
        };
        assert_eq!(admitted("noisy", 1000, now), 60);
        assert_eq!(admitted("quiet", 50, now), 50);
        let later = now + Duration::from_secs(60 * 60);
        assert_eq!(admitted("noisy", 1000, later), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn one_person_is_told_five_times_a_day_by_all_namespaces_together() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let mut admitted = |now| {
            let each = (0..20).map(|n| format!("team-{n}"));
            each.filter(|namespace| limits.admit(namespace, "ceo@acme.com", now))
                .count()
        };
        assert_eq!(admitted(now), 5);
        assert_eq!(admitted(now + Duration::from_secs(23 * 60 * 60)), 0);
        assert_eq!(admitted(now + Duration::from_secs(24 * 60 * 60)), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        for n in 0..MOST * 2 {
            let name = n.to_string();
            limits.admit(&name, &name, now);
        }
        assert_eq!(limits.of_namespace.times.len(), MOST);
        let later = now + Duration::from_secs(2 * 24 * 60 * 60);
        assert!(
            limits.admit("new", "new", later),
            "the others are forgotten"
        );
    }
}
