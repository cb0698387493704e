//! The operator in a process of its own, with the permissions that are shipped.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use composio_operator::kubernetes::PROXY_VARIABLES;

use super::child::{Child, Folder};
use super::control_plane::ControlPlane;
use super::project::{Project, Projects};
use super::sandbox::{API_KEY, PROGRAM};
use super::scene::SOON;
use super::{http_client, memory, wait};

/// The permissions that are shipped: the rules of the chart's roles.
pub(crate) const RULES: &str = include_str!("../../charts/composio-operator/files/rules.yaml");
/// What it may do besides where it works in all namespaces.
pub(crate) const CLUSTER_RULES: &str =
    include_str!("../../charts/composio-operator/files/cluster-rules.yaml");
/// What it may do besides where an admission policy protects what only it writes.
pub(crate) const MARKS_RULES: &str =
    include_str!("../../charts/composio-operator/files/marks-rules.yaml");
/// What it may do besides in the namespaces in which it may write ConfigMaps.
pub(crate) const CONFIG_MAP_RULES: &str =
    include_str!("../../charts/composio-operator/files/config-map-rules.yaml");

/// The same for its own namespace.
pub(crate) const LEASE_RULES: &str =
    include_str!("../../charts/composio-operator/files/lease-rules.yaml");

/// How an operator is started, and the project that its objects are in.
pub(crate) struct Options {
    command: Command,
    project: Project,
    /// Whether the project is put where it belongs before the operator starts.
    is_given: bool,
    /// Where else than in the watched namespaces the project is.
    others: Vec<String>,
    projects: Arc<Projects>,
}

impl Clone for Options {
    fn clone(&self) -> Options {
        Options {
            command: with_args(&self.command, self.command.get_args()),
            project: self.project.clone(),
            is_given: self.is_given,
            others: self.others.clone(),
            projects: Arc::clone(&self.projects),
        }
    }
}

impl Options {
    /// An operator for one namespace, with short waits.
    pub(crate) fn new(
        control_plane: &ControlPlane,
        kubeconfig: &Path,
        base_url: &str,
        namespace: &str,
    ) -> Options {
        Options::with_defaults(control_plane, kubeconfig, base_url, namespace)
            .flag("--poll-interval", "1s")
            .flag("--poll-interval-waiting", "500ms")
            .flag("--resync-interval", "2s")
            .flag("--key-interval", "1s")
            .flag("--backoff-min", "200ms")
            .flag("--backoff-max", "2s")
            .flag("--secret-interval", "1s")
            .flag("--unknown-outcome-wait", "2s")
            // One replica, on a machine that may be very busy: who loses its Lease ends.
            .flag("--lease-duration", "45s")
            .flag("--renew-deadline", "40s")
    }

    /// An operator for one namespace, with the waits that it is shipped with.
    pub(crate) fn with_defaults(
        control_plane: &ControlPlane,
        kubeconfig: &Path,
        base_url: &str,
        namespace: &str,
    ) -> Options {
        let mut command = Command::new(PROGRAM);
        command
            .arg("run")
            .args(["--watch-namespace", namespace])
            .args(["--lease-namespace", namespace])
            .args(["--cluster-resource-namespace", namespace])
            .args(["--http-address", "127.0.0.1:0"])
            .args(["--instance", namespace])
            .env("KUBECONFIG", kubeconfig);
        // The way to loopback leads past every proxy in the environment.
        for proxy in PROXY_VARIABLES {
            command.env_remove(proxy);
        }
        let options = Options {
            command,
            project: Project {
                base_url: String::new(),
                api_key: Some(API_KEY.to_owned()),
                alias_prefix: None,
            },
            is_given: true,
            others: Vec::new(),
            projects: Arc::clone(control_plane.projects()),
        };
        options.flag("--allow-http", "true").base_url(base_url)
    }

    /// Where Composio is, and that the operator may talk to it there.
    pub(crate) fn base_url(self, url: &str) -> Options {
        self.in_project(|project| project.base_url = url.to_owned())
            .flag("--allowed-base-urls", url)
    }

    /// The project's API key.
    pub(crate) fn api_key(self, key: &str) -> Options {
        self.in_project(|project| project.api_key = Some(key.to_owned()))
    }

    /// The Secret with the API key is not there.
    pub(crate) fn without_api_key(self) -> Options {
        self.in_project(|project| project.api_key = None)
    }

    /// What the project puts before every computed alias.
    pub(crate) fn alias_prefix(self, prefix: &str) -> Options {
        self.in_project(|project| project.alias_prefix = Some(prefix.to_owned()))
    }

    /// The operator finds what projects are there, and none is made for it.
    pub(crate) fn without_project(mut self) -> Options {
        self.is_given = false;
        self
    }

    /// The project is in these namespaces too.
    pub(crate) fn also_in(mut self, namespaces: &[&str]) -> Options {
        let namespaces = namespaces.iter().map(|&namespace| namespace.to_owned());
        self.others.extend(namespaces);
        self
    }

    fn in_project(mut self, change: impl FnOnce(&mut Project)) -> Options {
        change(&mut self.project);
        self
    }

    /// The project as these options have it.
    pub(crate) fn project(&self) -> &Project {
        &self.project
    }

