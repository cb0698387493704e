//! The archive that the demo takes its control plane from: the right one is used, and nothing else is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::child::Folder;
use crate::support::tcp_proxy::ReservedPort;
use crate::support::tools::archive::Archive;
use crate::support::tools::{Error, Tool, Tools, found_fetched_or_built};

#[path = "launch/need.rs"]
mod need;

const PROGRAMS: [(&str, &str); 3] = [
    ("etcd", "etcd Version: 3.6.0"),
    ("kube-apiserver", "Kubernetes v1.36.2"),
    ("kubectl", r#""gitVersion": "v1.36.2""#),
];

/// A program that tells its version and does nothing else.
fn program(folder: &Path, name: &str, answer: &str) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder can be made");
    let (text, path) = (folder.join("text"), folder.join(name));
    std::fs::write(&text, format!("#!/bin/sh\necho '{answer}'\n")).expect("it can be written");
    // By another process: what is open for writing here, and in a child that another test is starting, cannot be run.
    let made = Command::new("install")
        .args(["-m", "755"])
        .args([&text, &path])
        .status();
    assert!(made.expect("there is an install").success());
    path
}

/// An archive laid out as the Kubernetes project does.
fn packed(folder: &Folder) -> Vec<u8> {
    for (name, answer) in PROGRAMS {
        program(&folder.join("controller-tools/envtest"), name, answer);
    }
    let file = folder.join("packed.tar.gz");
    let tar = Command::new("tar")
        .arg("-czf")
        .arg(&file)
        .arg("-C")
        .arg(folder.path())
        .arg("controller-tools")
        .status();
    assert!(tar.expect("there is a tar").success());
    std::fs::read(file).expect("it was written")
}

fn hash(bytes: &[u8]) -> String {
    let hash = Sha512::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends an answer to whoever asks for the archive.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Sends the whole archive.
    async fn of(bytes: &[u8]) -> Server {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
        Server::answering([head.as_bytes(), bytes].concat(), true).await
    }

    /// Sends these bytes, and then hangs up or falls silent.
    async fn answering(answer: Vec<u8>, hangs_up: bool) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback has a free port");
        let address = listener.local_addr().expect("it has an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut request = [0; 4096];
                // Whoever asked may have gone.
                let _ = connection.read(&mut request).await;
                count.fetch_add(1, Ordering::SeqCst);
                let _ = connection.write_all(&answer).await;
                if !hangs_up {
                    silent.push(connection);
                }
            }
        });
        Server {
            url: format!("http://{address}/envtest.tar.gz"),
            asked,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// What is got with this archive, and what Go was asked to build.
async fn got(
    folders: Vec<PathBuf>,
    archive: Archive,
    built: &Path,
) -> (Result<Tools, Error>, Vec<&'static str>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let built = built.to_owned();
    let build = move |tools: &[&Tool]| {
        let names = tools.iter().map(|tool| tool.name);
        log.lock().expect("nobody panics with it").extend(names);
        Ok(tools.iter().map(|tool| built.join(tool.name)).collect())
    };
    let tools = found_fetched_or_built(folders, Some(archive), build).await;
    let asked = asked.lock().expect("nobody panics with it").clone();
    (tools, asked)
}

fn paths(tools: Result<Tools, Error>) -> [PathBuf; 3] {
    let tools = tools.expect("there are some");
    [tools.etcd, tools.kube_apiserver, tools.kubectl]
}

fn all_in(folder: &Path) -> [PathBuf; 3] {
    PROGRAMS.map(|(name, _)| folder.join(name))
}

const BUILT: &str = "/built";

#[tokio::test]
async fn an_archive_with_the_right_hash_is_used_and_fetched_once() {
    let folder = Folder::new().expect("a folder can be made");
    let bytes = packed(&folder);
    let server = Server::of(&bytes).await;
    let unpacked = folder.join("unpacked");
    for run in ["first", "second"] {
        let archive = Archive::at(&server.url, &hash(&bytes), &unpacked);
        let (tools, built) = got(Vec::new(), archive, Path::new(BUILT)).await;
        assert_eq!(
            paths(tools),
            all_in(&unpacked.join("controller-tools/envtest"))
        );
        assert_eq!(built, [""; 0], "in the {run} run");
    }
    assert_eq!(server.asked(), 1);
    let left: Vec<_> = std::fs::read_dir(&unpacked).expect("it is there").collect();
    assert_eq!(left.len(), 1, "the packed one stays: {left:?}");
}

#[tokio::test]
async fn an_archive_that_is_not_the_one_is_refused_and_go_builds() {
    let folder = Folder::new().expect("a folder can be made");
    let bytes = packed(&folder);
    let right = hash(&bytes);
    let unreachable = ReservedPort::new();
    let half = [
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len()).as_bytes(),
        &bytes[..bytes.len() / 2],
    ]
    .concat();
    let unauthorized = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let page = b"<html>sign in to this network</html>";
    let another = Server::of(b"another archive").await;
    let broken = Server::answering(half.clone(), true).await;
    let stalled = Server::answering(half, false).await;
    let silent = Server::answering(Vec::new(), false).await;
    let refused = Server::answering(unauthorized.to_vec(), true).await;
    let portal = Server::of(page).await;
    for (url, sha512, words) in [
        (&another.url, &right, "its SHA-512 is"),
        (&broken.url, &right, "end of file before message length"),
        (&stalled.url, &right, "timed out"),
        (&silent.url, &right, "timed out"),
        (&refused.url, &right, "401 Unauthorized"),
        // A network that asks to sign in answers everything with its own page.
        (&portal.url, &right, "its SHA-512 is"),
        // The wrong hash is in our table.
        (&portal.url, &hash(page), "tar: "),
        (&unreachable.url("http"), &right, "Connection refused"),
    ] {
        let unpacked = folder.join("unpacked");
        let mut archive = Archive::at(url, sha512, &unpacked);
        archive.stall = Duration::from_millis(300);
        let told = archive.fetch().await.expect_err(words);
        assert!(told.contains(words), "{url}: {told}");
        let (tools, built) = got(Vec::new(), archive, Path::new(BUILT)).await;
        assert_eq!(paths(tools), all_in(Path::new(BUILT)));
        assert_eq!(built, ["etcd", "kube-apiserver", "kubectl"], "{words}");
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("it is there")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("un"))
            .collect();
        assert_eq!(left, [""; 0], "{words}");
    }
    for server in [&another, &broken, &stalled, &silent, &refused] {
        assert_eq!(server.asked(), 2, "once for each fetch");
    }
    assert_eq!(portal.asked(), 4, "once for each fetch");
}

