//! Counts of a few words.

#[cfg(test)]
use std::ops::Index;

/// How often each word was counted, in the order of the words. Of one that was not, nothing is kept: most projects have
/// one or two, and a map would keep the room of eleven.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordCounts(Vec<(&'static str, u64)>);

impl WordCounts {
    /// Counts a word so many times more.
    pub(super) fn add(&mut self, word: &'static str, many: u64) {
        match self.place(word) {
            Ok(at) => self.0[at].1 += many,
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (word, many));
            }
        }
    }

    /// Counts a word once less.
    pub(super) fn subtract(&mut self, word: &'static str) {
        let Ok(at) = self.place(word) else {
            return;
        };
        self.0[at].1 -= 1;
        if self.0[at].1 == 0 {
            self.0.remove(at);
        }
    }

    /// How often a word was counted; `None`: never.
    pub fn get(&self, word: &str) -> Option<u64> {
        let at = self.place(word).ok()?;
        Some(self.0[at].1)
    }

    /// All words, and how often each was counted.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().copied()
    }

    /// How often words were counted.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum()
    }

    fn place(&self, word: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (*known).cmp(word))
    }
}

/// How often a word was counted, as [`std::collections::BTreeMap`] has it: for tests.
#[cfg(test)]
impl Index<&str> for WordCounts {
    type Output = u64;

    fn index(&self, word: &str) -> &u64 {
        let at = self.place(word).expect("it was counted");
        &self.0[at].1
    }
}
