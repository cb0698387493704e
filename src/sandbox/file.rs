//! Reads a seed file, and lets the command line add to it.

use std::path::Path;

use super::world::Seed;
use super::{Args, Error};

/// What the worlds start with: the file's documents, or the sandbox's own.
pub(super) fn seeds(args: &Args) -> Result<Vec<Seed>, Error> {
    let mut seeds = match &args.seed {
        Some(path) => read(path)?,
        None => vec![Seed::default()],
    };
    if let (Some(key), Some(first)) = (&args.api_key, seeds.first_mut()) {
        first.api_key.clone_from(key);
    }
    for seed in &mut seeds {
        if let Some(max_page) = args.max_page {
            seed.max_page = max_page.into();
        }
    }
    for (n, seed) in seeds.iter().enumerate() {
        if seeds[..n].iter().any(|other| other.api_key == seed.api_key) {
            return Err(Error::Seed(format!(
                "two worlds have the API key {:?}",
                seed.api_key
            )));
        }
    }
    Ok(seeds)
}

fn read(path: &Path) -> Result<Vec<Seed>, Error> {
    let told = |what: String| Error::Seed(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
    let seeds: Vec<Seed> =
        serde_saphyr::from_multiple(&text).map_err(|error| told(error.to_string()))?;
    for (n, seed) in seeds.iter().enumerate() {
        seed.check()
            .map_err(|what| told(format!("document {}: {what}", n + 1)))?;
    }
    if seeds.is_empty() {
        return Err(told("it is empty".to_owned()));
    }
    Ok(seeds)
}
