//! Writes the status of an object, and of the metadata what such a write must say.
//!
//! Before 1.36 an apiserver takes labels and annotations that it does not say again off whoever owns them
//! (kubernetes/apiextensions-apiserver, `statusStrategy.GetResetFields`). They stay on the object, but who applies it
//! server-side, as Flux does, writes it anew each time, and never takes away a label that is no longer declared.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::{apis::meta::v1::ObjectMeta, version::Info};
use kube::{Api, Client, Resource, ResourceExt, api::PostParams};
use tokio::sync::OnceCell;

use crate::{
    crd::{ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus},
    store::Objects,
};

/// The first version that leaves them to their owners.
const FIXED: (u32, u32) = (1, 36);

/// The status subresource of ConnectedAccounts. Cheap to clone: the clones ask the apiserver for its version together.
#[derive(Clone)]
pub struct StatusSubresource(Arc<Shared>);

/// What the clones share.
struct Shared {
    client: Client,
    /// Whether a write must say all of the metadata: asked once of the apiserver, by whoever writes first.
    needs_metadata: OnceCell<bool>,
}

impl StatusSubresource {
    /// Of that apiserver.
    pub fn new(client: Client) -> Self {
        Self(Arc::new(Shared {
            client,
            needs_metadata: OnceCell::new(),
        }))
    }

    /// Of one that is known to leave the metadata to its owners.
    pub fn without_metadata(client: Client) -> Self {
        Self(Arc::new(Shared {
            client,
            needs_metadata: OnceCell::new_with(Some(false)),
        }))
    }

    /// Replaces the status of exactly this version of the object. The event of it is no change by somebody else.
    ///
    /// # Errors
    /// When the apiserver does not answer, or refuses: with a conflict where the object is in another version.
    pub(crate) async fn write<K: Resource>(
        &self,
        objects: &Objects,
        object: &K,
        status: ConnectedAccountStatus,
    ) -> Result<ConnectedAccount, kube::Error> {
        let namespace = object.namespace().unwrap_or_default();
        let api = Api::<ConnectedAccount>::namespaced(self.0.client.clone(), &namespace);
        // A write of the status leaves the declaration as it is.
        let mut body = ConnectedAccount::new(&object.name_any(), ConnectedAccountSpec::default());
        body.metadata.namespace = object.namespace();
        body.metadata.uid = object.uid();
        body.metadata.resource_version = object.resource_version();
        body.status = Some(status);
        self.complete(&api, &mut body.metadata).await?;
        objects.begin_write(object);
        let written = api
            .replace_status(&object.name_any(), &PostParams::default(), &body)
            .await;
        let version = written.as_ref().ok();
        let version = version.and_then(|object| object.resource_version());
        objects.end_write(object, version);
        written
    }

    async fn needs_metadata(&self) -> bool {
        let ask = async || {
            let version = self.0.client.apiserver_version().await;
            version.map(|version| is_before_fix(&version))
        };
        // Until it says its version, it is taken for an old one: that costs a read.
        let needs = self.0.needs_metadata.get_or_try_init(ask).await;
        needs.copied().unwrap_or(true)
    }

    /// Completes the metadata, of which only what is decided on is held here. In another version nothing is: the write
    /// is refused then.
    async fn complete(
        &self,
        api: &Api<ConnectedAccount>,
        metadata: &mut ObjectMeta,
    ) -> Result<(), kube::Error> {
        if !self.needs_metadata().await {
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
