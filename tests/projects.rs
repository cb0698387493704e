//! Several projects of one operator: each with its own key and its own fate.

use serde_json::{Value, json};

use crate::support::project::{KEY, KEY_SECRET};
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Scene, gmail};
use crate::support::story::{condition, message};

mod fair;
mod hostile;
mod identity;
mod metrics;
mod moved;
mod noisy;
mod one_key;
mod people;
mod twenty;

/// Applies a project and the Secret of its key.
async fn project(scene: &Scene<'_>, name: &str, api_key: &str) {
    let secret = format!("key-of-{name}");
    scene.secret(&secret, json!({KEY: api_key})).await;
    let spec = json!({"apiKeySecretRef": {"name": secret}, "baseURL": scene.sandbox.url()});
    declare_project(scene, name, spec).await;
}

async fn declare_project(scene: &Scene<'_>, name: &str, spec: Value) {
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject",
        "metadata": {"name": name}, "spec": spec,
    });
    scene.apply(&project.to_string()).await;
}

/// A Gmail account in that project.
fn gmail_in(project: &str) -> Value {
    let mut spec = gmail();
    spec["projectRef"] = json!({"name": project});
    spec
}

/// Composio has another project with that key.
async fn world(scene: &Scene<'_>, api_key: &str) {
    let other = json!({"api_key": api_key});
    scene.sandbox.control("POST", "worlds", other).await;
}

/// The accounts in the Composio project of that key.
async fn accounts_of(scene: &Scene<'_>, api_key: &str) -> Vec<Value> {
    let path = format!("accounts?key={api_key}");
    let accounts = scene.sandbox.control("GET", &path, Value::Null).await;
    accounts["accounts"].as_array().cloned().unwrap_or_default()
}

async fn delete_project(scene: &Scene<'_>, name: &str) {
    let args = ["delete", "composioproject", name, "--wait=false"];
    scene.kubectl(&args).await;
}

#[tokio::test]
async fn each_account_is_made_with_the_key_of_its_own_project() {
    let scene = Scene::new("two-projects").await;
    world(&scene, "second-key").await;
    let operator = scene.start("operator", &scene.options()).await;
    project(&scene, "second", "second-key").await;
    scene.declare("first", gmail()).await;
    scene.declare("second", gmail_in("second")).await;
    let mut ids = Vec::new();
    for name in ["first", "second"] {
        ids.push(scene.linked(name).await.0);
    }
    for (key, id) in [API_KEY, "second-key"].into_iter().zip(&ids) {
        let accounts = accounts_of(&scene, key).await;
        assert_eq!(accounts.len(), 1, "{key}: {accounts:?}");
        assert_eq!(accounts[0]["id"], **id);
    }
    // Both ask for the same account, each of its own project.
    scene.declare("third", gmail_in("second")).await;
    scene.linked("third").await;
    assert_eq!(accounts_of(&scene, API_KEY).await.len(), 1);
    operator.readyz(200, "").await;
}

