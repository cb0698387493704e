//! What is told is not lost where the process ends, and told twice at most where it ended in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Told, kill, metric};
use crate::support::child::Signal;
use crate::support::proxy::{Fate, Intercept, Proxy, Seen};
use crate::support::receiver::{Answers, Message};
use crate::support::scene::{SOON, gmail};
use crate::support::wait;

/// How often each id was sent.
fn times(messages: &[Message]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for message in messages {
        *times.entry(message.id().to_owned()).or_default() += 1;
    }
    times
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_sent_again_by_its_id_once_for_each_crash() {
    const CRASHES: usize = 3;
    let told = Told::new("crashed").await;
    let mut operator = told.operated().await;
    told.receiver.answer(Answers::Never);
    told.scene.declare("mail", gmail()).await;
    for crash in 1..=CRASHES {
        wait::until("a message", SOON, async || {
            match told.receiver.received().len() {
                received if received >= crash => Ok(()),
                received => Err(format!("{received} of {crash}")),
            }
        })
        .await;
        kill(operator);
        if crash == CRASHES {
            told.receiver.answer(Answers::AT_ONCE);
        }
        let name = format!("after-{crash}");
        operator = told.scene.start(&name, &told.options()).await;
    }
    told.told("mail").await;
    let times: Vec<usize> = times(&told.receiver.received()).into_values().collect();
    assert_eq!(times.len(), 1, "one notification");
    assert!(times[0] <= CRASHES + 1, "sent {} times", times[0]);
    assert_eq!(told.receiver.taken().len(), 1);
}

#[tokio::test]
async fn what_was_taken_is_sent_twice_only_where_the_status_could_not_say_so_before_the_crash() {
    let told = Told::new("uncleared").await;
    let (held, is_held) = oneshot::channel();
    let held = Mutex::new(Some(held));
    let intercept: Intercept = Arc::new(move |seen: Seen| {
        let status: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let status = &status["status"];
        let clears = seen.path.ends_with("/connectedaccounts/mail/status")
            && status["notificationState"] == "AwaitingUser"
            && status["pendingNotification"].is_null();
        let held = clears.then(|| held.lock().take()).flatten();
        let fate = held.map_or(Fate::Forwarded, Fate::HeldBefore);
        async move { (seen, fate) }.boxed()
    });
    let control_plane = told.scene.control_plane;
    let certificate = control_plane.certificate();
    let proxy = Proxy::of_https(control_plane.url(), certificate, intercept).await;
    let proxy = proxy.expect("it listens");
    let kubeconfig = told.scene.kubeconfig_for(proxy.url());
    let options = told.options().kubeconfig(&kubeconfig);
    let operator = told.scene.start("held", &options).await;
    told.scene.declare("mail", gmail()).await;
    is_held.await.expect("the status is about to say so");
    kill(operator);
    let operator = told.scene.start("after", &told.options()).await;
    told.told("mail").await;
    let times = times(&told.receiver.taken());
    assert_eq!(
        times.into_values().collect::<Vec<_>>(),
        [2],
        "once for the crash"
    );
    let repeated = metric(&operator, "composio_operator_notifications_repeated_total");
    assert_eq!(
        repeated.await,
        0.0,
        "the second process knows of no other try"
    );
}

#[tokio::test]
async fn an_operator_that_is_stopped_ends_what_it_sends_and_tells_nothing_twice() {
    let told = Told::new("stopped").await;
    let operator = told.operated().await;
    told.receiver.answer(Answers::Takes(Duration::from_secs(2)));
    for name in ["one", "two", "three"] {
        let mut spec = gmail();
        spec["user"] = json!(name);
        told.scene.declare(name, spec).await;
    }
    wait::until("a message", SOON, async || {
        let received = told.receiver.received().len();
        (received > 0)
            .then_some(())
            .ok_or_else(|| "none".to_owned())
    })
    .await;
    // As a rolling update ends it.
    operator.child.signal(Signal::Term).expect("it runs");
    wait::until("its end", SOON, async || {
        operator.child.exited().ok_or_else(|| "it runs".to_owned())
    })
    .await;
    told.receiver.answer(Answers::AT_ONCE);
    let _operator = told.scene.start("next", &told.options()).await;
    for name in ["one", "two", "three"] {
        told.told(name).await;
    }
    let times = times(&told.receiver.received());
    assert_eq!(times.into_values().collect::<Vec<_>>(), [1, 1, 1]);
}