    /// The same, talking to the apiserver by another kubeconfig.
    pub(crate) fn kubeconfig(self, kubeconfig: &Path) -> Options {
        let kubeconfig = kubeconfig.to_str().expect("a path of ASCII");
        self.env("KUBECONFIG", Some(kubeconfig))
    }

    /// Puts the project into every namespace that is watched.
    fn give_project(&self) -> io::Result<()> {
        if !self.is_given {
            return Ok(());
        }
        let mut args = self.command.get_args().map(|arg| arg.to_string_lossy());
        let watched = args.find(|arg| arg == "--watch-namespace");
        let watched = watched.and_then(|_| args.next()).unwrap_or_default();
        let watched = watched.split(',').map(str::trim);
        let namespaces: Vec<&str> = watched
            .filter(|namespace| !namespace.is_empty())
            .chain(self.others.iter().map(String::as_str))
            .collect();
        self.projects.give_blocking(&namespaces, &self.project)
    }

    /// Adds a flag, or gives it another value.
    pub(crate) fn flag(mut self, name: &str, value: &str) -> Options {
        let mut args: Vec<_> = self.command.get_args().map(ToOwned::to_owned).collect();
        match args.iter().position(|arg| arg == name) {
            Some(at) => args[at + 1] = value.into(),
            None => args.extend([name.into(), value.into()]),
        }
        self.command = with_args(&self.command, &args);
        self
    }

    /// Takes a flag and its value away.
    pub(crate) fn without(mut self, name: &str) -> Options {
        let mut args: Vec<_> = self.command.get_args().map(ToOwned::to_owned).collect();
        if let Some(at) = args.iter().position(|arg| arg == name) {
            args.drain(at..at + 2);
        }
        self.command = with_args(&self.command, &args);
        self
    }

    /// Sets an environment variable, or takes it away.
    pub(crate) fn env(mut self, name: &str, value: Option<&str>) -> Options {
        match value {
            Some(value) => self.command.env(name, value),
            None => self.command.env_remove(name),
        };
        self
    }
}

/// The same program in the same environment.
fn with_args<A: AsRef<OsStr>>(command: &Command, args: impl IntoIterator<Item = A>) -> Command {
    let mut same = Command::new(command.get_program());
    same.args(args);
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => same.env(key, value),
            None => same.env_remove(key),
        };
    }
    same
}

/// A running operator.
pub(crate) struct Operator {
    pub(crate) child: Child,
    client: reqwest::Client,
}

impl Operator {
    /// Starts it where its project is, and does not wait for anything.
    pub(crate) fn spawn(folder: &Folder, name: &str, options: &Options) -> io::Result<Operator> {
        options.give_project()?;
        let child = Child::spawn(folder, name, Duration::from_secs(10), &options.command)?;
        let client = http_client(Duration::from_secs(30));
        Ok(Operator { child, client })
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(
        folder: &Folder,
        name: &str,
        options: &Options,
    ) -> io::Result<Operator> {
        let operator = Operator::spawn(folder, name, options)?;
        operator.readyz(200, "").await;
        Ok(operator)
    }

    /// What it answers at a path: status code and text. Code 0: no answer.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let Some(address) = self.address() else {
            return (0, "it does not say where it listens".to_owned());
        };
        match self
            .client
            .get(format!("http://{address}{path}"))
            .send()
            .await
        {
            Ok(answer) => {
                let status = answer.status().as_u16();
                (status, answer.text().await.unwrap_or_default())
            }
            Err(error) => (0, error.to_string()),
        }
    }

    /// The most memory that it ever had, in kB.
    pub(crate) fn peak_memory(&self) -> u64 {
        memory::kilobytes(&self.child.pid().to_string(), memory::PEAK).expect("it runs")
    }

    /// The system chose the port; the log tells which.
    pub(crate) fn address(&self) -> Option<String> {
        let log = self.child.read_log();
        let line = log
            .lines()
            .find(|line| line.contains("serving /livez, /readyz and /metrics"))?;
        let (_, port) = line.split_once("127.0.0.1:")?;
        let end = port.find(|one: char| !one.is_ascii_digit());
        Some(format!("127.0.0.1:{}", &port[..end.unwrap_or(port.len())]))
    }

    /// Waits until it has listed the accounts of a project.
    pub(crate) async fn polled(&self) {
        wait::until("a first poll", SOON, async || {
            let (_, metrics) = self.get("/metrics").await;
            match metrics.contains("composio_operator_last_poll_timestamp_seconds{") {
                true => Ok(()),
                false => Err(self.child.log_tail(10)),
            }
        })
        .await;
    }

    /// Waits until readiness has that status code and says these words.
    pub(crate) async fn readyz(&self, status: u16, words: &str) {
        wait::until(
            &format!("/readyz with {status} and {words:?}"),
            SOON,
            async || {
                if let Some(ended) = self.child.exited() {
                    return Err(format!(
                        "the operator ended ({ended}): {}",
                        self.child.log_tail(20)
                    ));
                }
                match self.get("/readyz").await {
                    (code, text) if code == status && text.contains(words) => Ok(()),
                    (code, text) => Err(format!("{code}: {text}\n{}", self.child.log_tail(10))),
                }
            },
        )
        .await;
    }
}
