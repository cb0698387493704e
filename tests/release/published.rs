//! What is pushed to a registry is what is installed from it, and it is signed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::{ROOT, VERSION, made, printed, script};
use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::helm::helm_on;
use crate::support::registry::Registry;
use crate::support::tools::{self, COSIGN, CRANE};

/// A pair of keys, which stand in for the identity of the workflow.
struct Keys {
    cosign: PathBuf,
    folder: Folder,
}

impl Keys {
    async fn made() -> Keys {
        let folder = Folder::new().expect("a folder");
        let cosign = tools::program(&COSIGN).await;
        let keys = Keys { cosign, folder };
        let made = keys.run(&["generate-key-pair"]);
        assert!(made.status.success(), "{made:?}");
        keys
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.cosign);
        command.args(args).current_dir(self.folder.path());
        command
            .env("COSIGN_PASSWORD", "")
            .output()
            .expect("it runs")
    }

    /// Signs it as a release does.
    fn sign(&self, what: &str) -> Output {
        let mut command = Command::new(script("sign"));
        command.arg(what).env("COSIGN", &self.cosign);
        command.env("COSIGN_KEY", self.folder.join("cosign.key"));
        command
            .env("COSIGN_PASSWORD", "")
            .output()
            .expect("it runs")
    }

    /// Whether a person who has the public key takes it, and what they are told.
    fn verify(&self, args: &[&str]) -> (bool, String) {
        let key = ["--key", "cosign.pub", "--insecure-ignore-tlog"];
        let verified = self.run(&[&args[..1], &key, &args[1..]].concat());
        let told = String::from_utf8_lossy(&verified.stderr).into_owned();
        (verified.status.success(), told)
    }

    /// Signs what was pushed; its own key verifies it then, and no other does.
    async fn sign_pushed(&self, name: &str) {
        let (verified, told) = self.verify(&["verify", name]);
        assert!(!verified && told.contains("no signatures"), "{told}");
        let signed = self.sign(name);
        assert!(signed.status.success(), "{signed:?}");
        let (verified, told) = self.verify(&["verify", name]);
        assert!(verified, "{told}");
        let (verified, told) = Keys::made().await.verify(&["verify", name]);
        assert!(!verified && told.contains("signature"), "{told}");
    }
}

#[tokio::test]
async fn the_checksums_are_signed_and_a_changed_file_is_found_out() {
    let keys = Keys::made().await;
    let sums = keys
        .folder
        .write("SHA256SUMS", "0123  a\n")
        .expect("it is written");
    let sums = sums.display().to_string();
    let bundle = format!("{sums}.bundle");
    let signed = keys.sign(&sums);
    assert!(signed.status.success(), "{signed:?}");
    let verify = ["verify-blob", "--bundle", &bundle, &sums];
    let (verified, told) = keys.verify(&verify);
    assert!(verified, "{told}");
    std::fs::write(&sums, "4567  a\n").expect("it is written");
    let (verified, told) = keys.verify(&verify);
    assert!(!verified, "{told}");
    // A tag is not what was looked at.
    let refused = keys.sign("registry.acme.example/composio-operator:1");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{said}");
    assert!(
        said.contains("is neither NAME@sha256:DIGEST nor a file"),
        "{said}"
    );
}

/// What an image is made with, which not every machine has.
fn can_make_images() -> bool {
    let prints = |program: &str, args: &[&str]| Command::new(program).args(args).output();
    let is_root = prints("id", &["-u"]).is_ok_and(|output| output.stdout == b"0\n");
    let is_there = is_root && prints("buildah", &["--version"]).is_ok();
    if !is_there {
        // There it is the point that nothing is passed over.
        assert!(std::env::var_os("CI").is_none(), "buildah, and root");
        tools::say("skipped: an image needs buildah, and root");
    }
    is_there
}

