use kube::runtime::watcher::Event;
use serde_json::json;

use super::*;
use crate::{
    crd::{ConnectedAccount, ProjectRef},
    plan::computed_alias,
    store::{AllObjects, DECODED},
};

/// All objects, and those of the default project of a namespace. There is none yet.
fn objects_of(namespace: &str) -> (AllObjects, Objects) {
    let all = AllObjects::new(Flags::default());
    let objects = all.of_project(&ProjectKey::referred(&ProjectRef::default(), namespace));
    (all, objects)
}

/// The names of whom this event has looked at, and how many summaries were read for it.
pub(super) fn after(all: &AllObjects, event: Event<PackedObject>) -> (Vec<String>, usize) {
    let before = DECODED.get();
    let changed = all.apply_event(event).changed;
    let read = DECODED.get() - before;
    let changed = changed.iter().map(|object| object.name().1.to_owned());
    (changed.collect(), read)
}

pub(super) fn object(name: &str, version: &str, id: Option<&str>) -> ConnectedAccount {
    let mut object: ConnectedAccount = serde_json::from_value(serde_json::json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": version},
        "spec": {"user": "u", "toolkit": "gmail"},
        "status": {"observedGeneration": -1},
    }))
    .expect("it decodes");
    if let Some(status) = &mut object.status {
        status.connected_account_id = id.map(str::to_owned);
    }
    object
}

fn names(objects: Vec<Arc<Summary>>) -> Vec<String> {
    objects
        .iter()
        .map(|object| object.name.to_string())
        .collect()
}

#[test]
fn an_object_is_found_by_what_it_says_now_and_not_by_what_it_said() {
    let (all, objects) = objects_of("ns");
    let tell = |event: Event<PackedObject>| {
        let changed = all.apply_event(event).changed.into_iter();
        changed
            .map(|object| object.name().1.to_owned())
            .collect::<Vec<_>>()
    };
    let object = |name, version, id| PackedObject::pack(object(name, version, id)).expect("JSON");
    tell(Event::Init);
    tell(Event::InitApply(object("a", "1", Some("ca_1"))));
    tell(Event::InitApply(object("b", "2", None)));
    assert_eq!(tell(Event::InitDone).len(), 2, "both are new");
    assert_eq!(names(objects.with_id("ca_1")), ["a"]);
    assert_eq!(
        names(objects.with_alias("u", "gmail", &computed_alias("", "ns", "b"))),
        ["b"]
    );
    assert_eq!(
        names(objects.with_alias("u", "slack", &computed_alias("", "ns", "b"))),
        [""; 0]
    );
    tell(Event::Apply(object("a", "3", Some("ca_2"))));
    assert_eq!(names(objects.with_id("ca_1")), [""; 0]);
    assert_eq!(names(objects.with_id("ca_2")), ["a"]);
    tell(Event::Delete(object("a", "4", None)));
    assert_eq!(names(objects.with_id("ca_2")), [""; 0]);
    // What was relisted is all that there is.
    tell(Event::Init);
    tell(Event::InitApply(object("c", "5", Some("ca_3"))));
    assert_eq!(tell(Event::InitDone), ["c"]);
    assert_eq!(
        names(objects.with_alias("u", "gmail", &computed_alias("", "ns", "b"))),
        [""; 0]
    );
    assert_eq!(names(objects.with_id("ca_3")), ["c"]);
}

/// One that has the account and cannot be read.
fn unreadable(spec: serde_json::Value) -> PackedObject {
    let object = serde_json::json!({
        "metadata": {"name": "a", "namespace": "ns", "uid": "a", "resourceVersion": "9"},
        "spec": spec,
        "status": {"connectedAccountId": "ca_1", "authConfig": "ac_1", "corrections": "many"},
    });
    serde_json::from_str(&object.to_string()).expect("whatever has metadata")
}

