//! Whether Go will have to build the demo's control plane.

use std::fs;
use std::path::{Path, PathBuf};

/// What every control plane needs, and what takes longest to build.
const PROGRAM: &str = "kube-apiserver";

/// What is known before anything is compiled.
pub(crate) struct Machine {
    /// `$KUBEBUILDER_ASSETS` and the folders of `PATH`.
    pub(crate) folders: Vec<PathBuf>,
    /// Cargo's.
    pub(crate) target: PathBuf,
}

impl Machine {
    /// Asks whether the archive can be fetched only where nothing is at hand.
    pub(crate) fn needs_go(&self, can_fetch: impl FnOnce() -> bool) -> bool {
        let mut folders = self.folders.iter();
        let is_found = folders.any(|folder| folder.join(PROGRAM).is_file());
        !is_found && !has_built_or_fetched(&self.target) && !can_fetch()
    }
}

/// Whether an earlier run left the program in the target folder.
fn has_built_or_fetched(target: &Path) -> bool {
    let there = fs::read_dir(target.join("kubernetes"))
        .into_iter()
        .flatten();
    let mut there = there.filter_map(|entry| Some(entry.ok()?.path()));
    there.any(|folder| {
        ["bin", "controller-tools/envtest"]
            .iter()
            .any(|inside| folder.join(inside).join(PROGRAM).is_file())
    })
}
