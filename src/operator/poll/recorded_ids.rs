//! The ids that objects have on record, with what it would mean that one is missing at Composio.

use std::collections::HashMap;

/// An id that is longer, or has other characters, was never issued; Composio might refuse the others for it.
const LONGEST_ID: usize = 128;
const _: () = assert!(
    LONGEST_ID <= u8::MAX as usize,
    "its length is kept in a byte"
);

/// Whether a record is a witness of whose project this is; the stronger one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Witness {
    /// It is none: it may be late, or going, or anybody may have written it.
    No,
    /// It was signed with a key that is not known here.
    OfAnotherKey,
    /// It was signed with the key that is in use.
    Yes,
}

/// Ids, each once, in their order. They stand in one text: there may be a hundred thousand.
pub(super) struct RecordedIds {
    text: String,
    entries: Vec<Entry>,
    namespaces: Vec<Box<str>>,
}

/// Where an id stands in the text, and whose it is.
#[derive(Clone, Copy)]
struct Entry {
    begin: usize,
    /// Which of the namespaces.
    namespace: usize,
    length: u8,
    witness: Witness,
}

/// An id on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordedId<'a> {
    pub(super) id: &'a str,
    /// The namespace of the object that has it on record.
    pub(super) namespace: &'a str,
    /// What it means that it is not there.
    pub(super) witness: Witness,
}

/// Takes in ids in any order.
#[derive(Default)]
pub(super) struct Builder {
    text: String,
    entries: Vec<Entry>,
    namespaces: HashMap<Box<str>, usize>,
}

impl Builder {
    /// Takes in an id that an object of that namespace has on record, if it can have been issued.
    pub(super) fn add(&mut self, id: &str, namespace: &str, witness: Witness) {
        let Some(length) = length_of_issued(id) else {
            return;
        };
        let namespace = match self.namespaces.get(namespace) {
            Some(known) => *known,
            None => {
                let next = self.namespaces.len();
                self.namespaces.insert(namespace.into(), next);
                next
            }
        };
        self.entries.push(Entry {
            begin: self.text.len(),
            namespace,
            length,
            witness,
        });
        self.text.push_str(id);
    }

    /// All that were taken in. Of an id that several have on record the strongest witness counts, and of equals the
    /// first: a copy of a status, or a forged one, takes nothing from the true one.
    pub(super) fn build(self) -> RecordedIds {
        let Self {
            mut text,
            mut entries,
            namespaces,
        } = self;
        entries.sort_by(|one, other| {
            let ids = one.id(&text).cmp(other.id(&text));
            ids.then(other.witness.cmp(&one.witness))
        });
        entries.dedup_by(|next, kept| next.id(&text) == kept.id(&text));
        text.shrink_to_fit();
        entries.shrink_to_fit();
        let mut namespaces: Vec<_> = namespaces.into_iter().collect();
        namespaces.sort_by_key(|(_, at)| *at);
        RecordedIds {
            text,
            entries,
            namespaces: namespaces.into_iter().map(|(name, _)| name).collect(),
        }
    }
}

impl Entry {
    fn id(self, text: &str) -> &str {
        let end = self.begin + usize::from(self.length);
        &text[self.begin..end]
    }
}

impl RecordedIds {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The one at that place.
    ///
    /// # Panics
    /// Where there are fewer.
    pub(super) fn get(&self, at: usize) -> RecordedId<'_> {
        let entry = &self.entries[at];
        RecordedId {
            id: entry.id(&self.text),
            namespace: &self.namespaces[entry.namespace],
            witness: entry.witness,
        }
    }

    /// All of them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = RecordedId<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        let found = self
            .entries
            .binary_search_by(|entry| entry.id(&self.text).cmp(id));
        found.is_ok()
    }
}

/// How long an id is that can have been issued.
fn length_of_issued(id: &str) -> Option<u8> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_issued = id.len() <= LONGEST_ID && !id.is_empty() && id.bytes().all(fits);
    u8::try_from(id.len()).ok().filter(|_| is_issued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_there_once_in_its_order_with_the_strongest_witness() {
        let longest = "x".repeat(LONGEST_ID);
        let mut ids = Builder::default();
        for (id, namespace, witness) in [
            ("ca_b", "copies", Witness::No),
            ("ca_a", "first", Witness::OfAnotherKey),
            ("ca_b", "true", Witness::Yes),
            ("ca_a", "second", Witness::OfAnotherKey),
            ("ca_b", "later", Witness::Yes),
            (&longest, "first", Witness::No),
        ] {
            ids.add(id, namespace, witness);
        }
        for never_issued in ["", "a,b", "ca_é", &format!("{longest}x")] {
            ids.add(never_issued, "first", Witness::Yes);
        }
        let ids = ids.build();
        let expected = [
            ("ca_a", "first", Witness::OfAnotherKey),
            ("ca_b", "true", Witness::Yes),
            (&*longest, "first", Witness::No),
        ];
        let expected = expected.map(|(id, namespace, witness)| RecordedId {
            id,
            namespace,
            witness,
        });
        assert_eq!(ids.iter().collect::<Vec<_>>(), expected);
        assert_eq!((ids.len(), ids.get(1)), (3, expected[1]));
        assert!(ids.contains("ca_a") && ids.contains(&longest));
        assert!(!ids.contains("ca_") && !ids.contains("a,b"));
        assert!(Builder::default().build().is_empty());
    }
}
