//! Two accounts from their beginning to their end, with a failure on every way that a secret takes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{FIRST_KEY, FIRST_VALUE, KEY, PASSWORD, TOKENS, VALUE};
use crate::support::scene::{Operated, SOON, Scene, gmail};
use crate::support::wait;

/// The next such call is refused in words that repeat everything.
async fn refuse(scene: &Scene<'_>, method: &str, path: &str, status: u16, repeated: &[String]) {
    let text = format!("cannot do it with {}", repeated.join(" nor with "));
    let fault = json!({
        "method": method, "path": path, "status": status,
        "body": {"error": {
            "message": text, "slug": "ConnectedAccount_BadRequest", "code": 1, "request_id": "req_1",
            "suggested_fix": text, "errors": [text], "status": status,
        }},
    });
    scene.sandbox.control("POST", "fault", fault).await;
}

/// Waits until all faults have met a call.
async fn met(scene: &Scene<'_>) {
    wait::until("all faults", SOON, async || {
        let left = scene.sandbox.control("GET", "fault", Value::Null).await;
        if left.to_string().contains("method") {
            Err(left.to_string())
        } else {
            Ok(())
        }
    })
    .await;
}

/// Waits for a link that is none of these; returns the account's id, and the link.
async fn another_link(scene: &Scene<'_>, before: &BTreeSet<String>) -> (String, String) {
    let another = scene.until_object("mail", "another link", |object| {
        let status = &object["status"];
        let link = status["link"]["url"].as_str().unwrap_or_default();
        match status["connectedAccountId"].as_str() {
            Some(id) if !link.is_empty() && !before.contains(link) => {
                Ok((id.to_owned(), link.to_owned()))
            }
            Some(_) | None => Err(status.to_string()),
        }
    });
    another.await
}

