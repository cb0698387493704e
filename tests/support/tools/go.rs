//! Builds the programs with Go from the modules below `tests`, whose go.sum fix every source, into
//! `target/kubernetes/HASH/bin`. The hash is that of the module: with new versions, a new folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::progress::Progress;
use super::{Error, KUBE_APISERVER, Tool, Version, names, read_version};
use crate::support::child::{self, Child, Folder};

const GO_MOD: &str = include_str!("../../kubernetes/go.mod");

/// A module of Go.
#[derive(Debug)]
pub(crate) struct Module {
    folder: &'static str,
    /// Everything that decides what is built.
    sources: &'static [&'static str],
    /// Build tags.
    tags: &'static str,
}

/// The module in a folder below `tests`: its go.mod and go.sum, and what is our own of its sources.
macro_rules! module {
    ($folder:literal, [$($source:literal),*], $tags:literal) => {
        Module {
            folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/", $folder),
            sources: &[
                include_str!(concat!("../../", $folder, "/go.mod")),
                include_str!(concat!("../../", $folder, "/go.sum")),
                $(include_str!(concat!("../../", $folder, "/", $source))),*
            ],
            tags: $tags,
        }
    };
}

/// The control plane, the node, and Helm.
pub(super) const KUBERNETES: Module = module!("kubernetes", [], "");
/// The same, with the one program that is our own: with another source it is another program.
pub(super) const GITOPS: Module = module!("kubernetes", ["gitops/main.go"], "");
pub(super) const HELM3: Module = module!("helm3", [], "");
pub(super) const REGISTRY: Module = module!("registry", [], "");
pub(super) const COSIGN: Module = module!("cosign", [], "");
/// Rules are evaluated without the clients of any cloud.
pub(super) const PROMETHEUS: Module = module!("prometheus", [], "remove_all_sd");
/// Beside which ours is measured.
pub(super) const PEER: Module = module!("peer", ["composio.go", "main.go", "object.go"], "");

/// The oldest Go that will do.
pub(super) const OLDEST: Version = Version(1, 26);
const PAUSE: Duration = Duration::from_millis(200);

/// Builds those that an earlier run did not, in one go: they are of one module, have most of their packages in common,
/// and while one is linked another is compiled. Returns the paths in the order of the tools.
pub(super) fn build(tools: &[&Tool]) -> Result<Vec<PathBuf>, Error> {
    let io = |error: io::Error| Error::Io {
        tools: names(tools),
        reason: error.to_string(),
    };
    let Some(module) = tools.first().map(|tool| tool.module) else {
        return Ok(Vec::new());
    };
    let bin = module.bin();
    let programs: Vec<PathBuf> = tools.iter().map(|tool| bin.join(tool.name)).collect();
    let is_there = |programs: &[PathBuf]| programs.iter().all(|program| program.is_file());
    if is_there(&programs) {
        return Ok(programs);
    }
    fs::create_dir_all(&bin).map_err(io)?;
    // One build at a time, also between processes. The lock ends with the process that holds it.
    let _lock = lock(&bin.with_file_name("lock"), tools).map_err(io)?;
    let missing: Vec<&Tool> = tools
        .iter()
        .zip(&programs)
        .filter(|(_, program)| !program.is_file())
        .map(|(tool, _)| *tool)
        .collect();
    if missing.is_empty() {
        return Ok(programs);
    }
    look_for_go(&missing)?;

    let what = names(&missing);
    let work = Folder::new().map_err(io)?;
    let packages = missing.iter().map(|tool| tool.package);
    let mut list = go(module, &work, "list");
    list.args(["-mod=readonly", "-deps", "-tags", module.tags])
        .args(packages.clone());
    let progress = Progress::new(format!("fetching the sources of {what} (once)"));
    let listed = run(&work, "list", &list, progress, &|_| String::new()).map_err(io)?;
    if !listed.status.success() {
        return Err(listed.error(&missing));
    }
    let all = listed.packages();

    let unfinished = bin.with_file_name("unfinished");
    fs::create_dir_all(&unfinished).map_err(io)?;
    let mut build = go(module, &work, "build");
    // Names each package that it compiles.
    build
        .args(["-v", "-mod=readonly", "-trimpath"])
        .args(["-tags", module.tags, "-ldflags"])
        .arg(linker_flags())
        .arg("-o")
        .arg(&unfinished)
        .args(packages);
    let progress = Progress::new(format!("building {what} (once)"));
    let how_far = |log: &str| format!(", {} of at most {all} packages", packages_in(log));
    let built = run(&work, "build", &build, progress, &how_far).map_err(io)?;
    if !built.status.success() {
        return Err(built.error(&missing));
    }
    // Renamed when it is complete: what has the final name works.
    for tool in missing {
        fs::rename(
            unfinished.join(executable(tool.package)),
            bin.join(tool.name),
        )
        .map_err(io)?;
    }
    Ok(programs)
}

