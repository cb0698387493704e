//! The rate limit: so many requests in each whole minute.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use jiff::Timestamp;
use serde_json::json;

use super::json_response;

pub(super) struct Window {
    limit: u32,
    minute: i64,
    used: u32,
}

impl Window {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            minute: i64::MIN,
            used: 0,
        }
    }

    pub(super) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Counts a request, and says whether it is within the limit.
    pub(super) fn admit(&mut self, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        if minute != self.minute {
            self.minute = minute;
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.used <= self.limit
    }

    /// Limit, and what is left of it.
    pub(super) fn state(&self, now: Timestamp) -> (u32, u32) {
        let current = now.as_second().div_euclid(60) == self.minute;
        let used = if current { self.used } else { 0 };
        (self.limit, self.limit.saturating_sub(used))
    }

    /// The 429, which is not in the form of the other errors.
    pub(super) fn refusal(&self, now: Timestamp) -> Response<Bytes> {
        let wait = 60 - now.as_second().rem_euclid(60);
        let message = format!("Rate limit exceeded. Try again in {wait} seconds.");
        let mut response = json_response(429, &json!({"message": message}));
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(wait));
        response
    }
}
