//! Which objects wait for a pass, since when or until when, and whose turn it is. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use crate::{
    capacity::shrink,
    metrics::QueueReading,
    store::{Name, Named, PackedObject, StoredSummary},
    turns::{Share, Turns},
};

/// The maps of objects do not shrink below this capacity.
const MIN_CAPACITY: usize = 256;

/// The objects that wait for a pass, or have one. After a start those are all objects: of one that only waits for its
/// turn no more is kept than what the store keeps of it anyway.
///
/// # Guarantees
/// - Of one object there is one pass at a time. What is asked for meanwhile is due when it ends.
/// - Whatever is due first counts.
/// - The order of those that are due is that of [`Turns`].
pub(super) struct Schedule {
    /// Those that are due, of which nothing else is known, and since when.
    due: HashMap<Named<StoredSummary>, Instant>,
    /// All others.
    entries: HashMap<Key, Entry>,
    /// Those of them that are due later.
    later: BTreeSet<(Instant, Key)>,
    turns: Turns<(Share, Waiting)>,
}

/// Who waits for a turn.
enum Waiting {
    Due(StoredSummary),
    Entry(Key),
}

struct Entry {
    share: Share,
    is_urgent: bool,
    state: State,
}

/// The name of an object that has an entry. It does not hold on to the summary, which is another one by the time of
/// the next pass.
type Key = Named<WrittenName>;

/// `namespace/name`.
#[derive(Clone)]
struct WrittenName(Arc<str>);

impl Name for WrittenName {
    fn name(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or_default()
    }
}

enum State {
    /// It is due at that time.
    Later(Instant),
    /// It is, since then.
    Due(Instant),
    /// It has its pass, in a place of that share; the next one is due then.
    Running(Share, Option<Instant>),
}

impl Schedule {
    /// For so many passes at a time.
    pub(super) fn new(places: usize) -> Self {
        Self {
            due: HashMap::new(),
            entries: HashMap::new(),
            later: BTreeSet::new(),
            turns: Turns::new(places),
        }
    }

    /// Asks for a pass over an object.
    pub(super) fn ask(
        &mut self,
        object: &StoredSummary,
        share: Share,
        is_urgent: bool,
        now: Instant,
    ) {
        let Some(entry) = self.entries.get_mut(object as &dyn Name) else {
            self.ask_first(object, share, is_urgent, now);
            return;
        };
        let becomes_urgent = is_urgent && !entry.is_urgent;
        if becomes_urgent || !matches!(entry.state, State::Due(_)) {
            (entry.is_urgent, entry.share) = (is_urgent, share);
        }
        match &mut entry.state {
            State::Running(_, again) => {
                again.get_or_insert(now);
            }
            // It stands in both lines, and the first counts.
            State::Due(_) if becomes_urgent => {
                let waiting = Waiting::Entry(self.key(object));
                self.turns.push(share, true, (share, waiting));
            }
            State::Due(_) => {}
            State::Later(due) => {
                let waited = (*due, self.key(object));
                self.later.remove(&waited);
                let (due, key) = waited;
                self.wait(key, due.min(now), now);
            }
        }
    }

    /// Asks for a pass over one that has no entry.
    fn ask_first(&mut self, object: &StoredSummary, share: Share, is_urgent: bool, now: Instant) {
        if is_urgent {
            // What it has waited for in the other line counts, and its turn there does not.
            let since = self.due.remove(object as &dyn Name).unwrap_or(now);
            let key = self.key(object);
            let entry = Entry {
                share,
                is_urgent,
                state: State::Due(since),
            };
            self.entries.insert(key.clone(), entry);
            self.turns.push(share, true, (share, Waiting::Entry(key)));
        } else if !self.due.contains_key(object as &dyn Name) {
            self.due.insert(Named(object.clone()), now);
            let waiting = Waiting::Due(object.clone());
            self.turns.push(share, false, (share, waiting));
        }
    }

    /// The next object whose turn it is, which has its pass from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<ObjectRef<PackedObject>> {
        while self.next_due().is_some_and(|due| due <= now)
            && let Some((due, key)) = self.later.pop_first()
        {
            self.wait(key, due, now);
        }
        loop {
            let (share, waiting) = self.turns.pop()?;
            let begun = match waiting {
                Waiting::Due(object) => self.begin_first(share, &object),
                Waiting::Entry(key) => self.begin(share, &key),
            };
            // One that does not begin had its turn in another line.
            match begun {
                Some(object) => return Some(object),
                None => self.turns.release(share),
            }
        }
    }

    fn begin_first(
        &mut self,
        share: Share,
        object: &StoredSummary,
    ) -> Option<ObjectRef<PackedObject>> {
        self.due.remove(object as &dyn Name)?;
        shrink(&mut self.due, MIN_CAPACITY);
        let entry = Entry {
            share,
            is_urgent: false,
            state: State::Running(share, None),
        };
        self.entries.insert(self.key(object), entry);
        Some(object.reference())
    }

    fn begin(&mut self, share: Share, key: &Key) -> Option<ObjectRef<PackedObject>> {
        let entry = self.entries.get_mut(key)?;
        let is_its_turn = entry.share == share && matches!(entry.state, State::Due(_));
        is_its_turn.then(|| {
            entry.state = State::Running(share, None);
            let (namespace, name) = key.name();
            ObjectRef::new(name).within(namespace)
        })
    }

    /// When the next one is due that is not yet.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first().map(|(due, _)| *due)
    }

    /// The pass over an object has ended, and the next one is due then, if at all.
    pub(super) fn ended(
        &mut self,
        object: &ObjectRef<PackedObject>,
        due: Option<Instant>,
        now: Instant,
    ) {
        let Some(entry) = self.entries.get_mut(object as &dyn Name) else {
            return;
        };
        let State::Running(share, again) = entry.state else {
            return;
        };
        self.turns.release(share);
        match again.into_iter().chain(due).min() {
            Some(due) => self.wait(self.key(object), due, now),
            None => {
                self.entries.remove(object as &dyn Name);
                // After the start, hardly any object waits.
                shrink(&mut self.entries, MIN_CAPACITY);
            }
        }
    }

    /// How many objects wait for a pass that is due, and how long the first of them has.
    pub(super) fn reading(&self, now: Instant) -> QueueReading {
        let due = self.entries.values().filter_map(|entry| match entry.state {
            State::Later(due) | State::Due(due) => Some(due).filter(|due| *due <= now),
            State::Running(..) => None,
        });
        let due = due.chain(self.due.values().copied());
        let (depth, oldest) = due.fold((0, now), |(depth, oldest), due| {
            (depth + 1, oldest.min(due))
        });
        QueueReading {
            depth,
            oldest: now.saturating_duration_since(oldest),
        }
    }

    fn wait(&mut self, key: Key, due: Instant, now: Instant) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if due <= now {
            entry.state = State::Due(due);
            let (share, is_urgent) = (entry.share, entry.is_urgent);
            let waiting = Waiting::Entry(key);
            self.turns.push(share, is_urgent, (share, waiting));
        } else {
            entry.state = State::Later(due);
            self.later.insert((due, key));
        }
    }

    /// The key as it is kept, where there is an entry.
    fn key(&self, object: &dyn Name) -> Key {
        match self.entries.get_key_value(object) {
            Some((kept, _)) => kept.clone(),
            None => {
                let (namespace, name) = object.name();
                Named(WrittenName(format!("{namespace}/{name}").into()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
