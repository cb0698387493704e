//! A project says who may ask for what, and somebody asks for more: each is refused with a word, and Composio is
//! asked nothing for it.

use serde_json::{Value, json};

use super::declare_project;
use crate::support::project::{KEY, KEY_SECRET};
use crate::support::scene::{Scene, gmail};
use crate::support::story::message;

mod cluster;
mod namespaces;

/// The user of another team.
const VICTIM: &str = "other/victim";

/// A project of the namespace that lets it name users of its own, and little else.
async fn bounded(scene: &Scene<'_>) {
    let spec = json!({
        "apiKeySecretRef": {"name": KEY_SECRET, "key": KEY},
        "baseURL": scene.sandbox.url(),
        "allow": [{
            "users": ["{{namespace}}/*"], "toolkits": ["gmail"], "authConfigs": ["ac_gmail"],
            "deletionPolicies": ["Revoke"],
        }],
    });
    declare_project(scene, "bounded", spec).await;
}

fn asks(user: &str, change: Value) -> Value {
    let mut spec = gmail();
    spec["user"] = json!(user);
    spec["projectRef"] = json!({"name": "bounded"});
    for (name, value) in change.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    spec
}

#[tokio::test]
async fn whoever_asks_for_more_than_is_allowed_is_refused_and_learns_nothing() {
    let scene = Scene::new("asks-for-more").await;
    let theirs = scene.made_by_hand(VICTIM, Some("their-alias")).await;
    bounded(&scene).await;
    let scene = scene.operated().await;
    let namespace = scene.namespace.clone();
    let own = format!("{namespace}/bob");
    let shared = json!({"visibility": "Shared", "sharing": {"allowedUsers": [VICTIM]}});
    let everybody = json!({"visibility": "Shared", "sharing": {"allowAll": true}});
    let cases = [
        ("user", asks(VICTIM, json!({})), "spec.user"),
        (
            "prefix",
            asks(&format!("{namespace}-x/bob"), json!({})),
            "spec.user",
        ),
        ("case", asks(&own.to_uppercase(), json!({})), "spec.user"),
        (
            "slash",
            asks(&format!("{namespace}\u{2215}bob"), json!({})),
            "spec.user",
        ),
        (
            "toolkit",
            asks(&own, json!({"toolkit": "slack"})),
            "spec.toolkit",
        ),
        (
            "config",
            asks(&own, json!({"authConfig": "ac_other"})),
            "spec.authConfig",
        ),
        (
            "by-id",
            asks(&own, json!({"connectedAccountId": theirs})),
            "spec.connectedAccountId",
        ),
        (
            "alias",
            asks(&own, json!({"metadata": {"alias": "their-alias"}})),
            "spec.metadata.alias",
        ),
        ("share", asks(&own, shared), "the users of the access list"),
        (
            "all",
            asks(&own, everybody),
            "an access list that allows everybody",
        ),
    ];
    let before = scene.sandbox.seq().await;
    for (name, spec, field) in &cases {
        scene.declare(name, spec.clone()).await;
        let refused = scene.until(name, "Stalled", "True", "NotAllowed").await;
        assert!(
            message(&refused, "Ready").contains(field),
            "{name}: {refused}"
        );
    }
    // A hand in the status and in the annotations changes nothing.
    scene
        .give_status(
            "user",
            &json!({"connectedAccountId": theirs, "state": "ACTIVE"}),
        )
        .await;
    let given = format!("composio.dev/own-account={theirs}");
    let asked = "composio.dev/reconcile-requested-at=now";
    scene
        .kubectl(&["annotate", "cacc", "user", &given, asked])
        .await;
    scene.until("user", "Stalled", "True", "NotAllowed").await;
    for (name, _, _) in &cases {
        scene.delete(name).await;
    }
    let asked = scene.sandbox.asked_since(before).await;
    let asked: Vec<_> = asked.iter().filter(|one| !one.is_poll()).collect();
    assert!(asked.is_empty(), "{asked:?}");
    assert_eq!(scene.sandbox.account(&theirs).await["status"], "ACTIVE");
}

#[tokio::test]
async fn what_a_project_allows_no_more_stays_and_is_only_taken_away_from() {
    let scene = Scene::new("tightened").await;
    bounded(&scene).await;
    let scene = scene.operated().await;
    let own = format!("{}/bob", scene.namespace);
    scene
        .declare("mail", asks(&own, json!({"deletionPolicy": "Retain"})))
        .await;
    let (id, _) = scene.linked("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    let none = json!({"spec": {"allow": []}}).to_string();
    scene
        .kubectl(&[
            "patch",
            "composioproject",
            "bounded",
            "--type=merge",
            "-p",
            &none,
        ])
        .await;
    scene.until("mail", "Synced", "False", "NotAllowed").await;
    scene.until("mail", "Ready", "True", "Connected").await;
    let off = json!({"spec": {"enabled": false}}).to_string();
    scene
        .kubectl(&["patch", "cacc", "mail", "--type=merge", "-p", &off])
        .await;
    scene.until("mail", "Synced", "False", "NotAllowed").await;
    assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
    let on = json!({"spec": {"enabled": true}}).to_string();
    scene
        .kubectl(&["patch", "cacc", "mail", "--type=merge", "-p", &on])
        .await;
    scene.until("mail", "Synced", "False", "NotAllowed").await;
    assert_eq!(scene.sandbox.account(&id).await["status"], "INACTIVE");
}
