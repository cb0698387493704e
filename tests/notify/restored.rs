//! After a disaster: who waits, and was told so, is told again only where nothing is left that says so.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::many::{ACCOUNTS, Many, is_told, says};
use super::{Told, kill};
use crate::support::receiver::Message;
use crate::support::scene::gmail;

/// Half of them have an account in Composio, and of the others nobody has pressed the button.
fn spec(n: usize) -> Value {
    let mut spec = gmail();
    spec["linkPolicy"] = json!(match n % 2 {
        0 => "Immediate",
        _ => "OnDemand",
    });
    spec
}

fn waits(object: &Value) -> bool {
    is_told(object) && says(object, "Ready", "AwaitingUser")
}

/// How often each object was told of, by namespace and name.
fn told_of(messages: &[Message]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for message in messages {
        assert_eq!(message.kind(), "AwaitingUser");
        let subject = message.body["subject"].as_str().expect("a subject");
        *times.entry(subject.to_owned()).or_default() += 1;
    }
    times
}

fn subject(object: &Value) -> String {
    let of = |field: &str| object["metadata"][field].as_str().expect("it is there");
    format!("{}/{}", of("namespace"), of("name"))
}

#[tokio::test]
async fn of_two_hundred_who_wait_none_is_told_again_whose_account_or_status_was_found() {
    let told = Told::new("restored").await;
    let many = Many::new(&told, spec).await;
    let operator = told.scene.start("operator", &many.options()).await;
    many.declare().await;
    let mut backup = many.all("all were told", waits).await;
    assert_eq!(told.receiver.taken().len(), ACCOUNTS, "each once");
    kill(operator);

    // From Git alone: of those that nobody has asked for a link, nothing is left anywhere.
    many.lose().await;
    many.declare().await;
    let operator = told.scene.start("from-git", &many.options()).await;
    let restored = many.all("all wait again", waits).await;
    told.scene.polled(3).await;
    kill(operator);
    let again = told_of(&told.receiver.taken()[ACCOUNTS..]);
    let is_unasked = |object: &&Value| object["spec"]["linkPolicy"] == "OnDemand";
    let unasked = restored.iter().filter(is_unasked).map(subject);
    let unasked: BTreeMap<String, usize> = unasked.map(|subject| (subject, 1)).collect();
    assert_eq!(unasked.len(), ACCOUNTS / 2);
    assert_eq!(again, unasked);

    // From a backup that was made while some were still to be told: whether they were, nobody knows.
    let mut pending = BTreeMap::new();
    for object in backup.iter_mut().step_by(10) {
        let uid = object["metadata"]["uid"].as_str().expect("a uid");
        object["status"]["pendingNotification"] = json!({
            "id": format!("{uid}-AwaitingUser-1767225600000000"),
            "type": "AwaitingUser", "time": "2026-01-01T00:00:00.000000Z",
        });
        pending.insert(subject(object), 1);
    }
    many.lose().await;
    many.restore(&backup).await;
    let before = told.receiver.taken().len();
    let _operator = told.scene.start("from-backup", &many.options()).await;
    many.all("all wait again", waits).await;
    told.scene.polled(3).await;
    let again = told_of(&told.receiver.taken()[before..]);
    assert_eq!(again, pending);
    assert_eq!(again.len(), ACCOUNTS / 10);
    let accounts = told.scene.sandbox.accounts().await;
    assert_eq!(accounts.len(), ACCOUNTS / 2, "no link was made");
}
