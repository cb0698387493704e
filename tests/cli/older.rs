//! A cluster whose definition is older than the program, and would drop what it does not know.

use composio_operator::crd::definitions;
use serde_json::{Value, json};

use super::diff::file;
use super::program::{at, run, run_at};
use crate::support::control_plane::ControlPlane;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

/// The fields that the older release did not have.
const NEW: [&str; 3] = ["authConfig", "deletionPolicy", "suspend"];

fn older(definition: &mut Value) {
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let spec = definition.pointer_mut(spec).expect("there is a spec");
    let spec = spec.as_object_mut().expect("it is a schema");
    // They speak of fields that are not there.
    spec.remove("x-kubernetes-validations")
        .expect("it has some");
    let fields = spec["properties"].as_object_mut().expect("it has fields");
    for field in NEW {
        fields.remove(field).expect("it was there");
    }
}

#[tokio::test]
async fn what_an_older_definition_would_drop_is_refused_and_named_by_whatever_writes_it() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let scene = Scene::on(&control_plane, "cli-older").await;
    for definition in definitions() {
        let mut definition = serde_json::to_value(definition).expect("it is an object");
        if definition["spec"]["names"]["kind"] == "ConnectedAccount" {
            older(&mut definition);
        }
        scene.apply(&definition.to_string()).await;
    }
    let spec = json!({"user": "u", "toolkit": "gmail"});
    let object = json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "mail"}, "spec": spec});
    wait::until("the definitions", SOON, async || {
        let args = ["-n", &scene.namespace, "apply", "-f", "-"];
        let applied = control_plane
            .kubectl_stdin(&args, &object.to_string())
            .await;
        let told = String::from_utf8_lossy(&applied.stderr).into_owned();
        applied.status.success().then_some(()).ok_or(told)
    })
    .await;
    let _ = scene.made_by_hand("ada", None).await;
    wait::until("the project", SOON, async || {
        let told = run(&scene, &["import", "--project", "default"]).await;
        let is_served = !told.err.contains("this cluster has no");
        is_served.then_some(()).ok_or(told.err)
    })
    .await;
    scene.give_project(&scene.options()).await;
    let before = scene.object("mail").await["metadata"]["resourceVersion"].clone();

    let lacks = |fields: &str| {
        format!(
            " in this cluster does not know {fields}, and would drop it: it is misspelt, or the definition is older"
        )
    };
    let create = [
        "create",
        "gmail",
        "--user",
        "v",
        "--auth-config",
        "ac_gmail",
    ];
    let told = run(&scene, &create).await;
    assert_eq!(told.out, "");
    told.failed(1, &lacks("spec.authConfig"));
    for command in ["suspend", "resume"] {
        let told = run(&scene, &[command, "mail"]).await;
        assert_eq!(told.out, "");
        told.failed(1, &lacks("spec.suspend"));
    }
    for args in [&["import", "--apply"][..], &["import", "--dry-run=server"]] {
        let told = run_at(&scene, &scene.sandbox, args).await;
        assert!(!told.out.contains("created"), "{told:?}");
        let of_object = lacks("spec.authConfig, spec.deletionPolicy");
        assert!(told.err.contains(&of_object), "{told:?}");
        told.failed(1, "1 of 1 object was refused");
    }
    for (name, spec, field) in [
        (
            "mail",
            json!({"user": "u", "toolkit": "gmail", "suspend": true}),
            "spec.suspend",
        ),
        (
            "new",
            json!({"user": "u", "toolkit": "gmail", "tolkit": "x"}),
            "spec.tolkit",
        ),
    ] {
        let file = file(&scene, name, &spec);
        let told = run(&scene, &["diff", "-f", &file, "--status-only"]).await;
        told.failed(2, &lacks(field));
    }
    // Nothing was made or changed, and what the definition knows is written.
    let names = run(&scene, &["status", "-o", "name"]).await.well();
    assert_eq!(names, "connectedaccount.composio.dev/mail\n");
    let after = scene.object("mail").await["metadata"]["resourceVersion"].clone();
    assert_eq!(before, after);
    run(&scene, &["create", "gmail", "--user", "v"])
        .await
        .well();
    run(&scene, &["reconcile", "mail"]).await.well();
    let printed = at(&scene.sandbox, &["import", "-o", "name"]);
    run(&scene, &printed).await.well();
}
