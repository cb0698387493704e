//! What decisions over the objects of a project depend on of the project itself.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::{Index, Objects, WatchDelta, counts_accounts};
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
        let former = Arc::clone(&settings.flags);
        let is_same_policy = former.policy.as_ref() == Some(policy);
        let is_same_prefix = former.alias_prefix == prefix;
        if is_same_prefix && is_same_policy {
            return false;
        }
        let flags = Arc::new(Flags {
            alias_prefix: prefix.to_owned(),
            policy: Some(Arc::clone(policy)),
            ..Flags::clone(&former)
        });
        settings.set(Arc::clone(&flags));
        // On nothing else that may change the index depends.
        if !is_same_prefix || counts_accounts(&former) != counts_accounts(&flags) {
            self.index.lock().index_anew(&former, &flags);
        }
        !is_same_policy
    }

    /// The settings, and the index that goes by them: neither changes while both are held. They are locked in this
    /// order everywhere.
    pub(super) fn lock(&self) -> (MutexGuard<'_, Settings>, MutexGuard<'_, Index>) {
        let settings = self.settings.lock();
        (settings, self.index.lock())
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

impl Index {
    /// Indexes all objects by other flags than before.
    fn index_anew(&mut self, former: &Flags, flags: &Flags) {
        let all = self.objects.clone();
        for object_key in all.keys() {
            self.take_out(*object_key, former);
        }
        // Nobody is told: what was known of each is what is known now.
        let mut delta = WatchDelta::default();
        for stored in all.into_values() {
            let object = stored.summary();
            self.put(Some(&object), &object, stored, flags, &mut delta);
        }
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

#[cfg(test)]
mod tests {
    use std::{
        iter, thread,
        time::{Duration, Instant},
    };

    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::{super::tests::object, *};
    use crate::{
        crd::ProjectKind,
        plan::computed_alias,
        store::{AllObjects, DECODED, PackedObject},
    };

    /// What a project allows, of which each entry is as this one.
    fn policy(entry: Value) -> Arc<Policy> {
        let entry = serde_json::from_value(entry).expect("an entry");
        Arc::new(Policy::new(ProjectKind::ComposioProject, Some(&[entry])))
    }

    fn many(count: usize) -> (AllObjects, Objects) {
        let all = AllObjects::new(Flags::default());
        for n in 0..count {
            let packed = PackedObject::pack(object(&format!("n-{n}"), "1", None));
            all.apply_event(Event::Apply(packed.expect("JSON")));
        }
        let any = all.all().next().expect("it is there");
        let objects = all.of_project(&any.project());
        (all, objects)
    }

    /// How many summaries are read for it.
    fn read_for(change: impl FnOnce()) -> usize {
        let before = DECODED.get();
        change();
        DECODED.get() - before
    }

    #[test]
    fn objects_are_indexed_anew_only_for_what_the_index_depends_on() {
        let (_all, objects) = many(100);
        let set = |prefix: &str, entry: Value| {
            let policy = policy(entry);
            read_for(|| assert!(objects.set_project(prefix, &policy)))
        };
        assert_eq!(set("", json!({"toolkits": ["gmail"]})), 0);
        assert_eq!(set("", json!({"toolkits": ["slack"]})), 0);
        let counting = |most: u32| json!({"toolkits": ["slack"], "maxAccounts": most});
        assert!(set("", counting(1)) >= 100, "they have places");
        assert_eq!(set("", counting(2)), 0);
        let (_, flags) = objects.settings();
        assert_eq!(flags.policy, Some(policy(counting(2))));
        assert!(set("", json!({"toolkits": ["slack"]})) >= 100);
        let prefix = policy(json!({"toolkits": ["slack"]}));
        let read = read_for(|| assert!(!objects.set_project("eu", &prefix)));
        assert!(read >= 100, "they have other aliases");
        let alias = computed_alias("eu", "ns", "n-7");
        assert_eq!(objects.with_alias("u", "gmail", &alias).len(), 1);
    }

    #[test]
    fn whoever_waits_for_the_index_lets_nobody_change_what_it_goes_by() {
        let (all, objects) = many(1);
        let packed = PackedObject::pack(object("n-0", "2", None)).expect("JSON");
        let is_held = || {
            thread::yield_now();
            objects.settings.is_locked()
        };
        thread::scope(|scope| {
            let index = objects.index.lock();
            scope.spawn(|| all.apply_event(Event::Apply(packed)));
            // It takes the lock, and holds it.
            let began = Instant::now();
            let is_soon = || began.elapsed() < Duration::from_secs(30);
            let mut taken = iter::repeat_with(is_held).take_while(|_| is_soon());
            let is_kept = taken.any(|is_held| is_held) && (0..1000).all(|_| is_held());
            drop(index);
            assert!(is_kept, "nobody has taken the settings' lock, or kept it");
        });
    }
}
