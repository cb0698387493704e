//! How long answers are held back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long answers of the API are held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// A number of milliseconds, or a list of such, each as likely as the next.
    pub milliseconds: Milliseconds,
    /// How many answers it meets; all, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// Fixed, or drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Milliseconds {
    /// Always so long.
    Fixed(u32),
    /// One of these.
    OneOf(Vec<u32>),
}

/// A latency that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("milliseconds is a number up to {MAX}, or a list of at least one such number")]
pub struct LatencyError;

/// Ten minutes: longer than any client waits.
const MAX: u32 = 600_000;

impl Default for Latency {
    fn default() -> Self {
        Self {
            milliseconds: Milliseconds::Fixed(0),
            times: None,
        }
    }
}

impl Latency {
    pub(super) fn check(&self) -> Result<(), LatencyError> {
        let fits = match &self.milliseconds {
            Milliseconds::Fixed(number) => *number <= MAX,
            Milliseconds::OneOf(numbers) => {
                !numbers.is_empty() && numbers.iter().all(|number| *number <= MAX)
            }
        };
        if fits { Ok(()) } else { Err(LatencyError) }
    }

    /// How long the next answer is held back. `chance` decides where there is a choice.
    pub(super) fn draw(&mut self, chance: u64) -> Duration {
        match &mut self.times {
            Some(0) => return Duration::ZERO,
            Some(times) => *times -= 1,
            None => {}
        }
        let number = match &self.milliseconds {
            Milliseconds::Fixed(number) => *number,
            Milliseconds::OneOf(numbers) => {
                let n = usize::try_from(chance % numbers.len().max(1) as u64).unwrap_or(0);
                numbers.get(n).copied().unwrap_or(0)
            }
        };
        Duration::from_millis(number.into())
    }
}
