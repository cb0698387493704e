//! Bad input and faults: each is told clearly, and nothing is lost by it.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use crate::support::control_plane::ControlPlane;
use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene};
use crate::support::story::condition;
use crate::support::wait;

/// Waits until the operator has ended by itself with an error, and returns what it said.
async fn refuses_to_start(operator: &Operator) -> String {
    let ended = operator.child.wait(SOON).await.expect("it ends by itself");
    assert_eq!(ended.code(), Some(1), "{}", operator.child.log_tail(20));
    operator.child.read_log()
}

fn message<'a>(object: &'a Value, type_: &str) -> &'a str {
    condition(object, type_)["message"]
        .as_str()
        .unwrap_or_default()
}

#[tokio::test]
async fn without_an_api_key_it_says_where_to_put_one() {
    let scene = Scene::new("no-key").await;
    let options = scene.options().env("COMPOSIO_API_KEY", None);
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(
        log.contains("set COMPOSIO_API_KEY, or name a file with --api-key-file"),
        "{log}"
    );
}

#[tokio::test]
async fn an_empty_api_key_is_told_apart_from_a_wrong_one() {
    let scene = Scene::new("empty-key").await;
    let options = scene.options().env("COMPOSIO_API_KEY", Some(" "));
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(log.contains("the Composio API key is empty"), "{log}");
}

#[tokio::test]
async fn a_missing_key_file_is_named() {
    let scene = Scene::new("no-file").await;
    let options = scene
        .options()
        .env("COMPOSIO_API_KEY", None)
        .flag("--api-key-file", "/nowhere/key");
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(
        log.contains("cannot read the API key file /nowhere/key"),
        "{log}"
    );
}

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

    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
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
async fn an_unreachable_base_url_is_told_and_healed_by_itself() {
    let scene = Scene::new("unreachable").await;
    let closed = Gate::new();
    let options = scene.options().flag("--base-url", &closed.url("http"));
    let operator = scene.spawn("operator", &options);
    operator.readyz(503, "no connection to Composio").await;
    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    let object = scene
        .until("mail", "Synced", "False", "ComposioUnavailable")
        .await;
    assert!(
        message(&object, "Synced").contains("no connection to Composio"),
        "{object}"
    );

    closed.open(scene.sandbox.url());
    scene.linked("mail").await;
    assert_eq!(scene.changes().await, ["POST link"]);
}

#[tokio::test]
async fn a_base_url_that_is_none_is_refused_at_the_start() {
    let scene = Scene::new("no-url").await;
    let options = scene.options().flag("--base-url", "backend.composio.dev");
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(log.contains("the Composio base URL"), "{log}");
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
    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn an_apiserver_that_is_unreachable_at_the_start_is_waited_for() {
    let scene = Scene::new("no-apiserver").await;
    let closed = Gate::new();
    let kubeconfig = std::fs::read_to_string(&scene.kubeconfig).expect("it was written");
    let behind = kubeconfig.replace(scene.control_plane.url(), &closed.url("https"));
    assert_ne!(kubeconfig, behind, "the kubeconfig names the apiserver");
    let behind = scene
        .folder
        .write("behind.kubeconfig", behind)
        .expect("the folder is there");
    let operator = scene.spawn("operator", &scene.options_with(&behind));
    operator.readyz(503, "cannot watch ConnectedAccounts").await;

    closed.open(scene.control_plane.url());
    operator.readyz(200, "").await;
    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn without_a_way_to_a_cluster_it_says_so() {
    let scene = Scene::new("no-cluster").await;
    let nowhere = scene.folder.join("nowhere.kubeconfig");
    let log = refuses_to_start(&scene.spawn("operator", &scene.options_with(&nowhere))).await;
    assert!(log.contains("no way to a Kubernetes cluster"), "{log}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let scene = Scene::new("taken").await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let options = scene.options().flag("--http-address", &address);
    let log = refuses_to_start(&scene.spawn("operator", &options)).await;
    assert!(
        log.contains(&format!("cannot listen on {address}")),
        "{log}"
    );
}

/// An object that cannot have an account is Stalled for that reason, Composio is asked to change
/// nothing, and it goes without a trace.
async fn stalls(scene: &Scene<'_>, name: &str, spec: Value, reason: &str, words: &str) {
    scene.declare(name, spec).await;
    let object = scene.until(name, "Stalled", "True", reason).await;
    assert!(message(&object, "Ready").contains(words), "{object}");
    assert_eq!(condition(&object, "Ready")["status"], "False", "{object}");
    assert_eq!(condition(&object, "Synced")["status"], "False", "{object}");
    assert_eq!(
        object["metadata"].get("finalizers"),
        None,
        "nothing to wait for: {object}"
    );
    scene.delete(name).await;
    assert_eq!(scene.changes().await, [""; 0]);
}

#[tokio::test]
async fn an_auth_config_that_is_unknown_stalls_the_object() {
    let scene = Scene::new("ac-unknown").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_nowhere"});
    stalls(
        &scene,
        "mail",
        spec,
        "AuthConfigNotFound",
        "there is no ac_nowhere",
    )
    .await;
    let spec = json!({"user": "u", "toolkit": "nobody-has-it"});
    stalls(
        &scene,
        "other",
        spec,
        "AuthConfigNotFound",
        "\"nobody-has-it\"",
    )
    .await;
}

#[tokio::test]
async fn an_auth_config_that_is_disabled_stalls_the_object() {
    let scene = Scene::new("ac-disabled").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "linear", "authConfig": "ac_disabled"});
    stalls(&scene, "mail", spec, "AuthConfigDisabled", "ac_disabled").await;
}

#[tokio::test]
async fn an_auth_config_of_another_toolkit_stalls_the_object() {
    let scene = Scene::new("ac-toolkit").await.operated().await;
    let spec = json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_slack"});
    stalls(
        &scene,
        "mail",
        spec,
        "ToolkitMismatch",
        "ac_slack is of toolkit \"slack\"",
    )
    .await;
}

#[tokio::test]
async fn several_auth_configs_of_a_toolkit_must_be_told_apart() {
    let scene = Scene::new("ac-several").await.operated().await;
    let second = json!({"id": "ac_gmail_2", "toolkit": "gmail"});
    scene.sandbox.control("POST", "auth-configs", second).await;
    let spec = json!({"user": "u", "toolkit": "gmail"});
    stalls(
        &scene,
        "mail",
        spec,
        "AuthConfigAmbiguous",
        "ac_gmail, ac_gmail_2",
    )
    .await;
}

#[tokio::test]
async fn the_only_auth_config_of_a_toolkit_need_not_be_named() {
    let scene = Scene::new("ac-only").await.operated().await;
    scene
        .declare("mail", json!({"user": "u", "toolkit": "gmail"}))
        .await;
    scene.linked("mail").await;
    assert_eq!(
        scene.object("mail").await["status"]["authConfig"],
        "ac_gmail"
    );
}

fn hubspot(secret: &str) -> Value {
    json!({
        "user": "u",
        "toolkit": "hubspot",
        "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": secret}},
    })
}

