//! A control plane with controllers, a scheduler and one node: containerd, a kubelet and a kube-proxy.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::containerd::{containerd, load_pause};
use crate::names;
use crate::network::{self, NODE, PODS};
use crate::support::child::{Child, Folder, tail};
use crate::support::control_plane::{ControlPlane, free_ports};
use crate::support::tools::{
    self, KUBE_CONTROLLER_MANAGER, KUBE_PROXY, KUBE_SCHEDULER, KUBELET, Tool,
};
use crate::support::wait;

const GRACE: Duration = Duration::from_secs(5);
/// Longer than anything takes on a busy machine.
const SOON: Duration = Duration::from_secs(300);

/// The node's name.
const NODE_NAME: &str = "node1";
/// What runs on it beside the control plane.
pub(crate) const PROGRAMS: [&Tool; 4] = [
    &KUBE_CONTROLLER_MANAGER,
    &KUBE_SCHEDULER,
    &KUBELET,
    &KUBE_PROXY,
];

/// A running cluster of one node.
pub(crate) struct Cluster {
    // In this order they are dropped: who uses another goes before it.
    kubelet: Child,
    proxy: Child,
    _controllers: Child,
    _scheduler: Child,
    containerd: Child,
    control_plane: ControlPlane,
}

impl Cluster {
    /// Starts one and waits until its node is ready.
    pub(crate) async fn start() -> Result<Cluster, String> {
        let control_plane = ControlPlane::start()
            .await
            .map_err(|error| error.to_string())?;
        let folder = control_plane.folder();
        let kubeconfig = control_plane.kubeconfig().display().to_string();

        let mut controllers = Command::new(program(&KUBE_CONTROLLER_MANAGER).await?);
        controllers
            .args(["--kubeconfig", &kubeconfig])
            .arg("--service-account-private-key-file")
            .arg(control_plane.service_account_key())
            .arg("--root-ca-file")
            .arg(control_plane.certificate())
            .args(["--leader-elect=false", "--secure-port=0"])
            .arg("--use-service-account-credentials=false");
        let controllers = spawn(folder, "kube-controller-manager", &controllers)?;
        let mut scheduler = Command::new(program(&KUBE_SCHEDULER).await?);
        scheduler
            .args(["--kubeconfig", &kubeconfig])
            .args(["--leader-elect=false", "--secure-port=0"]);
        let scheduler = spawn(folder, "kube-scheduler", &scheduler)?;

        let containerd = containerd(folder)?;
        load_pause(folder).await?;
        let kubelet = kubelet(folder, &kubeconfig).await?;
        let mut proxy = Command::new(program(&KUBE_PROXY).await?);
        proxy
            .args(["--kubeconfig", &kubeconfig])
            .args(["--hostname-override", NODE_NAME])
            .args(["--proxy-mode=iptables", "--cluster-cidr", PODS])
            // The machine's limits are not its own to set.
            .args(["--conntrack-max-per-core=0", "--conntrack-min=0"])
            .args(["--conntrack-tcp-timeout-established=0s"])
            .args(["--conntrack-tcp-timeout-close-wait=0s"])
            .args(["--healthz-bind-address=", "--metrics-bind-address="]);
        let proxy = spawn(folder, "kube-proxy", &proxy)?;
        let cluster = Cluster {
            kubelet,
            proxy,
            _controllers: controllers,
            _scheduler: scheduler,
            containerd,
            control_plane,
        };
        cluster.is_ready().await;
        cluster.serve_pods().await?;
        Ok(cluster)
    }

    pub(crate) fn folder(&self) -> &Folder {
        self.control_plane.folder()
    }

