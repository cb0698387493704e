//! A release of the chart on that node, and what a person does with it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Cluster, command};
use crate::image::Image;
use crate::person::{self, PAGE};
use crate::support::child::tail;
use crate::support::registry::Registry;
use crate::support::tools::{self, HELM};
use crate::support::{http_client, random_hex, wait};

const NAMESPACE: &str = "composio-system";
const RELEASE: &str = "composio-operator";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SOON: Duration = Duration::from_secs(180);
/// Longer than anything takes on a busy machine.
const TIMEOUT: &str = "--timeout=5m";
const README: &str = include_str!("../../README.md");

/// The words after `helm` of the README's line that begins like that.
fn readme(begin: &str) -> Result<Vec<&'static str>, String> {
    let line = README.lines().find(|line| line.starts_with(begin));
    let line = line.ok_or_else(|| format!("the README does not say: {begin}"))?;
    let line = line.split('#').next().unwrap_or_default();
    Ok(line.split_whitespace().skip(1).collect())
}

/// An object and the id of its account.
#[derive(Debug, PartialEq)]
pub(crate) struct Account {
    object: String,
    id: String,
}

/// The release.
pub(crate) struct Release<'a> {
    cluster: &'a Cluster,
    /// Where it was pushed to.
    host: &'a str,
    /// What the node may call its image.
    names: [String; 2],
    values: PathBuf,
    sandbox: String,
    http: reqwest::Client,
}

