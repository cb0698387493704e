//! A Kubernetes API server with its etcd, on loopback, for as long as the value lives.
//!
//! There is no controller manager: a deleted namespace stays in `Terminating`, and no namespace gets
//! its `default` service account. There is no node either: nothing runs a pod.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::child::{Child, Folder, Signal, create_private};
use super::project::Projects;
use super::tools::{self, Tools, tools};
use super::{random_hex, wait};

mod accounts;
mod audit;
mod definitions;
mod server;
mod start;

use audit::AUDIT_LOG;
pub(crate) use audit::Audited;
use server::Server;
pub(crate) use server::client_of;
pub(crate) use start::free_ports;

/// Ready takes 3 s on two idle cores; this is for busy ones.
const READY: Duration = Duration::from_secs(90);
/// Nothing in a test's control plane is worth an orderly end, which takes the server a second or more.
const GRACE: Duration = Duration::ZERO;
/// `kubectl wait` included.
const KUBECTL: Duration = Duration::from_secs(180);
const ATTEMPTS: usize = 5;
const SERVICE_ACCOUNT_KEY: &str = "service-accounts.key";

/// Why no control plane runs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Tools(#[from] tools::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{name} ended by itself ({status}):\n{log}")]
    Ended {
        name: String,
        status: ExitStatus,
        log: String,
    },
    #[error("{name} was not ready within {READY:?}: {reason}\n{log}")]
    NotReady {
        name: String,
        reason: String,
        log: String,
    },
}

impl Error {
    /// A port is free when it is chosen, and may be another's when it is used.
    fn is_taken_port(&self) -> bool {
        matches!(self, Error::Ended { log, .. } if log.contains("address already in use"))
    }
}

/// A running control plane. It holds nothing of an async runtime: a static one serves tests that
/// each have a runtime of their own.
pub(crate) struct ControlPlane {
    // In this order they are dropped: the server before its storage, the folder last.
    apiserver: Mutex<Child>,
    etcd: Child,
    /// To start it anew on the same port and the same data.
    apiserver_command: Command,
    tools: Tools,
    server: Server,
    projects: Arc<Projects>,
    /// Set once the server knows the custom resource.
    crd: OnceCell<()>,
    folder: Folder,
}

impl ControlPlane {
    /// Starts an empty one and waits until it is ready.
    pub(crate) async fn start() -> Result<ControlPlane, Error> {
        let tools = tokio::task::spawn_blocking(tools)
            .await
            .map_err(io::Error::other)??;
        ControlPlane::start_with(tools).await
    }

