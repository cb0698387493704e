//! One stream of changes, from one watch or from one for each of several namespaces.
//!
//! Whoever may see some namespaces only cannot watch all at once. Of several watches each has a beginning
//! of its own, and the first to be through would tell that all objects are known: so they are made one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{StreamExt, stream, stream::BoxStream};
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::Store,
        watcher::{self, Event, watcher},
    },
};

use crate::observe::Kept;

/// Objects a page of the first list, and of every list anew: a page is in memory as a whole, and most of it
/// is not kept.
const PAGE: u32 = 200;

type Change = Event<Kept>;

/// What happens in these namespaces, or in all if none is named. `objects` is the store that is fed by
/// the stream.
pub(super) fn changes(
    client: &Client,
    namespaces: &[String],
    objects: Store<Kept>,
) -> BoxStream<'static, Result<Change, watcher::Error>> {
    let watch =
        |api: Api<Kept>| watcher(api, watcher::Config::default().page_size(PAGE)).default_backoff();
    match namespaces {
        [] => watch(Api::all(client.clone())).boxed(),
        [one] => watch(Api::namespaced(client.clone(), one)).boxed(),
        several => {
            let mut merge = Merge::of(several);
            let watches = several.iter().map(|namespace| {
                let from = namespace.clone();
                watch(Api::namespaced(client.clone(), namespace))
                    .map(move |event| (from.clone(), event))
                    .boxed()
            });
            stream::select_all(watches)
                .flat_map(move |(from, event)| {
                    let events = match event {
                        Ok(event) => merge
                            .take(&from, event, || objects.state())
                            .into_iter()
                            .map(Ok)
                            .collect(),
                        Err(error) => vec![Err(error)],
                    };
                    stream::iter(events)
                })
                .boxed()
        }
    }
}

/// Where several watches are.
struct Merge {
    /// Until every namespace is known: what was found so far, and whether that is all of it.
    first: Option<BTreeMap<String, (bool, Named)>>,
    /// The namespaces that are listed anew, and the names that were there.
    again: BTreeMap<String, BTreeSet<String>>,
}

type Named = BTreeMap<String, Kept>;

impl Merge {
    fn of(namespaces: &[String]) -> Self {
        let first = namespaces
            .iter()
            .map(|namespace| (namespace.clone(), (false, Named::new())))
            .collect();
        Self {
            first: Some(first),
            again: BTreeMap::new(),
        }
    }

