//! A project as it is declared, of whichever kind.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Resource, api::ListParams, core::ApiResource};
use serde::de::DeserializeOwned;

use super::ProjectKey;
use crate::{
    arguments::BaseUrl,
    crd::{
        Allow, ApiKeySecretRef, ClusterComposioProject, ClusterComposioProjectSpec,
        ComposioProject, PROJECT_FINALIZER, ProjectKind, ProjectStatus,
    },
};

/// A project as the watch has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Its name.
    pub key: ProjectKey,
    /// All of its metadata but who owns which field: what a write of the status must say again.
    pub metadata: ObjectMeta,
    /// Tells it from a later one of the same name.
    pub uid: String,
    /// The version that was seen.
    pub resource_version: String,
    /// The generation that was seen.
    pub generation: i64,
    /// When it was made: of too many the oldest are served.
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// All finalizers on it.
    pub finalizers: Vec<String>,
    /// What is declared.
    pub spec: ProjectSpec,
    /// What was written of it last.
    pub status: ProjectStatus,
}

/// What is declared of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectSpec {
    /// Where its API key is.
    pub api_key_secret_ref: ApiKeySecretRef,
    /// Where Composio is.
    pub base_url: String,
    /// Put before every computed alias.
    pub alias_prefix: String,
    /// How often changes are listed, where it says so.
    pub poll_interval: Option<Duration>,
    /// How often all accounts are asked for, where it says so.
    pub resync_interval: Option<Duration>,
    /// What those who refer to it may ask for; `None`: everything.
    pub allow: Option<Vec<Allow>>,
    /// Whose rate limit it shares, as a ClusterComposioProject says.
    pub organization: Option<String>,
    /// Nothing is asked and nothing is changed.
    pub suspend: bool,
}

impl Declared {
    /// Whether [`PROJECT_FINALIZER`] is on it.
    pub fn has_finalizer(&self) -> bool {
        self.finalizers.iter().any(|one| one == PROJECT_FINALIZER)
    }

    /// The namespace of the Secret with its API key; of a ClusterComposioProject it is `cluster`.
    pub(super) fn secret_namespace<'a>(&'a self, cluster: &'a str) -> &'a str {
        self.key.namespace().unwrap_or(cluster)
    }

    /// Where Composio is, as it is understood: however it is written, it leads to the same place.
    pub(super) fn place(&self) -> Arc<str> {
        let base_url = &self.spec.base_url;
        match BaseUrl::parse(base_url) {
            Ok(url) => url.as_str().into(),
            Err(_) => base_url.as_str().into(),
        }
    }

    /// Where events of it go.
    pub fn object_ref(&self) -> ObjectReference {
        let resource = api_resource(self.key.kind());
        ObjectReference {
            api_version: Some(resource.api_version),
            kind: Some(resource.kind),
            namespace: self.key.namespace().map(str::to_owned),
            name: Some(self.key.name().to_owned()),
            uid: Some(self.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

/// How the apiserver calls the kind.
pub(super) fn api_resource(kind: ProjectKind) -> ApiResource {
    match kind {
        ProjectKind::ComposioProject => ApiResource::erase::<ComposioProject>(&()),
        ProjectKind::ClusterComposioProject => ApiResource::erase::<ClusterComposioProject>(&()),
    }
}

/// One of the two kinds.
pub trait AnyProject: Resource<DynamicType = ()> {
    /// Which it is.
    const KIND: ProjectKind;

    /// The object, of whichever kind.
    fn declared(self) -> Declared;
}

/// The fields of both kinds are the same, but for `allow`, which one of them requires, and `organization`, which only
/// that one has.
macro_rules! any_project {
    ($object:ident, $allow:expr, $organization:expr) => {
        impl AnyProject for $object {
            const KIND: ProjectKind = ProjectKind::$object;

            fn declared(self) -> Declared {
                let key = ProjectKey::of(Self::KIND, &self);
                let generation = self.metadata.generation.unwrap_or_default();
                let mut metadata = self.metadata;
                metadata.managed_fields = None;
                let spec = self.spec;
                let organization = $organization(&spec);
                Declared {
                    key,
                    metadata: metadata.clone(),
                    uid: metadata.uid.unwrap_or_default(),
                    resource_version: metadata.resource_version.unwrap_or_default(),
                    generation,
                    created: metadata.creation_timestamp.map(|time| time.0),
                    is_deleting: metadata.deletion_timestamp.is_some(),
                    finalizers: metadata.finalizers.unwrap_or_default(),
                    spec: ProjectSpec {
                        api_key_secret_ref: spec.api_key_secret_ref,
                        base_url: spec.base_url,
                        alias_prefix: spec.alias_prefix.unwrap_or_default(),
                        poll_interval: spec.poll_interval.as_deref().and_then(duration),
                        resync_interval: spec.resync_interval.as_deref().and_then(duration),
                        organization,
                        allow: $allow(spec.allow),
                        suspend: spec.suspend,
                    },
                    status: self.status.unwrap_or_default(),
                }
            }
        }
    };
}

any_project!(ComposioProject, |allow| allow, |_| None);
any_project!(
    ClusterComposioProject,
    Some,
    |spec: &ClusterComposioProjectSpec| spec.organization.clone()
);

/// All projects of one kind in one place, or in all, as the apiserver has them now.
///
/// # Errors
/// When the apiserver does not answer, or refuses.
pub async fn list_projects<K>(api: Api<K>) -> Result<Vec<Declared>, kube::Error>
where
    K: AnyProject + Clone + fmt::Debug + DeserializeOwned,
{
    let listed = api.list(&ListParams::default()).await?;
    Ok(listed.into_iter().map(AnyProject::declared).collect())
}

/// A time as the definition takes it: hours, minutes and seconds, in this order.
fn duration(text: &str) -> Option<Duration> {
    crate::arguments::values::duration(text).ok()
}
