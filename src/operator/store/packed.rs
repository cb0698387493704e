//! An object as the watch brings it. It is kept until a pass has gone over it, and then no more than its summary:
//! nearly all objects wait for nothing. Its text is held, which is a third of what the fields take.

use std::{borrow::Cow, fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::crd::{ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus};

mod reading;
mod summary;

pub(crate) use summary::FINGERPRINTS;
pub use summary::{Recorded, StoredSummary, Summary, Told};

/// Where what is said of an account stands.
const STATUS: &str = "status";

/// An object as the watch has brought it: what is known of it without reading it again, and the rest as text.
#[derive(Clone)]
pub struct PackedObject {
    /// Which object it is in which version, and nothing else.
    identity: ObjectMeta,
    summary: Arc<Summary>,
    /// The rest as JSON: what could be read of it.
    text: Box<[u8]>,
}

#[cfg(test)]
thread_local! {
    /// How many objects and summaries this thread has read again, for tests of what must read none.
    pub(crate) static DECODED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// What is in the text.
#[derive(Serialize, Deserialize)]
struct PackedFields<Metadata, Spec, Status> {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

impl PackedObject {
    /// Packs an object.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which nothing that came as JSON has a reason for.
    pub fn pack(object: ConnectedAccount) -> Result<Self, serde_json::Error> {
        Self::pack_partial(object, &[])
    }

    /// Packs what could be read of an object. What could not is as if it had never been written.
    fn pack_partial(
        mut object: ConnectedAccount,
        left_out: &[String],
    ) -> Result<Self, serde_json::Error> {
        let summary = Arc::new(Summary::of(&object, left_out));
        let metadata = &mut object.metadata;
        let identity = ObjectMeta {
            name: metadata.name.take(),
            namespace: metadata.namespace.take(),
            uid: metadata.uid.take(),
            resource_version: metadata.resource_version.take(),
            ..ObjectMeta::default()
        };
        let text = serde_json::to_vec(&PackedFields {
            metadata: &object.metadata,
            spec: &object.spec,
            status: &object.status,
        })?;
        Ok(Self {
            identity,
            summary,
            text: text.into_boxed_slice(),
        })
    }

    /// One that is gone, of which no more than its summary is known.
    pub(crate) fn gone(summary: Arc<Summary>) -> Self {
        Self::of_parts(summary, Box::default())
    }

    /// The object of that summary and that text.
    pub(super) fn of_parts(summary: Arc<Summary>, text: Box<[u8]>) -> Self {
        let some = |text: &str| Some(text.to_owned());
        Self {
            identity: ObjectMeta {
                name: some(&summary.name),
                namespace: some(&summary.namespace),
                uid: summary.uid.as_deref().map(str::to_owned),
                resource_version: summary.resource_version.as_deref().map(str::to_owned),
                ..ObjectMeta::default()
            },
            summary,
            text,
        }
    }

    /// The rest of it.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// What is kept of it while nothing is to be done for it.
    pub fn summary(&self) -> &Arc<Summary> {
        &self.summary
    }

    /// The object.
    ///
    /// # Errors
    /// When it is unreadable, or its text is, which this program has written.
    pub fn unpack(&self) -> Result<ConnectedAccount, serde_json::Error> {
        match self.summary.is_readable() {
            true => self.unpack_partial(),
            false => Err(serde_json::Error::custom("the object is unreadable")),
        }
    }

    /// What could be read of the object, also if it is unreadable. What could not is as if it had never been written.
    ///
    /// # Errors
    /// When its text cannot be read, which this program has written.
    pub(crate) fn unpack_partial(&self) -> Result<ConnectedAccount, serde_json::Error> {
        #[cfg(test)]
        DECODED.set(DECODED.get() + 1);
        let PackedFields {
            metadata,
            spec,
            status,
        } = serde_json::from_slice::<
            PackedFields<ObjectMeta, ConnectedAccountSpec, Option<&RawValue>>,
        >(&self.text)?;
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
            status: status.map(|status| ConnectedAccountStatus::decode(status.get()).value),
        })
    }
}

/// The text may hold a link.
impl fmt::Debug for PackedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedObject")
            .field("namespace", &self.identity.namespace)
            .field("name", &self.identity.name)
            .finish_non_exhaustive()
    }
}

impl Resource for PackedObject {
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
