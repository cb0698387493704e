//! Nobody is told what they were told, nor by a thousand messages what one can tell.

use serde_json::{Value, json};

use super::{Told, kill};
use crate::support::receiver::Message;
use crate::support::scene::SOON;
use crate::support::wait;

/// Each is told of twice, and a namespace may be told of sixty times an hour.
const ACCOUNTS: usize = 30;

fn manifests() -> Value {
    let object = |n: usize| {
        json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": format!("account-{n}")},
            "spec": {"user": format!("user-{n}"), "toolkit": "gmail", "authConfig": "ac_gmail"},
        })
    };
    let objects: Vec<Value> = (0..ACCOUNTS).map(object).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": objects})
}

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

/// Waits until all objects say so of themselves.
async fn all(told: &Told, what: &str, is_so: fn(&Value) -> bool) {
    told.scene.until_all(what, ACCOUNTS, is_so).await;
}

fn is_pending(object: &Value) -> bool {
    object["status"]["pendingNotification"]["type"] == "AwaitingUser"
}

fn is_told(object: &Value) -> bool {
    let status = &object["status"];
    status["notificationState"].is_string() && status["pendingNotification"].is_null()
}

fn is_connected(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|found| found["type"] == "Ready" && found["reason"] == "Connected")
}

#[tokio::test]
async fn of_thirty_accounts_one_message_tells_and_none_at_restart_resync_or_disaster() {
    let told = Told::new("quiet").await;
    let options = told.options().flag("--notify-digest", "2s");
    // Nothing listens there, so that all of them wait to be told.
    told.write_url("http://127.0.0.1:9");
    let operator = told.scene.start("operator", &options).await;
    told.scene.project_available().await;
    told.scene.apply(&manifests().to_string()).await;
    all(&told, "all are to be told", is_pending).await;
    kill(operator);
    told.write_url(told.receiver.url());
    let operator = told.scene.start("second", &options).await;
    all(&told, "all were told", is_told).await;
    let taken = told.receiver.taken();
    assert_eq!(
        (taken.len(), accounts(&taken)),
        (1, ACCOUNTS),
        "one message"
    );
    let data = &taken[0].body["data"];
    assert_eq!(
        data["items"].as_array().map(Vec::len),
        Some(20),
        "of one namespace"
    );
    assert_eq!(data["byType"]["AwaitingUser"], ACCOUNTS);

    for account in told.scene.sandbox.accounts().await {
        let id = account["id"].as_str().expect("an id").to_owned();
        told.scene.sandbox.consent(&id).await;
    }
    let messages = told_of(&told, 2 * ACCOUNTS).await;
    all(&told, "all were told", is_told).await;
    // A resync, and a restart as of another leader.
    told.scene.polled(3).await;
    kill(operator);
    let operator = told.scene.start("third", &options).await;
    told.scene.polled(3).await;
    // Everything in the cluster is lost, and Git is still there.
    kill(operator);
    told.scene.drop_all().await;
    told.scene.apply(&manifests().to_string()).await;
    let _operator = told.scene.start("restored", &options).await;
    all(&told, "all are connected again", is_connected).await;
    told.scene.polled(3).await;
    let taken = told.receiver.taken();
    assert_eq!((taken.len(), accounts(&taken)), (messages, 2 * ACCOUNTS));
}
