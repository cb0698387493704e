//! The chart: what it refuses, that a real API server takes what it makes, and that the program works
//! under the permissions which it grants, and no others.

use clap::Parser;
use composio_operator::arguments::Cli;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::support::control_plane::ControlPlane;
use crate::support::helm::{CHART, helm, helm3, render};
use combinations::COMBINATIONS;

mod actions;
mod alerts;
mod combinations;
mod config_maps;
mod connect;
mod conventions;
mod dashboard;
mod examples;
mod gitops;
mod marks;
mod monitoring;
mod names;
mod network;
mod notify;
mod openshift;
mod ownership;
mod parent;
mod permissions;
mod projects;
mod refused;
mod uninstall;
mod upgrade;
mod values;

/// What a resource of the Prometheus operator needs for a server to check it: that it is there.
const MONITORING: &str = include_str!("chart/monitoring.yaml");

#[tokio::test]
async fn helm_finds_no_fault() {
    for (what, values) in COMBINATIONS {
        let mut args = vec!["lint", "--strict", CHART];
        for value in values {
            args.extend(["--set-json", value]);
        }
        let output = helm(&args).await;
        assert!(output.status.success(), "{what}: {output:?}");
    }
}

/// Helm 3 and Helm 4 read values and YAML by different libraries.
#[tokio::test]
async fn both_versions_of_helm_make_the_same_objects() {
    for (what, values) in COMBINATIONS {
        // What is built from a module takes itself to be of another Kubernetes.
        let mut args = vec!["template", "op", CHART, "--kube-version=1.33.0"];
        for value in values {
            args.extend(["--set-json", value]);
        }
        let [three, four] = [helm3(&args).await, helm(&args).await].map(|output| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{what}: {said}");
            let yaml = String::from_utf8(output.stdout).expect("text");
            serde_saphyr::from_multiple::<Value>(&yaml).expect("YAML")
        });
        assert!(three.len() > 10, "{what}");
        assert_eq!(three.len(), four.len(), "{what}");
        // They may be in another order.
        for object in three {
            assert!(four.contains(&object), "{what}: {object}");
        }
    }
    let refused = helm3(&[
        "template",
        "op",
        CHART,
        "--kube-version=1.33.0",
        "--set-json",
        "replica=1",
    ])
    .await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("- replica: did you mean replicaCount?"),
        "{said}"
    );
}

/// Gives a server the definitions of others, and waits until it serves them.
async fn define(control_plane: &ControlPlane, definitions: &str) {
    for args in [
        &["apply", "--server-side", "-f", "-"][..],
        &[
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "-f",
            "-",
        ],
    ] {
        let done = control_plane.kubectl_stdin(args, definitions).await;
        assert!(done.status.success(), "{args:?}: {done:?}");
    }
}

#[tokio::test]
async fn a_server_takes_every_combination_and_warns_of_none() {
    let control_plane = ControlPlane::with_crd().await;
    let client = control_plane.client().await;
    define(control_plane, MONITORING).await;
    for (what, values) in COMBINATIONS {
        let namespace = control_plane.namespace(&client, "chart").await;
        if what != "the host's network" {
            let restricted = "pod-security.kubernetes.io";
            let labelled = control_plane
                .kubectl(&[
                    "label",
                    "namespace",
                    &namespace,
                    &format!("{restricted}/enforce=restricted"),
                    &format!("{restricted}/warn=restricted"),
                ])
                .await;
            assert!(labelled.status.success(), "{labelled:?}");
        }
        let values: Vec<String> = values
            .iter()
            .map(|value| value.replace("some-namespace", &namespace))
            .collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let rendered = render(&namespace, &values).await.expect("it renders");
        // A pod is refused when its account is not there, also when it is only tried.
        let (accounts, others): (Vec<Value>, Vec<Value>) = rendered
            .objects()
            .into_iter()
            .partition(|object| object["kind"] == "ServiceAccount");
        for (objects, dry_run) in [(accounts, "none"), (others, "server")] {
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
            let output = control_plane
                .kubectl_stdin(
                    &[
                        "-n",
                        &namespace,
                        "apply",
                        "--server-side",
                        "--force-conflicts",
                        "--validate=strict",
                        &format!("--dry-run={dry_run}"),
                        "-f",
                        "-",
                    ],
                    &list.to_string(),
                )
                .await;
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{what}: {said}");
            assert_eq!(said, "", "{what}");
        }
    }
}

