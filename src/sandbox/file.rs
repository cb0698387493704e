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
    let error_of_file = |what: String| Error::Seed(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| error_of_file(error.to_string()))?;
    let seeds: Vec<Seed> =
        serde_saphyr::from_multiple(&text).map_err(|error| error_of_file(error.to_string()))?;
    for (n, seed) in seeds.iter().enumerate() {
        seed.check()
            .map_err(|what| error_of_file(format!("document {}: {what}", n + 1)))?;
    }
    if seeds.is_empty() {
        return Err(error_of_file("it is empty".to_owned()));
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Seed>, String> {
        use std::io::Write as _;
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("composio-operator-seed-{}-{count}.yaml", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let args = Args {
            listen: "127.0.0.1:0".parse().unwrap(),
            api_key: None,
            seed: Some(path.clone()),
            max_page: Some(7),
        };
        let seeds = seeds(&args).map_err(|error| error.to_string());
        std::fs::remove_file(path).unwrap();
        seeds
    }

    #[test]
    fn a_document_is_a_world() {
        let seeds = parse(
            "auth_configs:\n- {id: ac_a, toolkit: a, scheme: API_KEY}\n\
             accounts:\n- {auth_config: ac_a, user_id: ann, sharing: {allow_all_users: true}}\n\
             switches: {alias_not_unique: true}\n---\napi_key: other\nlimit: 5\n",
        )
        .unwrap();
        let keys: Vec<&str> = seeds.iter().map(|seed| seed.api_key.as_str()).collect();
        assert_eq!(keys, ["sandbox", "other"]);
        assert_eq!((seeds[0].accounts.len(), seeds[1].accounts.len()), (1, 0));
        assert_eq!((seeds[0].limit, seeds[1].limit), (10_000, 5));
        assert!(seeds[0].switches.alias_not_unique);
        assert_eq!(seeds[1].auth_configs.len(), 7, "the sandbox's own");
        assert!(seeds.iter().all(|seed| seed.max_page == 7));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_place() {
        for (text, told) in [
            (
                "auth_configs:\n- {id: ac_a, toolkit: a, mananged: true}\n",
                "mananged",
            ),
            ("projekt: x\n", "projekt"),
            ("limit: many\n", "line 1"),
            ("verifier_url: /verify\n", "document 1: verifier_url"),
            (
                "auth_configs:\n- {id: ac_a, toolkit: a, scheme: SECRET}\n",
                "SECRET",
            ),
            (
                "accounts:\n- {auth_config: ac_x, user_id: ann}\n",
                "document 1: accounts[0].auth_config",
            ),
            (
                "api_key: a\n---\nlimit: 1\naccounts:\n- {auth_config: ac_gmail, user_id: ''}\n",
                "document 2: accounts[0].user_id",
            ),
            (
                "accounts:\n- {auth_config: ac_gmail, user_id: a, status: SLEEPING}\n",
                "SLEEPING",
            ),
            ("api_key: a\n---\napi_key: a\n", "two worlds"),
            ("", "empty"),
        ] {
            let error = parse(text).map(|_| ()).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
