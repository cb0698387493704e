//! Nobody is told what they were told, nor by a thousand messages what one can tell.

use serde_json::Value;

use super::many::{ACCOUNTS, Many, NAMESPACES, is_told, says};
use super::{Told, kill};
use crate::support::receiver::Message;
use crate::support::scene::{SOON, gmail};
use crate::support::wait;

/// Of how many accounts these messages tell.
fn accounts(messages: &[Message]) -> usize {
    let each = messages.iter().map(|message| match message.kind() {
        "Digest" => message.body["data"]["total"].as_u64().expect("a count"),
        _ => 1,
    });
    usize::try_from(each.sum::<u64>()).expect("few")
}

async fn told_of(told: &Told, count: usize) -> usize {
    wait::until("messages", SOON, async || {
        let taken = told.receiver.taken();
        match accounts(&taken) {
            all if all >= count => Ok(taken.len()),
            all => Err(format!("{all} of {count}")),
        }
    })
    .await
}

fn is_pending(object: &Value) -> bool {
    object["status"]["pendingNotification"]["type"] == "AwaitingUser"
}

fn is_connected(object: &Value) -> bool {
    says(object, "Ready", "Connected")
}

#[tokio::test]
async fn of_two_hundred_accounts_one_message_tells_and_none_at_restart_resync_or_disaster() {
    let told = Told::new("quiet").await;
    let many = Many::new(&told, |_| gmail()).await;
    let options = many.options().flag("--notify-digest", "2s");
    // Nothing listens there, so that all of them wait to be told.
    told.write_url("http://127.0.0.1:9");
    let operator = told.scene.start("operator", &options).await;
    many.declare().await;
    many.all("all are to be told", is_pending).await;
    kill(operator);
    told.write_url(told.receiver.url());
    let operator = told.scene.start("second", &options).await;
    many.all("all were told", is_told).await;
    let taken = told.receiver.taken();
    assert_eq!(
        (taken.len(), accounts(&taken)),
        (1, ACCOUNTS),
        "one message"
    );
    let data = &taken[0].body["data"];
    assert_eq!(
        data["items"].as_array().map(Vec::len),
        Some(NAMESPACES * 20),
        "twenty of each namespace"
    );
    assert_eq!(data["byType"]["AwaitingUser"], ACCOUNTS);
    kill(operator);

    // Of a namespace no more than sixty are told an hour, by one process.
    let operator = told.scene.start("third", &options).await;
    for account in told.scene.sandbox.accounts().await {
        let id = account["id"].as_str().expect("an id").to_owned();
        told.scene.sandbox.consent(&id).await;
    }
    let messages = told_of(&told, 2 * ACCOUNTS).await;
    many.all("all were told", is_told).await;
    // A resync, and a restart as of another leader.
    told.scene.polled(3).await;
    kill(operator);
    let operator = told.scene.start("fourth", &options).await;
    told.scene.polled(3).await;
    // Everything in the cluster is lost, and Git is still there.
    kill(operator);
    many.lose().await;
    many.declare().await;
    let _operator = told.scene.start("restored", &options).await;
    many.all("all are connected again", is_connected).await;
    told.scene.polled(3).await;
    let taken = told.receiver.taken();
    assert_eq!((taken.len(), accounts(&taken)), (messages, 2 * ACCOUNTS));
}