#[tokio::test]
async fn the_definitions_are_installed_as_they_are_shipped_and_kept() {
    let rendered = render("x", &[]).await.expect("it renders");
    let removed = render("x", &[r#"crds={"keep":false}"#]).await;
    let removed = removed.expect("it renders");
    for (name, shipped) in [
        (
            "connectedaccounts.composio.dev",
            include_str!("../crds/connectedaccounts.yaml"),
        ),
        (
            "composioprojects.composio.dev",
            include_str!("../crds/composioprojects.yaml"),
        ),
        (
            "clustercomposioprojects.composio.dev",
            include_str!("../crds/clustercomposioprojects.yaml"),
        ),
    ] {
        // As the type has it: in YAML a number may be written in two ways.
        let shipped: CustomResourceDefinition = serde_saphyr::from_str(shipped).expect("YAML");
        let definition: CustomResourceDefinition = rendered.one("CustomResourceDefinition", name);
        assert_eq!(definition.spec, shipped.spec);
        let installed: Value = rendered.one("CustomResourceDefinition", name);
        let policy = &installed["metadata"]["annotations"]["helm.sh/resource-policy"];
        assert_eq!(policy, "keep", "{name}");
        let installed: Value = removed.one("CustomResourceDefinition", name);
        assert_eq!(installed["metadata"]["annotations"], Value::Null, "{name}");
    }
    let without = render("x", &[r#"crds={"enabled":false}"#]).await;
    let found = without
        .expect("it renders")
        .of_kind("CustomResourceDefinition");
    assert_eq!(found, [Value::Null; 0]);
}

#[tokio::test]
async fn a_flag_reaches_the_program_as_it_is_given() {
    let rendered = render(
        "x",
        &[
            r#"sandbox={"enabled":true}"#,
            r#"watchNamespaces=["a","b"]"#,
            r#"config={"pollInterval":"1m30s","concurrency":1000}"#,
            r#"allowedBaseURLs=["https://composio.acme.example/api"]"#,
        ],
    )
    .await
    .expect("it renders");
    let args = rendered.args();
    for expected in [
        "--allowed-base-urls=https://composio.acme.example/api,http://op-composio-operator-sandbox.x.svc:8090",
        "--allow-http",
        "--cluster-resource-namespace=x",
        "--watch-namespace=a,b",
        "--http-address=[::]:8080",
        "--poll-interval=1m30s",
        "--concurrency=1000",
    ] {
        assert!(
            args.iter().any(|arg| arg == expected),
            "{expected}: {args:?}"
        );
    }
}

#[tokio::test]
async fn the_program_takes_what_each_combination_gives_it() {
    for (what, values) in COMBINATIONS {
        let rendered = render("x", values).await.expect("it renders");
        for pod in rendered.pods() {
            let containers = pod["containers"].as_array().expect("it has containers");
            // Others may run beside those of the program.
            let is_ours = |container: &&Value| container["args"].is_array();
            for container in containers.iter().filter(is_ours) {
                let args: Vec<String> =
                    serde_json::from_value(container["args"].clone()).expect("a list of words");
                let args = std::iter::once("composio-operator".to_owned()).chain(args);
                if let Err(error) = Cli::try_parse_from(args) {
                    panic!("{what}, {}: {error}", container["name"]);
                }
            }
        }
    }
}

#[tokio::test]
async fn no_key_of_a_given_secret_and_no_trial_is_in_what_is_rendered() {
    let project = r#"project={"create":true,"apiKeySecretRef":{"name":"composio"}}"#;
    for values in [&[][..], &[project]] {
        let rendered = render("x", values).await.expect("it renders");
        assert_eq!(rendered.of_kind("Secret"), [Value::Null; 0]);
        let mut others = rendered.objects();
        others.retain(|object| object["kind"] != "CustomResourceDefinition");
        let others = Value::from(others).to_string();
        assert!(!others.contains("sandbox"), "{others}");
    }
}

#[tokio::test]
async fn who_may_only_view_a_namespace_does_not_see_links_and_who_may_edit_it_writes_no_project() {
    let rendered = render("x", &[r#"sandbox={"enabled":true}"#])
        .await
        .expect("it renders");
    let role: Value = rendered.one("ClusterRole", "x-op-composio-operator-edit");
    let labels = role["metadata"]["labels"]
        .as_object()
        .expect("it has labels");
    let aggregated: Vec<&str> = labels
        .keys()
        .filter_map(|label| label.strip_prefix("rbac.authorization.k8s.io/"))
        .collect();
    assert_eq!(aggregated, ["aggregate-to-admin", "aggregate-to-edit"]);
    // Whoever may edit a namespace does not thereby decide whose API key is used, or write what the operator says.
    let rules = role["rules"].as_array().expect("rules").iter();
    let granted: Vec<[&Value; 2]> = rules
        .map(|rule| [&rule["resources"], &rule["verbs"]])
        .collect();
    let verbs = serde_json::json!([
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection"
    ]);
    let resources = serde_json::json!(["connectedaccounts"]);
    assert_eq!(granted, [[&resources, &verbs]]);
}

#[tokio::test]
async fn a_host_that_is_shared_is_never_asked_to_hold_two() {
    let strategy = async |values: &[&str]| {
        let rendered = render("x", values).await.expect("it renders");
        let deployment: Value = rendered.one("Deployment", "op-composio-operator");
        deployment["spec"]["strategy"].clone()
    };
    let sandbox = r#"sandbox={"enabled":true}"#;
    let elected = r#"leaderElection={"enabled":true}"#;
    let on_the_host = strategy(&[sandbox, elected, "hostNetwork=true"]).await;
    assert_eq!(on_the_host["rollingUpdate"]["maxSurge"], 0, "{on_the_host}");
    let alone = strategy(&[sandbox, r#"leaderElection={"enabled":false}"#]).await;
    assert_eq!(alone["type"], "Recreate");
    let usual = strategy(&[sandbox, elected]).await;
    assert_eq!(usual["rollingUpdate"]["maxUnavailable"], 0, "{usual}");
}
