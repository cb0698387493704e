//! The texts of an object: its own, and those that it has in common with many others, which are kept once.

use std::{collections::HashSet, sync::Arc};

/// The texts that are an object's own, in the order in which they stand. One that is absent is empty.
#[derive(Clone, Copy)]
pub(super) enum Own {
    /// `namespace/name`.
    Key,
    Uid,
    Epoch,
    User,
    Person,
    CallbackUrl,
    ExpectedIdentity,
    AccountId,
    Identity,
    /// In clear or sealed.
    Link,
    LinkRequest,
    LinkBrowser,
    LastRequest,
    SignInRequest,
}

pub(super) const OWN: usize = Own::SignInRequest as usize + 1;

/// The texts that are the same for most objects of one team and one application.
#[derive(Clone, Copy)]
pub(super) enum Shared {
    Toolkit,
    Description,
    Project,
    /// `pr_…`, as the pin has it.
    ProjectId,
    /// Of the condition Ready.
    Reason,
    /// Of the condition Synced, where it is not so.
    Doubt,
    /// To which people are taken on without a click.
    CallbackHost,
}

pub(super) const SHARED: usize = Shared::CallbackHost as usize + 1;

/// The most bytes that are kept of a text. No field that is valid is longer; a status may hold anything.
const LONGEST: usize = 4096;

/// So many texts in one.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Texts<const N: usize> {
    /// The end of each.
    ends: [u16; N],
    all: Box<str>,
}

impl<const N: usize> Texts<N> {
    /// Each with its place.
    pub(super) fn new(given: [(usize, &str); N]) -> Self {
        let mut texts = [""; N];
        for (at, text) in given {
            texts[at] = kept(text);
        }
        let mut end = 0;
        let ends = texts.map(|text| {
            end += text.len();
            u16::try_from(end).unwrap_or(u16::MAX)
        });
        let all = texts.concat().into();
        Self { ends, all }
    }

    pub(super) fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = usize::from(start)..usize::from(self.ends[at]);
        self.all.get(range).unwrap_or_default()
    }
}

fn kept(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Texts that many objects have, once each, for as long as one has them.
#[derive(Default)]
pub(in crate::connect) struct SharedTexts {
    all: HashSet<Arc<Texts<SHARED>>>,
    /// When there are so many, those that nobody has any more go.
    most: usize,
}

impl SharedTexts {
    /// The texts that are kept and are like these.
    pub(super) fn one_like(&mut self, texts: &Arc<Texts<SHARED>>) -> Arc<Texts<SHARED>> {
        if let Some(known) = self.all.get(texts) {
            return Arc::clone(known);
        }
        if self.all.len() >= self.most {
            self.all.retain(|one| Arc::strong_count(one) > 1);
            self.most = 64 + 2 * self.all.len();
        }
        self.all.insert(Arc::clone(texts));
        Arc::clone(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(toolkit: &str) -> Arc<Texts<SHARED>> {
        let mut given = [""; SHARED];
        given[Shared::Toolkit as usize] = toolkit;
        let mut places = 0..SHARED;
        Texts::new(given.map(|text| (places.next().unwrap_or_default(), text))).into()
    }

    #[test]
    fn no_text_is_kept_beyond_what_may_be_of_use() {
        let long = "é".repeat(1_000_000);
        let texts = Texts::new([(0, "short"), (1, &long), (2, &long), (3, "last")]);
        assert_eq!((texts.get(0), texts.get(3)), ("short", "last"));
        assert_eq!(texts.get(2).len(), LONGEST);
        assert!(texts.all.len() <= 2 * LONGEST + 16, "{}", texts.all.len());
    }

    #[test]
    fn what_is_alike_is_kept_once_and_no_longer_than_somebody_has_it() {
        let mut shared = SharedTexts::default();
        let gmail = shared.one_like(&texts("gmail"));
        assert!(Arc::ptr_eq(&gmail, &shared.one_like(&texts("gmail"))));
        assert_eq!(gmail.get(Shared::Toolkit as usize), "gmail");
        for n in 0..1000 {
            drop(shared.one_like(&texts(&n.to_string())));
        }
        assert!(shared.all.len() <= 70, "{}", shared.all.len());
        assert!(Arc::ptr_eq(&gmail, &shared.one_like(&texts("gmail"))));
    }
}
