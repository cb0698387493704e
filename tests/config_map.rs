//! `spec.writeTo`: the ConfigMap in which others find an account's id, on a real API server.

use std::collections::BTreeMap;

use composio_operator::plan::computed_alias;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use serde_json::{Value, json};

use crate::support::control_plane::Audited;
use crate::support::operator::CONFIG_MAP_RULES;
use crate::support::scene::{Operated, SOON, Scene, gmail};
use crate::support::story::{condition, message};
use crate::support::wait;

mod raced;
mod refused;

const NAME: &str = "mail-composio";

/// A Gmail account that is written to its ConfigMap.
pub(crate) fn written_gmail() -> Value {
    let mut spec = gmail();
    spec["writeTo"] = json!({"configMap": {}});
    spec
}

/// Takes writeTo off, and waits until nothing that was written is on record.
pub(crate) async fn declared_no_more(scene: &Scene<'_>) -> Value {
    scene.patch("mail", r#"{"spec":{"writeTo":null}}"#).await;
    let is_null = |object: &Value| object["status"]["writtenTo"].is_null();
    scene.until_status("mail", "no ConfigMap", is_null).await
}

/// A scene whose operator may write ConfigMaps.
async fn granted(prefix: &str) -> Scene<'static> {
    let scene = Scene::new(prefix).await;
    grant(&scene).await;
    scene
}

/// Gives the operator of the scene what the chart gives it in `configMaps.namespaces`.
pub(crate) async fn grant(scene: &Scene<'_>) {
    let rules: Value = serde_saphyr::from_str(CONFIG_MAP_RULES).expect("a list of rules");
    let named = |kind: &str, rest: Value| {
        let mut object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": {"name": "config-maps", "namespace": scene.namespace},
        });
        for (key, value) in rest.as_object().expect("fields") {
            object[key] = value.clone();
        }
        object.to_string()
    };
    scene.apply(&named("Role", json!({"rules": rules}))).await;
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "config-maps"},
        "subjects": [{
            "kind": "ServiceAccount", "name": "composio-operator", "namespace": scene.namespace,
        }],
    });
    scene.apply(&named("RoleBinding", binding)).await;
    let user = format!(
        "system:serviceaccount:{}:composio-operator",
        scene.namespace
    );
    wait::until("the right", SOON, async || {
        let args = ["auth", "can-i", "delete", "configmaps", "--as", &user];
        scene.stage().kubectl(&args).await.map(drop)
    })
    .await;
}

fn config_maps(scene: &Scene<'_>) -> Api<ConfigMap> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

async fn config_map(scene: &Scene<'_>) -> Option<ConfigMap> {
    let found = config_maps(scene).get_opt(NAME).await;
    found.expect("the administrator reads ConfigMaps")
}

/// What it says to those who use the account.
async fn data(scene: &Scene<'_>) -> BTreeMap<String, String> {
    let found = config_map(scene).await;
    found.and_then(|found| found.data).unwrap_or_default()
}

/// Waits until it says that, and the status says that it does.
async fn says(scene: &Scene<'_>, key: &str, value: Option<&str>) -> ConfigMap {
    let found = wait::until(&format!("{key} {value:?}"), SOON, async || {
        let found = config_map(scene).await.ok_or("it is not there")?;
        let said = found.data.as_ref().and_then(|data| data.get(key));
        match said.map(String::as_str) == value {
            true => Ok(found.clone()),
            false => Err(format!("{:?}", found.data)),
        }
    })
    .await;
    written(scene).await;
    found
}

/// Waits until the condition says that it was written.
async fn written(scene: &Scene<'_>) -> Value {
    scene
        .until("mail", "ConfigMapWritten", "True", "Written")
        .await
}

/// What the operator wrote of ConfigMaps, in words.
fn writes(scene: &Scene<'_>) -> Vec<String> {
    let asked = asked(scene).into_iter().filter(Audited::is_write);
    asked
        .map(|asked| format!("{} {}", asked.verb, asked.status))
        .collect()
}

/// What the operator asked of ConfigMaps.
fn asked(scene: &Scene<'_>) -> Vec<Audited> {
    let asked = scene.asked_of_kubernetes().into_iter();
    asked
        .filter(|asked| asked.resource == "configmaps")
        .collect()
}

/// Somebody makes a ConfigMap of that name.
async fn make_foreign(api: &Api<ConfigMap>) {
    let foreign = ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some([("theirs".to_owned(), "stays".to_owned())].into()),
        ..ConfigMap::default()
    };
    api.create(&PostParams::default(), &foreign)
        .await
        .expect("the administrator makes ConfigMaps");
}