#[test]
fn what_cannot_be_read_has_one_place_however_it_became_known() {
    let readable = || {
        let mut object = object("a", "1", Some("ca_0"));
        object.spec.toolkit = "slack".to_owned();
        PackedObject::pack(object).expect("JSON")
    };
    let undecodable = serde_json::json!({"user": "u", "toolkit": "gmail", "enabled": "perhaps"});
    let no_user = serde_json::json!({"user": 7, "toolkit": "gmail"});
    for spec in [undecodable, no_user] {
        let undecodable = || unreadable(spec.clone());
        let list = |object: PackedObject| [Event::Init, Event::InitApply(object), Event::InitDone];
        let ways = [
            Vec::from(list(undecodable())),
            [
                Vec::from(list(readable())),
                vec![Event::Apply(undecodable())],
            ]
            .concat(),
            [list(readable()), list(undecodable())].concat(),
            [
                Vec::from(list(readable())),
                vec![Event::Apply(undecodable())],
                Vec::from(list(undecodable())),
            ]
            .concat(),
        ];
        for events in ways {
            let (all, objects) = objects_of("ns");
            let mut told = Vec::new();
            for event in events {
                told.extend(all.apply_event(event).undecodable);
            }
            assert_eq!(names(told), ["a"], "it is told once");
            assert_eq!(names(objects.with_id("ca_1")), ["a"]);
            assert_eq!(names(objects.with_id("ca_0")), [""; 0]);
            assert_eq!(
                names(objects.with_alias("u", "gmail", &computed_alias("", "ns", "a"))),
                ["a"]
            );
            assert_eq!(
                names(objects.with_alias("u", "gmail", &computed_alias("", "ns", "b"))),
                [""; 0]
            );
            assert_eq!(objects.auth_configs(5), ["ac_1"]);
            let ids: Vec<_> = objects
                .all()
                .map(|object| object.recorded_id().map(str::to_owned))
                .collect();
            assert_eq!(ids, [Some("ca_1".to_owned())], "the resync asks for it");
            assert_eq!(objects.readable().count(), 0, "nothing is done with it");
            let event = Event::Apply(readable());
            assert_eq!(
                all.apply_event(event).changed.len(),
                1,
                "it can be read again"
            );
            assert_eq!(
                names(objects.with_alias("u", "gmail", &computed_alias("", "ns", "a"))),
                [""; 0]
            );
            assert_eq!(names(objects.with_id("ca_1")), [""; 0]);
        }
    }
}

#[test]
fn nothing_is_kept_of_the_writes_of_objects_that_are_gone() {
    let (all, objects) = objects_of("ns");
    let tell = |event: Event<PackedObject>| {
        all.apply_event(event);
    };
    let packed = |name, version| PackedObject::pack(object(name, version, None)).expect("JSON");
    let written = |name, version: &str| {
        let object = object(name, "1", None);
        objects.begin_write(&object);
        objects.end_write(&object, Some(version.to_owned()));
    };
    for name in ["a", "b"] {
        tell(Event::Apply(packed(name, "1")));
    }
    // Its last event comes before the answer.
    tell(Event::Delete(packed("a", "3")));
    written("a", "2");
    // It goes while nobody watches.
    written("b", "2");
    assert_eq!(objects.index.lock().written.len(), 1);
    tell(Event::Init);
    tell(Event::InitDone);
    assert!(objects.index.lock().written.is_empty());
}

#[test]
fn what_is_counted_as_it_changes_is_what_a_count_of_all_would_find() {
    let (all, objects) = objects_of("agents");
    let mut random = fastrand::Rng::with_seed(7);
    let (mut lists, mut ends, mut changes) = (0, 0, 0);
    let mut versions = 0..;
    let mut drawn = |random: &mut fastrand::Rng| {
        let reasons = [
            "AwaitingUser",
            "Revoked",
            "Connected",
            "a reason of tomorrow",
        ];
        let condition = |type_: &str, random: &mut fastrand::Rng| {
            json!({
                "type": type_, "status": "False", "message": "",
                "reason": reasons[random.usize(..reasons.len())],
                "lastTransitionTime": format!("2026-01-01T00:00:0{}Z", random.u8(..5)),
            })
        };
        let conditions = [condition("Ready", random), condition("Synced", random)];
        let states = [json!("ACTIVE"), json!("TOMORROW"), json!(7), json!(null)];
        let enabled = if random.u8(..8) == 0 {
            json!("odd")
        } else {
            json!(true)
        };
        let object = json!({
            "metadata": {
                "name": format!("mail-{}", random.u8(..20)), "namespace": "agents",
                "uid": "u", "resourceVersion": versions.next().unwrap_or(0_u64).to_string(),
            },
            "spec": {"user": "u", "toolkit": "gmail", "enabled": enabled},
            "status": {
                "state": states[random.usize(..states.len())],
                "conditions": conditions[random.usize(..3)..],
            },
        });
        serde_json::from_str::<PackedObject>(&object.to_string()).expect("it has metadata")
    };
    for _ in 0..2000 {
        let events = match random.u8(..40) {
            0 => {
                lists += 1;
                let some = (0..random.usize(..30)).map(|_| Event::InitApply(drawn(&mut random)));
                let some: Vec<_> = some.collect();
                [Event::Init]
                    .into_iter()
                    .chain(some)
                    .chain([Event::InitDone])
                    .collect()
            }
            1..10 => {
                ends += 1;
                vec![Event::Delete(drawn(&mut random))]
            }
            _ => {
                changes += 1;
                vec![Event::Apply(drawn(&mut random))]
            }
        };
        for event in events {
            all.apply_event(event);
        }
        let mut counts = ObjectCounts::default();
        objects.all().for_each(|object| counts.add(&object));
        assert_eq!(objects.counts(), counts);
        let told: Vec<_> = all.counts().into_iter().map(|(_, counts)| counts).collect();
        let expected = (counts != ObjectCounts::default()).then_some(counts);
        assert_eq!(told, Vec::from_iter(expected));
    }
    assert!(
        lists > 20 && ends > 200 && changes > 1000,
        "{lists} {ends} {changes}"
    );
}
