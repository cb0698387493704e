//! Which project of Composio's a key is of, as Composio tells it, and what follows where it is another one.

use serde_json::{Value, json};

use super::{accounts_of, declare_project, delete_project, gmail_in, project, world};
use crate::support::child::Signal;
use crate::support::project::{KEY, KEY_SECRET};
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Operated, SOON, Scene, gmail};
use crate::support::story::{condition, message};
use crate::support::watch;

/// A project that is given that key from now on.
async fn put_key(scene: &Scene<'_>, key: &str) {
    scene.secret(KEY_SECRET, json!({KEY: key})).await;
}

/// The id of the first world's project.
async fn project_id(scene: &Scene<'_>) -> Value {
    let project = scene.sandbox.control("GET", "project", Value::Null).await;
    project["id"].clone()
}

fn pin_of(object: &Value) -> Value {
    let pin = &object["metadata"]["annotations"]["composio.dev/alias"];
    serde_json::from_str(pin.as_str().expect("it is pinned")).expect("JSON")
}

#[tokio::test]
async fn the_project_that_composio_tells_stands_in_the_status_and_in_the_pins() {
    let scene = Scene::new("told-id").await.operated().await;
    scene.linked_gmail("mail").await;
    let id = project_id(&scene).await;
    let project = scene.project_available().await;
    assert_eq!(project["status"]["projectID"], id, "{project}");
    assert_eq!(pin_of(&scene.object("mail").await)["projectID"], id);
}

#[tokio::test]
async fn a_key_that_may_not_ask_for_its_project_is_as_good_as_any() {
    let scene = Scene::new("untold-id").await;
    scene.sandbox.refuse_session_info().await;
    // It is asked again whenever all accounts are.
    let options = scene.options().flag("--resync-interval", "1h");
    let operator = scene.start("operator", &options).await;
    scene.project_available().await;
    let scene = Operated::of(scene, operator);
    let id = scene.connected_gmail("mail").await;
    let project = scene.project_available().await;
    assert_eq!(project["status"]["projectID"], Value::Null, "{project}");
    assert_eq!(
        pin_of(&scene.object("mail").await)["projectID"],
        Value::Null
    );
    scene.delete("mail").await;
    let account = scene.sandbox.account(&id).await;
    assert_eq!(account["grant"]["ended_by"], "revoke", "{account}");
    let asked = scene.sandbox.asked().await;
    let of_session = asked.iter().filter(|one| one.path.ends_with("/info"));
    assert_eq!(of_session.count(), 1, "it is asked once, and not again");
}

#[tokio::test]
async fn the_key_of_another_project_touches_nothing_however_few_accounts_there_are() {
    let scene = Scene::new("other-key").await.operated().await;
    let account = scene.connected_gmail("mail").await;
    world(&scene, "another").await;
    let id = project_id(&scene).await;
    put_key(&scene, "another").await;
    let project = scene
        .until_project("Ready", "False", "AnotherProject")
        .await;
    let said = message(&project, "Ready");
    assert!(said.contains(id.as_str().expect("an id")), "{said}");
    assert_eq!(project["status"]["projectID"], id, "where they are stays");
    scene.declare("second", gmail()).await;
    scene
        .until_synced_says("second", "ProjectUnavailable", "AnotherProject")
        .await;
    assert_eq!(accounts_of(&scene, "another").await.len(), 0);
    put_key(&scene, API_KEY).await;
    scene.project_available().await;
    scene.until_connected("mail").await;
    assert_eq!(scene.sandbox.account(&account).await["status"], "ACTIVE");
}

#[tokio::test]
async fn what_is_missing_in_the_project_that_composio_tells_is_gone() {
    const MANY: usize = 8;
    let scene = Scene::new("all-gone").await.operated().await;
    let mut ids = Vec::new();
    for n in 0..MANY {
        let mut spec = gmail();
        spec["user"] = json!(format!("user-{n}"));
        let name = format!("mail-{n}");
        scene.declare(&name, spec).await;
        ids.push(scene.linked(&name).await.0);
    }
    scene.project_available().await;
    scene.operator.child.signal(Signal::Stop).expect("it runs");
    for id in &ids {
        scene.sandbox.by_hand(id, "delete", json!({})).await;
    }
    scene.operator.child.signal(Signal::Cont).expect("it runs");
    for n in 0..MANY {
        let name = format!("mail-{n}");
        scene.until(&name, "Ready", "False", "LinkExpired").await;
    }
    scene.project_available().await;
}

