//! What is written about the program is so: its reference, and its entry for krew.

use super::program::{end, path};
use crate::generated::compare;

#[tokio::test]
async fn the_reference_is_that_of_the_program() {
    let mut reference = std::process::Command::new(path().await);
    reference.arg("reference");
    let printed = end(reference).await.well();
    compare("src/cli/README.md", &printed);
}

#[test]
fn the_rights_of_each_command_are_told() {
    let reference = include_str!("../../src/cli/README.md");
    let security = include_str!("../../SECURITY.md");
    let (_, rights) = security
        .split_once("| Command | Permissions |")
        .expect("a table");
    let rights = rights.split("\n\n").next().expect("it ends");
    let named: Vec<&str> = rights
        .lines()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|commands| commands.split('`').skip(1).step_by(2))
        .collect();
    let titles = reference.lines();
    let commands: Vec<&str> = titles
        .filter_map(|line| line.strip_prefix("## kubectl composio "))
        .collect();
    // What only has subcommands needs no right of its own.
    let is_group = |command: &str| {
        let mut others = commands.iter();
        others.any(|other| {
            other
                .strip_prefix(command)
                .is_some_and(|rest| rest.starts_with(' '))
        })
    };
    for command in commands.iter().filter(|command| !is_group(command)) {
        assert!(
            named.contains(command),
            "SECURITY.md, \"Rights for people\", does not say what {command} needs"
        );
    }
}

#[test]
fn the_entry_for_krew_names_the_program_on_each_platform() {
    let entry = include_str!("../../src/cli/krew.yaml");
    let entry: serde_json::Value = serde_saphyr::from_str(entry).expect("it is YAML");
    assert_eq!(entry["metadata"]["name"], "composio");
    let platforms = entry["spec"]["platforms"].as_array().expect("a list");
    assert_eq!(platforms.len(), 4);
    for platform in platforms {
        let labels = &platform["selector"]["matchLabels"];
        let word = |label: &str| labels[label].as_str().expect("it is there").to_owned();
        let of = format!("{}-{}", word("os"), word("arch"));
        let uri = platform["uri"].as_str().expect("it is there");
        assert!(
            uri.ends_with(&format!("/kubectl-composio-{of}.tar.gz")),
            "{uri}"
        );
        let placeholder = format!("${{SHA256_{}}}", of.to_uppercase().replace('-', "_"));
        assert_eq!(platform["sha256"], placeholder);
        assert_eq!(platform["bin"], "kubectl-composio");
    }
}
