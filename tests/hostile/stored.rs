//! What is stored in a form that the operator does not know, by a newer version or by mistake.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::assert_plain;
use crate::support::control_plane::ControlPlane;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/status";

/// The definition that takes any status, or the former one.
async fn define(scene: &Scene<'_>, status: &Value) {
    let api: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    let patch = json!([{"op": "replace", "path": SCHEMA, "value": status}]);
    let patch: Patch<Value> = Patch::Json(serde_json::from_value(patch).expect("a patch"));
    api.patch(
        "connectedaccounts.composio.dev",
        &PatchParams::default(),
        &patch,
    )
    .await
    .expect("the definition is taken");
}

/// Writes that status past the definition as it is shipped.
async fn store(scene: &Scene<'_>, name: &str, status: Value) {
    let api: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    let definition = api
        .get("connectedaccounts.composio.dev")
        .await
        .expect("it is there");
    let definition = serde_json::to_value(definition).expect("JSON");
    let shipped = definition
        .pointer(SCHEMA)
        .expect("a schema of the status")
        .clone();
    define(
        scene,
        &json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
    )
    .await;
    let patch = json!({"status": status}).to_string();
    // The server takes the definition up a moment after it has it.
    wait::until("the status as it is to be stored", SOON, async || {
        let args = [
            "patch",
            "ca",
            name,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ];
        scene.stage().kubectl(&args).await?;
        let stored = scene.object(name).await["status"].clone();
        let is_stored = status
            .as_object()
            .expect("an object")
            .iter()
            .all(|(key, value)| stored[key] == *value);
        if is_stored {
            Ok(())
        } else {
            Err(stored.to_string())
        }
    })
    .await;
    define(scene, &shipped).await;
}

pub(super) async fn of_another_form() -> String {
    let control_plane = ControlPlane::start()
        .await
        .expect("a control plane of its own");
    control_plane.install_crd().await;
    let scene = Scene::on(&control_plane, "stored").await;
    for name in ["odd", "link", "good"] {
        let mut spec = gmail();
        spec["user"] = json!(name);
        scene.declare(name, spec).await;
    }
    store(&scene, "odd", json!({"credentials": "of a newer version"})).await;
    store(
        &scene,
        "link",
        json!({"link": "https://connect.example/s3cr3t-link"}),
    )
    .await;

    // Both of them are there when the operator starts.
    let options = scene.options().env("RUST_LOG", Some("trace"));
    let operator = scene.start("operator", &options).await;
    let (id, _) = scene.linked("good").await;
    scene.sandbox.consent(&id).await;
    scene.ready("good", "Connected").await;
    // And another becomes so while it runs.
    let mut spec = gmail();
    spec["user"] = json!("late");
    scene.declare("late", spec).await;
    let (late, _) = scene.linked("late").await;
    store(&scene, "late", json!({"conditions": "none"})).await;
    let mut spec = gmail();
    spec["user"] = json!("after");
    scene.declare("after", spec).await;
    scene.linked("after").await;
    scene.delete("good").await;
    operator.readyz(200, "").await;

    let log = operator.child.read_log();
    for name in ["odd", "link", "late"] {
        let object = format!("{}/{name}", scene.namespace);
        assert!(
            log.lines().any(|line| line.contains(&object)
                || (line.contains(name) && line.contains(&scene.namespace))),
            "{name} is told: {log}"
        );
    }
    assert!(!log.contains("s3cr3t-link"), "the stored form is not told");
    assert_eq!(
        scene.sandbox.account(&late).await["deleted_at"],
        Value::Null,
        "nothing of it is touched"
    );

    // Once it can be read again it goes on from what is recorded.
    let args = [
        "patch",
        "ca",
        "odd",
        "--subresource=status",
        "--type=merge",
        "-p",
        r#"{"status":{"credentials":null}}"#,
    ];
    scene.kubectl(&args).await;
    scene.linked("odd").await;
    assert_plain(&scene, &operator).await;
    "three objects of another form, the others lived and ended beside them".to_owned()
}
