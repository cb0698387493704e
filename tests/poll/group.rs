//! Several projects with the same base URL and API key: their pollers read each page of changes once for all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use composio_operator::poll::{Poll, PollEvent, Polling, ScanGroup};
use composio_operator::record::RecordKeys;
use futures::future::{join_all, select, select_all};
use futures::{FutureExt, pin_mut};
use jiff::SignedDuration;

use super::bench::{Bench, POLLING, Shared, lock};
use super::{RESYNC, TICK, disturb, in_simulated_time};

/// So many accounts has each project.
const EACH: usize = 3;
const MOMENT: Duration = Duration::from_millis(100);

/// So many projects of one key, each with accounts of its own.
fn projects(many: usize) -> Vec<Bench> {
    projects_of(many, 50)
}

/// The same where a page of a list has so many rows at most.
fn projects_of(many: usize, max_page: usize) -> Vec<Bench> {
    let group = ScanGroup::default();
    let all = Bench::new(many * EACH, 1, max_page, false);
    let of = |n: usize| {
        let ours = all.ours[n * EACH..(n + 1) * EACH].to_vec();
        Bench::of_group(&all.shared, ours, all.others.clone(), false, &group)
    };
    (0..many).map(of).collect()
}

/// Moves Composio's clock and that of the projects with the time of the runtime.
async fn time_passes(shared: &Shared) {
    loop {
        tokio::time::sleep(MOMENT).await;
        *lock(&shared.now) += SignedDuration::try_from(MOMENT).expect("it is short");
    }
}

/// All of them poll for so many seconds. How often changes were listed.
async fn scans(benches: &mut [Bench], seconds: u64) -> usize {
    let shared = Arc::clone(&benches[0].shared);
    *lock(&shared.scans) = 0;
    let polls = benches
        .iter_mut()
        .map(|bench| bench.poll.run(|_| (), |_| ()).boxed());
    let polls = join_all(polls);
    let clock = time_passes(&shared);
    pin_mut!(polls, clock);
    let polling = tokio::time::timeout(Duration::from_secs(seconds), select(polls, clock));
    assert!(polling.await.is_err(), "they poll for ever");
    *lock(&shared.scans)
}

/// An account of each changes.
fn change_one_of_each(benches: &[Bench], state: &str) {
    for bench in benches {
        bench.set(&bench.ours[0], state, bench.now());
    }
}

fn assert_seen(benches: &[Bench]) {
    for bench in benches {
        for id in &bench.ours {
            assert_eq!(bench.remembered(id), bench.truth(id), "{id}");
        }
    }
}

#[test]
fn five_projects_of_one_key_ask_as_often_as_one_and_each_sees_what_is_its_own() {
    in_simulated_time(async {
        let (mut one, mut five) = (projects(1), projects(5));
        for benches in [&mut one, &mut five] {
            scans(benches, 9).await;
        }
        let alone = scans(&mut one, 99).await;
        let together = scans(&mut five, 99).await;
        assert_eq!((alone, together), (50, 50));
        for state in ["EXPIRED", "ACTIVE"] {
            change_one_of_each(&five, state);
            let asked = scans(&mut five, 3).await;
            assert!(asked <= 2, "{asked}");
            assert_seen(&five);
        }
        for bench in &five {
            let kept = bench.project.snapshot(|snapshot| snapshot.size());
            assert_eq!(kept, EACH, "what is not its own is not kept");
        }
    });
}

#[test]
fn pages_that_follow_the_first_are_read_once_too() {
    in_simulated_time(async {
        let mut benches = projects_of(4, 5);
        scans(&mut benches, 30).await;
        for bench in &benches {
            for id in &bench.ours {
                bench.set(id, "EXPIRED", bench.now());
            }
        }
        let asked = scans(&mut benches, 1).await;
        assert!(
            (3..=4).contains(&asked),
            "twelve rows are three pages: {asked}"
        );
        assert_seen(&benches);
    });
}

/// The same pollers with other intervals.
fn with_intervals(benches: &mut [Bench], group: &ScanGroup, seconds: &[u64]) {
    for (bench, seconds) in benches.iter_mut().zip(seconds) {
        let polling = Polling {
            interval: Duration::from_secs(*seconds),
            ..POLLING
        };
        let (project, objects) = (Arc::clone(&bench.project), bench.objects.clone());
        bench.poll = Poll::of_group(project, objects, polling, group);
    }
}

#[test]
fn the_shortest_interval_counts_for_all() {
    in_simulated_time(async {
        let mut benches = projects(3);
        // Links of before may be out for ten minutes: nobody is expected, because no object says so.
        with_intervals(&mut benches, &ScanGroup::default(), &[60, 10, 300]);
        scans(&mut benches, 15).await;
        assert_eq!(scans(&mut benches, 100).await, 10 + 1);
        change_one_of_each(&benches, "EXPIRED");
        scans(&mut benches, 11).await;
        assert_seen(&benches);
    });
}

#[test]
fn where_the_one_that_asks_stops_in_the_middle_another_goes_on() {
    in_simulated_time(async {
        let mut benches = projects(2);
        scans(&mut benches, 9).await;
        let shared = Arc::clone(&benches[0].shared);
        *lock(&shared.latency) = Duration::from_secs(20);
        let mut second = benches.pop().expect("there are two");
        let mut first = benches.pop().expect("there are two");
        {
            // Both are due: one asks, and the other waits for that answer.
            *lock(&shared.scans) = 0;
            let (one, other) = (
                first.poll.run(|_| (), |_| ()).boxed(),
                second.poll.run(|_| (), |_| ()).boxed(),
            );
            let both = select_all([one, other]);
            let waited = tokio::time::timeout(Duration::from_secs(10), both).await;
            assert!(waited.is_err());
            assert_eq!(*lock(&shared.scans), 1);
        }
        *lock(&shared.latency) = Duration::ZERO;
        drop(first);
        second.set(&second.ours[0], "EXPIRED", second.now());
        let mut left = [second];
        scans(&mut left, 3).await;
        assert_seen(&left);
    });
}

