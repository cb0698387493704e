//! Whose turn it is, as stories of few objects and of too many.

use std::time::Duration;

use serde_json::json;

use super::*;

fn known(namespace: &str, name: &str, is_pending: bool) -> Arc<Summary> {
    changed(namespace, name, is_pending, |_| {})
}

fn changed(
    namespace: &str,
    name: &str,
    is_pending: bool,
    change: impl FnOnce(&mut serde_json::Value),
) -> Arc<Summary> {
    let mut object = json!({
        "metadata": {"name": name, "namespace": namespace, "uid": name, "generation": 1},
        "spec": {"user": "u", "toolkit": "gmail"},
        "status": {"state": "ACTIVE", "observedGeneration": 1, "conditions": [{
            "type": "Synced", "status": "True", "reason": "Connected", "message": "",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    });
    if is_pending {
        object["status"]["pendingNotification"] =
            json!({"id": "1", "type": "Connected", "time": "2026-01-01T00:00:00.000000Z"});
    }
    change(&mut object);
    let packed: PackedObject = serde_json::from_str(&object.to_string()).expect("an object");
    Arc::clone(packed.summary())
}

fn turn(outbox: &Outbox) -> Waiting {
    match outbox.next(Instant::now()) {
        Next::Turn(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn namespaces_take_turns() {
    let outbox = Outbox::default();
    for n in 0..5 {
        outbox.offer(&known("noisy", &format!("n{n}"), true));
    }
    outbox.offer(&known("quiet", "q", true));
    let order: Vec<String> = (0..6).map(|_| turn(&outbox).object.name).collect();
    assert_eq!(order, ["n0", "q", "n1", "n2", "n3", "n4"]);
    assert_eq!(outbox.next(Instant::now()), Next::Nothing);
}

#[tokio::test(start_paused = true)]
async fn an_object_waits_once_and_again_only_when_its_turn_is_over() {
    let outbox = Outbox::default();
    let object = known("a", "x", true);
    outbox.offer(&object);
    outbox.offer(&object);
    let first = turn(&outbox);
    outbox.offer(&object);
    assert_eq!(outbox.next(Instant::now()), Next::Nothing);
    outbox.done(&first.object);
    outbox.offer(&object);
    assert_eq!(turn(&outbox), first);
}

#[tokio::test(start_paused = true)]
async fn a_declaration_that_was_not_judged_yet_or_is_not_allowed_is_held_until_it_is() {
    let outbox = Outbox::default();
    let reason = |reason: &'static str| {
        changed("a", "x", true, move |object| {
            object["status"]["conditions"][0]["reason"] = json!(reason);
        })
    };
    let field = |path: &'static str, value: serde_json::Value| {
        changed("a", "x", true, move |object| {
            *object.pointer_mut(path).expect("it is there") = value;
        })
    };
    for held in [
        // Somebody else may be the person since.
        field("/metadata/generation", json!(2)),
        field("/status/observedGeneration", json!(2)),
        field("/status/conditions/0/observedGeneration", json!(0)),
        field("/metadata/generation", json!(null)),
        field("/status/conditions", json!([])),
        reason("NotAllowed"),
        // Until that passes, it was not judged whether it is allowed.
        reason("Suspended"),
        reason("ProjectUnavailable"),
        reason("ComposioUnavailable"),
        reason("Unheard"),
    ] {
        outbox.offer(&held);
        assert_eq!(outbox.next(Instant::now()), Next::Nothing, "{held:?}");
    }
    for told in [
        "Connected",
        "AwaitingUser",
        "WrongIdentity",
        "ReauthorizationRequired",
        "Revoked",
    ] {
        outbox.offer(&reason(told));
        outbox.done(&turn(&outbox).object);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_told_stays_known_while_another_declaration_is_judged() {
    let outbox = Outbox::default();
    outbox.offer(&known("a", "x", true));
    let told = turn(&outbox).object;
    outbox.settle(&told, "1");
    outbox.done(&told);
    outbox.offer(&changed("a", "x", true, |object| {
        object["metadata"]["generation"] = json!(2);
    }));
    assert!(outbox.is_settled(&told, "1"));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_taken_comes_again_at_its_time_and_holds_up_nobody() {
    let outbox = Outbox::default();
    outbox.offer(&known("a", "x", true));
    outbox.offer(&known("a", "y", true));
    let later = Instant::now() + Duration::from_secs(5);
    outbox.put_back(turn(&outbox), later);
    assert_eq!(turn(&outbox).object.name, "y");
    assert_eq!(outbox.next(Instant::now()), Next::At(later));
    tokio::time::advance(Duration::from_secs(5)).await;
    let again = turn(&outbox);
    assert_eq!((again.object.name.as_str(), again.failures), ("x", 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_told_is_known_until_the_status_says_so() {
    let outbox = Outbox::default();
    let object = known("a", "x", true);
    outbox.offer(&object);
    let told = turn(&outbox).object;
    outbox.settle(&told, "1");
    outbox.done(&told);
    assert!(outbox.is_settled(&told, "1"));
    assert!(!outbox.is_settled(&told, "2"));
    outbox.offer(&known("a", "x", false));
    assert!(!outbox.is_settled(&told, "1"));
}

#[tokio::test(start_paused = true)]
async fn more_than_it_holds_is_looked_for_again_later() {
    let outbox = Outbox::default();
    for n in 0..=MOST {
        outbox.offer(&known("a", &n.to_string(), true));
    }
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().expect("a time");
    let reading = outbox.reading(now);
    assert_eq!((reading.count, reading.oldest_seconds), (MOST, 60.0));
    assert!(!outbox.take_overflow(), "there is no room");
    outbox.done(&turn(&outbox).object);
    assert!(outbox.take_overflow());
    assert!(!outbox.take_overflow(), "asked once");
}

#[tokio::test(start_paused = true)]
async fn one_message_that_is_never_taken_leaves_room_for_those_that_were_left_out() {
    let outbox = Outbox::default();
    for n in 0..=MOST {
        outbox.offer(&known("a", &n.to_string(), true));
    }
    let never_taken = turn(&outbox);
    let later = Instant::now() + Duration::from_secs(300);
    outbox.put_back(never_taken, later);
    for _ in 1..MOST {
        outbox.done(&turn(&outbox).object);
    }
    assert_eq!(outbox.next(Instant::now()), Next::At(later));
    assert!(outbox.take_overflow(), "nothing else is to be sent");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_fills_it_leaves_room_for_every_other() {
    let outbox = Outbox::default();
    for n in 0..2 * MOST {
        outbox.offer(&known("noisy", &n.to_string(), true));
    }
    // What was tried is counted by the limits, and stays.
    let tried = turn(&outbox).object;
    outbox.put_back(Waiting::new(tried.clone()), Instant::now());
    for namespace in ["a", "b"] {
        for n in 0..3 {
            outbox.offer(&known(namespace, &n.to_string(), true));
        }
    }
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().expect("a time");
    assert_eq!(outbox.reading(now).count, MOST);
    let order: Vec<String> = (0..7)
        .map(|_| turn(&outbox).object.namespace.expect("it has one"))
        .collect();
    assert_eq!(order, ["a", "b", "noisy", "a", "b", "noisy", "a"]);
    let rest = outbox.all(Instant::now());
    let of = |namespace| {
        let of_it = rest
            .iter()
            .filter(|one| one.object.namespace.as_deref() == Some(namespace));
        of_it.count()
    };
    assert_eq!((of("a"), of("b"), of("noisy")), (0, 1, MOST - 6 - 2));
    assert!(rest.iter().any(|one| one.object == tried));
    // One that has its share makes no room for itself.
    for n in 0..2 * MOST {
        outbox.offer(&known("another", &n.to_string(), true));
    }
    assert_eq!(outbox.reading(now).count, MOST);
}
