//! The same, of a project of the cluster that is offered to chosen namespaces: what one team asks for, and all that it
//! can read, says nothing of the others.

use serde_json::{Value, json};

use crate::support::control_plane::ControlPlane;
use crate::support::project::{KEY, KEY_SECRET, in_cluster};
use crate::support::sandbox::Asked;
use crate::support::scene::{Operated, SOON, Scene, gmail};
use crate::support::story::{condition, message};
use crate::support::{wait, watch};

/// What the other team has: no word of it is to be read here.
const PAYROLL: &str = "payroll";

/// A control plane of one's own: an operator of all namespaces would deal with the objects of all other tests.
pub(super) async fn own() -> ControlPlane {
    let control_plane = ControlPlane::start().await.expect("it starts");
    control_plane.install_crd().await;
    control_plane
}

/// An operator of all namespaces, and a project of the cluster with that policy.
pub(super) async fn offering<'a>(control_plane: &'a ControlPlane, allow: Value) -> Operated<'a> {
    let scene = Scene::on(control_plane, "platform").await;
    scene.serve_cluster().await;
    offer(&scene, allow).await;
    let options = scene.options().without("--watch-namespace");
    let operator = scene.start("operator", &options.without_project()).await;
    Operated::of(scene, operator)
}

/// The policy of the project from now on.
pub(super) async fn offer(scene: &Scene<'_>, allow: Value) {
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ClusterComposioProject",
        "metadata": {"name": "shared"},
        "spec": {
            "apiKeySecretRef": {"name": KEY_SECRET, "key": KEY},
            "baseURL": scene.sandbox.url(), "allow": allow,
        },
    });
    scene.apply(&project.to_string()).await;
}

/// A namespace with the label by which agents are chosen.
pub(super) async fn team(scene: &Scene<'_>, name: &str) {
    scene.kubectl(&["create", "namespace", name]).await;
    label(scene, name, "tier=agents").await;
}

pub(super) async fn label(scene: &Scene<'_>, namespace: &str, label: &str) {
    let args = ["label", "--overwrite", "namespace", namespace, label];
    scene.kubectl(&args).await;
}

/// A Gmail account of that user in the project of the cluster, with these changes.
pub(super) fn asks(user: &str, change: Value) -> Value {
    let mut spec = in_cluster(gmail());
    spec["user"] = json!(user);
    for (name, value) in change.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    spec
}

