//! What the right to let objects go is worth outside the watched namespaces: to read ConnectedAccounts, and
//! nothing else.

use serde_json::{Value, json};

use super::Land;
use crate::support::release::user;
use crate::support::scene::{SOON, gmail};
use crate::support::wait;

const DENIED: &str =
    "the operator writes ConnectedAccounts and ComposioProjects in its watchNamespaces only";

/// Writes to the object `mail`, each as another kind of request.
const WRITES: [&[&str]; 4] = [
    &[
        "patch",
        "connectedaccounts",
        "mail",
        "--type=merge",
        "-p",
        r#"{"metadata":{"annotations":{"a":"b"}}}"#,
    ],
    &[
        "patch",
        "connectedaccounts",
        "mail",
        "--type=json",
        "-p",
        r#"[{"op":"add","path":"/metadata/finalizers","value":["composio.dev/connected-account"]}]"#,
    ],
    &["apply", "--server-side", "--force-conflicts", "-f", "-"],
    &["replace", "--subresource=status", "-f", "-"],
];

#[tokio::test]
async fn outside_the_watched_namespaces_nothing_is_written_and_no_secret_read() {
    let land = Land::shared().await;
    let [inside, outside] = [
        land.namespace("inside").await,
        land.namespace("outside").await,
    ];
    let release = land.release(&[&inside], &[]).await;
    let operator = user(&release.scene.namespace);
    for namespace in [&inside, &outside] {
        land.declare(namespace, "mail", gmail()).await;
    }
    let as_operator = async |namespace: &str, args: &[&str]| {
        let object = land
            .kubectl(&[
                "-n",
                namespace,
                "get",
                "connectedaccounts",
                "mail",
                "-o",
                "json",
            ])
            .await;
        let mut object: Value = serde_json::from_str(&object).expect("JSON");
        object["status"] = json!({"observedGeneration": 0});
        if args[0] == "apply" {
            object["metadata"] = json!({"name": "mail", "annotations": {"a": "b"}});
        }
        let all = [&["-n", namespace, "--as", &operator], args].concat();
        let output = land
            .control_plane
            .kubectl_stdin(&all, &object.to_string())
            .await;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    };
    // Admission policies are in force a moment after they are made.
    wait::until("the policy", SOON, async || {
        let (_, said) = as_operator(&outside, WRITES[0]).await;
        said.contains(DENIED).then_some(()).ok_or(said)
    })
    .await;
    for write in WRITES {
        let (done, said) = as_operator(&outside, write).await;
        assert!(!done && said.contains(DENIED), "{write:?}: {said}");
        let (done, said) = as_operator(&inside, write).await;
        assert!(done, "{write:?}: {said}");
    }
    // Nobody else is concerned.
    let patch = ["-n", &outside, "label", "connectedaccounts", "mail", "a=b"];
    land.kubectl(&patch).await;
    let may = async |namespace: &str, verb: &str, resource: &str| {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let subresource = format!("--subresource={subresource}");
        let args = ["auth", "can-i", verb, resource, &subresource];
        as_operator(namespace, &args).await.0
    };
    for verb in ["get", "list", "watch", "patch"] {
        assert!(may(&outside, verb, "connectedaccounts").await, "{verb}");
    }
    assert!(may(&outside, "update", "connectedaccounts/status").await);
    assert!(!may(&outside, "patch", "connectedaccounts/status").await);
    for verb in ["create", "update", "delete", "deletecollection"] {
        assert!(!may(&outside, verb, "connectedaccounts").await, "{verb}");
    }
    for verb in ["get", "list", "watch"] {
        assert!(!may(&outside, verb, "secrets").await, "{verb}");
    }
    assert!(may(&inside, "get", "secrets").await);
    assert!(!may(&outside, "create", "events.events.k8s.io").await);
}
