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
