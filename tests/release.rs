//! What a release is made of, by the scripts that the release itself runs: everything but pushing to the world.

mod published;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::tools::{self, HELM};

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
    let helm = tools::program(&HELM).await;
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
