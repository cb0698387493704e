//! The container runtime of the node, and the images that it starts with.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::cluster::{command, spawn};
use crate::network::PODS;
use crate::support::child::{Child, Folder};
use crate::support::wait;

const PAUSE: &str = "localhost/pause:test";

/// Starts it, with a network for pods.
pub(crate) fn containerd(folder: &Folder) -> Result<Child, String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let networks = folder.subfolder("cni").map_err(|error| error.to_string())?;
    // Each pod has a cable to the node, and the node is its way to all others.
    let network = json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipam": {
            "type": "host-local",
            "dataDir": path("addresses"),
            // The first is the node's.
            "ranges": [[{"subnet": PODS, "rangeStart": "10.88.1.1"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }}],
    });
    std::fs::write(networks.join("10-pods.conflist"), network.to_string())
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

/// Makes and loads what holds the namespaces of each pod.
pub(crate) async fn load_pause(folder: &Folder) -> Result<(), String> {
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
