//! An object as the store packs it. All of them are in memory for as long as the program runs, and nearly all of
//! them wait for nothing: so their text is held, which is a third of what the fields take.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    crd::{
        ALIAS_ANNOTATION, ConnectedAccount, ConnectedAccountSpec, ConnectedAccountStatus,
        ProjectRef,
    },
    plan::Pin,
    projects::ProjectKey,
};

mod reading;
mod summary;

pub use summary::Summary;

/// The longest name of an object.
const MAX_NAME: usize = 253;

/// Where what is said of an account stands.
const STATUS: &str = "status";

/// An object as the store holds it: its identity, and the rest as text.
#[derive(Clone)]
pub struct PackedObject {
    /// Which object it is in which version, and nothing else.
    identity: ObjectMeta,
    /// The project that it refers to; `None`: the one of objects that name none.
    project: Option<Box<ProjectRef>>,
    /// The project that its pin names, where it is being deleted and that is another one.
    pinned: Option<Box<ProjectRef>>,
    /// Whether it is being deleted.
    is_deleting: bool,
    /// Whether something is to be told of it that was not taken yet.
    is_to_be_told: bool,
    /// Until when its link can be used: every poll asks all objects.
    link_until: Option<Timestamp>,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// The rest as JSON.
    Whole(Box<[u8]>),
    /// What could be read of the rest.
    Partial(Box<PartialContent>),
}

#[derive(Clone)]
struct PartialContent {
    text: Box<[u8]>,
    /// The fields that could not be read, as paths from the root of the object.
    left_out: Vec<String>,
}

#[cfg(test)]
thread_local! {
    /// How many objects this thread has read again, for tests of what must read none.
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
        Self::pack_partial(object, Vec::new())
    }

    /// Packs what could be read of an object. What could not is as if it had never been written.
    fn pack_partial(
        mut object: ConnectedAccount,
        left_out: Vec<String>,
    ) -> Result<Self, serde_json::Error> {
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
        })?
        .into_boxed_slice();
        let is_to_be_told = object
            .status
            .as_ref()
            .is_some_and(|status| status.pending_notification.is_some());
        let link = object.status.and_then(|status| status.link);
        let project = object.spec.project_ref;
        let pinned = match object.metadata.deletion_timestamp {
            Some(_) => pinned_project(&object.metadata, &identity).filter(|one| *one != project),
            None => None,
        };
        Ok(Self {
            is_deleting: object.metadata.deletion_timestamp.is_some(),
            is_to_be_told,
            identity,
            pinned: pinned.map(Box::new),
            project: (project != ProjectRef::default()).then(|| Box::new(project)),
            link_until: link.map(|link| link.expires_at.0),
            content: match left_out.is_empty() {
                true => Content::Whole(text),
                false => Content::Partial(Box::new(PartialContent { text, left_out })),
            },
        })
    }

    /// The project that it refers to.
    pub fn project(&self) -> ProjectKey {
        let namespace = self.identity.namespace.as_deref().unwrap_or_default();
        match &self.project {
            Some(project) => ProjectKey::referred(project, namespace),
            None => ProjectKey::referred(&ProjectRef::default(), namespace),
        }
    }

    /// The project in which it is worked on: where it is being deleted, the one of its pin.
    pub fn project_at_work(&self) -> ProjectKey {
        let namespace = self.identity.namespace.as_deref().unwrap_or_default();
        match &self.pinned {
            Some(project) => ProjectKey::referred(project, namespace),
            None => self.project(),
        }
    }

    /// Whether it is being deleted.
    pub fn is_deleting(&self) -> bool {
        self.is_deleting
    }

    /// Whether a notification is pending.
    pub(crate) fn is_to_be_told(&self) -> bool {
        self.is_to_be_told
    }

    /// The fields that could not be read, as paths from the root of the object. Nothing of what stands in
    /// them is told: it may be a link.
    pub fn left_out(&self) -> &[String] {
        match &self.content {
            Content::Whole(_) => &[],
            Content::Partial(partly) => &partly.left_out,
        }
    }

    /// Whether something other than the status could not be read. On half a declaration nothing is decided.
    pub fn is_unreadable(&self) -> bool {
        self.left_out().iter().any(|path| !path.starts_with(STATUS))
    }

    /// The object.
    ///
    /// # Errors
    /// When it is unreadable, or its text is, which this program has written.
    pub fn unpack(&self) -> Result<ConnectedAccount, serde_json::Error> {
        match self.is_unreadable() {
            true => Err(serde_json::Error::custom("the object is unreadable")),
            false => self.unpack_what_is_there(),
        }
    }

    /// What is known of the object, also if it is unreadable.
    ///
    /// # Errors
    /// When its text cannot be read, which this program has written.
    pub fn summary(&self) -> Result<Summary, serde_json::Error> {
        let object = self.unpack_what_is_there()?;
        Ok(Summary::of(object, !self.is_unreadable()))
    }

    fn unpack_what_is_there(&self) -> Result<ConnectedAccount, serde_json::Error> {
        #[cfg(test)]
        DECODED.set(DECODED.get() + 1);
        let text = match &self.content {
            Content::Whole(text) => text,
            Content::Partial(partly) => &partly.text,
        };
        let PackedFields {
            metadata,
            spec,
            status,
        } = serde_json::from_slice::<
            PackedFields<ObjectMeta, ConnectedAccountSpec, Option<&RawValue>>,
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
            status: status.map(|status| ConnectedAccountStatus::decode(status.get()).value),
        })
    }

    /// Whether it has a link that can be used at that time.
    pub(in crate::store) fn waits_for_a_person(&self, now: Timestamp) -> bool {
        self.link_until.is_some_and(|until| now < until)
    }
}

/// The project that the pin of an object names.
fn pinned_project(metadata: &ObjectMeta, identity: &ObjectMeta) -> Option<ProjectRef> {
    let pin = metadata.annotations.as_ref()?.get(ALIAS_ANNOTATION)?;
    let (namespace, name) = (identity.namespace.as_deref()?, identity.name.as_deref()?);
    let project: ProjectRef = Pin::project(pin, namespace, name)?.parse().ok()?;
    // Whoever may edit the object has written it: what is no name of an object names none.
    let is_name = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let fits = project.name.len() <= MAX_NAME && project.name.bytes().all(is_name);
    fits.then_some(project)
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
