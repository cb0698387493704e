//! What happens to a grant, in each form in which people are told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Told, metric};
use crate::support::receiver::Message;
use crate::support::scene::gmail;

/// What a message tells, and of which object.
fn news(message: &Message) -> (String, String) {
    // The first words of Slack's message: `Revoked: agents/mail (ClusterComposioProject/shared)`.
    if let Some(text) = message.body["text"].as_str() {
        let (kind, rest) = text.split_once(": ").expect("a title");
        let object = rest.split(' ').next().expect("an object");
        let name = object.rsplit('/').next().expect("a name");
        return (kind.to_owned(), name.to_owned());
    }
    let name = message.body["data"]["name"].as_str().expect("a name");
    (message.kind().to_owned(), name.to_owned())
}

async fn a_grant_that_is_lost_is_told(format: &str) {
    let told = Told::new(format).await;
    let options = told.options().flag("--notify-format", format);
    let operator = told.scene.start("operator", &options).await;
    told.scene.project_available().await;
    let mut ids = Vec::new();
    for name in ["dies", "revoked", "another"] {
        let mut spec = gmail();
        spec["user"] = json!(name);
        if name == "another" {
            spec["expectedIdentity"] = json!("ann@acme.com");
        }
        told.scene.declare(name, spec).await;
        ids.push(told.scene.linked(name).await.0);
    }
    let sandbox = &told.scene.sandbox;
    sandbox.consent(&ids[0]).await;
    sandbox.consent(&ids[1]).await;
    let bob = json!({"display_name": "bob@acme.com"});
    sandbox.by_hand(&ids[2], "consent", bob).await;
    // Three who wait, two who have come, and one who is somebody else.
    told.taken(6).await;
    sandbox.expire(&ids[0]).await;
    let revoked = json!({"state": "REVOKED"});
    sandbox.by_hand(&ids[1], "state", revoked).await;
    let taken = told.taken(8).await;
    for name in ["dies", "revoked", "another"] {
        told.told(name).await;
    }
    told.scene.polled(3).await;
    let news: Vec<_> = taken.iter().map(news).collect();
    let distinct: BTreeSet<_> = news.iter().cloned().collect();
    let expected = [
        ("AwaitingUser", "dies"),
        ("AwaitingUser", "revoked"),
        ("AwaitingUser", "another"),
        ("Connected", "dies"),
        ("Connected", "revoked"),
        ("WrongIdentity", "another"),
        ("ReauthorizationRequired", "dies"),
        ("Revoked", "revoked"),
    ];
    let expected = expected.map(|(kind, name)| (kind.to_owned(), name.to_owned()));
    assert_eq!(distinct, expected.into(), "{news:?}");
    assert_eq!(told.receiver.received().len(), 8, "each once");
    let bodies: String = taken.iter().map(|one| one.body.to_string()).collect();
    assert!(
        !bodies.contains("bob@acme.com"),
        "nobody is named: {bodies}"
    );
    // News that are overtaken before they are sent are not told.
    told.write_url("http://127.0.0.1:9");
    let mut spec = gmail();
    spec["user"] = json!("overtaken");
    told.scene.declare("overtaken", spec).await;
    let (id, _) = told.scene.linked("overtaken").await;
    let is_pending = |object: &Value| object["status"]["pendingNotification"].is_object();
    told.scene
        .until_status("overtaken", "it is to be told", is_pending)
        .await;
    sandbox.consent(&id).await;
    told.scene.ready("overtaken", "Connected").await;
    told.write_url(told.receiver.url());
    told.told("overtaken").await;
    let taken = told.receiver.taken();
    assert_eq!(taken.len(), 9);
    let last = self::news(&taken[8]);
    assert_eq!(last, ("Connected".to_owned(), "overtaken".to_owned()));
    let superseded = "composio_operator_notifications_dropped_total{cause=\"superseded\"}";
    assert_eq!(metric(&operator, superseded).await, 1.0);
}

#[tokio::test]
async fn a_grant_that_is_lost_is_told_as_a_cloud_event() {
    a_grant_that_is_lost_is_told("cloudevents").await;
}

#[tokio::test]
async fn a_grant_that_is_lost_is_told_to_slack() {
    a_grant_that_is_lost_is_told("slack").await;
}
