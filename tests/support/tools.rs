//! Finds the programs of a Kubernetes control plane, or builds them once.
//!
//! They are looked for where the ecosystem puts them, `$KUBEBUILDER_ASSETS` and `PATH`. What is not
//! there is built with Go from the module in `tests/kubernetes`, whose go.sum fixes every source, into
//! `target/kubernetes/HASH/bin`. The hash is that of the sources: with new versions, a new folder.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::child::{self, Child, Folder};

const GO_MOD: &str = include_str!("../kubernetes/go.mod");
const GO_SUM: &str = include_str!("../kubernetes/go.sum");
/// The one program that is our own: with another source it is another program.
const GITOPS_MAIN: &str = include_str!("../kubernetes/gitops/main.go");
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubernetes");
const GO: Version = Version(1, 26);

/// A program of the control plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// Go's name for its main package.
    package: &'static str,
    /// Prints the version.
    ask: &'static [&'static str],
    /// What stands before the version number in the answer.
    before: &'static str,
    /// The oldest that will do.
    oldest: Version,
    /// How long a build takes on two cores with nothing cached.
    build: &'static str,
}

pub(crate) const ETCD: Tool = Tool {
    name: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    ask: &["--version"],
    before: "etcd Version: ",
    oldest: Version(3, 5),
    build: "about 1 minute",
};

pub(crate) const KUBE_APISERVER: Tool = Tool {
    name: "kube-apiserver",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    ask: &["--version"],
    before: "Kubernetes v",
    oldest: Version(1, 33),
    build: "about 4 minutes",
};

pub(crate) const KUBECTL: Tool = Tool {
    name: "kubectl",
    package: "k8s.io/kubernetes/cmd/kubectl",
    ask: &["version", "--client", "-o", "json"],
    before: "\"gitVersion\": \"v",
    oldest: Version(1, 33),
    build: "about 1 minute",
};

pub(crate) const HELM: Tool = Tool {
    name: "helm",
    package: "helm.sh/helm/v4/cmd/helm",
    ask: &["version", "--short"],
    before: "v",
    oldest: Version(4, 0),
    build: "about 1 minute",
};

/// Ours: judges objects with the interpreters of Argo CD and Flux.
pub(crate) const GITOPS: Tool = Tool {
    name: "gitops",
    package: "composio-operator/tests/kubernetes/gitops",
    ask: &["version"],
    before: "gitops ",
    oldest: Version(1, 0),
    build: "about 1 minute",
};

pub(crate) const KUBE_CONTROLLER_MANAGER: Tool = Tool {
    name: "kube-controller-manager",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    ask: &["--version"],
    before: "Kubernetes v",
    oldest: Version(1, 33),
    build: "about 2 minutes",
};

pub(crate) const KUBE_SCHEDULER: Tool = Tool {
    name: "kube-scheduler",
    package: "k8s.io/kubernetes/cmd/kube-scheduler",
    ask: &["--version"],
    before: "Kubernetes v",
    oldest: Version(1, 33),
    build: "about 1 minute",
};

pub(crate) const KUBELET: Tool = Tool {
    name: "kubelet",
    package: "k8s.io/kubernetes/cmd/kubelet",
    ask: &["--version"],
    before: "Kubernetes v",
    oldest: Version(1, 33),
    build: "about 1 minute",
};

/// Major and minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Why there is no such program.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "{tool} is neither in $KUBEBUILDER_ASSETS nor on PATH, and to build it Go {GO} or newer is needed: {reason}\n\
         Either install Go (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver \
         and kubectl {oldest} or newer, such as the one that `setup-envtest use -p path` prints."
    )]
    Go {
        tool: &'static str,
        oldest: Version,
        reason: String,
    },
    #[error("building {tool} failed ({status}):\n{output}")]
    Build {
        tool: &'static str,
        status: String,
        output: String,
    },
    #[error("building {tool}: {reason}")]
    Io { tool: &'static str, reason: String },
}

/// The programs every control plane needs.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) etcd: PathBuf,
    pub(crate) kube_apiserver: PathBuf,
    pub(crate) kubectl: PathBuf,
}

