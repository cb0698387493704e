//! Composio and the apiserver out of reach, or not to be used yet: told, waited for, healed.

use serde_json::{Value, json};

use crate::support::control_plane::ControlPlane;
use crate::support::scene::{Scene, gmail};
use crate::support::story::{condition, message};
use crate::support::tcp_proxy::ReservedPort;

#[tokio::test]
async fn a_rejected_api_key_is_told_and_a_new_one_in_the_file_is_taken_without_a_restart() {
    let scene = Scene::new("wrong-key").await;
    let file = scene
        .folder
        .write("key", "a-wrong-key\n")
        .expect("the folder is there");
    let options = scene
        .options()
        .env("COMPOSIO_API_KEY", None)
        .flag("--api-key-file", file.to_str().expect("a path of ASCII"));
    let operator = scene.spawn("operator", &options);
    operator
        .readyz(503, "Composio rejects the API key (401)")
        .await;

    scene.declare("mail", gmail()).await;
    let object = scene
        .until("mail", "Synced", "False", "ProjectUnavailable")
        .await;
    assert!(
        message(&object, "Synced").contains("rejects the operator's API key"),
        "{object}"
    );
    assert_eq!(condition(&object, "Ready")["status"], "Unknown");

    std::fs::write(&file, "sandbox\n").expect("the folder is there");
    operator.readyz(200, "").await;
    scene.linked("mail").await;
    let log = operator.child.read_log();
    assert!(!log.contains("a-wrong-key"), "the key is in the log: {log}");
}

#[tokio::test]
async fn the_key_of_another_project_forgets_makes_and_releases_nothing() {
    let scene = Scene::new("other-project").await;
    let other = json!({"api_key": "another-project"});
    scene.sandbox.control("POST", "worlds", other).await;
    let file = scene
        .folder
        .write("key", "sandbox")
        .expect("the folder is there");
    let options = scene
        .options()
        .env("COMPOSIO_API_KEY", None)
        .flag("--api-key-file", file.to_str().expect("a path of ASCII"));
    let _operator = scene.start("operator", &options).await;
    // Its auth config is one that the other project lacks.
    let own = json!({"id": "ac_own", "toolkit": "gmail"});
    scene.sandbox.control("POST", "auth-configs", own).await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_own"});
    for name in ["stays", "goes"] {
        let mut spec = spec.clone();
        spec["metadata"] = json!({"alias": name});
        scene.declare(name, spec).await;
        let (id, _) = scene.linked(name).await;
        scene.sandbox.consent(&id).await;
        scene.ready(name, "Connected").await;
    }
    let changes = scene.changes().await;

    std::fs::write(&file, "another-project").expect("the folder is there");
    let object = scene
        .until_synced_says("stays", "ProjectUnavailable", "another project")
        .await;
    assert_eq!(
        condition(&object, "Ready")["status"],
        "True",
        "what was seen last stays: {object}"
    );
    scene
        .kubectl(&["delete", "connectedaccounts", "goes", "--wait=false"])
        .await;
    scene
        .until_synced_says("goes", "ProjectUnavailable", "another project")
        .await;
    let accounts = scene
        .sandbox
        .control("GET", "accounts?key=another-project", Value::Null)
        .await;
    assert_eq!(accounts["accounts"], json!([]));
    assert_eq!(scene.changes().await, changes);

    std::fs::write(&file, "sandbox").expect("the folder is there");
    scene.gone("goes").await;
    scene.until("stays", "Synced", "True", "Connected").await;
    let revoked = [
        &changes[..],
        &["POST revoke".to_owned(), "DELETE".to_owned()],
    ]
    .concat();
    assert_eq!(scene.changes().await, revoked);
}

#[tokio::test]
async fn an_unreachable_base_url_is_told_and_healed_by_itself() {
    let scene = Scene::new("unreachable").await;
    let port = ReservedPort::new();
    let options = scene.options().flag("--base-url", &port.url("http"));
    let operator = scene.spawn("operator", &options);
    operator.readyz(503, "no connection to Composio").await;
    scene.declare("mail", gmail()).await;
    let object = scene
        .until("mail", "Synced", "False", "ComposioUnavailable")
        .await;
    assert!(
        message(&object, "Synced").contains("no connection to Composio"),
        "{object}"
    );

    port.open(scene.sandbox.url());
    scene.linked("mail").await;
    assert_eq!(scene.changes().await, ["POST link"]);
}

#[tokio::test]
async fn without_the_crd_it_says_how_to_install_it_and_waits() {
    let control_plane = ControlPlane::start()
        .await
        .expect("a control plane of its own starts");
    let scene = Scene::on(&control_plane, "no-crd").await;
    let operator = scene.spawn("operator", &scene.options());
    let how = "composio-operator crd | kubectl apply --server-side -f -";
    operator.readyz(503, how).await;
    let log = operator.child.read_log();
    assert_eq!(
        log.matches(how).count(),
        1,
        "said once, not at every try: {log}"
    );

    control_plane.install_crd().await;
    operator.readyz(200, "").await;
    scene.linked_gmail("mail").await;
}

#[tokio::test]
async fn an_apiserver_that_is_unreachable_at_the_start_is_waited_for() {
    let scene = Scene::new("no-apiserver").await;
    let port = ReservedPort::new();
    let behind = scene.kubeconfig_for(&port.url("https"));
    let operator = scene.spawn("operator", &scene.options_with(&behind));
    operator.readyz(503, "cannot watch ConnectedAccounts").await;

    let proxy = port.open(scene.control_plane.url());
    operator.readyz(200, "").await;
    scene.linked_gmail("mail").await;

    // A watch that is cut is taken up again, and is no reason to be unready.
    proxy.cut();
    scene.linked_gmail("another").await;
    operator.readyz(200, "").await;
}