impl<'a> Release<'a> {
    /// Pushes image and chart by the scripts of a release.
    pub(crate) async fn publish(
        cluster: &'a Cluster,
        image: &Image,
        registry: &'a Registry,
    ) -> Result<Release<'a>, String> {
        let host = &registry.host;
        let script = |name: &str| format!("{ROOT}/.ci/release/{name}");
        let name = format!("{host}/composio-operator");
        let archive = image.archive.display().to_string();
        let tagged = format!("{name}:{VERSION}");
        let digest = command(&script("push"), &[&tagged, &archive]).await?;
        let values = json!({
            "sandbox": {"enabled": true, "keep": true},
            "connect": {"enabled": true, "url": PAGE},
            "config": {"pollInterval": "2s", "pollIntervalWaiting": "500ms"},
        });
        let folder = cluster.folder();
        let values = folder.write("values.json", values.to_string());
        let release = Release {
            cluster,
            host,
            names: [digest.trim().to_owned(), image.config.clone()],
            values: values.map_err(|error| error.to_string())?,
            sandbox: format!("http://{RELEASE}-sandbox.{NAMESPACE}.svc:8090"),
            http: http_client(Duration::from_secs(10)),
        };
        let made = folder.subfolder("release");
        let made = made.map_err(|error| error.to_string())?;
        let program = tools::program(&HELM).await.display().to_string();
        let helm = format!("HELM={program}");
        let folder = made.display().to_string();
        command("env", &[&helm, &script("manifests"), &folder, &name]).await?;
        let chart = made.join(format!("composio-operator-{VERSION}.tgz"));
        let chart = chart.display().to_string();
        let charts = format!("oci://{host}/charts");
        let push = ["push", &chart, &charts, "--plain-http"];
        release.helm(&push).await?;
        Ok(release)
    }

    /// Whether the node runs the image that was pushed.
    pub(crate) fn is_pushed(&self, running: &str) -> Result<(), String> {
        match self.names.iter().any(|name| running.ends_with(name)) {
            true => Ok(()),
            false => Err(format!("the pod runs {running}, and not {:?}", self.names)),
        }
    }

    /// Installs it from the registry, by the README's line.
    pub(crate) async fn install(&self) -> Result<(), String> {
        let line = readme("helm -n composio-system install composio-operator oci://")?;
        let values = self.values.display().to_string();
        let mut args: Vec<String> = line
            .iter()
            .map(|word| word.replace("REGISTRY", self.host))
            .collect();
        args.extend(["--plain-http", TIMEOUT, "--values", &values].map(str::to_owned));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.helm(&args).await.map(drop)
    }

    pub(crate) async fn upgrade(&self, more: &[&str]) -> Result<(), String> {
        let values = self.values.display().to_string();
        let chart = format!("oci://{}/charts/composio-operator", self.host);
        let mut args = vec!["upgrade", RELEASE, &chart, "--version", VERSION];
        args.extend(["--plain-http", "--wait", TIMEOUT, "--values", &values]);
        args.extend(more);
        self.helm(&args).await.map(drop)
    }

    pub(crate) async fn rollback(&self) -> Result<(), String> {
        let args = ["rollback", RELEASE, "1", "--wait", TIMEOUT];
        self.helm(&args).await.map(drop)
    }

    pub(crate) async fn uninstall(&self) -> Result<(), String> {
        let args = ["uninstall", RELEASE, "--wait", TIMEOUT];
        self.helm(&args).await.map(drop)
    }

    /// Runs `helm test` as the README says, and returns what it told.
    pub(crate) async fn test(&self) -> Result<String, String> {
        let mut args = readme("helm -n composio-system test")?;
        args.push(TIMEOUT);
        self.helm(&args).await
    }

    /// Runs the script that leads from nothing to the first account, and returns what it told; the account's user
    /// opens the page and connects it.
    pub(crate) async fn first_account(&self) -> Result<String, String> {
        let chart = format!("oci://{}/charts/composio-operator", self.host);
        let script = format!("{ROOT}/charts/composio-operator/examples/first-account");
        let values = self.values.display().to_string();
        let args = ["--version", VERSION, "--plain-http", TIMEOUT];
        let mut script = tokio::process::Command::new(script);
        script.arg(&chart).args(args).args(["--values", &values]);
        script.env("KUBECTL", self.cluster.control_plane().kubectl_path());
        let script = self.with_helm(&mut script).await?;
        let (told, connected) = tokio::join!(finish(script, "first-account"), self.connect());
        connected?;
        told
    }

    /// The user of the first account opens its page and connects it.
    async fn connect(&self) -> Result<(), String> {
        let page = wait::until("the address of its page", SOON, async || {
            let objects = self.objects().await?;
            let page = objects
                .first()
                .and_then(|object| object["status"]["connectPage"]["url"].as_str());
            page.map(str::to_owned)
                .ok_or_else(|| format!("{objects:?}"))
        })
        .await;
        let name = format!("{RELEASE}-connect");
        person::is_led_to(self.cluster.service(NAMESPACE, &name).await?).await?;
        person::connects(self.cluster, &page).await
    }

    /// Has a proxy say who comes, and asks for the page through its Service as any pod could.
    pub(crate) async fn knows_its_proxy(&self) -> Result<(), String> {
        let secret = random_hex::<16>();
        let value = format!("--from-literal=proxy-secret={secret}");
        let create = [
            "create",
            "secret",
            "generic",
            "connect-proxy",
            "-n",
            NAMESPACE,
        ];
        self.cluster
            .kubectl(&[&create[..], &[&value]].concat())
            .await?;
        let (name, by) = (
            "X-Auth-Request-Email",
            "connect.proxySecret.existingSecret.name",
        );
        let header = format!("connect.userHeader={name}");
        let by = format!("{by}=connect-proxy");
        self.upgrade(&["--set", &header, "--set", &by]).await?;
        let service = format!("{RELEASE}-connect");
        let page = self.cluster.service(NAMESPACE, &service).await?;
        let get = async |secrets: &[&str]| {
            let request = self.http.get(format!("http://{page}/"));
            let host = person::PAGE.trim_start_matches("http://");
            let request = request.header("host", host).header(name, "alice@acme.com");
            let add = |request: reqwest::RequestBuilder, secret: &&str| {
                request.header("X-Connect-Proxy-Secret", *secret)
            };
            let answer = secrets.iter().fold(request, add).send().await;
            answer
                .map(|answer| answer.status().as_u16())
                .map_err(|error| error.to_string())
        };
        wait::until("the page behind a proxy", SOON, async || {
            match get(&[&secret]).await {
                Ok(200) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        let wrong = random_hex::<16>();
        for forged in [&[][..], &[""], &[&wrong], &[&secret, &secret]] {
            match get(forged).await? {
                404 => {}
                other => return Err(format!("{other} with {} secrets", forged.len())),
            }
        }
        Ok(())
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
        let mut helm = tokio::process::Command::new(tools::program(&HELM).await);
        helm.args(["--namespace", NAMESPACE]).args(args);
        let helm = self.with_helm(&mut helm).await?;
        finish(helm, &format!("helm {}", args.join(" "))).await
    }

    /// With Helm and what it needs to reach the cluster.
    async fn with_helm<'c>(
        &self,
        command: &'c mut tokio::process::Command,
    ) -> Result<&'c mut tokio::process::Command, String> {
        let home = self.cluster.folder().subfolder("helm");
        let home = home.map_err(|error| error.to_string())?;
        Ok(command
            .env("KUBECONFIG", self.cluster.control_plane().kubeconfig())
            .env("HELM", tools::program(&HELM).await)
            .env("HOME", home))
    }
}

/// Runs a command to its end, and returns what it wrote.
async fn finish(command: &mut tokio::process::Command, name: &str) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = output.await.map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(told),
        false => Err(format!(
            "{name}: {told}{}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
