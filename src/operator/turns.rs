//! Fair turns: of those who wait, whoever holds the fewest places goes next. First it goes round the projects, then
//! round what is in each, so that nobody waits for the crowd of another. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::projects::ProjectKey;

/// Whose turn it is: a tenant, and what it has several of. Hashes stand for the names; two of one hash take turns as
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share([u64; 2]);

impl Share {
    /// The share of the objects of one namespace in one project. A namespace with many projects of its own has no
    /// larger one for that; the namespaces of a ClusterComposioProject divide that of the project. Where nobody
    /// declares that one, it is no tenant: whoever may write an object can name any number of them.
    pub fn of(project: &ProjectKey, namespace: &str, is_declared: bool) -> Self {
        match project.namespace() {
            None if is_declared => Self([hash((false, project.name())), hash(namespace)]),
            None | Some(_) => Self([hash((true, namespace)), hash(project.name())]),
        }
    }
}

fn hash(name: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Who waits for a place, and how many places each share holds.
///
/// # Guarantees
/// - The next is of the project that holds the fewest places, and there of the part that does. Among equals those
///   come first of whom one is urgent, then whoever had the last turn, or began to wait, longest ago.
/// - Within a share the urgent come first, then who has waited longest.
/// - Beyond all places there are a few more, for shares that hold none: whoever asks for little is not kept waiting
///   by calls of others that take long.
pub(crate) struct Turns<T> {
    places: usize,
    reserve: usize,
    held: usize,
    waiting: Ring<Ring<Line<T>>>,
}

impl<T> Turns<T> {
    /// With that many places, all of them free.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places,
            reserve: places.div_ceil(4),
            held: 0,
            waiting: Ring::default(),
        }
    }

    /// Has somebody wait.
    pub(crate) fn push(&mut self, share: Share, is_urgent: bool, who: T) {
        self.waiting.push(&share.0, is_urgent, who);
    }

    /// Gives the next place away, if there is one and somebody waits for it.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let is_reserved = self.held >= self.places;
        if self.held >= self.places + self.reserve {
            return None;
        }
        let next = self.waiting.pop(is_reserved)?;
        self.held += 1;
        Some(next)
    }

    /// Takes back a place of that share.
    pub(crate) fn release(&mut self, share: Share) {
        self.held = self.held.saturating_sub(1);
        self.waiting.release(&share.0);
    }
}

/// Some who wait: the members of a ring are such again.
trait Group: Default {
    type Who;

    /// `path` leads to the line.
    fn push(&mut self, path: &[u64], is_urgent: bool, who: Self::Who);

    /// The next of them; with `is_reserved` only one of a share that holds nothing.
    fn pop(&mut self, is_reserved: bool) -> Option<Self::Who>;

    /// A place of one of them is free again.
    fn release(&mut self, path: &[u64]);

    /// Whether one of them is urgent; `None`: nobody waits.
    fn urgency(&self) -> Option<bool>;

    /// Whether nothing is known of it.
    fn is_empty(&self) -> bool;
}

/// Those who wait in one share.
struct Line<T> {
    urgent: VecDeque<T>,
    others: VecDeque<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            urgent: VecDeque::new(),
            others: VecDeque::new(),
        }
    }
}

impl<T> Group for Line<T> {
    type Who = T;

    fn push(&mut self, _: &[u64], is_urgent: bool, who: T) {
        match is_urgent {
            true => self.urgent.push_back(who),
            false => self.others.push_back(who),
        }
    }

    fn pop(&mut self, is_reserved: bool) -> Option<T> {
        if is_reserved {
            return None;
        }
        self.urgent.pop_front().or_else(|| self.others.pop_front())
    }

    fn release(&mut self, _: &[u64]) {}

    fn urgency(&self) -> Option<bool> {
        (!self.is_empty()).then_some(!self.urgent.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.others.is_empty()
    }
}

/// Groups that take turns.
struct Ring<G> {
    members: HashMap<u64, Member<G>>,
    /// Those of whom somebody waits; the least is next.
    order: BTreeSet<(Rank, u64)>,
    /// How many of them have somebody who is urgent.
    urgent: usize,
    /// The number of the last turn.
    turn: u64,
}

struct Member<G> {
    held: usize,
    turn: u64,
    group: G,
}

/// How many places it holds, whether nothing of it is urgent, and when it had its last turn.
type Rank = (usize, bool, u64);

fn is_urgent((_, is_calm, _): Rank) -> bool {
    !is_calm
}

impl<G> Default for Ring<G> {
    fn default() -> Self {
        Self {
            members: HashMap::new(),
            order: BTreeSet::new(),
            urgent: 0,
            turn: 0,
        }
    }
}

impl<G: Group> Member<G> {
    fn rank(&self) -> Option<Rank> {
        let is_urgent = self.group.urgency()?;
        Some((self.held, !is_urgent, self.turn))
    }
}

impl<G: Group> Ring<G> {
    /// Changes a member, which finds its place anew. One of whom nobody waits, and that holds nothing, is forgotten.
    fn change<R>(&mut self, name: u64, change: impl FnOnce(&mut Member<G>, u64) -> R) -> R {
        let turn = self.turn + 1;
        let member = self.members.entry(name).or_insert_with(|| Member {
            held: 0,
            turn,
            group: G::default(),
        });
        let before = member.rank();
        let changed = change(member, turn);
        if before.is_none() {
            // Whoever begins to wait comes after those who did before.
            member.turn = turn;
        }
        let after = member.rank();
        if member.held == 0 && member.group.is_empty() {
            self.members.remove(&name);
        }
        self.turn = turn;
        if let Some(before) = before {
            self.order.remove(&(before, name));
            self.urgent -= usize::from(is_urgent(before));
        }
        if let Some(after) = after {
            self.order.insert((after, name));
            self.urgent += usize::from(is_urgent(after));
        }
        changed
    }
}

impl<G: Group> Group for Ring<G> {
    type Who = G::Who;

    fn push(&mut self, path: &[u64], is_urgent: bool, who: G::Who) {
        if let [name, rest @ ..] = path {
            self.change(*name, |member, _| member.group.push(rest, is_urgent, who));
        }
    }

    fn pop(&mut self, is_reserved: bool) -> Option<G::Who> {
        let ((held, ..), name) = *self.order.first()?;
        self.change(name, |member, turn| {
            let next = member.group.pop(is_reserved && held > 0)?;
            member.held += 1;
            member.turn = turn;
            Some(next)
        })
    }

    fn release(&mut self, path: &[u64]) {
        if let [name, rest @ ..] = path {
            self.change(*name, |member, _| {
                member.group.release(rest);
                member.held = member.held.saturating_sub(1);
            });
        }
    }

    fn urgency(&self) -> Option<bool> {
        (!self.order.is_empty()).then_some(self.urgent > 0)
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests;
