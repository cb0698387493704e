use serde_json::json;

use super::*;
use crate::connect::account::tests::object;

fn of(person: &str, name: &str) -> PageObject {
    object(name, json!({"user": person, "toolkit": "gmail"}), json!({}))
}

fn names(objects: &Objects, person: &str) -> Vec<String> {
    let found = objects.of_person(person);
    found.iter().map(|one| one.name().to_owned()).collect()
}

#[test]
fn objects_come_change_and_go() {
    let objects = Objects::default();
    let mut changes = objects.changes();
    objects.apply(0, Event::Init);
    objects.apply(0, Event::InitApply(of("ann", "b")));
    objects.apply(0, Event::InitApply(of("ann", "a")));
    objects.apply(0, Event::InitDone);
    assert!(changes.has_changed().expect("it is there"));
    changes.mark_unchanged();
    assert_eq!(objects.count(), 2);
    assert_eq!(names(&objects, "ann"), ["a", "b"]);
    assert!(objects.get("agents", "a").is_some());
    assert!(objects.get("agents", "c").is_none() && objects.get("other", "a").is_none());
    objects.apply(0, Event::Apply(of("bob", "a")));
    assert!(changes.has_changed().expect("it is there"));
    assert_eq!(names(&objects, "ann"), ["b"]);
    assert_eq!(names(&objects, "bob"), ["a"]);
    objects.apply(0, Event::Delete(of("bob", "a")));
    assert_eq!((objects.count(), names(&objects, "bob")), (1, vec![]));
}

#[test]
fn what_a_new_list_lacks_is_gone_and_another_watch_has_a_list_of_its_own() {
    let objects = Objects::default();
    for watch in [0, 1] {
        objects.apply(watch, Event::Init);
        objects.apply(watch, Event::InitApply(of("ann", &format!("kept-{watch}"))));
        objects.apply(watch, Event::InitApply(of("ann", &format!("gone-{watch}"))));
        objects.apply(watch, Event::InitDone);
    }
    objects.apply(0, Event::Init);
    objects.apply(0, Event::InitApply(of("ann", "kept-0")));
    assert_eq!(objects.count(), 4, "nothing goes before the list is whole");
    objects.apply(0, Event::InitDone);
    assert_eq!(names(&objects, "ann"), ["gone-1", "kept-0", "kept-1"]);
}

#[test]
fn whoever_reloads_their_list_has_their_own_objects_looked_at_and_no_others() {
    const PEOPLE: usize = 2_000;
    const EACH: usize = 10;
    const RELOADING: usize = 100;
    let objects = Objects::default();
    objects.apply(0, Event::Init);
    for n in 0..PEOPLE * EACH {
        let person = format!("person-{}@acme.com", n % PEOPLE);
        objects.apply(0, Event::InitApply(of(&person, &format!("object-{n}"))));
    }
    objects.apply(0, Event::InitDone);
    let kept = objects.kept.read();
    let mut looked_at = 0;
    for n in 0..RELOADING {
        let person = format!("person-{n}@acme.com");
        looked_at += kept.people.get(kept.hash(&person)).count();
        assert_eq!(objects.of_person(&person).len(), EACH, "{person}");
    }
    // Of 32 bits of a hash a few may be alike.
    assert!(
        (RELOADING * EACH..=RELOADING * EACH + EACH).contains(&looked_at),
        "{looked_at}"
    );
}