/// Finds or builds all of them, the first time it is called. Blocks, for minutes if it builds.
pub(crate) fn tools() -> Result<Tools, Error> {
    static TOOLS: OnceLock<Result<Tools, Error>> = OnceLock::new();
    TOOLS
        .get_or_init(|| {
            Ok(Tools {
                etcd: find(&ETCD)?,
                kube_apiserver: find(&KUBE_APISERVER)?,
                kubectl: find(&KUBECTL)?,
            })
        })
        .clone()
}

/// Finds or builds one program. Blocks.
pub(crate) fn find(tool: &Tool) -> Result<PathBuf, Error> {
    for path in candidates(tool.name) {
        match check(tool, &path) {
            Ok(_) => return Ok(path),
            Err(reason) => say(&format!("passing over {}: {reason}", path.display())),
        }
    }
    build(tool)
}

/// The files of this name in `$KUBEBUILDER_ASSETS` and on `PATH`, each file once.
fn candidates(name: &str) -> Vec<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut seen = Vec::new();
    assets
        .into_iter()
        .chain(std::env::split_paths(&path))
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .filter(|file| match file.canonicalize() {
            // On many systems /bin is a link to /usr/bin.
            Ok(real) if real.is_file() && !seen.contains(&real) => {
                seen.push(real);
                true
            }
            Ok(_) | Err(_) => false,
        })
        .collect()
}

/// Asks a program for its version; an error says why the program will not do.
pub(crate) fn check(tool: &Tool, path: &Path) -> Result<Version, String> {
    let mut child = Command::new(path)
        .args(tool.ask)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    // The answer fits into the pipe's buffer, so nobody has to read before the end.
    let end = Instant::now() + Duration::from_secs(20);
    while child
        .try_wait()
        .map_err(|error| error.to_string())?
        .is_none()
    {
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            return Err("it did not tell its version within 20 s".to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    fits(tool, &String::from_utf8_lossy(&output.stdout))
}

/// Reads a program's answer about its version; an error says why the program will not do.
pub(crate) fn fits(tool: &Tool, answer: &str) -> Result<Version, String> {
    let Some((_, version)) = answer.split_once(tool.before) else {
        return Err(format!("it does not answer as {} does", tool.name));
    };
    let version = version
        .split(|c: char| c.is_whitespace() || c == '"')
        .next()
        .unwrap_or_default();
    match read_version(version) {
        None => Err(format!("{version:?} is no version")),
        Some(found) if found < tool.oldest => Err(format!(
            "it is {version}, and at least {} is needed",
            tool.oldest
        )),
        Some(found) => Ok(found),
    }
}

/// Major and minor of `1.37.2`, `1.33.0-rc.1+k3s1`, `1.26`.
fn read_version(version: &str) -> Option<Version> {
    let mut parts = version.split(['.', '-', '+']);
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some(Version(major, minor))
}

/// Builds a program unless an earlier run did.
fn build(tool: &Tool) -> Result<PathBuf, Error> {
    let io = |error: io::Error| Error::Io {
        tool: tool.name,
        reason: error.to_string(),
    };
    let folder = built();
    let program = folder.join(tool.name);
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&folder).map_err(io)?;
    // One build at a time, also between processes. The lock ends with the process that holds it.
    let _lock = lock(&folder.with_file_name("lock"), tool).map_err(io)?;
    if program.is_file() {
        return Ok(program);
    }
    look_for_go(tool)?;

    let work = Folder::new().map_err(io)?;
    // Renamed when it is complete: what has the final name works.
    let unfinished = folder.join(format!("{}.unfinished", tool.name));
    let mut command = Command::new("go");
    command
        .args(["build", "-mod=readonly", "-trimpath", "-ldflags"])
        .arg(linker_flags())
        .arg("-o")
        .args([&unfinished, Path::new(tool.package)])
        .current_dir(MODULE)
        .env("CGO_ENABLED", "0")
        .env("GOTMPDIR", work.path())
        .env("GOWORK", "off")
        // For this machine, whatever else is being built for others.
        .env_remove("GOOS")
        .env_remove("GOARCH");
    let mut progress = Progress::new(format!("building {} ({}, once)", tool.name, tool.build));
    let go = Child::spawn(&work, "go", Duration::from_secs(1), &command).map_err(io)?;
    let status = loop {
        if let Some(status) = go.exited() {
            break status;
        }
        progress.tick();
        thread::sleep(Duration::from_millis(200));
    };
    progress.done(status.success());
    if !status.success() {
        return Err(Error::Build {
            tool: tool.name,
            status: status.to_string(),
            output: go.log_tail(60),
        });
    }
    fs::rename(&unfinished, &program).map_err(io)?;
    Ok(program)
}

/// `target/kubernetes/HASH/bin`.
fn built() -> PathBuf {
    let hash = Sha256::new()
        .chain_update(GO_MOD)
        .chain_update(GO_SUM)
        .chain_update(GITOPS_MAIN)
        .finalize();
    let hash: String = hash
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Cargo makes this folder in the target folder, wherever that is.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    target.with_file_name("kubernetes").join(hash).join("bin")
}

/// Without these, Kubernetes says that it is v0.0.0, and clients refuse it.
fn linker_flags() -> String {
    let version = GO_MOD
        .lines()
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v"))
        .and_then(|rest| rest.split_whitespace().next())
        .expect("tests/kubernetes/go.mod requires k8s.io/kubernetes");
    let Version(major, minor) = read_version(version).expect("its version is one");
    let at = "k8s.io/component-base/version";
    format!("-s -w -X {at}.gitVersion=v{version} -X {at}.gitMajor={major} -X {at}.gitMinor={minor}")
}

fn lock(path: &Path, tool: &Tool) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let mut progress = None;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                progress
                    .get_or_insert_with(|| {
                        Progress::new(format!("waiting for another build of {}", tool.name))
                    })
                    .tick();
                thread::sleep(Duration::from_millis(200));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    if let Some(progress) = progress {
        progress.done(true);
    }
    Ok(file)
}

