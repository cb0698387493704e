//! What the chart grants is enough, and none of it is too much.

use std::path::PathBuf;

use composio_operator::crd::ConnectRequestKind;
use futures::future::join_all;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::on_demand::request;
use crate::streamed::without_streams;
use crate::support::helm::render;
use crate::support::operator::{CLUSTER_RULES, LEASE_RULES, MARKS_RULES, Operator, RULES};
use crate::support::release::{self, ACCOUNT, SANDBOX, installed};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::wait;

/// One account by a link and one from a Secret, from their declaration to their end.
async fn lives(scene: &Scene<'_>, kubeconfig: PathBuf, namespaces: &str) {
    let options = scene
        .options_with(&kubeconfig)
        .flag("--lease-name", ACCOUNT)
        .flag("--watch-namespace", namespaces);
    let operator = scene.start("operator", &options).await;
    scene.secret("hubspot", json!({"api_key": "k"})).await;
    scene.declare("crm", hubspot()).await;
    scene.connected_gmail("support").await;
    scene.ready("crm", "Connected").await;
    wait::until("events of both", SOON, async || {
        let told = scene.stage().kubectl(&["get", "events"]).await?;
        match told.matches("Connected").count() {
            0 | 1 => Err(told),
            _ => Ok(()),
        }
    })
    .await;
    scene.delete("crm").await;
    scene.delete("support").await;
    drop(operator);
}

fn hubspot() -> Value {
    json!({
        "user": "u", "toolkit": "hubspot", "authConfig": "ac_hubspot",
        "credentials": {"scheme": "API_KEY", "secretRef": {"name": "hubspot"}},
    })
}

#[tokio::test]
async fn the_cluster_role_is_enough() {
    let scene = Scene::new("cluster-role").await;
    // The policy would be for the objects of all other tests too.
    let without_policy = r#"tenancy={"protectMarks":false}"#;
    let rendered = render(&scene.namespace, &[SANDBOX, without_policy])
        .await
        .expect("it renders");
    let kubeconfig = installed(&scene, &rendered).await;
    lives(&scene, kubeconfig, &scene.namespace).await;
}