#[tokio::test]
async fn a_secret_that_is_missing_is_waited_for() {
    let scene = Scene::new("no-secret").await.operated().await;
    scene.declare("crm", hubspot("later")).await;
    let object = scene.until("crm", "Synced", "False", "SecretMissing").await;
    assert!(
        message(&object, "Synced").contains("it does not exist (Secret later)"),
        "{object}"
    );
    assert_eq!(
        condition(&object, "Reconciling")["status"],
        "True",
        "{object}"
    );
    assert_eq!(*condition(&object, "Stalled"), Value::Null, "{object}");
    scene
        .secret("later", json!({"api_key": "a-hubspot-key"}))
        .await;
    scene.ready("crm", "Connected").await;
    assert_eq!(scene.changes().await, ["POST create"]);
}

#[tokio::test]
async fn a_key_that_is_missing_in_the_secret_is_named_and_waited_for() {
    let scene = Scene::new("no-secret-key").await.operated().await;
    scene
        .secret("half", json!({"token": "another scheme's"}))
        .await;
    scene.declare("crm", hubspot("half")).await;
    let object = scene.until("crm", "Synced", "False", "SecretMissing").await;
    let words = "it has no key api_key or generic_api_key (Secret half)";
    assert!(message(&object, "Synced").contains(words), "{object}");
    scene
        .secret("half", json!({"api_key": "a-hubspot-key"}))
        .await;
    scene.ready("crm", "Connected").await;
}

#[tokio::test]
async fn an_unknown_status_word_is_shown_and_waited_on() {
    let scene = Scene::new("unknown-word").await.operated().await;
    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    let (id, _) = scene.linked("mail").await;
    let word = json!({"state": "HIBERNATING"});
    scene
        .sandbox
        .control("POST", &format!("accounts/{id}/state"), word)
        .await;
    let object = scene
        .until("mail", "Ready", "Unknown", "UnknownState")
        .await;
    assert_eq!(object["status"]["state"], "HIBERNATING");
    assert!(
        message(&object, "Ready").contains("\"HIBERNATING\""),
        "{object}"
    );
    scene
        .sandbox
        .control(
            "POST",
            &format!("accounts/{id}/state"),
            json!({"state": "ACTIVE"}),
        )
        .await;
    scene.ready("mail", "Connected").await;
    assert_eq!(scene.changes().await, ["POST link"]);
}

