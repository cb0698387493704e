//! Objects that are copied, restored or edited, on a real control plane: whose account is whose, and that
//! nobody's account is taken, renamed or ended by a copy.

mod forged;
mod kept;
mod made_anew;
mod restored;

use serde_json::{Value, json};

use crate::support::scene::{Operated, Scene};
use crate::support::story::{condition, without_identity};

/// A Gmail account of that user.
fn gmail_of(user: &str) -> Value {
    json!({"user": user, "toolkit": "gmail", "authConfig": "ac_gmail"})
}

/// The same with a declared alias.
fn called(user: &str, alias: &str) -> Value {
    let mut spec = gmail_of(user);
    spec["metadata"] = json!({"alias": alias});
    spec
}

/// Declares an object, has its person sign in, and returns the id of the account.
async fn connected(scene: &Scene<'_>, name: &str, spec: Value) -> String {
    scene.declare(name, spec).await;
    let (id, _) = scene.linked(name).await;
    scene.sandbox.consent(&id).await;
    scene.ready(name, "Connected").await;
    id
}

/// Another cluster with an operator of its own, for the same project.
async fn beside(first: &Scene<'_>, prefix: &str) -> Operated<'static> {
    let scene = Scene::new(prefix).await;
    let options = scene.options().base_url(first.sandbox.url());
    let operator = scene.start("operator", &options).await;
    Operated::of(scene, operator)
}

/// An object as `kubectl get -o yaml` or a backup has it, under that name.
async fn backup(scene: &Scene<'_>, name: &str, new_name: &str) -> Value {
    let mut object = scene.object(name).await;
    without_identity(&mut object);
    let metadata = object["metadata"].as_object_mut().expect("an object");
    metadata.remove("namespace");
    object["metadata"]["name"] = json!(new_name);
    object
}

/// Creates it; with its status too, as `velero restore --restore-status` does.
async fn restore(scene: &Scene<'_>, object: &Value, with_status: bool) {
    let args = ["-n", &scene.namespace, "create", "-f", "-"];
    let yaml = object.to_string();
    let output = scene.control_plane.kubectl_stdin(&args, &yaml).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    if with_status {
        scene
            .give_status(
                object["metadata"]["name"].as_str().expect("a name"),
                &object["status"],
            )
            .await;
    }
}

/// What Composio was asked to change of one account, in words.
async fn changes_of(scene: &Scene<'_>, id: &str) -> Vec<String> {
    let asked = scene.sandbox.asked().await;
    asked
        .iter()
        .filter(|asked| !asked.is_look() && asked.account.as_deref() == Some(id))
        .map(crate::support::sandbox::Asked::words)
        .collect()
}

/// Waits until the object has an account that is none of these.
async fn another_account(scene: &Scene<'_>, name: &str, not: &str) -> String {
    let what = format!("an account of {name} alone");
    let found =
        scene.until_object(
            name,
            &what,
            |object| match object["status"]["connectedAccountId"].as_str() {
                Some(id) if id != not => Ok(id.to_owned()),
                _ => Err(object["status"].to_string()),
            },
        );
    found.await
}

/// Waits until the account is the object's own, and not only adopted.
async fn own(scene: &Scene<'_>, name: &str) {
    let what = format!("an own account of {name}");
    let found = scene.until_object(name, &what, |object| {
        match object["status"]["adopted"].is_null() && object["status"]["record"].is_object() {
            true => Ok(()),
            false => Err(object["status"].to_string()),
        }
    });
    found.await;
}

async fn annotate(scene: &Scene<'_>, name: &str, annotation: &str) {
    let args = [
        "annotate",
        "connectedaccount",
        name,
        annotation,
        "--overwrite",
    ];
    scene.kubectl(&args).await;
}