    /// The same with these programs.
    pub(crate) async fn start_with(tools: Tools) -> Result<ControlPlane, Error> {
        let mut attempt = 1;
        loop {
            match ControlPlane::attempt(&tools).await {
                Err(error) if error.is_taken_port() && attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    /// The one that all tests of a binary share, started by the first that asks. It ends with the process.
    pub(crate) async fn shared() -> &'static ControlPlane {
        // A failure is kept too: every test says it, and none waits for it again.
        static SHARED: OnceCell<Result<ControlPlane, Error>> = OnceCell::const_new();
        match SHARED.get_or_init(ControlPlane::start).await {
            Ok(control_plane) => control_plane,
            Err(error) => panic!("no control plane: {error}"),
        }
    }

    /// The shared one, with the custom resources.
    pub(crate) async fn with_crd() -> &'static ControlPlane {
        let control_plane = ControlPlane::shared().await;
        control_plane.install_crd().await;
        control_plane
    }

    /// `https://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The certificate of the server, which it signed itself: what its clients trust.
    pub(crate) fn certificate(&self) -> &Path {
        &self.server.certificate
    }

    /// The key that signs the tokens of service accounts.
    pub(crate) fn service_account_key(&self) -> PathBuf {
        self.folder.join(SERVICE_ACCOUNT_KEY)
    }

    /// The control plane's folder. It goes with the control plane, and takes its children with it first.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The processes of the control plane.
    pub(crate) fn pids(&self) -> Vec<u32> {
        vec![self.apiserver.lock().pid(), self.etcd.pid()]
    }

    /// The storage, for a test that halts it.
    pub(crate) fn etcd(&self) -> &Child {
        &self.etcd
    }

    /// Ends the API server as a machine that fails does.
    pub(crate) async fn kill_apiserver(&self) {
        self.apiserver.lock().signal(Signal::Kill).expect("it runs");
        wait::until("the end of the server", READY, async || {
            match self.apiserver.lock().exited() {
                Some(_) => Ok(()),
                None => Err("it runs".to_owned()),
            }
        })
        .await;
    }

    /// Starts the API server again, and waits until it is ready.
    pub(crate) async fn start_apiserver(&self) {
        let anew = Child::spawn(
            &self.folder,
            "kube-apiserver",
            GRACE,
            &self.apiserver_command,
        );
        *self.apiserver.lock() = anew.expect("it starts");
        wait::until("the server", READY, async || self.server.is_ready().await).await;
    }

    /// What the user asked of the resources that the operator uses, in order. A watch is there only
    /// when it has ended.
    pub(crate) fn asked_by(&self, user: &str) -> Vec<Audited> {
        let log = std::fs::read_to_string(self.folder.join(AUDIT_LOG)).unwrap_or_default();
        log.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["user"]["username"] == user)
            .map(|event| Audited::read(&event))
            .collect()
    }

    /// A kubeconfig file for the administrator.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.server.admin_kubeconfig
    }

    /// The projects of its namespaces.
    pub(crate) fn projects(&self) -> &Arc<Projects> {
        &self.projects
    }

    /// Writes a kubeconfig file for whoever has the token.
    pub(crate) fn kubeconfig_for_token(&self, token: &str) -> PathBuf {
        let path = self
            .folder
            .join(format!("{}.kubeconfig", random_hex::<4>()));
        create_private(&path, self.server.kubeconfig(token).to_string())
            .expect("the folder is there");
        path
    }

    /// A client for the administrator, bound to the calling test's runtime.
    pub(crate) async fn client(&self) -> Client {
        self.client_for_token(&self.server.admin_token).await
    }

    /// A client for whoever has the token, bound to the calling test's runtime.
    pub(crate) async fn client_for_token(&self, token: &str) -> Client {
        self.server
            .client(token, Duration::from_secs(30))
            .await
            .expect("the kubeconfig makes a client")
    }

    /// The kubectl that fits the server.
    pub(crate) fn kubectl_path(&self) -> &Path {
        &self.tools.kubectl
    }

    /// Runs kubectl as the administrator, with a home of its own.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> Output {
        self.kubectl_stdin(args, "").await
    }

    /// The same with standard input, for `-f -`.
    pub(crate) async fn kubectl_stdin(&self, args: &[&str], input: &str) -> Output {
        let home = self.folder.subfolder("home").expect("the folder is there");
        // What kubectl discovered before there was a custom resource, it would believe for hours.
        let cache = match self.crd.initialized() {
            true => "cache-with-crd",
            false => "cache",
        };
        let mut child = tokio::process::Command::new(&self.tools.kubectl)
            .args(args)
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", home.join(cache))
            .env("HOME", home)
            .env_remove("KUBERC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("kubectl runs");
        let stdin = child.stdin.take();
        // At the same time: it may answer before it has read everything, and either pipe can be full.
        let both = futures::future::join(
            async move {
                if let Some(mut stdin) = stdin {
                    // One that reads no input may be gone by now.
                    let _ = stdin.write_all(input.as_bytes()).await;
                }
            },
            child.wait_with_output(),
        );
        match timeout(KUBECTL, both).await {
            Ok(((), output)) => output.expect("kubectl ends"),
            Err(_) => panic!("kubectl {args:?} did not end within {KUBECTL:?}"),
        }
    }
}
