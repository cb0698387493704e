use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::json;

use super::*;

/// An object of the namespace `agents`. It refers to the project `kind/name`.
fn object(name: &str, uid: &str, project: &str) -> PackedObject {
    let (kind, project) = project.split_once('/').expect("kind/name");
    let object = json!({
        "metadata": {"name": name, "namespace": "agents", "uid": uid},
        "spec": {
            "user": "u", "toolkit": "gmail",
            "projectRef": {"kind": kind, "name": project},
        },
    });
    serde_json::from_str(&object.to_string()).expect("an object")
}

fn count(objects: &AllObjects, project: &str) -> usize {
    let project = project.parse().expect("a key");
    objects.of_project(&project).count()
}

/// A list anew of one of several namespaces brings what is there as changed, and tells of no end.
#[test]
fn one_that_is_made_anew_for_another_project_leaves_the_former_of_whichever_kind() {
    let own = ("ComposioProject/default", "ComposioProject/agents/default");
    let another = ("ComposioProject/other", "ComposioProject/agents/other");
    let cluster = ("ClusterComposioProject/one", "ClusterComposioProject/one");
    let second = ("ClusterComposioProject/two", "ClusterComposioProject/two");
    for (former, now) in [
        (own, cluster),
        (cluster, own),
        (own, another),
        (cluster, second),
    ] {
        let objects = AllObjects::new(Flags::default());
        objects.apply_event(Event::Apply(object("mail", "1", former.0)));
        assert_eq!(count(&objects, former.1), 1);
        objects.apply_event(Event::Apply(object("mail", "2", now.0)));
        assert_eq!(count(&objects, former.1), 0, "{former:?}, then {now:?}");
        assert_eq!(count(&objects, now.1), 1, "{former:?}, then {now:?}");
    }
}

#[test]
fn an_object_that_comes_while_its_project_is_forgotten_is_known_in_it() {
    const TIMES: usize = 5000;
    let objects = AllObjects::new(Flags::default());
    let project = "ComposioProject/agents/default";
    let mail = object("mail", "1", "ComposioProject/default");
    let is_over = AtomicBool::new(false);
    let known = thread::scope(|scope| {
        scope.spawn(|| {
            let project = project.parse().expect("a key");
            while !is_over.load(Ordering::Relaxed) {
                objects.forget_project(&project);
            }
        });
        let times = (0..TIMES).map(|_| {
            objects.apply_event(Event::Apply(mail.clone()));
            let known = count(&objects, project);
            objects.apply_event(Event::Delete(mail.clone()));
            known
        });
        let known = times.sum::<usize>();
        is_over.store(true, Ordering::Relaxed);
        known
    });
    assert_eq!(known, TIMES);
}

#[test]
fn the_end_of_one_that_was_never_known_makes_no_project_known() {
    let objects = AllObjects::new(Flags::default());
    let object = object("mail", "1", "ComposioProject/default");
    objects.apply_event(Event::Delete(object));
    assert_eq!(objects.kept_projects(), 0);
}
