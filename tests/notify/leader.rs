//! Another leader: nothing is lost, and nobody is told again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Told, kill};
use crate::support::child::Signal;
use crate::support::operator::Operator;
use crate::support::receiver::Answers;
use crate::support::scene::{SOON, gmail};
use crate::support::wait;

const ACCOUNTS: usize = 20;
const LEADS: &str = "[+] leadership ok";

impl Told {
    /// A replica of an operator that is elected.
    fn replica(&self, name: &str) -> Operator {
        let options = self.options().flag("--leader-elect", "true");
        let options = options
            .flag("--instance", name)
            .flag("--lease-duration", "12s")
            .flag("--renew-deadline", "9s")
            .flag("--retry-period", "1s");
        self.scene.spawn(name, &options)
    }

    /// Waits until so many messages have come.
    async fn received(&self, count: usize) {
        wait::until("messages", SOON, async || {
            match self.receiver.received().len() {
                received if received >= count => Ok(()),
                received => Err(format!("{received} of {count}")),
            }
        })
        .await;
    }

    /// How often each message of that type was taken.
    fn times(&self, kind: &str) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for message in self.receiver.taken() {
            if message.kind() == kind {
                *times.entry(message.id().to_owned()).or_default() += 1;
            }
        }
        times
    }
}

#[tokio::test]
async fn another_leader_tells_what_the_former_did_not_and_nothing_that_it_did() {
    let told = Told::new("leaders").await;
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("mail-{n}")).collect();
    let first = told.replica("a");
    first.readyz(200, LEADS).await;
    let second = told.replica("b");
    second.readyz(200, "[+] leadership idle: a_").await;
    // So long that it is killed in the middle.
    told.receiver
        .answer(Answers::Takes(Duration::from_millis(100)));
    for name in &names {
        let mut spec = gmail();
        spec["user"] = json!(name);
        told.scene.declare(name, spec).await;
    }
    told.received(3).await;
    kill(first);
    second.readyz(200, LEADS).await;
    let third = told.replica("c");
    third.readyz(200, "[+] leadership idle: b_").await;
    for name in &names {
        told.told(name).await;
    }
    let times = told.times("AwaitingUser");
    let doubled: usize = times.values().map(|times| times - 1).sum();
    assert_eq!(times.len(), ACCOUNTS, "none is lost");
    assert!(doubled <= 1, "of one crash: {times:?}");

    // It gives up the Lease in the middle, as in a rolling update.
    for account in told.scene.sandbox.accounts().await {
        let id = account["id"].as_str().expect("an id").to_owned();
        told.scene.sandbox.consent(&id).await;
    }
    told.received(ACCOUNTS + doubled + 3).await;
    second.child.signal(Signal::Term).expect("it runs");
    third.readyz(200, LEADS).await;
    let is_told = |object: &Value| {
        let status = &object["status"];
        status["notificationState"] == "Connected" && status["pendingNotification"].is_null()
    };
    told.scene
        .until_all("all were told", ACCOUNTS, is_told)
        .await;
    told.scene.polled(3).await;
    let times = told.times("Connected");
    assert_eq!(times.len(), ACCOUNTS, "none is lost");
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(told.receiver.received().len(), 2 * ACCOUNTS + doubled);
}
