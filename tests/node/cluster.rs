//! A control plane with controllers, a scheduler and one node: containerd and a kubelet.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::child::{Child, Folder, tail};
use crate::support::control_plane::{ControlPlane, free_ports};
use crate::support::tools::{self, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER, KUBELET, Tool};
use crate::support::wait;

const GRACE: Duration = Duration::from_secs(5);
/// Longer than anything takes on a busy machine.
const SOON: Duration = Duration::from_secs(300);
const PAUSE: &str = "localhost/pause:test";

/// The pods have no network of their own: only loopback carries traffic.
const LOOPBACK: &str =
    r#"{"cniVersion": "0.4.0", "name": "loopback", "plugins": [{"type": "loopback"}]}"#;

/// A running cluster of one node.
pub(crate) struct Cluster {
    // In this order they are dropped: who uses another goes before it.
    kubelet: Child,
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
        let cluster = Cluster {
            kubelet,
            _controllers: controllers,
            _scheduler: scheduler,
            containerd,
            control_plane,
        };
        cluster.is_ready().await;
        Ok(cluster)
    }

    pub(crate) fn folder(&self) -> &Folder {
        self.control_plane.folder()
    }

    pub(crate) fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// Loads an image from its archive.
    pub(crate) async fn load(&self, archive: &Path) -> Result<(), String> {
        load(self.folder(), archive).await
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
            for child in [&self.kubelet, &self.containerd] {
                if let Some(ended) = child.exited() {
                    panic!("{} ended ({ended}): {}", child.name(), child.log_tail(30));
                }
            }
            let args = [
                "wait",
                "node/node1",
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

fn spawn(folder: &Folder, name: &str, command: &Command) -> Result<Child, String> {
    Child::spawn(folder, name, GRACE, command).map_err(|error| error.to_string())
}

fn containerd(folder: &Folder) -> Result<Child, String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let networks = folder.subfolder("cni").map_err(|error| error.to_string())?;
    std::fs::write(networks.join("10-loopback.conflist"), LOOPBACK)
        .map_err(|error| error.to_string())?;
    // Lowering its score is refused to a runtime that is in a container itself.
    let config = format!(
        r#"
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{networks}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"#,
        root = path("containerd"),
        state = path("containerd-state"),
        socket = path("containerd.sock"),
        networks = networks.display(),
    );
    let config = folder
        .write("containerd.toml", config)
        .map_err(|error| error.to_string())?;
    let mut command = Command::new("containerd");
    command.arg("--config").arg(config);
    spawn(folder, "containerd", &command)
}

async fn load(folder: &Folder, archive: &Path) -> Result<(), String> {
    let socket = folder.join("containerd.sock").display().to_string();
    let archive = archive.display().to_string();
    let args = [
        "--address",
        &socket,
        "--namespace",
        "k8s.io",
        "images",
        "import",
        "--snapshotter",
        "native",
        &archive,
    ];
    // It may not listen yet.
    wait::until(
        "the image in containerd",
        Duration::from_secs(60),
        async || command("ctr", &args).await.map(drop),
    )
    .await;
    Ok(())
}

async fn load_pause(folder: &Folder) -> Result<(), String> {
    let archive = folder.join("pause.tar");
    let script = r#"
        set -e
        cc -static -Os -o "$1/pause" "$2"
        buildah() { command buildah --root "$1/pause-images" --runroot "$1/pause-run" --storage-driver vfs "${@:2}"; }
        container=$(buildah "$1" from scratch)
        buildah "$1" copy --quiet "$container" "$1/pause" /pause
        buildah "$1" config --entrypoint '["/pause"]' --cmd '' --user 65535:65535 "$container"
        buildah "$1" commit --quiet "$container" "$3"
        buildah "$1" push --quiet "$3" "oci-archive:$4:$3"
        chmod -R u+rwX "$1/pause-images"
        "#;
    command(
        "bash",
        &[
            "-c",
            script,
            "pause",
            &folder.path().display().to_string(),
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/pause.c"),
            PAUSE,
            &archive.display().to_string(),
        ],
    )
    .await?;
    load(folder, &archive).await
}

async fn kubelet(folder: &Folder, kubeconfig: &str) -> Result<Child, String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let [port] = free_ports().map_err(|error| error.to_string())?;
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": port,
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
        .args(["--hostname-override", "node1"])
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
