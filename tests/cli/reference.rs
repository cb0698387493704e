//! The reference of all commands is the one that the program prints.

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
