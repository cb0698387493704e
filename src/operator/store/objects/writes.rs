//! Our own writes of a status: what the watch brings of them is no change by somebody else.

use kube::Resource;

use super::{Index, Objects};
use crate::store::Summary;

/// A write of ours that is under way.
#[derive(Clone)]
pub(super) struct Writing {
    /// The version that it replaces.
    base: Option<String>,
    /// The first version that the watch brought after `base`: the only one that this write can have made.
    first: Option<First>,
}

/// A version of an object that a write of ours may have made.
#[derive(Clone)]
struct First {
    version: Option<String>,
    /// Whether the object is to be looked at, if somebody else has made it.
    is_change: bool,
}

impl Objects {
    /// Says that the status of an object is being written: the event of it is no change by somebody else.
    pub fn begin_write(&self, object: &impl Resource) {
        let mut index = self.index.lock();
        let object_key = index.key_of(object);
        // Those of a pass and of the notifier may overlap: what came since the first began is kept for both. At worst
        // the object is looked at once more than it must be.
        index.writing.entry(object_key).or_insert_with(|| Writing {
            base: object.meta().resource_version.clone(),
            first: None,
        });
    }

    /// Says that the write has ended, and which version it made, if it made one. Where what came meanwhile was of
    /// somebody else, the object is looked at for it now.
    pub fn end_write(&self, object: &impl Resource, version: Option<String>) {
        let mut index = self.index.lock();
        let object_key = index.key_of(object);
        let writing = index.writing.remove(&object_key);
        let first = writing.and_then(|writing| writing.first);
        let has_come = |first: &First| first.version == version;
        let is_missed = (first.as_ref()).is_some_and(|first| first.is_change && !has_come(first));
        let has_come = first.as_ref().is_some_and(has_come);
        // Of one that is gone by now no event will come.
        let Some(stored) = index.objects.get(&object_key).cloned() else {
            return;
        };
        if let Some(version) = version.filter(|_| !has_come) {
            let known = stored.summary();
            let known = known.resource_version.as_deref();
            if known != Some(&version) && !is_later(known, Some(&version)) {
                index.written.insert(object_key, version);
            }
        }
        drop(index);
        if is_missed {
            self.cluster.look_at(&stored);
        }
    }
}

impl Index {
    fn key_of(&self, object: &impl Resource) -> u64 {
        let metadata = object.meta();
        let [namespace, name] =
            [&metadata.namespace, &metadata.name].map(|one| one.as_deref().unwrap_or_default());
        self.object_key(namespace, name)
    }

    /// Whether this version of an object came of our own write of its status, as far as is known by now. `is_change`
    /// says whether the object is to be looked at, if it did not.
    pub(super) fn is_own_write(
        &mut self,
        object_key: u64,
        object: &Summary,
        is_change: bool,
    ) -> bool {
        let version = object.resource_version.as_deref();
        if let Some(written) = self.written.get(&object_key).map(String::as_str) {
            let is_it = Some(written) == version;
            // The event of one that is past does not come any more: a list has left it out.
            if is_it || is_later(version, Some(written)) {
                self.written.remove(&object_key);
            }
            if is_it {
                return true;
            }
        }
        let writing = self.writing.get_mut(&object_key);
        writing.is_some_and(|writing| writing.may_have_made(version, is_change))
    }
}

impl Writing {
    /// Whether the write may have made this version. It replaces exactly the one that it began with, so that of later
    /// ones only the first may be of it.
    fn may_have_made(&mut self, version: Option<&str>, is_change: bool) -> bool {
        let base = self.base.as_deref();
        let is_base = version.is_some() && version == base;
        if is_base || is_later(base, version) || self.first.is_some() {
            return false;
        }
        self.first = Some(First {
            version: version.map(str::to_owned),
            is_change,
        });
        true
    }
}

