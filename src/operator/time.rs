//! Conversions of times and durations, for all modules the same.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub(crate) mod packed;

/// A duration for arithmetic with timestamps. One that is too long counts as the longest.
pub fn to_signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A duration to wait for. A negative one counts as zero.
pub fn to_std(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or(Duration::ZERO)
}

/// The time in whole seconds, as the apiserver keeps it: anything finer would look like a change at every
/// comparison.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_beyond_the_other_type_become_its_nearest() {
        assert_eq!(to_signed(Duration::MAX), SignedDuration::MAX);
        assert_eq!(to_std(SignedDuration::from_secs(-1)), Duration::ZERO);
        let second = Duration::from_secs(1);
        assert_eq!(to_std(to_signed(second)), second);
    }

    #[test]
    fn fractions_of_a_second_are_cut_off() {
        let time: Timestamp = "2026-01-01T00:00:00.9Z".parse().expect("a time");
        assert_eq!(whole_seconds(time).to_string(), "2026-01-01T00:00:00Z");
    }
}
