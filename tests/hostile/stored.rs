//! What is stored in a form that the operator does not know, by a newer version or by mistake: beside the
//! object the others live and end. What becomes of its account is told in `undecoded`.

use serde_json::{Value, json};

use super::assert_plain;
use crate::support::scene::{Scene, gmail};
use crate::undecoded::lax;

fn gmail_of(user: &str) -> Value {
    let mut spec = gmail();
    spec["user"] = json!(user);
    spec
}

pub(super) async fn of_another_form() -> String {
    let scene = Scene::on(lax().await, "stored").await;
    // All of them are there when the operator starts.
    let mut odd = gmail_of("odd");
    odd["enabled"] = json!("\u{1b}[31mperhaps");
    scene.declare("odd", odd).await;
    scene.declare("link", gmail_of("link")).await;
    let status = json!({"link": "https://connect.example/s3cr3t-link", "conditions": "none"});
    scene.give_status("link", &status).await;
    scene.declare("good", gmail_of("good")).await;

    let options = scene.options().env("RUST_LOG", Some("trace"));
    let operator = scene.start("operator", &options).await;
    let (id, _) = scene.linked("good").await;
    scene.sandbox.consent(&id).await;
    scene.ready("good", "Connected").await;
    // An odd status is none.
    scene.linked("link").await;
    scene.event("odd", "NotDecoded").await;
    scene.declare("after", gmail_of("after")).await;
    scene.linked("after").await;
    scene.delete("good").await;
    operator.readyz(200, "").await;
    let accounts = scene.sandbox.accounts().await;
    assert_eq!(
        accounts.len(),
        3,
        "none for the unreadable one: {accounts:?}"
    );
    let log = operator.child.read_log();
    assert!(!log.contains("s3cr3t-link"), "the stored form is not told");

    // What was never marked goes without the operator.
    scene.delete("odd").await;
    assert_plain(&scene, &operator).await;
    "objects of another form, the others lived and ended beside them".to_owned()
}
