//! Names that YAML could take for numbers or booleans, and keys that could stand twice: installed by the real Helm.

use serde_json::{Value, json};

use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::{CHART, helm_on};

/// Installs a release and takes it away, and tells what of it the apiserver had.
async fn installed(
    control_plane: &ControlPlane,
    release: &str,
    namespace: &str,
    values: &Value,
    deployment: &str,
) -> Value {
    let folder = Folder::new().expect("a folder");
    let file = folder.path().join("values.json");
    std::fs::write(&file, values.to_string()).expect("it is written");
    let helm = async |args: &[&str]| {
        let output = helm_on(control_plane, folder.path(), namespace, args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {said}");
        said
    };
    let file = file.to_str().expect("a path");
    let said = helm(&["install", release, CHART, "--values", file]).await;
    assert!(!said.to_lowercase().contains("warning"), "{said}");
    let args = [
        "-n",
        namespace,
        "get",
        "deployment",
        deployment,
        "-o",
        "json",
    ];
    let got = control_plane.kubectl(&args).await;
    assert!(got.status.success(), "{got:?}");
    helm(&["uninstall", release, "--no-hooks"]).await;
    // Projects stay, and one of the cluster would be there for all other tests.
    let selector = format!("--selector=app.kubernetes.io/instance={release}");
    let args = ["delete", "composioprojects,clustercomposioprojects"];
    let args = [&args[..], &[&selector, "--all-namespaces"]].concat();
    let deleted = control_plane.kubectl(&args).await;
    assert!(deleted.status.success(), "{deleted:?}");
    serde_json::from_slice(&got.stdout).expect("JSON")
}

#[tokio::test]
async fn names_that_look_like_numbers_or_booleans_are_installed_as_they_are_written() {
    let control_plane = ControlPlane::with_crd().await;
    for namespace in ["y", "on"] {
        let made = control_plane
            .kubectl(&["create", "namespace", namespace])
            .await;
        assert!(made.status.success(), "{made:?}");
    }
    let values = json!({
        // All tests share the definition.
        "crds": {"enabled": false},
        "rbac": {"aggregate": false},
        "project": {
            "create": true,
            "name": "1e3",
            "apiKeySecretRef": {"name": "12345", "key": "007"},
            "aliasPrefix": "1e5",
        },
        "stateKey": {"existingSecret": {"name": "678", "key": "008"}},
        "image": {"repository": "12", "tag": "30"},
        "imagePullSecrets": [{"name": "1e3"}],
        "serviceAccount": {"name": "007", "annotations": {"1": "2"}},
        "watchNamespaces": ["y", "on"],
        "log": {"level": "off"},
        "customCA": {"configMap": "1e5", "key": "0x1f"},
        "commonLabels": {"1": "y", "on": "1e5"},
        "podLabels": {"007": "no", "y": "1_000"},
        "podAnnotations": {"y": "12:30:45"},
        "nodeSelector": {"y": "on"},
        "networkPolicy": {"enabled": true},
        "uninstall": {"policy": "Drain"},
        "metrics": {"dashboard": {"enabled": true, "labels": {"1": "2"}}},
        "extraEnv": [{"name": "y", "value": "1"}],
    });
    let name = "op-12345-composio-operator";
    let deployment = installed(control_plane, "12345", "y", &values, name).await;
    assert_eq!(deployment["metadata"]["labels"]["on"], "1e5");
    let template = &deployment["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    assert_eq!(labels["app.kubernetes.io/instance"], "12345");
    assert_eq!(
        (&labels["007"], &labels["y"]),
        (&"no".into(), &"1_000".into())
    );
    assert_eq!(template["metadata"]["annotations"]["y"], "12:30:45");
    let pod = &template["spec"];
    assert_eq!(pod["serviceAccountName"], "007");
    assert_eq!(pod["nodeSelector"]["y"], "on");
    assert_eq!(pod["containers"][0]["image"], "12:30");
    let volumes = pod["volumes"].as_array().expect("volumes");
    let of_kind = |kind| {
        let mut sources = volumes.iter().map(move |volume| &volume[kind]);
        sources.find(|source| source.is_object()).expect("a volume")
    };
    let (secret, bundle) = (of_kind("secret"), of_kind("configMap"));
    assert_eq!(secret["secretName"], "678");
    assert_eq!(secret["items"][0]["key"], "008");
    assert_eq!(bundle["name"], "1e5");
    assert_eq!(bundle["items"][0]["key"], "0x1f");
    let flag = "--state-key-file=/var/run/composio-operator-state/state-key";
    let args = pod["containers"][0]["args"].as_array().expect("arguments");
    assert!(args.iter().any(|arg| arg == flag), "{args:?}");

    let values = json!({
        "crds": {"enabled": false},
        "rbac": {"aggregate": false},
        "sandbox": {"enabled": true},
        "project": {"name": "007"},
        // The name of the release holds it, so that is all of the name.
        "nameOverride": "1",
    });
    let deployment = installed(control_plane, "1e5", "on", &values, "op-1e5").await;
    let labels = &deployment["spec"]["selector"]["matchLabels"];
    assert_eq!(labels["app.kubernetes.io/name"], "1");
    assert_eq!(labels["app.kubernetes.io/instance"], "1e5");
    let deployment = installed(control_plane, "a.b", "on", &values, "a-b-1").await;
    assert_eq!(deployment["metadata"]["name"], "a-b-1");
}

#[tokio::test]
async fn what_the_chart_sets_too_stands_once_and_as_its_user_says() {
    let control_plane = ControlPlane::with_crd().await;
    let client = control_plane.client().await;
    let namespace = control_plane.namespace(&client, "keys").await;
    let values = json!({
        "crds": {"enabled": false},
        "rbac": {"aggregate": false},
        "sandbox": {"enabled": true},
        "project": {"name": "keys"},
        "proxy": {"http": "http://proxy:3128"},
        "commonLabels": {"app.kubernetes.io/part-of": "agents", "team": "a"},
        "metrics": {"dashboard": {"enabled": true, "labels": {"team": "b"}}},
        "podAnnotations": {"kubectl.kubernetes.io/default-container": "other"},
        "extraEnv": [
            {"name": "RUST_LOG", "value": "debug"},
            {"name": "HTTP_PROXY", "value": "http://other"},
        ],
    });
    let deployment = installed(
        control_plane,
        "op",
        &namespace,
        &values,
        "op-composio-operator",
    )
    .await;
    assert_eq!(
        deployment["metadata"]["labels"]["app.kubernetes.io/part-of"],
        "agents"
    );
    let template = &deployment["spec"]["template"];
    let annotations = &template["metadata"]["annotations"];
    assert_eq!(
        annotations["kubectl.kubernetes.io/default-container"],
        "other"
    );
    let environment = template["spec"]["containers"][0]["env"]
        .as_array()
        .expect("a list");
    for (name, expected) in [("RUST_LOG", "debug"), ("HTTP_PROXY", "http://other")] {
        let found = environment
            .iter()
            .filter(|variable| variable["name"] == name);
        let found: Vec<_> = found.map(|variable| &variable["value"]).collect();
        assert_eq!(found, [expected], "{name}");
    }
}
