//! Objects that are stored in a form which this version does not know: by a newer version, by an older
//! definition, or by hand. Whatever cannot be read of an object, it keeps its account.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::control_plane::ControlPlane;
use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene};
use crate::support::story::condition;
use crate::support::wait;

mod midway;

/// What must not be told of a value that cannot be read: it may be a link.
const SECRET: &str = "s3cr3t-link";

/// One way in which the object that has the account is stored.
struct Form {
    name: &'static str,
    /// The field that cannot be read.
    field: &'static str,
    /// What is written there; null takes the field away.
    value: fn() -> Value,
}

/// Forms of the status: it is read field by field, and what cannot be read is absent.
const STATUSES: [Form; 8] = [
    Form {
        name: "odd-count",
        field: "status.corrections",
        value: || json!({"since": "2026-01-01T00:00:00.000000Z", "count": 5_000_000_000_u64}),
    },
    Form {
        name: "odd-date",
        field: "status.connectedAt",
        value: || json!("9999-12-31T23:59:59.000000-12:00"),
    },
    Form {
        name: "odd-link",
        field: "status.link",
        value: || json!(format!("https://connect.example/{SECRET}")),
    },
    Form {
        name: "word-of-a-newer-version",
        field: "status.credentials",
        value: || json!({"version": "uid/7", "step": "Frozen"}),
    },
    Form {
        name: "number-for-a-word",
        field: "status.state",
        value: || json!(3),
    },
    Form {
        name: "bare-condition",
        field: "status.conditions[0]",
        value: || json!([{"type": "Ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}]),
    },
    Form {
        name: "text-for-a-status",
        field: "status",
        value: || json!(SECRET),
    },
    Form {
        name: "list-for-a-status",
        field: "status",
        value: || json!([-1, "ca_of_nobody", SECRET]),
    },
];

/// Forms of the spec: nothing is decided on half a declaration, so the object is left alone.
const SPECS: [Form; 3] = [
    Form {
        name: "text-for-a-flag",
        field: "spec.enabled",
        value: || json!(format!("https://connect.example/{SECRET}")),
    },
    Form {
        name: "policy-of-a-newer-version",
        field: "spec.deletionPolicy",
        value: || json!("Archive"),
    },
    Form {
        name: "no-toolkit",
        field: "spec.toolkit",
        value: || Value::Null,
    },
];

impl Form {
    fn rival(&self) -> String {
        format!("{}-rival", self.name)
    }

    fn is_of_spec(&self) -> bool {
        self.field.starts_with("spec.")
    }

    /// Where the value is written: of an item of a list the whole list.
    fn path(&self) -> String {
        let field = self.field.split('[').next().unwrap_or_default();
        format!("/{}", field.replace('.', "/"))
    }

    /// Writes the value into the object of that name.
    async fn store(&self, scene: &Scene<'_>) {
        let (path, value) = (self.path(), (self.value)());
        let patch = match &value {
            Value::Null => json!([{"op": "remove", "path": path}]),
            value => json!([{"op": "add", "path": path, "value": value}]),
        };
        let patch = patch.to_string();
        let mut args = vec![
            "patch",
            "connectedaccounts",
            self.name,
            "--type=json",
            "-p",
            &patch,
        ];
        args.extend(["-o", "json"]);
        if !self.is_of_spec() {
            args.push("--subresource=status");
        }
        // The answer: a running operator may have mended it before anybody else looks.
        let stored: Value = serde_json::from_str(&scene.kubectl(&args).await).expect("JSON");
        assert_eq!(
            *stored.pointer(&path).unwrap_or(&Value::Null),
            value,
            "{stored}"
        );
    }
}

/// A control plane whose definition takes any spec and any status.
pub(crate) async fn lax() -> &'static ControlPlane {
    static LAX: OnceCell<ControlPlane> = OnceCell::const_new();
    LAX.get_or_init(async || {
        let control_plane = ControlPlane::start()
            .await
            .expect("a control plane of its own");
        control_plane.install_crd().await;
        relax(&control_plane).await;
        control_plane
    })
    .await
}

async fn relax(control_plane: &ControlPlane) {
    let client = control_plane.client().await;
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let any = json!({"x-kubernetes-preserve-unknown-fields": true});
    let object = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties";
    let patch = json!([
        // What can be selected by needs a type.
        {"op": "remove", "path": "/spec/versions/0/selectableFields"},
        // So does what a rule speaks of.
        {"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/x-kubernetes-validations"},
        {"op": "replace", "path": format!("{schema}/spec"), "value": object},
        {"op": "replace", "path": format!("{schema}/status"), "value": any},
    ]);
    let patch: Patch<Value> = Patch::Json(serde_json::from_value(patch).expect("a patch"));
    let name = "connectedaccounts.composio.dev";
    api.patch(name, &PatchParams::default(), &patch)
        .await
        .expect("the definition is taken");
    // The server takes the definition up a moment after it has it.
    let namespace = control_plane
        .namespace(&control_plane.client().await, "lax")
        .await;
    let odd = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": {"name": "odd"}, "spec": {"user": "u", "enabled": "perhaps"},
    });
    wait::until("a definition that takes anything", SOON, async || {
        let args = ["-n", &namespace, "apply", "--dry-run=server", "-f", "-"];
        let output = control_plane.kubectl_stdin(&args, &odd.to_string()).await;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    })
    .await;
}

