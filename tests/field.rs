//! Answers that were seen on the live service, and what the objects say of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::scene::{SOON, Scene, gmail};
use crate::support::story::message;
use crate::support::wait;

mod auth_configs;
mod connection_data;
mod sign_ins;

/// What Composio does where its documents leave it open.
async fn switch(scene: &Scene<'_>, switches: Value) {
    scene.sandbox.control("POST", "switches", switches).await;
}

/// Somebody gives the object's user another link.
async fn ask_for_link(scene: &Scene<'_>, name: &str, token: &str) {
    let request = format!("composio.dev/link-requested-at={token}");
    let args = [
        "annotate",
        "connectedaccounts",
        name,
        &request,
        "--overwrite",
    ];
    scene.kubectl(&args).await;
}

async fn fault(scene: &Scene<'_>, fault: Value) {
    scene.sandbox.control("POST", "fault", fault).await;
}

async fn no_faults(scene: &Scene<'_>) {
    scene.sandbox.control("DELETE", "fault", Value::Null).await;
}

/// Waits until the metrics hold a line.
async fn metric(scene: &crate::support::scene::Operated<'_>, line: &str) {
    wait::until(&format!("the metric {line}"), SOON, async || {
        let (_, metrics) = scene.operator.get("/metrics").await;
        let found = metrics.lines().any(|one| one.starts_with(line));
        found.then_some(()).ok_or(metrics)
    })
    .await;
}

#[tokio::test]
async fn who_signed_in_is_shown_and_a_new_sign_in_shows_another() {
    let scene = Scene::new("identity").await.operated().await;
    scene.declare("mail", gmail()).await;
    let (id, _) = scene.linked("mail").await;
    let ada = json!({"display_name": "ada@acme.example"});
    scene.sandbox.by_hand(&id, "consent", ada).await;
    let object = scene
        .until_field("mail", "identity", "ada@acme.example")
        .await;
    assert!(!object.to_string().contains("access_token"), "{object}");
    let wide = scene.kubectl(&["get", "cacc", "mail", "-o", "wide"]).await;
    assert!(wide.contains("ada@acme.example"), "{wide}");

    let dead = json!({"state": "EXPIRED"});
    scene.sandbox.by_hand(&id, "state", dead).await;
    let (id, _) = scene.linked("mail").await;
    let bob = json!({"display_name": "bob@acme.example"});
    scene.sandbox.by_hand(&id, "consent", bob).await;
    scene
        .until_field("mail", "identity", "bob@acme.example")
        .await;
}

#[tokio::test]
async fn a_link_is_shown_whatever_composios_clock_says() {
    let scene = Scene::new("skew").await;
    for (name, hours) in [("behind", -24), ("ahead", 24)] {
        let time = Timestamp::now() + SignedDuration::from_hours(hours);
        let clock = json!({"set": time.to_string()});
        scene.sandbox.control("POST", "clock", clock).await;
        let operator = scene.start(name, &scene.options()).await;
        let mut spec = gmail();
        spec["user"] = json!(name);
        let before = Timestamp::now();
        scene.declare(name, spec).await;
        let (id, _) = scene.linked(name).await;
        let object = scene.object(name).await;
        let expires = object["status"]["link"]["expiresAt"].as_str();
        let expires: Timestamp = expires.expect("it is there").parse().expect("a time");
        let latest = Timestamp::now() + SignedDuration::from_mins(10);
        assert!(before < expires && expires <= latest, "{name}: {expires}");
        scene.sandbox.consent(&id).await;
        scene.ready(name, "Connected").await;
        operator.child.stop().await.expect("it ends");
    }
}

#[tokio::test]
async fn a_429_of_the_edge_stops_no_revocation_and_pauses_nobody_for_a_minute() {
    let scene = Scene::new("edge").await.operated().await;
    scene.connected_gmail("goes").await;
    let edge = json!({
        "method": "POST", "path": "/connected_accounts/link", "status": "edge_limit", "times": 1,
    });
    fault(&scene, edge).await;
    let mut spec = gmail();
    spec["user"] = json!("new");
    scene.declare("new", spec).await;
    metric(
        &scene,
        &format!(
            r#"composio_operator_composio_requests_total{{project="ComposioProject/{}/default",endpoint="link",class="turned_away"}}"#,
            scene.namespace
        ),
    )
    .await;
    scene.delete("goes").await;
    assert!(
        scene.object("new").await["status"]["link"].is_null(),
        "the edge is left alone for seconds, and the revocation was not"
    );
    scene.linked("new").await;
    let changes = scene.changes().await;
    assert_eq!(
        changes,
        [
            "POST link",
            "POST link",
            "POST revoke",
            "DELETE",
            "POST link"
        ]
    );
}

