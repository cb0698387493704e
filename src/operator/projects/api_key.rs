//! The API key of a project, read from its Secret by name. Nothing of it is told.

use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

use super::Declared;
use crate::{
    composio::{Sensitive, http::api_key},
    crd::{ApiKeySecretRef, ProjectReason},
    log::cause,
};

/// The longest key that is taken, in bytes. Composio's are far shorter.
const MAX_KEY: usize = 4096;
/// How a user's key begins. What an organisation's looks like is not said anywhere: Composio rejects it.
const USER_KEY: &str = "uak_";

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// The Secret, or the key in it, is not there.
    Missing(String),
    /// What is there is none.
    Invalid(String),
    /// The apiserver refuses to show the Secret.
    Forbidden(String),
    /// The apiserver does not answer: nothing is known.
    Unknown(String),
}

impl NoKey {
    /// The reason of the project's conditions, and what exactly is wrong.
    pub(super) fn tell(self) -> (ProjectReason, String) {
        match self {
            Self::Missing(why) | Self::Forbidden(why) => (ProjectReason::KeyMissing, why),
            Self::Invalid(why) => (ProjectReason::KeyInvalid, why),
            Self::Unknown(why) => (ProjectReason::Progressing, why),
        }
    }
}

/// What exactly is wrong.
impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(why) | Self::Invalid(why) | Self::Forbidden(why) | Self::Unknown(why)) =
            self;
        f.write_str(why)
    }
}

/// Reads the key. Of a ClusterComposioProject the Secret is in that namespace.
pub(super) async fn read(
    client: &Client,
    declared: &Declared,
    cluster_namespace: &str,
) -> Result<Sensitive, NoKey> {
    let reference = &declared.spec.api_key_secret_ref;
    let namespace = declared.secret_namespace(cluster_namespace);
    let at = format!("{namespace}/{}", reference.name);
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let secret = match secrets.get_opt(&reference.name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => return Err(NoKey::Missing(format!("there is no Secret {at}"))),
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            return Err(NoKey::Forbidden(format!(
                "the operator may not read the Secret {at}"
            )));
        }
        Err(error) => {
            return Err(NoKey::Unknown(format!(
                "the Secret {at} cannot be read now: {}",
                cause(&error)
            )));
        }
    };
    api_key_of(&secret, reference, &at)
}

/// The key that is in a Secret. `at` says where that is, in words: `namespace/name`.
///
/// # Errors
/// When there is none, or it is none. The text says why, and shows nothing of it.
pub fn api_key_of(
    secret: &Secret,
    reference: &ApiKeySecretRef,
    at: &str,
) -> Result<Sensitive, NoKey> {
    let key = &reference.key;
    let value = secret.data.as_ref().and_then(|data| data.get(key));
    match value {
        Some(value) => parse_api_key(&value.0)
            .map_err(|why| NoKey::Invalid(format!("the key {key:?} of the Secret {at} {why}"))),
        None => Err(NoKey::Missing(format!(
            "the Secret {at} has no key {key:?}"
        ))),
    }
}

/// Reads the key of a project, to look whether it can be used.
///
/// # Errors
/// When there is none. The text says what is wrong.
pub(crate) async fn read_api_key(
    client: &Client,
    declared: &Declared,
    cluster_namespace: &str,
) -> Result<Sensitive, String> {
    let key = read(client, declared, cluster_namespace).await;
    key.map_err(|no_key| no_key.to_string())
}

/// The key in what a Secret holds: without a byte order mark, and without the white space around it, which an
/// editor or `echo` has put there.
fn parse_api_key(value: &[u8]) -> Result<Sensitive, String> {
    if value.len() > MAX_KEY {
        return Err(format!("has {} bytes, which no API key has", value.len()));
    }
    let Ok(text) = std::str::from_utf8(value) else {
        return Err("is not text".to_owned());
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let key = api_key(&Sensitive::new(text)).map_err(|error| format!("is no API key: {error}"))?;
    if key.expose().starts_with(USER_KEY) {
        return Err("is a user's API key: the project's own is needed".to_owned());
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_as_it_was_meant() {
        for value in ["ak_1", "ak_1\n", "ak_1\r\n", "\u{feff}ak_1\n", " ak_1 "] {
            let key = parse_api_key(value.as_bytes()).expect("a key");
            assert_eq!(key.expose(), "ak_1", "{value:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_in_words_that_do_not_show_it() {
        let large = vec![b'k'; 1024 * 1024];
        for (value, words) in [
            (&b""[..], "empty"),
            (b"\n", "empty"),
            (b"ak s3cr3t", "characters"),
            (b"\xff\xfe", "is not text"),
            (&large, "1048576 bytes"),
            (b"uak_s3cr3t", "a user's API key"),
        ] {
            let why = parse_api_key(value).expect_err("it is none");
            assert!(why.contains(words), "{why}");
            assert!(!why.contains("s3cr3t"), "{why}");
        }
    }
}
