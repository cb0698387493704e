//! What decisions over the objects of a project depend on of the project itself.

use std::sync::Arc;

use super::{Objects, WatchDelta};
use crate::plan::{Flags, Policy};

/// What decisions depend on of the process and of the project, and how often that was changed.
pub(super) struct Settings {
    revision: u64,
    pub(super) flags: Arc<Flags>,
}

impl Objects {
    /// The flags that decisions depend on, and which revision of them these are.
    pub(crate) fn settings(&self) -> (u64, Arc<Flags>) {
        let settings = self.settings.lock();
        (settings.revision, Arc::clone(&settings.flags))
    }

    /// Takes what decisions depend on of the project: its alias prefix, and what may be asked for. Tells whether
    /// that is another than before.
    pub fn set_project(&self, prefix: &str, policy: &Arc<Policy>) -> bool {
        let mut settings = self.settings.lock();
        let flags = Arc::clone(&settings.flags);
        let is_same_policy = flags.policy.as_ref() == Some(policy);
        if flags.alias_prefix == prefix && is_same_policy {
            return false;
        }
        let mut index = self.index.lock();
        let all = index.objects.clone();
        for object_key in all.keys() {
            index.take_out(*object_key, &flags);
        }
        let flags = Arc::new(Flags {
            alias_prefix: prefix.to_owned(),
            policy: Some(Arc::clone(policy)),
            ..Flags::clone(&flags)
        });
        settings.set(Arc::clone(&flags));
        // Nobody is told: what was known of each is what is known now.
        let mut delta = WatchDelta::default();
        for stored in all.into_values() {
            let object = stored.summary();
            index.put(Some(&object), &object, stored, &flags, &mut delta);
        }
        !is_same_policy
    }

    /// Takes the id of the project in Composio, where it is proved. Tells whether that is another than before: by it
    /// the pins are read.
    pub fn set_project_id(&self, id: Option<Arc<str>>) -> bool {
        let mut settings = self.settings.lock();
        if settings.flags.project_id == id {
            return false;
        }
        // By which keys objects are indexed does not depend on it.
        let flags = Flags::clone(&settings.flags);
        settings.set(Arc::new(Flags {
            project_id: id,
            ..flags
        }));
        true
    }
}

impl Settings {
    pub(super) fn new(flags: Flags) -> Self {
        Self {
            revision: 0,
            flags: Arc::new(flags),
        }
    }

    fn set(&mut self, flags: Arc<Flags>) {
        self.flags = flags;
        self.revision += 1;
    }
}