#[tokio::test]
async fn unknown_json_fields_of_composio_are_ignored() {
    let scene = Scene::new("unknown-fields").await.operated().await;
    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    let (id, _) = scene.linked("mail").await;
    let url = format!("{}/api/v3.1/connected_accounts/{id}", scene.sandbox.url());
    let account: Value = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client can be built")
        .get(url)
        .header("x-api-key", "sandbox")
        .send()
        .await
        .expect("the sandbox answers")
        .json()
        .await
        .expect("it answers JSON");
    let known = [
        "id",
        "word_id",
        "alias",
        "user_id",
        "status",
        "status_reason",
        "is_disabled",
        "created_at",
        "updated_at",
        "toolkit",
        "auth_config",
        "experimental",
        "state",
        "data",
        "params",
        "requested_scopes",
    ];
    let fields = account.as_object().expect("an object");
    let unknown = fields.keys().any(|field| !known.contains(&field.as_str()));
    assert!(
        unknown,
        "the sandbox sends no unknown field, so this test proves nothing: {account}"
    );
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
}

#[tokio::test]
async fn a_link_that_ran_out_is_told_and_a_new_one_is_issued_once_for_each_request() {
    let scene = Scene::new("expired").await.operated().await;
    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    let (id, first) = scene.linked("mail").await;
    scene.sandbox.expire(&id).await;
    let object = scene.until("mail", "Ready", "False", "LinkExpired").await;
    assert_eq!(
        object["status"]["link"],
        Value::Null,
        "a link that cannot be used is not shown"
    );
    assert!(
        message(&object, "Ready").contains("composio.dev/link-requested-at"),
        "{object}"
    );

    let request = [
        "annotate",
        "ca",
        "mail",
        "composio.dev/link-requested-at=monday",
        "--overwrite",
    ];
    scene.kubectl(&request).await;
    let (again, second) = scene.linked("mail").await;
    assert_eq!(id, again, "a refresh keeps the account");
    assert_ne!(first, second);
    scene
        .sandbox
        .open_and_connect(&second)
        .await
        .expect("the new link works");
    scene.ready("mail", "Connected").await;
    scene.kubectl(&request).await;
    let what = "composio.dev/reconcile-requested-at=now";
    scene.kubectl(&["annotate", "ca", "mail", what]).await;
    wait::until("the echo of the request", SOON, async || {
        match &scene.stage().object("mail").await?["status"]["lastHandledReconcileAt"] {
            Value::String(token) if token == "now" => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    assert_eq!(scene.changes().await, ["POST link", "POST refresh"]);
}

#[tokio::test]
async fn a_provider_that_cannot_revoke_does_not_keep_the_object() {
    let scene = Scene::new("no-revoke").await.operated().await;
    scene
        .declare(
            "board",
            json!({"user": "u", "toolkit": "trello", "authConfig": "ac_trello"}),
        )
        .await;
    let (id, _) = scene.linked("board").await;
    scene.sandbox.consent(&id).await;
    scene.ready("board", "Connected").await;
    scene.delete("board").await;
    assert_eq!(
        scene.changes().await,
        ["POST link", "POST revoke", "DELETE (revoke_on_delete)"]
    );
}

#[tokio::test]
async fn a_reply_that_was_lost_does_not_make_a_second_account() {
    let scene = Scene::new("lost-reply").await.operated().await;
    let fault =
        json!({"method": "POST", "path": "/connected_accounts/link", "status": "cut_after"});
    scene.sandbox.control("POST", "fault", fault).await;
    scene
        .declare(
            "mail",
            json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"}),
        )
        .await;
    let (id, link) = scene.linked("mail").await;
    let accounts = scene.sandbox.accounts().await;
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    assert_eq!(accounts[0]["id"], id);
    scene
        .sandbox
        .open_and_connect(&link)
        .await
        .expect("the link works");
    scene.ready("mail", "Connected").await;
    // The row was found by its alias; its link, which nobody ever saw, was replaced on the same row.
    assert_eq!(scene.changes().await, ["POST link", "POST refresh"]);
}

/// A port of loopback at which nobody answers until it is opened.
struct Gate {
    address: std::net::SocketAddr,
}

impl Gate {
    fn new() -> Gate {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        Gate {
            address: listener.local_addr().expect("it has an address"),
        }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// From now on it leads to the host and port of that URL.
    fn open(&self, url: &str) {
        let (_, target) = url.split_once("://").expect("a URL has a scheme");
        let target = target.to_owned();
        let listener = TcpListener::bind(self.address).expect("nobody took the port meanwhile");
        listener
            .set_nonblocking(true)
            .expect("a listener can be nonblocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("the runtime runs");
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let target = target.clone();
                tokio::spawn(async move {
                    if let Ok(mut there) = TcpStream::connect(target).await {
                        // Either side may hang up at any time.
                        let _ = copy_bidirectional(&mut here, &mut there).await;
                    }
                });
            }
        });
    }
}
