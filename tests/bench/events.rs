//! Accounts that expire, fifty a second, of which Composio's webhook tells: how long it takes until the status says so.

use std::time::{Duration, Instant};

use composio_operator::crd::condition;
use futures::future::join_all;
use serde::Serialize;
use serde_json::json;

use super::returns::{Person, seconds, turn, until_each};
use super::run::at;
use crate::support::connect_page::ConnectPage;
use crate::support::sandbox::Asked;
use crate::support::scene::Scene;

const EXPIRED: &str = "composio.connected_account.expired";

/// An object is looked at again so long after the last look that somebody asked for.
const AGAIN: Duration = Duration::from_secs(6);

/// From the end of a grant to the status, in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Events {
    pub(crate) status_p50_seconds: f64,
    pub(crate) status_p99_seconds: f64,
    /// ConnectRequests of kind Look that were made.
    pub(crate) requests: usize,
    /// What was asked of Composio.
    pub(crate) looks: usize,
}

/// Where the page finds the secret that signs events.
pub(super) fn folder(scene: &Scene<'_>) -> String {
    let folder = scene.folder.path().join("webhooks");
    std::fs::create_dir(&folder).expect("the folder is there");
    folder.to_str().expect("a path of ASCII").to_owned()
}

/// Measures the accounts of people who have signed in.
pub(super) async fn measure(scene: &Scene<'_>, page: &ConnectPage, people: &[Person]) -> Events {
    let path = format!("/webhooks/ComposioProject/{}/default", scene.namespace);
    let url = format!("{}{path}", page.url);
    let body = json!({"webhook_url": url, "enabled_events": [EXPIRED], "version": "V3"});
    let made = scene.sandbox.api("POST", "webhook_subscriptions", body);
    let secret = made.await["secret"].as_str().expect("a secret").to_owned();
    let file = format!("webhooks/ComposioProject.{}.default", scene.namespace);
    std::fs::write(scene.folder.path().join(file), secret).expect("written");
    tokio::time::sleep(AGAIN).await;

    let seq = scene.sandbox.seq().await;
    let watched = until_each(scene, people.len(), |object| {
        let ready = object.status.as_ref()?.condition(condition::READY)?;
        (ready.reason == "ReauthorizationRequired").then_some(())
    });
    let events = people.iter().zip(0..).map(async |(person, n)| {
        turn(n).await;
        let sent = Instant::now();
        scene.sandbox.expire(&person.account).await;
        (person.name.clone(), sent)
    });
    let (known, sent) = tokio::join!(watched, join_all(events));
    let seconds = seconds(&known, sent);
    let made = "composio_operator_connect_requests_total{kind=\"Look\",result=\"made\"}";
    let requests = page.metric(made).await.unwrap_or_default();
    let asked = scene.sandbox.asked_since(seq).await;
    Events {
        status_p50_seconds: at(&seconds, 50),
        status_p99_seconds: at(&seconds, 99),
        requests: requests as usize,
        looks: asked.iter().filter(|asked| Asked::is_look(asked)).count(),
    }
}
