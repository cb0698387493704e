//! Input that nobody wishes for: each case is met on a real control plane, and told in one line.
//! `CASE=redirect cargo test hostile` meets only those with that word in their name.

use std::io::{self, Write};
use std::time::Instant;

use composio_operator::text::is_plain;
use futures::future::LocalBoxFuture;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::Value;

use crate::support::operator::Operator;
use crate::support::scene::{Operated, Scene};

mod answers;
mod gateway;
mod objects;
mod stored;

/// What is to be met, in the words of whoever asked for it. One that has no case is a failure.
const ASKED_FOR: [&str; 10] = [
    "objects at every size limit",
    "names of 253 characters",
    "odd characters in names",
    "odd characters in users",
    "odd characters in aliases",
    "odd characters in Composio's messages",
    "a response of 100 MB",
    "bodies that are not JSON",
    "a redirect to another host",
    "an object whose stored form does not decode",
];

/// What chance is let loose on, and the unit test that does it.
const PROPERTIES: [(&str, &str, &str); 4] = [
    (
        "any answer, in any encoding or none",
        include_str!("../src/client/tests/hostile.rs"),
        "whatever_is_answered_it_is_read_or_refused_in_one_plain_sentence",
    ),
    (
        "all that can be wanted and seen: what is done",
        include_str!("../src/operator/plan/tests/random/invariants.rs"),
        "nobody_elses_grant_is_touched_and_nothing_unseen_is_acted_on",
    ),
    (
        "all that can be wanted and seen: what is said",
        include_str!("../src/operator/plan/tests/random.rs"),
        "whatever_is_planned_can_be_reported_in_plain_words",
    ),
    (
        "a status of any JSON",
        include_str!("../src/operator/plan/tests/random.rs"),
        "a_status_of_any_json_is_read_field_by_field_and_stands_every_decision",
    ),
];

/// Characters that do something to a terminal, a log or a reader, and some that only look odd.
const ODD: &str =
    "\u{1b}[31mr\u{e9}d\u{1b}[0m\u{7}\u{9b}2J\ttab\r\nline\u{202e}moc\u{200b}\u{2028}日本 👩‍🚀";

type Case = fn() -> LocalBoxFuture<'static, String>;

/// Each case: what is met, and how. It returns what was seen.
const CASES: [(&str, Case); 10] = [
    ("objects at every size limit", || {
        Box::pin(objects::at_every_limit())
    }),
    ("names of 253 characters", || {
        Box::pin(objects::of_long_name())
    }),
    ("odd characters in names", || {
        Box::pin(objects::with_odd_names())
    }),
    ("odd characters in users", || {
        Box::pin(objects::with_odd_users())
    }),
    ("odd characters in aliases", || {
        Box::pin(objects::with_odd_aliases())
    }),
    ("odd characters in Composio's messages", || {
        Box::pin(answers::with_odd_messages())
    }),
    ("a response of 100 MB", || Box::pin(answers::without_end())),
    ("bodies that are not JSON", || {
        Box::pin(answers::that_are_not_json())
    }),
    ("a redirect to another host", || {
        Box::pin(answers::that_lead_elsewhere())
    }),
    ("an object whose stored form does not decode", || {
        Box::pin(stored::of_another_form())
    }),
];

#[tokio::test]
async fn hostile_input_is_met_and_harms_nothing_else() {
    for asked_for in ASKED_FOR {
        assert!(
            CASES.iter().any(|(name, _)| *name == asked_for),
            "{asked_for}: no case"
        );
    }
    // One after the other: a panic tells which one it was.
    for (name, source, test) in PROPERTIES {
        assert!(
            source.contains(&format!("#[test]\nfn {test}()")),
            "{name}: there is no {test}"
        );
        writeln!(io::stdout(), "hostile: {name}: unit test {test}")
            .expect("standard output is open");
    }
    let only = std::env::var("CASE").unwrap_or_default();
    for (name, meet) in CASES.into_iter().filter(|(name, _)| name.contains(&only)) {
        let began = Instant::now();
        let seen = meet().await;
        // Past the test harness, which keeps what a test that passes prints.
        writeln!(
            io::stdout(),
            "hostile: {name}: {seen} ({:.1} s)",
            began.elapsed().as_secs_f64()
        )
        .expect("standard output is open");
    }
}

/// A namespace with an operator that logs all it can.
async fn operated(prefix: &str) -> Operated<'static> {
    let scene = Scene::new(prefix).await;
    let options = scene.options().env("RUST_LOG", Some("trace"));
    let operator = scene.start("operator", &options).await;
    Operated::of(scene, operator)
}

/// Fails if anything that the operator has said can do more than stand there: its log, the status of its
/// objects and of their project, its events.
async fn assert_plain(scene: &Scene<'_>, operator: &Operator) {
    let log = operator.child.read_log();
    for line in log.lines() {
        assert!(line.chars().all(is_plain), "a log line: {line:?}");
    }
    let args = ["get", "connectedaccounts,composioprojects", "-o", "json"];
    let objects: Value = serde_json::from_str(&scene.kubectl(&args).await).expect("JSON");
    for object in objects["items"].as_array().expect("a list") {
        assert_plain_texts(&object["status"]);
    }
    let events: Api<Event> = Api::namespaced(scene.client.clone(), &scene.namespace);
    for event in events
        .list(&ListParams::default())
        .await
        .expect("a list")
        .items
    {
        assert_plain_texts(&serde_json::to_value(event.note).expect("JSON"));
    }
    let (_, readyz) = operator.get("/readyz").await;
    assert!(
        readyz.lines().all(|line| line.chars().all(is_plain)),
        "{readyz:?}"
    );
}

fn assert_plain_texts(value: &Value) {
    match value {
        Value::String(text) => assert!(text.chars().all(is_plain), "{text:?}"),
        Value::Array(items) => items.iter().for_each(assert_plain_texts),
        Value::Object(members) => members.values().for_each(assert_plain_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
