//! What neither compiler nor clippy says of the files: that each is compiled, that none outgrows its reader,
//! that those that decide write no log (clippy allows a macro in a whole crate or nowhere), and that the links of
//! the documents lead somewhere.
//!
//! Each check is a function from sources to complaints, so that a small example can prove that it fails.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) mod documents;
mod naps;
pub(crate) mod source;
use source::Source;

/// So long a file may be.
const LINES: usize = 400;

/// The manifests whose `path` lines name where compilation begins, with the folder of each.
const MANIFESTS: [(&str, &str); 7] = [
    ("", include_str!("../Cargo.toml")),
    ("src/api/", include_str!("../src/api/Cargo.toml")),
    ("src/cli/", include_str!("../src/cli/Cargo.toml")),
    ("src/client/", include_str!("../src/client/Cargo.toml")),
    ("src/sandbox/", include_str!("../src/sandbox/Cargo.toml")),
    ("src/testing/", include_str!("../src/testing/Cargo.toml")),
    ("tests/launch/", include_str!("launch/Cargo.toml")),
];

fn sources() -> Vec<Source> {
    let mut sources = Source::all("src");
    sources.extend(Source::all("tests"));
    sources
}

#[test]
fn every_file_is_reached_by_a_mod_line() {
    none(unreached(&roots(&MANIFESTS), &sources()));
}

#[test]
fn no_file_outgrows_a_reader() {
    none(too_long(&sources()));
}

#[test]
fn what_decides_writes_no_log() {
    none(logs(&sources()));
}

fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Where compilation begins: the libraries, programs, tests and benches that the manifests name, and the
/// program that Cargo finds by itself.
fn roots(manifests: &[(&str, &str)]) -> BTreeSet<String> {
    let named = manifests.iter().flat_map(|(folder, manifest)| {
        let paths = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
        paths.map(move |path| format!("{folder}{path}"))
    });
    named.collect()
}

fn unreached(roots: &BTreeSet<String>, sources: &[Source]) -> Vec<String> {
    let by_path: BTreeMap<&str, &Source> = sources
        .iter()
        .map(|source| (source.path.as_str(), source))
        .collect();
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = roots.iter().cloned().collect();
    while let Some(path) = open.pop() {
        let Some(source) = by_path.get(path.as_str()) else {
            continue;
        };
        if !reached.insert(path.clone()) {
            continue;
        }
        let (folder, _) = path.rsplit_once('/').unwrap_or_default();
        let below = match roots.contains(&path) || path.ends_with("/mod.rs") {
            true => folder.to_owned(),
            false => path.trim_end_matches(".rs").to_owned(),
        };
        for name in source.submodules() {
            open.push(format!("{below}/{name}.rs"));
            open.push(format!("{below}/{name}/mod.rs"));
        }
    }
    by_path
        .keys()
        .filter(|path| !reached.contains(**path))
        .map(|path| format!("{path}: no mod line reaches it, so nothing in it is compiled"))
        .collect()
}

/// Files and modules that decide; clippy keeps clocks and clients out of them.
const DECIDES: [&str; 6] = [
    "src/operator/plan",
    "src/operator/report",
    "src/operator/record",
    "src/operator/lease/election",
    "src/operator/lease/scope",
    "src/sandbox/world",
];

fn logs(sources: &[Source]) -> Vec<String> {
    let decides = |source: &&Source| {
        DECIDES.iter().any(|start| {
            let rest = source.path.strip_prefix(start);
            rest.is_some_and(|rest| rest.starts_with(['.', '/']))
        })
    };
    sources
        .iter()
        .filter(decides)
        .filter(|source| source.text.contains("tracing::"))
        .map(|source| format!("{}: it decides, and writes a log", source.path))
        .collect()
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let complaints = sources.iter().filter_map(|source| {
        let lines = source.text.lines().count();
        let path = &source.path;
        (lines > LINES)
            .then(|| format!("{path}: {lines} lines, more than {LINES}: split it by idea"))
    });
    complaints.collect()
}

#[test]
fn a_file_that_no_mod_line_reaches_is_found() {
    let roots = roots(&[
        (
            "",
            "[[test]]\nname = \"tests\"\npath = \"tests/tests.rs\"\n",
        ),
        ("src/api/", "[lib]\npath = \"lib.rs\"\n"),
    ]);
    let mut sources = vec![
        Source::new("src/api/lib.rs", "mod alias;"),
        Source::new("src/api/alias.rs", ""),
        Source::new("tests/tests.rs", "mod support; mod crd; // mod forgotten;"),
        Source::new("tests/crd.rs", "mod refused;"),
        Source::new("tests/crd/refused.rs", ""),
        Source::new("tests/support/mod.rs", "pub(crate) mod wait;"),
        Source::new("tests/support/wait.rs", ""),
    ];
    assert_eq!(unreached(&roots, &sources), [""; 0]);
    sources.push(Source::new("tests/forgotten.rs", ""));
    sources.push(Source::new("tests/support/forgotten.rs", ""));
    let found = unreached(&roots, &sources);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("tests/forgotten.rs: "), "{found:?}");
}

#[test]
fn a_long_file_is_found() {
    let of = |lines: usize| [Source::new("src/a.rs", &"\n".repeat(lines))];
    assert_eq!(too_long(&of(401)).len(), 1);
    assert_eq!(too_long(&of(400)), [""; 0]);
}

#[test]
fn a_log_in_what_decides_is_found() {
    let of = |path: &str| [Source::new(path, "fn f() { tracing::info!(\"f\"); }")];
    assert_eq!(logs(&of("src/operator/plan/gone.rs")).len(), 1);
    assert_eq!(logs(&of("src/operator/plan.rs")).len(), 1);
    assert_eq!(logs(&of("src/operator/planner.rs")), [""; 0]);
}