#[tokio::test]
async fn roles_in_the_named_namespaces_are_enough_and_give_nothing_elsewhere() {
    let scene = Scene::new("roles").await;
    let second = scene.control_plane.namespace(&scene.client, "roles").await;
    let both = format!(r#"watchNamespaces=["{}","{second}"]"#, scene.namespace);
    let rendered = render(
        &scene.namespace,
        &[
            SANDBOX,
            &both,
            r#"rbac={"aggregate":false,"letGo":false,"viewerRole":false}"#,
        ],
    )
    .await
    .expect("it renders");
    for kind in [
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ] {
        assert_eq!(rendered.of_kind(kind), [Value::Null; 0]);
    }
    let kubeconfig = installed(&scene, &rendered).await;
    let user = release::user(&scene.namespace);
    let elsewhere = scene
        .control_plane
        .kubectl(&[
            "-n", "default", "auth", "can-i", "get", "secrets", "--as", &user,
        ])
        .await;
    assert!(!elsewhere.status.success(), "{elsewhere:?}");
    lives(&scene, kubeconfig, &format!("{},{second}", scene.namespace)).await;
}

#[tokio::test]
async fn the_rules_are_those_under_which_all_tests_run() {
    let shipped: Vec<Value> = serde_saphyr::from_str(RULES).expect("a list of rules");
    let rendered = render("x", &[SANDBOX]).await.expect("it renders");
    let role: Value = rendered.one("ClusterRole", "x-op-composio-operator");
    let of_cluster: Vec<Value> = serde_saphyr::from_str(CLUSTER_RULES).expect("a list of rules");
    let marks: Vec<Value> = serde_saphyr::from_str(MARKS_RULES).expect("a list of rules");
    assert_eq!(
        role["rules"],
        json!([&shipped[..], &marks, &of_cluster].concat())
    );
    let rendered = render("x", &[SANDBOX, r#"watchNamespaces=["y"]"#])
        .await
        .expect("it renders");
    let role: Value = rendered.one("Role", "x-op-composio-operator");
    assert_eq!(role["metadata"]["namespace"], "y");
    assert_eq!(role["rules"], json!(shipped));
    // Of the Leases it has its own, by the release's name, and the one that all releases share.
    let own = LEASE_RULES.replace("[composio-operator]", &format!("[{ACCOUNT}]"));
    let shipped: Vec<Value> = serde_saphyr::from_str(&own).expect("a list of rules");
    let role: Value = rendered.one("Role", "op-composio-operator-lease");
    assert_eq!(role["metadata"]["namespace"], "x");
    assert_eq!(role["rules"], json!(shipped));
}

#[tokio::test]
async fn what_lets_objects_go_is_a_part_of_the_rules_and_there_where_it_is_needed() {
    let role = "x-op-composio-operator-let-go";
    let some = r#"watchNamespaces=["y","z"]"#;
    let rendered = render("x", &[SANDBOX, some]).await.expect("it renders");
    let found: Value = rendered.one("ClusterRole", role);
    let granted: Vec<PolicyRule> =
        serde_json::from_value(found["rules"].clone()).expect("a list of rules");
    let shipped: Vec<PolicyRule> = serde_saphyr::from_str(RULES).expect("a list of rules");
    // Requests hold no namespace up: nothing of the operator's is on them.
    let is_request = |rule: &PolicyRule| rule.resources == Some(vec!["connectrequests".to_owned()]);
    let ours = |rule: &PolicyRule| {
        rule.api_groups == Some(vec!["composio.dev".to_owned()]) && !is_request(rule)
    };
    let expected: Vec<_> = shipped.into_iter().filter(ours).collect();
    assert_eq!(granted, expected);
    let policy: Value = rendered.one("ValidatingAdmissionPolicy", role);
    let spec = &policy["spec"];
    assert_eq!(
        spec["matchConditions"][0]["expression"],
        "request.userInfo.username == \"system:serviceaccount:x:op-composio-operator\""
    );
    assert_eq!(
        spec["validations"][0]["expression"],
        r#"request.namespace in ["y","z"]"#
    );
    let binding: Value = rendered.one("ValidatingAdmissionPolicyBinding", role);
    assert_eq!(binding["spec"]["policyName"], role);
    // In all namespaces the operator's own rules are enough; without rbac.create nothing is granted at all.
    for values in [&[SANDBOX][..], &[SANDBOX, some, r#"rbac={"create":false}"#]] {
        let rendered = render("x", values).await.expect("it renders");
        let policies = rendered.of_kind("ValidatingAdmissionPolicy");
        assert!(
            policies
                .iter()
                .all(|found| found["metadata"]["name"] != role)
        );
        let roles = rendered.of_kind("ClusterRole");
        assert!(roles.iter().all(|found| found["metadata"]["name"] != role));
    }
}

/// One permission of the operator, and the rules without it.
struct Without {
    resource: String,
    verb: String,
    rules: Vec<PolicyRule>,
    lease_rules: Vec<PolicyRule>,
}

fn each_left_out() -> Vec<Without> {
    let [rules, lease_rules] = [RULES, LEASE_RULES]
        .map(|rules| serde_saphyr::from_str::<Vec<PolicyRule>>(rules).expect("a list of rules"));
    let without = |(resource, verb, rules)| Without {
        resource,
        verb,
        rules,
        lease_rules: lease_rules.clone(),
    };
    let without_of_lease = |(resource, verb, lease_rules)| Without {
        resource,
        verb,
        rules: rules.clone(),
        lease_rules,
    };
    let all = left_out(&rules).into_iter().map(without);
    all.chain(left_out(&lease_rules).into_iter().map(without_of_lease))
        .collect()
}

/// Each resource and verb of the rules, and the rules without it.
fn left_out(rules: &[PolicyRule]) -> Vec<(String, String, Vec<PolicyRule>)> {
    let mut all = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        for verb in &rule.verbs {
            let mut left = rules.to_vec();
            left[at].verbs.retain(|other| other != verb);
            left.retain(|rule| !rule.verbs.is_empty());
            let resources = rule.resources.clone().expect("a rule names resources");
            assert_eq!(resources.len(), 1, "one resource a rule: {rule:?}");
            all.push((resources[0].clone(), verb.clone(), left));
        }
    }
    all
}

#[tokio::test]
async fn without_any_one_of_them_something_is_refused() {
    let all = each_left_out();
    assert!(all.len() >= 13, "{} permissions", all.len());
    // A few at a time: each has an operator and a sandbox of its own.
    for some in all.chunks(3) {
        join_all(some.iter().map(is_refused)).await;
    }
}

/// Runs an operator without that permission until the server has refused it exactly that.
async fn is_refused(without: &Without) {
    let scene = Scene::new("without").await;
    let rules = serde_json::to_string(&without.rules).expect("rules are JSON");
    let token = scene
        .control_plane
        .service_account(&scene.client, &scene.namespace, "reduced", &rules)
        .await;
    let lease_rules = serde_json::to_string(&without.lease_rules).expect("rules are JSON");
    scene
        .control_plane
        .allow(&scene.client, &scene.namespace, "reduced", &lease_rules)
        .await;
    let mut kubeconfig = scene.control_plane.kubeconfig_for_token(&token);
    // Where what is there comes as a stream, nothing is listed.
    let listed = match without.verb == "list" {
        true => Some(without_streams(&scene).await),
        false => None,
    };
    if let Some(proxy) = &listed {
        kubeconfig = scene.elsewhere(&kubeconfig, proxy.url());
    }
    let options = scene.options_with(&kubeconfig);
    let operator = scene.spawn("operator", &options);
    // Who waits for the leader's place asks what a leader need not.
    let second = scene.options_with(&kubeconfig).flag("--instance", "second");
    let _second = (without.resource == "leases").then(|| scene.spawn("second", &second));
    scene.secret("hubspot", json!({"api_key": "k"})).await;
    scene.declare("crm", hubspot()).await;
    scene.declare("support", gmail()).await;
    if (without.resource.as_str(), without.verb.as_str()) == ("events", "patch") {
        happens_twice(&scene).await;
    }
    if without.resource == "connectrequests" {
        let object = scene.object("support").await;
        let mut request = request(&object, ConnectRequestKind::Look, &Value::Null);
        request["metadata"]["finalizers"] = json!(["acme.com/keep"]);
        scene.apply(&request.to_string()).await;
    }
    if (without.resource.as_str(), without.verb.as_str()) == ("connectedaccounts", "get") {
        // The first mark of an object needs no look at it; its end does.
        scene.linked("support").await;
        scene
            .kubectl(&["delete", "connectedaccounts", "support", "--wait=false"])
            .await;
    }
    let user = format!("system:serviceaccount:{}:reduced", scene.namespace);
    let what = format!("a refusal to {} {}", without.verb, without.resource);
    wait::until(&what, SOON, async || {
        let asked = scene.control_plane.asked_by(&user);
        let refused = asked.iter().any(|asked| {
            asked.status == 403 && asked.verb == without.verb && asked.resource == without.resource
        });
        refused.then_some(()).ok_or_else(|| said(&operator))
    })
    .await;
}

fn said(operator: &Operator) -> String {
    operator.child.log_tail(10)
}

/// An event that comes again is counted in the one that is there.
async fn happens_twice(scene: &Scene<'_>) {
    scene.ready("crm", "Connected").await;
    for token in ["one", "two"] {
        let asked = format!("composio.dev/link-requested-at={token}");
        scene
            .kubectl(&["annotate", "connectedaccount", "crm", &asked, "--overwrite"])
            .await;
        scene
            .until_field("crm", "lastHandledLinkRequest", token)
            .await;
    }
}
