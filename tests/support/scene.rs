//! What one test has for itself: a namespace of the shared control plane, a sandbox, an operator.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::child::Folder;
use super::control_plane::{Audited, ControlPlane};
use super::operator::{CLUSTER_RULES, LEASE_RULES, Operator, Options, RULES};
use super::project::{self, KEY_SECRET, Project};
use super::sandbox::{Asked, Sandbox};
use super::story::Stage;
use super::{wait, watch};

mod waits;

/// Longer than anything that is waited for takes on a busy machine, also where the watch has broken: the
/// pause before it is taken up again may be a minute.
pub(crate) const SOON: Duration = Duration::from_secs(180);
const OPERATOR: &str = "composio-operator";

/// A namespace, a sandbox, and who the operator is there.
pub(crate) struct Scene<'a> {
    pub(crate) control_plane: &'a ControlPlane,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) kubeconfig: PathBuf,
    // Before the folder, which waits for it to end.
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: Folder,
}

/// A scene with a running operator in it.
pub(crate) struct Operated<'a> {
    // First, so that it ends before what it talks to.
    pub(crate) operator: Operator,
    scene: Scene<'a>,
}

impl<'a> Deref for Operated<'a> {
    type Target = Scene<'a>;
    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

impl<'a> Operated<'a> {
    /// A scene, and an operator that was started in it.
    pub(crate) fn of(scene: Scene<'a>, operator: Operator) -> Operated<'a> {
        Operated { operator, scene }
    }
}

impl Scene<'static> {
    /// On the shared control plane, without an operator yet.
    pub(crate) async fn new(prefix: &str) -> Scene<'static> {
        Scene::on(ControlPlane::with_crd().await, prefix).await
    }
}

impl<'a> Scene<'a> {
    /// On a control plane of its own, in a namespace of its own.
    pub(crate) async fn on(control_plane: &'a ControlPlane, prefix: &str) -> Scene<'a> {
        let client = control_plane.client().await;
        let namespace = control_plane.namespace(&client, prefix).await;
        Scene::within(control_plane, client, namespace).await
    }

    /// On a control plane of its own, in a namespace of that name.
    pub(crate) async fn named(control_plane: &'a ControlPlane, namespace: &str) -> Scene<'a> {
        let made = control_plane
            .kubectl(&["create", "namespace", namespace])
            .await;
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let client = control_plane.client().await;
        Scene::within(control_plane, client, namespace.to_owned()).await
    }

    async fn within(
        control_plane: &'a ControlPlane,
        client: Client,
        namespace: String,
    ) -> Scene<'a> {
        let folder = Folder::new().expect("a folder can be made");
        let sandbox = Sandbox::start(&folder, "sandbox")
            .await
            .expect("the sandbox starts");
        let token = control_plane
            .service_account(&client, &namespace, OPERATOR, RULES)
            .await;
        control_plane
            .allow(&client, &namespace, OPERATOR, LEASE_RULES)
            .await;
        let kubeconfig = control_plane.kubeconfig_for_token(&token);
        Scene {
            control_plane,
            client,
            namespace,
            kubeconfig,
            sandbox,
            folder,
        }
    }

    /// Starts an operator with short waits and waits until it is ready, and its project can be used.
    pub(crate) async fn operated(self) -> Operated<'a> {
        let options = self.options();
        let operator = self.start("operator", &options).await;
        self.project_available().await;
        Operated::of(self, operator)
    }

    /// How an operator for this scene is started.
    pub(crate) fn options(&self) -> Options {
        self.options_with(&self.kubeconfig)
    }

    /// The same with the waits that are shipped, talking to the apiserver by that kubeconfig.
    pub(crate) fn as_shipped(&self, kubeconfig: &Path) -> Options {
        let url = self.sandbox.url();
        Options::with_defaults(self.control_plane, kubeconfig, url, &self.namespace)
    }

    /// The same, talking to the apiserver, or whatever stands there, by another kubeconfig.
    pub(crate) fn options_with(&self, kubeconfig: &Path) -> Options {
        let url = self.sandbox.url();
        Options::new(self.control_plane, kubeconfig, url, &self.namespace)
    }

