//! `check` and `version`.

use composio_operator::crd;
use serde_json::json;

use super::program::{VIEWER, run, run_as, somebody, steady};
use crate::support::control_plane::ControlPlane;
use crate::support::scene::Scene;

#[tokio::test]
async fn all_that_is_there_is_found() {
    let scene = Scene::new("cli-check").await.operated().await;
    let check = ["check", "--operator-namespace", &scene.namespace];
    let told = run(&scene, &check).await.well();
    let told = steady(&scene, &told);
    let mut lines = told.lines();
    let holder = lines.find(|line| line.contains(" leader: "));
    let holder = holder.unwrap_or_default();
    assert!(
        holder.starts_with("ok   leader: NS/composio-operator: NS_") && holder.ends_with(" leads"),
        "{told}"
    );
    assert!(
        told.contains("\nok   definitions: v1alpha1 is served, with the fields of this program\n"),
        "{told}"
    );
    assert!(
        told.contains("\nok   your rights: all that the commands need in namespace NS\n"),
        "{told}"
    );
    assert!(
        told.contains(
            "\nunknown marks: you may write what only the operator should in namespace NS"
        ),
        "{told}"
    );
    assert!(
        told.contains("\nunknown operator: no Deployment has the chart's labels"),
        "{told}"
    );
    let mut lines = told.lines();
    let projects = lines.find(|line| line.contains(" projects: "));
    let projects = projects.unwrap_or_default();
    assert!(
        projects.contains("ComposioProject/default: Available"),
        "{told}"
    );

    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "op", "labels": {"app.kubernetes.io/name": "composio-operator",
            "app.kubernetes.io/component": "operator", "app.kubernetes.io/version": "9.9.9"}},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"serviceAccountName": "composio-operator", "containers": [{"name": "a", "image": "a",
                "args": ["run", format!("--watch-namespace={},no-such-namespace", scene.namespace)]}]}}},
    });
    scene.apply(&deployment.to_string()).await;
    let told = run(&scene, &check).await;
    assert!(told.out.contains("/op: 0 of 1 ready"), "{told:?}");
    let rights = "FAILED  operator's rights: namespace no-such-namespace is not there\n";
    assert!(told.out.contains(rights), "{told:?}");
    told.failed(1, "2 of the checks failed");
    let mut weak = deployment.clone();
    weak["spec"]["template"]["spec"]["serviceAccountName"] = json!("default");
    scene.apply(&weak.to_string()).await;
    let told = run(&scene, &check).await;
    let rights = format!(
        "system:serviceaccount:{}:default may not get connectedaccounts in namespace {}",
        scene.namespace, scene.namespace
    );
    assert!(told.out.contains(&rights), "{told:?}");
    let told = run(&scene, &["version"]).await.well();
    assert!(
        told.contains("kubectl-composio 0.1.0") && told.contains("composio-operator 9.9.9"),
        "{told}"
    );
}

#[tokio::test]
async fn what_a_viewer_may_not_see_is_not_called_missing() {
    let scene = Scene::new("cli-check-view").await;
    let viewer = somebody(&scene, "viewer", VIEWER).await;
    let told = run_as(&scene, &viewer, &["check"]).await;
    let shown = steady(&scene, &told.out);
    assert!(
        shown.contains("\nok   definitions: v1alpha1 is served; its fields are not looked at: "),
        "{shown}"
    );
    assert!(
        shown.contains("\nFAILED  your rights: in namespace NS you may not patch connectedaccounts, create connectedaccounts, list events\n"),
        "{shown}"
    );
    assert!(
        shown.contains(
            "\nunknown operator: you may not list deployments.apps in all namespaces: ask for"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("\nunknown leader: you may not list leases.coordination.k8s.io"),
        "{shown}"
    );
    told.failed(1, "1 of the checks failed");
}

#[tokio::test]
async fn a_cluster_without_the_definition_or_with_another_is_told() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let scene = Scene::on(&control_plane, "cli-no-crd").await;
    let words = "this cluster has no ConnectedAccounts of the version v1alpha1";
    for args in [
        &["status"][..],
        &["status", "mail"],
        &["explain", "mail"],
        &["connect", "mail", "--print-link"],
        &["suspend", "mail"],
        &["reconcile", "-l", "a=b"],
        &["create", "gmail", "--user", "u"],
        &["import"],
        &["inventory"],
    ] {
        run(&scene, args).await.failed(1, words);
    }
    let told = run(&scene, &["check"]).await;
    assert!(
        told.out.contains(&format!("FAILED  definitions: {words}")),
        "{told:?}"
    );
    assert_eq!(told.code, Some(1), "{told:?}");

    let mut older = serde_json::to_value(crd::definition()).expect("it is an object");
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let fields = older
        .pointer_mut(spec)
        .and_then(|fields| fields.as_object_mut());
    fields
        .expect("the spec has fields")
        .remove("readyWhen")
        .expect("it was there");
    scene.apply(&older.to_string()).await;
    let told = run(&scene, &["check", "-o", "json"]).await;
    assert!(
        told.out
            .contains("is older than this program, and lacks spec.readyWhen;"),
        "{told:?}"
    );
    assert_eq!(told.code, Some(1), "{told:?}");
}
