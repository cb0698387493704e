//! The key of another project, or another server: everything looks gone, and nothing is concluded.

use serde_json::{Value, json};

use crate::support::child::Signal;
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Operated, SOON, Scene};
use crate::support::story::{condition, message};
use crate::support::wait;

/// More than may go between two looks at all of them.
const MANY: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn named(alias: &str) -> Value {
    json!({
        "user": "u", "toolkit": "gmail", "authConfig": "ac_gmail", "metadata": {"alias": alias},
    })
}

/// Declares and connects all of them; the ids of the accounts.
async fn connected(scene: &Scene<'_>) -> Vec<String> {
    for name in MANY {
        scene.declare(name, named(name)).await;
    }
    let mut ids = Vec::new();
    for name in MANY {
        let (id, _) = scene.linked(name).await;
        scene.sandbox.consent(&id).await;
        scene.ready(name, "Connected").await;
        ids.push(id);
    }
    ids
}

/// Another object of one of the accounts, which loses against it.
async fn in_conflict(scene: &Scene<'_>, alias: &str) {
    scene.declare("loser", named(alias)).await;
    scene.until("loser", "Ready", "False", "Conflict").await;
}

async fn delete_without_waiting(scene: &Scene<'_>, name: &str) {
    scene
        .kubectl(&["delete", "connectedaccounts", name, "--wait=false"])
        .await;
}

/// What must go goes, what must stay stays, and the object that is new gets no account.
async fn releases_only_what_it_must_not_touch(scene: &Operated<'_>) {
    scene
        .patch("b", r#"{"spec":{"deletionPolicy":"Retain"}}"#)
        .await;
    for name in ["a", "b", "loser"] {
        delete_without_waiting(scene, name).await;
    }
    scene.gone("b").await;
    scene.gone("loser").await;
    scene.declare("new", named("new")).await;
    for name in ["a", "new"] {
        let object = scene
            .until_synced_says(name, "ProjectUnavailable", "project")
            .await;
        assert!(
            object["metadata"]["finalizers"].is_array() == (name == "a"),
            "{object}"
        );
    }
}

#[tokio::test]
async fn another_project_with_the_same_auth_configs_is_told_by_the_accounts_that_are_missing() {
    let scene = Scene::new("many-missing").await;
    let other = json!({"api_key": "another-project"});
    scene.sandbox.control("POST", "worlds", other).await;
    let scene = scene.operated().await;
    connected(&scene).await;
    in_conflict(&scene, "a").await;
    scene.is_listed(MANY[MANY.len() - 1]).await;
    let changes = scene.changes().await;

    scene.put_api_key("another-project").await;
    let project = scene
        .until_project("Ready", "False", "AnotherProject")
        .await;
    let said = message(&project, "Ready");
    assert!(said.contains("--accept-missing"), "{said}");
    scene.operator.readyz(200, "").await;
    for name in ["c", "g"] {
        let object = scene
            .until_synced_says(name, "ProjectUnavailable", "another project's")
            .await;
        assert_eq!(
            condition(&object, "Ready")["status"],
            "True",
            "what was seen last stays: {object}"
        );
    }
    let (_, metrics) = scene.operator.get("/metrics").await;
    let closed = format!(
        r#"composio_operator_composio_gate_closed{{project="ComposioProject/{}/default",gate="project"}} 1"#,
        scene.namespace
    );
    assert!(metrics.contains(&closed), "{metrics}");
    releases_only_what_it_must_not_touch(&scene).await;
    let accounts = "accounts?key=another-project";
    let accounts = scene.sandbox.control("GET", accounts, Value::Null).await;
    assert_eq!(accounts["accounts"], json!([]));
    assert_eq!(scene.changes().await, changes);

    scene.put_api_key(API_KEY).await;
    scene.project_available().await;
    scene.gone("a").await;
    scene.linked("new").await;
    scene.until("c", "Synced", "True", "Connected").await;
    let mut now = scene.changes().await;
    now.sort();
    let mut expected = [
        &changes[..],
        &["POST revoke", "DELETE", "POST link"].map(str::to_owned),
    ]
    .concat();
    expected.sort();
    assert_eq!(now, expected);
}

#[tokio::test]
async fn a_server_that_answers_404_to_everything_proves_nothing() {
    let scene = Scene::new("all-404").await.operated().await;
    connected(&scene).await;
    in_conflict(&scene, "a").await;
    let changes = scene.changes().await;
    let fault = json!({"status": 404, "times": 1_000_000});
    scene.sandbox.control("POST", "fault", fault).await;
    let seq = scene.sandbox.seq().await;

    for name in MANY {
        let what = "composio.dev/reconcile-requested-at=now";
        scene
            .kubectl(&["annotate", "connectedaccounts", name, what])
            .await;
    }
    for name in ["c", "g"] {
        scene
            .until_synced_says(name, "ProjectUnavailable", "project")
            .await;
    }
    releases_only_what_it_must_not_touch(&scene).await;
    let effects = |asked: Vec<crate::support::sandbox::Asked>| {
        let effects = asked.into_iter().filter(|asked| !asked.is_look());
        effects.map(|asked| asked.words()).collect::<Vec<_>>()
    };
    assert_eq!(effects(scene.sandbox.asked_since(seq).await), [""; 0]);

    scene.sandbox.control("DELETE", "fault", Value::Null).await;
    scene.gone("a").await;
    scene.linked("new").await;
    scene.until("c", "Synced", "True", "Connected").await;
    assert_eq!(scene.changes().await.len(), changes.len() + 3);
}

#[tokio::test]
async fn accounts_that_were_deleted_on_purpose_are_accepted_as_missing_by_a_flag() {
    let scene = Scene::new("accept-missing").await;
    // Where Composio tells whose the key is, what is missing is gone.
    scene.sandbox.refuse_session_info().await;
    let operator = scene.start("first", &scene.options()).await;
    let scene = Operated::of(scene, operator);
    let ids = connected(&scene).await;
    scene.is_listed(MANY[MANY.len() - 1]).await;
    let changes = scene.changes().await;
    // All at one moment: that a few are gone is no riddle.
    let operator = &scene.operator.child;
    operator.signal(Signal::Stop).expect("it runs");
    for id in &ids {
        scene.sandbox.by_hand(id, "delete", json!({})).await;
    }
    operator.signal(Signal::Cont).expect("it runs");
    let project = scene
        .until_project("Ready", "False", "AnotherProject")
        .await;
    let said = message(&project, "Ready");
    assert!(said.contains("--accept-missing"), "{said}");
    assert_eq!(scene.changes().await, changes);
    scene.operator.child.signal(Signal::Term).expect("it runs");
    let ended = scene.operator.child.wait(SOON).await;
    assert!(ended.is_some_and(|status| status.success()));

    let options = scene
        .options()
        .env("COMPOSIO_OPERATOR_ACCEPT_MISSING", Some("true"));
    let _second = scene.start("second", &options).await;
    wait::until("a new link for each of them", SOON, async || {
        let links = scene.changes().await.len() - changes.len();
        match links {
            7 => Ok(()),
            some => Err(format!("{some} of 7")),
        }
    })
    .await;
}
