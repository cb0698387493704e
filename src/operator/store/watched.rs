//! The objects by their names, as the watch has them: a summary of each, and the text of those that wait for a pass.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use kube::runtime::reflector::ObjectRef;

use super::{Name, Named, PackedObject, StoredSummary, Summary};
use crate::capacity::shrink;

mod texts;

use texts::{ListTexts, Text};

/// The map of texts does not shrink below this capacity. After the start, hardly any text is kept.
const MIN_CAPACITY: usize = 64;

/// The longest text that is kept: six times that of a usual object. Whoever may write objects may make each a megabyte
/// long. A pass over one that is longer reads it.
const MAX_TEXT: usize = 16 * 1024;

/// The objects by their names.
#[derive(Default)]
pub(super) struct Watched {
    objects: ByName,
    /// What a list has brought that is not at its end.
    listed: ByName,
    /// The texts of those that are to be looked at or told of, as the watch has brought them. Empty at rest.
    texts: HashMap<Named<StoredSummary>, Text>,
    /// Where the texts of the list go.
    of_list: ListTexts,
    /// Whether no passes run here, nor any soon.
    is_standby: bool,
}

/// Ordered by namespace and name, which are kept in the summary alone.
type ByName = BTreeSet<Named<StoredSummary>>;

/// Takes in a summary in place of the one that there may be of its name.
fn put(objects: &mut ByName, named: Named<StoredSummary>) {
    objects.remove(&named);
    objects.insert(named);
}

/// Whether the text of an object is kept at all. Whoever tells of one reads what is kept, and no other.
fn is_kept(object: &PackedObject) -> bool {
    object.text().len() <= MAX_TEXT || object.summary().is_to_be_told()
}

impl Watched {
    /// A list begins: what it brings counts at its end.
    pub(super) fn begin_list(&mut self) {
        self.listed.clear();
    }

    /// Takes in an object of a list.
    pub(super) fn list(&mut self, object: PackedObject) {
        let summary = Named(StoredSummary::of(object.summary()));
        // Of one that is as it was nothing is to be read.
        let known = self.objects.get(&summary);
        if known.is_none_or(|known| known.0 != summary.0) {
            let text = is_kept(&object).then(|| self.of_list.put(object.text()));
            self.set_text(&summary.0, text);
        }
        put(&mut self.listed, summary);
    }

    /// What the list has brought is all that there is.
    pub(super) fn end_list(&mut self) -> Vec<StoredSummary> {
        self.objects = std::mem::take(&mut self.listed);
        self.of_list = ListTexts::default();
        self.stored()
    }

    /// Keeps the texts of these objects, and of those that are to be told of.
    pub(super) fn keep_texts_of(&mut self, changed: &[StoredSummary]) {
        let Self { objects, texts, .. } = self;
        let changed: HashSet<_> = changed.iter().map(StoredSummary::name).collect();
        texts.retain(|object, _| {
            let is_there = objects.contains(object);
            is_there && (changed.contains(&object.name()) || object.0.summary().is_to_be_told())
        });
        // After the start, hardly any text is kept.
        shrink(&mut self.texts, MIN_CAPACITY);
    }

    /// Says whether no passes run here, nor any soon.
    pub(super) fn set_standby(&mut self, is_standby: bool) {
        self.is_standby = is_standby;
    }

    /// Takes in an object, with its text. On a standby no pass would ever drop the text, so none is kept of an object that
    /// changes: if this replica comes to lead, the first pass reads it.
    pub(super) fn put(&mut self, object: PackedObject) -> StoredSummary {
        let summary = StoredSummary::of(object.summary());
        let is_read_soon = !self.is_standby || object.summary().is_to_be_told();
        let text = (is_read_soon && is_kept(&object)).then(|| Text::of(object.text()));
        self.set_text(&summary, text);
        put(&mut self.objects, Named(summary.clone()));
        summary
    }

    /// Takes out an object that is gone.
    pub(super) fn remove(&mut self, object: &Summary) {
        self.objects.remove(object as &dyn Name);
        self.texts.remove(object as &dyn Name);
        shrink(&mut self.texts, MIN_CAPACITY);
    }

    /// Keeps the text of an object that was read, if it is as it is known here.
    pub(super) fn keep_read(&mut self, object: &PackedObject) {
        let summary = StoredSummary::of(object.summary());
        let known = self.objects.get(&summary as &dyn Name);
        if known.is_some_and(|known| known.0 == summary) {
            let text = is_kept(object).then(|| Text::of(object.text()));
            self.set_text(&summary, text);
        }
    }