#[tokio::test]
async fn the_wrong_key_of_one_project_is_nobody_elses_fault() {
    let scene = Scene::new("one-bad").await;
    let operator = scene.start("operator", &scene.options()).await;
    project(&scene, "bad", "a-wrong-key").await;
    scene
        .until_project_of("bad", "Ready", "False", "KeyRejected")
        .await;
    scene.declare("waits", gmail_in("bad")).await;
    let words = "project ComposioProject/bad is not available (KeyRejected)";
    scene
        .until_synced_says("waits", "ProjectUnavailable", words)
        .await;
    scene.connected_gmail("mail").await;
    scene.project_available().await;
    operator.readyz(200, "").await;
    let (_, metrics) = operator.get("/metrics").await;
    for (project, ready) in [("bad", 0), ("default", 1)] {
        let line = format!(
            "composio_operator_project_ready{{project=\"ComposioProject/{}/{project}\"}} {ready}",
            scene.namespace
        );
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_project_that_is_not_there_is_waited_for() {
    let scene = Scene::new("no-project").await.operated().await;
    scene.declare("mail", gmail_in("later")).await;
    let words = "ComposioProject/later";
    let object = scene
        .until_synced_says("mail", "ProjectNotFound", words)
        .await;
    assert_eq!(condition(&object, "Reconciling")["status"], "True");
    assert_eq!(scene.sandbox.accounts().await.len(), 0);
    // The other one is not taken instead, nor does the object hold on to anything.
    scene.delete("mail").await;
    scene.declare("mail", gmail_in("later")).await;
    scene
        .until_synced_says("mail", "ProjectNotFound", words)
        .await;
    project(&scene, "later", API_KEY).await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn a_project_that_is_in_use_goes_when_its_accounts_have() {
    let scene = Scene::new("in-use").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    delete_project(&scene, "default").await;
    let going = scene.until_project("Ready", "False", "Deleting").await;
    assert_eq!(condition(&going, "Reconciling")["status"], "True");
    // Nothing new is begun in it.
    let mut spec = gmail();
    spec["user"] = json!("another");
    scene.declare("new", spec).await;
    scene
        .until_synced_says("new", "ProjectUnavailable", "ComposioProject/default")
        .await;
    scene.delete("new").await;
    // What is there is dealt with until the end.
    scene.delete("mail").await;
    let account = scene.sandbox.account(&id).await;
    assert_eq!(account["grant"]["ended_by"], "revoke", "{account}");
    scene.project_gone("default").await;
}

#[tokio::test]
async fn a_project_that_nobody_uses_goes_at_once() {
    let scene = Scene::new("unused").await;
    let operator = scene.start("operator", &scene.options()).await;
    scene.project_available().await;
    delete_project(&scene, "default").await;
    scene.project_gone("default").await;
    scene.declare("mail", gmail()).await;
    scene
        .until_synced_says("mail", "ProjectNotFound", "ComposioProject/default")
        .await;
    operator.readyz(200, "").await;
}

#[tokio::test]
async fn a_project_that_is_suspended_is_asked_nothing_and_goes_on_afterwards() {
    let scene = Scene::new("suspended").await.operated().await;
    let id = scene.connected_gmail("mail").await;
    let suspend = async |is: bool| {
        let patch = json!({"spec": {"suspend": is}}).to_string();
        let args = [
            "patch",
            "composioproject",
            "default",
            "--type=merge",
            "-p",
            &patch,
        ];
        scene.kubectl(&args).await;
    };
    suspend(true).await;
    scene.until_project("Ready", "False", "Suspended").await;
    let seq = scene.sandbox.seq().await;
    let patch = r#"{"spec":{"enabled":false}}"#;
    scene.patch("mail", patch).await;
    let object = scene
        .until_synced_says("mail", "ProjectUnavailable", "(Suspended)")
        .await;
    assert_eq!(condition(&object, "Ready")["status"], "True", "{object}");
    // One that was on its way may still have come.
    assert!(scene.sandbox.asked_since(seq).await.len() <= 1);
    assert_eq!(scene.sandbox.account(&id).await["status"], "ACTIVE");
    suspend(false).await;
    scene.ready("mail", "Disabled").await;
}

#[tokio::test]
async fn of_too_many_projects_in_a_namespace_the_oldest_are_served() {
    let scene = Scene::new("too-many").await;
    let options = scene.options().flag("--max-projects-per-namespace", "2");
    let _operator = scene.start("operator", &options).await;
    scene.project_available().await;
    project(&scene, "second", API_KEY).await;
    scene
        .until_project_of("second", "Ready", "True", "Available")
        .await;
    let told = async || {
        let project = scene.until_project_of("third", "Ready", "False", "TooManyProjects");
        let project = project.await;
        assert_eq!(condition(&project, "Stalled")["status"], "True");
        let said = message(&project, "Ready");
        assert!(said.contains("--max-projects-per-namespace"), "{said}");
    };
    project(&scene, "third", API_KEY).await;
    told().await;
    let asked = scene.asked_of_kubernetes();
    let read = asked.iter().any(|asked| asked.name == "key-of-third");
    assert!(!read, "its key is not read");
    delete_project(&scene, "second").await;
    scene
        .until_project_of("third", "Ready", "True", "Available")
        .await;
    scene.declare("mail", gmail_in("third")).await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn the_secret_of_a_project_is_sent_for_no_account() {
    let scene = Scene::new("own-secret").await.operated().await;
    let spec = json!({
        "user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {
            "name": KEY_SECRET, "keys": {"generic_api_key": KEY},
        }},
    });
    scene.declare("crm", spec).await;
    scene.until("crm", "Synced", "False", "SecretInvalid").await;
    assert_eq!(scene.changes().await, [""; 0]);
}
