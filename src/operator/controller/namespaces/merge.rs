//! Several watches made one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::{ResourceExt, runtime::watcher::Event};

use super::Change;
use crate::store::{PackedObject, Summary};

/// How far each of several watches is.
pub(super) struct Merge {
    /// Until every namespace is known or refused: how far each is, and what was found in it so far.
    initial: Option<BTreeMap<String, (InitialList, ByName)>>,
    /// Whether there is one namespace alone: its watch is all there is, and nothing is to be put together.
    is_one: bool,
    /// The namespaces that are listed anew, and the names that were there.
    relisted: BTreeMap<String, BTreeSet<String>>,
}

type ByName = BTreeMap<String, PackedObject>;

/// How far the first list of a namespace is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InitialList {
    Awaited,
    Listed,
    Refused,
}

impl Merge {
    pub(super) fn of(namespaces: &[String]) -> Self {
        let initial = namespaces
            .iter()
            .map(|namespace| (namespace.clone(), (InitialList::Awaited, ByName::new())))
            .collect();
        Self {
            initial: Some(initial),
            is_one: namespaces.len() == 1,
            relisted: BTreeMap::new(),
        }
    }

    /// Whether nothing is known yet.
    pub(super) fn is_awaited(&self) -> bool {
        self.initial.is_some()
    }

    /// A namespace is refused. What is known of it stays as it is; of one that was never listed nothing is
    /// known, and no other waits for it.
    pub(super) fn refuse(&mut self, from: &str) -> Vec<Change> {
        if self.is_one {
            return Vec::new();
        }
        self.relisted.remove(from);
        if let Some(initial) = &mut self.initial
            && let Some((state @ InitialList::Awaited, found)) = initial.get_mut(from)
        {
            *state = InitialList::Refused;
            found.clear();
        }
        self.begin_if_known()
    }