#[tokio::test]
async fn what_is_at_hand_goes_before_the_archive() {
    let folder = Folder::new().expect("a folder can be made");
    let bytes = packed(&folder);
    let server = Server::of(&bytes).await;
    let archive = || Archive::at(&server.url, &hash(&bytes), &folder.join("unpacked"));
    let assets = folder.join("assets");
    for (name, answer) in PROGRAMS {
        program(&assets, name, answer);
    }
    let (tools, built) = got(vec![assets.clone()], archive(), Path::new(BUILT)).await;
    assert_eq!(paths(tools), all_in(&assets));
    assert_eq!((server.asked(), built.len()), (0, 0));
    // One that is too old is passed over, and the others are taken.
    program(&assets, "kubectl", r#""gitVersion": "v1.30.0""#);
    let (tools, built) = got(vec![assets.clone()], archive(), Path::new(BUILT)).await;
    let [etcd, _, kubectl] = paths(tools);
    assert_eq!(etcd, assets.join("etcd"));
    assert_eq!(
        kubectl,
        folder.join("unpacked/controller-tools/envtest/kubectl")
    );
    assert_eq!((server.asked(), built.len()), (1, 0));
}

#[test]
fn go_compiles_beside_cargo_only_where_nothing_is_at_hand_and_nothing_can_be_fetched() {
    let folder = Folder::new().expect("a folder can be made");
    let target = folder.join("target");
    let assets = folder.join("assets");
    let machine = || need::Machine {
        folders: vec![assets.clone()],
        target: target.clone(),
    };
    let unasked = || -> bool { panic!("nobody need ask") };
    assert!(machine().needs_go(|| false));
    assert!(!machine().needs_go(|| true));
    for there in [
        target.join("kubernetes/056092d24f08/bin"),
        target.join("kubernetes/envtest-v1.36.2-linux-amd64/controller-tools/envtest"),
        assets.clone(),
    ] {
        let (name, answer) = PROGRAMS[1];
        let program = program(&there, name, answer);
        assert!(!machine().needs_go(unasked), "{}", there.display());
        std::fs::remove_file(program).expect("it is there");
    }
    assert!(machine().needs_go(|| false));
}

#[test]
fn what_is_published_is_named_for_each_platform_and_given_up_within_five_seconds() {
    let folder = Path::new("/nowhere");
    for (os, arch, platform) in [
        ("linux", "x86_64", "linux-amd64"),
        ("linux", "aarch64", "linux-arm64"),
        ("macos", "x86_64", "darwin-amd64"),
        ("macos", "aarch64", "darwin-arm64"),
    ] {
        let archive = Archive::published(os, arch, folder).expect("it is published");
        assert_eq!(
            archive.to_string(),
            format!(
                "https://github.com/kubernetes-sigs/controller-tools/releases/download/\
                 envtest-v1.36.2/envtest-v1.36.2-{platform}.tar.gz"
            )
        );
        assert_eq!(archive.connect, Duration::from_secs(5));
    }
    assert!(Archive::published("windows", "x86_64", folder).is_none());
    assert!(Archive::published("linux", "riscv64", folder).is_none());
}
