//! What the values of flags may be.

use std::{convert::Infallible, time::Duration};

use crate::{composio::Sensitive, lease::SCOPES};

/// A name of an object, and not that of the Lease which all releases share.
pub(super) fn lease_name(text: &str) -> Result<String, String> {
    const MAX: usize = 253;
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > MAX || !text.split('.').all(is_label) {
        return Err("not a name of a Kubernetes object".to_owned());
    }
    if text == SCOPES {
        return Err(
            "that Lease is the one in which all releases claim their namespaces".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// What is not shown again.
pub(super) fn sensitive(text: &str) -> Result<Sensitive, Infallible> {
    Ok(Sensitive::new(text))
}

/// `30s`, `1m30s`, `10 minutes`: more than nothing, and no longer than a day.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "not a duration such as 30s or 1m30s".to_owned())?;
    let duration = Duration::try_from(span).map_err(|_| "must be positive".to_owned())?;
    if duration.is_zero() || duration > DAY {
        return Err("must be more than nothing and at most a day".to_owned());
    }
    Ok(duration)
}

/// What a declared alias may hold too, and short enough to leave room for the namespace in the readable part.
pub(super) fn alias_prefix(text: &str) -> Result<String, String> {
    const MAX: usize = 32;
    let fits = text.len() <= MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !fits {
        return Err(format!("at most {MAX} letters, digits, '-' and '_'"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "30", "0s", "-5s", "25h", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn a_lease_has_the_name_of_an_object_and_not_that_of_the_claims() {
        for right in ["composio-operator", "9", "a.b-c"] {
            assert_eq!(lease_name(right), Ok(right.to_owned()));
        }
        for wrong in ["", "A", "a_b", "-a", "a-", "a..b", "a/b", SCOPES] {
            assert!(lease_name(wrong).is_err(), "{wrong:?} was taken");
        }
        assert!(lease_name(&"x".repeat(254)).is_err());
    }

    #[test]
    fn a_prefix_is_short_and_of_the_characters_of_an_alias() {
        assert!(alias_prefix("eu-1_").is_ok());
        assert!(alias_prefix("eu.").is_err());
        assert!(alias_prefix(&"x".repeat(33)).is_err());
    }
}