    pub(crate) fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// Lets pods find the API server at the service `kubernetes`, and services by their names.
    async fn serve_pods(&self) -> Result<(), String> {
        let apiserver = self.control_plane.url();
        let (_, port) = apiserver.rsplit_once(':').ok_or("the URL has a port")?;
        let port: u16 = port.parse().map_err(|_| "the port is a number")?;
        let listens = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        network::forward(SocketAddrV4::new(NODE, port), listens).await?;
        // An address of loopback may not stand there, which is why the API server leaves it to us.
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE], "conditions": {"ready": true}}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        });
        self.apply(&slice.to_string()).await?;
        names::serve(self.control_plane.client().await, NODE_NAME).await
    }

    /// Applies a manifest as the administrator.
    pub(crate) async fn apply(&self, manifest: &str) -> Result<(), String> {
        let args = ["apply", "-f", "-"];
        let applied = self.control_plane.kubectl_stdin(&args, manifest).await;
        match applied.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&applied.stderr).into_owned()),
        }
    }

    /// The address of a service.
    pub(crate) async fn service(&self, namespace: &str, name: &str) -> Result<Ipv4Addr, String> {
        let path = "jsonpath={.spec.clusterIP}";
        let args = ["get", "service", "-n", namespace, name, "-o", path];
        let address = self.kubectl(&args).await?;
        address
            .parse()
            .map_err(|_| format!("{namespace}/{name} is at {address:?}"))
    }

    /// What a container of a pod wrote.
    pub(crate) async fn log(&self, namespace: &str, pod: &str) -> String {
        let logs = self.folder().join("pod-logs").display().to_string();
        let script = format!("cat '{logs}'/{namespace}_{pod}_*/*/*.log | cut -d' ' -f4-");
        command("sh", &["-c", &script]).await.unwrap_or_default()
    }

    /// Runs kubectl as the administrator; it must succeed.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        let output = self.control_plane.kubectl(args).await;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!(
                "kubectl {}: {}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// The pods first: their processes and mounts belong to nobody who ends with us.
    pub(crate) async fn end(self) -> Result<(), String> {
        self.kubectl(&["delete", "namespace", "--all", "--wait=false"])
            .await
            // Some namespaces may not go.
            .ok();
        wait::until("the end of all pods", SOON, async || {
            let pods = self.kubectl(&["get", "pods", "-A", "-o", "name"]).await?;
            match pods.trim() {
                "" => Ok(()),
                left => Err(left.to_owned()),
            }
        })
        .await;
        Ok(())
    }

    async fn is_ready(&self) {
        wait::until("a node that is ready", SOON, async || {
            for child in [&self.kubelet, &self.containerd, &self.proxy] {
                if let Some(ended) = child.exited() {
                    panic!("{} ended ({ended}): {}", child.name(), child.log_tail(30));
                }
            }
            let args = [
                "wait",
                &format!("node/{NODE_NAME}"),
                "--for=condition=Ready",
                "--timeout=5s",
            ];
            match self.kubectl(&args).await {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("{error}\n{}", self.kubelet.log_tail(5))),
            }
        })
        .await;
    }
}

impl Drop for Cluster {
    /// Whatever of the node outlives its programs: shims that were left, and mounts.
    fn drop(&mut self) {
        let folder = self.folder().path().display().to_string();
        let script = r#"
            for process in /proc/[0-9]*; do
                grep -q "containerd-shim.*$1" "$process/cmdline" && kill -KILL "${process#/proc/}"
            done 2>/dev/null
            cut -d' ' -f5 /proc/self/mountinfo | grep "^$1/" | sort -r | while read -r mount; do
                umount -l "$mount"
            done
            "#;
        // The kubelet would start them anew.
        let _ = self.kubelet.signal(crate::support::child::Signal::Kill);
        let _ = Command::new("sh")
            .args(["-c", script, "sweep", &folder])
            .stdin(Stdio::null())
            .status();
    }
}

async fn program(tool: &'static Tool) -> Result<std::path::PathBuf, String> {
    tokio::task::spawn_blocking(|| tools::find(tool))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

pub(crate) fn spawn(folder: &Folder, name: &str, command: &Command) -> Result<Child, String> {
    Child::spawn(folder, name, GRACE, command).map_err(|error| error.to_string())
}

async fn kubelet(folder: &Folder, kubeconfig: &str) -> Result<Child, String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let [port] = free_ports().map_err(|error| error.to_string())?;
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE,
        "port": port,
        "clusterDNS": [NODE],
        "clusterDomain": "cluster.local",
        "healthzPort": 0,
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{}", path("containerd.sock")),
        "cgroupDriver": "cgroupfs",
        // A node in a container: its control groups are not its own, and may be of either version.
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "50Mi"},
        // Whatever else is on this machine's disk: the images here can be pulled from nowhere, and the first
        // that would go is the one that each new pod starts from.
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": path("pod-logs"),
        // What a test waits for.
        "syncFrequency": "5s",
    });
    let config = folder
        .write("kubelet.json", config.to_string())
        .map_err(|error| error.to_string())?;
    let mut command = Command::new(program(&KUBELET).await?);
    command
        .arg("--config")
        .arg(config)
        .args(["--kubeconfig", kubeconfig])
        .args(["--hostname-override", NODE_NAME])
        .args(["--node-ip", &NODE.to_string()])
        .args(["--root-dir", &path("kubelet")])
        .args(["--cert-dir", &path("kubelet-certificates")]);
    spawn(folder, "kubelet", &command)
}

/// Runs a program to its end; an error has its last words.
pub(crate) async fn command(program: &str, args: &[&str]) -> Result<String, String> {
    let output = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{program} ({}): {}",
            output.status,
            tail(&String::from_utf8_lossy(&output.stderr), 30)
        )),
    }
}
