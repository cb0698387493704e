//! Composio and the apiserver out of reach, or not to be used yet: told, waited for, healed.

use serde_json::{Value, json};

use crate::support::control_plane::ControlPlane;
use crate::support::sandbox::API_KEY;
use crate::support::scene::{Scene, gmail};
use crate::support::story::{condition, message};
use crate::support::tcp_proxy::ReservedPort;

#[tokio::test]
async fn a_rejected_api_key_is_told_and_a_new_one_in_the_secret_is_taken_without_a_restart() {
    let scene = Scene::new("wrong-key").await;
    let options = scene.options().api_key("a-wrong-key");
    let operator = scene.start("operator", &options).await;
    let project = scene.until_project("Ready", "False", "KeyRejected").await;
    assert!(
        message(&project, "Ready").contains("rejects the API key"),
        "{project}"
    );
    assert_eq!(condition(&project, "Stalled")["status"], "True");

    scene.declare("mail", gmail()).await;
    let words = "project ComposioProject/default is not available (KeyRejected)";
    let object = scene
        .until_synced_says("mail", "ProjectUnavailable", words)
        .await;
    assert_eq!(condition(&object, "Ready")["status"], "Unknown");
    // It is the project's fault, and not the operator's.
    operator.readyz(200, "").await;

    scene.put_api_key(&format!("{API_KEY}\n")).await;
    scene.project_available().await;
    scene.linked("mail").await;
    let log = operator.child.read_log();
    assert!(!log.contains("a-wrong-key"), "the key is in the log: {log}");
}

#[tokio::test]
async fn the_key_of_another_project_forgets_makes_and_releases_nothing() {
    let scene = Scene::new("other-project").await;
    let other = json!({"api_key": "another-project"});
    scene.sandbox.control("POST", "worlds", other).await;
    let _operator = scene.start("operator", &scene.options()).await;
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

    scene.put_api_key("another-project").await;
    let object = scene
        .until_synced_says("stays", "ProjectUnavailable", "another project's")
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
        .until_synced_says("goes", "ProjectUnavailable", "another project's")
        .await;
    let accounts = scene
        .sandbox
        .control("GET", "accounts?key=another-project", Value::Null)
        .await;
    assert_eq!(accounts["accounts"], json!([]));
    assert_eq!(scene.changes().await, changes);

    scene.put_api_key(API_KEY).await;
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
    let options = scene.options().base_url(&port.url("http"));
    let operator = scene.start("operator", &options).await;
    let project = scene.until_project("Ready", "False", "Unreachable").await;
    assert!(
        message(&project, "Ready").contains("no connection to Composio"),
        "{project}"
    );
    assert_eq!(condition(&project, "Reconciling")["status"], "True");
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
    scene.project_available().await;
    operator.readyz(200, "").await;
    assert_eq!(scene.changes().await, ["POST link"]);
}

#[tokio::test]
async fn a_base_url_that_is_not_on_the_operators_list_is_told_and_nothing_is_sent_there() {
    let scene = Scene::new("not-listed").await;
    let url = scene.sandbox.url();
    for (name, listed) in [
        ("another-host", "https://backend.composio.dev".to_owned()),
        ("a-path", format!("{url}/composio")),
        ("https", url.replace("http://", "https://")),
    ] {
        let options = scene.options().flag("--allowed-base-urls", &listed);
        let operator = scene.start(name, &options).await;
        let project = scene
            .until_project("Ready", "False", "BaseURLNotAllowed")
            .await;
        assert_eq!(condition(&project, "Stalled")["status"], "True");
        let said = message(&project, "Ready");
        assert!(said.contains("--allowed-base-urls"), "{said}");
        scene.declare(name, gmail()).await;
        let words = "is not available (BaseURLNotAllowed)";
        scene
            .until_synced_says(name, "ProjectUnavailable", words)
            .await;
        operator.readyz(200, "").await;
        operator.child.stop().await.expect("it ends");
    }
    assert_eq!(scene.sandbox.asked().await.len(), 0, "it was asked");
    let asked = scene.asked_of_kubernetes();
    let keys = asked.iter().filter(|asked| asked.resource == "secrets");
    assert_eq!(keys.count(), 0, "the key is not even read");
    let _operator = scene.start("listed", &scene.options()).await;
    scene.project_available().await;
}

#[tokio::test]
async fn a_base_url_that_is_corrected_is_taken_without_a_restart() {
    let scene = Scene::new("corrected").await;
    let wrong = ReservedPort::new().url("http");
    let both = format!("{wrong},{}", scene.sandbox.url());
    let options = scene.options().flag("--allowed-base-urls", &both);
    scene.give_project(&scene.options().base_url(&wrong)).await;
    let _operator = scene
        .start("operator", &options.clone().without_project())
        .await;
    scene.until_project("Ready", "False", "Unreachable").await;
    scene.give_project(&options).await;
    scene.project_available().await;
    scene.linked_gmail("mail").await;
}

#[tokio::test]
async fn without_the_crd_it_says_how_to_install_it_and_waits() {
    let control_plane = ControlPlane::start()
        .await
        .expect("a control plane of its own starts");
    let scene = Scene::on(&control_plane, "no-crd").await;
    let options = scene.options();
    let operator = scene.spawn("operator", &options.clone().without_project());
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
    scene.give_project(&options).await;
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
