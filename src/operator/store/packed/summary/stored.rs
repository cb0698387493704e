//! A summary as it is kept: there may be a hundred thousand, and most are only compared with what a list brings.

use std::{fmt, sync::Arc};

use kube::runtime::reflector::ObjectRef;

#[cfg(test)]
use super::super::DECODED;
use super::{PackedObject, Summary};

/// A summary in a fifth of the room that its fields take. Cheap to clone.
#[derive(Clone, PartialEq)]
pub struct StoredSummary(Stored);

#[derive(Clone, PartialEq)]
enum Stored {
    /// It was read again as it is when it was packed.
    Packed(Arc<[u8]>),
    /// One that could not be read again, should there be one: whoever may write an object decides what is in it.
    Whole(Arc<Summary>),
}

impl StoredSummary {
    /// The summary, to be kept.
    pub fn of(summary: &Arc<Summary>) -> Self {
        let packed = postcard::to_allocvec(&**summary);
        let packed = packed
            .ok()
            .filter(|packed| read(packed).is_some_and(|read| read == **summary));
        Self(match packed {
            Some(packed) => Stored::Packed(packed.into()),
            None => Stored::Whole(Arc::clone(summary)),
        })
    }

    /// The summary that is kept.
    pub fn summary(&self) -> Arc<Summary> {
        match &self.0 {
            Stored::Packed(packed) => Arc::new(read(packed).expect("it was read before")),
            Stored::Whole(summary) => Arc::clone(summary),
        }
    }

    /// The namespace and name of its object: its first two fields.
    pub fn name(&self) -> (&str, &str) {
        match &self.0 {
            Stored::Packed(packed) => postcard::take_from_bytes(packed)
                .map(|(name, _)| name)
                .unwrap_or_default(),
            Stored::Whole(summary) => (&summary.namespace, &summary.name),
        }
    }

    /// The uid of its object: its third field.
    pub fn uid(&self) -> Option<&str> {
        type Head<'a> = (&'a str, &'a str, Option<&'a str>);
        match &self.0 {
            Stored::Packed(packed) => {
                let head = postcard::take_from_bytes::<Head<'_>>(packed);
                head.ok()?.0.2
            }
            Stored::Whole(summary) => summary.uid.as_deref(),
        }
    }

    /// A reference to the object.
    pub fn reference(&self) -> ObjectRef<PackedObject> {
        let (namespace, name) = self.name();
        ObjectRef::new(name).within(namespace)
    }

    /// How many bytes it takes where it is packed.
    #[cfg(test)]
    pub(super) fn size(&self) -> Option<usize> {
        match &self.0 {
            Stored::Packed(packed) => Some(packed.len()),
            Stored::Whole(_) => None,
        }
    }
}

fn read(packed: &[u8]) -> Option<Summary> {
    #[cfg(test)]
    DECODED.set(DECODED.get() + 1);
    postcard::from_bytes(packed).ok()
}

impl PartialEq<Summary> for StoredSummary {
    fn eq(&self, other: &Summary) -> bool {
        *self.summary() == *other
    }
}

impl fmt::Debug for StoredSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PackedObject;

    #[test]
    fn one_that_cannot_be_packed_is_kept_as_a_whole() {
        let object = r#"{"metadata": {"name": "mail", "namespace": "agents"}, "spec": {}}"#;
        let object: PackedObject = serde_json::from_str(object).expect("it has metadata");
        let whole = StoredSummary(Stored::Whole(Arc::clone(object.summary())));
        assert_eq!(whole.name(), ("agents", "mail"));
        assert_eq!(whole.summary(), *object.summary());
        assert!(whole == **object.summary());
        assert_eq!(size_of::<StoredSummary>(), 2 * size_of::<usize>());
    }
}
