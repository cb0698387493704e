//! OpenShift's rules for pods that no administrator has looked at (the security context constraint `restricted-v2`):
//! users and groups are those of the namespace, and whoever asks for others is refused.

use serde_json::{Value, json};

use super::combinations::COMBINATIONS;
use crate::support::helm::render;

const CONNECT: &str = r#"connect={"enabled":true,"url":"https://connect.acme.com"}"#;
/// The kinds of volumes that are allowed.
const VOLUMES: [&str; 7] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "projected",
    "secret",
];

/// Why such a pod would be refused.
fn complaints(pod: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut unless = |is_so: bool, what: String| {
        if !is_so {
            complaints.push(what);
        }
    };
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        unless(pod[field] != true, field.to_owned());
    }
    let context = &pod["securityContext"];
    for field in [
        "runAsUser",
        "runAsGroup",
        "fsGroup",
        "supplementalGroups",
        "seLinuxOptions",
    ] {
        unless(context[field].is_null(), format!("securityContext.{field}"));
    }
    let profile = &context["seccompProfile"]["type"];
    unless(profile == "RuntimeDefault", format!("seccomp {profile}"));
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let mut kinds = volume.as_object().into_iter().flatten();
        let kinds = kinds.find(|(name, _)| *name != "name");
        let kind = kinds.map(|(kind, _)| kind.as_str()).unwrap_or_default();
        unless(VOLUMES.contains(&kind), format!("a volume of kind {kind}"));
    }
    let all = [&pod["containers"], &pod["initContainers"]];
    for container in all.iter().filter_map(|all| all.as_array()).flatten() {
        let name = &container["name"];
        let context = &container["securityContext"];
        unless(context["runAsUser"].is_null(), format!("{name}: runAsUser"));
        unless(context["privileged"] != true, format!("{name}: privileged"));
        let escalation = &context["allowPrivilegeEscalation"];
        unless(escalation == false, format!("{name}: escalation"));
        let dropped = &context["capabilities"]["drop"];
        unless(*dropped == json!(["ALL"]), format!("{name}: {dropped}"));
        for port in container["ports"].as_array().into_iter().flatten() {
            unless(port["hostPort"].is_null(), format!("{name}: hostPort"));
        }
    }
    complaints
}

#[tokio::test]
async fn every_pod_is_one_that_openshift_takes_as_it_is() {
    let mut pods = 0;
    for (what, values) in COMBINATIONS {
        if what == "the host's network" {
            continue;
        }
        let rendered = render("x", &[values, &[CONNECT][..]].concat()).await;
        for pod in rendered.expect("it renders").pods() {
            assert_eq!(complaints(&pod), [""; 0], "{what}: {pod}");
            // The image names a user by number, so this can be held without one here.
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{what}");
            pods += 1;
        }
    }
    assert!(pods > 40, "{pods}");
}

#[test]
fn what_openshift_refuses_is_found() {
    let pod = json!({
        "hostNetwork": true,
        "securityContext": {"runAsUser": 65532, "fsGroup": 65532},
        "volumes": [{"name": "a", "hostPath": {"path": "/"}}],
        "containers": [{"name": "a", "ports": [{"containerPort": 1, "hostPort": 1}]}],
    });
    assert_eq!(complaints(&pod).len(), 8, "{:?}", complaints(&pod));
}
