//! What stands where Composio's answer should: too much, something else, or somebody else's.

use crate::support::story::message;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::gateway::Gateway;
use super::{ODD, assert_plain, operated};
use crate::support::sandbox::Asked;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

/// How much memory a flood may cost, in kB: the 16 MB that are read of an answer, twice while they are
/// gathered, and as much again for whatever else goes on.
const FLOOD_COSTS: u64 = 64 * 1024;

async fn fault(scene: &Scene<'_>, fault: Value) {
    scene.sandbox.control("POST", "fault", fault).await;
}

fn refusal(status: u16, text: &str) -> Value {
    json!({"error": {
        "message": text, "slug": text, "code": text, "request_id": text, "suggested_fix": text,
        "errors": [text], "status": status,
    }})
}

async fn state(scene: &Scene<'_>, id: &str, state: &str, reason: &str) {
    let body = json!({"state": state, "reason": reason});
    scene.sandbox.by_hand(id, "state", body).await;
}

pub(super) async fn with_odd_messages() -> String {
    let scene = operated("odd-messages").await;
    let long = ODD.repeat(1000);
    let link = json!({
        "method": "POST", "path": "/connected_accounts/link", "status": 400, "body": refusal(400, &long), "times": 100,
    });
    fault(&scene, link).await;
    scene.declare("refused", gmail()).await;
    let object = scene.until("refused", "Stalled", "True", "Rejected").await;
    assert!(
        message(&object, "Synced").contains("Composio answered 400"),
        "{object}"
    );

    scene.sandbox.control("DELETE", "fault", Value::Null).await;
    let mut spec = gmail();
    spec["user"] = json!("other");
    scene.declare("states", spec).await;
    let (id, _) = scene.linked("states").await;
    state(&scene, &id, "FAILED", &long).await;
    let status = |words: &'static str| {
        let scene = &scene;
        async move {
            wait::until(words, SOON, async || {
                let status = scene.object("states").await["status"].clone();
                if status.to_string().contains(words) {
                    Ok(status)
                } else {
                    Err(status.to_string())
                }
            })
            .await
        }
    };
    let failed = status("stateReason").await;
    let reason = failed["stateReason"].as_str().expect("a reason");
    assert!(
        reason.contains("r\u{e9}d") && reason.chars().count() <= 256,
        "{reason:?}"
    );
    state(&scene, &id, &format!("PAUSED {long}"), "").await;
    let paused = status("PAUSED").await;
    assert!(
        paused["state"]
            .as_str()
            .is_some_and(|word| word.chars().count() <= 64),
        "{paused}"
    );
    scene
        .until("states", "Ready", "Unknown", "UnknownState")
        .await;

    let list = json!({
        "method": "GET", "path": "/connected_accounts", "status": 500, "body": refusal(500, &long), "times": 1000,
    });
    fault(&scene, list).await;
    let project = scene.until_project("Ready", "False", "Unreachable").await;
    let said = message(&project, "Ready");
    assert!(
        said.contains("could not list accounts: Composio answered 500"),
        "{said}"
    );
    scene.sandbox.control("DELETE", "fault", Value::Null).await;
    assert_plain(&scene, &scene.operator).await;
    "a refusal, a reason, a state and a failed poll were told on one plain line each".to_owned()
}

pub(super) async fn without_end() -> String {
    let scene = Scene::new("flood").await;
    let gateway = Gateway::before(scene.sandbox.url()).await;
    let options = scene.options().base_url(gateway.url());
    let operator = scene.start("operator", &options).await;
    scene.declare("first", gmail()).await;
    let (id, _) = scene.linked("first").await;
    let before = operator.peak_memory();

    gateway.flood("GET", "/connected_accounts", 3);
    // It has its effect, and so much is said of it that nobody hears it.
    gateway.flood("POST", "/connected_accounts/link", 1);
    let mut spec = gmail();
    spec["user"] = json!("other");
    scene.declare("second", spec).await;
    scene.linked("second").await;
    scene.sandbox.consent(&id).await;
    scene.ready("first", "Connected").await;
    let log = operator.child.read_log();
    assert!(
        log.contains("could not start a sign-in: the answer (201) is larger than"),
        "{log}"
    );
    let grown = operator.peak_memory() - before;
    assert!(grown < FLOOD_COSTS, "{grown} kB more");
    let links = scene.changes().await;
    assert_eq!(
        links,
        ["POST link", "POST link", "POST refresh"],
        "none was made twice"
    );
    assert_eq!(gateway.flooded(), 4);
    format!(
        "{} answers, {} MB of memory, no account twice",
        gateway.flooded(),
        grown / 1024
    )
}

