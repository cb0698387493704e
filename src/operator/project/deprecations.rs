//! What Composio tells of the end of its endpoints, one log line a day for each.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::composio::{Deprecation, Endpoint};

/// How long nothing more is logged of an endpoint.
const LOG_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// When each endpoint was logged last.
#[derive(Default)]
pub(super) struct Deprecations(Mutex<HashMap<Endpoint, Instant>>);

impl Deprecations {
    /// Logs that an endpoint will be removed, unless that was logged within a day.
    pub(super) fn warn_once_a_day(
        &self,
        endpoint: Endpoint,
        deprecation: &Deprecation,
        now: Instant,
    ) {
        if !self.is_due(endpoint, now) {
            return;
        }
        let Deprecation { deprecated, sunset } = deprecation;
        tracing::warn!(
            endpoint = endpoint.as_str(),
            deprecated,
            sunset,
            "Composio is about to remove this endpoint: look for a newer version of the operator"
        );
    }

    fn is_due(&self, endpoint: Endpoint, now: Instant) -> bool {
        let mut last_logged = self.0.lock();
        let is_due = last_logged
            .get(&endpoint)
            .is_none_or(|at| now.saturating_duration_since(*at) >= LOG_INTERVAL);
        if is_due {
            last_logged.insert(endpoint, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_is_told_of_once_a_day() {
        let deprecations = Deprecations::default();
        let now = Instant::now();
        assert!(deprecations.is_due(Endpoint::Refresh, now));
        assert!(!deprecations.is_due(Endpoint::Refresh, now + LOG_INTERVAL / 2));
        assert!(deprecations.is_due(Endpoint::Link, now + LOG_INTERVAL / 2));
        assert!(deprecations.is_due(Endpoint::Refresh, now + LOG_INTERVAL));
    }
}