#[tokio::test]
async fn a_project_made_anew_that_leads_elsewhere_is_not_the_one_of_the_accounts() {
    let scene = Scene::new("made-anew").await;
    world(&scene, "first").await;
    world(&scene, "another").await;
    let _operator = scene.start("operator", &scene.options()).await;
    project(&scene, "team", "first").await;
    scene.declare("mail", gmail_in("team")).await;
    let (id, _) = scene.linked("mail").await;
    // Somebody takes the finalizer off, and makes another project of that name.
    delete_project(&scene, "team").await;
    let off = r#"{"metadata":{"finalizers":null}}"#;
    let args = [
        "patch",
        "composioproject",
        "team",
        "--type=merge",
        "-p",
        off,
    ];
    scene.kubectl(&args).await;
    scene.project_gone("team").await;
    project(&scene, "team", "another").await;
    let object = scene
        .until("mail", "Synced", "False", "ProjectMismatch")
        .await;
    assert_eq!(condition(&object, "Stalled")["status"], "True");
    scene
        .kubectl(&["delete", "connectedaccount", "mail", "--wait=false"])
        .await;
    scene
        .until_synced_says("mail", "ProjectUnavailable", "another one by now")
        .await;
    let account = accounts_of(&scene, "first").await[0].clone();
    assert_eq!(account["id"], *id, "it is not given up");
    assert_eq!(accounts_of(&scene, "another").await.len(), 0);
    // A person does.
    let abandon = format!("composio.dev/abandon={id}");
    scene
        .kubectl(&["annotate", "connectedaccount", "mail", &abandon])
        .await;
    scene.gone("mail").await;
    assert_eq!(accounts_of(&scene, "first").await.len(), 1);
}

#[tokio::test]
async fn two_keys_of_one_project_lead_to_the_same_accounts() {
    let scene = Scene::new("two-keys").await;
    let keep = json!({"api_key": "second-key", "keep": true});
    scene.sandbox.control("POST", "api-key", keep).await;
    let by_hand = scene.made_by_hand("u", None).await;
    let _operator = scene.start("operator", &scene.options()).await;
    project(&scene, "second", "second-key").await;
    for project in ["default", "second"] {
        scene
            .until_project_of(project, "Ready", "True", "Available")
            .await;
    }
    let mut first = gmail();
    first["connectedAccountId"] = json!(by_hand);
    let mut second = gmail_in("second");
    second["connectedAccountId"] = json!(by_hand);
    scene.declare("first", first).await;
    scene
        .until_field("first", "connectedAccountId", &by_hand)
        .await;
    scene.is_older_than_the_next("first").await;
    scene.declare("second", second).await;
    scene.until("second", "Ready", "False", "Conflict").await;
    // The end of the loser is the end of nothing.
    scene.delete("second").await;
    let account = scene.sandbox.account(&by_hand).await;
    assert!(account["grant"]["ended_by"].is_null(), "{account}");
    scene
        .until_field("first", "connectedAccountId", &by_hand)
        .await;
}

#[tokio::test]
async fn two_projects_of_one_organisation_keep_its_reserve_together() {
    const LIMIT: u64 = 100;
    let scene = Scene::new("one-limit").await;
    let seed = |key: &str| json!({"api_key": key, "organisation_id": "ok_acme", "limit": LIMIT});
    for key in ["one", "two"] {
        scene.sandbox.control("POST", "worlds", seed(key)).await;
    }
    let _operator = scene.start("operator", &scene.options()).await;
    for key in ["one", "two"] {
        let secret = format!("key-of-{key}");
        scene.secret(&secret, json!({KEY: key})).await;
        let spec = json!({"apiKeySecretRef": {"name": secret}, "baseURL": scene.sandbox.url(),
            "pollInterval": "10m"});
        declare_project(&scene, key, spec).await;
        scene
            .until_project_of(key, "Ready", "True", "Available")
            .await;
    }
    let mut all = String::new();
    for n in 0..LIMIT {
        for key in ["one", "two"] {
            let mut spec = gmail_in(key);
            spec["user"] = json!(format!("user-{n}"));
            let object = json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
                "metadata": {"name": format!("{key}-{n}")}, "spec": spec});
            all.push_str(&format!("---\n{object}\n"));
        }
    }
    scene.apply(&all).await;
    // Until one of each has had to wait: then everything is used that may be.
    let waits = |object: &Value, key: &str| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let conditions = object["status"]["conditions"].as_array();
        name.starts_with(key)
            && conditions.is_some_and(|all| all.iter().any(|one| one["reason"] == "RateLimited"))
    };
    let accounts = watch::accounts(&scene.client, &scene.namespace);
    let both = watch::find(accounts, "", SOON, |objects| {
        let of = |key| objects.values().filter(|object| waits(object, key)).count();
        match (of("one"), of("two")) {
            (0, _) | (_, 0) => Err(format!("{} and {} wait", of("one"), of("two"))),
            (_, _) => Ok(()),
        }
    });
    both.await
        .expect("accounts of both wait for the rate limit");
    let mut refused = 0;
    for key in ["one", "two"] {
        let log = scene
            .sandbox
            .control("GET", &format!("log?key={key}"), Value::Null)
            .await;
        let log = log["entries"].as_array().cloned().unwrap_or_default();
        assert!(log.len() > 10, "{key} has had its share: {}", log.len());
        refused += log.iter().filter(|entry| entry["status"] == 429).count();
    }
    assert_eq!(refused, 0, "nobody is refused");
    let budget = scene
        .sandbox
        .control("GET", "budget?key=one", Value::Null)
        .await;
    let left = budget["remaining"].as_u64().expect("a number");
    assert!(left >= LIMIT / 10, "the reserve: {left}");
}
