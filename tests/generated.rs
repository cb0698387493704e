//! What is generated is committed, and equals what the program would write now. `UPDATE_DOCS=1` writes it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use composio_operator::crd::definitions;
use serde_json::Value;

mod alerts;
mod conditions;
mod fields;
pub(crate) mod flags;
mod gitops;
mod values;

use crate::structure::documents::Document;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Makes the tests write what they would compare.
const UPDATE: &str = "UPDATE_DOCS";

/// What stands between the markers.
type Content = fn() -> String;

/// The generated sections of the documents: the file, the name in the markers, and what stands between them.
const SECTIONS: [(&str, &str, Content); 14] = [
    ("CONTRIBUTING.md", "decisions", conditions::decisions),
    (
        "charts/composio-operator/README.md",
        "values",
        values::table,
    ),
    (
        "charts/composio-operator/README.md",
        "alerts",
        alerts::table,
    ),
    ("charts/composio-operator/README.md", "flags", flags::table),
    ("crds/README.md", "spec", fields::spec),
    ("crds/README.md", "status", fields::status),
    ("crds/README.md", "reasons", conditions::reasons),
    (
        "crds/README.md",
        "config-map-reasons",
        conditions::config_map_reasons,
    ),
    ("crds/README.md", "request-spec", fields::request_spec),
    ("crds/README.md", "project-spec", fields::project_spec),
    (
        "crds/README.md",
        "cluster-project-spec",
        fields::cluster_project_spec,
    ),
    ("crds/README.md", "project-status", fields::project_status),
    (
        "crds/README.md",
        "project-reasons",
        conditions::project_reasons,
    ),
    ("src/sandbox/README.md", "help", sandbox_help),
];

#[test]
fn the_definitions_are_those_that_the_program_prints() {
    let printed = printed(&["crd"]);
    let mut documents = printed.split("---\n");
    for definition in definitions() {
        let printed = documents.next().expect("one document for each");
        let file = format!("{}.yaml", definition.spec.names.plural);
        compare(&format!("crds/{file}"), printed);
        compare(
            &format!("charts/composio-operator/files/crds/{file}"),
            printed,
        );
    }
    assert_eq!(documents.next(), None);
}

#[test]
fn the_generated_sections_of_the_documents_are_those_of_the_program() {
    let files: BTreeSet<&str> = SECTIONS.iter().map(|(file, _, _)| *file).collect();
    for file in files {
        let mut text = read(file);
        for (_, name, content) in SECTIONS.iter().filter(|(of, _, _)| *of == file) {
            text = replace_section(&text, name, &content())
                .unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        compare(file, &text);
    }
}

#[test]
fn every_marker_in_a_document_is_that_of_a_generated_section() {
    for document in Document::all() {
        for line in document.text.lines() {
            let Some(name) = line
                .strip_prefix("<!-- ")
                .and_then(|rest| rest.strip_suffix(": begin -->"))
            else {
                continue;
            };
            let is_generated =
                |(file, of, _): &(&str, &str, _)| (*file, *of) == (&document.path, name);
            assert!(
                SECTIONS.iter().any(is_generated),
                "{}: nothing generates {name:?}",
                document.path
            );
        }
    }
}

#[test]
fn the_chart_has_the_flags_of_the_program() {
    let schema_file = "charts/composio-operator/values.schema.json";
    let mut schema: Value = serde_json::from_str(&read(schema_file)).unwrap();
    flags::write_schema(&mut schema);
    values::describe(&mut schema);
    for (file, generated) in [
        (
            "charts/composio-operator/files/names.json",
            values::names(&schema),
        ),
        (schema_file, schema),
        (
            "charts/composio-operator/files/flags.json",
            flags::for_templates(),
        ),
    ] {
        let generated = serde_json::to_string_pretty(&generated).unwrap() + "\n";
        compare(file, &generated);
    }
}

#[test]
fn what_is_for_argo_cd_is_made_of_the_scripts_that_are_tested() {
    compare(
        "charts/composio-operator/gitops/argocd-cm.yaml",
        &gitops::argocd_cm(),
    );
}

fn sandbox_help() -> String {
    let help = printed(&["sandbox", "--help"]);
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("```text\n{}\n```\n", lines.join("\n").trim_end())
}

/// What the operator's program prints.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_composio-operator"))
        .args(arguments)
        .env_remove("COMPOSIO_OPERATOR_SANDBOX_LISTEN")
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(file)).unwrap_or_default()
}

/// Fails where the committed file is not this text, or makes it so.
pub(crate) fn compare(file: &str, generated: &str) {
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(Path::new(ROOT).join(file), generated).expect("the file can be written");
    } else if let Some(difference) = difference(&read(file), generated) {
        panic!(
            "{file} is not what the program says; write all that is generated with\n\n    \
             {UPDATE}=1 cargo test --test tests -- generated:: reference\n\n{difference}"
        );
    }
}

fn row(cells: &[String]) -> String {
    let mut row = String::from("|");
    for cell in cells {
        let cell = cell.replace('|', "\\|").replace('\n', " ");
        match cell.as_str() {
            "" => row.push_str(" |"),
            cell => row.push_str(&format!(" {cell} |")),
        }
    }
    row + "\n"
}

/// The text with another content between the markers of that name.
fn replace_section(text: &str, name: &str, content: &str) -> Result<String, String> {
    let begin = format!("<!-- {name}: begin -->\n");
    let end = format!("<!-- {name}: end -->\n");
    let one = |marker: &str| match text.matches(marker).count() {
        1 => Ok(()),
        n => Err(format!(
            "the line {:?} is there {n} times, not once",
            marker.trim_end()
        )),
    };
    one(&begin)?;
    one(&end)?;
    let (before, rest) = text.split_once(&begin).expect("counted");
    let (_, after) = rest
        .split_once(&end)
        .ok_or_else(|| format!("{name} ends before it begins"))?;
    // Blank lines: a table right below a comment is no table.
    Ok(format!("{before}{begin}\n{content}\n{end}{after}"))
}

/// The first line that differs, if there is one.
fn difference(committed: &str, generated: &str) -> Option<String> {
    if committed == generated {
        return None;
    }
    let (mut old, mut new) = (committed.lines(), generated.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (old, new) if old == new => {}
            (old, new) => {
                let show = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
                return Some(format!(
                    "line {number} is\n    {}\nand should be\n    {}",
                    show(old),
                    show(new)
                ));
            }
        }
    }
    Some("only the ends of lines differ".to_owned())
}

#[test]
fn a_section_is_replaced_between_its_markers_and_nowhere_else() {
    let text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";
    let replaced = replace_section(text, "x", "| new |\n").unwrap();
    assert_eq!(
        replaced,
        "a\n<!-- x: begin -->\n\n| new |\n\n<!-- x: end -->\nb\n"
    );
    assert_eq!(replace_section(&replaced, "x", "| new |\n"), Ok(replaced));
    for wrong in ["", "<!-- x: end -->\n<!-- x: begin -->\n", &text.repeat(2)] {
        assert!(replace_section(wrong, "x", "").is_err(), "{wrong}");
    }
}

#[test]
fn a_difference_is_told_by_its_first_line() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    let told = difference("a\nb\n", "a\nc\n").unwrap();
    assert_eq!(told, "line 2 is\n    b\nand should be\n    c");
    let told = difference("a\n", "a\nb\n").unwrap();
    assert_eq!(told, "line 2 is\n    (the end)\nand should be\n    b");
    assert!(difference("a", "a\n").is_some());
}
