//! The poller against the emulated Composio under simulated time: whatever moves in the project, no
//! change of an account of ours is missed for longer than a resync, and what a tick asks is bounded.
//!
//! Sequences are random and told by their seed.

use std::collections::{BTreeMap, BTreeSet};

use composio_operator::plan::computed_alias;
use composio_operator::project::ProjectIdentity;
use composio_operator::sandbox::world::World;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::runtime::watcher;

mod bench;
mod ended;
mod group;
mod idle;
use bench::{Bench, lock, object, packed};

const TICK: SignedDuration = SignedDuration::from_secs(2);
const RESYNC: SignedDuration = SignedDuration::from_secs(120);
const STATES: [&str; 5] = ["ACTIVE", "INACTIVE", "EXPIRED", "REVOKED", "FAILED"];
const SEQUENCES: u64 = 4;
const TICKS: usize = 160;

fn in_simulated_time(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built")
        .block_on(work);
}

/// One change of a random account: its state, with a stamp that may be late, early or equal to others;
/// or its end; or, rarely, a change that leaves the stamp as it was.
fn disturb(world: &mut World, random: &mut fastrand::Rng, ids: &[String], now: Timestamp) {
    let id = &ids[random.usize(..ids.len())];
    let stamp = now + SignedDuration::from_secs(random.i64(-10..=10));
    // Some of these accounts are gone already.
    let _ = match random.u32(..40) {
        0 => world.delete_by_hand(id, stamp),
        _ => world.force_state(id, STATES[random.usize(..STATES.len())], None, stamp),
    };
}

#[test]
fn whatever_moves_no_change_of_ours_is_missed_for_longer_than_a_resync() {
    in_simulated_time(async {
        for seed in 0..SEQUENCES {
            let mut random = fastrand::Rng::with_seed(seed);
            let max_page = [7, 50][random.usize(..2)];
            let ours = [3, 120][random.usize(..2)];
            let mut bench = Bench::new(ours, 200, max_page, true);
            let all: Vec<String> = bench.ours.iter().chain(&bench.others).cloned().collect();
            let mut between = random.fork();
            let ids = all.clone();
            *lock(&bench.shared.between) = Some(Box::new(move |world, now| {
                if between.u32(..3) == 0 {
                    disturb(world, &mut between, &ids, now);
                }
            }));
            let mut wrong_since: BTreeMap<String, Timestamp> = BTreeMap::new();
            for _ in 0..TICKS {
                let changes = [0, 0, 0, 1, 5, 60, 400][random.usize(..7)];
                let now = bench.now();
                for _ in 0..changes {
                    disturb(&mut bench.world(), &mut random, &all, now);
                }
                bench.tick().await;
                for id in &bench.ours {
                    if bench.told[id] == bench.truth(id) {
                        wrong_since.remove(id);
                        continue;
                    }
                    let since = *wrong_since.entry(id.clone()).or_insert(now);
                    assert!(
                        now.duration_since(since) <= RESYNC + TICK,
                        "seed {seed}: {id} is {:?} since {since}, told was {:?}, now {now}",
                        bench.truth(id),
                        bench.told[id],
                    );
                }
                bench.pass_time(TICK);
            }
        }
    });
}

