//! The image, built as it is shipped, and what it is known by.

use std::path::PathBuf;

use serde_json::Value;

use crate::cluster::command;
use crate::support::child::Folder;

/// Name and tag under which it is loaded into the node.
pub(crate) const REPOSITORY: &str = "localhost/composio-operator";
pub(crate) const TAG: &str = "test";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An image in a file.
pub(crate) struct Image {
    pub(crate) archive: PathBuf,
    /// Of its manifest.
    pub(crate) digest: String,
    /// Of its configuration, by which containerd knows an image that it did not pull.
    pub(crate) config: String,
    pub(crate) sizes: String,
}

impl Image {
    /// Whether that is what a node calls this image.
    pub(crate) fn is(&self, name: &str) -> Result<(), String> {
        if name.ends_with(&self.digest) || name.ends_with(&self.config) {
            return Ok(());
        }
        Err(format!(
            "the pod runs {name}, and {} (configuration {}) was built",
            self.digest, self.config
        ))
    }
}

/// Builds it, which takes some minutes the first time.
pub(crate) async fn build(folder: &Folder) -> Result<Image, String> {
    let archive = folder.join("image.tar");
    let name = format!("{REPOSITORY}:{TAG}");
    let script = format!("{ROOT}/.ci/image");
    let told = command(&script, &[&name, &archive.display().to_string()]).await?;
    let index = read(&archive, "index.json").await?;
    let digest = digest(&index["manifests"][0])?;
    let manifest = read(&archive, &format!("blobs/{}", digest.replace(':', "/"))).await?;
    Ok(Image {
        config: self::digest(&manifest["config"])?,
        digest,
        sizes: told.lines().last().unwrap_or_default().to_owned(),
        archive,
    })
}

fn digest(descriptor: &Value) -> Result<String, String> {
    let digest = descriptor["digest"].as_str();
    digest
        .map(str::to_owned)
        .ok_or_else(|| format!("no digest in {descriptor}"))
}

/// One JSON file of the archive.
async fn read(archive: &std::path::Path, file: &str) -> Result<Value, String> {
    let text = command("tar", &["-xOf", &archive.display().to_string(), file]).await?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
