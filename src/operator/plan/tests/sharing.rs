use std::collections::BTreeSet;

use super::super::sharing::{applied, next_step, takes_away, whole};
use crate::composio::{SharingPatch, model::Acl};

const USERS: [&str; 3] = ["a", "b", "c"];

/// Every list over three users.
fn every_list() -> Vec<Acl> {
    let subset = |bits: usize| -> BTreeSet<String> {
        let chosen = USERS.iter().enumerate();
        chosen
            .filter(|(place, _)| bits & (1 << place) != 0)
            .map(|(_, user)| (*user).to_owned())
            .collect()
    };
    let mut lists = Vec::new();
    for allow_all in [false, true] {
        for allowed in 0..8 {
            for denied in 0..8 {
                lists.push(Acl {
                    allow_all,
                    allowed: subset(allowed),
                    denied: subset(denied),
                });
            }
        }
    }
    lists
}

fn lets_in(list: &Acl, user: &str) -> bool {
    !list.denied.contains(user) && (list.allow_all || list.allowed.contains(user))
}

#[test]
fn a_list_becomes_the_declared_one_in_two_steps_and_never_lets_in_too_many() {
    for old in every_list() {
        for new in every_list() {
            let mut list = old.clone();
            let mut steps = 0;
            while let Some(step) = next_step(&list, &new) {
                list = applied(&list, &step);
                steps += 1;
                assert!(steps <= 2, "{old:?} to {new:?} takes too many steps");
                let on_the_way = list != new;
                // "d" stands for everybody who is not named.
                for user in USERS.into_iter().chain(["d"]) {
                    assert!(
                        !lets_in(&list, user) || lets_in(&old, user) || lets_in(&new, user),
                        "{old:?} to {new:?} lets in {user} on the way"
                    );
                    assert!(
                        !on_the_way
                            || !lets_in(&list, user)
                            || (lets_in(&old, user) && lets_in(&new, user)),
                        "{old:?} to {new:?} does not take away first from {user}"
                    );
                }
            }
            assert_eq!(list, new);
            assert_eq!(steps == 0, old == new, "{old:?} to {new:?}");
        }
    }
}

#[test]
fn a_step_says_only_what_changes() {
    for old in every_list() {
        for new in every_list() {
            if let Some(step) = next_step(&old, &new) {
                assert_ne!(step.allow_all, Some(old.allow_all));
                assert_ne!(step.allowed.as_ref(), Some(&old.allowed));
                assert_ne!(step.denied.as_ref(), Some(&old.denied));
            }
        }
    }
}

#[test]
fn the_whole_list_replaces_any() {
    for old in every_list() {
        let new = &every_list()[77];
        assert_eq!(applied(&old, &whole(new)), *new);
    }
}

#[test]
fn a_step_takes_away_where_somebody_is_let_in_no_more() {
    let set = |users: &[&str]| Some(users.iter().map(|user| (*user).to_owned()).collect());
    let list = Acl {
        allow_all: true,
        allowed: set(&["a", "b"]).unwrap_or_default(),
        denied: set(&["c"]).unwrap_or_default(),
    };
    let none = SharingPatch::default;
    for (sentence, step, expected) in [
        ("nothing is changed", none(), false),
        (
            "not everybody any more",
            SharingPatch {
                allow_all: Some(false),
                ..none()
            },
            true,
        ),
        (
            "everybody",
            SharingPatch {
                allow_all: Some(true),
                ..none()
            },
            false,
        ),
        (
            "one of two",
            SharingPatch {
                allowed: set(&["a"]),
                ..none()
            },
            true,
        ),
        (
            "one more",
            SharingPatch {
                allowed: set(&["a", "b", "d"]),
                ..none()
            },
            false,
        ),
        (
            "somebody is denied it",
            SharingPatch {
                denied: set(&["c", "d"]),
                ..none()
            },
            true,
        ),
        (
            "nobody is any more",
            SharingPatch {
                denied: set(&[]),
                ..none()
            },
            false,
        ),
    ] {
        assert_eq!(takes_away(&list, &step), expected, "{sentence}");
    }
}
