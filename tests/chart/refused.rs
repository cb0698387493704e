//! Values that the chart refuses, and what it says.

use serde_json::Value;

use crate::support::helm::{CHART, helm, render};

const SANDBOX: &str = r#"sandbox={"enabled":true}"#;

#[tokio::test]
async fn wrong_values_are_refused_in_words_that_say_what_to_do() {
    struct Case {
        values: &'static [&'static str],
        says: &'static str,
        reason: &'static str,
    }
    let cases = [
        Case {
            values: &[r#"project={"create":true}"#],
            says: "project.create needs an API key: name its Secret in project.apiKeySecretRef.name",
            reason: "a project without a key",
        },
        Case {
            values: &[r#"project={"create":true,"apiKey":"k","apiKeySecretRef":{"name":"s"}}"#],
            says: "project.apiKeySecretRef.name and project.apiKey exclude each other",
            reason: "two keys",
        },
        Case {
            values: &[
                SANDBOX,
                r#"project={"apiKeySecretRef":{"name":"composio"}}"#,
            ],
            says: "sandbox.enabled excludes project.apiKeySecretRef.name and project.apiKey: the operator would send the key in clear text",
            reason: "a real key for the sandbox",
        },
        Case {
            values: &[SANDBOX, r#"project={"create":true,"apiKey":"ak_1"}"#],
            says: "sandbox.enabled excludes project.apiKeySecretRef.name and project.apiKey: the operator would send the key in clear text",
            reason: "a real key in the values for the sandbox",
        },
        Case {
            values: &[
                SANDBOX,
                r#"project={"baseURL":"https://composio.acme.example"}"#,
            ],
            says: "sandbox.enabled excludes project.baseURL",
            reason: "two Composios",
        },
        Case {
            values: &[r#"project={"aliasPrefix":"eu"}"#],
            says: "project is given, and project.create is not set",
            reason: "nothing would come of it",
        },
        Case {
            values: &[
                r#"project={"create":true,"apiKey":"k","allow":[{"namespaces":["a"]}]}"#,
                r#"watchNamespaces=["a"]"#,
            ],
            says: "project.allow names namespaces, and with watchNamespaces a ComposioProject is made in each of these",
            reason: "the apiserver would refuse it",
        },
        Case {
            values: &[r#"project={"create":true,"apiKey":"k","aliasPrefix":"eu."}"#],
            says: "at '/project/aliasPrefix'",
            reason: "an alias cannot hold it",
        },
        Case {
            values: &[r#"apiKey={"value":"k"}"#],
            says: "- apiKey: did you mean project.apiKeySecretRef, or project.apiKey for a trial?",
            reason: "the key is in a project",
        },
        Case {
            values: &[
                SANDBOX,
                r#"watchNamespaces=["a"]"#,
                r#"configMaps={"namespaces":["a","b"]}"#,
            ],
            says: "configMaps.namespaces has b, and watchNamespaces has not",
            reason: "a right that nothing would use",
        },
        Case {
            values: &[
                SANDBOX,
                r#"rbac={"create":false}"#,
                r#"configMaps={"namespaces":["a"]}"#,
            ],
            says: "configMaps.namespaces needs rbac.create",
            reason: "a right that nobody would grant",
        },
        Case {
            values: &[SANDBOX, r#"configMaps={"namespaces":["*"]}"#],
            says: "at '/configMaps/namespaces/0'",
            reason: "each namespace is named",
        },
        Case {
            values: &[SANDBOX, r#"customCA={"configMap":"a","secret":"b"}"#],
            says: "customCA.configMap and customCA.secret exclude each other",
            reason: "two sources",
        },
        Case {
            values: &[
                SANDBOX,
                "replicaCount=2",
                r#"leaderElection={"enabled":false}"#,
            ],
            says: "replicaCount above 1 needs leaderElection.enabled",
            reason: "two would work at once",
        },
        Case {
            values: &[SANDBOX, r#"serviceAccount={"create":false}"#],
            says: "serviceAccount.name is needed when serviceAccount.create is false",
            reason: "whose rights?",
        },
        Case {
            values: &[
                SANDBOX,
                r#"metrics={"serviceMonitor":{"enabled":true},"podMonitor":{"enabled":true}}"#,
            ],
            says: "would count everything twice",
            reason: "both monitors",
        },
        Case {
            values: &[
                SANDBOX,
                r#"metrics={"serviceMonitor":{"enabled":true},"service":{"enabled":false}}"#,
            ],
            says: "metrics.serviceMonitor needs metrics.service.enabled",
            reason: "nothing to find",
        },
        Case {
            values: &[SANDBOX, "replica=1"],
            says: "- replica: did you mean replicaCount?",
            reason: "a misspelt value",
        },
        Case {
            values: &[SANDBOX, r#"config={"pollIntervall":"1m"}"#],
            says: "- config.pollIntervall: did you mean config.pollInterval?",
            reason: "a flag that there is not",
        },
        Case {
            values: &[SANDBOX, r#"config={"pollInterval":60}"#],
            says: "at '/config/pollInterval': got number, want string",
            reason: "60 of what?",
        },
        Case {
            values: &[SANDBOX, r#"uninstall={"policy":"Delete"}"#],
            says: "at '/uninstall/policy': value must be one of 'Keep', 'Drain'",
            reason: "a policy that there is not",
        },
        Case {
            values: &[SANDBOX, r#"watchNamespaces="a""#],
            says: "at '/watchNamespaces': got string, want array",
            reason: "a text that holds a list",
        },
        Case {
            values: &[SANDBOX, r#"watchNamespaces=["a,b"]"#],
            says: "at '/watchNamespaces/0'",
            reason: "two in one",
        },
        Case {
            values: &[r#"allowedBaseURLs=["backend.composio.dev"]"#],
            says: "at '/allowedBaseURLs/0'",
            reason: "no URL",
        },
        Case {
            values: &[SANDBOX, r#"watchNamespaces=["a"," b"]"#],
            says: "at '/watchNamespaces/1'",
            reason: "a blank is in no name",
        },
        Case {
            values: &[
                SANDBOX,
                r#"leaderElection={"enabled":false}"#,
                r#"strategy={"type":"RollingUpdate"}"#,
            ],
            says: "strategy must be {type: Recreate} when leaderElection.enabled is false",
            reason: "two would work during an update",
        },
        Case {
            values: &[
                SANDBOX,
                r#"leaderElection={"enabled":false}"#,
                r#"strategy={"rollingUpdate":{"maxSurge":1}}"#,
            ],
            says: "strategy must be {type: Recreate} when leaderElection.enabled is false",
            reason: "a rolling update is the default of Kubernetes",
        },
        Case {
            values: &[SANDBOX, r#"uninstall={"policy":"Drain"}"#, "replicaCount=0"],
            says: "uninstall.policy=Drain needs a replicaCount of at least 1",
            reason: "nobody would end the accounts",
        },
        Case {
            values: &[
                SANDBOX,
                r#"uninstall={"policy":"Drain"}"#,
                r#"rbac={"create":false}"#,
            ],
            says: "uninstall.policy=Drain needs rbac.create",
            reason: "who would drain?",
        },
        Case {
            values: &[
                SANDBOX,
                r#"config={"pollInterval":"1m"}"#,
                r#"extraArgs=["--poll-interval=2m"]"#,
            ],
            says: "extraArgs: --poll-interval is in config.pollInterval too: take one of them away",
            reason: "one flag twice",
        },
        Case {
            values: &[
                SANDBOX,
                r#"config={"pollInterval":"1m"}"#,
                r#"extraArgs=["--poll-interval","2m"]"#,
            ],
            says: "extraArgs: --poll-interval is in config.pollInterval too",
            reason: "one flag twice, in two words",
        },
        Case {
            values: &[SANDBOX, r#"extraArgs=["--leader-elect=false"]"#],
            says: "extraArgs: --leader-elect is set by the chart: use leaderElection",
            reason: "what the chart must know of",
        },
        Case {
            values: &[
                SANDBOX,
                r#"extraEnv=[{"name":"COMPOSIO_OPERATOR_WATCH_NAMESPACE","value":"a"}]"#,
            ],
            says: "extraEnv: COMPOSIO_OPERATOR_WATCH_NAMESPACE is set by the chart: use watchNamespaces",
            reason: "a scope without its rights",
        },
        Case {
            values: &[
                SANDBOX,
                r#"extraEnv=[{"name":"A","value":"1"},{"name":"A","value":"2"}]"#,
            ],
            says: "extraEnv: name A is there twice",
            reason: "which of them?",
        },
        Case {
            values: &[
                SANDBOX,
                r#"extraVolumes=[{"name":"state-key","emptyDir":{}}]"#,
            ],
            says: "extraVolumes: name state-key is there twice, or is the chart's own",
            reason: "it would be two volumes",
        },
        Case {
            values: &[SANDBOX, r#"podLabels={"app.kubernetes.io/name":"other"}"#],
            says: "podLabels: app.kubernetes.io/name is the chart's own",
            reason: "the selector would not find the pod",
        },
        Case {
            values: &[
                SANDBOX,
                r#"commonLabels={"app.kubernetes.io/component":"other"}"#,
            ],
            says: "commonLabels: app.kubernetes.io/component is the chart's own",
            reason: "the Service would not be found",
        },
        Case {
            values: &[SANDBOX, "hostNetwork=true", r#"http={"port":8090}"#],
            says: "http.port and sandbox.port must differ when hostNetwork is true",
            reason: "one host, one port",
        },
        Case {
            values: &[SANDBOX, r#"http={"port":"8080"}"#],
            says: "at '/http/port': got string, want integer",
            reason: "a quoted number",
        },
    ];
    for case in cases {
        let said = match render("x", case.values).await {
            Ok(_) => panic!("it was taken: {}", case.reason),
            Err(said) => said,
        };
        assert!(said.contains(case.says), "{}: {said}", case.reason);
    }
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
