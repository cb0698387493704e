//! `cargo demo`: while Cargo compiles the demo, Go compiles its control plane, where that will be needed.
//!
//! What Go has compiled by then is in its cache, and the demo's own build goes on from there. Where the demo's
//! programs come from is decided by the demo alone: a wrong guess here costs time and nothing else.

use std::env;
use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

mod need;

use need::Machine;

/// Where the archive of the control plane is published.
const ARCHIVES: &str = "github.com:443";
/// Who has no network need not wait for long.
const CONNECT: Duration = Duration::from_secs(5);
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes");
/// Compiles what the programs are made of, as the demo's own build does, and links nothing.
const COMPILE: &str = "exec go build -mod=readonly -trimpath $(go list -mod=readonly -f '{{join .Imports \" \"}}' \
    go.etcd.io/etcd/server/v3 k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl)";

fn main() -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let go = machine().and_then(|machine| machine.needs_go(can_fetch).then(compile)?);
    let build = ["test", "--test", "demo", "--no-run"];
    let built = Command::new(&cargo).args(build).status();
    drop(go);
    if !built.is_ok_and(|status| status.success()) {
        return ExitCode::FAILURE;
    }
    // In its place, so that Ctrl-C reaches the demo as ever, and its exit code is ours.
    let _ = Command::new(cargo)
        .args(["test", "--quiet", "--test", "demo", "--"])
        .args(env::args_os().skip(1))
        .exec();
    ExitCode::FAILURE
}

fn machine() -> Option<Machine> {
    let path = env::var_os("PATH").unwrap_or_default();
    let assets = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    // This program is target/debug/demo.
    let program = env::current_exe().ok()?;
    Some(Machine {
        folders: assets.into_iter().chain(env::split_paths(&path)).collect(),
        target: program.parent()?.parent()?.to_owned(),
    })
}

/// Whether there is a way to the archive, as far as a connection tells. Behind a proxy there may be one.
fn can_fetch() -> bool {
    let proxies = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    if proxies.iter().any(|proxy| env::var_os(proxy).is_some()) {
        return true;
    }
    let (connected, is) = mpsc::channel();
    // To look up a name may take longer than anybody waits.
    thread::spawn(move || {
        let mut addresses = ARCHIVES.to_socket_addrs().into_iter().flatten();
        let found = addresses.any(|address| TcpStream::connect_timeout(&address, CONNECT).is_ok());
        // Nobody may listen any more.
        let _ = connected.send(found);
    });
    is.recv_timeout(CONNECT).unwrap_or(false)
}

/// Go at work, until this value is dropped.
struct Compiling {
    go: Child,
    /// Its temporary files, which it does not take away when it is ended.
    work: PathBuf,
}

/// Quietly: the demo's own build says what is wrong.
fn compile() -> Option<Compiling> {
    let work = env::temp_dir().join(format!("composio-operator-demo-{}", std::process::id()));
    fs::create_dir(&work).ok()?;
    let go = Command::new("/bin/sh")
        .args(["-c", COMPILE])
        .current_dir(MODULE)
        .env("CGO_ENABLED", "0")
        .env("GOTMPDIR", &work)
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Some(Compiling { go: go.ok()?, work })
}

impl Drop for Compiling {
    fn drop(&mut self) {
        // It may have ended by itself. Each package that it has finished is in its cache.
        let _ = self.go.kill();
        let _ = self.go.wait();
        let _ = fs::remove_dir_all(&self.work);
    }
}
