//! What a release is made of, by the scripts that the release itself runs: everything but pushing to the world.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::support::child::{Child, Folder};
use crate::support::control_plane::{ControlPlane, free_ports};
use crate::support::helm::{found, helm_on};
use crate::support::scene::SOON;
use crate::support::tools::{self, CRANE, HELM};
use crate::support::{http_client, wait};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const WORKFLOWS: [&str; 2] = [
    include_str!("../.github/workflows/ci.yml"),
    include_str!("../.github/workflows/release.yml"),
];

fn script(name: &str) -> PathBuf {
    Path::new(ROOT).join(".ci/release").join(name)
}

fn run(name: &str, args: &[&str], helm: &Path) -> Output {
    let mut command = Command::new(script(name));
    command.args(args).env("HELM", helm);
    command.output().expect("it runs")
}

/// What it prints, where it succeeds.
fn printed(name: &str, args: &[&str], helm: &Path) -> String {
    let output = run(name, args, helm);
    assert!(output.status.success(), "{name} {args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn complaint(name: &str, args: &[&str]) -> String {
    let output = run(name, args, Path::new("helm"));
    assert!(!output.status.success(), "{name} {args:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_release_has_one_version_and_its_tag_must_be_that() {
    let helm = Path::new("helm");
    assert_eq!(printed("version", &[], helm), format!("{VERSION}\n"));
    let said = complaint("version", &["v99.0.0"]);
    assert!(said.contains("the tag is 99.0.0"), "{said}");
    let said = complaint("version", &[&format!("v{VERSION}-rc.1")]);
    assert!(
        said.contains(&format!("and Cargo.toml has {VERSION}")),
        "{said}"
    );
}

#[test]
fn the_notes_of_a_version_are_its_section_of_the_changelog() {
    let changelog = include_str!("../CHANGELOG.md");
    let newest = changelog
        .lines()
        .find_map(|line| line.strip_prefix("## "))
        .and_then(|heading| heading.split(' ').next())
        .expect("it has a section");
    let notes = printed("notes", &[newest], Path::new("helm"));
    assert!(notes.contains("### "), "{notes}");
    assert!(!notes.contains("\n## "), "{notes}");
    let said = complaint("notes", &["99.0.0"]);
    assert!(said.contains("says nothing of 99.0.0"), "{said}");
}

/// The scripts that a text runs.
fn scripts(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'()$".contains(c));
    let words = words.map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.starts_with(".ci/")).collect()
}

#[test]
fn workflows_are_yaml_and_run_scripts_that_are_there() {
    use std::os::unix::fs::PermissionsExt;

    let mut seen = 0;
    for text in WORKFLOWS {
        let workflow: Value = serde_saphyr::from_str(text).expect("YAML");
        assert!(workflow["jobs"].is_object(), "{workflow}");
        // Nobody who opens a pull request gets a right by it.
        assert_eq!(workflow["permissions"]["contents"], "read");
        let without_comments: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        for name in scripts(&without_comments.join("\n")) {
            let file = Path::new(ROOT).join(name);
            let metadata =
                std::fs::metadata(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(metadata.permissions().mode() & 0o111 != 0, "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen}");
}

/// Some are run on a tag alone.
#[test]
fn every_script_can_be_read_by_its_interpreter() {
    let scripts = std::fs::read_dir(script("")).expect("it is there");
    let mut seen = 0;
    for file in scripts {
        let path = file.expect("it can be read").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let checked = match text.starts_with("#!/usr/bin/env bash\n") {
            true => Command::new("bash").arg("-n").arg(&path).output(),
            false => Command::new("python3")
                .args(["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"])
                .arg(&path)
                .output(),
        };
        let checked = checked.expect("it runs");
        assert!(checked.status.success(), "{}: {checked:?}", path.display());
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn the_same_program_gives_the_same_archive() {
    let folder = Folder::new().expect("a folder");
    let program = folder
        .write("kubectl-composio", "#!/bin/sh\n")
        .expect("it is written");
    let program = program.display().to_string();
    let archives = ["a.tar.gz", "b.tar.gz"].map(|name| {
        let archive = folder.join(name);
        printed(
            "pack",
            &[&program, &archive.display().to_string()],
            Path::new("helm"),
        );
        std::fs::read(archive).expect("it is there")
    });
    assert!(archives[0] == archives[1]);
    let list = Command::new("tar")
        .arg("-tvzf")
        .arg(folder.join("a.tar.gz"))
        .output();
    let list = String::from_utf8(list.expect("tar runs").stdout).expect("text");
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split(' ').next_back())
        .collect();
    assert_eq!(names, ["LICENSE", "kubectl-composio"]);
    assert!(
        list.lines()
            .last()
            .is_some_and(|line| line.starts_with("-rwxr-xr-x 0/0")),
        "{list}"
    );
}

#[test]
fn the_bill_of_materials_has_what_is_built_in_and_not_what_tests_need() {
    let bom = printed("sbom", &[], Path::new("helm"));
    let bom: Value = serde_json::from_str(&bom).expect("JSON");
    assert_eq!(bom["metadata"]["component"]["version"], VERSION);
    let components = bom["components"].as_array().expect("a list");
    let names: Vec<&str> = components
        .iter()
        .map(|component| component["name"].as_str().expect("a name"))
        .collect();
    for built_in in ["kube", "ring", "composio-client", "tokio"] {
        assert!(names.contains(&built_in), "{built_in}");
    }
    for for_tests in ["syn", "serde_derive", "composio-testing", "windows-sys"] {
        assert!(!names.contains(&for_tests), "{for_tests}");
    }
    for component in components {
        assert!(component["licenses"].is_array(), "{component}");
    }
}

/// The manifests and the chart of a release whose image is there.
async fn made(image: &str) -> Folder {
    let folder = Folder::new().expect("a folder");
    let helm = found(&HELM).await;
    let path = folder.path().display().to_string();
    printed("manifests", &[&path, image], &helm);
    folder
}

#[tokio::test]
async fn one_file_installs_the_operator_and_says_nothing_of_helm() {
    let folder = made("registry.acme.example/composio-operator").await;
    let text = std::fs::read_to_string(folder.join("install.yaml")).expect("it is there");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let of_kind = |kind: &str| {
        objects
            .iter()
            .filter(|object| object["kind"] == kind)
            .count()
    };
    assert_eq!(of_kind("CustomResourceDefinition"), 4);
    assert_eq!(
        [of_kind("Deployment"), of_kind("Pod"), of_kind("Job")],
        [1, 0, 0]
    );
    assert_eq!(of_kind("Namespace"), 1);
    for object in &objects {
        let by = &object["metadata"]["labels"]["app.kubernetes.io/managed-by"];
        assert!(by.is_null() || by == "kubectl", "{object}");
    }
    let image = format!("image: \"registry.acme.example/composio-operator:{VERSION}\"");
    assert!(text.contains(&image));
    let control_plane = ControlPlane::start().await.expect("it starts");
    let file = folder.join("install.yaml").display().to_string();
    for _ in 0..2 {
        let args = ["apply", "--server-side", "--validate=strict", "-f", &file];
        let applied = control_plane.kubectl(&args).await;
        assert!(applied.status.success(), "{applied:?}");
    }
    let definitions = std::fs::read_to_string(folder.join("crds.yaml")).expect("it is there");
    let printed = Command::new(crate::support::sandbox::PROGRAM)
        .arg("crd")
        .output();
    let printed = String::from_utf8(printed.expect("it runs").stdout).expect("text");
    let parse = |text: &str| {
        let mut all: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
        all.sort_by_key(|one| one["metadata"]["name"].to_string());
        all
    };
    assert_eq!(parse(&definitions), parse(&printed));
}

#[tokio::test]
async fn the_checksums_and_the_manifest_of_the_plugin_are_those_of_the_files() {
    let folder = made("registry.acme.example/composio-operator").await;
    let program = folder
        .write("kubectl-composio", "#!/bin/sh\n")
        .expect("it is written");
    for platform in ["linux-amd64", "linux-arm64", "darwin-arm64"] {
        let archive = folder.join(format!("kubectl-composio-{platform}.tar.gz"));
        let args = [&program, &archive].map(|path| path.display().to_string());
        printed("pack", &[&args[0], &args[1]], Path::new("helm"));
    }
    std::fs::remove_file(program).expect("it is removed");
    let path = folder.path().display().to_string();
    let url = "https://downloads.acme.example/v0";
    printed("finish", &[&path, url], Path::new("helm"));
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    assert!(checked.status.success(), "{checked:?}");
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).expect("it is there");
    let krew = std::fs::read_to_string(folder.join("composio.yaml")).expect("it is there");
    let krew: Value = serde_saphyr::from_str(&krew).expect("YAML");
    assert_eq!(krew["spec"]["version"], format!("v{VERSION}"));
    let platforms = krew["spec"]["platforms"].as_array().expect("a list");
    assert_eq!(platforms.len(), 3);
    for platform in platforms {
        let uri = platform["uri"].as_str().expect("a URL");
        let archive = uri.strip_prefix(&format!("{url}/")).expect("it is there");
        let line = format!("{}  {archive}", platform["sha256"].as_str().expect("a sum"));
        assert!(sums.lines().any(|other| other == line), "{line}\n{sums}");
    }
}

/// A registry on loopback that keeps everything in memory.
async fn serve(folder: &Folder, registry: &str) -> Child {
    let mut command = Command::new(found(&CRANE).await);
    command.args(["registry", "serve", "--address", registry]);
    let serving = Child::spawn(folder, "registry", Duration::from_secs(1), &command);
    let http = http_client(SOON);
    wait::until("the registry", SOON, async || {
        let asked = http.get(format!("http://{registry}/v2/")).send().await;
        asked.map(drop).map_err(|error| error.to_string())
    })
    .await;
    serving.expect("it starts")
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
    let [port] = free_ports().expect("a port");
    let registry = format!("127.0.0.1:{port}");
    let folder = Folder::new().expect("a folder");
    let _serving = serve(&folder, &registry).await;
    // Any static program will do.
    let crane = found(&CRANE).await;
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
    assert_eq!(ask(&["digest"]).trim(), digest.trim());
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
    let [port] = free_ports().expect("a port");
    let registry = format!("127.0.0.1:{port}");
    let folder = made(&format!("{registry}/composio-operator")).await;
    let _serving = serve(&folder, &registry).await;
    let control_plane = ControlPlane::start().await.expect("it starts");
    let helm = async |args: &[&str]| {
        let output = helm_on(&control_plane, folder.path(), "default", args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    };
    let archive = folder.join(format!("composio-operator-{VERSION}.tgz"));
    let archive = archive.display().to_string();
    let charts = format!("oci://{registry}/charts");
    helm(&["push", &archive, &charts, "--plain-http"]).await;
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
