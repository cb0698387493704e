//! What the apiserver refuses: an admission policy, a webhook, the Role, or the object as it would become. It is
//! told, and it is tried again less and less often, whoever else triggers the object.

use composio_operator::sandbox::world::{Fault, Seed};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::operator::Operator;
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::simulation::Simulation;
use crate::support::story::{condition, message};
use crate::support::wait;

/// So many objects are refused in each test.
const OBJECTS: usize = 10;
/// So many times Composio is polled meanwhile, once a second: what is tried again every fifth of a second is
/// tried fifty times more often by then.
const POLLS: usize = 10;
/// The most passes of an object until then: the waits double from a fifth of a second on, so this is enough for
/// a quarter of an hour.
const MOST_PASSES: usize = 15;

/// The first wait is short, as in all tests, and the longest as long as it is shipped.
async fn operated(scene: &Scene<'_>) -> Operator {
    let options = scene.options().flag("--backoff-max", "10m");
    scene.start("operator", &options).await
}

fn name(n: usize) -> String {
    format!("mail-{n}")
}

fn object(n: usize, annotations: &Value) -> Value {
    json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ConnectedAccount",
        "metadata": {"name": name(n), "annotations": annotations},
        "spec": {"user": format!("user-{n}"), "toolkit": "gmail", "authConfig": "ac_gmail"},
    })
}

/// Without the annotation that `kubectl apply` makes, which repeats all others.
async fn create(scene: &Scene<'_>, annotations: Value) {
    let items: Vec<Value> = (0..OBJECTS).map(|n| object(n, &annotations)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let args = ["-n", &scene.namespace, "create", "-f", "-"];
    let output = scene.control_plane.kubectl_stdin(&args, &list).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// How many passes there were.
async fn passes(operator: &Operator) -> usize {
    let (_, text) = operator.get("/metrics").await;
    let counters = text
        .lines()
        .filter(|line| line.starts_with("composio_operator_reconciles_total{"));
    let counts = counters.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    counts.sum()
}

/// Composio was asked for accounts of users that often.
async fn looks(scene: &Scene<'_>) -> usize {
    let asked = scene.sandbox.asked().await;
    asked
        .iter()
        .filter(|asked| asked.is_look() && !asked.is_poll())
        .count()
}

/// Waits until each object says what was refused, and then for a while: it is hardly ever tried again.
async fn hold(scene: &Scene<'_>, operator: &Operator, words: &str) {
    for n in 0..OBJECTS {
        let object = scene
            .until(&name(n), "Synced", "False", "KubernetesRefused")
            .await;
        let message = message(&object, "Synced");
        assert!(message.contains(words), "{message}");
    }
    is_held(scene, operator).await;
    for n in 0..OBJECTS {
        scene.event(&name(n), "KubernetesRefused").await;
    }
}

async fn is_held(scene: &Scene<'_>, operator: &Operator) {
    scene.polled(POLLS).await;
    let most = OBJECTS * MOST_PASSES;
    let passes = passes(operator).await;
    assert!(passes >= OBJECTS, "{passes} passes are not all");
    assert!(passes <= most, "{passes} passes");
    let looks = looks(scene).await;
    assert!(looks <= most, "{looks} looks");
    let writes = scene.written();
    assert!(writes.len() <= 2 * most, "{} writes", writes.len());
    assert_eq!(scene.changes().await, [""; 0], "nothing is made");
}

/// A policy for this namespace that refuses what the expression does not allow, and is in force.
async fn policy(scene: &Scene<'_>, resource: &str, allows: &str, says: &str) -> String {
    let name = format!("refuses-{}", scene.namespace);
    let of_namespace = json!({"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}});
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": of_namespace,
                "resourceRules": [{
                    "apiGroups": ["composio.dev"], "apiVersions": ["*"],
                    "operations": ["UPDATE"], "resources": [resource],
                }],
            },
            "validations": [{"expression": allows, "messageExpression": says}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]});
    scene.apply(&list.to_string()).await;
    name
}

/// An object that is changed as the operator would change it, without effect, until the apiserver refuses it.
async fn is_in_force(scene: &Scene<'_>, subresource: &[&str], patch: &str) {
    let probe = json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ConnectedAccount",
        "metadata": {"name": "probe"},
        "spec": {"user": "nobody", "toolkit": "gmail", "suspend": true},
    });
    scene.apply(&probe.to_string()).await;
    let patch = [
        "patch",
        "connectedaccount",
        "probe",
        "--type=merge",
        "--dry-run=server",
        "-p",
        patch,
    ];
    wait::until("a refusal", SOON, async || {
        match scene
            .stage()
            .kubectl(&[&patch[..], subresource].concat())
            .await
        {
            Ok(taken) => Err(taken),
            Err(_) => Ok(()),
        }
    })
    .await;
    scene
        .kubectl(&["delete", "connectedaccount", "probe"])
        .await;
}

