//! The rate limit: so many requests in each whole minute.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

use super::json_response;

/// The rate limit of an organisation, which all of its projects use. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Window(Arc<Mutex<Minute>>);

struct Minute {
    limit: u32,
    minute: i64,
    used: u32,
    /// What other callers of the organisation use up in every minute.
    others: u32,
}

impl Window {
    pub(super) fn new(limit: u32) -> Self {
        Self(Arc::new(Mutex::new(Minute {
            limit,
            minute: i64::MIN,
            used: 0,
            others: 0,
        })))
    }

    pub(super) fn set_limit(&self, limit: u32) {
        self.0.lock().limit = limit;
    }

    /// Counts a request, and says whether it is within the limit.
    pub(super) fn admit(&self, now: Timestamp) -> bool {
        let mut minute = self.0.lock();
        minute.spend(1, now);
        minute.used <= minute.limit
    }

    /// Somebody makes so many requests.
    pub(super) fn spend(&self, requests: u32, now: Timestamp) {
        self.0.lock().spend(requests, now);
    }

    /// Others make so many requests in every minute, from this one on.
    pub(super) fn set_others(&self, requests: u32, now: Timestamp) {
        let mut minute = self.0.lock();
        minute.spend(0, now);
        minute.used = minute
            .used
            .saturating_sub(minute.others)
            .saturating_add(requests);
        minute.others = requests;
    }

    pub(super) fn others(&self) -> u32 {
        self.0.lock().others
    }

    /// Limit, and what is left of it.
    pub(super) fn state(&self, now: Timestamp) -> (u32, u32) {
        let minute = self.0.lock();
        let current = now.as_second().div_euclid(60) == minute.minute;
        let used = if current { minute.used } else { minute.others };
        (minute.limit, minute.limit.saturating_sub(used))
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

impl Minute {
    fn spend(&mut self, requests: u32, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        if minute != self.minute {
            self.minute = minute;
            self.used = self.others;
        }
        self.used = self.used.saturating_add(requests);
    }
}
