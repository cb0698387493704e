use std::collections::BTreeMap;

use composio_testing::for_seeds;

use super::*;
use crate::crd::ProjectKind;

fn share(project: &str, namespace: &str) -> Share {
    let kind = ProjectKind::ClusterComposioProject;
    Share::of(&ProjectKey::new(kind, None, project), namespace, true)
}

/// Gives so many places away, and says to whom.
fn next<T>(turns: &mut Turns<T>, many: usize) -> Vec<T> {
    (0..many).map_while(|_| turns.pop()).collect()
}

#[test]
fn a_crowd_of_one_namespace_is_passed_by_whoever_comes_later_from_another() {
    let mut turns = Turns::new(4);
    for n in 0..1000 {
        turns.push(share("p", "noisy"), false, format!("noisy-{n}"));
    }
    assert_eq!(next(&mut turns, 2), ["noisy-0", "noisy-1"]);
    turns.push(share("p", "quiet"), false, "quiet".to_owned());
    assert_eq!(next(&mut turns, 2), ["quiet", "noisy-2"]);
}

#[test]
fn it_goes_round_projects_before_it_goes_round_their_namespaces() {
    let mut turns = Turns::new(8);
    for namespace in ["a", "b", "c"] {
        turns.push(share("crowd", namespace), false, namespace);
        turns.push(share("crowd", namespace), false, namespace);
    }
    turns.push(share("alone", "d"), false, "d");
    turns.push(share("alone", "d"), false, "d");
    assert_eq!(
        next(&mut turns, 8),
        ["a", "d", "b", "d", "c", "a", "b", "c"]
    );
}

#[test]
fn the_projects_of_one_namespace_have_one_share_together() {
    let own = |namespace: &str, name: &str| {
        let kind = ProjectKind::ComposioProject;
        let project = ProjectKey::new(kind, Some(namespace), name);
        Share::of(&project, namespace, true)
    };
    let mut turns = Turns::new(6);
    for name in ["one", "two", "three"] {
        turns.push(own("many", name), false, name);
    }
    turns.push(own("single", "one"), false, "single");
    turns.push(own("single", "one"), false, "single");
    let next = next(&mut turns, 5);
    assert_eq!(next, ["one", "single", "two", "single", "three"]);
}

#[test]
fn cluster_projects_that_nobody_declares_share_what_their_namespace_has() {
    let undeclared = |name: &str| {
        let kind = ProjectKind::ClusterComposioProject;
        Share::of(&ProjectKey::new(kind, None, name), "crowd", false)
    };
    let mut turns = Turns::new(6);
    for name in ["one", "two", "three"] {
        turns.push(undeclared(name), true, name);
    }
    turns.push(share("p", "crowd"), false, "of a project");
    turns.push(share("q", "calm"), false, "calm");
    let next = next(&mut turns, 5);
    assert_eq!(next, ["one", "of a project", "calm", "two", "three"]);
}

#[test]
fn the_ends_of_access_come_first_within_a_share_and_among_equal_ones_only() {
    let mut turns = Turns::new(9);
    turns.push(share("p", "calm"), false, "calm");
    turns.push(share("p", "ends"), false, "new");
    turns.push(share("p", "ends"), true, "end");
    turns.push(share("p", "ends"), true, "end");
    turns.push(share("p", "ends"), true, "end");
    assert_eq!(next(&mut turns, 5), ["end", "calm", "end", "end", "new"]);
}

#[test]
fn places_that_are_kept_are_for_those_who_hold_none() {
    let mut turns = Turns::new(4);
    for _ in 0..10 {
        turns.push(share("slow", "a"), false, "slow");
    }
    assert_eq!(next(&mut turns, 9).len(), 4);
    turns.push(share("slow", "b"), false, "its neighbour");
    assert_eq!(next(&mut turns, 9), ["its neighbour"], "one is kept");
    turns.push(share("quick", "a"), false, "another");
    assert_eq!(turns.pop(), None);
    turns.release(share("slow", "a"));
    assert_eq!(turns.pop(), Some("another"));
}

#[test]
fn whoever_comes_again_and_again_does_not_come_before_who_waits() {
    let mut turns = Turns::new(1);
    let (busy, patient) = (share("p", "busy"), share("q", "patient"));
    turns.push(busy, false, "busy");
    assert_eq!(turns.pop(), Some("busy"));
    turns.push(patient, false, "patient");
    turns.pop();
    turns.release(busy);
    turns.push(busy, false, "busy");
    turns.release(patient);
    turns.push(patient, false, "patient");
    assert_eq!(next(&mut turns, 2), ["busy", "patient"]);
}

#[test]
fn however_they_come_and_go_nobody_is_lost_and_nobody_has_more_while_another_waits() {
    let mut contested = 0;
    for_seeds(200, |dice| {
        let places = usize::try_from(1 + dice.number(6)).expect("few");
        let mut turns = Turns::new(places);
        let all: Vec<Share> = (0..3)
            .flat_map(|p| (0..3).map(move |n| share(&p.to_string(), &n.to_string())))
            .collect();
        let mut waiting: BTreeMap<[u64; 2], usize> = BTreeMap::new();
        let mut held: Vec<Share> = Vec::new();
        let count = |held: &[Share], project: u64| {
            let all = held.iter();
            all.filter(|share| share.0[0] == project).count()
        };
        for _ in 0..300 {
            match dice.number(3) {
                0 | 1 => {
                    let one = dice.of(&all);
                    turns.push(one, dice.once_in(4), one);
                    *waiting.entry(one.0).or_default() += 1;
                }
                _ => {
                    if !held.is_empty() {
                        let many = u64::try_from(held.len()).expect("few");
                        let at = usize::try_from(dice.number(many)).expect("few");
                        turns.release(held.swap_remove(at));
                    }
                }
            }
            while let Some(next) = turns.pop() {
                for (other, _) in waiting.iter().filter(|(_, many)| **many > 0) {
                    contested += usize::from(other[0] != next.0[0]);
                    assert!(count(&held, next.0[0]) <= count(&held, other[0]));
                }
                *waiting.get_mut(&next.0).expect("it waited") -= 1;
                held.push(next);
            }
            assert!(held.len() <= places + places.div_ceil(4));
            let is_waiting = waiting.values().any(|many| *many > 0);
            assert!(!is_waiting || held.len() >= places, "a place is free");
        }
        for one in held.drain(..) {
            turns.release(one);
        }
        let left = std::iter::from_fn(|| {
            let next = turns.pop()?;
            turns.release(next);
            Some(next)
        });
        assert_eq!(left.count(), waiting.values().sum::<usize>());
        assert!(turns.waiting.is_empty(), "what is over is forgotten");
    });
    assert!(contested > 1000, "{contested} times somebody else waited");
}
