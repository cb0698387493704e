//! How long to wait after a failure. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// A Retry-After is obeyed up to here.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// The wait after so many failures in a row: doubled each time, from one second to five minutes, and up to a quarter
/// longer. `random` is below 1.
pub(super) fn wait(failures: u32, random: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = SHORTEST.saturating_mul(1 << doublings).min(LONGEST);
    wait + wait.mul_f64(random / 4.0)
}

/// What the receiver asks for in `Retry-After`, in seconds or as a date by its own clock; at least a second and at
/// most an hour.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text| DateTimeParser::new().parse_timestamp(text).ok();
    let asked = text(header::RETRY_AFTER)?;
    let wait = match asked.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let clock: Timestamp = text(header::DATE).and_then(date)?;
            Duration::try_from(date(asked)?.duration_since(clock)).unwrap_or(SHORTEST)
        }
    };
    Some(wait.clamp(SHORTEST, LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_five_minutes() {
        let waits = [1, 2, 3, 9, 10, 1000, u32::MAX].map(|failures| wait(failures, 0.0).as_secs());
        assert_eq!(waits, [1, 2, 4, 256, 300, 300, 300]);
        assert_eq!(wait(1, 0.999).as_millis(), 1249);
    }

    #[test]
    fn what_the_receiver_asks_for_is_obeyed_within_an_hour() {
        let asked = |value: &'static str, clock: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().expect("a header"));
            if let Some(clock) = clock {
                headers.insert(header::DATE, clock.parse().expect("a header"));
            }
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(asked("30", None), Some(30));
        assert_eq!(asked("0", None), Some(1));
        assert_eq!(asked("86400", None), Some(3600));
        assert_eq!(asked("soon", None), None);
        assert_eq!(asked("-5", None), None);
        let (date, later) = (
            "Wed, 21 Oct 2026 07:28:00 GMT",
            "Wed, 21 Oct 2026 07:28:30 GMT",
        );
        assert_eq!(asked(later, Some(date)), Some(30));
        assert_eq!(asked(date, Some(later)), Some(1));
        assert_eq!(asked(later, None), None, "by whose clock?");
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
