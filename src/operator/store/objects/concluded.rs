//! The objects for which nothing is to be done.

use super::Objects;
use crate::store::Summary;

impl Objects {
    /// Takes note that nothing is to be done for an object, and what that rests on.
    pub(crate) fn conclude(&self, object: &Summary, rests_on: u64) {
        let mut index = self.index.lock();
        let object_key = index.object_key(&object.namespace, &object.name);
        if (index.objects.get(&object_key)).is_some_and(|known| **known == *object) {
            index.concluded.insert(object_key, rests_on);
        }
    }

    /// Whether that was concluded of the object in this version, whatever it rests on.
    pub(crate) fn has_conclusion(&self, object: &Summary) -> bool {
        let index = self.index.lock();
        let object_key = index.object_key(&object.namespace, &object.name);
        let known = index.objects.get(&object_key);
        known.is_some_and(|known| **known == *object) && index.concluded.contains_key(&object_key)
    }

    /// Whether that was concluded of the object last. Of one whose last write the watch has not brought yet nothing is:
    /// what is known here is older than what was decided then.
    pub(crate) fn is_concluded(&self, object: &Summary, rests_on: u64) -> bool {
        let index = self.index.lock();
        let object_key = index.object_key(&object.namespace, &object.name);
        let is_behind =
            index.writing.contains(&object_key) || index.written.contains_key(&object_key);
        !is_behind && index.concluded.get(&object_key) == Some(&rests_on)
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;

    use super::super::tests::object;
    use crate::{
        plan::{Flags, Policy},
        store::{AllObjects, PackedObject},
    };

    #[test]
    fn a_conclusion_is_of_one_version_and_one_setting_and_of_no_write_that_is_on_its_way() {
        let all = AllObjects::new(Flags::default());
        let packed = |version| PackedObject::pack(object("a", version, None)).expect("JSON");
        let apply = |version| {
            all.apply_event(Event::Apply(packed(version)));
            all.all().remove(0)
        };
        let known = apply("1");
        let objects = all.of_project(&known.project());
        assert!(!objects.is_concluded(&known, 7), "nothing was");
        objects.conclude(&known, 7);
        assert!(objects.is_concluded(&known, 7));
        assert!(
            !objects.is_concluded(&known, 8),
            "it rests on something else"
        );
        all.apply_event(Event::Init);
        all.apply_event(Event::InitApply(packed("1")));
        all.apply_event(Event::InitDone);
        assert!(
            objects.is_concluded(&known, 7),
            "a list that says nothing new"
        );
        let writing = object("a", "1", None);
        objects.begin_write(&writing);
        assert!(!objects.is_concluded(&known, 7), "it is being written");
        objects.end_write(&writing, Some("2".to_owned()));
        assert!(!objects.is_concluded(&known, 7), "the watch is behind");
        let written = apply("2");
        assert!(!objects.is_concluded(&written, 7), "it is another version");
        objects.conclude(&known, 7);
        assert!(
            !objects.is_concluded(&written, 7),
            "that was of a version that is over"
        );
        objects.conclude(&written, 7);
        let (revision, _) = objects.settings();
        objects.set_project("eu", &Policy::everything().into());
        assert!(!objects.is_concluded(&written, 7), "it is indexed anew");
        objects.set_project_id(Some("pr_1".into()));
        assert_eq!(
            objects.settings().0,
            revision + 2,
            "each change is another input"
        );
        objects.conclude(&written, 7);
        all.apply_event(Event::Delete(packed("3")));
        assert!(!objects.is_concluded(&written, 7), "it is gone");
    }
}
