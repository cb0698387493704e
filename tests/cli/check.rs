//! `check` and `version`.

use composio_operator::crd;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::program::{Ended, VIEWER, run, run_as, somebody, steady};
use crate::support::control_plane::ControlPlane;
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

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
    let skew = format!(
        "/op: 0 of 1 ready, of version 9.9.9, and this program is {}\n",
        env!("CARGO_PKG_VERSION")
    );
    assert!(told.out.contains(&skew), "{told:?}");
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
    let told = run(
        &scene,
        &["version", "--operator-namespace", &scene.namespace],
    )
    .await
    .well();
    assert!(
        told.contains("kubectl-composio 0.1.0")
            && told.contains(&format!(
                "composio-operator 9.9.9 ({}/op)\n",
                scene.namespace
            )),
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
        shown.contains("\nFAILED  your rights: in namespace NS you may not patch connectedaccounts, create connectedaccounts, list events; without "),
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

/// The line about that thing.
fn line(told: &Ended, what: &str) -> String {
    let line = told
        .out
        .lines()
        .find(|line| line.contains(&format!(" {what}: ")));
    line.unwrap_or_else(|| panic!("{what}: {told:?}"))
        .to_owned()
}

#[tokio::test]
async fn rights_that_only_some_commands_need_are_told_with_what_comes_of_lacking_them() {
    let scene = Scene::new("cli-check-rights").await;
    let rules = "[{apiGroups: [composio.dev], resources: [connectedaccounts], verbs: ['*']}, \
         {apiGroups: [''], resources: [events], verbs: [list]}]";
    let daily = somebody(&scene, "daily", rules).await;
    let told = run_as(&scene, &daily, &["check"]).await;
    let line = line(&told, "your rights").replace(&scene.namespace, "NS");
    assert_eq!(
        line,
        "ok      your rights: all that the daily commands need in namespace NS; \
         without create connectrequests connect asks by annotation, which needs patch connectedaccounts; \
         without delete connectrequests connect leaves a request that nobody waits for to the operator; \
         without get composioprojects, list composioprojects, get secrets import, inventory and webhook register fail, \
         and explain and diff go by the status; without create secrets webhook register fails; \
         without get clustercomposioprojects projects of the cluster are not seen"
    );
    told.well();
}

/// A Deployment of the chart of that name, with these arguments.
fn deployment(name: &str, args: &[&str]) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "composio-operator",
            "app.kubernetes.io/component": "operator"}},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"serviceAccountName": "composio-operator",
                     "containers": [{"name": "a", "image": "a", "args": args}]}}},
    })
}

fn lease(name: &str, holder: &str, renewed: Timestamp) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 3600, "renewTime": format!("{renewed:.6}")},
    })
}

#[tokio::test]
async fn a_lease_that_nobody_holds_or_renews_is_told_and_two_leaders_of_the_same_namespaces() {
    let scene = Scene::new("cli-check-lease").await;
    let check = ["check", "--operator-namespace", &scene.namespace];
    let leader =
        async || line(&run(&scene, &check).await, "leader").replace(&scene.namespace, "NS");
    let now = Timestamp::now();
    assert_eq!(
        leader().await,
        "FAILED  leader: nobody leads: there is no Lease of an operator"
    );
    scene
        .apply(&deployment("a", &["run", "--lease-name=a"]).to_string())
        .await;
    assert_eq!(
        leader().await,
        "FAILED  leader: NS/a: nobody leads: there is no such Lease"
    );
    for (holder, renewed, said) in [
        ("", now, "FAILED  leader: NS/a: nobody leads"),
        (
            "a-1",
            now - SignedDuration::from_hours(5),
            "FAILED  leader: NS/a: a-1 led, and has not renewed the Lease for 5h: it does not run, or cannot write it",
        ),
        ("a-2", now, "ok      leader: NS/a: a-2 leads"),
    ] {
        scene.apply(&lease("a", holder, renewed).to_string()).await;
        assert_eq!(leader().await, said);
    }
    // Another release that leads at the same time.
    scene.apply(&lease("b", "b-1", now).to_string()).await;
    for (args, said) in [
        (
            &["run", "--lease-name=b"][..],
            "FAILED  leader: NS/a: a-2 leads; NS/b: b-1 leads; NS/a and NS/b both lead, and both work on all namespaces: uninstall one, or give each namespaces of its own",
        ),
        (
            &["run", "--lease-name=b", "--watch-namespace=x"],
            "FAILED  leader: NS/a: a-2 leads; NS/b: b-1 leads; NS/a and NS/b both lead, and both work on namespace x: uninstall one, or give each namespaces of its own",
        ),
        (
            &["run", "--leader-elect=false"],
            "ok      leader: NS/a: a-2 leads; NS/b: elects no leader",
        ),
    ] {
        scene.apply(&deployment("b", args).to_string()).await;
        assert_eq!(leader().await, said);
    }
    scene
        .apply(&deployment("b", &["run", "--lease-name=b", "--watch-namespace=x"]).to_string())
        .await;
    scene
        .apply(&deployment("a", &["run", "--lease-name=a", "--watch-namespace=y,z"]).to_string())
        .await;
    assert_eq!(
        leader().await,
        "ok      leader: NS/a: a-2 leads; NS/b: b-1 leads"
    );
}

