//! What becomes of each notification, as stories of the whole sender.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::sink::Answer;
use crate::crd::NotificationType;

mod story;
use story::Story;

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

fn away(_: &Value) -> Answer {
    Answer::Failed {
        result: "unreachable",
        why: "it is away".to_owned(),
        retry_after: None,
    }
}

fn rejects() -> Answer {
    Answer::Rejected {
        status: http::StatusCode::BAD_REQUEST,
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_still_so_is_told_once_when_a_receiver_is_back_after_a_day() {
    let story = Story::new(away);
    for n in 0..50 {
        story.waits("a", &format!("a{n}"));
    }
    sleep(HOUR).await;
    story.happens("a", "a1", NotificationType::Connected);
    story.cluster.delete("a/a2");
    // Suspended, and not judged before the receiver is back.
    let mut held = story.cluster.get("a/a3");
    held["status"]["conditions"][0]["reason"] = json!("Suspended");
    story.cluster.put(held.clone());
    sleep(23 * HOUR).await;
    assert_eq!(story.told(), BTreeMap::new());
    story.answer(|_| Answer::Taken);
    sleep(HOUR).await;
    let mut expected: BTreeMap<String, Vec<String>> = (0..50)
        .map(|n| (format!("a{n}"), vec!["AwaitingUser".to_owned()]))
        .collect();
    expected.insert("a1".to_owned(), vec!["Connected".to_owned()]);
    expected.remove("a2");
    expected.remove("a3");
    assert_eq!(story.told(), expected);
    assert_eq!(story.dropped("object_gone"), 1);
    held["status"]["conditions"][0]["reason"] = json!("AwaitingUser");
    story.cluster.put(held);
    sleep(HOUR).await;
    expected.insert("a3".to_owned(), vec!["AwaitingUser".to_owned()]);
    assert_eq!(story.told(), expected);
    let requests = |result: &str| {
        story.counted(&format!(
            "notification_requests_total{{result=\"{result}\"}}"
        ))
    };
    assert_eq!(requests("success"), 49);
    let failed = requests("unreachable");
    assert!(failed < 24 * 14, "once in five minutes: {failed}");
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_for_three_days_is_dropped_and_what_is_younger_is_told() {
    let story = Story::new(away);
    story.waits("a", "old");
    sleep(2 * HOUR).await;
    story.waits("a", "young");
    sleep(71 * HOUR).await;
    assert_eq!(story.dropped("expired"), 1);
    story.answer(|_| Answer::Taken);
    sleep(HOUR).await;
    assert_eq!(
        story.told(),
        BTreeMap::from([("young".to_owned(), vec!["AwaitingUser".to_owned()])])
    );
    assert_eq!(story.dropped("expired"), 1);
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_held_for_days_is_told_once_it_is_judged() {
    let story = Story::new(|_| Answer::Taken);
    story.waits("a", "x");
    let mut held = story.cluster.get("a/x");
    held["status"]["conditions"][0]["reason"] = json!("Suspended");
    story.cluster.put(held.clone());
    sleep(96 * HOUR).await;
    assert_eq!(story.told(), BTreeMap::new());
    held["status"]["conditions"][0]["reason"] = json!("AwaitingUser");
    story.cluster.put(held);
    sleep(MINUTE).await;
    assert_eq!(story.told().len(), 1);
    assert_eq!(story.dropped("expired"), 0);
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_takes_one_a_second_is_told_everything_and_not_pressed() {
    // As Slack does, which disables who goes on.
    let last = Mutex::new(None);
    let story = Story::new(move |_| {
        let (now, mut last) = (Instant::now(), last.lock());
        if last.is_some_and(|last| now.duration_since(last) < Duration::from_secs(1)) {
            return Answer::Failed {
                result: "throttled",
                why: "it is sent too much".to_owned(),
                retry_after: Some(Duration::from_secs(1)),
            };
        }
        *last = Some(now);
        Answer::Taken
    });
    for n in 0..60 {
        story.waits("a", &format!("a{n}"));
    }
    sleep(HOUR).await;
    let told = story.told();
    assert_eq!(told.len(), 60);
    assert!(told.values().all(|of_it| of_it.len() == 1), "each once");
    let throttled = story.counted("notification_requests_total{result=\"throttled\"}");
    assert!(throttled <= 60, "once for each that it takes: {throttled}");
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_rejected_three_times_is_dropped_and_holds_up_no_other() {
    let story = Story::new(|message| match message["data"]["name"] == "bad" {
        true => rejects(),
        false => Answer::Taken,
    });
    story.waits("a", "bad");
    for n in 0..5 {
        story.waits("a", &format!("good-{n}"));
    }
    sleep(MINUTE).await;
    assert_eq!(story.told().len(), 5);
    assert_eq!(
        story.counted("notification_requests_total{result=\"rejected\"}"),
        3
    );
    assert_eq!(story.dropped("rejected"), 1);
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_where_the_receiver_rejects_all_messages() {
    // As Argo Events answers while its endpoint is not active.
    let story = Story::new(|_| rejects());
    for n in 0..20 {
        story.waits("a", &format!("a{n}"));
    }
    sleep(24 * HOUR).await;
    let rejected = story.counted("notification_requests_total{result=\"rejected\"}");
    assert!(rejected < 24 * 14, "once in five minutes: {rejected}");
    story.answer(|_| Answer::Taken);
    sleep(HOUR).await;
    let told = story.told();
    assert_eq!(told.len(), 20);
    assert!(told.values().all(|of_it| of_it.len() == 1), "each once");
    assert_eq!(story.dropped("rejected"), 0);
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_failed_is_not_dropped_when_it_is_rejected_for_the_first_time() {
    let story = Story::new(away);
    story.waits("a", "x");
    sleep(MINUTE).await;
    story.waits("a", "y");
    sleep(MINUTE).await;
    let rejected = Mutex::new(0);
    story.answer(move |message| match message["data"]["name"] == "x" {
        true if *rejected.lock() < 2 => {
            *rejected.lock() += 1;
            rejects()
        }
        _ => Answer::Taken,
    });
    sleep(HOUR).await;
    assert_eq!(story.told().len(), 2);
    assert_eq!(story.dropped("rejected"), 0);
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_a_limit_is_dropped_and_counted_in_one_message_an_hour_later() {
    let story = Story::new(|_| Answer::Taken);
    for n in 0..100 {
        story.waits("noisy", &format!("n{n}"));
    }
    story.waits("quiet", "q");
    sleep(MINUTE).await;
    assert_eq!((story.told().len(), story.dropped("limited")), (61, 40));
    sleep(HOUR).await;
    let digest = story.mailbox.taken.lock().last().cloned().expect("one");
    assert_eq!(digest["data"]["omitted"], json!({"noisy": 40}));
    assert_eq!(story.told().len(), 62);
    story.ends().await;
}

#[tokio::test(start_paused = true)]
async fn one_message_that_is_never_taken_starves_none_of_those_that_were_left_out() {
    const NAMESPACES: usize = 20;
    let story = Story::new(|message| match message["data"]["name"] == "bad" {
        true => away(message),
        false => Answer::Taken,
    });
    // More than wait at a time, and no more of each namespace than are told in an hour.
    story.waits("bad", "bad");
    for namespace in 0..NAMESPACES {
        for n in 0..60 {
            let name = format!("n{namespace}-{n}");
            story.waits(&format!("ns-{namespace}"), &name);
        }
    }
    sleep(24 * HOUR).await;
    let told = story.told();
    assert_eq!(told.len(), NAMESPACES * 60);
    assert!(told.values().all(|of_it| of_it.len() == 1), "each once");
    assert_eq!(story.cluster.pending(), 1, "it is tried again and again");
    story.answer(|_| Answer::Taken);
    sleep(HOUR).await;
    assert_eq!(story.told().len(), NAMESPACES * 60 + 1);
    story.ends().await;
}