#[tokio::test]
async fn an_image_for_two_architectures_is_pushed_as_one() {
    if !can_make_images() {
        return;
    }
    let folder = Folder::new().expect("a folder");
    let serving = Registry::start(&folder).await;
    let registry = &serving.host;
    // Any static program will do.
    let crane = tools::program(&CRANE).await;
    let name = format!("{registry}/composio-operator:{VERSION}");
    let archives = ["amd64", "arm64"].map(|arch| {
        let archive = folder.join(format!("{arch}.tar"));
        let made = Command::new(Path::new(ROOT).join(".ci/image"))
            .arg(&name)
            .arg(&archive)
            .arg(&crane)
            .arg(arch)
            .output()
            .expect("it runs");
        assert!(made.status.success(), "{made:?}");
        archive.display().to_string()
    });
    let [amd64, arm64] = &archives;
    let digest = printed("push", &[&name, amd64, arm64], Path::new("helm"));
    let ask = |what: &[&str]| {
        let asked = Command::new(&crane)
            .args(what)
            .arg("--insecure")
            .arg(&name)
            .output();
        let asked = asked.expect("it runs");
        assert!(asked.status.success(), "{what:?}: {asked:?}");
        String::from_utf8(asked.stdout).expect("text")
    };
    let digest = digest.trim();
    assert_eq!(ask(&["digest"]).trim(), digest);
    let repository = format!("{registry}/composio-operator@{digest}");
    Keys::made().await.sign_pushed(&repository).await;
    let index: Value = serde_json::from_str(&ask(&["manifest"])).expect("JSON");
    let manifests = index["manifests"].as_array().expect("a list").iter();
    let platforms: Vec<&Value> = manifests
        .map(|manifest| &manifest["platform"]["architecture"])
        .collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
    for platform in ["linux/amd64", "linux/arm64"] {
        let config = ask(&["config", "--platform", platform]);
        let config: Value = serde_json::from_str(&config).expect("JSON");
        assert_eq!(
            format!("linux/{}", config["architecture"].as_str().expect("one")),
            platform
        );
        let run = &config["config"];
        // By number, so that the kubelet sees that it is not root.
        assert_eq!(run["User"], "65532:65532");
        assert_eq!(run["Entrypoint"], serde_json::json!(["/composio-operator"]));
        let labels = &run["Labels"];
        assert_eq!(labels["org.opencontainers.image.version"], VERSION);
    }
}

#[tokio::test]
async fn the_chart_is_installed_from_the_registry_that_it_was_pushed_to() {
    let folder = Folder::new().expect("a folder");
    let serving = Registry::start(&folder).await;
    let registry = &serving.host;
    let folder = made(&format!("{registry}/composio-operator")).await;
    let control_plane = ControlPlane::start().await.expect("it starts");
    let helm = async |args: &[&str]| {
        let output = helm_on(&control_plane, folder.path(), "default", args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {said}");
        // Where it was pushed to is told as a complaint is.
        String::from_utf8(output.stdout).expect("text") + &said
    };
    let archive = folder.join(format!("composio-operator-{VERSION}.tgz"));
    let archive = archive.display().to_string();
    let charts = format!("oci://{registry}/charts");
    let pushed = helm(&["push", &archive, &charts, "--plain-http"]).await;
    let lines = pushed.lines();
    let digest = lines
        .filter_map(|line| line.strip_prefix("Digest: "))
        .next();
    let digest = digest.unwrap_or_else(|| panic!("no digest: {pushed}"));
    let signed = format!("{registry}/charts/composio-operator@{digest}");
    Keys::made().await.sign_pushed(&signed).await;
    let chart = format!("{charts}/composio-operator");
    helm(&[
        "install",
        "op",
        &chart,
        "--version",
        VERSION,
        "--plain-http",
    ])
    .await;
    let manifest = helm(&["get", "manifest", "op"]).await;
    let image = format!("image: \"{registry}/composio-operator:{VERSION}\"");
    assert!(manifest.contains(&image), "{manifest}");
    // Nothing in the archive is for others than those who install it.
    let listed = Command::new("tar")
        .args(["-tzf", &archive])
        .output()
        .expect("tar runs");
    let listed = String::from_utf8(listed.stdout).expect("text");
    assert!(!listed.contains("/examples/"), "{listed}");
}
