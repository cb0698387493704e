//! What is written about the program is so: its reference, and its entry for krew.

use super::program::{end, path};
use crate::generated::difference;

#[tokio::test]
async fn the_reference_is_that_of_the_program() {
    let mut reference = std::process::Command::new(path().await);
    reference.arg("reference");
    let printed = end(reference).await.well();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/README.md");
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    if let Some(difference) = difference(&committed, &printed) {
        panic!(
            "src/cli/README.md is not what the program prints; write it with\n\n    \
             cargo run --bin kubectl-composio -- reference > src/cli/README.md\n\n{difference}"
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
