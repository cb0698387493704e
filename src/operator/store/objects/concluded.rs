//! The objects for which nothing is to be done, or not before a time.

use tokio::time::Instant;

use super::{Index, Objects};
use crate::{capacity::shrink, store::Summary};

/// The map of what objects wait for does not shrink below this capacity.
const MIN_CAPACITY: usize = 64;

/// What was concluded of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// All is as declared.
    Settled,
    /// It waits.
    Waiting {
        /// From when on nothing is concluded any more; `None`: it waits until something happens.
        until: Option<Instant>,
        /// The reason in its conditions.
        reason: &'static str,
    },
}

impl Objects {
    /// Takes note of what was concluded of an object, and what that rests on.
    pub(crate) fn conclude(&self, object: &Summary, rests_on: u64, conclusion: Conclusion) {
        let mut index = self.index.lock();
        let object_key = index.object_key(&object.namespace, &object.name);
        if (index.objects.get(&object_key)).is_some_and(|known| *known == *object) {
            index.forget_conclusion(object_key);
            index.concluded.insert(object_key, rests_on);
            if conclusion != Conclusion::Settled {
                index.waiting.insert(object_key, conclusion);
            }
        }
    }

    /// What was concluded of the object last, if it rests on the same now. Of one whose last write the watch has not
    /// brought yet nothing is: what is known here is older than what was decided then.
    pub(crate) fn conclusion(
        &self,
        object: &Summary,
        rests_on: u64,
        now: Instant,
    ) -> Option<Conclusion> {
        let index = self.index.lock();
        let object_key = index.object_key(&object.namespace, &object.name);
        let is_behind =
            index.writing.contains_key(&object_key) || index.written.contains_key(&object_key);
        if is_behind || index.concluded.get(&object_key) != Some(&rests_on) {
            return None;
        }
        let waiting = index.waiting.get(&object_key).copied();
        let conclusion = waiting.unwrap_or(Conclusion::Settled);
        match conclusion {
            Conclusion::Waiting {
                until: Some(until), ..
            } if until <= now => None,
            _ => Some(conclusion),
        }
    }
}

impl Index {
    /// Nothing is concluded of that object any more.
    pub(super) fn forget_conclusion(&mut self, object_key: u64) {
        self.concluded.remove(&object_key);
        self.waiting.remove(&object_key);
        // A release of many links leaves nobody who waits.
        shrink(&mut self.waiting, MIN_CAPACITY);
    }

    /// Takes over what was concluded of the objects that are as they were.
    pub(super) fn keep_conclusions(&mut self, former: &mut Index) {
        self.concluded = std::mem::take(&mut former.concluded);
        self.concluded.retain(|object_key, _| {
            let known = former.objects.get(object_key);
            known.is_some() && self.objects.get(object_key) == known
        });
        self.waiting = std::mem::take(&mut former.waiting);
        self.waiting
            .retain(|object_key, _| self.concluded.contains_key(object_key));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kube::runtime::watcher::Event;

    use super::super::tests::object;
    use super::*;
    use crate::{
        plan::{Flags, Policy},
        store::{AllObjects, PackedObject},
    };

    fn is_concluded(objects: &Objects, object: &Summary, rests_on: u64) -> bool {
        let now = Instant::now();
        objects.conclusion(object, rests_on, now).is_some()
    }

    #[test]
    fn a_wait_is_concluded_until_its_time_has_come_and_leaves_no_room_behind() {
        let all = AllObjects::new(Flags::default());
        let names: Vec<String> = (0..2_000).map(|n| format!("n-{n}")).collect();
        for name in &names {
            let packed = PackedObject::pack(object(name, "1", None)).expect("JSON");
            all.apply_event(Event::Apply(packed));
        }
        let known: Vec<_> = all.all().collect();
        let objects = all.of_project(&known[0].project());
        let until = Instant::now() + Duration::from_secs(600);
        let waiting = |until| Conclusion::Waiting {
            until,
            reason: "AwaitingUser",
        };
        for object in &known {
            objects.conclude(object, 7, waiting(Some(until)));
        }
        let of = |object: &Summary, at| objects.conclusion(object, 7, at);
        let before = until - Duration::from_nanos(1);
        assert_eq!(of(&known[0], before), Some(waiting(Some(until))));
        assert_eq!(of(&known[0], until), None, "its time has come");
        assert_eq!(objects.conclusion(&known[0], 8, before), None);
        objects.conclude(&known[0], 7, waiting(None));
        assert_eq!(of(&known[0], until), Some(waiting(None)), "it has no time");
        let room = || objects.index.lock().waiting.capacity();
        assert!(room() >= known.len());
        for object in &known {
            objects.conclude(object, 7, Conclusion::Settled);
        }
        assert_eq!(of(&known[0], until), Some(Conclusion::Settled));
        assert!(room() <= 8 * MIN_CAPACITY, "{}", room());
    }

    #[test]
    fn a_conclusion_is_of_one_version_and_one_setting_and_of_no_write_that_is_on_its_way() {
        let all = AllObjects::new(Flags::default());
        let packed = |version| PackedObject::pack(object("a", version, None)).expect("JSON");
        let apply = |version| {
            all.apply_event(Event::Apply(packed(version)));
            all.all().next().expect("it is there")
        };
        let known = apply("1");
        let objects = all.of_project(&known.project());
        assert!(!is_concluded(&objects, &known, 7), "nothing was");
        objects.conclude(&known, 7, Conclusion::Settled);
        assert!(is_concluded(&objects, &known, 7));
        assert!(
            !is_concluded(&objects, &known, 8),
            "it rests on something else"
        );
        all.apply_event(Event::Init);
        all.apply_event(Event::InitApply(packed("1")));
        all.apply_event(Event::InitDone);
        assert!(
            is_concluded(&objects, &known, 7),
            "a list that says nothing new"
        );
        let writing = object("a", "1", None);
        objects.begin_write(&writing);
        assert!(!is_concluded(&objects, &known, 7), "it is being written");
        objects.end_write(&writing, Some("2".to_owned()));
        assert!(!is_concluded(&objects, &known, 7), "the watch is behind");
        let written = apply("2");
        assert!(
            !is_concluded(&objects, &written, 7),
            "it is another version"
        );
        objects.conclude(&known, 7, Conclusion::Settled);
        assert!(
            !is_concluded(&objects, &written, 7),
            "that was of a version that is over"
        );
        objects.conclude(&written, 7, Conclusion::Settled);
        let (revision, _) = objects.settings();
        objects.set_project("eu", &Policy::everything().into());
        assert!(!is_concluded(&objects, &written, 7), "it is indexed anew");
        objects.set_project_id(Some("pr_1".into()));
        assert_eq!(
            objects.settings().0,
            revision + 2,
            "each change is another input"
        );
        objects.conclude(&written, 7, Conclusion::Settled);
        all.apply_event(Event::Delete(packed("3")));
        assert!(!is_concluded(&objects, &written, 7), "it is gone");
    }
}
