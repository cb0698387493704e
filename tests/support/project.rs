//! The project of a namespace: whose API key its objects are served with, and where Composio is. A test says it
//! with the options of its operator, and the administrator puts it there before that operator starts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use composio_operator::crd::{ComposioProject, DEFAULT_PROJECT};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::config::Kubeconfig;
use kube::{Api, Client};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::control_plane::client_of;
use super::sandbox::API_KEY;
use super::scene::SOON;
use super::wait;

/// The Secret that holds the API key.
pub(crate) const KEY_SECRET: &str = "composio";
/// The key in it.
pub(crate) const KEY: &str = "api-key";

/// What is said of a namespace's project.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Project {
    pub(crate) base_url: String,
    /// `None`: there is no Secret.
    pub(crate) api_key: Option<String>,
    pub(crate) alias_prefix: Option<String>,
}

impl Project {
    /// The Secret with the API key.
    fn secret(&self) -> Option<Value> {
        let api_key = self.api_key.as_ref()?;
        Some(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": KEY_SECRET},
            "stringData": {KEY: api_key},
        }))
    }

    /// The project itself.
    fn object(&self) -> Value {
        let mut spec = json!({
            "apiKeySecretRef": {"name": KEY_SECRET, "key": KEY},
            "baseURL": self.base_url,
        });
        if let Some(prefix) = &self.alias_prefix {
            spec["aliasPrefix"] = json!(prefix);
        }
        json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ComposioProject",
            "metadata": {"name": DEFAULT_PROJECT},
            "spec": spec,
        })
    }
}

/// The name of the project of the cluster.
const CLUSTER_PROJECT: &str = "shared";

/// A project of the cluster that allows everything to every namespace, and its Secret in that namespace.
pub(crate) fn of_cluster(base_url: &str, namespace: &str) -> Value {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": KEY_SECRET, "namespace": namespace},
        "stringData": {KEY: API_KEY},
    });
    let everything = json!({
        "takeOver": true, "sources": ["SignIn", "Secret"], "sharing": "All", "secrets": "Any",
    });
    let project = json!({
        "apiVersion": "composio.dev/v1alpha1",
        "kind": "ClusterComposioProject",
        "metadata": {"name": CLUSTER_PROJECT},
        "spec": {
            "apiKeySecretRef": {"name": KEY_SECRET, "key": KEY},
            "baseURL": base_url,
            "allow": [everything],
        },
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [secret, project]})
}

/// The declaration of an account in the project of the cluster.
pub(crate) fn in_cluster(mut spec: Value) -> Value {
    spec["projectRef"] = json!({"kind": "ClusterComposioProject", "name": CLUSTER_PROJECT});
    spec
}

/// The projects of a control plane, by namespace, as the administrator has put them there.
pub(crate) struct Projects {
    kubeconfig: PathBuf,
    given: Mutex<BTreeMap<String, Project>>,
}

impl Projects {
    /// Of the control plane to which the administrator has that kubeconfig.
    pub(crate) fn new(kubeconfig: &Path) -> Projects {
        Projects {
            kubeconfig: kubeconfig.to_owned(),
            given: Mutex::default(),
        }
    }

    /// The project that was put into a namespace last.
    pub(crate) fn given(&self, namespace: &str) -> Option<Project> {
        self.given.lock().get(namespace).cloned()
    }

    /// Makes the projects of these namespaces so, where they are not, and waits for it.
    pub(crate) fn give_blocking(&self, namespaces: &[&str], project: &Project) -> io::Result<()> {
        let is_so = |namespace: &&str| self.given(namespace).as_ref() == Some(project);
        if namespaces.iter().all(is_so) {
            return Ok(());
        }
        // In a runtime of its own: the caller may be within one.
        thread::scope(|scope| {
            let given = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(async {
                    let kubeconfig =
                        Kubeconfig::read_from(&self.kubeconfig).map_err(io::Error::other)?;
                    let client = client_of(kubeconfig, Duration::from_secs(30)).await;
                    let client = client.map_err(io::Error::other)?;
                    for namespace in namespaces {
                        self.give(&client, namespace, project)
                            .await
                            .map_err(|error| {
                                io::Error::other(format!("the project of {namespace}: {error}"))
                            })?;
                    }
                    Ok(())
                })
            });
            given.join().expect("it does not panic")
        })
    }

    /// Makes the project anew, as one that no operator has seen.
    pub(crate) async fn give_anew(
        &self,
        client: &Client,
        namespace: &str,
        project: &Project,
    ) -> kube::Result<()> {
        self.given.lock().remove(namespace);
        remove(&Api::namespaced(client.clone(), namespace)).await?;
        self.give(client, namespace, project).await
    }

    /// Makes the project of that namespace so.
    pub(crate) async fn give(
        &self,
        client: &Client,
        namespace: &str,
        project: &Project,
    ) -> kube::Result<()> {
        let before = self.given(namespace);
        if before.as_ref() == Some(project) {
            return Ok(());
        }
        // What is not known to be there is written, whatever comes of this.
        self.given.lock().remove(namespace);
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let projects: Api<ComposioProject> = Api::namespaced(client.clone(), namespace);
        let apply = PatchParams::apply("tests").force();
        match project.secret() {
            Some(secret) => drop(
                secrets
                    .patch(KEY_SECRET, &apply, &Patch::Apply(secret))
                    .await?,
            ),
            None => absent(secrets.delete(KEY_SECRET, &DeleteParams::default()).await)?,
        }
        // The prefix cannot be changed: with another one it is another project.
        if before.is_some_and(|before| before.alias_prefix != project.alias_prefix) {
            remove(&projects).await?;
        }
        let object = Patch::Apply(project.object());
        projects.patch(DEFAULT_PROJECT, &apply, &object).await?;
        let mut given = self.given.lock();
        given.insert(namespace.to_owned(), project.clone());
        Ok(())
    }
}

/// Takes the project away, also where nobody takes its finalizer off, and waits until it is gone.
async fn remove(projects: &Api<ComposioProject>) -> kube::Result<()> {
    let params = DeleteParams::default();
    absent(projects.delete(DEFAULT_PROJECT, &params).await)?;
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let params = PatchParams::default();
    absent(projects.patch(DEFAULT_PROJECT, &params, &release).await)?;
    wait::until("the end of the project", SOON, async || {
        match projects.get_opt(DEFAULT_PROJECT).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    Ok(())
}

/// What is not there need not be taken away.
fn absent<T>(result: kube::Result<T>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}
