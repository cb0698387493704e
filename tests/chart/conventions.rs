//! What people know of other charts: the names of values, and what they do.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use super::combinations::COMBINATIONS;
use crate::support::helm::{Rendered, render};
use crate::support::release::SANDBOX;

const NAME: &str = "op-composio-operator";
const CONNECT: &str = r#"connect={"enabled":true,"url":"https://connect.acme.com"}"#;
/// Kinds that are in no namespace.
const OF_THE_CLUSTER: [&str; 6] = [
    "ClusterComposioProject",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// The metadata of all objects that the chart itself writes, and of their pods.
fn metadata(rendered: &Rendered) -> Vec<Value> {
    let mut all = Vec::new();
    for object in rendered.objects() {
        // Those of extraObjects are as they are given.
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if name.ends_with("-extra") {
            continue;
        }
        let template = &object["spec"]["template"]["metadata"];
        if template.is_object() {
            all.push(template.clone());
        }
        all.push(object["metadata"].clone());
    }
    all
}

/// The images of all containers of the program.
async fn images(values: &[&str]) -> BTreeSet<String> {
    let rendered = render("x", &[&[SANDBOX, CONNECT], values].concat()).await;
    let pods = rendered.expect("it renders").pods();
    let images = pods.iter().map(|pod| &pod["containers"][0]["image"]);
    images
        .map(|image| image.as_str().expect("an image").to_owned())
        .collect()
}

#[tokio::test]
async fn an_image_is_named_by_registry_repository_tag_and_digest() {
    let digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123";
    let by_digest = format!(r#"image={{"registry":"a.example:5000/b","digest":"{digest}"}}"#);
    let version = env!("CARGO_PKG_VERSION");
    for (values, expected) in [
        (&[][..], format!("composio-operator:{version}")),
        (
            &[r#"image={"registry":"a.example","repository":"b/c","tag":"d"}"#],
            "a.example/b/c:d".to_owned(),
        ),
        (
            &[by_digest.as_str()],
            format!("a.example:5000/b/composio-operator@{digest}"),
        ),
        (
            &[
                r#"image={"registry":"a.example"}"#,
                r#"global={"imageRegistry":"mirror.example"}"#,
            ],
            format!("mirror.example/composio-operator:{version}"),
        ),
    ] {
        assert_eq!(images(values).await, BTreeSet::from([expected]));
    }
}

#[tokio::test]
async fn pull_secrets_may_be_names_or_objects_and_those_of_the_parent_are_added() {
    let values = [
        SANDBOX,
        CONNECT,
        r#"global={"imagePullSecrets":["a",{"name":"b"}]}"#,
        r#"imagePullSecrets=[{"name":"b"},"c"]"#,
    ];
    let rendered = render("x", &values).await.expect("it renders");
    for pod in rendered.pods() {
        let expected = json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]);
        assert_eq!(pod["imagePullSecrets"], expected, "{pod}");
    }
}

#[tokio::test]
async fn every_object_and_pod_has_the_common_labels_and_annotations() {
    let mut seen = 0;
    for (what, values) in COMBINATIONS {
        let common = [
            CONNECT,
            r#"commonLabels={"cost-centre":"42"}"#,
            r#"commonAnnotations={"acme.com/owner":"platform"}"#,
        ];
        let rendered = render("x", &[values, &common[..]].concat()).await;
        for found in metadata(&rendered.expect("it renders")) {
            assert_eq!(found["labels"]["cost-centre"], "42", "{what}: {found}");
            let owner = &found["annotations"]["acme.com/owner"];
            assert_eq!(owner, "platform", "{what}: {found}");
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen}");
}

#[tokio::test]
async fn what_is_said_more_specifically_goes_before_what_is_common() {
    let values = [
        SANDBOX,
        r#"commonLabels={"team":"a"}"#,
        r#"commonAnnotations={"owner":"a","helm.sh/resource-policy":"other"}"#,
        r#"podLabels={"team":"b"}"#,
        r#"podAnnotations={"owner":"b"}"#,
        r#"deploymentAnnotations={"owner":"c"}"#,
        r#"crds={"annotations":{"owner":"d"}}"#,
    ];
    let rendered = render("x", &values).await.expect("it renders");
    let deployment: Value = rendered.one("Deployment", NAME);
    assert_eq!(deployment["metadata"]["annotations"]["owner"], "c");
    let template = &deployment["spec"]["template"]["metadata"];
    assert_eq!(template["labels"]["team"], "b");
    assert_eq!(template["annotations"]["owner"], "b");
    let definition: Value =
        rendered.one("CustomResourceDefinition", "connectedaccounts.composio.dev");
    let annotations = &definition["metadata"]["annotations"];
    let expected = json!({"owner": "d", "helm.sh/resource-policy": "keep"});
    assert_eq!(annotations, &expected);
}

#[tokio::test]
async fn another_namespace_is_that_of_every_object_and_of_what_the_program_is_told() {
    let other = r#"namespaceOverride="elsewhere""#;
    let metrics = r#"metrics={"serviceMonitor":{"enabled":true},"rules":{"enabled":true},"dashboard":{"enabled":true}}"#;
    let network = r#"networkPolicy={"enabled":true}"#;
    let rendered = render("x", &[SANDBOX, CONNECT, other, metrics, network]).await;
    let rendered = rendered.expect("it renders");
    for object in rendered.objects() {
        let kind = object["kind"].as_str().expect("a kind");
        if !OF_THE_CLUSTER.contains(&kind) {
            let namespace = &object["metadata"]["namespace"];
            assert_eq!(namespace, "elsewhere", "{object}");
        }
        for subject in object["subjects"].as_array().into_iter().flatten() {
            assert_eq!(subject["namespace"], "elsewhere", "{object}");
        }
    }
    let args = rendered.args();
    for flag in ["--cluster-resource-namespace", "--lease-namespace"] {
        let expected = format!("{flag}=elsewhere");
        assert!(args.contains(&expected), "{args:?}");
    }
    let mut yaml = rendered.yaml.replace("release-namespace: x", "");
    yaml.retain(|c| c != '"');
    assert!(!yaml.contains("system:serviceaccount:x:"), "{yaml}");
    let drained = render("x", &[SANDBOX, other, r#"uninstall={"policy":"Drain"}"#]).await;
    let said = drained.err().expect("the Job would delete nothing");
    assert!(said.contains("excludes namespaceOverride"), "{said}");
}

#[tokio::test]
async fn monitors_and_rules_may_be_elsewhere_and_speak_of_this_release() {
    let metrics = r#"metrics={
        "podMonitor": {"enabled": true, "namespace": "monitoring", "labels": {"release": "p"},
            "honorLabels": true, "scrapeTimeout": "10s", "relabelings": [{"action": "drop"}],
            "metricRelabelings": [{"action": "keep"}]},
        "rules": {"enabled": true, "namespace": "monitoring"},
        "dashboard": {"enabled": true, "namespace": "grafana", "folder": "Agents"}
    }"#;
    let rendered = render("x", &[SANDBOX, metrics]).await.expect("it renders");
    let monitor: Value = rendered.one("PodMonitor", NAME);
    assert_eq!(monitor["metadata"]["namespace"], "monitoring");
    let expected = json!({"matchNames": ["x"]});
    assert_eq!(monitor["spec"]["namespaceSelector"], expected);
    let endpoint = json!({
        "port": "http", "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s",
        "honorLabels": true, "relabelings": [{"action": "drop"}],
        "metricRelabelings": [{"action": "keep"}],
    });
    assert_eq!(monitor["spec"]["podMetricsEndpoints"], json!([endpoint]));
    let rules: Value = rendered.one("PrometheusRule", NAME);
    assert_eq!(rules["metadata"]["namespace"], "monitoring");
    // Prometheus calls a job by the PodMonitor, wherever the pods are.
    let absent =
        r#"absent(composio_operator_leader{namespace="x",job="monitoring/op-composio-operator"})"#;
    assert_eq!(rules["spec"]["groups"][0]["rules"][0]["expr"], absent);
    let dashboard: Value = rendered.one("ConfigMap", &format!("{NAME}-dashboard"));
    assert_eq!(dashboard["metadata"]["namespace"], "grafana");
    let annotations = &dashboard["metadata"]["annotations"];
    assert_eq!(annotations, &json!({"grafana_folder": "Agents"}));
}

#[tokio::test]
async fn single_alerts_are_changed_or_left_out_by_their_names() {
    let rules = async |alerts: &str| {
        let metrics = format!(r#"metrics={{"rules":{{"enabled":true,"alerts":{alerts}}}}}"#);
        let rendered = render("x", &[SANDBOX, &metrics]).await?;
        let rules: Value = rendered.one("PrometheusRule", NAME);
        let rules = rules["spec"]["groups"][0]["rules"].clone();
        Ok::<Vec<Value>, String>(serde_json::from_value(rules).expect("rules"))
    };
    let all = rules("{}").await.expect("it renders");
    let changed = r#"{
        "ComposioThrottled": {"enabled": false},
        "ComposioAccessRefused": {"for": "1m", "severity": "page", "labels": {"team": "a"},
            "annotations": {"summary": "Other."}}
    }"#;
    let changed = rules(changed).await.expect("it renders");
    assert_eq!(changed.len() + 1, all.len());
    let mut different = 0;
    for rule in changed {
        let usual = all.iter().find(|usual| usual["alert"] == rule["alert"]);
        let mut expected = usual.expect("it is there").clone();
        if rule["alert"] == "ComposioAccessRefused" {
            expected["for"] = json!("1m");
            expected["labels"] = json!({"severity": "page", "team": "a"});
            expected["annotations"]["summary"] = json!("Other.");
            different += 1;
        }
        assert_eq!(rule, expected);
    }
    assert_eq!(different, 1);
    for (wrong, says) in [
        (
            r#"{"ComposioThrotled":{}}"#,
            "- metrics.rules.alerts.ComposioThrotled: did you mean metrics.rules.alerts.ComposioThrottled?",
        ),
        (
            r#"{"ComposioThrottled":{"enable":false}}"#,
            "- metrics.rules.alerts.ComposioThrottled.enable: did you mean metrics.rules.alerts.ComposioThrottled.enabled?",
        ),
    ] {
        let said = rules(wrong).await.expect_err("there is none of that name");
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn all_names_that_the_chart_does_not_have_are_told_at_once_with_what_was_meant() {
    let values = [
        ("replicas=2", "- replicas: did you mean replicaCount?"),
        (
            r#"labels={"a":"b"}"#,
            "- labels: did you mean commonLabels?",
        ),
        (
            r#"logFilter="debug""#,
            "- logFilter: did you mean log.level?",
        ),
        (
            r#"config={"logFormat":"json","pollIntervall":"1m"}"#,
            "- config.logFormat: did you mean log.format?",
        ),
        (
            r#"connect={"replicas":3}"#,
            "- connect.replicas: did you mean connect.replicaCount?",
        ),
        (
            r#"serviceAccount={"anotations":{}}"#,
            "- serviceAccount.anotations: did you mean serviceAccount.annotations?",
        ),
        (
            "serviceaccount=1",
            "- serviceaccount: did you mean serviceAccount?",
        ),
        (r#"tag="v1""#, "- tag: did you mean image.tag?"),
        (
            "installCRDs=true",
            "- installCRDs: did you mean crds.enabled?",
        ),
        (
            r#"watchNamespace="a""#,
            "- watchNamespace: did you mean watchNamespaces?",
        ),
        ("reloader=true", "- reloader\n"),
        (
            r#"baseUrl="https://a""#,
            "- baseUrl: did you mean project.baseURL and allowedBaseURLs?",
        ),
    ];
    let given: Vec<&str> = values.iter().map(|(value, _)| *value).collect();
    let said = render("x", &given).await.err().expect("it is refused");
    for (value, says) in values {
        assert!(said.contains(says), "{value}: {said}");
    }
    let nested = "- config.pollIntervall: did you mean config.pollInterval?";
    assert!(said.contains(nested), "{said}");
    assert!(!said.contains("\n\n-"), "a line for each: {said}");
}

#[tokio::test]
async fn whoever_only_looks_has_a_role_that_is_a_part_of_no_other() {
    let rendered = render("x", &[SANDBOX]).await.expect("it renders");
    let role: Value = rendered.one("ClusterRole", "x-op-composio-operator-viewer");
    let labels = role["metadata"]["labels"].as_object().expect("labels");
    let aggregated = labels.keys().any(|label| label.contains("aggregate-to"));
    assert!(!aggregated, "{labels:?}");
    let expected = json!([{
        "apiGroups": ["composio.dev"],
        "resources": ["connectedaccounts", "composioprojects", "clustercomposioprojects"],
        "verbs": ["get", "list", "watch"],
    }]);
    assert_eq!(role["rules"], expected);
    for binding in rendered.of_kind("ClusterRoleBinding") {
        assert_ne!(binding["roleRef"]["name"], role["metadata"]["name"]);
    }
    let without = render("x", &[SANDBOX, r#"rbac={"viewerRole":false}"#]).await;
    let roles = without.expect("it renders").of_kind("ClusterRole");
    assert!(
        roles
            .iter()
            .all(|other| other["metadata"]["name"] != role["metadata"]["name"])
    );
}

#[rstest]
#[case::nothing_said("{}", json!({"maxUnavailable": 1}))]
#[case::none_unavailable(r#"{"maxUnavailable":0}"#, json!({"maxUnavailable": 0}))]
#[case::half_of_them(r#"{"maxUnavailable":"50%"}"#, json!({"maxUnavailable": "50%"}))]
#[case::one_available(
    r#"{"minAvailable":1,"unhealthyPodEvictionPolicy":"AlwaysAllow"}"#,
    json!({"minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"})
)]
#[tokio::test]
async fn a_budget_for_evictions_says_one_of_two(#[case] value: &str, #[case] expected: Value) {
    let value = format!("podDisruptionBudget={value}");
    let rendered = render("x", &[SANDBOX, &value]).await.expect("it renders");
    let mut budget: Value = rendered.one("PodDisruptionBudget", NAME);
    let spec = budget["spec"].as_object_mut().expect("a spec");
    spec.remove("selector");
    assert_eq!(budget["spec"], expected);
}

#[tokio::test]
async fn a_budget_for_evictions_does_not_say_both() {
    let both = r#"podDisruptionBudget={"minAvailable":1,"maxUnavailable":1}"#;
    let said = render("x", &[SANDBOX, both]).await.err().expect("which?");
    assert!(said.contains("exclude each other"), "{said}");
}

/// A selector cannot be changed: with a label in it that may, no release could be upgraded.
#[tokio::test]
async fn what_is_common_or_changes_with_the_version_is_in_no_selector() {
    let mut seen = 0;
    for (what, values) in COMBINATIONS {
        let values = [values, &[CONNECT, r#"commonLabels={"team":"a"}"#][..]].concat();
        let rendered = render("x", &values).await.expect("it renders");
        for deployment in rendered.of_kind("Deployment") {
            let labels = &deployment["spec"]["selector"]["matchLabels"];
            let names: Vec<&String> = labels.as_object().expect("labels").keys().collect();
            let expected = ["component", "instance", "name"];
            let expected = expected.map(|name| format!("app.kubernetes.io/{name}"));
            assert!(names.into_iter().eq(&expected), "{what}: {labels}");
            seen += 1;
        }
    }
    assert!(seen >= 2 * COMBINATIONS.len(), "{seen}");
}