/// Asks for a look at one object, as a person does who has mended it.
async fn ask(scene: &Scene<'_>, name: &str) {
    let ask = format!("composio.dev/reconcile-requested-at={}", fastrand::u64(..));
    scene
        .kubectl(&["annotate", "connectedaccount", name, &ask, "--overwrite"])
        .await;
}

const FINALIZER: &str = r#"{"metadata":{"finalizers":["composio.dev/connected-account"]}}"#;

#[tokio::test]
async fn a_policy_that_denies_the_finalizer_is_told_and_not_asked_again_and_again() {
    let scene = Scene::new("denied").await;
    // What it says is another thing each time, which must not bring the objects back.
    let policy = policy(
        &scene,
        "connectedaccounts",
        "!has(object.metadata.finalizers) || object.metadata.finalizers.size() == 0",
        "'no finalizers in version ' + string(object.metadata.resourceVersion)",
    )
    .await;
    is_in_force(&scene, &[], FINALIZER).await;
    let operator = operated(&scene).await;
    create(&scene, json!({})).await;
    hold(&scene, &operator, "no finalizers in version").await;

    for kind in [
        "validatingadmissionpolicybinding",
        "validatingadmissionpolicy",
    ] {
        scene.kubectl(&["delete", kind, &policy]).await;
    }
    wait::until("an end of the refusal", SOON, async || {
        ask(&scene, "mail-0").await;
        let object = scene.object("mail-0").await;
        match object["status"]["link"]["url"].is_string() {
            true => Ok(()),
            false => Err(object["status"].to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn annotations_that_are_full_are_told_and_not_tried_again_and_again() {
    let scene = Scene::new("full").await;
    let operator = operated(&scene).await;
    // The limit of all annotations together is 256 KiB.
    create(&scene, json!({"notes": "x".repeat(256 * 1024 - 20)})).await;
    hold(&scene, &operator, "annotations").await;
    scene
        .kubectl(&["annotate", "connectedaccount", "mail-0", "notes-"])
        .await;
    scene.linked("mail-0").await;
}

#[tokio::test]
async fn a_policy_that_denies_the_status_is_told_by_an_event() {
    let scene = Scene::new("mute").await;
    policy(
        &scene,
        "connectedaccounts/status",
        "false",
        "'no status here'",
    )
    .await;
    let status = r#"{"status":{"state":"ACTIVE"}}"#;
    is_in_force(&scene, &["--subresource=status"], status).await;
    let operator = operated(&scene).await;
    let items: Vec<Value> = (0..OBJECTS)
        .map(|n| {
            let mut object = object(n, &json!({}));
            // It comes as far as its status without a call that makes anything.
            object["spec"]["authConfig"] = json!("ac_nowhere");
            object
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    scene.apply(&list.to_string()).await;
    for n in 0..OBJECTS {
        scene.event(&name(n), "KubernetesRefused").await;
    }
    is_held(&scene, &operator).await;
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_is_told_and_not_asked_again_and_again() {
    let scene = Scene::new("webhook").await;
    break_webhook(&scene, "connectedaccounts", &json!({})).await;
    is_in_force(&scene, &[], FINALIZER).await;
    let operator = operated(&scene).await;
    create(&scene, json!({})).await;
    hold(&scene, &operator, "nobody.example.com").await;
}

/// A webhook that nobody answers, for what is written of the objects with that label.
async fn break_webhook(scene: &Scene<'_>, resource: &str, label: &Value) {
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": format!("refuses-{}", scene.namespace)},
        "webhooks": [{
            "name": "nobody.example.com",
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 1,
            "admissionReviewVersions": ["v1"],
            "namespaceSelector":
                {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}},
            "objectSelector": {"matchLabels": label},
            "rules": [{
                "apiGroups": ["composio.dev"], "apiVersions": ["*"],
                "operations": ["UPDATE"], "resources": [resource],
            }],
        }],
    });
    scene.apply(&webhook.to_string()).await;
}

#[tokio::test]
async fn links_that_a_broken_webhook_keeps_from_their_status_hold_up_no_other_object() {
    let scene = Scene::new("broken").await;
    let label = json!({"webhook": "broken"});
    break_webhook(&scene, "connectedaccounts/status", &label).await;
    let options = scene.options().flag("--concurrency", "2");
    let _operator = scene.start("operator", &options).await;
    let items: Vec<Value> = (0..OBJECTS)
        .map(|n| {
            let mut object = object(n, &json!({}));
            object["metadata"]["labels"] = label.clone();
            object
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    scene.apply(&list.to_string()).await;
    // Each has its account, and no status says so.
    wait::until("their accounts", SOON, async || {
        match scene.sandbox.accounts().await.len() {
            OBJECTS.. => Ok(()),
            some => Err(format!("{some} accounts")),
        }
    })
    .await;
    scene.declare("healthy", gmail()).await;
    scene.linked("healthy").await;
    // The webhook is taken away: each object finds its own account again, and no second one is made.
    let name = format!("refuses-{}", scene.namespace);
    let args = ["delete", "validatingwebhookconfiguration", &name];
    let deleted = scene.control_plane.kubectl(&args).await;
    assert!(deleted.status.success(), "{deleted:?}");
    for n in 0..OBJECTS {
        scene.linked(&self::name(n)).await;
    }
    let live = scene.sandbox.accounts().await;
    let live = live.iter().filter(|one| one["deleted_at"].is_null());
    assert_eq!(live.count(), OBJECTS + 1);
}

/// So many passes are enough for an hour of a wait that doubles from five seconds to ten minutes.
const MOST_PASSES_IN_AN_HOUR: usize = 20;

#[tokio::test]
async fn after_a_restart_with_a_rejected_key_an_object_is_looked_at_less_and_less_often() {
    let mut simulation = Simulation::new(Seed::default());
    for n in 0..OBJECTS {
        let mut spec = gmail();
        spec["user"] = json!(name(n));
        simulation.apply(&name(n), spec);
    }
    simulation.advance(SignedDuration::from_secs(5)).await;
    let rejected = json!({"status": 401, "times": u32::MAX});
    let fault: Fault = serde_json::from_value(rejected).expect("a fault");
    simulation.world().add_fault(fault).expect("it can be");
    simulation.restart();
    simulation.advance(SignedDuration::from_mins(1)).await;
    for n in 0..OBJECTS {
        let object = simulation.object(&name(n)).expect("it is there");
        assert_eq!(condition(&object, "Synced")["reason"], "ProjectUnavailable");
    }
    let passed = simulation.passes;
    simulation.advance(SignedDuration::from_hours(1)).await;
    let more = simulation.passes - passed;
    let most = OBJECTS * MOST_PASSES_IN_AN_HOUR;
    assert!(more >= OBJECTS, "{more} passes are not all");
    assert!(more <= most, "{more} passes");
    // The key is given back its rights: the poll sees it first, and tells all.
    simulation.world().clear_faults();
    simulation.advance(SignedDuration::from_mins(12)).await;
    for n in 0..OBJECTS {
        let object = simulation.object(&name(n)).expect("it is there");
        assert_eq!(condition(&object, "Synced")["status"], "True");
    }
}
