//! What the values of flags may be: one table for the program's parsers, the schema of the chart and the
//! table in the chart's README.

use std::{sync::LazyLock, time::Duration};

use regex::Regex;

use crate::lease::SCOPES;

/// The values that a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// `true` or `false`.
    Bool,
    /// A whole number in these limits.
    Number {
        /// The smallest.
        min: u16,
        /// The largest.
        max: u16,
    },
    /// A duration such as `1m30s`, in these limits.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A text that matches a pattern.
    Text {
        /// Text, as a regular expression that Rust, Go and JSON Schema read alike.
        pattern: &'static str,
        /// The same, for people.
        says: &'static str,
    },
    /// One of the words that clap knows of.
    Word,
    /// Whatever is not empty.
    Any,
}

/// Hours, minutes, seconds and milliseconds, in this order and each once. The empty text matches too.
pub const DURATION: &str = "^([0-9]{1,8}h)?([0-9]{1,8}m)?([0-9]{1,8}s)?([0-9]{1,8}ms)?$";
/// All durations: more than nothing, and no longer than a day.
pub const DURATIONS: Values = Values::Duration {
    min: SHORTEST,
    max: LONGEST,
};
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Objects that are worked on at the same time.
pub const CONCURRENCY: Values = Values::Number {
    min: FEWEST,
    max: MOST,
};
/// The smallest [`CONCURRENCY`].
pub(super) const FEWEST: u16 = 1;
/// The largest.
pub(super) const MOST: u16 = 1000;
/// Projects that are served of one namespace; with none of them, only those of the cluster are.
pub const PROJECTS: Values = Values::Number {
    min: 0,
    max: MOST_PROJECTS,
};
/// The largest [`PROJECTS`].
pub(super) const MOST_PROJECTS: u16 = 1000;
/// The name of a namespace.
const NAMESPACE: (&str, &str) = (
    "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
    "the name of a namespace: at most 63 lower-case letters, digits and '-', a letter or digit at both ends",
);
/// The name of an object.
const OBJECT: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

const fn text((pattern, says): (&'static str, &'static str)) -> Values {
    Values::Text { pattern, says }
}

/// What each flag of `run` takes. The others take whatever is not empty.
const TABLE: [(&str, Values); 30] = [
    ("request-timeout", DURATIONS),
    ("watch-namespace", text(NAMESPACE)),
    ("lease-namespace", text(NAMESPACE)),
    ("cluster-resource-namespace", text(NAMESPACE)),
    ("allow-http", Values::Bool),
    ("max-projects-per-namespace", PROJECTS),
    ("key-interval", DURATIONS),
    ("leader-elect", Values::Bool),
    ("lease-duration", DURATIONS),
    ("renew-deadline", DURATIONS),
    ("retry-period", DURATIONS),
    ("concurrency", CONCURRENCY),
    ("poll-interval", DURATIONS),
    ("poll-interval-waiting", DURATIONS),
    ("resync-interval", DURATIONS),
    ("accept-missing", Values::Bool),
    ("unknown-outcome-wait", DURATIONS),
    ("revoke-patience", DURATIONS),
    ("backoff-min", DURATIONS),
    ("backoff-max", DURATIONS),
    ("stalled-interval", DURATIONS),
    ("secret-interval", DURATIONS),
    ("auth-config-lifetime", DURATIONS),
    ("notify-format", Values::Word),
    ("notify-allow-http", Values::Bool),
    ("notify-namespaces", text(NAMESPACE)),
    ("notify-digest", DURATIONS),
    ("notify-with-token", Values::Bool),
    ("people-namespaced-projects", Values::Bool),
    ("log-format", Values::Word),
];

/// What a flag takes, by its long name.
pub fn of(flag: &str) -> Values {
    let found = TABLE.iter().find(|(name, _)| *name == flag);
    found.map_or(Values::Any, |(_, values)| *values)
}

/// One of the addresses to listen on, as a pattern: IPv4, or IPv6 with or without brackets.
pub fn host_pattern() -> String {
    let (v4, v6) = (ipv4(), ipv6());
    format!(r"^({v4}|{v6}|\[{v6}\])$")
}

/// Where Composio may be, as a pattern: a URL without user, query, fragment and `..`.
pub fn base_url_pattern() -> String {
    let (v4, v6) = (ipv4(), ipv6());
    // A name that ends in a number would be an address.
    let name = "([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?[.])*[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?";
    let port =
        "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})";
    let path = "/([.]?[A-Za-z0-9_~/-])*[.]?";
    format!(r"^https?://({v4}|\[{v6}\]|{name})(:{port})?({path})?$")
}

