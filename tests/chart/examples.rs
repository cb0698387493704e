//! Every example is applied, and becomes what it says.

use std::path::Path;

use composio_operator::crd::{
    ClusterComposioProject, ComposioProject, ConnectedAccount, DEFAULT_PROJECT, ProjectRef,
};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::define;
use crate::config_map;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::{CHART, helm};
use crate::support::scene::{Operated, SOON, Scene};
use crate::support::wait;

/// The definition of an ExternalSecret, which is another operator's, as far as a server needs it.
const EXTERNAL_SECRETS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: externalsecrets.external-secrets.io}
spec:
  group: external-secrets.io
  scope: Namespaced
  names: {kind: ExternalSecret, plural: externalsecrets, singular: externalsecret}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

/// The examples are for the namespace `agents`; here each test has one of its own.
fn example(name: &str, namespace: &str) -> String {
    let file = Path::new(CHART).join("examples").join(name);
    let text = std::fs::read_to_string(file).expect("it is there");
    assert!(text.contains("namespace: agents"), "{name}");
    text.replace("namespace: agents", &format!("namespace: {namespace}"))
}

async fn applied(name: &str) -> Operated<'static> {
    let scene = Scene::new("example").await.operated().await;
    scene.apply(&example(name, &scene.namespace)).await;
    scene
}

/// One sandbox account, as the control calls tell it.
async fn only_account(scene: &Operated<'_>) -> Value {
    let accounts = scene.sandbox.accounts().await;
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    accounts[0].clone()
}

#[tokio::test]
async fn each_file_is_applied_by_a_test() {
    let source = include_str!("examples.rs");
    let folder = std::fs::read_dir(Path::new(CHART).join("examples")).expect("it is there");
    for file in folder {
        let name = file.expect("it can be read").file_name();
        let name = name.to_string_lossy();
        // What an agent runs is tried by tests/clients; values are no manifest.
        if !name.ends_with(".yaml") || name.ends_with(".values.yaml") {
            continue;
        }
        // Receivers of notifications are tried beside the chart's values for them.
        if name.starts_with("notify-") {
            assert!(include_str!("notify.rs").contains(&*name), "{name}");
            continue;
        }
        assert!(source.contains(&format!("(\"{name}\"")), "{name}");
    }
}

fn in_examples(name: &str) -> String {
    let file = Path::new(CHART).join("examples").join(name);
    file.display().to_string()
}

/// In the namespace that one of them makes.
#[tokio::test]
async fn each_file_is_taken_by_a_server_as_it_stands() {
    let control_plane = ControlPlane::with_crd().await;
    let apply = async |args: &[&str]| {
        let args = [&["apply", "--validate=strict"], args].concat();
        let applied = control_plane.kubectl(&args).await;
        let said = String::from_utf8_lossy(&applied.stderr).into_owned();
        assert!(applied.status.success(), "{args:?}: {said}");
        assert_eq!(said, "", "{args:?}");
    };
    apply(&["-f", &in_examples("namespace.yaml")]).await;
    define(control_plane, EXTERNAL_SECRETS).await;
    let folder = std::fs::read_dir(Path::new(CHART).join("examples")).expect("it is there");
    let mut taken = 0;
    for file in folder {
        let path = file.expect("it can be read").path().display().to_string();
        // Those need definitions of their own.
        let is_receiver = path.contains("/notify-");
        if path.ends_with(".yaml") && !path.ends_with(".values.yaml") && !is_receiver {
            apply(&["--dry-run=server", "-f", &path]).await;
            taken += 1;
        }
    }
    assert!(taken >= 9, "{taken}");
}

