//! The image, built as it is shipped, and what it is known by.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cluster::command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An image in a file.
pub(crate) struct Image {
    pub(crate) archive: PathBuf,
    /// Of its configuration, by which containerd knows an image.
    pub(crate) config: String,
}

impl Image {
    /// Reads what is in its file.
    pub(crate) async fn read(archive: &Path) -> Result<Image, String> {
        let index = read(archive, "index.json").await?;
        let digest = digest(&index["manifests"][0])?;
        let manifest = read(archive, &format!("blobs/{}", digest.replace(':', "/"))).await?;
        Ok(Image {
            config: self::digest(&manifest["config"])?,
            archive: archive.to_owned(),
        })
    }
}

/// Where it is built.
pub(crate) fn archive() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("node-image.tar")
}

/// Builds it, which takes some minutes the first time, and returns the sizes.
pub(crate) fn build(archive: &Path) -> Result<String, String> {
    let built = Command::new(format!("{ROOT}/.ci/image"))
        .arg("localhost/composio-operator:test")
        .arg(archive)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&built.stdout);
    match built.status.success() {
        true => Ok(told.lines().last().unwrap_or_default().to_owned()),
        false => Err(format!("the image cannot be built: {told}")),
    }
}

fn digest(descriptor: &Value) -> Result<String, String> {
    let digest = descriptor["digest"].as_str();
    digest
        .map(str::to_owned)
        .ok_or_else(|| format!("no digest in {descriptor}"))
}

/// One JSON file of the archive.
async fn read(archive: &Path, file: &str) -> Result<Value, String> {
    let text = command("tar", &["-xOf", &archive.display().to_string(), file]).await?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