    /// What an event of one namespace is for all of them. `known` are the objects of the store.
    ///
    /// # Guarantees
    /// One `Init` and one `InitDone`, once every namespace is known. A namespace that is listed anew later
    /// brings what is there as changed, and what is not there any more as deleted.
    fn take(
        &mut self,
        from: &str,
        event: Change,
        known: impl FnOnce() -> Vec<Arc<Kept>>,
    ) -> Vec<Change> {
        if self.first.is_some() {
            return self.begin(from, event);
        }
        match event {
            Event::Init => {
                self.again.insert(from.to_owned(), BTreeSet::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                if let Some(there) = self.again.get_mut(from) {
                    there.insert(object.name_any());
                }
                vec![Event::Apply(object)]
            }
            Event::InitDone => {
                let there = self.again.remove(from).unwrap_or_default();
                known()
                    .into_iter()
                    .filter(|object| object.namespace().as_deref() == Some(from))
                    .filter(|object| !there.contains(&object.name_any()))
                    .map(|object| Event::Delete((*object).clone()))
                    .collect()
            }
            event @ (Event::Apply(_) | Event::Delete(_)) => vec![event],
        }
    }

    fn begin(&mut self, from: &str, event: Change) -> Vec<Change> {
        let Some(first) = &mut self.first else {
            return Vec::new();
        };
        if let Some((done, found)) = first.get_mut(from) {
            match event {
                // Once more from the start: what was found may be out of date.
                Event::Init => (*done, *found) = (false, Named::new()),
                Event::InitApply(object) | Event::Apply(object) => {
                    found.insert(object.name_any(), object);
                }
                Event::Delete(object) => drop(found.remove(&object.name_any())),
                Event::InitDone => *done = true,
            }
        }
        if !first.values().all(|(done, _)| *done) {
            return Vec::new();
        }
        let found = self.first.take().into_iter().flatten();
        let objects = found.flat_map(|(_, (_, found))| found.into_values().map(Event::InitApply));
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

    fn object(namespace: &str, name: &str) -> Kept {
        let mut object = ConnectedAccount::new(name, ConnectedAccountSpec::default());
        object.metadata.namespace = Some(namespace.to_owned());
        Kept::pack(object).expect("JSON")
    }

    /// The events in words, and the store that they make.
    #[derive(Default)]
    struct Told {
        words: Vec<String>,
        store: BTreeMap<String, Kept>,
    }

    impl Told {
        fn take(&mut self, merge: &mut Merge, from: &str, event: Change) {
            let known = || self.store.values().cloned().map(Arc::new).collect();
            for event in merge.take(from, event, known) {
                let name = |object: &Kept| {
                    format!(
                        "{}/{}",
                        object.namespace().unwrap_or_default(),
                        object.name_any()
                    )
                };
                match event {
                    Event::Init => self.words.push("init".to_owned()),
                    Event::InitDone => self.words.push("done".to_owned()),
                    Event::Apply(object) | Event::InitApply(object) => {
                        self.words.push(name(&object));
                        self.store.insert(name(&object), object);
                    }
                    Event::Delete(object) => {
                        self.words.push(format!("no {}", name(&object)));
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
        let (mut merge, mut told) = (two(), Told::default());
        for event in [
            Event::Init,
            Event::InitApply(object("a", "1")),
            Event::InitApply(object("a", "2")),
            Event::InitDone,
            Event::Delete(object("a", "1")),
            Event::Apply(object("a", "3")),
        ] {
            told.take(&mut merge, "a", event);
        }
        assert!(told.words.is_empty(), "{:?}", told.words);
        told.take(&mut merge, "b", Event::Init);
        told.take(&mut merge, "b", Event::InitApply(object("b", "1")));
        assert!(told.words.is_empty(), "{:?}", told.words);
        told.take(&mut merge, "b", Event::InitDone);
        assert_eq!(told.words, ["init", "a/2", "a/3", "b/1", "done"]);
    }

    #[test]
    fn a_first_list_that_broke_off_is_forgotten() {
        let (mut merge, mut told) = (two(), Told::default());
        told.take(&mut merge, "b", Event::Init);
        told.take(&mut merge, "b", Event::InitDone);
        told.take(&mut merge, "a", Event::Init);
        told.take(&mut merge, "a", Event::InitApply(object("a", "1")));
        told.take(&mut merge, "a", Event::Init);
        told.take(&mut merge, "a", Event::InitDone);
        assert_eq!(told.words, ["init", "done"]);
    }

    #[test]
    fn a_namespace_that_is_listed_anew_leaves_the_others_alone() {
        let (mut merge, mut told) = (two(), Told::default());
        for from in ["a", "b"] {
            told.take(&mut merge, from, Event::Init);
            told.take(&mut merge, from, Event::InitApply(object(from, "1")));
            told.take(&mut merge, from, Event::InitApply(object(from, "2")));
            told.take(&mut merge, from, Event::InitDone);
        }
        told.words.clear();
        told.take(&mut merge, "a", Event::Init);
        told.take(&mut merge, "b", Event::Apply(object("b", "3")));
        told.take(&mut merge, "a", Event::InitApply(object("a", "2")));
        told.take(&mut merge, "a", Event::InitDone);
        assert_eq!(told.words, ["b/3", "a/2", "no a/1"]);
        let left: Vec<_> = told.store.into_keys().collect();
        assert_eq!(left, ["a/2", "b/1", "b/2", "b/3"]);
    }
}