/// Declares the object that gets the account, and then another one that means the same account; returns
/// the id of the account.
async fn held_and_wanted(scene: &Scene<'_>, form: &Form) -> String {
    let spec = json!({
        "user": form.name, "toolkit": "gmail", "authConfig": "ac_gmail",
        "metadata": {"alias": "shared-by-two"},
    });
    scene.declare(form.name, spec.clone()).await;
    let (id, _) = scene.linked(form.name).await;
    scene.sandbox.consent(&id).await;
    scene.ready(form.name, "Connected").await;
    scene.is_older_than_the_next(form.name).await;
    scene.declare(&form.rival(), spec).await;
    scene
        .until(&form.rival(), "Stalled", "True", "Conflict")
        .await;
    id
}

/// Has the object looked at, and waits until it was.
async fn looked_at(scene: &Scene<'_>, name: &str, token: &str) -> Value {
    let annotation = format!("composio.dev/reconcile-requested-at={token}");
    scene
        .kubectl(&[
            "annotate",
            "--overwrite",
            "connectedaccounts",
            name,
            &annotation,
        ])
        .await;
    scene
        .until_field(name, "lastHandledReconcileAt", token)
        .await
}

/// All that there is of Composio's accounts must be as it was.
async fn untouched(scene: &Scene<'_>, changes: &[String]) {
    scene.polled(3).await;
    assert_eq!(scene.changes().await, changes);
    for account in scene.sandbox.accounts().await {
        assert_eq!(account["deleted_at"], Value::Null, "{account}");
        assert_eq!(account["status"], "ACTIVE", "{account}");
    }
}

/// Each form is stored, and the operator meets it in that way; returns the operator that runs then.
async fn each_keeps_its_account(scene: &Scene<'_>, is_restarted: bool) -> Operator {
    let options = scene.options().env("RUST_LOG", Some("trace"));
    let mut operator = scene.start("operator", &options).await;
    let forms = || STATUSES.iter().chain(&SPECS);
    let mut ids = Vec::new();
    for form in forms() {
        ids.push(held_and_wanted(scene, form).await);
    }
    let before = scene.changes().await;
    if is_restarted {
        operator.child.stop().await.expect("it ends");
        for form in forms() {
            form.store(scene).await;
        }
        operator = scene.start("restarted", &options).await;
    } else {
        for form in forms() {
            form.store(scene).await;
        }
    }
    for form in forms() {
        let rival = looked_at(scene, &form.rival(), "once").await;
        assert_eq!(
            condition(&rival, "Stalled")["reason"],
            "Conflict",
            "{}: {rival}",
            form.name
        );
        let words = format!("is managed by {}/{}", scene.namespace, form.name);
        assert!(rival.to_string().contains(&words), "{rival}");
    }
    untouched(scene, &before).await;
    for form in forms() {
        scene.delete(&form.rival()).await;
    }
    untouched(scene, &before).await;
    for (form, id) in STATUSES.iter().zip(&ids) {
        let object = looked_at(scene, form.name, "mended").await;
        assert_eq!(object["status"]["connectedAccountId"], *id, "{object}");
        let ready = &condition(&object, "Ready")["reason"];
        assert_eq!(ready, "Connected", "{}: {object}", form.name);
        let left = object.pointer(&form.path()).unwrap_or(&Value::Null);
        assert_ne!(*left, (form.value)(), "it is written anew: {object}");
    }
    told(scene, &operator).await;
    operator
}

