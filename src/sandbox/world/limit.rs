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
    /// What other callers of the organisation use up in every minute.
    others: u32,
}

impl Window {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            minute: i64::MIN,
            used: 0,
            others: 0,
        }
    }

    pub(super) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Counts a request, and says whether it is within the limit.
    pub(super) fn admit(&mut self, now: Timestamp) -> bool {
        self.spend(1, now);
        self.used <= self.limit
    }

    /// Somebody makes so many requests.
    pub(super) fn spend(&mut self, requests: u32, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        if minute != self.minute {
            self.minute = minute;
            self.used = self.others;
        }
        self.used = self.used.saturating_add(requests);
    }

    /// Others make so many requests in every minute, from this one on.
    pub(super) fn set_others(&mut self, requests: u32, now: Timestamp) {
        self.spend(0, now);
        self.used = self
            .used
            .saturating_sub(self.others)
            .saturating_add(requests);
        self.others = requests;
    }

    pub(super) fn others(&self) -> u32 {
        self.others
    }

    /// Limit, and what is left of it.
    pub(super) fn state(&self, now: Timestamp) -> (u32, u32) {
        let current = now.as_second().div_euclid(60) == self.minute;
        let used = if current { self.used } else { self.others };
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
