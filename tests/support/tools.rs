//! Finds the programs of a Kubernetes control plane, or gets them once.
//!
//! They are looked for where the ecosystem puts them, `$KUBEBUILDER_ASSETS` and `PATH`. What is not there is
//! built with Go from the module in `tests/kubernetes`, so that tests run with the versions that it names. The
//! demo, which somebody waits for, first tries the archive that the Kubernetes project publishes.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) mod archive;
mod catalog;
mod go;
mod progress;

use archive::Archive;
pub(crate) use catalog::*;

/// The programs that every control plane needs.
const NEEDED: [&Tool; 3] = [&ETCD, &KUBE_APISERVER, &KUBECTL];

/// A program of the control plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// What it is built from.
    module: &'static go::Module,
    /// Go's name for its main package.
    package: &'static str,
    /// Prints the version.
    ask: &'static [&'static str],
    /// What stands before the version number in the answer.
    before: &'static str,
    /// The oldest that will do.
    oldest: Version,
}

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
        "{tools} are neither in $KUBEBUILDER_ASSETS nor on PATH, and to build them Go {} or newer is needed: {reason}\n\
         Either install Go (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver \
         and kubectl {oldest} or newer, such as the one that `setup-envtest use -p path` prints.",
        go::OLDEST
    )]
    Go {
        tools: String,
        oldest: Version,
        reason: String,
    },
    #[error("building {tools} failed ({status}):\n{output}")]
    Build {
        tools: String,
        status: String,
        output: String,
    },
    #[error("building {tools}: {reason}")]
    Io { tools: String, reason: String },
}

/// The programs every control plane needs.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) etcd: PathBuf,
    pub(crate) kube_apiserver: PathBuf,
    pub(crate) kubectl: PathBuf,
}

impl Tools {
    /// Of each its path, in the order of [`NEEDED`].
    fn of(paths: Vec<PathBuf>) -> Option<Tools> {
        let [etcd, kube_apiserver, kubectl] = paths.try_into().ok()?;
        Some(Tools {
            etcd,
            kube_apiserver,
            kubectl,
        })
    }
}

/// Finds or builds all of them, the first time it is called. Blocks, for minutes if it builds.
pub(crate) fn tools() -> Result<Tools, Error> {
    static TOOLS: OnceLock<Result<Tools, Error>> = OnceLock::new();
    TOOLS
        .get_or_init(|| {
            let paths = complete(&NEEDED, look_for(&NEEDED, &folders()), go::build)?;
            Ok(Tools::of(paths).expect("as many as are needed"))
        })
        .clone()
}

/// The same for the demo, where a person waits: what is not there yet is fetched from the archive, and built where that
/// cannot be had.
pub(crate) async fn tools_for_demo() -> Result<Tools, Error> {
    let mut folders = folders();
    // What tests have built already.
    folders.push(go::KUBERNETES.bin());
    found_fetched_or_built(folders, Archive::official(), go::build).await
}

/// From these folders, else from the archive, else by `build`, which is told what is missing.
pub(crate) async fn found_fetched_or_built(
    folders: Vec<PathBuf>,
    archive: Option<Archive>,
    build: impl FnOnce(&[&Tool]) -> Result<Vec<PathBuf>, Error> + Send + 'static,
) -> Result<Tools, Error> {
    let failed = |error: tokio::task::JoinError| Error::Io {
        tools: names(&NEEDED),
        reason: error.to_string(),
    };
    let look = move || look_for(&NEEDED, &folders);
    let mut paths = tokio::task::spawn_blocking(look).await.map_err(failed)?;
    if paths.contains(&None)
        && let Some(archive) = archive
    {
        match archive.fetch().await {
            Ok(folder) => {
                for (path, tool) in paths.iter_mut().zip(NEEDED) {
                    *path = path
                        .take()
                        .or_else(|| found(tool, std::slice::from_ref(&folder)));
                }
            }
            Err(reason) => say(&format!(
                "{archive} is not used, Go builds instead: {reason}"
            )),
        }
    }
    let complete = move || complete(&NEEDED, paths, build);
    let paths = tokio::task::spawn_blocking(complete)
        .await
        .map_err(failed)??;
    Ok(Tools::of(paths).expect("as many as are needed"))
}

/// Finds or builds one program. Blocks.
pub(crate) fn find(tool: &Tool) -> Result<PathBuf, Error> {
    let found = look_for(&[tool], &folders());
    let mut paths = complete(&[tool], found, go::build)?;
    Ok(paths.remove(0))
}

/// Where a program is. Built the first time, which takes a while; panics where it cannot be had.
pub(crate) async fn program(tool: &'static Tool) -> PathBuf {
    tokio::task::spawn_blocking(move || find(tool))
        .await
        .expect("the search does not panic")
        .unwrap_or_else(|error| panic!("no {}: {error}", tool.name))
}

/// Where in the folders the programs are, if they are there.
fn look_for(tools: &[&Tool], folders: &[PathBuf]) -> Vec<Option<PathBuf>> {
    tools.iter().map(|tool| found(tool, folders)).collect()
}

/// Builds at once what was not found.
fn complete(
    tools: &[&Tool],
    found: Vec<Option<PathBuf>>,
    build: impl FnOnce(&[&Tool]) -> Result<Vec<PathBuf>, Error>,
) -> Result<Vec<PathBuf>, Error> {
    let all = tools.iter().zip(&found);
    let missing: Vec<&Tool> = all
        .filter(|(_, found)| found.is_none())
        .map(|(tool, _)| *tool)
        .collect();
    let mut built = match missing.is_empty() {
        true => Vec::new(),
        false => build(&missing)?,
    }
    .into_iter();
    Ok(found
        .into_iter()
        .filter_map(|found| found.or_else(|| built.next()))
        .collect())
}

/// The first in the folders that will do.
fn found(tool: &Tool, folders: &[PathBuf]) -> Option<PathBuf> {
    candidates(tool.name, folders).into_iter().find(|path| {
        let checked = check(tool, path);
        if let Err(reason) = &checked {
            say(&format!("passing over {}: {reason}", path.display()));
        }
        checked.is_ok()
    })
}

fn names(tools: &[&Tool]) -> String {
    let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
    names.join(", ")
}

/// `$KUBEBUILDER_ASSETS`, and the folders of `PATH`.
fn folders() -> Vec<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    assets
        .into_iter()
        .chain(std::env::split_paths(&path))
        .collect()
}

/// The files of this name in the folders, each file once.
fn candidates(name: &str, folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    folders
        .iter()
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

/// Says a line where a person sees it while tests run: libtest holds back what is printed.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
