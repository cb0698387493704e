//! Namespaces that go, are missing, or cannot be read, while the operator watches some or all of them: with
//! the real namespace controller, under the rights that the chart grants.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::child::Child;
use crate::support::control_plane::ControlPlane;
use crate::support::project;
use crate::support::release::{Release, user};
use crate::support::scene::{SOON, Scene, gmail};
use crate::support::story::condition;
use crate::support::tools::{self, KUBE_CONTROLLER_MANAGER};
use crate::support::{wait, watch};

mod going;
mod missing;
mod policy;

/// A control plane with the one controller that these tests are about. The shared one has none: there a
/// namespace that is deleted stays.
struct Land {
    _namespace_controller: Child,
    control_plane: ControlPlane,
    /// Whether all objects are in one project of the cluster: each release serves all namespaces then.
    is_of_cluster: bool,
}

impl Land {
    /// The one that all tests of this module share, started by the first that asks.
    async fn shared() -> &'static Land {
        static SHARED: OnceCell<Land> = OnceCell::const_new();
        SHARED.get_or_init(Land::start).await
    }

    async fn start() -> Land {
        let program = tools::program(&KUBE_CONTROLLER_MANAGER).await;
        let control_plane = ControlPlane::start().await.expect("it starts");
        control_plane.install_crd().await;
        let mut command = Command::new(program);
        command
            .arg("--kubeconfig")
            .arg(control_plane.kubeconfig())
            .args(["--controllers=namespace-controller"])
            .args(["--leader-elect=false", "--secure-port=0"]);
        let name = "kube-controller-manager";
        let child = Child::spawn(control_plane.folder(), name, Duration::ZERO, &command);
        Land {
            _namespace_controller: child.expect("it starts"),
            control_plane,
            is_of_cluster: false,
        }
    }

    /// One for a test alone, whose objects are in a project of the cluster: an operator of all namespaces would
    /// deal with the objects of all other tests.
    async fn of_cluster() -> Land {
        Land {
            is_of_cluster: true,
            ..Land::start().await
        }
    }

    /// A release of the chart in a namespace of its own, with rights for these namespaces.
    async fn release(&self, watched: &[&str], values: &[&str]) -> Release<'_> {
        let scene = Scene::on(&self.control_plane, "release").await;
        self.install(scene, watched, values).await
    }

    async fn install<'a>(
        &self,
        scene: Scene<'a>,
        watched: &[&str],
        values: &[&str],
    ) -> Release<'a> {
        let mut release = Release::install(scene, watched, values).await;
        if self.is_of_cluster {
            release.options = release.options.without_project();
            let (url, namespace) = (release.scene.sandbox.url(), &release.scene.namespace);
            let project = project::of_cluster(url, namespace);
            release.scene.apply(&project.to_string()).await;
        }
        release
    }

    /// A release that is installed in the namespace of the objects that it watches.
    async fn release_beside_its_objects(&self) -> Release<'_> {
        let scene = Scene::on(&self.control_plane, "home").await;
        self.install(scene, &[], &[]).await
    }

    /// A namespace for objects.
    async fn namespace(&self, prefix: &str) -> String {
        let client = self.control_plane.client().await;
        self.control_plane.namespace(&client, prefix).await
    }

    async fn kubectl(&self, args: &[&str]) -> String {
        let output = self.control_plane.kubectl(args).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {args:?}: {said}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    async fn apply(&self, namespace: &str, object: Value) {
        let args = ["-n", namespace, "apply", "-f", "-"];
        let object = object.to_string();
        let output = self.control_plane.kubectl_stdin(&args, &object).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    async fn declare(&self, namespace: &str, name: &str, mut spec: Value) {
        if self.is_of_cluster {
            spec = project::in_cluster(spec);
        }
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {"name": name},
            "spec": spec,
        });
        self.apply(namespace, object).await;
    }

    /// Waits until a condition of an object has that reason, and returns the object.
    async fn until(&self, namespace: &str, name: &str, type_: &str, reason: &str) -> Value {
        let what = format!("{type_} {reason} of {namespace}/{name}");
        let client = self.control_plane.client().await;
        let accounts = watch::accounts(&client, namespace);
        let found = watch::find_one(accounts, name, SOON, |object| {
            let object = object.ok_or("it is not there")?;
            match condition(object, type_)["reason"] == reason {
                true => Ok(object.clone()),
                false => Err(object["status"].to_string()),
            }
        });
        found
            .await
            .unwrap_or_else(|last| panic!("{what} did not come within {SOON:?}: {last}"))
    }

    /// Declares a Gmail account, has its user sign in, and returns the id of the account.
    async fn connected_gmail(&self, release: &Release<'_>, namespace: &str, name: &str) -> String {
        let mut spec = gmail();
        spec["user"] = json!(format!("{namespace}-{name}"));
        self.declare(namespace, name, spec).await;
        let object = self.until(namespace, name, "Ready", "AwaitingUser").await;
        let id = id(&object);
        release.scene.sandbox.consent(&id).await;
        self.until(namespace, name, "Ready", "Connected").await;
        id
    }

    /// Makes an account from a Secret, and returns its id.
    async fn connected_hubspot(&self, namespace: &str, name: &str) -> String {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "hubspot"}, "stringData": {"api_key": "k"},
        });
        self.apply(namespace, secret).await;
        let spec = json!({
            "user": format!("{namespace}-{name}"), "toolkit": "hubspot", "authConfig": "ac_hubspot",
            "credentials": {"scheme": "API_KEY", "secretRef": {"name": "hubspot"}},
        });
        self.declare(namespace, name, spec).await;
        id(&self.until(namespace, name, "Ready", "Connected").await)
    }

    /// Takes the RoleBinding of the release in a namespace away, and returns it, to be put back. When this
    /// returns, the right has ended.
    async fn unbind(&self, release: &Release<'_>, namespace: &str) -> Value {
        let release = &release.scene.namespace;
        let name = format!("{release}-op-composio-operator");
        let binding = ["rolebinding", name.as_str()];
        let args = [&["-n", namespace, "get"], &binding[..], &["-o", "json"]].concat();
        let text = self.kubectl(&args).await;
        let args = [&["-n", namespace, "delete"], &binding[..]].concat();
        self.kubectl(&args).await;
        let user = user(release);
        wait::until("the end of the right", SOON, async || {
            let args = [
                "-n",
                namespace,
                "auth",
                "can-i",
                "list",
                "connectedaccounts",
                "--as",
                &user,
            ];
            let output = self.control_plane.kubectl(&args).await;
            match output.status.success() {
                true => Err("it is there".to_owned()),
                false => Ok(()),
            }
        })
        .await;
        let mut binding: Value = serde_json::from_str(&text).expect("JSON");
        binding["metadata"] = json!({"name": name});
        binding
    }

    /// Deletes a namespace, and does not wait for its end.
    async fn delete_namespace(&self, namespace: &str) {
        self.kubectl(&["delete", "namespace", namespace, "--wait=false"])
            .await;
    }

    /// Waits until a namespace is gone.
    async fn gone(&self, namespace: &str) {
        wait::until(&format!("the end of {namespace}"), SOON, async || {
            let args = [
                "get",
                "namespace",
                namespace,
                "--ignore-not-found",
                "-o",
                "json",
            ];
            let output = self.control_plane.kubectl(&args).await;
            match output.status.success() && output.stdout.is_empty() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&output.stdout).into_owned()),
            }
        })
        .await;
    }

    /// Waits until the namespace controller says that objects of ours are what is left of a namespace.
    async fn hangs(&self, namespace: &str) {
        wait::until(&format!("{namespace} to hang"), SOON, async || {
            let args = ["get", "namespace", namespace, "-o", "json"];
            let output = self.control_plane.kubectl(&args).await;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            match text.contains("composio.dev/connected-account in") {
                true => Ok(()),
                false => Err(text),
            }
        })
        .await;
    }
}

/// The id of an object's account.
fn id(object: &Value) -> String {
    let id = object["status"]["connectedAccountId"].as_str();
    id.unwrap_or_else(|| panic!("no account: {}", object["status"]))
        .to_owned()
}

/// An account that was ended as its object promised: revoked, then deleted.
async fn assert_ended(release: &Release<'_>, id: &str) {
    let account = release.scene.sandbox.account(id).await;
    assert_eq!(account["grant"]["ended_by"], "revoke", "{account}");
    assert!(!account["deleted_at"].is_null(), "{account}");
}