/// The tutorials install the release under this name.
#[tokio::test]
async fn a_project_in_the_sandbox_is_where_the_chart_has_the_sandbox() {
    let yaml = example("sandbox-project.yaml", "agents");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
    let url = objects[1]["spec"]["baseURL"].as_str().expect("a URL");
    let args = ["template", "composio-operator", CHART];
    let namespace = ["--namespace=composio-system", "--set=sandbox.enabled=true"];
    let output = helm(&[&args[..], &namespace].concat()).await;
    let rendered = String::from_utf8(output.stdout).expect("text");
    let allowed = format!("--allowed-base-urls=https://backend.composio.dev,{url}\"");
    assert!(rendered.contains(&allowed), "{allowed}");
    assert_eq!(objects[0]["stringData"]["api-key"], "sandbox");
    let key = "\"api-key\": \"sandbox\"";
    assert!(rendered.contains(key), "{key}");
}

#[tokio::test]
async fn the_values_of_a_proxy_before_the_page_are_taken_by_the_chart() {
    let file = in_examples("oauth2-proxy.values.yaml");
    let output = helm(&["template", "op", CHART, "--values", &file]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let yaml = String::from_utf8(output.stdout).expect("text");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
    let page = objects.iter().find(|object| {
        object["metadata"]["name"] == "op-composio-operator-connect"
            && object["kind"] == "Deployment"
    });
    let pod = &page.expect("the page is there")["spec"]["template"]["spec"];
    let args = pod["containers"][0]["args"].as_array().expect("arguments");
    let header = json!("--connect-user-header=X-Forwarded-Email");
    assert!(args.contains(&header), "{args:?}");
    assert_eq!(pod["containers"][1]["name"], "oauth2-proxy");
}

/// Applies an example where no operator is.
async fn taken(control_plane: &ControlPlane, namespace: &str, yaml: &str) {
    let args = ["apply", "--validate=strict", "-n", namespace, "-f", "-"];
    let applied = control_plane.kubectl_stdin(&args, yaml).await;
    assert!(applied.status.success(), "{applied:?}");
}

#[tokio::test]
async fn a_project_is_the_one_that_objects_use_which_name_none() {
    let control_plane = ControlPlane::with_crd().await;
    let client = control_plane.client().await;
    let namespace = control_plane.namespace(&client, "example").await;
    let yaml = example("project.yaml", &namespace);
    taken(control_plane, &namespace, &yaml).await;
    let projects = Api::<ComposioProject>::namespaced(client.clone(), &namespace);
    let project = projects.get(DEFAULT_PROJECT).await.expect("it is there");
    assert_eq!(project.spec.api_key_secret_ref.name, "composio");
    taken(control_plane, &namespace, &example("link.yaml", &namespace)).await;
    let accounts = Api::<ConnectedAccount>::namespaced(client, &namespace);
    let account = accounts.get("support-gmail").await.expect("it is there");
    assert_eq!(account.spec.project_ref, ProjectRef::default());
}

#[tokio::test]
async fn a_project_of_the_cluster_is_named_by_the_object_that_uses_it() {
    let control_plane = ControlPlane::with_crd().await;
    let client = control_plane.client().await;
    let namespace = control_plane.namespace(&client, "example").await;
    // One of the whole cluster is there for all other tests too.
    let yaml = example("cluster-project.yaml", &namespace)
        .replace("name: shared", &format!("name: {namespace}"))
        .replace("composio.acme.example/shared", &namespace);
    taken(control_plane, &namespace, &yaml).await;
    let accounts = Api::<ConnectedAccount>::namespaced(client.clone(), &namespace);
    let account = accounts.get("team-gmail").await.expect("it is there");
    let named = format!("ClusterComposioProject/{namespace}");
    assert_eq!(account.spec.project_ref.to_string(), named);
    let projects = Api::<ClusterComposioProject>::all(client);
    let project = projects.get(&namespace).await.expect("it is there");
    assert_eq!(project.spec.allow.len(), 1);
    projects
        .delete(&namespace, &DeleteParams::default())
        .await
        .expect("it goes");
}

#[tokio::test]
async fn a_link_waits_for_its_user() {
    let scene = applied("link.yaml").await;
    let (id, _) = scene.linked("support-gmail").await;
    scene.sandbox.consent(&id).await;
    scene.ready("support-gmail", "Connected").await;
}

#[tokio::test]
async fn an_agent_has_the_id_of_its_account_mounted() {
    let scene = Scene::new("example").await.operated().await;
    config_map::grant(&scene).await;
    scene.apply(&example("agent.yaml", &scene.namespace)).await;
    let (id, _) = scene.linked("support-gmail").await;
    scene.sandbox.consent(&id).await;
    scene
        .until("support-gmail", "ConfigMapWritten", "True", "Written")
        .await;
    let jobs = scene
        .kubectl(&["get", "cronjobs", "mail-agent", "-o", "json"])
        .await;
    let job: Value = serde_json::from_str(&jobs).expect("JSON");
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let mounted = pod["volumes"][0]["configMap"]["name"].as_str();
    let args = [
        "get",
        "configmap",
        mounted.expect("it is mounted"),
        "-o",
        "json",
    ];
    wait::until("the id in what is mounted", SOON, async || {
        let found = scene.kubectl(&args).await;
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let data = &found["data"];
        match data["connectedAccountId"] == id && data["state"] == "ACTIVE" {
            true => Ok(()),
            false => Err(data.to_string()),
        }
    })
    .await;
    scene.kubectl(&["delete", "cronjob", "mail-agent"]).await;
}

#[tokio::test]
async fn a_key_is_waited_for_until_external_secrets_has_made_its_secret() {
    let control_plane = ControlPlane::with_crd().await;
    let made = control_plane
        .kubectl_stdin(&["apply", "-f", "-"], EXTERNAL_SECRETS)
        .await;
    assert!(made.status.success(), "{made:?}");
    let scene = Scene::new("example").await.operated().await;
    wait::until("the definition of ExternalSecrets", SOON, async || {
        let yaml = example("api-key.yaml", &scene.namespace);
        let applied = control_plane
            .kubectl_stdin(&["apply", "-f", "-"], &yaml)
            .await;
        match applied.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&applied.stderr).into_owned()),
        }
    })
    .await;
    scene
        .until("crm-hubspot", "Synced", "False", "SecretMissing")
        .await;
    scene.secret("crm-hubspot", json!({"api_key": "k"})).await;
    scene.ready("crm-hubspot", "Connected").await;
}