    /// Keeps no more than the summary of an object, if it is still in this version.
    pub(super) fn forget_text(&mut self, object: &Summary) {
        let kept = self.texts.get_key_value(object as &dyn Name);
        if kept.is_some_and(|(kept, _)| kept.0 == *object) {
            self.texts.remove(object as &dyn Name);
            shrink(&mut self.texts, MIN_CAPACITY);
        }
    }

    pub(super) fn stored_of(&self, object: &ObjectRef<PackedObject>) -> Option<&StoredSummary> {
        self.objects.get(object as &dyn Name).map(|named| &named.0)
    }

    pub(super) fn packed(&self, object: &ObjectRef<PackedObject>) -> Option<Arc<PackedObject>> {
        let (object, text) = self.texts.get_key_value(object as &dyn Name)?;
        let packed = PackedObject::of_parts(object.0.summary(), text.read()?);
        Some(Arc::new(packed))
    }

    pub(super) fn has_text(&self, object: &Summary) -> bool {
        self.texts.contains_key(object as &dyn Name)
    }

    /// How many bytes the texts take.
    #[cfg(test)]
    pub(super) fn text_bytes(&self) -> usize {
        self.texts.values().map(Text::size).sum()
    }

    /// Keeps the text of an object, or none, in place of the one that there may be.
    fn set_text(&mut self, summary: &StoredSummary, text: Option<Text>) {
        let named = Named(summary.clone());
        self.texts.remove(&named);
        match text {
            Some(text) => drop(self.texts.insert(named, text)),
            None => shrink(&mut self.texts, MIN_CAPACITY),
        }
    }