pub(super) async fn that_are_not_json() -> String {
    let scene = operated("not-json").await;
    let mut met = 0;
    let page = |status: u16| json!({"status": status, "body": "<html><h1>Hello</h1>", "times": 2});
    for method_and_path in ["GET /connected_accounts", "GET /auth_configs/*"] {
        let (method, path) = method_and_path.split_once(' ').expect("two words");
        for status in [200, 404, 502] {
            let mut page = page(status);
            page["method"] = json!(method);
            page["path"] = json!(path);
            fault(&scene, page).await;
            met += 1;
        }
    }
    for method_and_path in [
        "POST /connected_accounts/link",
        "POST /connected_accounts/*/refresh",
        "PATCH /connected_accounts/*/status",
        "POST /connected_accounts/*/revoke",
        "DELETE /connected_accounts/*",
    ] {
        let (method, path) = method_and_path.split_once(' ').expect("two words");
        fault(
            &scene,
            json!({"method": method, "path": path, "status": "not_json"}),
        )
        .await;
        met += 1;
    }
    scene.declare("mail", gmail()).await;
    let (id, _) = scene.linked("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    scene
        .kubectl(&[
            "patch",
            "connectedaccounts",
            "mail",
            "--type=merge",
            "-p",
            r#"{"spec":{"enabled":false}}"#,
        ])
        .await;
    scene.ready("mail", "Disabled").await;
    scene.delete("mail").await;
    let asked = scene.sandbox.asked().await;
    let links = asked
        .iter()
        .filter(|asked| asked.words() == "POST link")
        .count();
    assert_eq!(
        links,
        1,
        "{:?}",
        asked.iter().map(Asked::words).collect::<Vec<_>>()
    );
    let accounts = scene.sandbox.accounts().await;
    assert!(
        accounts
            .iter()
            .all(|account| account["deleted_at"].is_string()),
        "{accounts:?}"
    );
    let grants = scene.sandbox.control("GET", "grants", Value::Null).await;
    assert!(
        !grants.to_string().contains("\"alive\":true"),
        "a grant is alive: {grants}"
    );
    let left = scene.sandbox.control("GET", "fault", Value::Null).await;
    assert!(
        !left.to_string().contains("not_json"),
        "not all were met: {left}"
    );
    assert_plain(&scene, &scene.operator).await;
    format!("{met} kinds of call were answered so, one account was made and ended")
}

pub(super) async fn that_lead_elsewhere() -> String {
    let scene = operated("redirect").await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = elsewhere.local_addr().expect("an address").port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    tokio::spawn(async move {
        while elsewhere.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut kinds = 0;
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("http://127.0.0.1:{port}/steal?token=s3cr3t-in-location"),
            format!("//localhost:{port}/steal"),
        ] {
            fault(
                &scene,
                json!({"status": status, "headers": {"location": location}, "times": 1}),
            )
            .await;
            kinds += 1;
        }
    }
    scene.declare("mail", gmail()).await;
    let object = scene
        .until("mail", "Synced", "False", "ComposioUnavailable")
        .await;
    assert!(
        message(&object, "Synced").contains("a redirect"),
        "{object}"
    );
    scene.linked("mail").await;
    assert_eq!(
        scene.changes().await.last().map(String::as_str),
        Some("POST link")
    );
    assert_eq!(visits.load(Ordering::SeqCst), 0, "somebody else was asked");
    let log = scene.operator.child.read_log();
    assert!(
        log.contains("a redirect (3") && !log.contains("s3cr3t-in-location"),
        "{log}"
    );
    assert_plain(&scene, &scene.operator).await;
    format!("{kinds} kinds of it were told, and the other host was never asked")
}
