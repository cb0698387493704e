//! Chance for the tests of all modules, told by its seed: `SEED=7 cargo test --lib NAME` runs one case
//! again.

use std::{
    fmt::Write,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde_json::{Map, Number, Value};

/// Runs a property for that many seeds, or for the one that `SEED` names.
pub fn for_seeds(count: u64, mut property: impl FnMut(&mut Dice)) {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..count,
    };
    for seed in seeds {
        let mut dice = Dice(fastrand::Rng::with_seed(seed));
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| property(&mut dice))) {
            let said = match cause.downcast_ref::<String>() {
                Some(said) => said.as_str(),
                None => cause
                    .downcast_ref::<&str>()
                    .copied()
                    .unwrap_or("it panicked"),
            };
            panic!("SEED={seed}: {said}");
        }
    }
}

/// Texts that make trouble wherever they are taken for granted.
pub const ODD: [&str; 16] = [
    "",
    " ",
    "a",
    ".",
    "..",
    "../../../admin",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{9b}2J",
    "one\r\ntwo\0three",
    "\u{202e}desrever\u{200b}",
    "e\u{301}\u{1f469}\u{200d}\u{1f680}",
    "\"},{\"id\":\"ca_1",
    "%2e%2e%2f?a=b&c#d",
    "javascript:alert(1)",
    "-99999999999999999999.5e400",
    "<script>\u{2028}</script>",
];

/// A source of values.
pub struct Dice(fastrand::Rng);

impl Dice {
    /// Whether something happens that does `one_in` times.
    pub fn once_in(&mut self, times: u32) -> bool {
        self.0.u32(0..times) == 0
    }

    /// A number from zero to one less than `below`.
    pub fn number(&mut self, below: u64) -> u64 {
        self.0.u64(0..below)
    }

    /// One of them.
    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(0..choices.len())].clone()
    }

    /// Nothing, or what `make` makes, each as often as the other.
    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.0.bool().then(|| make(self))
    }

    /// Any text: usually one of these, now and then an odd or a long one.
    pub fn text(&mut self, usual: &[&str]) -> String {
        match self.0.u32(0..40) {
            0 => self.of(&ODD).to_owned(),
            1 => self.of(&ODD).repeat(self.0.usize(0..60)),
            2 => (0..self.0.usize(0..400)).map(|_| self.0.char(..)).collect(),
            _ => self.of(usual).to_owned(),
        }
    }

    /// Any time, also at the ends of what can be said.
    pub fn time(&mut self, usual: &[jiff::Timestamp]) -> jiff::Timestamp {
        match self.0.u32(0..12) {
            0 => jiff::Timestamp::MIN,
            1 => jiff::Timestamp::MAX,
            2 => {
                let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
                let second = self.0.i64(first.as_second()..=last.as_second());
                jiff::Timestamp::from_second(second).expect("it is between the two")
            }
            _ => self.of(usual),
        }
    }

    /// Any JSON, with members of these names in its objects.
    pub fn json(&mut self, names: &[&str], words: &[&str], depth: u32) -> Value {
        match self.0.u32(0..if depth == 0 { 6 } else { 11 }) {
            0 => Value::Null,
            1 => Value::Bool(self.0.bool()),
            2 => Number::from_f64(self.0.f64() * 1e300).map_or(Value::Null, Value::Number),
            3 => Value::from(self.of(&[0, 1, -1, i64::MIN, i64::MAX, 1_800_000_000])),
            4 | 5 => Value::String(self.text(words)),
            6 => {
                let length = self.0.usize(0..4);
                (0..length)
                    .map(|_| self.json(names, words, depth - 1))
                    .collect()
            }
            _ => {
                let mut members = Map::new();
                for _ in 0..self.0.usize(0..8) {
                    let name = self.of(names).to_owned();
                    members.insert(name, self.json(names, words, depth - 1));
                }
                Value::Object(members)
            }
        }
    }

    /// The same text with some bytes changed, left out or doubled, as damage in a network or a proxy
    /// leaves it.
    pub fn damaged(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.0.usize(0..4) {
            if bytes.is_empty() {
                break;
            }
            let at = self.0.usize(0..bytes.len());
            match self.0.u32(0..5) {
                0 => bytes[at] = self.0.u8(..),
                1 => bytes.truncate(at),
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, self.of(b"{}[]\",:0\\\xff")),
                _ => bytes.extend_from_within(at..),
            }
            bytes.truncate(1 << 16);
        }
        bytes
    }
}

/// Fails if there is anything in the text that does more than stand there.
pub fn assert_plain(what: &str, text: &str) {
    let odd = text.chars().find(|one| {
        one.is_control()
            || matches!(one,
                '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    });
    let mut shown = String::new();
    if let Some(odd) = odd {
        write!(shown, "{odd:?} in {text:?}").expect("a string takes everything");
    }
    assert!(odd.is_none(), "{what}: {shown}");
}
