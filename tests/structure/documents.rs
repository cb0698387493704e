//! The Markdown files of the project: that each link in them leads somewhere, and that the first is short.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::none;
use super::source::Source;

/// Whoever meets the project reads all of it.
const README_LINES: usize = 250;

/// A Markdown file.
pub(crate) struct Document {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Document {
    /// Every one of the repository, in order.
    pub(crate) fn all() -> Vec<Document> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.to_owned()];
        let mut documents = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the folder can be read") {
                let path = entry.expect("the folder can be read").path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if path.is_dir() {
                    if !name.starts_with('.') && name != "target" {
                        folders.push(path);
                    }
                } else if name.ends_with(".md") {
                    let text = std::fs::read_to_string(&path).expect("the file can be read");
                    let path = path.strip_prefix(root).expect("it is below");
                    let path = path.to_string_lossy().into_owned();
                    documents.push(Document { path, text });
                }
            }
        }
        documents.sort_by(|a, b| a.path.cmp(&b.path));
        documents
    }

    /// The lines outside blocks of code.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut is_code = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
    }

    /// The targets of the links, as they are written.
    fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        for line in self.prose() {
            // Every second piece is code.
            let text: String = line.split('`').step_by(2).collect();
            links.extend(text.split("](").skip(1).filter_map(|rest| {
                let (target, _) = rest.split_once(')')?;
                Some(target.to_owned())
            }));
        }
        links
    }

    /// What `#` can lead to, as GitHub names headings.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut counts = BTreeMap::<String, usize>::new();
        for line in self.prose() {
            let Some(title) = line.trim_start_matches('#').strip_prefix(' ') else {
                continue;
            };
            if !line.starts_with('#') {
                continue;
            }
            let anchor: String = title
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let count = counts.entry(anchor.clone()).or_default();
            *count += 1;
            anchors.insert(match *count {
                1 => anchor,
                n => format!("{anchor}-{}", n - 1),
            });
        }
        anchors
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let documents = Document::all();
    assert!(documents.len() > 7, "there are more");
    none(broken(&documents, |path| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
    }));
}

#[test]
fn the_readme_is_short() {
    let readme = include_str!("../../README.md").lines().count();
    assert!(
        readme <= README_LINES,
        "README.md has {readme} lines, more than {README_LINES}: it is for whoever meets the project; the rest \
         belongs to the file of its reader"
    );
}

#[test]
fn what_contributing_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = include_str!("../../CONTRIBUTING.md");
    let sources: String = ["src", "tests"]
        .into_iter()
        .flat_map(Source::all)
        .map(|source| source.text)
        .collect();
    let is_there = |path: &str| root.join(path).exists();
    none(not_there(text, is_there, &sources));
}

/// Of what is named in code: paths from the root of the repository, and tests, as `module::what_it_says`.
fn not_there(text: &str, exists: impl Fn(&str) -> bool, sources: &str) -> Vec<String> {
    let is_path = |word: &str| {
        let top = word.split('/').next().unwrap_or_default();
        let is_ours = ["src", "tests", "charts", "crds", ".ci", ".github"].contains(&top);
        is_ours && word.contains('/') && !word.contains(['*', ' '])
    };
    let mut complaints = Vec::new();
    for word in text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
    {
        if is_path(word) && !exists(word) {
            complaints.push(format!("CONTRIBUTING.md: there is no {word}"));
        }
        let name = word.rsplit_once("::").map_or("", |(_, name)| name);
        if name.matches('_').count() > 2 && !sources.contains(&format!("fn {name}(")) {
            complaints.push(format!("CONTRIBUTING.md: there is no test {word}"));
        }
    }
    complaints
}

#[test]
fn a_path_and_a_test_that_are_gone_are_found() {
    let text = "`src/here.rs` and `src/gone.rs`, `tests/*.rs`, `cargo test src/x`\n`a::it_is_there_still` `a::it_is_gone_now`";
    let sources = "fn it_is_there_still() {}";
    let found = not_there(text, |path| path == "src/here.rs", sources);
    assert_eq!(
        found,
        [
            "CONTRIBUTING.md: there is no src/gone.rs",
            "CONTRIBUTING.md: there is no test a::it_is_gone_now"
        ]
    );
}

fn broken(documents: &[Document], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let anchors: BTreeMap<&str, BTreeSet<String>> = documents
        .iter()
        .map(|document| (document.path.as_str(), document.anchors()))
        .collect();
    let mut complaints = Vec::new();
    for document in documents {
        for link in document.links() {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = match link.split_once('#') {
                Some((file, anchor)) => (file, Some(anchor)),
                None => (link.as_str(), None),
            };
            let target = match file {
                "" => Some(document.path.clone()),
                file => resolve(&document.path, file),
            };
            let is_there = target.is_some_and(|target| match anchor {
                None => exists(&target),
                Some(anchor) => anchors
                    .get(target.as_str())
                    .is_some_and(|known| known.contains(anchor)),
            });
            if !is_there {
                complaints.push(format!("{}: ({link}) leads nowhere", document.path));
            }
        }
    }
    complaints
}

/// The path from the root of what a document names; `None`: it is outside the repository.
fn resolve(document: &str, link: &str) -> Option<String> {
    let mut path = PathBuf::from(document);
    path.pop();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path.to_string_lossy().into_owned())
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let document = |path: &str, text: &str| Document {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let documents = [
        document(
            "README.md",
            "# A b, `c`!\n## Twice\n## Twice\n```\n# no heading [x](gone)\n```\n`[x](gone)` [a](#a-b-c) [b](#twice-1)\n\
             [c](d/README.md#e) [d](d) [e](https://f.example/#g)\n[f](#no-heading-x) [g](d/gone.md) [h](../out) [i](d#e)",
        ),
        document("d/README.md", "# E\n[up](../README.md#twice) [f](./f.rs)"),
    ];
    let there = ["README.md", "d", "d/README.md", "d/f.rs"];
    let found = broken(&documents, |path| there.contains(&path));
    let expected = ["#no-heading-x", "d/gone.md", "../out", "d#e"]
        .map(|link| format!("README.md: ({link}) leads nowhere"));
    assert_eq!(found, expected);
}