#[test]
fn a_change_that_is_stamped_and_shown_within_ten_seconds_is_told_at_the_next_tick() {
    in_simulated_time(async {
        for seed in 0..SEQUENCES {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut bench = Bench::new(300, 300, 50, false);
            bench.tick().await;
            bench.pass_time(SignedDuration::from_secs(10));
            let mut stamps: BTreeMap<String, Timestamp> = BTreeMap::new();
            for _ in 0..TICKS {
                bench.pass_time(TICK);
                let now = bench.now();
                let mut changed = BTreeSet::new();
                for _ in 0..random.usize(..12) {
                    let all = if random.bool() {
                        &bench.ours
                    } else {
                        &bench.others
                    };
                    let id = all[random.usize(..all.len())].clone();
                    // Several may have the same stamp, and some are late.
                    let stamp = now - SignedDuration::from_secs(random.i64(0..=10));
                    let stamp = stamps.get(&id).map_or(stamp, |last| stamp.max(*last));
                    stamps.insert(id.clone(), stamp);
                    bench.set(&id, STATES[random.usize(..STATES.len())], stamp);
                    changed.insert(id);
                }
                bench.tick().await;
                for id in changed.iter().filter(|id| bench.ours.contains(id)) {
                    assert_eq!(
                        bench.told[id],
                        bench.truth(id),
                        "seed {seed}: {id} at {now}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_quiet_project_costs_one_request_a_tick_also_soon_after_a_storm() {
    in_simulated_time(async {
        let mut bench = Bench::new(500, 100, 50, false);
        let (requests, _) = bench.tick().await;
        assert_eq!(
            requests, 11,
            "whose the key is, and a page of ids a request"
        );
        for id in &bench.ours {
            bench.set(id, "EXPIRED", bench.now());
        }
        bench.pass_time(TICK);
        let (_, told) = bench.tick().await;
        assert_eq!(told.len(), 500);
        for _ in 0..6 {
            bench.pass_time(TICK);
            bench.tick().await;
        }
        for _ in 0..20 {
            bench.pass_time(TICK);
            let (requests, told) = bench.tick().await;
            assert_eq!((requests, told.len()), (1, 0));
        }
    });
}

#[test]
fn what_others_do_in_the_project_does_not_raise_the_cost() {
    in_simulated_time(async {
        let mut bench = Bench::new(10, 5000, 50, false);
        bench.tick().await;
        let mut most = 0;
        for round in 0..30 {
            bench.pass_time(TICK);
            let now = bench.now();
            for id in &bench.others {
                bench.set(id, STATES[round % 2], now);
            }
            let id = format!("ca_{}", round % 10);
            bench.set(
                &id,
                STATES[2 + round % 3],
                now - SignedDuration::from_secs(1),
            );
            let (requests, _) = bench.tick().await;
            most = most.max(requests);
            assert_eq!(bench.told[&id], bench.truth(&id), "round {round}");
        }
        assert_eq!(most, 2, "a page of the newest, and our own by their ids");
        let (rows, ours) = (bench.project.snapshot(|snapshot| snapshot.size()), 10);
        assert_eq!(rows, ours, "what is not ours is not kept");
    });
}

#[test]
fn an_account_that_vanished_is_told_at_the_next_resync_and_once() {
    in_simulated_time(async {
        let mut bench = Bench::new(60, 0, 50, false);
        bench.tick().await;
        bench
            .world()
            .delete_by_hand("ca_7", bench.now())
            .expect("it is there");
        for _ in 0..5 {
            bench.pass_time(TICK);
            assert_eq!(
                bench.tick().await.1,
                BTreeSet::new(),
                "a list cannot show it"
            );
        }
        bench.pass_time(RESYNC);
        assert_eq!(bench.tick().await.1, BTreeSet::from(["ca_7".to_owned()]));
        // The object is looked at, and Composio says that it is gone.
        bench.project.snapshot(|snapshot| snapshot.absent("ca_7"));
        bench.pass_time(RESYNC);
        assert_eq!(bench.tick().await.1, BTreeSet::new());
    });
}

#[test]
fn a_stamp_of_the_future_does_not_hide_what_comes_after_it() {
    in_simulated_time(async {
        let mut bench = Bench::new(60, 1, 50, false);
        bench.tick().await;
        bench.set(
            "ca_60",
            "EXPIRED",
            bench.now() + SignedDuration::from_mins(5),
        );
        bench.pass_time(TICK);
        bench.tick().await;
        for round in 0..10 {
            bench.pass_time(SignedDuration::from_secs(20));
            let id = format!("ca_{round}");
            bench.set(&id, "EXPIRED", bench.now());
            assert_eq!(bench.tick().await.1, BTreeSet::from([id]));
        }
    });
}

#[test]
fn too_many_missing_accounts_make_the_project_another_one_until_they_are_back() {
    in_simulated_time(async {
        let mut bench = Bench::new(60, 0, 50, false);
        let identity = |bench: &Bench| bench.project.closed().identity;
        bench.tick().await;
        assert_eq!(identity(&bench), ProjectIdentity::Ours);
        for n in 0..7 {
            let now = bench.now();
            let mut world = bench.world();
            world
                .delete_by_hand(&format!("ca_{n}"), now)
                .expect("it is there");
        }
        bench.pass_time(RESYNC);
        let (_, told) = bench.tick().await;
        assert_eq!(identity(&bench), ProjectIdentity::Foreign);
        assert_eq!(told.len(), 7, "they say so");
        // Those that were deleted by us are not missing.
        bench.project.snapshot(|snapshot| {
            for n in 0..3 {
                snapshot.deleted(&format!("ca_{n}"));
            }
        });
        bench.pass_time(TICK);
        bench.tick().await;
        assert_eq!(
            identity(&bench),
            ProjectIdentity::Foreign,
            "only a resync can tell"
        );
        bench.pass_time(RESYNC);
        let (_, told) = bench.tick().await;
        assert_eq!(identity(&bench), ProjectIdentity::Ours);
        assert_eq!(told.len(), 60, "everything that waited goes on");
    });
}

#[test]
fn a_person_may_say_that_missing_accounts_are_gone() {
    in_simulated_time(async {
        let mut bench = Bench::new(60, 0, 50, true);
        let now = bench.now();
        for n in 0..60 {
            let mut world = bench.world();
            world
                .delete_by_hand(&format!("ca_{n}"), now)
                .expect("it is there");
        }
        bench.tick().await;
        assert_eq!(bench.project.closed().identity, ProjectIdentity::Ours);
    });
}

#[test]
fn accounts_that_a_list_cannot_know_yet_are_no_sign_of_another_project() {
    in_simulated_time(async {
        let mut bench = Bench::new(60, 0, 50, false);
        bench.tick().await;
        let now = bench.now();
        for n in 0..60 {
            let mut young = object(&format!("ca_new_{n}"));
            let status = young.status.as_mut().expect("it has one");
            status.last_link_issued_at = Some(MicroTime(now));
            let event = watcher::Event::Apply(packed(young));
            bench.all.apply_event(event);
        }
        bench.pass_time(SignedDuration::from_secs(30));
        bench.project.forget_identity();
        bench.tick().await;
        assert_eq!(bench.project.closed().identity, ProjectIdentity::Ours);
        bench.pass_time(RESYNC);
        bench.tick().await;
        assert_eq!(
            bench.project.closed().identity,
            ProjectIdentity::Foreign,
            "two minutes later a list knows them"
        );
    });
}

#[test]
fn a_change_that_is_listed_before_the_watch_says_whose_account_it_is_is_told_once_it_does() {
    in_simulated_time(async {
        let mut bench = Bench::new(1, 1, 50, false);
        bench.tick().await;
        // A pass has made the account, and its status write is on its way back.
        let made = bench.project.client.get("ca_1").await;
        let made = made.expect("it is there");
        bench.project.snapshot(|snapshot| snapshot.see(&made));
        let mut recorded = object("ca_1");
        recorded.metadata.resource_version = Some("2".to_owned());
        bench.objects.begin_write(&recorded);
        bench.pass_time(TICK);
        bench.set("ca_1", "EXPIRED", bench.now());
        for _ in 0..2 {
            let (_, told) = bench.tick().await;
            assert_eq!(told, BTreeSet::new(), "nobody says that it is theirs");
            bench.pass_time(TICK);
        }
        let event = watcher::Event::Apply(packed(recorded.clone()));
        bench.all.apply_event(event);
        bench.objects.end_write(&recorded, Some("2".to_owned()));
        assert_eq!(bench.tick().await.1, BTreeSet::from(["ca_1".to_owned()]));
        bench.pass_time(TICK);
        assert_eq!(bench.tick().await.1, BTreeSet::new(), "told once");
    });
}

/// Whether an account is remembered as a duplicate.
fn is_noticed(bench: &Bench, id: &str) -> bool {
    let noticed = bench.project.snapshot(|snapshot| snapshot.duplicate(id));
    noticed.is_some()
}

#[test]
fn a_duplicate_is_forgotten_with_its_alias_and_with_its_object() {
    in_simulated_time(async {
        let mut bench = Bench::new(1, 1, 50, false);
        let mut one = object("ca_0");
        one.spec.user = "user-1".to_owned();
        one.metadata.resource_version = Some("2".to_owned());
        let change = |bench: &mut Bench, event: watcher::Event<_>| {
            bench.all.apply_event(event);
        };
        change(&mut bench, watcher::Event::Apply(packed(one.clone())));
        bench.tick().await;
        let alias = computed_alias("", "ns", "ca_0");
        for ends_by_alias in [true, false] {
            bench.pass_time(TICK);
            let now = bench.now();
            let renamed = bench.world().rename_by_hand("ca_1", &alias, now);
            renamed.expect("the alias is free");
            bench.tick().await;
            assert!(is_noticed(&bench, "ca_1"));
            bench.pass_time(TICK);
            let now = bench.now();
            if ends_by_alias {
                let renamed = bench.world().rename_by_hand("ca_1", "another", now);
                renamed.expect("the alias is free");
            } else {
                change(&mut bench, watcher::Event::Delete(packed(one.clone())));
            }
            bench.tick().await;
            assert!(!is_noticed(&bench, "ca_1"), "by its alias: {ends_by_alias}");
        }
    });
}