/// Whether a version is later than another. They are numbers that grow; of what is none nothing is known.
fn is_later(version: Option<&str>, than: Option<&str>) -> bool {
    let number = |version: &str| version.parse::<u64>().ok();
    let numbers = version.and_then(number).zip(than.and_then(number));
    numbers.is_some_and(|(version, than)| version > than)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::runtime::watcher::Event;
    use parking_lot::Mutex;

    use super::{super::tests::object, *};
    use crate::{
        plan::Flags,
        store::{AllObjects, PackedObject},
    };

    /// An object in version 4, whose status is about to be written.
    struct Bench {
        all: AllObjects,
        objects: Objects,
        /// The versions that were looked at late.
        looked_at: Arc<Mutex<Vec<String>>>,
    }

    impl Bench {
        fn new() -> Self {
            let all = AllObjects::new(Flags::default());
            let packed = PackedObject::pack(object("a", "4", None)).expect("JSON");
            let project = packed.summary().project();
            all.apply_event(Event::Apply(packed));
            let objects = all.of_project(&project);
            let looked_at: Arc<Mutex<Vec<String>>> = Arc::default();
            let late = Arc::clone(&looked_at);
            all.trigger_by(move |object| {
                let version = object.summary().resource_version.clone();
                late.lock().extend(version.map(String::from));
            });
            Self {
                all,
                objects,
                looked_at,
            }
        }

        /// The watch brings that version, in which the status names that account. Tells whether it is looked at.
        fn comes(&self, version: &str, id: &str) -> bool {
            let packed = PackedObject::pack(object("a", version, Some(id))).expect("JSON");
            let delta = self.all.apply_event(Event::Apply(packed));
            !delta.changed.is_empty()
        }

        fn begin(&self, version: &str) {
            self.objects.begin_write(&object("a", version, None));
        }

        fn end(&self, version: Option<&str>) {
            let version = version.map(str::to_owned);
            self.objects.end_write(&object("a", "4", None), version);
        }

        fn looked_at(&self) -> Vec<String> {
            std::mem::take(&mut self.looked_at.lock())
        }

        fn awaits(&self) -> usize {
            self.objects.index.lock().written.len()
        }
    }

    #[test]
    fn what_follows_our_write_before_its_answer_is_of_somebody_else() {
        let bench = Bench::new();
        bench.begin("4");
        assert!(!bench.comes("5", "ca_1"), "ours");
        assert!(bench.comes("6", "ca_2"), "of somebody else");
        bench.end(Some("5"));
        assert_eq!(bench.awaits(), 0, "its event has come");
        assert_eq!(bench.looked_at(), [""; 0], "it was at once");
    }

    #[test]
    fn what_was_taken_for_our_write_and_was_not_is_looked_at_once_that_is_known() {
        let bench = Bench::new();
        for (version, made, looked_at) in [
            ("6", Some("5"), vec!["6"]),
            ("7", None, vec!["7"]),
            ("8", Some("8"), vec![]),
        ] {
            let base = bench.all.all().next().expect("it is there");
            bench.begin(base.resource_version.as_deref().expect("a version"));
            assert!(!bench.comes(version, &format!("ca_{version}")));
            bench.end(made);
            assert_eq!(
                bench.looked_at(),
                looked_at,
                "{version}, and we made {made:?}"
            );
            assert_eq!(bench.awaits(), 0);
        }
        // One that says the same is nothing to look at.
        bench.begin("8");
        assert!(!bench.comes("9", "ca_8"));
        bench.end(None);
        assert_eq!(bench.looked_at(), [""; 0]);
    }

    #[test]
    fn what_a_write_replaces_is_none_of_it() {
        let bench = Bench::new();
        bench.begin("6");
        assert!(bench.comes("5", "ca_5"));
        assert!(bench.comes("6", "ca_6"));
        assert!(!bench.comes("7", "ca_7"), "ours");
        bench.end(Some("7"));
        assert_eq!(bench.awaits(), 0);
        assert_eq!(bench.looked_at(), [""; 0]);
    }

    #[test]
    fn a_write_is_awaited_until_a_later_version_is_seen() {
        let bench = Bench::new();
        bench.begin("4");
        bench.end(Some("10"));
        assert!(bench.comes("9", "ca_9"), "of somebody else, before");
        assert_eq!(bench.awaits(), 1);
        assert!(bench.comes("11", "ca_2"), "of somebody else");
        assert_eq!(bench.awaits(), 0);
        bench.begin("11");
        bench.end(Some("one"));
        assert!(bench.comes("another", "ca_3"));
        assert_eq!(bench.awaits(), 1, "nobody knows which is later");
        assert!(!bench.comes("one", "ca_4"), "ours");
        assert_eq!(bench.awaits(), 0);
    }
}
