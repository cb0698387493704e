//! What is generated is committed, and equals what the program would write now.

use std::path::Path;
use std::process::Command;

use composio_operator::crd::{Progress, ReadyRule, Reason};
use serde_json::Value;

use composio_operator::plan::Rule;
use strum::IntoEnumIterator;

pub(crate) mod flags;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Makes the tests of the README and of the chart write them.
const UPDATE: &str = "UPDATE_README";

#[test]
fn the_definition_is_the_one_that_the_program_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_composio-operator"))
        .arg("crd")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let file = Path::new(ROOT).join("crds/connectedaccounts.yaml");
    let committed = std::fs::read_to_string(file).unwrap();
    if let Some(difference) = difference(&committed, &printed) {
        panic!(
            "crds/connectedaccounts.yaml is not what the program prints; write it with\n\n    \
             cargo run -- crd > crds/connectedaccounts.yaml\n\n{difference}"
        );
    }
}

#[test]
fn the_tables_of_the_readme_are_those_of_the_program() {
    let file = Path::new(ROOT).join("README.md");
    let committed = std::fs::read_to_string(&file).unwrap();
    let with_flags = replace_section(&committed, "flags", &flags::table()).unwrap();
    let with_reasons = replace_section(&with_flags, "reasons", &reasons()).unwrap();
    let generated = replace_section(&with_reasons, "decisions", &decisions()).unwrap();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(file, generated).unwrap();
    } else if let Some(difference) = difference(&committed, &generated) {
        panic!(
            "the tables in README.md are not those of the program; write them with\n\n    \
             {UPDATE}=1 cargo test --test tests generated::\n\n{difference}"
        );
    }
}

#[test]
fn the_chart_installs_the_definition_that_the_program_prints() {
    let folder = Path::new(ROOT);
    let chart = folder.join("charts/composio-operator/files/crd.yaml");
    let [committed, printed] = [chart, folder.join("crds/connectedaccounts.yaml")]
        .map(|file| std::fs::read_to_string(file).unwrap());
    if let Some(difference) = difference(&committed, &printed) {
        panic!(
            "the definition in the chart is another one; copy it with\n\n    \
             cp crds/connectedaccounts.yaml charts/composio-operator/files/crd.yaml\n\n{difference}"
        );
    }
}

#[test]
fn the_chart_has_the_flags_of_the_program() {
    let folder = Path::new(ROOT).join("charts/composio-operator");
    let schema_file = folder.join("values.schema.json");
    let committed = std::fs::read_to_string(&schema_file).unwrap();
    let mut schema: Value = serde_json::from_str(&committed).unwrap();
    flags::write_schema(&mut schema);
    let generated = [
        (schema_file, schema),
        (folder.join("files/flags.json"), flags::for_templates()),
    ];
    for (file, generated) in generated {
        let generated = serde_json::to_string_pretty(&generated).unwrap() + "\n";
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(file, generated).unwrap();
            continue;
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        if let Some(difference) = difference(&committed, &generated) {
            panic!(
                "{} is not that of the program; write it with\n\n    \
                 {UPDATE}=1 cargo test --test tests generated::\n\n{difference}",
                file.display()
            );
        }
    }
}

/// What the random sequences hold each decision against.
fn decisions() -> String {
    let mut table = String::from("| When | What it does |\n|---|---|\n");
    for rule in Rule::iter() {
        let (when, does) = (rule.when(), rule.then());
        table.push_str(&row(&[when.to_owned(), does.to_owned()]));
    }
    table
}

fn reasons() -> String {
    let mut table = String::from(
        "| Reason | Ready | Synced | Present while true | What it means, and what to do |\n\
         |---|---|---|---|---|\n",
    );
    for reason in Reason::all() {
        let ready = match reason.ready() {
            ReadyRule::True => "True",
            ReadyRule::False => "False",
            ReadyRule::Unknown => "Unknown",
            ReadyRule::Kept => "as last seen",
        };
        let synced = match reason.synced() {
            true => "True",
            false => "False",
        };
        let progress = match reason.progress() {
            Progress::None => "",
            Progress::Reconciling => "Reconciling",
            Progress::Stalled => "Stalled",
        };
        table.push_str(&row(&[
            format!("`{reason}`"),
            ready.to_owned(),
            synced.to_owned(),
            progress.to_owned(),
            reason.meaning().to_owned(),
        ]));
    }
    table
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
            "README.md has the line {:?} {n} times, not once",
            marker.trim_end()
        )),
    };
    one(&begin)?;
    one(&end)?;
    let (before, rest) = text.split_once(&begin).expect("counted");
    let (_, after) = rest
        .split_once(&end)
        .ok_or_else(|| format!("README.md ends {name} before it begins"))?;
    // Blank lines: a table right below a comment is no table.
    Ok(format!("{before}{begin}\n{content}\n{end}{after}"))
}

/// The first line that differs, if there is one.
pub(crate) fn difference(committed: &str, generated: &str) -> Option<String> {
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
