//! A watched namespace is missing, or its Role is: the others are served, and what is unknown is not taken
//! for absent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Land, id};
use crate::support::helm;
use crate::support::proxy::{Fate, Intercept, Proxy};
use crate::support::release::{SANDBOX, installed};
use crate::support::scene::{Scene, gmail};
use crate::support::story::condition;
use crate::support::watch::END_OF_LIST;

const ROLES_ONLY: &str = r#"rbac={"letGo":false}"#;

/// A Gmail account of that user under a declared alias.
fn shared_alias(user: &str) -> Value {
    let mut spec = gmail();
    spec["user"] = json!(user);
    spec["metadata"] = json!({"alias": "support"});
    spec
}

#[tokio::test]
async fn after_a_restart_the_others_are_served_and_it_is_when_its_role_comes() {
    let land = Land::shared().await;
    let [bare, served] = [land.namespace("bare").await, land.namespace("served").await];
    let release = land.release(&[&bare, &served], &[ROLES_ONLY]).await;
    let binding = land.unbind(&release, &bare).await;
    let mut spec = gmail();
    spec["user"] = json!("of-bare");
    land.declare(&bare, "mail", spec).await;
    let operator = release.start("operator").await;
    let told = format!("[+] namespaces degraded: cannot be read: {bare} (");
    operator.readyz(200, &told).await;
    land.connected_gmail(&release, &served, "mail").await;
    let (_, metrics) = operator.get("/metrics").await;
    let unreachable =
        format!("composio_operator_namespace_unreachable{{watched_namespace=\"{bare}\"}} 1");
    assert!(metrics.contains(&unreachable), "{metrics}");

    land.apply(&bare, binding).await;
    land.until(&bare, "mail", "Ready", "AwaitingUser").await;
    operator.readyz(200, "[+] namespaces ok").await;
    let log = operator.child.read_log();
    assert_eq!(
        log.matches("cannot be read: it is not served").count(),
        1,
        "{log}"
    );
}

#[tokio::test]
async fn a_namespace_that_is_made_later_is_served_without_a_restart() {
    let land = Land::shared().await;
    let [gone, served] = [
        land.namespace("later").await,
        land.namespace("served").await,
    ];
    let mut release = land.release(&[&gone, &served], &[]).await;
    release.options = release.options.without_project();
    release.give_project(&served).await;
    land.delete_namespace(&gone).await;
    land.gone(&gone).await;
    let operator = release.start("operator").await;
    operator.readyz(200, "[+] namespaces ok").await;
    land.connected_gmail(&release, &served, "mail").await;
    land.kubectl(&["create", "namespace", &gone]).await;
    release.give_project(&gone).await;
    // Its Role went with it: without it the project's Secret cannot be read.
    let watch = format!("watchNamespaces={}", json!([gone, served]));
    let rendered = helm::render(&release.scene.namespace, &[SANDBOX, &watch]).await;
    installed(&release.scene, &rendered.expect("it renders")).await;
    land.connected_gmail(&release, &gone, "mail").await;
}

#[tokio::test]
async fn what_an_object_that_cannot_be_read_may_hold_is_neither_adopted_nor_ended() {
    let land = Land::shared().await;
    let [hidden, seen] = [land.namespace("hidden").await, land.namespace("seen").await];
    let release = land.release(&[&hidden, &seen], &[ROLES_ONLY]).await;
    let operator = release.start("operator").await;
    land.declare(&hidden, "holder", shared_alias("u")).await;
    let holder = land.until(&hidden, "holder", "Ready", "AwaitingUser").await;
    let account = id(&holder);
    release.scene.sandbox.consent(&account).await;
    land.until(&hidden, "holder", "Ready", "Connected").await;
    // One that has lost against it before, and one that has not tried yet.
    land.declare(&seen, "lost", shared_alias("u")).await;
    land.until(&seen, "lost", "Ready", "Conflict").await;
    drop(operator);
    let binding = land.unbind(&release, &hidden).await;
    let mut by_id = gmail();
    by_id["connectedAccountId"] = json!(account);
    land.declare(&seen, "by-id", by_id).await;

    let operator = release.start("another").await;
    // The one with the best claim stands for the others: when it is gone, the next one is held back.
    for name in ["by-id", "lost", "by-alias"] {
        let object = land
            .until(&seen, name, "Synced", "NamespaceUnreachable")
            .await;
        // Who may not read the namespace does not learn of it.
        let synced = condition(&object, "Synced").to_string();
        assert!(!synced.contains(&hidden), "{synced}");
        assert_eq!(object["status"]["connectedAccountId"], Value::Null);
        // What was never this object's does not hold it up.
        if name == "lost" {
            land.declare(&seen, "by-alias", shared_alias("u")).await;
        }
        if name != "by-alias" {
            land.kubectl(&["-n", &seen, "delete", "connectedaccounts", name])
                .await;
        }
    }
    land.apply(&hidden, binding).await;
    land.until(&seen, "by-alias", "Ready", "Conflict").await;
    land.until(&hidden, "holder", "Ready", "Connected").await;
    operator.readyz(200, "[+] namespaces ok").await;
    let row = release.scene.sandbox.account(&account).await;
    assert_eq!(row["grant"]["alive"], true, "{row}");
    assert_eq!(row["status"], "ACTIVE", "{row}");
}