    /// A kubeconfig of the operator with a token of its own, and what the apiserver's log calls that token.
    pub(crate) async fn another_token(&self) -> (PathBuf, String) {
        let control_plane = self.control_plane;
        let token = control_plane
            .token(&self.client, &self.namespace, OPERATOR)
            .await;
        let payload = token.split('.').nth(1).expect("a token has three parts");
        let payload = URL_SAFE_NO_PAD.decode(payload).expect("it is base64");
        let claims: Value = serde_json::from_slice(&payload).expect("it is JSON");
        let id = claims["jti"].as_str().expect("a token has an id");
        (
            control_plane.kubeconfig_for_token(&token),
            format!("JTI={id}"),
        )
    }

    /// Makes the project of the namespace as these options have it.
    pub(crate) async fn give_project(&self, options: &Options) {
        self.give(options.project()).await;
    }

    /// Somebody puts another API key into the project's Secret.
    pub(crate) async fn put_api_key(&self, key: &str) {
        let project = self.control_plane.projects().given(&self.namespace);
        let mut project = project.expect("it was given");
        project.api_key = Some(key.to_owned());
        self.give(&project).await;
    }

    /// Makes a project of the cluster with its Secret here, and gives the operator the rights to serve it.
    pub(crate) async fn serve_cluster(&self) {
        let rules: Value = serde_saphyr::from_str(CLUSTER_RULES).expect("a list of rules");
        let name = format!("{}-cluster", self.namespace);
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name}, "rules": rules,
        });
        self.apply(&role.to_string()).await;
        let account = format!("--serviceaccount={}:{OPERATOR}", self.namespace);
        let role = format!("--clusterrole={name}");
        self.kubectl(&["create", "clusterrolebinding", &name, &role, &account])
            .await;
        let project = project::of_cluster(self.sandbox.url(), &self.namespace);
        self.apply(&project.to_string()).await;
    }

    async fn give(&self, project: &Project) {
        let projects = self.control_plane.projects();
        let given = projects.give(&self.client, &self.namespace, project);
        given.await.expect("the administrator makes projects");
    }

    /// The operator's kubeconfig with another place for the apiserver.
    pub(crate) fn kubeconfig_for(&self, url: &str) -> PathBuf {
        self.elsewhere(&self.kubeconfig, url)
    }

    /// The same of any kubeconfig.
    pub(crate) fn elsewhere(&self, kubeconfig: &Path, url: &str) -> PathBuf {
        let kubeconfig = std::fs::read_to_string(kubeconfig).expect("it was written");
        let elsewhere = kubeconfig.replace(self.control_plane.url(), url);
        assert_ne!(kubeconfig, elsewhere, "the kubeconfig names the apiserver");
        self.folder
            .write("elsewhere.kubeconfig", elsewhere)
            .expect("the folder is there")
    }

    /// Starts an operator and waits until it is ready.
    pub(crate) async fn start(&self, name: &str, options: &Options) -> Operator {
        Operator::start(&self.folder, name, options)
            .await
            .expect("the operator starts")
    }

    /// Starts an operator and waits for nothing.
    pub(crate) fn spawn(&self, name: &str, options: &Options) -> Operator {
        Operator::spawn(&self.folder, name, options).expect("the operator starts")
    }

    /// What a user does, in this namespace.
    pub(crate) fn stage(&self) -> Stage<'_> {
        Stage {
            control_plane: self.control_plane,
            client: &self.client,
            sandbox: &self.sandbox,
            namespace: &self.namespace,
        }
    }

    /// Merges a patch into an object as a user does.
    pub(crate) async fn patch(&self, name: &str, patch: &str) {
        let taken = self.stage().patch(name, patch).await;
        taken.expect("it is taken");
    }

    /// Applies YAML as a user does.
    pub(crate) async fn apply(&self, yaml: &str) {
        self.apply_in(&self.namespace, yaml).await;
    }

    /// The same in another namespace.
    pub(crate) async fn apply_in(&self, namespace: &str, yaml: &str) {
        let args = ["-n", namespace, "apply", "-f", "-"];
        let output = self.control_plane.kubectl_stdin(&args, yaml).await;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Applies one object with that spec.
    pub(crate) async fn declare(&self, name: &str, spec: Value) {
        self.declare_in(&self.namespace, name, spec).await;
    }

    /// The same in another namespace.
    pub(crate) async fn declare_in(&self, namespace: &str, name: &str, spec: Value) {
        let object = json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ConnectedAccount",
            "metadata": {"name": name},
            "spec": spec,
        });
        self.apply_in(namespace, &object.to_string()).await;
    }

    /// Declares a Gmail account and waits for its link; returns the id of the account and the link.
    pub(crate) async fn linked_gmail(&self, name: &str) -> (String, String) {
        self.declare(name, gmail()).await;
        self.linked(name).await
    }

    /// Declares a Gmail account and connects it; returns the id of the account.
    pub(crate) async fn connected_gmail(&self, name: &str) -> String {
        let (id, _) = self.linked_gmail(name).await;
        self.sandbox.consent(&id).await;
        self.ready(name, "Connected").await;
        id
    }

    /// Somebody makes a Gmail account in the dashboard, and its user signs in; returns its id.
    pub(crate) async fn made_by_hand(&self, user: &str, alias: Option<&str>) -> String {
        let mut body = json!({"auth_config_id": "ac_gmail", "user_id": user});
        if let Some(alias) = alias {
            body["alias"] = json!(alias);
        }
        let made = self
            .sandbox
            .api("POST", "connected_accounts/link", body)
            .await;
        let id = made["connected_account_id"].as_str().expect("an id");
        self.sandbox.consent(id).await;
        id.to_owned()
    }

    /// Merges into the status of an object, as whoever may write it does.
    pub(crate) async fn give_status(&self, name: &str, status: &Value) {
        let accounts = watch::accounts(&self.client, &self.namespace);
        let patch = Patch::Merge(json!({"status": status}));
        accounts
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .expect("it is taken");
    }

    /// Makes a Secret of text values.
    pub(crate) async fn secret(&self, name: &str, values: Value) {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": values,
        });
        self.apply(&secret.to_string()).await;
    }

    /// Runs kubectl in the namespace; it must succeed.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> String {
        self.stage().kubectl(args).await.expect("kubectl succeeds")
    }

    /// One object.
    pub(crate) async fn object(&self, name: &str) -> Value {
        self.stage()
            .object(name)
            .await
            .expect("the object is there")
    }

    /// Waits until the object waits for a person, and returns the id of the account and the link.
    pub(crate) async fn linked(&self, name: &str) -> (String, String) {
        self.until(name, "Ready", "False", "AwaitingUser").await;
        self.id_and_link(name).await
    }

    /// The id of the object's account, and its link.
    pub(crate) async fn id_and_link(&self, name: &str) -> (String, String) {
        let object = self.object(name).await;
        let text = |value: &Value| value.as_str().expect("it is there").to_owned();
        let status = &object["status"];
        (
            text(&status["connectedAccountId"]),
            text(&status["link"]["url"]),
        )
    }

    /// Deletes the object and waits until it is gone.
    pub(crate) async fn delete(&self, name: &str) {
        self.kubectl(&["delete", "connectedaccount", name, "--wait=false"])
            .await;
        self.gone(name).await;
    }

    /// What the operator wrote to Kubernetes about its accounts: Leases, events and projects apart.
    pub(crate) fn written(&self) -> Vec<Audited> {
        let asked = self.asked_of_kubernetes().into_iter();
        asked
            .filter(|asked| asked.is_write() && asked.resource.starts_with("connectedaccounts"))
            .collect()
    }

    /// Waits until the operator has read Secrets with credentials that many more times.
    pub(crate) async fn secrets_read(&self, times: usize) {
        let reads = || {
            let asked = self.asked_of_kubernetes().into_iter();
            let of_credentials = |asked: &Audited| asked.name != KEY_SECRET;
            asked
                .filter(|asked| asked.resource == "secrets" && of_credentials(asked))
                .count()
        };
        let before = reads();
        wait::until("reads of Secrets", SOON, async || match reads() - before {
            more if more >= times => Ok(()),
            more => Err(format!("{more} of {times}")),
        })
        .await;
    }

    /// What the operator asked of Kubernetes, the Lease too.
    pub(crate) fn asked_of_kubernetes(&self) -> Vec<Audited> {
        let user = format!("system:serviceaccount:{}:{OPERATOR}", self.namespace);
        self.control_plane.asked_by(&user)
    }

    /// What Composio was asked to change, in words.
    pub(crate) async fn changes(&self) -> Vec<String> {
        let asked = self.sandbox.asked().await;
        asked
            .iter()
            .filter(|asked| !asked.is_look())
            .map(Asked::words)
            .collect()
    }
}

/// The simplest declaration.
pub(crate) fn gmail() -> Value {
    json!({"user": "u", "toolkit": "gmail", "authConfig": "ac_gmail"})
}
