//! What a write of a status must say of the metadata.
//!
//! Before 1.36 an apiserver takes labels and annotations that such a write does not say again off whoever owns them
//! (kubernetes/apiextensions-apiserver, `statusStrategy.GetResetFields`). They stay on the object, but who applies it
//! server-side, as Flux does, writes it anew each time, and never takes away a label that is no longer declared.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::{apis::meta::v1::ObjectMeta, version::Info};
use kube::{Api, Client};
use tokio::sync::OnceCell;

use crate::crd::ConnectedAccount;

/// The first version that leaves them to their owners.
const FIXED: (u32, u32) = (1, 36);

/// Whether a write of a status must say all of the metadata: asked once of the apiserver, by whoever writes first.
#[derive(Clone, Default)]
pub struct StatusMetadata {
    is_needed: Arc<OnceCell<bool>>,
}

impl StatusMetadata {
    /// Where it is known that it need not.
    pub fn not_needed() -> Self {
        Self {
            is_needed: Arc::new(OnceCell::new_with(Some(false))),
        }
    }

    async fn is_needed(&self, client: &Client) -> bool {
        let ask = async || match client.apiserver_version().await {
            Ok(version) => Ok(is_before_fix(&version)),
            Err(error) => Err(error),
        };
        // Until it says its version, it is taken for an old one: that costs a read.
        self.is_needed
            .get_or_try_init(ask)
            .await
            .copied()
            .unwrap_or(true)
    }

    /// Completes the metadata of an object of which only a part is held here. In another version nothing is: the write is
    /// refused then.
    ///
    /// # Errors
    /// When the object cannot be read.
    pub(crate) async fn complete(
        &self,
        client: &Client,
        api: &Api<ConnectedAccount>,
        metadata: &mut ObjectMeta,
    ) -> Result<(), kube::Error> {
        if !self.is_needed(client).await {
            return Ok(());
        }
        let name = metadata.name.clone().unwrap_or_default();
        let now = api.get_metadata(&name).await?.metadata;
        if now.resource_version == metadata.resource_version {
            *metadata = ObjectMeta {
                managed_fields: None,
                ..now
            };
        }
        Ok(())
    }
}

fn is_before_fix(version: &Info) -> bool {
    // Such as `33+`.
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse::<u32>().ok()
    };
    match (number(&version.major), number(&version.minor)) {
        (Some(major), Some(minor)) => (major, minor) < FIXED,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apiserver_is_old_up_to_1_35_or_where_it_does_not_say() {
        let version = |major: &str, minor: &str| Info {
            major: major.to_owned(),
            minor: minor.to_owned(),
            ..Info::default()
        };
        for (major, minor) in [("1", "33"), ("1", "35"), ("1", "35+"), ("", ""), ("1", "x")] {
            assert!(is_before_fix(&version(major, minor)), "{major}.{minor}");
        }
        for (major, minor) in [("1", "36"), ("1", "37+"), ("2", "0")] {
            assert!(!is_before_fix(&version(major, minor)), "{major}.{minor}");
        }
    }
}
