//! The file list is the algorithm: who may import whom, who stays pure, and that no file is left out.
//!
//! Each check is a function from sources to complaints, so that a small example can prove that it fails.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) mod scan;
use scan::{Source, is_word, tokens};

/// Which module may import which. `main` may import all.
const ARROWS: [(&str, &[&str]); 20] = [
    (
        "controller",
        &[
            "composio",
            "crd",
            "http",
            "metrics",
            "observe",
            "plan",
            "project",
            "reconcile",
            "record",
            "report",
        ],
    ),
    (
        "reconcile",
        &[
            "act", "crd", "metrics", "observe", "plan", "project", "report",
        ],
    ),
    ("observe", &["composio", "crd", "plan", "project", "record"]),
    ("act", &["composio", "crd", "plan", "project"]),
    ("report", &["composio", "crd", "plan", "record", "text"]),
    ("plan", &["composio", "crd", "record"]),
    ("project", &["composio", "metrics", "record"]),
    ("record", &["crd"]),
    ("http", &["metrics"]),
    ("log", &["arguments", "text"]),
    ("arguments", &["composio", "lease", "sandbox"]),
    ("check", &["composio", "crd", "lease"]),
    ("drain", &["crd"]),
    ("composio", &["text"]),
    ("crd", &[]),
    ("kubernetes", &["lease"]),
    ("lease", &[]),
    ("metrics", &[]),
    ("sandbox", &[]),
    ("text", &[]),
];

/// What the pure modules may see of the client: its data, not its calls.
const DATA: [(&str, &str, &[&str]); 2] = [
    (
        "plan",
        "composio",
        &["budget", "model", "error", "SharingPatch"],
    ),
    ("report", "composio", &["model"]),
];

/// What a file beginning with that path must not mention, because a pure function has no use for it.
const IMPURE: [(&str, &[&str]); 6] = [
    ("src/record", DECIDES),
    ("src/plan", DECIDES),
    ("src/report", DECIDES),
    (
        "src/lease/election",
        &["kube", "tokio", "tracing", "now()", "SystemTime"],
    ),
    (
        "src/lease/scope",
        &["kube", "tokio", "tracing", "now()", "SystemTime"],
    ),
    (
        "src/sandbox/world",
        &[
            "tokio",
            "tracing",
            "now()",
            "Instant",
            "SystemTime",
            "reqwest",
        ],
    ),
];
const DECIDES: &[&str] = &[
    "kube::Client",
    "kube::client",
    "kube::Api",
    "reqwest",
    "Timestamp::now",
    "now()",
    "Instant",
    "SystemTime",
    "tokio",
    "tracing",
];

const LINES: usize = 400;
/// Files that are longer, and why.
const LONG: [(&str, &str); 6] = [
    ("src/crd/reason.rs", "one table"),
    ("src/plan/tests/claims.rs", "tables"),
    ("src/crd.rs", "the object is read from top to bottom"),
    ("src/composio/tests/failures.rs", "one table"),
    (
        "tests/support/tools.rs",
        "finding and building three programs",
    ),
    (
        "tests/support/control_plane.rs",
        "one value and its construction",
    ),
];

#[test]
fn modules_import_only_along_the_arrows() {
    none(arrows(&Source::all("src")));
}

#[test]
fn the_deciders_see_data_of_composio_and_no_calls() {
    none(more_than_data(&Source::all("src")));
}

#[test]
fn what_is_pure_mentions_no_client_no_clock_and_no_log() {
    none(impure(&Source::all("src")));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    none(circles(&Source::all("src")));
}

#[test]
fn every_file_is_reached_by_a_mod_line() {
    let manifest = include_str!("../Cargo.toml");
    let mut sources = Source::all("src");
    sources.extend(Source::all("tests"));
    none(unreached(manifest, &sources));
}

#[test]
fn no_file_outgrows_a_reader() {
    let mut sources = Source::all("src");
    sources.extend(Source::all("tests"));
    none(too_long(&sources, &LONG));
}

fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Which module a file belongs to, if it is one of the library's and no test.
fn owner(source: &Source) -> Option<String> {
    let module = source.module();
    (!source.is_test() && source.path != "src/main.rs")
        .then(|| module.get(1).cloned())
        .flatten()
}

fn arrows(sources: &[Source]) -> Vec<String> {
    let allowed = BTreeMap::from(ARROWS);
    let mut complaints = Vec::new();
    for source in sources {
        let Some(from) = owner(source) else { continue };
        let Some(may) = allowed.get(from.as_str()) else {
            complaints.push(format!("{}: {from} has no row in ARROWS", source.path));
            continue;
        };
        for named in source.named() {
            let [first, to, ..] = named.segments.as_slice() else {
                continue;
            };
            if first == "crate" && *to != from && !may.contains(&to.as_str()) {
                complaints.push(format!(
                    "{}:{}: {from} must not import {to}",
                    source.path, named.line
                ));
            }
        }
    }
    complaints.dedup();
    complaints
}