#[tokio::test]
async fn a_block_of_the_organisation_is_the_projects_and_no_objects_fault() {
    let scene = Scene::new("blocked").await.operated().await;
    scene.connected_gmail("mail").await;
    fault(&scene, json!({"status": 403, "times": 100_000})).await;
    let project = scene.until_project("Ready", "False", "KeyRejected").await;
    assert!(message(&project, "Ready").contains("403"), "{project}");
    let mut disabled = gmail();
    disabled["enabled"] = json!(false);
    scene.declare("mail", disabled).await;
    let object = scene
        .until("mail", "Synced", "False", "ProjectUnavailable")
        .await;
    assert!(
        object["status"]["conditions"]
            .as_array()
            .is_some_and(|all| { all.iter().all(|one| one["reason"] != "Forbidden") })
    );
    no_faults(&scene).await;
    scene.ready("mail", "Disabled").await;
    scene.project_available().await;
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_named_on_the_project_alone() {
    let scene = Scene::new("address").await;
    fault(
        &scene,
        json!({"status": "address_refused", "times": 100_000}),
    )
    .await;
    let _operator = scene.start("operator", &scene.options()).await;
    let project = scene.until_project("Ready", "False", "KeyRejected").await;
    let said = message(&project, "Ready");
    assert!(said.contains("203.0.113.7"), "{said}");
    scene.declare("mail", gmail()).await;
    let object = scene
        .until("mail", "Synced", "False", "ProjectUnavailable")
        .await;
    // The address is the platform's, and none of those who declare accounts need to know it.
    let said = message(&object, "Synced");
    assert!(said.contains("is not available (KeyRejected)"), "{said}");
    assert!(!object.to_string().contains("203.0.113.7"), "{object}");
    no_faults(&scene).await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn an_endpoint_that_is_about_to_go_is_told_once_and_counted() {
    let scene = Scene::new("sunset").await.operated().await;
    switch(&scene, json!({"refresh_is_deprecated": true})).await;
    for user in ["a", "b"] {
        let mut spec = gmail();
        spec["user"] = json!(user);
        scene.declare(user, spec).await;
        let (id, _) = scene.linked(user).await;
        scene.sandbox.consent(&id).await;
        scene.ready(user, "Connected").await;
        let dead = json!({"state": "EXPIRED"});
        scene.sandbox.by_hand(&id, "state", dead).await;
        scene.linked(user).await;
    }
    metric(
        &scene,
        r#"composio_operator_composio_deprecated_calls_total{endpoint="refresh"} 2"#,
    )
    .await;
    let log = scene.operator.child.read_log();
    let told = "about to remove this endpoint";
    assert_eq!(log.matches(told).count(), 1, "{log}");
}

#[tokio::test]
async fn an_auth_config_that_cannot_be_read_makes_no_other_one_the_only_choice() {
    let scene = Scene::new("odd-config").await.operated().await;
    let odd = json!({"path": "/auth_configs", "status": "malformed_rows", "times": 100_000});
    fault(&scene, odd).await;
    let mut spec = gmail();
    spec.as_object_mut().expect("a map").remove("authConfig");
    scene.declare("mail", spec).await;
    let remedy = "name the auth config in spec.authConfig";
    scene
        .until_synced_says("mail", "ComposioUnavailable", remedy)
        .await;
    assert_eq!(scene.changes().await, [] as [&str; 0]);
    no_faults(&scene).await;
    scene.linked("mail").await;
}

#[tokio::test]
async fn a_provider_that_refuses_to_revoke_holds_no_object_for_longer_than_is_said() {
    let scene = Scene::new("patience").await;
    let options = scene.options().flag("--revoke-patience", "1s");
    let _operator = scene.start("operator", &options).await;
    scene.connected_gmail("mail").await;
    let refuses = json!({
        "method": "POST", "path": "/connected_accounts/*/revoke", "times": 100_000, "status": 500,
        "body": {"error": {
            "message": "the provider failed", "code": 1, "status": 500, "slug": "Revoke_Failed",
            "request_id": "r",
        }},
    });
    fault(&scene, refuses).await;
    scene.delete("mail").await;
    let changes = scene.changes().await;
    let tries = changes.iter().filter(|one| *one == "POST revoke").count();
    assert!(tries >= 3, "{changes:?}");
    assert_eq!(changes.last().expect("some"), "DELETE (revoke_on_delete)");
    scene.event("mail", "Deleted").await;
}