    /// What an event of one namespace is for all of them. `known` are objects of the store; of other
    /// namespaces they count for nothing.
    ///
    /// # Guarantees
    /// One `Init` and one `InitDone`, once every namespace is known or refused, and one at least is known. A
    /// namespace that is listed later brings what is there as changed, and what is not there any more as
    /// deleted.
    pub(super) fn apply_event<Known: IntoIterator<Item = Arc<Summary>>>(
        &mut self,
        from: &str,
        event: Change,
        known: impl FnOnce() -> Known,
    ) -> Vec<Change> {
        if self.is_one {
            if matches!(event, Event::InitDone) {
                self.initial = None;
            }
            return vec![event];
        }
        if self.initial.is_some() {
            return self.begin(from, event);
        }
        match event {
            Event::Init => {
                self.relisted.insert(from.to_owned(), BTreeSet::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                if let Some(there) = self.relisted.get_mut(from) {
                    there.insert(object.name_any());
                }
                vec![Event::Apply(object)]
            }
            Event::InitDone => {
                let Some(there) = self.relisted.remove(from) else {
                    return Vec::new();
                };
                known()
                    .into_iter()
                    .filter(|object| *object.namespace == *from)
                    .filter(|object| !there.contains(&*object.name))
                    .map(|object| Event::Delete(PackedObject::gone(object)))
                    .collect()
            }
            event @ (Event::Apply(_) | Event::Delete(_)) => vec![event],
        }
    }

    fn begin(&mut self, from: &str, event: Change) -> Vec<Change> {
        if let Some(initial) = &mut self.initial
            && let Some((state, found)) = initial.get_mut(from)
        {
            match event {
                // Once more from the start: what was found may be out of date.
                Event::Init => {
                    found.clear();
                    // One that was refused is no reason to wait once more.
                    if *state == InitialList::Listed {
                        *state = InitialList::Awaited;
                    }
                }
                Event::InitApply(object) | Event::Apply(object) => {
                    found.insert(object.name_any(), object);
                }
                Event::Delete(object) => drop(found.remove(&object.name_any())),
                Event::InitDone => *state = InitialList::Listed,
            }
        }
        self.begin_if_known()
    }

    fn begin_if_known(&mut self) -> Vec<Change> {
        let known = self.initial.take_if(|initial| {
            let is = |wanted| initial.values().any(|(state, _)| *state == wanted);
            is(InitialList::Listed) && !is(InitialList::Awaited)
        });
        let Some(known) = known else {
            return Vec::new();
        };
        let objects = known
            .into_values()
            .flat_map(|(_, found)| found.into_values().map(Event::InitApply));
        std::iter::once(Event::Init)
            .chain(objects)
            .chain(std::iter::once(Event::InitDone))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{ConnectedAccount, ConnectedAccountSpec};

    fn object(namespace: &str, name: &str) -> PackedObject {
        let mut object = ConnectedAccount::new(name, ConnectedAccountSpec::default());
        object.metadata.namespace = Some(namespace.to_owned());
        PackedObject::pack(object).expect("JSON")
    }

    /// The events in words, and the store that they make.
    #[derive(Default)]
    struct MergedStore {
        log: Vec<String>,
        store: BTreeMap<String, PackedObject>,
    }

    impl MergedStore {
        fn apply_event(&mut self, merge: &mut Merge, from: &str, event: Change) {
            let known = || {
                let known = self.store.values();
                known
                    .map(|object| Arc::clone(object.summary()))
                    .collect::<Vec<_>>()
            };
            let events = merge.apply_event(from, event, known);
            self.apply(events);
        }

        fn refuse(&mut self, merge: &mut Merge, from: &str) {
            let events = merge.refuse(from);
            self.apply(events);
        }

        fn apply(&mut self, events: Vec<Change>) {
            for event in events {
                let name = |object: &PackedObject| {
                    format!(
                        "{}/{}",
                        object.namespace().unwrap_or_default(),
                        object.name_any()
                    )
                };
                match event {
                    Event::Init => self.log.push("init".to_owned()),
                    Event::InitDone => self.log.push("done".to_owned()),
                    Event::Apply(object) | Event::InitApply(object) => {
                        self.log.push(name(&object));
                        self.store.insert(name(&object), object);
                    }
                    Event::Delete(object) => {
                        self.log.push(format!("no {}", name(&object)));
                        self.store.remove(&name(&object));
                    }
                }
            }
        }
    }

    fn two() -> Merge {
        Merge::of(&["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn nothing_is_told_before_every_namespace_is_known() {
        let (mut merge, mut merged) = (two(), MergedStore::default());
        for event in [
            Event::Init,
            Event::InitApply(object("a", "1")),
            Event::InitApply(object("a", "2")),
            Event::InitDone,
            Event::Delete(object("a", "1")),
            Event::Apply(object("a", "3")),
        ] {
            merged.apply_event(&mut merge, "a", event);
        }
        assert!(merged.log.is_empty(), "{:?}", merged.log);
        merged.apply_event(&mut merge, "b", Event::Init);
        merged.apply_event(&mut merge, "b", Event::InitApply(object("b", "1")));
        assert!(merged.log.is_empty(), "{:?}", merged.log);
        merged.apply_event(&mut merge, "b", Event::InitDone);
        assert_eq!(merged.log, ["init", "a/2", "a/3", "b/1", "done"]);
    }

    #[test]
    fn a_namespace_that_is_refused_holds_up_no_other_and_is_served_when_it_comes() {
        let (mut merge, mut merged) = (two(), MergedStore::default());
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.refuse(&mut merge, "a");
        assert!(merged.log.is_empty(), "{:?}", merged.log);
        merged.apply_event(&mut merge, "b", Event::Init);
        merged.apply_event(&mut merge, "b", Event::InitApply(object("b", "1")));
        // It is tried again meanwhile, and keeps nobody waiting by that.
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.apply_event(&mut merge, "b", Event::InitDone);
        assert_eq!(merged.log, ["init", "b/1", "done"]);
        merged.log.clear();
        merged.refuse(&mut merge, "a");
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.apply_event(&mut merge, "a", Event::InitApply(object("a", "1")));
        merged.apply_event(&mut merge, "a", Event::InitDone);
        assert_eq!(merged.log, ["a/1"]);
    }

    #[test]
    fn of_one_namespace_all_is_told_as_it_comes() {
        let (mut merge, mut merged) = (Merge::of(&["a".to_owned()]), MergedStore::default());
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.refuse(&mut merge, "a");
        assert!(merge.is_awaited());
        for _ in 0..2 {
            merged.apply_event(&mut merge, "a", Event::Init);
            merged.apply_event(&mut merge, "a", Event::InitApply(object("a", "1")));
            merged.apply_event(&mut merge, "a", Event::InitDone);
            merged.refuse(&mut merge, "a");
            assert!(!merge.is_awaited());
        }
        let once = ["init", "a/1", "done"];
        assert_eq!(merged.log, [&["init"], &once[..], &once[..]].concat());
    }

    #[test]
    fn where_every_namespace_is_refused_nothing_is_known() {
        let (mut merge, mut merged) = (two(), MergedStore::default());
        for from in ["a", "b", "a"] {
            merged.apply_event(&mut merge, from, Event::Init);
            merged.refuse(&mut merge, from);
        }
        assert!(merged.log.is_empty(), "{:?}", merged.log);
        merged.apply_event(&mut merge, "b", Event::Init);
        merged.apply_event(&mut merge, "b", Event::InitDone);
        assert_eq!(merged.log, ["init", "done"]);
    }

    #[test]
    fn what_was_known_of_a_namespace_stays_known_when_it_is_refused() {
        let (mut merge, mut merged) = (two(), MergedStore::default());
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.apply_event(&mut merge, "a", Event::InitApply(object("a", "1")));
        merged.apply_event(&mut merge, "a", Event::InitDone);
        merged.refuse(&mut merge, "a");
        merged.apply_event(&mut merge, "b", Event::Init);
        merged.apply_event(&mut merge, "b", Event::InitDone);
        assert_eq!(merged.log, ["init", "a/1", "done"]);
        // A list anew that is refused in its middle tells nothing of what it has not come to.
        merged.log.clear();
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.refuse(&mut merge, "a");
        assert!(merged.log.is_empty(), "{:?}", merged.log);
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.apply_event(&mut merge, "a", Event::InitDone);
        assert_eq!(merged.log, ["no a/1"]);
    }

    #[test]
    fn a_first_list_that_broke_off_is_forgotten() {
        let (mut merge, mut merged) = (two(), MergedStore::default());
        merged.apply_event(&mut merge, "b", Event::Init);
        merged.apply_event(&mut merge, "b", Event::InitDone);
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.apply_event(&mut merge, "a", Event::InitApply(object("a", "1")));
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.apply_event(&mut merge, "a", Event::InitDone);
        assert_eq!(merged.log, ["init", "done"]);
    }

    #[test]
    fn a_namespace_that_is_listed_anew_leaves_the_others_alone() {
        let (mut merge, mut merged) = (two(), MergedStore::default());
        for from in ["a", "b"] {
            merged.apply_event(&mut merge, from, Event::Init);
            merged.apply_event(&mut merge, from, Event::InitApply(object(from, "1")));
            merged.apply_event(&mut merge, from, Event::InitApply(object(from, "2")));
            merged.apply_event(&mut merge, from, Event::InitDone);
        }
        merged.log.clear();
        merged.apply_event(&mut merge, "a", Event::Init);
        merged.apply_event(&mut merge, "b", Event::Apply(object("b", "3")));
        merged.apply_event(&mut merge, "a", Event::InitApply(object("a", "2")));
        merged.apply_event(&mut merge, "a", Event::InitDone);
        assert_eq!(merged.log, ["b/3", "a/2", "no a/1"]);
        let left: Vec<_> = merged.store.into_keys().collect();
        assert_eq!(left, ["a/2", "b/1", "b/2", "b/3"]);
    }
}
