//! Values that the chart refuses, and what it says.

use rstest::rstest;
use serde_json::Value;

use crate::support::helm::{CHART, helm, render};

const SANDBOX: &str = r#"sandbox={"enabled":true}"#;

#[rstest]
#[case::a_project_without_a_key(
    &[r#"project={"create":true}"#],
    "project.create needs an API key: name its Secret in project.apiKeySecretRef.name"
)]
#[case::two_keys(
    &[r#"project={"create":true,"apiKey":"k","apiKeySecretRef":{"name":"s"}}"#],
    "project.apiKeySecretRef.name and project.apiKey exclude each other"
)]
#[case::a_real_key_for_the_sandbox(
    &[
        SANDBOX,
        r#"project={"apiKeySecretRef":{"name":"composio"}}"#,
    ],
    "sandbox.enabled excludes project.apiKeySecretRef.name and project.apiKey: the operator would send the key in clear text"
)]
#[case::a_real_key_in_the_values_for_the_sandbox(
    &[SANDBOX, r#"project={"create":true,"apiKey":"ak_1"}"#],
    "sandbox.enabled excludes project.apiKeySecretRef.name and project.apiKey: the operator would send the key in clear text"
)]
#[case::two_composios(
    &[
        SANDBOX,
        r#"project={"baseURL":"https://composio.acme.example"}"#,
    ],
    "sandbox.enabled excludes project.baseURL"
)]
#[case::nothing_would_come_of_it(
    &[r#"project={"aliasPrefix":"eu"}"#], "project is given, and project.create is not set"
)]
#[case::the_apiserver_would_refuse_it(
    &[
        r#"project={"create":true,"apiKey":"k","allow":[{"namespaces":["a"]}]}"#,
        r#"watchNamespaces=["a"]"#,
    ],
    "project.allow names namespaces, and with watchNamespaces a ComposioProject is made in each of these"
)]
#[case::an_alias_cannot_hold_it(
    &[r#"project={"create":true,"apiKey":"k","aliasPrefix":"eu."}"#], "at '/project/aliasPrefix'"
)]
#[case::the_key_is_in_a_project(
    &[r#"apiKey={"value":"k"}"#],
    "- apiKey: did you mean project.apiKeySecretRef, or project.apiKey for a trial?"
)]
#[case::a_right_that_nothing_would_use(
    &[
        SANDBOX,
        r#"watchNamespaces=["a"]"#,
        r#"configMaps={"namespaces":["a","b"]}"#,
    ],
    "configMaps.namespaces has b, and watchNamespaces has not"
)]
#[case::a_right_that_nobody_would_grant(
    &[
        SANDBOX,
        r#"rbac={"create":false}"#,
        r#"configMaps={"namespaces":["a"]}"#,
    ],
    "configMaps.namespaces needs rbac.create"
)]
#[case::each_namespace_is_named(&[SANDBOX, r#"configMaps={"namespaces":["*"]}"#], "at '/configMaps/namespaces/0'")]
#[case::two_sources(
    &[SANDBOX, r#"customCA={"configMap":"a","secret":"b"}"#],
    "customCA.configMap and customCA.secret exclude each other"
)]
#[case::two_would_work_at_once(
    &[
        SANDBOX,
        "replicaCount=2",
        r#"leaderElection={"enabled":false}"#,
    ],
    "replicaCount above 1 needs leaderElection.enabled"
)]
#[case::rights_of_nobody(
    &[SANDBOX, r#"serviceAccount={"create":false}"#],
    "serviceAccount.name is needed when serviceAccount.create is false"
)]
#[case::both_monitors(
    &[
        SANDBOX,
        r#"metrics={"serviceMonitor":{"enabled":true},"podMonitor":{"enabled":true}}"#,
    ],
    "would count everything twice"
)]
#[case::nothing_to_find(
    &[
        SANDBOX,
        r#"metrics={"serviceMonitor":{"enabled":true},"service":{"enabled":false}}"#,
    ],
    "metrics.serviceMonitor needs metrics.service.enabled"
)]
#[case::a_misspelt_value(&[SANDBOX, "replica=1"], "- replica: did you mean replicaCount?")]
#[case::a_flag_that_there_is_not(
    &[SANDBOX, r#"config={"pollIntervall":"1m"}"#],
    "- config.pollIntervall: did you mean config.pollInterval?"
)]
#[case::a_number_without_a_unit(
    &[SANDBOX, r#"config={"pollInterval":60}"#],
    "at '/config/pollInterval': got number, want string"
)]
#[case::a_policy_that_there_is_not(
    &[SANDBOX, r#"uninstall={"policy":"Delete"}"#],
    "at '/uninstall/policy': value must be one of 'Keep', 'Drain'"
)]
#[case::a_text_that_holds_a_list(
    &[SANDBOX, r#"watchNamespaces="a""#], "at '/watchNamespaces': got string, want array"
)]
#[case::two_in_one(&[SANDBOX, r#"watchNamespaces=["a,b"]"#], "at '/watchNamespaces/0'")]
#[case::no_url(&[r#"allowedBaseURLs=["backend.composio.dev"]"#], "at '/allowedBaseURLs/0'")]
#[case::a_blank_is_in_no_name(&[SANDBOX, r#"watchNamespaces=["a"," b"]"#], "at '/watchNamespaces/1'")]
#[case::two_would_work_during_an_update(
    &[
        SANDBOX,
        r#"leaderElection={"enabled":false}"#,
        r#"strategy={"type":"RollingUpdate"}"#,
    ],
    "strategy must be {type: Recreate} when leaderElection.enabled is false"
)]
#[case::a_rolling_update_is_the_default_of_kubernetes(
    &[
        SANDBOX,
        r#"leaderElection={"enabled":false}"#,
        r#"strategy={"rollingUpdate":{"maxSurge":1}}"#,
    ],
    "strategy must be {type: Recreate} when leaderElection.enabled is false"
)]
#[case::nobody_would_end_the_accounts(
    &[SANDBOX, r#"uninstall={"policy":"Drain"}"#, "replicaCount=0"],
    "uninstall.policy=Drain needs a replicaCount of at least 1"
)]
#[case::a_drain_without_rights(
    &[
        SANDBOX,
        r#"uninstall={"policy":"Drain"}"#,
        r#"rbac={"create":false}"#,
    ],
    "uninstall.policy=Drain needs rbac.create"
)]
#[case::one_flag_twice(
    &[
        SANDBOX,
        r#"config={"pollInterval":"1m"}"#,
        r#"extraArgs=["--poll-interval=2m"]"#,
    ],
    "extraArgs: --poll-interval is in config.pollInterval too: take one of them away"
)]
#[case::one_flag_twice_in_two_words(
    &[
        SANDBOX,
        r#"config={"pollInterval":"1m"}"#,
        r#"extraArgs=["--poll-interval","2m"]"#,
    ],
    "extraArgs: --poll-interval is in config.pollInterval too"
)]
#[case::what_the_chart_must_know_of(
    &[SANDBOX, r#"extraArgs=["--leader-elect=false"]"#],
    "extraArgs: --leader-elect is set by the chart: use leaderElection"
)]
#[case::a_scope_without_its_rights(
    &[
        SANDBOX,
        r#"extraEnv=[{"name":"COMPOSIO_OPERATOR_WATCH_NAMESPACE","value":"a"}]"#,
    ],
    "extraEnv: COMPOSIO_OPERATOR_WATCH_NAMESPACE is set by the chart: use watchNamespaces"
)]
#[case::one_name_twice(
    &[
        SANDBOX,
        r#"extraEnv=[{"name":"A","value":"1"},{"name":"A","value":"2"}]"#,
    ],
    "extraEnv: name A is there twice"
)]
#[case::it_would_be_two_volumes(
    &[
        SANDBOX,
        r#"extraVolumes=[{"name":"state-key","emptyDir":{}}]"#,
    ],
    "extraVolumes: name state-key is there twice, or is the chart's own"
)]
#[case::the_selector_would_not_find_the_pod(
    &[SANDBOX, r#"podLabels={"app.kubernetes.io/name":"other"}"#],
    "podLabels: app.kubernetes.io/name is the chart's own"
)]
#[case::the_service_would_not_be_found(
    &[
        SANDBOX,
        r#"commonLabels={"app.kubernetes.io/component":"other"}"#,
    ],
    "commonLabels: app.kubernetes.io/component is the chart's own"
)]
#[case::one_host_one_port(
    &[SANDBOX, "hostNetwork=true", r#"http={"port":8090}"#],
    "http.port and sandbox.port must differ when hostNetwork is true"
)]
#[case::a_quoted_number(&[SANDBOX, r#"http={"port":"8080"}"#], "at '/http/port': got string, want integer")]
#[tokio::test]
async fn wrong_values_are_refused_in_words_that_say_what_to_do(
    #[case] values: &[&str],
    #[case] says: &str,
) {
    let said = render("x", values).await.err().expect("it is refused");
    assert!(said.contains(says), "{said}");
}

