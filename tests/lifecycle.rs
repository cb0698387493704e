//! Every situation that a connected account can get into, by what a user and the other side do: on a real
//! control plane, with the shipped permissions. What is decided, and why, is the table in CONTRIBUTING.md.

mod deletion;
mod disaster;
mod drift;
mod grants;
mod identity;
mod links;
mod refusals;
mod status;

use serde_json::{Value, json};

use crate::support::sandbox::Asked;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// A Gmail account of that user.
fn gmail_of(user: &str) -> Value {
    json!({"user": user, "toolkit": "gmail", "authConfig": "ac_gmail"})
}

/// The declaration with another field.
fn with(mut spec: Value, field: &str, value: Value) -> Value {
    spec[field] = value;
    spec
}

/// Declares it, has the person sign in, and returns the id of the account.
async fn connected(scene: &Scene<'_>, name: &str, spec: Value) -> String {
    scene.declare(name, spec).await;
    let (id, _) = scene.linked(name).await;
    scene.sandbox.consent(&id).await;
    scene.until_connected(name).await;
    id
}

/// What Composio was asked to change of one account, in words.
async fn changes_of(scene: &Scene<'_>, id: &str) -> Vec<String> {
    let asked = scene.sandbox.asked().await;
    asked
        .iter()
        .filter(|asked| !asked.is_look() && asked.account.as_deref() == Some(id))
        .map(Asked::words)
        .collect()
}

/// Declares `mail`; the answer to its link is lost, and no list knows its account for that long.
async fn declared_and_lost(scene: &Scene<'_>, list_lag_seconds: u32) {
    let switches = json!({"list_lag_seconds": list_lag_seconds});
    scene.sandbox.control("POST", "switches", switches).await;
    let fault =
        json!({"method": "POST", "path": "/connected_accounts/link", "status": "cut_after"});
    scene.sandbox.control("POST", "fault", fault).await;
    scene.declare("mail", gmail_of("u")).await;
    scene.until_synced_says("mail", "OutcomeUnknown", "").await;
}

/// Waits until the account is seen so in the sandbox.
async fn until_account(scene: &Scene<'_>, id: &str, field: &str, value: Value) -> Value {
    wait::until(&format!("{field} {value} of {id}"), SOON, async || {
        let account = scene.sandbox.account(id).await;
        match account[field] == value {
            true => Ok(account),
            false => Err(account.to_string()),
        }
    })
    .await
}

async fn annotate(scene: &Scene<'_>, name: &str, annotation: &str) {
    scene
        .kubectl(&[
            "annotate",
            "connectedaccounts",
            name,
            annotation,
            "--overwrite",
        ])
        .await;
}

async fn patch(scene: &Scene<'_>, name: &str, spec: Value) {
    let patch = json!({"spec": spec}).to_string();
    scene.patch(name, &patch).await;
}
