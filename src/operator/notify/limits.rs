//! How much one namespace, and one person, is told of in a time. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::{notice::Notice, outbox::Waiting};

/// Of one namespace in an hour, each of a digest too: a team must not flood the platform's channel.
const OF_NAMESPACE: Limit = Limit {
    most: 60,
    within: Duration::from_secs(60 * 60),
};
/// To one person in a day.
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

/// Objects that wait, with what is to be told of each.
type Notices = Vec<(Waiting, Notice)>;

impl Limits {
    /// Parts what may be told from what may not. What may counts once, however often it is sent to that person.
    pub(super) fn admit_each(&mut self, all: Notices, now: Instant) -> (Notices, Notices) {
        let (mut admitted, mut limited) = (Notices::new(), Notices::new());
        for (mut waiting, notice) in all {
            let person = &notice.person;
            let is_counted = waiting.admitted_to.as_ref() == Some(person);
            if is_counted || self.admit(&notice.namespace, person, now) {
                waiting.admitted_to = Some(person.clone());
                admitted.push((waiting, notice));
            } else {
                limited.push((waiting, notice));
            }
        }
        (admitted, limited)
    }

    /// Whether that person may be told of that namespace once more. If so, it counts.
    fn admit(&mut self, namespace: &str, person: &str, now: Instant) -> bool {
        let person = same_for_all(person);
        let may_be = self.of_namespace.has_room(OF_NAMESPACE, namespace, now)
            && self.to_person.has_room(TO_PERSON, &person, now);
        if may_be {
            self.of_namespace.add(namespace, now);
            self.to_person.add(&person, now);
        }
        may_be
    }
}

/// One writing of an address, in whatever case, and with its domain in whatever letters, it is written.
fn same_for_all(person: &str) -> String {
    let person = person.trim().to_lowercase();
    let ascii = person.rsplit_once('@').and_then(|(local, domain)| {
        let url = reqwest::Url::parse(&format!("https://{domain}")).ok()?;
        Some(format!("{local}@{}", url.host_str()?))
    });
    ascii.unwrap_or(person)
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
    use super::{
        super::{digest::tests::notices, outbox::Object},
        *,
    };

    /// So many objects of a namespace, each about another person or all about one.
    fn waiting(namespace: &str, count: usize, is_one_person: bool) -> Notices {
        let each = notices(namespace, count).into_iter().enumerate();
        let each = each.map(|(n, mut notice)| {
            if !is_one_person {
                notice.person = format!("{namespace}-{n}@acme.com");
            }
            let object = Object::new(&n.to_string()).within(namespace);
            (Waiting::new(object), notice)
        });
        each.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_gathered_is_admitted_one_by_one_and_counts_once_for_all_attempts() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let mut all = waiting("noisy", 1000, false);
        all.extend(waiting("quiet", 10, true));
        let (admitted, limited) = limits.admit_each(all, now);
        let of = |namespace: &str, all: &Notices| {
            let of_it = all.iter().filter(|(_, one)| one.namespace == namespace);
            of_it.count()
        };
        assert_eq!((of("noisy", &admitted), of("noisy", &limited)), (60, 940));
        assert_eq!((of("quiet", &admitted), of("quiet", &limited)), (5, 5));
        let (mut again, limited) = limits.admit_each(admitted, now);
        assert_eq!((again.len(), limited.len()), (65, 0), "sent again");
        let mut other = again.pop().expect("one of them");
        other.1.person = "CEO@acme.com".to_owned();
        other.1.namespace = "noisy".to_owned();
        let (admitted, limited) = limits.admit_each(vec![other], now);
        assert_eq!((admitted.len(), limited.len()), (0, 1), "somebody else");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_in_another_case_or_with_its_domain_in_other_letters_is_the_same_person() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let each = [
            "ceo@b\u{fc}cher.example",
            "CEO@b\u{fc}cher.example",
            " ceo@B\u{dc}cher.example ",
            "ceo@xn--bcher-kva.example",
            "ceo@\u{ff42}\u{fc}cher.example",
        ];
        let each = each.iter().cycle().take(20).enumerate();
        let admitted = each.filter(|(n, person)| limits.admit(&n.to_string(), person, now));
        assert_eq!(admitted.count(), 5);
    }

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
