//! A release of the chart on that node, and what a person does with it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::image::{Image, REPOSITORY, TAG};
use crate::support::child::tail;
use crate::support::control_plane::free_ports;
use crate::support::helm::{self, CHART};
use crate::support::{http_client, wait};

const NAMESPACE: &str = "composio-system";
const RELEASE: &str = "composio-operator";
const SOON: Duration = Duration::from_secs(180);
const EXAMPLE: &str = include_str!("../../charts/composio-operator/examples/link.yaml");

/// The example in the project that comes with the sandbox.
fn example() -> String {
    let project = "spec:\n  projectRef: {kind: ClusterComposioProject, name: default}\n";
    EXAMPLE.replace("spec:\n", project)
}

/// An object and the id of its account.
#[derive(Debug, PartialEq)]
pub(crate) struct Account {
    object: String,
    id: String,
}

/// The release.
pub(crate) struct Release<'a> {
    pub(crate) image: &'a Image,
    cluster: &'a Cluster,
    values: PathBuf,
    sandbox: String,
    http: reqwest::Client,
}

impl<'a> Release<'a> {
    pub(crate) fn new(cluster: &'a Cluster, image: &'a Image) -> Result<Release<'a>, String> {
        let [operator, sandbox] = free_ports().map_err(|error| error.to_string())?;
        let apiserver = cluster.control_plane().url();
        let (_, port) = apiserver.rsplit_once(':').ok_or("the URL has a port")?;
        let values = json!({
            "image": {"repository": REPOSITORY, "tag": TAG, "pullPolicy": "Never"},
            "hostNetwork": true,
            "http": {"host": "127.0.0.1", "port": operator},
            "sandbox": {"enabled": true, "keep": true, "port": sandbox},
            // Nothing forwards the address of the service, so that pods are told another one.
            "extraEnv": [
                {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
                {"name": "KUBERNETES_SERVICE_PORT", "value": port},
            ],
            "config": {"pollInterval": "2s", "pollIntervalWaiting": "500ms"},
        });
        Ok(Release {
            image,
            cluster,
            values: cluster
                .folder()
                .write("values.json", values.to_string())
                .map_err(|error| error.to_string())?,
            sandbox: format!("http://127.0.0.1:{sandbox}"),
            http: http_client(Duration::from_secs(10)),
        })
    }

    pub(crate) async fn install(&self, more: &[&str]) -> Result<(), String> {
        let values = self.values.display().to_string();
        let mut args = vec!["install", RELEASE, CHART, "--create-namespace", "--wait"];
        args.extend(["--timeout=5m", "--values", &values]);
        args.extend(more);
        self.helm(&args).await.map(drop)
    }

    pub(crate) async fn upgrade(&self, more: &[&str]) -> Result<(), String> {
        let values = self.values.display().to_string();
        let mut args = vec!["upgrade", RELEASE, CHART, "--wait", "--timeout=5m"];
        args.extend(["--values", &values]);
        args.extend(more);
        self.helm(&args).await.map(drop)
    }

    pub(crate) async fn rollback(&self) -> Result<(), String> {
        let args = ["rollback", RELEASE, "1", "--wait", "--timeout=5m"];
        self.helm(&args).await.map(drop)
    }

    pub(crate) async fn uninstall(&self) -> Result<(), String> {
        let args = ["uninstall", RELEASE, "--wait", "--timeout=5m"];
        self.helm(&args).await.map(drop)
    }

    /// Runs `helm test`, and returns what the check told.
    pub(crate) async fn test(&self) -> Result<String, String> {
        let ended = self.helm(&["test", RELEASE, "--timeout=3m"]).await;
        let told = self
            .cluster
            .log(NAMESPACE, &format!("{RELEASE}-check"))
            .await;
        ended.map_err(|error| format!("{error}\n{told}"))?;
        Ok(told)
    }

    /// Applies the example, and opens the link as its user does.
    pub(crate) async fn apply_and_connect(&self) -> Result<(), String> {
        self.cluster
            .kubectl(&["create", "namespace", "agents"])
            .await?;
        let applied = self
            .cluster
            .control_plane()
            .kubectl_stdin(&["apply", "-f", "-"], &example())
            .await;
        if !applied.status.success() {
            return Err(String::from_utf8_lossy(&applied.stderr).into_owned());
        }
        let link = wait::until("a link", SOON, async || {
            let objects = self.objects().await?;
            let link = objects[0]["status"]["link"]["url"].as_str();
            link.map(str::to_owned)
                .ok_or_else(|| objects[0].to_string())
        })
        .await;
        let pressed = self
            .http
            .post(&link)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("action=connect")
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        if !(pressed.status().is_success() || pressed.status().is_redirection()) {
            return Err(format!("pressing Connect is answered {}", pressed.status()));
        }
        let args = [
            "wait",
            "-n",
            "agents",
            "connectedaccounts",
            "--all",
            "--for=condition=Ready",
            "--timeout=120s",
        ];
        self.cluster.kubectl(&args).await.map(drop)
    }

