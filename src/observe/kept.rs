//! An object as it is kept. All of them are in memory for as long as the program runs, and nearly all of
//! them wait for nothing: so what is kept is their text, which is a third of what the fields take.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Serialize, de::Error as _};

use crate::crd::{ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus};

mod reading;

/// An object as it is kept.
#[derive(Clone)]
pub struct Kept {
    /// Which object it is in which version, and nothing else.
    identity: ObjectMeta,
    /// Until when its link can be used: every poll asks all objects.
    link_until: Option<Timestamp>,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// The rest as JSON.
    Text(Box<[u8]>),
    /// It has a form that this version does not know. What is wrong may quote the object, and so a link.
    Unreadable(Box<str>),
}

/// What is in the text.
#[derive(Serialize, Deserialize)]
struct Rest<Metadata, Spec, Status> {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

impl Kept {
    /// Packs an object.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which nothing that came as JSON has a reason for.
    pub fn pack(mut object: ConnectedAccount) -> Result<Self, serde_json::Error> {
        let metadata = &mut object.metadata;
        let identity = ObjectMeta {
            name: metadata.name.take(),
            namespace: metadata.namespace.take(),
            uid: metadata.uid.take(),
            resource_version: metadata.resource_version.take(),
            ..ObjectMeta::default()
        };
        let text = serde_json::to_vec(&Rest {
            metadata: &object.metadata,
            spec: &object.spec,
            status: &object.status,
        })?;
        let link = object.status.and_then(|status| status.link);
        Ok(Self {
            identity,
            link_until: link.map(|link| link.expires_at.0),
            content: Content::Text(text.into_boxed_slice()),
        })
    }

    /// Of an object of which no more than the metadata could be read.
    fn unreadable(identity: ObjectMeta, error: &serde_json::Error) -> Self {
        Self {
            identity,
            link_until: None,
            content: Content::Unreadable(error.to_string().into_boxed_str()),
        }
    }

    /// What is wrong with the object, if it could not be read. It may quote the object, and so a link.
    pub fn why_unreadable(&self) -> Option<&str> {
        match &self.content {
            Content::Text(_) => None,
            Content::Unreadable(why) => Some(why),
        }
    }

    /// The object.
    ///
    /// # Errors
    /// When the object could not be read, or its text cannot be, which this program has written.
    pub fn unpack(&self) -> Result<ConnectedAccount, serde_json::Error> {
        let text = match &self.content {
            Content::Text(text) => text,
            Content::Unreadable(why) => return Err(serde_json::Error::custom(why)),
        };
        let Rest {
            metadata,
            spec,
            status,
        } = serde_json::from_slice::<
            Rest<ObjectMeta, ConnectedAccountSpec, Option<ConnectedAccountStatus>>,
        >(text)?;
        let identity = self.identity.clone();
        Ok(ConnectedAccount {
            metadata: ObjectMeta {
                name: identity.name,
                namespace: identity.namespace,
                uid: identity.uid,
                resource_version: identity.resource_version,
                ..metadata
            },
            spec,
            status,
        })
    }

    /// Whether it has a link that can be used at that time.
    pub(super) fn waits_for_a_person(&self, now: Timestamp) -> bool {
        self.link_until.is_some_and(|until| now < until)
    }
}

/// The text may hold a link.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("namespace", &self.identity.namespace)
            .field("name", &self.identity.name)
            .finish_non_exhaustive()
    }
}

impl Resource for Kept {
    type DynamicType = ();
    type Scope = <ConnectedAccount as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        ConnectedAccount::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        ConnectedAccount::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        ConnectedAccount::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        ConnectedAccount::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.identity
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.identity
    }
}
