//! What a release of the chart may do in a cluster, and the operator that runs with exactly these rights.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::helm::{Rendered, render};
use super::operator::{Operator, Options};
use super::scene::{SOON, Scene};
use super::wait;

/// For a chart that needs no API key.
pub(crate) const SANDBOX: &str = r#"sandbox={"enabled":true}"#;
/// The name of the service account that the chart makes.
pub(crate) const ACCOUNT: &str = "op-composio-operator";

/// The kinds of objects by which the chart grants and limits rights.
const KINDS: [&str; 7] = [
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// The user name of the operator's service account of the release in that namespace.
pub(crate) fn user(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:{ACCOUNT}")
}

/// Applies what the chart grants to the release in the scene's namespace, and returns a kubeconfig for whom
/// it is granted to. When this returns, the server grants it.
pub(crate) async fn installed(scene: &Scene<'_>, rendered: &Rendered) -> PathBuf {
    installed_in(scene.control_plane, &scene.namespace, rendered).await
}

/// The same for a release in another namespace.
pub(crate) async fn installed_in(
    control_plane: &ControlPlane,
    namespace: &str,
    rendered: &Rendered,
) -> PathBuf {
    let items: Vec<Value> = rendered
        .objects()
        .into_iter()
        .filter(|object| KINDS.iter().any(|kind| object["kind"] == *kind))
        .collect();
    // The roles of the operator: those for people are there too.
    let roles = |object: &&Value| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        ["Role", "ClusterRole"].contains(&object["kind"].as_str().unwrap_or_default())
            && !name.ends_with("-edit")
            && !name.ends_with("-viewer")
    };
    let granted: Vec<[String; 3]> = items
        .iter()
        .filter(roles)
        .map(|role| {
            // One by name can only be asked for by that name.
            let rules = role["rules"].as_array().expect("rules");
            let rule = rules.iter().find(|rule| rule["resourceNames"].is_null());
            let rule = rule.expect("one without names");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let resource = format!(
                "{}.{}",
                text(&rule["resources"][0]),
                text(&rule["apiGroups"][0])
            );
            let place = role["metadata"]["namespace"].as_str().unwrap_or(namespace);
            [place.to_owned(), text(&rule["verbs"][0]), resource]
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    // Each names its own namespace.
    let applied = control_plane
        .kubectl_stdin(&["apply", "-f", "-"], &list.to_string())
        .await;
    assert!(applied.status.success(), "{applied:?}");
    let user = user(namespace);
    for [place, verb, resource] in granted {
        let args = [
            "-n", &place, "auth", "can-i", &verb, &resource, "--as", &user,
        ];
        wait::until("the permissions", SOON, async || {
            match control_plane.kubectl(&args).await {
                output if output.status.success() => Ok(()),
                output => Err(format!("{output:?}")),
            }
        })
        .await;
    }
    let args = ["-n", namespace, "create", "token", ACCOUNT];
    let made = control_plane.kubectl(&args).await;
    assert!(made.status.success(), "{made:?}");
    let token = String::from_utf8(made.stdout).expect("it is text");
    control_plane.kubeconfig_for_token(token.trim())
}

/// A release of the chart in a namespace of its own. No pod runs it: its operator is a process beside the
/// control plane, with the release's rights and arguments.
pub(crate) struct Release<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) options: Options,
    /// Of the release's service account.
    pub(crate) kubeconfig: PathBuf,
}

impl<'a> Release<'a> {
    /// Installs the chart's rights for these namespaces, all if none is named, with more values.
    pub(crate) async fn install(scene: Scene<'a>, watched: &[&str], values: &[&str]) -> Self {
        let watch = format!("watchNamespaces={}", json!(watched));
        let values = [&[SANDBOX, watch.as_str()], values].concat();
        let rendered = render(&scene.namespace, &values).await.expect("it renders");
        let kubeconfig = installed(&scene, &rendered).await;
        let options = scene
            .options_with(&kubeconfig)
            .flag("--lease-name", ACCOUNT);
        let options = match watched {
            [] => options
                .without("--watch-namespace")
                .also_in(&[&scene.namespace]),
            some => options.flag("--watch-namespace", &some.join(",")),
        };
        Release {
            scene,
            options,
            kubeconfig,
        }
    }

    /// Puts the project into a namespace, which may have been made anew.
    pub(crate) async fn give_project(&self, namespace: &str) {
        let projects = self.scene.control_plane.projects();
        let given = projects.give_anew(&self.scene.client, namespace, self.options.project());
        given.await.expect("the administrator makes projects");
    }

    /// Starts the operator and waits until it is ready.
    pub(crate) async fn start(&self, name: &str) -> Operator {
        self.scene.start(name, &self.options).await
    }
}