#[tokio::test]
async fn what_looks_like_an_operator_where_none_leads_is_left_out() {
    let control_plane = ControlPlane::start().await.expect("it starts");
    let scene = Scene::on(&control_plane, "cli-check-others").await;
    let watch = format!("--watch-namespace={}", scene.namespace);
    let mut own = deployment("op", &["run", &watch]);
    own["metadata"]["labels"]["app.kubernetes.io/version"] = json!("1.2.3");
    scene.apply(&own.to_string()).await;
    let ready = r#"{"status":{"replicas":1,"readyReplicas":1}}"#;
    let patch = ["patch", "deployment", "op", "--subresource=status"];
    let patch = [&patch[..], &["--type=merge", "-p", ready]].concat();
    scene.kubectl(&patch).await;
    let now = Timestamp::now();
    scene
        .apply(&lease("composio-operator", "op-1", now).to_string())
        .await;
    let is_well = async |words: &str| {
        let told = run(&scene, &["check"]).await;
        for what in ["operator", "operator's rights", "leader"] {
            let line = line(&told, what);
            assert!(line.starts_with("ok "), "{line}: {told:?}");
        }
        assert!(line(&told, "operator").contains(words), "{told:?}");
        let told = run(&scene, &["version"]).await.well();
        let version = format!("composio-operator 1.2.3 ({}/op)\n", scene.namespace);
        assert!(told.contains(&version), "{told}");
        assert!(!told.contains("9.9.9"), "{told}");
    };
    is_well("1 of 1 ready").await;
    let other = control_plane
        .namespace(&scene.client, "cli-check-other")
        .await;
    let mut forged = deployment("op", &["run", "--lease-name=mine"]);
    forged["metadata"]["labels"]["app.kubernetes.io/version"] = json!("9.9.9");
    let stale = now - SignedDuration::from_hours(5);
    for object in [
        forged,
        lease("composio-operator", "evil", stale),
        lease("mine", "evil", stale),
    ] {
        let args = ["-n", &other, "apply", "-f", "-"];
        let applied = control_plane
            .kubectl_stdin(&args, &object.to_string())
            .await;
        assert!(applied.status.success(), "{applied:?}");
    }
    is_well(&format!(
        "left out: Deployment {other}/op, Lease {other}/composio-operator"
    ))
    .await;
    // Who says where the operator is, is told of what is there.
    let told = run(&scene, &["check", "--operator-namespace", &other]).await;
    assert!(line(&told, "operator").starts_with("FAILED "), "{told:?}");
}

#[tokio::test]
async fn an_operator_that_may_not_write_its_lease_is_told() {
    let scene = Scene::new("cli-check-lease-rights").await;
    let check = ["check", "--operator-namespace", &scene.namespace];
    // The rights are those to the Lease of the chart's own name.
    let watch = format!("--watch-namespace={}", scene.namespace);
    let own = deployment("op", &["run", &watch]);
    scene.apply(&own.to_string()).await;
    let told = run(&scene, &check).await;
    assert!(
        line(&told, "operator's rights").starts_with("ok "),
        "{told:?}"
    );
    let other = deployment("op", &["run", &watch, "--lease-name=other"]);
    scene.apply(&other.to_string()).await;
    let told = run(&scene, &check).await;
    let said = line(&told, "operator's rights").replace(&scene.namespace, "NS");
    let user = "system:serviceaccount:NS:composio-operator";
    assert_eq!(
        said,
        format!(
            "FAILED  operator's rights: {user} may not get leases/other in namespace NS; {user} may not list leases/other in \
             namespace NS; {user} may not watch leases/other in namespace NS; {user} may not update leases/other in namespace NS"
        )
    );
    // Without leader election none is needed.
    let alone = deployment(
        "op",
        &["run", &watch, "--lease-name=other", "--leader-elect=false"],
    );
    scene.apply(&alone.to_string()).await;
    let told = run(&scene, &check).await;
    assert!(
        line(&told, "operator's rights").starts_with("ok "),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_project_that_cannot_be_used_is_told_with_its_reason() {
    let scene = Scene::new("cli-check-projects").await.operated().await;
    let check = ["check", "--operator-namespace", &scene.namespace];
    let becomes = async |said: &str| {
        wait::until(said, SOON, async || {
            let told = run(&scene, &check).await;
            assert!(!told.out.contains("ak_wrong"), "{told:?}");
            let line = line(&told, "projects");
            let is_so = line.contains(said) && line.starts_with("FAILED  ") && told.code == Some(1);
            is_so.then_some(()).ok_or(line)
        })
        .await;
    };
    let other = json!({"apiVersion": "composio.dev/v1alpha1", "kind": "ComposioProject", "metadata": {"name": "other"},
        "spec": {"apiKeySecretRef": {"name": "none"}, "baseURL": scene.sandbox.url()}});
    scene.apply(&other.to_string()).await;
    becomes("ComposioProject/other: KeyMissing: ").await;
    scene.put_api_key("ak_wrong").await;
    becomes("ComposioProject/default: KeyRejected: ").await;
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