#[tokio::test]
async fn a_shared_account_is_shared_with_whom_it_says() {
    let scene = applied("shared.yaml").await;
    let (id, _) = scene.linked("team-slack").await;
    let path = format!("connected_accounts/{id}");
    let account = scene.sandbox.api("GET", &path, Value::Null).await;
    let account = account.to_string();
    for user in ["agent-1", "agent-2", "intern"] {
        assert!(account.contains(user), "{user}: {account}");
    }
}

#[tokio::test]
async fn an_account_that_is_taken_over_keeps_its_id_and_outlives_its_object() {
    let scene = Scene::new("example").await.operated().await;
    let body = json!({"auth_config_id": "ac_gmail", "user_id": "ceo@acme.example"});
    let made = scene
        .sandbox
        .api("POST", "connected_accounts/link", body)
        .await;
    let id = made["connected_account_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    scene.sandbox.consent(&id).await;
    let yaml = example("take-over.yaml", &scene.namespace).replace("ca_0123456789AB", &id);
    assert!(yaml.contains(&id));
    scene.apply(&yaml).await;
    let object = scene.ready("ceo-gmail", "Connected").await;
    assert_eq!(object["status"]["connectedAccountId"], id);
    scene.delete("ceo-gmail").await;
    let account = only_account(&scene).await;
    assert_eq!(account["deleted_at"], Value::Null, "{account}");
}

#[tokio::test]
async fn a_wave_goes_on_as_soon_as_the_link_is_there() {
    let scene = applied("gitops-wave.yaml").await;
    scene.ready("sales-gmail", "LinkIssued").await;
}
