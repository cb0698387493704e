//! Which objects of a namespace come first: a policy may say how many accounts a namespace may have in a project.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::{super::Summary, Objects};
use crate::store::StoredSummary;

/// The objects of each namespace.
#[derive(Default)]
pub(super) struct Places(HashMap<String, OfNamespace>);

#[derive(Default)]
struct OfNamespace {
    /// Whether each is marked, the oldest first.
    by_age: BTreeMap<Age, bool>,
    marked: usize,
}

/// When it was made, and its name: several may be made in one second.
type Age = (Option<Timestamp>, String);

impl Places {
    pub(super) fn put(&mut self, object: &Summary) {
        let all = self.0.entry(object.namespace.to_string()).or_default();
        let former = all.by_age.insert(age(object), object.is_marked);
        all.marked -= usize::from(former == Some(true));
        all.marked += usize::from(object.is_marked);
    }

    pub(super) fn take_out(&mut self, object: &Summary) {
        if let Some(all) = self.0.get_mut(&*object.namespace) {
            let former = all.by_age.remove(&age(object));
            all.marked -= usize::from(former == Some(true));
            if all.by_age.is_empty() {
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
        let others = self
            .0
            .get(namespace)
            .into_iter()
            .flat_map(|all| &all.by_age);
        let others = others.filter(|(age, _)| **age != own);
        let before = others.filter(|(age, is_marked)| **is_marked || **age < own);
        before.count()
    }

    /// Those of the namespace, the oldest first, before whom fewer than so many come: hardly more than that, however
    /// many there are.
    fn within(&self, namespace: &str, most: usize) -> impl Iterator<Item = &Age> {
        let all = self.0.get(namespace);
        let mut marked_after = all.map_or(0, |all| all.marked);
        let all = all.into_iter().flat_map(|all| &all.by_age);
        let all = all.enumerate().take(most);
        all.filter_map(move |(older, (age, is_marked))| {
            marked_after -= usize::from(*is_marked);
            (older + marked_after < most).then_some(age)
        })
    }
}

impl Objects {
    /// Those that were too many beside an object that is gone, and are no more. `known`: as it was known before.
    pub(in crate::store) fn that_may_have_room(
        &self,
        gone: &Summary,
        known: Option<&Summary>,
    ) -> Vec<StoredSummary> {
        let flags = self.flags();
        let policy = flags.policy.as_ref();
        let Some(most) = policy.and_then(|policy| policy.most_accounts()) else {
            return Vec::new();
        };
        // One that was being deleted had our mark, even if its last version shows none: somebody else's finalizer may
        // have held it after that.
        let has_counted = |one: &Summary| one.is_marked || one.is_deleting;
        let counted_for_all = known.into_iter().chain([gone]).any(has_counted);
        let gone_age = age(gone);
        let index = self.index.lock();
        let within = index.places.within(&gone.namespace, most);
        let concerned = within.filter(|age| counted_for_all || gone_age < **age);
        let keys = concerned.map(|(_, name)| index.object_key(&gone.namespace, name));
        let refused = keys.filter(|key| index.not_allowed.contains(key));
        let refused = refused.filter_map(|key| index.objects.get(&key).cloned());
        let mut refused: Vec<_> = refused.collect();
        // Each is read without the lock.
        drop(index);
        refused.retain(|object| object.summary().is_readable());
        refused
    }
}

fn age(object: &Summary) -> Age {
    (object.created, object.name.to_string())
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::super::tests::after;
    use crate::{
        crd::{FINALIZER, ProjectKind},
        plan::{Flags, Policy},
        store::{AllObjects, PackedObject},
    };

    /// One that was made in that second, marked or not.
    fn object(second: usize, is_marked: bool, reason: &str) -> PackedObject {
        let object = json!({
            "metadata": {
                "name": format!("mail-{second}"), "namespace": "agents", "uid": second.to_string(),
                "creationTimestamp": format!("2026-01-01T{:02}:{:02}:{:02}Z",
                    second / 3600, second / 60 % 60, second % 60),
                "finalizers": is_marked.then_some([FINALIZER]),
            },
            "spec": {"user": "u", "toolkit": "gmail"},
            "status": {"conditions": [{
                "type": "Synced", "status": "False", "reason": reason, "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        });
        serde_json::from_str(&object.to_string()).expect("an object")
    }

    fn refused(second: usize) -> PackedObject {
        object(second, false, "NotAllowed")
    }

    fn let_in(second: usize) -> PackedObject {
        object(second, true, "Connected")
    }

    /// These objects, in a project that lets so many in.
    fn objects(allow: &Value, all: impl IntoIterator<Item = PackedObject>) -> AllObjects {
        let allow: Vec<_> = serde_json::from_value(allow.clone()).expect("entries");
        let policy = Policy::new(ProjectKind::ComposioProject, Some(&allow));
        let objects = AllObjects::new(Flags {
            policy: Some(policy.into()),
            ..Flags::default()
        });
        for object in all {
            objects.apply_event(Event::Apply(object));
        }
        objects
    }

    #[test]
    fn of_a_thousand_who_were_too_many_those_are_looked_at_that_have_room_now() {
        const REFUSED: usize = 1000;
        let allow = json!([{"toolkits": ["slack"], "maxAccounts": 1}, {"maxAccounts": 2}]);
        let both = [let_in(0), let_in(1)];
        let all = objects(
            &allow,
            both.into_iter().chain((2..REFUSED + 2).map(refused)),
        );
        // The youngest, one in their midst, and the oldest of them: none has counted beside those that were let in.
        for second in [REFUSED + 1, 500, 2] {
            let (triggered, read) = after(&all, Event::Delete(refused(second)));
            assert_eq!(triggered, [""; 0], "{second}");
            assert!(read < 10, "{read} summaries were read");
        }
        let (triggered, read) = after(&all, Event::Delete(let_in(1)));
        assert_eq!(triggered, ["mail-3"], "the next one has room");
        assert!(read < 10, "{read} summaries were read");
        // Its mark is taken off before it is gone, by whoever has held it.
        let all = objects(&allow, [let_in(0), let_in(9), refused(3), refused(4)]);
        assert_eq!(
            after(&all, Event::Delete(object(9, false, "Connected"))).0,
            ["mail-3"]
        );
    }

    #[test]
    fn who_is_gone_makes_no_room_for_those_that_it_did_not_count_for() {
        let allow = json!([{"maxAccounts": 3}]);
        // They are refused for something else, or will be looked at anyway.
        let all = || objects(&allow, [refused(1), refused(2), refused(4)]);
        assert_eq!(
            after(&all(), Event::Delete(refused(4))).0,
            [""; 0],
            "it is the youngest"
        );
        assert_eq!(
            after(&all(), Event::Delete(refused(1))).0,
            ["mail-2", "mail-4"]
        );
        assert_eq!(after(&all(), Event::Delete(refused(2))).0, ["mail-4"]);
        let uncounted = json!([{"toolkits": ["gmail"]}]);
        let all = objects(&uncounted, [let_in(0), refused(1)]);
        assert_eq!(
            after(&all, Event::Delete(let_in(0))).0,
            [""; 0],
            "nobody counts"
        );
    }
}