/// What kubectl says to an object that is applied in that namespace.
pub(super) async fn applied(
    scene: &Scene<'_>,
    namespace: &str,
    metadata: Value,
    spec: Value,
) -> Result<(), String> {
    let mut object = json!({
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
        "metadata": metadata, "spec": spec,
    });
    object["metadata"]["namespace"] = json!(namespace);
    let args = ["apply", "--validate=strict", "-f", "-"];
    let kubectl = scene.control_plane;
    let output = kubectl.kubectl_stdin(&args, &object.to_string()).await;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

pub(super) async fn declared(scene: &Scene<'_>, namespace: &str, name: &str, spec: Value) {
    let applied = applied(scene, namespace, json!({"name": name}), spec).await;
    applied.unwrap_or_else(|said| panic!("{namespace}/{name}: {said}"));
}

/// Waits until the object is refused, or waits, for that reason, and says so.
pub(super) async fn until(scene: &Scene<'_>, namespace: &str, name: &str, reason: &str) -> Value {
    let what = format!("{reason} of {namespace}/{name}");
    let found = scene.until_object_in(namespace, name, &what, |object| {
        let says = condition(object, "Synced")["reason"] == reason
            || condition(object, "Ready")["reason"] == reason;
        match says {
            true => Ok(object.clone()),
            false => Err(object["status"].to_string()),
        }
    });
    found.await
}

/// The id of a Gmail account of another team, whose user has signed in.
async fn connected(scene: &Scene<'_>, namespace: &str, name: &str, spec: Value) -> String {
    declared(scene, namespace, name, spec).await;
    let object = until(scene, namespace, name, "AwaitingUser").await;
    let id = object["status"]["connectedAccountId"]
        .as_str()
        .expect("an id");
    scene.sandbox.consent(id).await;
    until(scene, namespace, name, "Connected").await;
    id.to_owned()
}

/// What was asked since then, but for the polls and what is about these accounts.
async fn asked_of_others(scene: &Scene<'_>, seq: u64, ids: &[&str]) -> Vec<Asked> {
    let mut asked = scene.sandbox.asked_since(seq).await;
    asked.retain(|one| {
        !one.is_poll() && !one.account.as_deref().is_some_and(|id| ids.contains(&id))
    });
    asked
}

#[tokio::test]
async fn whoever_asks_a_project_of_the_cluster_for_more_is_refused_and_learns_nothing() {
    let control_plane = own().await;
    let allow = json!([{
        "namespaceSelector": {"matchLabels": {"tier": "agents"}},
        "users": ["{{namespace}}/*"], "toolkits": ["gmail"], "authConfigs": ["ac_gmail"],
        "deletionPolicies": ["Revoke"], "sources": ["SignIn"],
    }]);
    let scene = offering(&control_plane, allow).await;
    for name in ["team-a", "team-b"] {
        team(&scene, name).await;
    }
    let theirs = connected(&scene, "team-b", PAYROLL, asks("team-b/ceo", json!({}))).await;
    let their_pin = scene.until_object_in("team-b", PAYROLL, "a pin", |object| {
        let pin = object["metadata"]["annotations"]["composio.dev/alias"].as_str();
        pin.map(str::to_owned).ok_or("it has none".to_owned())
    });
    let their_pin = their_pin.await;
    let by_hand = scene.made_by_hand("team-b/cfo", Some("their-alias")).await;

    let own_user = "team-a/bob";
    let secret = json!({"credentials": {"scheme": "API_KEY", "secretRef": {"name": "mine"}}});
    let to_them = json!({"visibility": "Shared", "sharing": {"allowedUsers": ["team-b/x"]}});
    let to_all = json!({"visibility": "Shared", "sharing": {"allowAll": true}});
    let alias = json!({"metadata": {"alias": "a-guess"}});
    let cases: [(&str, Value, &str); 17] = [
        ("user", asks("team-b/ceo", json!({})), "spec.user"),
        ("prefix", asks("team-a-x/bob", json!({})), "spec.user"),
        ("no-end", asks("team-a", json!({})), "spec.user"),
        ("behind", asks("x/team-a/bob", json!({})), "spec.user"),
        ("pattern", asks("{{namespace}}/bob", json!({})), "spec.user"),
        ("star", asks("*", json!({})), "spec.user"),
        ("case", asks("Team-a/bob", json!({})), "spec.user"),
        ("cyrillic", asks("te\u{430}m-a/bob", json!({})), "spec.user"),
        ("slash", asks("team-a\u{2215}bob", json!({})), "spec.user"),
        ("narrow", asks("team-a\u{200b}/bob", json!({})), "spec.user"),
        (
            "toolkit",
            asks(own_user, json!({"toolkit": "slack"})),
            "spec.toolkit",
        ),
        (
            "config",
            asks(own_user, json!({"authConfig": "ac_slack"})),
            "spec.authConfig",
        ),
        (
            "by-id",
            asks(own_user, json!({"connectedAccountId": by_hand})),
            "spec.connectedAccountId",
        ),
        ("alias", asks(own_user, alias), "spec.metadata.alias"),
        ("secret", asks(own_user, secret), "spec.credentials"),
        (
            "share",
            asks(own_user, to_them),
            "the users of the access list",
        ),
        (
            "all",
            asks(own_user, to_all),
            "an access list that allows everybody",
        ),
    ];
    let before = scene.sandbox.seq().await;
    for (name, spec, field) in &cases {
        declared(&scene, "team-a", name, spec.clone()).await;
        let refused = until(&scene, "team-a", name, "NotAllowed").await;
        assert!(
            message(&refused, "Synced").contains(field),
            "{name}: {refused}"
        );
    }
    // Pins: of another object, and forged for this one, in this project and in others.
    let forged = |project: &str| {
        json!({
            "project": project, "prefix": "", "namespace": "team-a", "name": "pinned",
            "alias": "their-alias",
        })
        .to_string()
    };
    for pin in [
        their_pin,
        forged("ClusterComposioProject/shared"),
        forged("ComposioProject/default"),
    ] {
        let annotations = json!({
            "composio.dev/alias": pin, "composio.dev/own-account": by_hand,
            "composio.dev/move-to-project": "ClusterComposioProject/shared",
        });
        let metadata = json!({"name": "pinned", "annotations": annotations});
        let taken = applied(&scene, "team-a", metadata, asks("team-b/ceo", json!({}))).await;
        taken.expect("it is taken");
        until(&scene, "team-a", "pinned", "NotAllowed").await;
        let gone = ["-n", "team-a", "delete", "cacc", "pinned"];
        assert!(control_plane.kubectl(&gone).await.status.success());
    }
    // A status by hand, and every annotation that widens.
    let accounts = watch::accounts(&scene.client, "team-a");
    let status = json!({"status": {"connectedAccountId": theirs, "state": "ACTIVE"}});
    let patch = kube::api::Patch::Merge(status);
    let parameters = kube::api::PatchParams::default();
    let written = accounts.patch_status("user", &parameters, &patch);
    written.await.expect("it is taken");
    let given = format!("composio.dev/own-account={theirs}");
    let asked = "composio.dev/reconcile-requested-at=now";
    let args = ["-n", "team-a", "annotate", "cacc", "user", &given, asked];
    assert!(control_plane.kubectl(&args).await.status.success());
    until(&scene, "team-a", "user", "NotAllowed").await;
    // No project of another namespace can be named.
    for project in [
        json!({"name": "default", "namespace": "team-b"}),
        json!({"name": "team-b/default"}),
        json!({"kind": "Project", "name": "default"}),
    ] {
        let spec = asks(own_user, json!({"projectRef": project}));
        let refused = applied(&scene, "team-a", json!({"name": "ref"}), spec).await;
        assert!(refused.is_err(), "{project}");
    }

    // One that is allowed is beside them, and all that they can read is their own.
    declared(&scene, "team-a", "mine", asks(own_user, json!({}))).await;
    let mine = until(&scene, "team-a", "mine", "AwaitingUser").await;
    let mine = mine["status"]["connectedAccountId"]
        .as_str()
        .expect("an id");
    reads_nothing_of_others(
        &scene,
        "team-a",
        &[PAYROLL, "team-b", "cfo", &theirs, "their-alias"],
    )
    .await;
    for (name, _, _) in &cases {
        let gone = ["-n", "team-a", "delete", "cacc", name];
        assert!(
            control_plane.kubectl(&gone).await.status.success(),
            "{name}"
        );
    }
    let ids = [theirs.as_str(), mine];
    let asked = asked_of_others(&scene, before, &ids).await;
    let is_own = |one: &Asked| one.query.contains("team-a") || one.body["user_id"] == own_user;
    let of_mine = |one: &Asked| is_own(one) || one.path.contains("auth_configs");
    assert!(asked.iter().all(of_mine), "{asked:?}");
    for id in [&theirs, &by_hand] {
        let account = scene.sandbox.account(id).await;
        assert_eq!(account["status"], "ACTIVE", "{account}");
    }
}

/// What whoever may read the namespace, and the project, can read holds none of these words, no key and no address.
async fn reads_nothing_of_others(scene: &Scene<'_>, namespace: &str, words: &[&str]) {
    let read = async |args: &[&str]| {
        let output = scene.control_plane.kubectl(args).await;
        assert!(output.status.success(), "{output:?}");
        let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        all["items"].as_array().cloned().unwrap_or_default()
    };
    // What they have written themselves, into the spec and with the status by hand, they know.
    let objects = read(&["-n", namespace, "get", "cacc", "-o", "json"]).await;
    let mut texts: Vec<(String, String)> = Vec::new();
    for object in &objects {
        let mut status = object["status"].clone();
        // Their own link leads there.
        status["link"] = Value::Null;
        if object["metadata"]["name"] == "user" {
            status["connectedAccountId"] = Value::Null;
        }
        texts.push((object["metadata"]["name"].to_string(), status.to_string()));
    }
    wait::until("events", SOON, async || {
        let events = read(&["-n", namespace, "get", "events.events.k8s.io", "-o", "json"]).await;
        match events.len() {
            0..10 => Err(format!("{} events", events.len())),
            _ => Ok(()),
        }
    })
    .await;
    for event in read(&["-n", namespace, "get", "events.events.k8s.io", "-o", "json"]).await {
        texts.push((
            event["regarding"]["name"].to_string(),
            event["note"].to_string(),
        ));
    }
    for project in read(&["get", "clustercomposioprojects", "-o", "json"]).await {
        texts.push(("the project".to_owned(), project["status"].to_string()));
    }
    let url = scene.sandbox.url();
    let (_, address) = url.split_once("//").expect("a URL");
    for (what, text) in texts {
        for word in words.iter().chain([&address, &"10.0.", &KEY_SECRET]) {
            assert!(!text.contains(word), "{what} tells {word}: {text}");
        }
    }
}