/// That of somebody else is as it was.
async fn is_foreign(scene: &Scene<'_>) {
    let found = config_map(scene).await.expect("it is there");
    let expected = [("theirs".to_owned(), "stays".to_owned())].into();
    assert_eq!(found.data, Some(expected));
    assert_eq!(found.metadata.owner_references, None);
}

async fn connected(scene: &Scene<'_>) -> String {
    scene.declare("mail", written_gmail()).await;
    let (id, _) = scene.linked("mail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("mail", "Connected").await;
    says(scene, "state", Some("ACTIVE")).await;
    id
}

#[tokio::test]
async fn who_uses_the_account_finds_its_id_and_its_state_through_its_whole_life() {
    let scene = granted("written").await.operated().await;
    scene.declare("mail", written_gmail()).await;
    let (id, link) = scene.linked("mail").await;
    let made = says(&scene, "connectedAccountId", Some(&id)).await;
    let object = scene.object("mail").await;
    let owners = json!([{
        "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount", "name": "mail",
        "uid": object["metadata"]["uid"], "controller": true,
    }]);
    let metadata = serde_json::to_value(&made.metadata).expect("JSON");
    assert_eq!(metadata["ownerReferences"], owners);
    let managers = metadata["managedFields"].as_array().expect("it has some");
    let managers: Vec<_> = managers.iter().map(|one| one["manager"].clone()).collect();
    assert_eq!(managers, ["composio-operator-config-map"]);
    let expected = [
        ("alias", computed_alias("", &scene.namespace, "mail")),
        ("connectedAccountId", id.clone()),
        ("state", "INITIALIZING".to_owned()),
        ("toolkit", "gmail".to_owned()),
        ("user", "u".to_owned()),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value));
    assert_eq!(data(&scene).await, BTreeMap::from(expected));
    assert!(!metadata.to_string().contains(&link) && !format!("{made:?}").contains("https://"));

    scene.sandbox.consent(&id).await;
    says(&scene, "state", Some("ACTIVE")).await;
    // Somebody's label and key stay where they are.
    let theirs = r#"{"metadata":{"labels":{"theirs":"stays"}},"data":{"theirs":"stays"}}"#;
    scene
        .kubectl(&["patch", "configmap", NAME, "--type=merge", "-p", theirs])
        .await;
    scene.patch("mail", r#"{"spec":{"enabled":false}}"#).await;
    scene.ready("mail", "Disabled").await;
    says(&scene, "state", Some("INACTIVE")).await;
    scene.patch("mail", r#"{"spec":{"enabled":true}}"#).await;
    says(&scene, "state", Some("ACTIVE")).await;
    scene.sandbox.expire(&id).await;
    // A link for a new sign-in is out.
    says(&scene, "state", Some("INITIATED")).await;
    let last = config_map(&scene).await.expect("it is there");
    assert_eq!(
        last.metadata.owner_references,
        made.metadata.owner_references
    );
    assert_eq!(last.metadata.labels.expect("labels")["theirs"], "stays");
    assert_eq!(last.data.expect("data")["theirs"], "stays");
    let all = writes(&scene);
    assert_eq!(all[0], "create 201");
    assert!(all[1..].iter().all(|one| one == "patch 200"), "{all:?}");
    // The sign-in may be seen under way.
    assert!((5..=6).contains(&all.len()), "one a change: {all:?}");
}

#[tokio::test]
async fn another_account_in_the_place_of_the_first_is_told_and_none_is_told_of_as_none() {
    let scene = granted("another").await.operated().await;
    let id = connected(&scene).await;
    scene.is_listed("mail").await;
    let path = format!("connected_accounts/{id}");
    scene.sandbox.api("DELETE", &path, Value::Null).await;
    let other = scene
        .until_status("mail", "another account", |object| {
            let found = &object["status"]["connectedAccountId"];
            found.is_string() && *found != id
        })
        .await;
    let other = other["status"]["connectedAccountId"].clone();
    says(&scene, "connectedAccountId", other.as_str()).await;
    // A link is out for it.
    assert_ne!(data(&scene).await["state"], "ACTIVE");
}

#[tokio::test]
async fn nothing_is_read_or_written_at_rest_at_a_resync_or_after_a_restart() {
    let scene = granted("rest").await;
    let operator = scene.start("operator", &scene.options()).await;
    connected(&scene).await;
    let before = config_map(&scene).await.expect("it is there");
    let (all, status) = (asked(&scene), scene.written().len());
    // The resync is every two seconds here.
    scene.polled(6).await;
    drop(operator);
    let _operator = scene.start("second", &scene.options()).await;
    scene.project_available().await;
    scene.polled(6).await;
    assert_eq!(asked(&scene), all);
    assert_eq!(scene.written().len(), status);
    let after = config_map(&scene).await.expect("it is there");
    assert_eq!(
        after.metadata.resource_version,
        before.metadata.resource_version
    );
}

#[tokio::test]
async fn one_that_was_deleted_or_changed_by_hand_comes_back_when_somebody_asks() {
    let scene = granted("asked").await.operated().await;
    let id = connected(&scene).await;
    let ask = async |token: &str| {
        let asked = format!("composio.dev/reconcile-requested-at={token}");
        scene
            .kubectl(&[
                "annotate",
                "connectedaccount",
                "mail",
                &asked,
                "--overwrite",
            ])
            .await;
        scene
            .until_field("mail", "lastHandledReconcileAt", token)
            .await;
    };
    scene.kubectl(&["delete", "configmap", NAME]).await;
    ask("one").await;
    says(&scene, "connectedAccountId", Some(&id)).await;
    let other = r#"{"data":{"connectedAccountId":"ca_other"}}"#;
    scene
        .kubectl(&["patch", "configmap", NAME, "--type=merge", "-p", other])
        .await;
    ask("two").await;
    says(&scene, "connectedAccountId", Some(&id)).await;
}

#[tokio::test]
async fn it_goes_when_it_is_declared_no_more_and_is_left_to_its_owner_when_the_object_goes() {
    let scene = granted("removed").await.operated().await;
    connected(&scene).await;
    let object = declared_no_more(&scene).await;
    assert_eq!(condition(&object, "ConfigMapWritten"), &Value::Null);
    assert_eq!(config_map(&scene).await, None);

    let with = r#"{"spec":{"writeTo":{"configMap":{"name":"mail-composio"}}}}"#;
    scene.patch("mail", with).await;
    written(&scene).await;
    let former = config_map(&scene).await.expect("it is there");
    let before = writes(&scene);
    scene.delete("mail").await;
    // Nobody collects garbage here: what the owner has left behind is nobody else's.
    assert_eq!(writes(&scene), before);
    scene.declare("mail", written_gmail()).await;
    let object = scene
        .until("mail", "ConfigMapWritten", "False", "NotOurs")
        .await;
    let said = message(&object, "ConfigMapWritten");
    assert!(
        said.contains("is that of a former object of this name"),
        "{said}"
    );
    let found = config_map(&scene).await.expect("it is there");
    assert_eq!(found, former);
    // As the garbage collector does it.
    scene.kubectl(&["delete", "configmap", NAME]).await;
    written(&scene).await;
}

#[tokio::test]
async fn a_suspended_object_goes_on_to_tell_what_is_seen() {
    let scene = granted("suspended").await.operated().await;
    let id = connected(&scene).await;
    scene.patch("mail", r#"{"spec":{"suspend":true}}"#).await;
    scene.until("mail", "Synced", "True", "Suspended").await;
    scene.sandbox.by_hand(&id, "disable", json!({})).await;
    says(&scene, "state", Some("INACTIVE")).await;
}

/// The scene goes on under another operator.
async fn restarted<'a>(scene: Scene<'a>) -> Operated<'a> {
    let operator = scene.start("after", &scene.options()).await;
    Operated::of(scene, operator)
}