#[test]
fn an_answer_that_rejects_the_key_is_told_of_each_and_sent_once() {
    in_simulated_time(async {
        let mut benches = projects(3);
        scans(&mut benches, 9).await;
        lock(&benches[0].shared.world).set_api_key("another".to_owned(), false);
        let before = *lock(&benches[0].shared.requests);
        for bench in &mut benches {
            bench.pass_time(SignedDuration::from_millis(1));
            let event = bench.poll.tick(|_| ()).await;
            assert!(matches!(event, PollEvent::Failed(error) if error.is_unauthorized()));
            assert!(bench.project.closed().read_until.is_some());
            tokio::time::timeout(MOMENT, bench.project.key_rejected())
                .await
                .expect("its key is read again");
        }
        assert_eq!(*lock(&benches[0].shared.requests) - before, 1);
    });
}

#[test]
fn two_that_are_slow_do_not_wake_each_other_without_a_pause() {
    in_simulated_time(async {
        let mut benches = projects(3);
        scans(&mut benches, 9).await;
        *lock(&benches[0].shared.latency) = Duration::from_secs(5);
        let asked = scans(&mut benches, 600).await;
        // A request of five seconds, and half a second of rest at the least.
        assert!((60..=110).contains(&asked), "{asked}");
    });
}

#[test]
fn a_look_that_came_after_the_page_was_asked_for_counts_in_every_project() {
    in_simulated_time(async {
        let mut benches = projects(2);
        for bench in &mut benches {
            bench.tick().await;
        }
        benches[0].pass_time(TICK);
        let id = benches[1].ours[0].clone();
        let stamp = benches[1].now();
        benches[1].set(&id, "EXPIRED", stamp);
        benches[0].tick().await;
        // Before the second takes the page, a pass of it has seen the account come back, by the same stamp.
        benches[1].set(&id, "ACTIVE", stamp);
        let seen = benches[1]
            .project
            .client
            .get(&id)
            .await
            .expect("it is there");
        benches[1].project.snapshot(|snapshot| snapshot.see(&seen));
        let (requests, told) = benches[1].tick().await;
        assert_eq!((requests, told), (0, BTreeSet::new()));
        assert_eq!(benches[1].remembered(&id).as_deref(), Some("ACTIVE"));
    });
}

#[test]
fn one_that_joins_or_was_busy_for_long_takes_no_page_of_before() {
    in_simulated_time(async {
        let mut benches = projects(3);
        for bench in &mut benches {
            bench.tick().await;
        }
        let group = ScanGroup::default();
        with_intervals(&mut benches, &group, &[2, 2]);
        for bench in &mut benches[..2] {
            bench.tick().await;
        }
        let shared = Arc::clone(&benches[0].shared);
        let scans_of = async |bench: &mut Bench| {
            *lock(&shared.scans) = 0;
            bench.tick().await;
            *lock(&shared.scans)
        };
        benches[0].pass_time(TICK);
        assert_eq!(scans_of(&mut benches[0]).await, 1);
        with_intervals(&mut benches[2..], &group, &[2]);
        let third = &mut benches[2];
        assert_eq!(
            scans_of(third).await,
            0,
            "first it asks for what is its own"
        );
        assert_eq!(
            scans_of(third).await,
            1,
            "what was read before is not for it"
        );
        assert_eq!(scans_of(&mut benches[0]).await, 0);
        benches[1].pass_time(SignedDuration::from_secs(3));
        assert_eq!(scans_of(&mut benches[1]).await, 1, "it was busy for long");
    });
}

#[test]
fn whatever_moves_no_change_is_missed_by_any_of_those_that_share_a_key() {
    in_simulated_time(async {
        for seed in 0..4 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut benches = projects_of(3, [2, 7, 50][random.usize(..3)]);
            let ids: Vec<String> = benches.iter().flat_map(|one| one.ours.clone()).collect();
            let mut wrong_since = std::collections::BTreeMap::new();
            for _ in 0..200 {
                let now = benches[0].now();
                for _ in 0..[0, 0, 1, 5, 30][random.usize(..5)] {
                    disturb(&mut benches[0].world(), &mut random, &ids, now);
                }
                for bench in &mut benches {
                    // Some are late, and one is made anew now and then.
                    match random.u32(..20) {
                        0 => bench.project.key_changed(RecordKeys::clone),
                        1..5 => {}
                        _ => drop(bench.tick().await),
                    }
                }
                for bench in &benches {
                    for id in &bench.ours {
                        if bench.told[id] == bench.truth(id) {
                            wrong_since.remove(id);
                            continue;
                        }
                        let since = *wrong_since.entry(id.clone()).or_insert(now);
                        let late = now.duration_since(since);
                        assert!(
                            late <= RESYNC + TICK * 10,
                            "seed {seed}: {id} since {since}"
                        );
                    }
                }
                let step = SignedDuration::from_millis(random.i64(1..=4_000));
                benches[0].pass_time(step);
            }
        }
    });
}
