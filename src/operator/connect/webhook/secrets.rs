//! The secrets that sign events, as the files have them.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::signature::Keys;
use crate::{composio::model::Sensitive, projects::ProjectKey};

/// Files are read again when they were last read so long ago.
const AGE: Duration = Duration::from_secs(1);

/// What the names of the files begin with.
const KINDS: [&str; 2] = ["ComposioProject.", "ClusterComposioProject."];

/// A folder with a file for each project.
pub(super) struct Secrets {
    folder: PathBuf,
    read: Mutex<Option<Read>>,
    /// Those of a project that has none.
    none: Arc<Keys>,
}

struct Read {
    at: Instant,
    by_file: HashMap<String, Arc<Keys>>,
}

impl Secrets {
    /// With the files in that folder, called `ComposioProject.NAMESPACE.NAME` or `ClusterComposioProject.NAME`, with a
    /// secret on each line.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            read: Mutex::default(),
            none: Arc::new(Keys::of(&[])),
        }
    }

    /// The keys of a project, as the files were a second ago at most. For a project that has none the same is done.
    pub(super) fn of(&self, project: &ProjectKey) -> Arc<Keys> {
        let kind = project.kind().to_string();
        let parts = [Some(&*kind), project.namespace(), Some(project.name())];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        let file = parts.join(".");
        let mut read = self.read.lock();
        let read = match &mut *read {
            Some(read) if read.at.elapsed() < AGE => read,
            other => other.insert(Read {
                at: Instant::now(),
                by_file: by_file(&self.folder),
            }),
        };
        Arc::clone(read.by_file.get(&file).unwrap_or(&self.none))
    }
}

/// The keys in each file. One that cannot be read has none: its events come again.
fn by_file(folder: &Path) -> HashMap<String, Arc<Keys>> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let files = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        // Whatever else is there, such as what kubelet exchanges all files by, is not opened.
        let is_of_project = KINDS.iter().any(|kind| name.starts_with(kind));
        let path = is_of_project.then(|| folder.join(&name))?;
        let text = fs::read_to_string(path).map(Sensitive::new).ok()?;
        let text = text.expose().trim_start_matches('\u{feff}');
        let lines = text.lines().map(str::trim);
        let secrets = lines.filter(|line| !line.is_empty());
        let secrets: Vec<Sensitive> = secrets.map(Sensitive::new).collect();
        Some((name, Arc::new(Keys::of(&secrets))))
    });
    files.collect()
}
