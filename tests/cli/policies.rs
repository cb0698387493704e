//! Admission policies of the cluster, which have words of their own.

use serde_json::json;

use super::program::{at, run};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

#[tokio::test]
async fn a_policy_is_told_in_its_own_words_and_stops_no_other_object() {
    let scene = Scene::new("cli-policy").await;
    scene.give_project(&scene.options()).await;
    scene.made_by_hand("ada", None).await;
    scene.made_by_hand("bob", None).await;
    let name = format!("{}-fridays", scene.namespace);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}},
                "resourceRules": [{"apiGroups": ["composio.dev"], "apiVersions": ["*"], "operations": ["CREATE"],
                                   "resources": ["connectedaccounts"]}],
            },
            "validations": [{"expression": "object.spec.user != 'ada'", "reason": "Forbidden",
                             "message": "teams cannot add this resource on Fridays"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    for object in [policy, binding] {
        scene.apply(&object.to_string()).await;
    }
    let words = "teams cannot add this resource on Fridays";
    let create = ["create", "gmail", "--user", "ada", "--name", "probe"];
    wait::until("a policy in force", SOON, async || {
        let told = run(&scene, &create).await;
        if told.code == Some(0) {
            scene.delete("probe").await;
            return Err(format!("{told:?}"));
        }
        assert!(told.err.contains(words), "{told:?}");
        assert!(!told.err.contains("you may not"), "{told:?}");
        Ok(())
    })
    .await;
    let import = at(&scene.sandbox, &["import", "--apply"]);
    let told = run(&scene, &import).await;
    assert_eq!(
        told.out,
        "connectedaccount.composio.dev/bob-gmail created\n"
    );
    assert!(told.err.contains(words), "{told:?}");
    told.failed(1, "1 of 2 objects were refused");
    scene.object("bob-gmail").await;
    for kind in [
        "validatingadmissionpolicybinding",
        "validatingadmissionpolicy",
    ] {
        scene.kubectl(&["delete", kind, &name]).await;
    }
}