#[tokio::test]
async fn a_failure_that_may_pass_is_waited_for_and_nothing_is_decided_without_it() {
    let land = Land::shared().await;
    let scene = Scene::on(&land.control_plane, "transient").await;
    let seen = scene.namespace.clone();
    let failing = land.namespace("failing").await;
    let both = format!("{failing},{seen}");
    let options = scene.options().flag("--watch-namespace", &both);
    let operator = scene.start("operator", &options).await;
    land.declare(&failing, "holder", shared_alias("u")).await;
    let holder = land
        .until(&failing, "holder", "Ready", "AwaitingUser")
        .await;
    let account = id(&holder);
    scene.sandbox.consent(&account).await;
    land.until(&failing, "holder", "Ready", "Connected").await;
    drop(operator);
    land.declare(&seen, "rival", shared_alias("u")).await;

    let fails = Arc::new(AtomicBool::new(true));
    let intercept: Intercept = {
        let (fails, list) = (
            Arc::clone(&fails),
            format!("/namespaces/{failing}/connectedaccounts"),
        );
        Arc::new(move |request| {
            let fate = match fails.load(Ordering::Relaxed) && request.path.ends_with(&list) {
                true => Fate::AnswerReplaced(StatusCode::INTERNAL_SERVER_ERROR, "etcd is away"),
                false => Fate::Forwarded,
            };
            async move { (request, fate) }.boxed()
        })
    };
    let certificate = land.control_plane.certificate();
    let proxy = Proxy::of_https(land.control_plane.url(), certificate, intercept).await;
    let proxy = proxy.expect("a proxy starts");
    let behind = scene.kubeconfig_for(proxy.url());
    let options = scene.options_with(&behind).flag("--watch-namespace", &both);
    let operator = scene.spawn("another", &options);
    operator
        .readyz(503, "cannot watch ConnectedAccounts: etcd is away")
        .await;
    let rival = land
        .kubectl(&[
            "-n",
            &seen,
            "get",
            "connectedaccounts",
            "rival",
            "-o",
            "json",
        ])
        .await;
    let rival: Value = serde_json::from_str(&rival).expect("JSON");
    assert_eq!(rival["metadata"]["finalizers"], Value::Null, "{rival}");

    fails.store(false, Ordering::Relaxed);
    land.until(&seen, "rival", "Ready", "Conflict").await;
    operator.readyz(200, "[+] namespaces ok").await;
    let row = scene.sandbox.account(&account).await;
    assert_eq!(row["grant"]["alive"], true, "{row}");
}

/// What ends a watch, so that all is listed anew.
const TOO_OLD: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}}
"#;

#[tokio::test]
async fn empty_namespaces_that_are_listed_again_after_a_failure_are_ready_without_a_change() {
    let land = Land::shared().await;
    let scene = Scene::on(&land.control_plane, "again").await;
    let fails = Arc::new(AtomicBool::new(false));
    let intercept: Intercept = {
        let fails = Arc::clone(&fails);
        Arc::new(move |request| {
            // None of them is forwarded but where all fails.
            let answered = |text: &str| Fate::AnsweredFirst(text.to_owned(), oneshot::channel().1);
            let is_of_all = request.query.contains("sendInitialEvents=true");
            let fate = match request.path.ends_with("/connectedaccounts") {
                true if is_of_all && fails.load(Ordering::Relaxed) => {
                    Fate::AnswerReplaced(StatusCode::INTERNAL_SERVER_ERROR, "etcd is away")
                }
                true if is_of_all => answered(END_OF_LIST),
                true => answered(TOO_OLD),
                false => Fate::Forwarded,
            };
            async move { (request, fate) }.boxed()
        })
    };
    let certificate = land.control_plane.certificate();
    let proxy = Proxy::of_https(land.control_plane.url(), certificate, intercept).await;
    let proxy = proxy.expect("a proxy starts");
    let behind = scene.kubeconfig_for(proxy.url());
    let both = format!("{},{}", land.namespace("again").await, scene.namespace);
    let options = scene.options_with(&behind).flag("--watch-namespace", &both);
    let operator = scene.start("operator", &options).await;
    fails.store(true, Ordering::Relaxed);
    operator.readyz(503, "etcd is away").await;
    fails.store(false, Ordering::Relaxed);
    operator.readyz(200, "[+] kubernetes ok").await;
}