/// `go list` or `go build`, for this machine, whatever else is being built for others.
fn go(module: &Module, work: &Folder, what: &str) -> Command {
    let mut command = Command::new("go");
    command
        .arg(what)
        .current_dir(module.folder)
        .env("CGO_ENABLED", "0")
        .env("GOTMPDIR", work.path())
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH");
    command
}

/// A run of Go that is over.
struct Ran {
    status: ExitStatus,
    log: String,
}

impl Ran {
    fn packages(&self) -> usize {
        packages_in(&self.log)
    }

    fn error(&self, tools: &[&Tool]) -> Error {
        Error::Build {
            tools: names(tools),
            status: self.status.to_string(),
            output: child::tail(&self.log, 60),
        }
    }
}

/// The lines that name a package; in others Go tells what it fetches.
fn packages_in(log: &str) -> usize {
    log.lines().filter(|line| !line.contains(' ')).count()
}

fn run(
    work: &Folder,
    name: &str,
    command: &Command,
    mut progress: Progress,
    how_far: &dyn Fn(&str) -> String,
) -> io::Result<Ran> {
    let go = Child::spawn(work, name, Duration::from_secs(1), command)?;
    let status = loop {
        if let Some(status) = go.exited() {
            break status;
        }
        progress.tick(&how_far(&go.read_log()));
        thread::sleep(PAUSE);
    };
    progress.done(status.success());
    let log = go.read_log();
    Ok(Ran { status, log })
}

/// What Go calls the program of a package: by the last part of its path that is no version.
fn executable(package: &str) -> &str {
    let mut parts = package.rsplit('/');
    let last = parts.next().unwrap_or(package);
    let is_version = last
        .strip_prefix('v')
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    match is_version {
        true => parts.next().unwrap_or(last),
        false => last,
    }
}

impl Module {
    /// `target/kubernetes/HASH/bin`.
    pub(super) fn bin(&self) -> PathBuf {
        let mut hash = Sha256::new();
        self.sources.iter().for_each(|source| hash.update(source));
        let hash = hash.finalize();
        let hash: String = hash
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Cargo makes this folder in the target folder, wherever that is.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        target.with_file_name("kubernetes").join(hash).join("bin")
    }
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

fn lock(path: &Path, tools: &[&Tool]) -> io::Result<File> {
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
                        Progress::new(format!("waiting for another build of {}", names(tools)))
                    })
                    .tick("");
                thread::sleep(PAUSE);
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
fn look_for_go(tools: &[&Tool]) -> Result<(), Error> {
    let missing = |reason: String| Error::Go {
        tools: names(tools),
        oldest: KUBE_APISERVER.oldest,
        reason,
    };
    let output = Command::new("go")
        .args(["env", "GOVERSION"])
        .current_dir(KUBERNETES.folder)
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
        Some(found) if found >= OLDEST => Ok(()),
        Some(_) | None => Err(missing(format!("the one on PATH is {}", answer.trim()))),
    }
}