/// In the module's folder, since there Go may fetch the toolchain that go.mod asks for.
fn look_for_go(tool: &Tool) -> Result<(), Error> {
    let missing = |reason: String| Error::Go {
        tool: tool.name,
        oldest: KUBE_APISERVER.oldest,
        reason,
    };
    let output = Command::new("go")
        .args(["env", "GOVERSION"])
        .current_dir(MODULE)
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing("there is no `go` on PATH".to_owned()),
            _ => missing(format!("running `go` failed with: {error}")),
        })?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(missing(child::tail(&reason, 5)));
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    match read_version(answer.trim().trim_start_matches("go")) {
        Some(found) if found >= GO => Ok(()),
        Some(_) | None => Err(missing(format!("the one on PATH is {}", answer.trim()))),
    }
}

/// Says a line where a person sees it while tests run: libtest holds back what is printed.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Tells a person at a terminal every second, and a log every half minute, that something goes on.
struct Progress {
    what: String,
    since: Instant,
    terminal: Option<File>,
    next: Instant,
}

impl Progress {
    fn new(what: String) -> Progress {
        // A terminal may be there although standard error is not it, and the other way round.
        let terminal = OpenOptions::new()
            .write(true)
            .open("/dev/tty")
            .ok()
            .filter(IsTerminal::is_terminal);
        let since = Instant::now();
        Progress {
            what,
            since,
            terminal,
            next: since,
        }
    }

    fn tick(&mut self) {
        if Instant::now() < self.next {
            return;
        }
        let line = self.line();
        self.next = Instant::now()
            + match &mut self.terminal {
                Some(terminal) => {
                    let _ = write!(terminal, "\r{line}");
                    Duration::from_secs(1)
                }
                None => {
                    say(&line);
                    Duration::from_secs(30)
                }
            };
    }

    fn done(mut self, well: bool) {
        let line = format!(
            "{}{}",
            self.line(),
            if well { ", done" } else { ", failed" }
        );
        match &mut self.terminal {
            Some(terminal) => {
                let _ = writeln!(terminal, "\r{line}");
            }
            None => say(&line),
        }
    }

    fn line(&self) -> String {
        format!("{} … {} s", self.what, self.since.elapsed().as_secs())
    }
}