/// The whole life of two accounts, with a failure on every way that a secret takes.
pub(super) async fn live(scene: &Operated<'_>, links: &mut BTreeSet<String>) {
    // What Composio can repeat of a call: the key it came with, and what the account has to hide.
    let mut repeated: Vec<String> = TOKENS.map(str::to_owned).into();
    repeated.push(FIRST_KEY.to_owned());

    // A person's account: refused, linked, refused again, connected.
    refuse(scene, "POST", "/connected_accounts/link", 500, &repeated).await;
    scene.declare("mail", gmail()).await;
    met(scene).await;
    let (id, link) = scene.linked("mail").await;
    links.insert(link.clone());
    repeated.push(link);
    for (method, path, status) in [
        ("GET", "/connected_accounts", 500),
        ("GET", "/connected_accounts", 403),
        ("GET", "/connected_accounts/*", 500),
        ("POST", "/connected_accounts/*/refresh", 400),
    ] {
        refuse(scene, method, path, status, &repeated).await;
    }
    // The link is lost, so that another one is asked for.
    scene.sandbox.expire(&id).await;
    scene
        .kubectl(&[
            "annotate",
            "connectedaccounts",
            "mail",
            "composio.dev/link-requested-at=1",
        ])
        .await;
    met(scene).await;
    let (id, link) = another_link(scene, links).await;
    links.insert(link.clone());
    repeated.push(link);
    let reason = json!({"state": "FAILED", "reason": format!("denied: {}", repeated.join(" "))});
    scene.sandbox.by_hand(&id, "state", reason).await;
    let failed = scene.until_object("mail", "the reason of the failure", |object| {
        let status = &object["status"];
        match status["stateReason"].is_string() {
            true => Ok(()),
            false => Err(status.to_string()),
        }
    });
    failed.await;
    let active = json!({"state": "ACTIVE"});
    scene.sandbox.by_hand(&id, "state", active).await;
    scene.ready("mail", "Connected").await;

    // Composio shows the tokens of the grant to whoever has the project's key.
    let mut page = scene.sandbox.control("GET", "accounts", Value::Null).await;
    page = json!({"items": page["accounts"], "next_cursor": null});
    for item in page["items"].as_array_mut().expect("a list") {
        for member in ["state", "data", "params"] {
            item[member] = json!({"val": {"access_token": TOKENS[0], "refresh_token": TOKENS[1], "id_token": TOKENS[2]}});
        }
    }
    let list = json!({"method": "GET", "path": "/connected_accounts", "status": 200, "body": page, "times": 2});
    scene.sandbox.control("POST", "fault", list).await;
    met(scene).await;

    repeated.extend([FIRST_VALUE, VALUE, PASSWORD].map(str::to_owned));
    // An account made from a Secret: refused, made, changed, refused, dead, told why.
    refuse(scene, "POST", "/connected_accounts", 400, &repeated).await;
    scene
        .secret(
            "key",
            json!({"api_key": FIRST_VALUE, "subdomain": PASSWORD}),
        )
        .await;
    let spec = json!({
        "user": "u", "toolkit": "hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "key"}},
    });
    scene.declare("crm", spec).await;
    met(scene).await;
    // What was refused is not asked for again before somebody wants it.
    scene.until("crm", "Stalled", "True", "Rejected").await;
    scene
        .kubectl(&[
            "annotate",
            "connectedaccounts",
            "crm",
            "composio.dev/reconcile-requested-at=1",
        ])
        .await;
    let made = scene.ready("crm", "Connected").await;
    let crm = made["status"]["connectedAccountId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let key = format!("/connected_accounts/{crm}");
    refuse(scene, "PATCH", &key, 400, &repeated).await;
    scene
        .secret("key", json!({"api_key": VALUE, "subdomain": PASSWORD}))
        .await;
    met(scene).await;
    scene
        .until("crm", "Synced", "False", "CredentialsRejected")
        .await;
    scene
        .secret(
            "key",
            json!({"api_key": VALUE, "subdomain": PASSWORD, "user_agent": "s3cr3t"}),
        )
        .await;
    scene.until("crm", "Synced", "True", "Connected").await;
    let reason = json!({"state": "EXPIRED", "reason": format!("denied: {VALUE} and {PASSWORD}")});
    scene.sandbox.by_hand(&crm, "state", reason).await;
    scene
        .until("crm", "Ready", "False", "CredentialsRejected")
        .await;
    scene
        .sandbox
        .by_hand(&crm, "state", json!({"state": "ACTIVE"}))
        .await;
    scene.ready("crm", "Connected").await;

    // A key that is no more is replaced while it runs, and both are repeated to whoever asks.
    scene
        .sandbox
        .control("POST", "api-key", json!({"api_key": KEY}))
        .await;
    scene.until_project("Ready", "False", "KeyRejected").await;
    scene.put_api_key(&format!("{KEY}\n")).await;
    scene.project_available().await;

    // The end of both, refused at first.
    repeated.push(KEY.to_owned());
    let others: Vec<String> = repeated
        .iter()
        .filter(|one| ![FIRST_VALUE, VALUE, PASSWORD].contains(&one.as_str()))
        .cloned()
        .collect();
    let disable = format!("/connected_accounts/{id}/status");
    refuse(scene, "PATCH", &disable, 400, &others).await;
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
    met(scene).await;
    scene
        .kubectl(&[
            "annotate",
            "connectedaccounts",
            "mail",
            "composio.dev/reconcile-requested-at=1",
        ])
        .await;
    scene.ready("mail", "Disabled").await;
    let revoked = json!({
        "method": "POST", "path": format!("/connected_accounts/{id}/revoke"), "status": 200, "after_commit": true,
        "body": {"revoked_tokens": TOKENS, "connected_account": {"id": id, "status": "REVOKED"}},
    });
    scene.sandbox.control("POST", "fault", revoked).await;
    for (method, end) in [("POST", "/revoke"), ("DELETE", "")] {
        refuse(
            scene,
            method,
            &format!("/connected_accounts/{crm}{end}"),
            500,
            &repeated,
        )
        .await;
    }
    for name in ["mail", "crm"] {
        scene.delete(name).await;
    }
    met(scene).await;
}