#[tokio::test]
async fn a_kubernetes_that_is_too_old_is_refused() {
    let old = helm(&[
        "template",
        "op",
        CHART,
        "--kube-version",
        "1.32.9",
        "--set-json",
        SANDBOX,
    ])
    .await;
    let said = String::from_utf8_lossy(&old.stderr).into_owned();
    assert!(!old.status.success());
    assert!(
        said.contains("chart requires kubeVersion: >=1.33.0-0"),
        "{said}"
    );
    let oldest = helm(&[
        "template",
        "op",
        CHART,
        "--kube-version",
        "1.33.0",
        "--set-json",
        SANDBOX,
    ])
    .await;
    assert!(oldest.status.success(), "{oldest:?}");
}

#[test]
fn every_value_has_a_default_and_a_place_in_the_schema() {
    let read =
        |name: &str| std::fs::read_to_string(format!("{CHART}/{name}")).expect("it is there");
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).expect("YAML");
    let schema: Value = serde_json::from_str(&read("values.schema.json")).expect("JSON");
    let mut complaints = Vec::new();
    compare("", &values, &schema, &mut complaints);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Of the objects whose fields the schema names. `config` and the probes
/// have none by default, and `enabled` is for a chart that holds this one.
fn compare(path: &str, values: &Value, schema: &Value, complaints: &mut Vec<String>) {
    let (Some(values), Some(described)) = (values.as_object(), schema["properties"].as_object())
    else {
        return;
    };
    for (name, value) in values {
        let path = format!("{path}.{name}");
        match described.get(name) {
            Some(schema) => compare(&path, value, schema, complaints),
            None => complaints.push(format!("{path}: not in the schema")),
        }
    }
    for name in described.keys() {
        let is_free =
            path == ".config" || (path.is_empty() && name == "enabled") || path.ends_with("Probe");
        if !values.contains_key(name) && !is_free {
            complaints.push(format!("{path}.{name}: no default"));
        }
    }
}