    /// All of them, as they are kept.
    pub(super) fn stored(&self) -> Vec<StoredSummary> {
        self.objects.iter().map(|named| named.0.clone()).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.objects.len()
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::{plan::Flags, store::AllObjects};

    fn object(name: &str, version: u64, generation: u64) -> PackedObject {
        let object = json!({
            "metadata": {
                "name": name, "namespace": "ns", "uid": name, "generation": generation,
                "resourceVersion": version.to_string(),
            },
            "spec": {"user": "u", "toolkit": "gmail"},
            "status": {"observedGeneration": 1, "connectedAccountId": "ca_1"},
        });
        serde_json::from_str(&object.to_string()).expect("an object")
    }

    fn to_be_told(name: &str, version: u64) -> PackedObject {
        let mut object = object(name, version, 1).unpack().expect("it is readable");
        let status = object.status.as_mut().expect("it has one");
        let pending =
            json!({"id": "1", "type": "Connected", "time": "2026-01-01T00:00:00.000000Z"});
        status.pending_notification = Some(serde_json::from_value(pending).expect("one"));
        PackedObject::pack(object).expect("JSON")
    }

    #[test]
    fn a_replica_that_does_not_lead_keeps_no_more_than_what_the_list_has_brought() {
        let objects = AllObjects::new(Flags::default());
        objects.set_standby(true);
        list(&objects, (0..100).map(|n| object(&n.to_string(), n, 1)));
        let listed = objects.text_bytes();
        assert!(listed > 0);
        let mut version = 1_000;
        for round in 0..20 {
            for name in 0..90 {
                version += 1;
                let changed = object(&name.to_string(), version, 2 + round);
                objects.apply_event(Event::Apply(changed));
                let new = format!("new-{name}");
                objects.apply_event(Event::Apply(object(&new, version, round)));
            }
        }
        let left = objects.text_bytes();
        assert!(left * 5 < listed, "{left} of {listed} bytes");
        let unchanged: Vec<_> = (90..100).map(|n| n.to_string()).collect();
        assert_eq!(texts(&objects), unchanged, "nobody need read them");
        // Whoever leads next tells of it, and reads no more than what is kept.
        objects.apply_event(Event::Apply(to_be_told("0", 9_000)));
        assert_eq!(texts(&objects)[0], "0");
        objects.apply_event(Event::Apply(object("0", 9_001, 30)));
        assert_eq!(texts(&objects), unchanged, "the leader has told of it");
        objects.set_standby(false);
        objects.apply_event(Event::Apply(object("0", 9_002, 31)));
        assert_eq!(texts(&objects)[0], "0", "a pass is next");
    }

    #[test]
    fn of_a_text_that_somebody_has_made_long_no_more_is_kept_than_where_it_is_to_be_told_of() {
        let long = |mut object: PackedObject| {
            let mut whole = object.unpack().expect("it is readable");
            let annotations = whole.metadata.annotations.get_or_insert_default();
            annotations.insert("composio.dev/note".to_owned(), "x".repeat(MAX_TEXT));
            object = PackedObject::pack(whole).expect("JSON");
            object
        };
        let objects = AllObjects::new(Flags::default());
        let told = long(to_be_told("told", 3));
        list(
            &objects,
            [long(object("long", 1, 1)), object("short", 2, 1), told],
        );
        assert_eq!(texts(&objects), ["short", "told"], "a pass reads the other");
        objects.keep_text(&long(object("long", 1, 1)));
        assert_eq!(texts(&objects), ["short", "told"], "each pass does");
        // One whose text was kept becomes long.
        objects.apply_event(Event::Apply(long(object("short", 4, 2))));
        assert_eq!(texts(&objects), ["told"], "what it was is over");
        objects.apply_event(Event::Apply(object("short", 5, 3)));
        assert_eq!(texts(&objects), ["short", "told"]);
        let listed = [object("long", 1, 1), long(object("short", 6, 4))];
        list(&objects, listed);
        assert_eq!(texts(&objects), ["long"]);
    }

    /// The names of those of which more is kept than the summary.
    fn texts(objects: &AllObjects) -> Vec<String> {
        let all = objects.all();
        let with_text = all.filter(|known| objects.has_text(known));
        with_text.map(|known| known.name.to_string()).collect()
    }

    fn list(objects: &AllObjects, all: impl IntoIterator<Item = PackedObject>) {
        objects.apply_event(Event::Init);
        for object in all {
            objects.apply_event(Event::InitApply(object));
        }
        objects.apply_event(Event::InitDone);
    }

    #[test]
    fn more_than_the_summary_is_kept_until_the_pass_that_leaves_nothing_to_do() {
        let objects = AllObjects::new(Flags::default());
        list(&objects, [object("a", 1, 1), object("b", 2, 1)]);
        assert_eq!(texts(&objects), ["a", "b"], "both are to be looked at");
        for name in ["a", "b"] {
            let known = objects.packed(&ObjectRef::new(name).within("ns"));
            objects.forget_text(&known.expect("its text is kept"));
        }
        assert_eq!(texts(&objects), [""; 0]);
        objects.apply_event(Event::Apply(object("a", 3, 2)));
        assert_eq!(texts(&objects), ["a"], "it was changed");
        // A pass over the version before has ended.
        objects.forget_text(&object("a", 1, 1));
        assert_eq!(texts(&objects), ["a"]);
        objects.apply_event(Event::Delete(object("a", 4, 2)));
        assert_eq!(texts(&objects), [""; 0]);
        assert_eq!(objects.count(), 1);
    }

    #[test]
    fn of_a_list_that_says_nothing_new_no_text_is_kept() {
        let objects = AllObjects::new(Flags::default());
        let all = || (0..100_u64).map(|n| object(&n.to_string(), n, 1));
        list(&objects, all());
        for known in objects.all() {
            let packed = objects.packed(&known.reference()).expect("it is new");
            objects.forget_text(&packed);
        }
        list(&objects, all());
        assert_eq!(texts(&objects), [""; 0]);
        // One is gone, one was changed by somebody, and of one the operator has written no more than the version.
        let written = object("8", 1008, 1);
        let known = all().filter(|one| !["7", "8", "9"].contains(&&*one.summary().name));
        list(&objects, known.chain([object("7", 1007, 2), written]));
        assert_eq!(texts(&objects), ["7"]);
        assert_eq!(objects.count(), 99);
    }

    #[test]
    fn what_is_to_be_told_of_is_kept_until_it_was() {
        let objects = AllObjects::new(Flags::default());
        list(&objects, [to_be_told("a", 1)]);
        objects.forget_text(&to_be_told("a", 1));
        assert_eq!(texts(&objects), ["a"], "whoever tells of it reads it");
        list(&objects, [to_be_told("a", 1)]);
        assert_eq!(texts(&objects), ["a"], "after another list too");
        let writing = object("a", 1, 1).unpack().expect("it is readable");
        let known = objects.all().next().expect("it is there");
        let of_project = objects.of_project(&known.project());
        of_project.begin_write(&writing);
        objects.apply_event(Event::Apply(object("a", 2, 1)));
        assert_eq!(texts(&objects), [""; 0], "it was told of");
    }
}
