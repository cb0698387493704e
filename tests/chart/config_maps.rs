//! The right to write ConfigMaps: in the namespaces that are listed, nowhere else, and none of it too much.

use futures::future::join_all;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::config_map::{declared_no_more, written_gmail};
use crate::support::control_plane::Audited;
use crate::support::helm::render;
use crate::support::operator::CONFIG_MAP_RULES;
use crate::support::release::{self, ACCOUNT, SANDBOX, installed};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

const ROLE: &str = "x-op-composio-operator-config-maps";

fn shipped() -> Vec<PolicyRule> {
    serde_saphyr::from_str(CONFIG_MAP_RULES).expect("a list of rules")
}

#[tokio::test]
async fn it_is_off_and_where_it_is_on_a_role_of_each_listed_namespace() {
    let mentions = |object: &Value| object.to_string().contains("configmaps");
    for values in [&[SANDBOX][..], &[SANDBOX, r#"watchNamespaces=["y"]"#]] {
        let rendered = render("x", values).await.expect("it renders");
        let roles = [rendered.of_kind("Role"), rendered.of_kind("ClusterRole")].concat();
        assert!(!roles.iter().any(mentions), "{roles:?}");
    }
    let listed = r#"configMaps={"namespaces":["y","z"]}"#;
    let rendered = render("x", &[SANDBOX, listed]).await.expect("it renders");
    let cluster = rendered.of_kind("ClusterRole");
    assert!(!cluster.iter().any(mentions), "{cluster:?}");
    let mut roles = rendered.of_kind("Role");
    roles.retain(mentions);
    let places: Vec<_> = roles
        .iter()
        .map(|role| &role["metadata"]["namespace"])
        .collect();
    assert_eq!(places, ["y", "z"]);
    for role in &roles {
        assert_eq!(role["metadata"]["name"], ROLE);
        assert_eq!(role["rules"], json!(shipped()));
    }
    let bindings = rendered.of_kind("RoleBinding");
    let bound = bindings.iter().filter(|one| one["roleRef"]["name"] == ROLE);
    let expected = json!([{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "x"}]);
    assert!(bound.clone().all(|one| one["subjects"] == expected));
    let places: Vec<_> = bound.map(|one| &one["metadata"]["namespace"]).collect();
    assert_eq!(places, ["y", "z"]);
}

#[tokio::test]
async fn what_is_granted_is_enough_where_it_is_and_gives_nothing_elsewhere() {
    let scene = Scene::new("config-maps").await;
    let second = scene
        .control_plane
        .namespace(&scene.client, "config-maps")
        .await;
    let watched = format!(r#"watchNamespaces=["{}","{second}"]"#, scene.namespace);
    let listed = format!(r#"configMaps={{"namespaces":["{}"]}}"#, scene.namespace);
    let values = [
        SANDBOX,
        &watched,
        &listed,
        r#"rbac={"aggregate":false,"letGo":false}"#,
    ];
    let rendered = render(&scene.namespace, &values).await.expect("it renders");
    let kubeconfig = installed(&scene, &rendered).await;
    let user = release::user(&scene.namespace);
    for (place, verb) in [
        (&*second, "get"),
        (&second, "create"),
        ("default", "get"),
        ("kube-system", "patch"),
        (&scene.namespace, "list"),
        (&scene.namespace, "watch"),
        (&scene.namespace, "update"),
        (&scene.namespace, "deletecollection"),
    ] {
        let args = [
            "-n",
            place,
            "auth",
            "can-i",
            verb,
            "configmaps",
            "--as",
            &user,
        ];
        let allowed = scene.control_plane.kubectl(&args).await;
        assert!(!allowed.status.success(), "{verb} in {place}");
    }
    let both = format!("{},{second}", scene.namespace);
    let options = scene
        .options_with(&kubeconfig)
        .flag("--lease-name", ACCOUNT)
        .flag("--watch-namespace", &both);
    let _operator = scene.start("operator", &options).await;
    scene.declare("mail", written_gmail()).await;
    scene
        .until("mail", "ConfigMapWritten", "True", "Written")
        .await;
    let (id, _) = scene.linked("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    declared_no_more(&scene).await;
    let left = scene.kubectl(&["get", "configmaps", "-o", "name"]).await;
    assert!(!left.contains("composio"), "{left}");
}

#[tokio::test]
async fn without_any_one_verb_something_is_refused_and_the_account_goes_on() {
    let rules = shipped();
    assert_eq!(rules.len(), 1, "{rules:?}");
    let verbs = rules[0].verbs.clone();
    assert_eq!(verbs, ["get", "create", "patch", "delete"]);
    join_all(verbs.iter().map(|verb| is_refused(verb))).await;
}

/// Runs an operator without that verb until the server has refused it exactly that.
async fn is_refused(verb: &str) {
    let scene = Scene::new("no-verb").await;
    let mut rules = shipped();
    rules[0].verbs.retain(|other| other != verb);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "config-maps"}, "rules": rules,
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "config-maps"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "config-maps"},
        "subjects": [{
            "kind": "ServiceAccount", "name": "composio-operator", "namespace": scene.namespace,
        }],
    });
    scene.apply(&role.to_string()).await;
    scene.apply(&binding.to_string()).await;
    let _operator = scene.start("operator", &scene.options()).await;
    scene.connected_gmail("other").await;
    let mut spec = written_gmail();
    spec["user"] = json!("v");
    scene.declare("mail", spec).await;
    let (id, _) = scene.linked("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    let without = r#"{"spec":{"writeTo":null}}"#;
    if verb == "delete" {
        scene
            .until("mail", "ConfigMapWritten", "True", "Written")
            .await;
        scene.patch("mail", without).await;
    }
    wait::until(&format!("a refusal to {verb}"), SOON, async || {
        let asked = scene.asked_of_kubernetes();
        let is_it = |asked: &&Audited| {
            asked.resource == "configmaps" && asked.verb == verb && asked.status == 403
        };
        match asked.iter().find(is_it) {
            Some(_) => Ok(()),
            None => Err(scene.object("mail").await["status"].to_string()),
        }
    })
    .await;
    let reason = match verb {
        "get" => "Forbidden",
        _ => "Failed",
    };
    scene
        .until("mail", "ConfigMapWritten", "False", reason)
        .await;
}