fn ipv4() -> String {
    let byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    format!(r"{byte}(\.{byte}){{3}}")
}

fn ipv6() -> String {
    let word = "[0-9a-fA-F]{1,4}";
    let mut forms = vec![
        format!("({word}:){{7}}{word}"),
        format!("({word}:){{1,7}}:"),
        format!(":(:{word}){{1,7}}"),
        "::".to_owned(),
    ];
    for before in 1..=6 {
        let after = 7 - before;
        forms.push(format!("({word}:){{1,{before}}}(:{word}){{1,{after}}}"));
    }
    format!("({})", forms.join("|"))
}

/// Holds a text against the pattern that the schema has.
fn matching(text: &str, pattern: &str, says: &str) -> Result<String, String> {
    let is_right = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
    match is_right {
        true => Ok(text.to_owned()),
        false => Err(format!("must be {says}")),
    }
}

/// One namespace. People write a blank behind a comma.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    matching(text.trim(), NAMESPACE.0, NAMESPACE.1)
}

/// A name of an object, and not that of the Lease which all releases share.
pub(super) fn lease_name(text: &str) -> Result<String, String> {
    const MAX: usize = 253;
    if text == SCOPES {
        return Err(
            "that Lease is the one in which all releases claim their namespaces".to_owned(),
        );
    }
    match text.len() > MAX {
        true => Err(format!("must be at most {MAX} characters")),
        false => matching(text, OBJECT, "the name of a Kubernetes object"),
    }
}

/// Reads `30s`, `1m30s`, `250ms`: the value of every flag that is a duration.
///
/// # Errors
/// What it must be, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    static PATTERN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(DURATION).expect("the pattern is one"));
    // In the order of the pattern's groups.
    const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let found = PATTERN
        .captures(text)
        .filter(|_| !text.is_empty())
        .ok_or("must be a duration such as 30s, 1m30s or 250ms")?;
    let parts = UNITS.iter().zip(found.iter().skip(1));
    let milliseconds: u64 = parts
        .filter_map(|((unit, worth), part)| {
            let number = part?.as_str().strip_suffix(unit)?.parse::<u64>().ok()?;
            Some(number * worth)
        })
        .sum();
    let duration = Duration::from_millis(milliseconds);
    match (SHORTEST..=LONGEST).contains(&duration) {
        true => Ok(duration),
        false => Err("must be at least 1ms and at most 24h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::arguments::Cli;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1h2m3s4ms"), Ok(Duration::from_millis(3_723_004)));
        assert_eq!(duration("1m5ms"), Ok(Duration::from_millis(60_005)));
        for right in ["1ms", "24h", "1440m", "86400s", "86400000ms", "08s"] {
            assert!(duration(right).is_ok(), "{right:?} was refused");
        }
        for wrong in [
            "",
            "30",
            "0s",
            "0h0m",
            "-5s",
            "25h",
            "24h1ms",
            "86400001ms",
            "30s1m",
            "1h1h",
            "1.5h",
            "1 m",
            "soon",
            "99999999h",
            "100000000ms",
            "1s\n",
        ] {
            assert!(duration(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn a_lease_has_the_name_of_an_object_and_not_that_of_the_claims() {
        for right in ["composio-operator", "9", "a.b-c", &"x".repeat(253)] {
            assert_eq!(lease_name(right), Ok(right.to_owned()));
        }
        for wrong in ["", "A", "a_b", "-a", "a-", "a..b", "a/b", SCOPES] {
            assert!(lease_name(wrong).is_err(), "{wrong:?} was taken");
        }
        assert!(lease_name(&"x".repeat(254)).is_err());
    }

    #[test]
    fn every_pattern_is_a_regular_expression_from_end_to_end() {
        let mut patterns = vec![DURATION.to_owned(), host_pattern(), base_url_pattern()];
        patterns.extend(TABLE.iter().filter_map(|(_, values)| match values {
            Values::Text { pattern, .. } => Some((*pattern).to_owned()),
            _ => None,
        }));
        for pattern in patterns {
            assert!(
                pattern.starts_with('^') && pattern.ends_with('$'),
                "{pattern}"
            );
            assert!(Regex::new(&pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn the_table_names_flags_that_there_are() {
        let cli = Cli::command();
        let run = cli.find_subcommand("run").expect("there is `run`");
        for (name, _) in TABLE {
            let flag = run
                .get_arguments()
                .find(|flag| flag.get_long() == Some(name));
            assert!(flag.is_some(), "there is no --{name}");
        }
    }
}
