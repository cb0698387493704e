//! What objects are found and ordered by: namespace and name, which are kept where they stand anyway.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use kube::runtime::reflector::ObjectRef;

use super::{PackedObject, StoredSummary, Summary};

/// What has the namespace and the name of an object.
pub(crate) trait Name {
    fn name(&self) -> (&str, &str);
}

/// Something that is found by the name in it. Lookups borrow `dyn Name`.
#[derive(Clone)]
pub(crate) struct Named<T>(pub(crate) T);

impl Name for Summary {
    fn name(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }
}

impl Name for StoredSummary {
    fn name(&self) -> (&str, &str) {
        StoredSummary::name(self)
    }
}

impl Name for ObjectRef<PackedObject> {
    fn name(&self) -> (&str, &str) {
        (self.namespace.as_deref().unwrap_or_default(), &self.name)
    }
}

impl<T: Name> Name for Named<T> {
    fn name(&self) -> (&str, &str) {
        self.0.name()
    }
}

impl<'a, T: Name + 'a> Borrow<dyn Name + 'a> for Named<T> {
    fn borrow(&self) -> &(dyn Name + 'a) {
        self
    }
}

impl Hash for dyn Name + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl<T: Name> Hash for Named<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl PartialEq for dyn Name + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn Name + '_ {}

impl PartialOrd for dyn Name + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Name + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(&other.name())
    }
}

impl<T: Name> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl<T: Name> Eq for Named<T> {}

impl<T: Name> PartialOrd for Named<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Name> Ord for Named<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(&other.name())
    }
}