    /// All objects with the ids of their accounts.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let objects = self.objects().await?;
        Ok(objects
            .iter()
            .map(|object| Account {
                object: text(&object["metadata"]["name"]),
                id: text(&object["status"]["connectedAccountId"]),
            })
            .collect())
    }

    async fn objects(&self) -> Result<Vec<Value>, String> {
        let args = ["get", "connectedaccounts", "-A", "-o", "json"];
        let list = self.cluster.kubectl(&args).await?;
        let list: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// The operator's only pod, once the former is gone.
    pub(crate) async fn pod(&self) -> Result<String, String> {
        let pods = self.pods(1).await?;
        Ok(pods[0]["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// What the node calls the image of the operator's container.
    pub(crate) async fn image_of_the_operator(&self) -> Result<String, String> {
        let pods = self.pods(1).await?;
        let image = &pods[0]["status"]["containerStatuses"][0]["imageID"];
        Ok(image.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until no pod of the operator is left.
    pub(crate) async fn no_operator(&self) -> Result<(), String> {
        self.pods(0).await.map(drop)
    }

    async fn pods(&self, count: usize) -> Result<Vec<Value>, String> {
        let found = wait::until(&format!("{count} pods of the operator"), SOON, async || {
            let label = "app.kubernetes.io/component=operator";
            let args = ["get", "pods", "-n", NAMESPACE, "-l", label, "-o", "json"];
            let list = self.cluster.kubectl(&args).await?;
            let list: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
            match list["items"].as_array() {
                Some(pods) if pods.len() == count => Ok(pods.clone()),
                Some(_) | None => Err(list.to_string()),
            }
        })
        .await;
        Ok(found)
    }

    /// Waits until the operator has answered a request to look at each object again.
    pub(crate) async fn looked_at_again(&self) -> Result<(), String> {
        let asked = "composio.dev/reconcile-requested-at=after-reinstall";
        self.cluster
            .kubectl(&[
                "annotate",
                "-n",
                "agents",
                "connectedaccounts",
                "--all",
                asked,
                "--overwrite",
            ])
            .await?;
        wait::until("an answer to the request", SOON, async || {
            let objects = self.objects().await?;
            let handled =
                |object: &Value| object["status"]["lastHandledReconcileAt"] == "after-reinstall";
            match objects.iter().all(handled) {
                true => Ok(()),
                false => Err(format!("{objects:?}")),
            }
        })
        .await;
        Ok(())
    }

    /// Composio has as many accounts as there are objects, and had never more.
    pub(crate) async fn no_account_was_made_anew(&self, count: usize) -> Result<(), String> {
        let accounts = self.control("accounts").await?;
        match accounts["accounts"].as_array() {
            Some(accounts) if accounts.len() == count => Ok(()),
            Some(_) | None => Err(format!("Composio had {accounts}")),
        }
    }

    /// What was connected was ended at the provider too.
    pub(crate) async fn every_grant_was_revoked(&self) -> Result<(), String> {
        let log = self.control("log?since=0").await?;
        let entries = log["entries"].as_array().cloned().unwrap_or_default();
        let revoked = entries.iter().any(|entry| {
            let path = entry["path"].as_str().unwrap_or_default();
            path.ends_with("/revoke") && entry["status"] == 200
        });
        match revoked {
            true => Ok(()),
            false => Err("no grant was revoked".to_owned()),
        }
    }

    async fn control(&self, path: &str) -> Result<Value, String> {
        let url = format!("{}/_sandbox/{path}", self.sandbox);
        let answer = self.http.get(url).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    }

    /// Where things stand, for who has to find out why they do not go on.
    pub(crate) async fn state(&self) -> String {
        let mut told = String::new();
        for args in [
            ["get", "pods", "-A", "-o", "wide"].as_slice(),
            &["get", "events", "-A"],
            &["get", "connectedaccounts", "-A"],
            &[
                "get",
                "composioprojects,clustercomposioprojects",
                "-A",
                "-o",
                "yaml",
            ],
        ] {
            told += &self
                .cluster
                .kubectl(args)
                .await
                .unwrap_or_else(|error| error);
        }
        told + &tail(&self.cluster.log(NAMESPACE, RELEASE).await, 50)
    }

    async fn helm(&self, args: &[&str]) -> Result<String, String> {
        let home = self
            .cluster
            .folder()
            .subfolder("helm")
            .map_err(|error| error.to_string())?;
        let output = tokio::process::Command::new(helm::program().await)
            .args(["--namespace", NAMESPACE])
            .args(args)
            .env("KUBECONFIG", self.cluster.control_plane().kubeconfig())
            .env("HOME", home)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!(
                "helm {}: {}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }
}