/// The log names each object and the field, and never the value.
async fn told(scene: &Scene<'_>, operator: &Operator) {
    let log = operator.child.read_log();
    for form in STATUSES.iter().chain(&SPECS) {
        let object = format!("{}/{}", scene.namespace, form.name);
        let lines = log
            .lines()
            .filter(|line| line.contains(&object) && line.contains("cannot be read"))
            .filter(|line| line.contains(form.field));
        assert_eq!(lines.count(), 1, "{} is told once: {log}", form.name);
    }
    assert!(!log.contains(SECRET), "what is stored is not told");
    for form in &SPECS {
        scene.event(form.name, "NotDecoded").await;
    }
    let (_, metrics) = operator.get("/metrics").await;
    let left_alone = format!(
        r#"composio_operator_objects_by_reason{{project="ComposioProject/{}/default",reason="NotDecoded"}} 3"#,
        scene.namespace
    );
    assert!(metrics.contains(&left_alone), "{metrics}");
    operator.readyz(200, "").await;
}

#[tokio::test]
async fn an_object_that_cannot_be_decoded_keeps_its_account_across_a_restart() {
    let scene = Scene::on(lax().await, "undecoded-restart").await;
    let operator = each_keeps_its_account(&scene, true).await;

    // Nobody is let go blindly.
    let [held, mended, _] = &SPECS;
    let before = scene.changes().await;
    scene
        .kubectl(&["delete", "connectedaccounts", held.name, "--wait=false"])
        .await;
    scene.event(held.name, "DeletionBlocked").await;
    untouched(&scene, &before).await;
    let object = scene.object(held.name).await;
    let finalizers = &object["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["composio.dev/connected-account"]));

    // Once it can be read it goes on from what is recorded, at once.
    let patch = r#"{"spec":{"enabled":true}}"#;
    scene
        .kubectl(&[
            "patch",
            "connectedaccounts",
            held.name,
            "--type=merge",
            "-p",
            patch,
        ])
        .await;
    scene.gone(held.name).await;
    let patch = r#"{"spec":{"deletionPolicy":"Retain","enabled":false}}"#;
    scene
        .kubectl(&[
            "patch",
            "connectedaccounts",
            mended.name,
            "--type=merge",
            "-p",
            patch,
        ])
        .await;
    scene.ready(mended.name, "Disabled").await;
    let since: Vec<_> = scene.changes().await.split_off(before.len());
    assert_eq!(since, ["POST revoke", "DELETE", "PATCH status (disable)"]);
    drop(operator);
}

#[tokio::test]
async fn an_object_that_cannot_be_decoded_any_more_keeps_its_account() {
    let scene = Scene::on(lax().await, "undecoded-watch").await;
    let operator = each_keeps_its_account(&scene, false).await;
    // A restart knows of them what the watch knew.
    let before = scene.changes().await;
    operator.child.stop().await.expect("it ends");
    let seq = scene.sandbox.seq().await;
    let _operator = scene.start("restarted", &scene.options()).await;
    untouched(&scene, &before).await;
    for form in &SPECS {
        let object = scene.object(form.name).await;
        let id = object["status"]["connectedAccountId"].as_str();
        let id = id.expect("it is still on record");
        let asked = scene.sandbox.asked_since(seq).await;
        let is_asked_for = asked.iter().any(|asked| asked.query.contains(id));
        assert!(is_asked_for, "{}: {asked:?}", form.name);
    }
}