fn more_than_data(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (from, to, may) in DATA {
        for source in sources {
            if owner(source).as_deref() != Some(from) {
                continue;
            }
            for named in source.named() {
                let what = match named.segments.as_slice() {
                    [first, second, rest @ ..] if first == "crate" && second == to => rest.first(),
                    _ => continue,
                };
                if !what.is_some_and(|what| may.contains(&what.as_str())) {
                    complaints.push(format!(
                        "{}:{}: {from} may import of {to} only {}, not {}",
                        source.path,
                        named.line,
                        may.join(", "),
                        what.map_or("all of it", |what| what)
                    ));
                }
            }
        }
    }
    complaints
}

fn impure(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let code = source.code();
        let named = source.named();
        for (start, words) in IMPURE {
            let inside = source.path.strip_prefix(start);
            if !inside.is_some_and(|rest| rest.starts_with(['.', '/'])) {
                continue;
            }
            for word in words {
                let signs: Vec<_> = tokens(word).into_iter().map(|token| token.text).collect();
                let as_code = code
                    .windows(signs.len())
                    .find(|window| window.iter().map(|token| &token.text).eq(&signs))
                    .map(|window| window[0].line);
                // In braces it is not in one piece.
                let segments: Vec<_> = signs.iter().filter(|sign| is_word(sign)).collect();
                let as_path = || {
                    named.iter().find(|named| {
                        let mut windows = named.segments.windows(segments.len());
                        !word.ends_with("()")
                            && windows.any(|window| window.iter().eq(segments.iter().copied()))
                    })
                };
                if let Some(line) = as_code.or_else(|| as_path().map(|named| named.line)) {
                    complaints.push(format!("{}:{line}: {word} has no place here", source.path));
                }
            }
        }
    }
    complaints
}

/// A module and those inside it may know each other; all others form no circle.
fn circles(sources: &[Source]) -> Vec<String> {
    let files: BTreeMap<Vec<String>, &Source> = sources
        .iter()
        .filter(|source| owner(source).is_some())
        .map(|source| (source.module(), source))
        .collect();
    let mut edges: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> = BTreeMap::new();
    for (from, source) in &files {
        for named in source.named() {
            let target = (1..=named.segments.len())
                .rev()
                .find_map(|length| files.get_key_value(&named.segments[..length]));
            match target {
                Some((to, _)) if !to.starts_with(from) && !from.starts_with(to) => {
                    edges.entry(from).or_default().insert(to);
                }
                _ => {}
            }
        }
    }
    let mut complaints = Vec::new();
    for start in files.keys() {
        let mut way = vec![start];
        // Told once: from its first file on.
        if walk(&edges, start, &mut way, &mut BTreeSet::new())
            && way.iter().all(|one| *one >= start)
        {
            let way: Vec<_> = way.iter().map(|one| one[1..].join("::")).collect();
            complaints.push(format!("{} → {}", way.join(" → "), way[0]));
        }
    }
    complaints
}

/// Whether a way leads back to the start.
fn walk<'a>(
    edges: &BTreeMap<&'a Vec<String>, BTreeSet<&'a Vec<String>>>,
    start: &'a Vec<String>,
    way: &mut Vec<&'a Vec<String>>,
    seen: &mut BTreeSet<&'a Vec<String>>,
) -> bool {
    let here = way[way.len() - 1];
    for next in edges.get(here).into_iter().flatten() {
        if *next == start {
            return true;
        }
        if seen.insert(next) {
            way.push(next);
            if walk(edges, start, way, seen) {
                return true;
            }
            way.pop();
        }
    }
    false
}

fn unreached(manifest: &str, sources: &[Source]) -> Vec<String> {
    let by_path: BTreeMap<&str, &Source> = sources
        .iter()
        .map(|source| (source.path.as_str(), source))
        .collect();
    let roots: BTreeSet<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'))
        .collect();
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    while let Some(path) = open.pop() {
        let Some(source) = by_path.get(path.as_str()) else {
            continue;
        };
        if !reached.insert(path.clone()) {
            continue;
        }
        let (folder, _) = path.rsplit_once('/').unwrap_or_default();
        let below = match roots.contains(path.as_str()) || path.ends_with("/mod.rs") {
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

fn too_long(sources: &[Source], long: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut listed = BTreeMap::from_iter(long.iter().copied());
    for source in sources {
        let lines = source.text.lines().count();
        match (lines > LINES, listed.remove(source.path.as_str())) {
            (true, None) => complaints.push(format!(
                "{}: {lines} lines, more than {LINES}: make a folder of it, or list it with a reason",
                source.path
            )),
            (false, Some(_)) => complaints.push(format!(
                "{}: {lines} lines are not too many, it need not be listed",
                source.path
            )),
            (true, Some(_)) | (false, None) => {}
        }
    }
    complaints.extend(
        listed
            .keys()
            .map(|path| format!("{path} is listed but not there")),
    );
    complaints
}

mod examples;
