//! The archive of etcd, kube-apiserver and kubectl that the Kubernetes project publishes for tests, held to a
//! hash. To move on: take version and hashes from `envtest-releases.yaml` of kubernetes-sigs/controller-tools.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha512};

use super::progress::Progress;
use super::{NEEDED, names};

const RELEASES: &str = "https://github.com/kubernetes-sigs/controller-tools/releases/download";
const VERSION: &str = "v1.36.2";
/// By platform, as Rust names it and as the archive does: the SHA-512 of the archive.
const PUBLISHED: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "linux-amd64",
        "ea743186c8a799f5cf8faf16969f86189d003cb7d130e0ac4b58789f1e5748dcf30ebe91c837a10d5ac415383da3e10b9e64d65785c938c23e739781cfb76f08",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "2d72ee985a8e262a3c57dc9f7f0fd891f6a8c7bf7ebaa2db6dc6d8eac8ae28181afe51c1f368b67756cdb40b10de9b205609e1726e5f27f7c6d824dd9c6649ac",
    ),
    (
        "macos",
        "x86_64",
        "darwin-amd64",
        "b4fe9f973cd1992e3880f8b230ed32c0c243b83371591e3e3315f4404df2cdbef8ee94eeb9bb245b7e5feb987d5c4a76c43e0877654ab73f00d7bbc2b9984514",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "9278f9e5af556b2f1f2d139769c1f0d717c7b4426917fdebdba898bcb725a916e4910d6160886194ff9be9589ea7c5c32c2b8ae0754703874b7c8ba8ddfc41ce",
    ),
];
/// The programs in the archive.
const INSIDE: &str = "controller-tools/envtest";
/// More than this is not the archive.
const LARGEST: u64 = 512 * 1024 * 1024;
/// Who has no network need not wait for long.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection over which nothing comes for so long is given up.
const STALL: Duration = Duration::from_secs(15);

/// An archive, and where it is unpacked.
pub(crate) struct Archive {
    url: String,
    sha512: String,
    folder: PathBuf,
    /// How long to wait for a connection.
    pub(crate) connect: Duration,
    /// How long to wait for more of the answer.
    pub(crate) stall: Duration,
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Archive {
    /// What is published for this machine, if anything is.
    pub(crate) fn official() -> Option<Archive> {
        // Cargo makes this folder in the target folder, wherever that is.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = target.with_file_name("kubernetes");
        Archive::published(std::env::consts::OS, std::env::consts::ARCH, &folder)
    }

    /// What is published for a platform; it is unpacked in a folder of its own in that one.
    pub(crate) fn published(os: &str, arch: &str, folder: &Path) -> Option<Archive> {
        let (_, _, platform, sha512) = PUBLISHED
            .into_iter()
            .find(|(its_os, its_arch, ..)| (*its_os, *its_arch) == (os, arch))?;
        let name = format!("envtest-{VERSION}-{platform}");
        let url = format!("{RELEASES}/envtest-{VERSION}/{name}.tar.gz");
        Some(Archive::at(&url, sha512, &folder.join(name)))
    }

    /// The archive at a URL, which has that hash.
    pub(crate) fn at(url: &str, sha512: &str, folder: &Path) -> Archive {
        Archive {
            url: url.to_owned(),
            sha512: sha512.to_owned(),
            folder: folder.to_owned(),
            connect: CONNECT,
            stall: STALL,
        }
    }

    /// The folder with the programs. They are fetched unless an earlier run did; an error says why they cannot
    /// be had.
    pub(crate) async fn fetch(&self) -> Result<PathBuf, String> {
        let programs = self.folder.join(INSIDE);
        if programs.is_dir() {
            return Ok(programs);
        }
        let parent = self.folder.parent().ok_or("it has no place")?;
        fs::create_dir_all(parent).map_err(|error| error.to_string())?;
        // On the same disk, so that it can be renamed when it is complete. Two at once do not meet in it.
        let work = new_folder(parent)?;
        let packed = work.join("archive.tar.gz");
        let unpacked = self.download(&packed).await.and_then(|()| {
            unpack(&packed, &work)?;
            fs::remove_file(&packed).map_err(|error| error.to_string())
        });
        let placed = unpacked.and_then(|()| match fs::rename(&work, &self.folder) {
            // Somebody else was first.
            Err(_) if programs.is_dir() => Ok(()),
            placed => placed.map_err(|error| error.to_string()),
        });
        // Where it was renamed there is nothing to remove.
        let _ = fs::remove_dir_all(&work);
        placed.map(|()| programs)
    }

    /// Writes it to a file, and holds it to its hash.
    async fn download(&self, file: &Path) -> Result<(), String> {
        let mut progress = Progress::new(format!("fetching {}", names(&NEEDED)));
        let done = self.stream(file, &mut progress).await;
        progress.done(done.is_ok());
        done
    }

    async fn stream(&self, file: &Path, progress: &mut Progress) -> Result<(), String> {
        let told = |error: reqwest::Error| {
            let mut text = error.to_string();
            let mut error: &dyn std::error::Error = &error;
            while let Some(source) = error.source() {
                text = format!("{text}: {source}");
                error = source;
            }
            text
        };
        progress.tick("");
        let answer = self.client().map_err(told)?.get(&self.url).send().await;
        let mut answer = answer
            .and_then(reqwest::Response::error_for_status)
            .map_err(told)?;
        let length = answer.content_length();
        let mut file = File::create(file).map_err(|error| error.to_string())?;
        let (mut hash, mut size) = (Sha512::new(), 0);
        while let Some(chunk) = answer.chunk().await.map_err(told)? {
            size += chunk.len() as u64;
            if size > LARGEST {
                return Err(format!("it is larger than {LARGEST} bytes"));
            }
            hash.update(&chunk);
            file.write_all(&chunk).map_err(|error| error.to_string())?;
            progress.tick(&match length {
                Some(length) => format!(", {} of {} MB", size / 1_000_000, length / 1_000_000),
                None => format!(", {} MB", size / 1_000_000),
            });
        }
        let found: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        match found == self.sha512 {
            true => Ok(()),
            false => Err(format!("its SHA-512 is {found}, expected {}", self.sha512)),
        }
    }

    fn client(&self) -> reqwest::Result<reqwest::Client> {
        // Fails when there is one already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_secure = self.url.starts_with("https://");
        let client = reqwest::Client::builder()
            .connect_timeout(self.connect)
            .read_timeout(self.stall)
            // Also where it redirects to.
            .https_only(is_secure);
        match is_secure {
            true => client.build(),
            // A test's, on loopback: past every proxy in the environment.
            false => client.no_proxy().build(),
        }
    }
}

/// A new folder in that one.
fn new_folder(parent: &Path) -> Result<PathBuf, String> {
    let path = parent.join(format!("unfinished-{}", crate::support::random_hex::<4>()));
    fs::create_dir(&path).map_err(|error| error.to_string())?;
    Ok(path)
}

/// The programs that are needed, and nothing else that may be in it.
fn unpack(archive: &Path, folder: &Path) -> Result<(), String> {
    let output = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .args(NEEDED.map(|tool| format!("{INSIDE}/{}", tool.name)))
        .output()
        .map_err(|error| format!("tar: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("tar: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
