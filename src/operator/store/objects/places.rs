//! Which objects of a namespace come first: a policy may say how many accounts a namespace may have in a project.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::super::Summary;

/// The objects of each namespace, the oldest first.
#[derive(Default)]
pub(super) struct Places(HashMap<String, BTreeMap<Age, bool>>);

/// When it was made, and its name: several may be made in one second.
type Age = (Option<Timestamp>, String);

impl Places {
    pub(super) fn put(&mut self, object: &Summary) {
        let all = self.0.entry(object.namespace.to_string()).or_default();
        all.insert(age(object), object.is_marked);
    }

    pub(super) fn take_out(&mut self, object: &Summary) {
        if let Some(all) = self.0.get_mut(&*object.namespace) {
            all.remove(&age(object));
            if all.is_empty() {
                self.0.remove(&*object.namespace);
            }
        }
    }

    /// How many objects of the namespace come before a new one of that age: those that are older, and those that
    /// are marked, since they have, or may have, an account. Of two that nobody has marked yet only the older may be
    /// the last that is let in. Marks can be written by hand, and that they stand on the object itself counts for
    /// nothing.
    pub(super) fn before(&self, namespace: &str, created: Option<Timestamp>, name: &str) -> usize {
        let own: Age = (created, name.to_owned());
        let others = self.0.get(namespace).into_iter().flatten();
        let others = others.filter(|(age, _)| **age != own);
        let before = others.filter(|(age, is_marked)| **is_marked || **age < own);
        before.count()
    }
}

fn age(object: &Summary) -> Age {
    (object.created, object.name.to_string())
}
