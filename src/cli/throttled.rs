//! An apiserver that has too much to do turns a request away before it looks at it, with 429 and how long to wait. As
//! kubectl does, it is asked again then.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use kube::client::Body;
use kube::client::retry::RetryPolicy;
use tokio::time::{Sleep, sleep};
use tower::BoxError;
use tower::retry::Policy;

/// So often a request is asked again, as by kubectl.
const TRIES: u32 = 10;
/// Whoever is to wait longer is told instead.
const LONGEST: Duration = Duration::from_secs(60);

/// When a request is asked again.
#[derive(Clone)]
pub(crate) struct Throttled {
    tried: u32,
    /// By which a request is copied.
    copies: RetryPolicy,
}

impl Throttled {
    /// For requests that were not tried yet.
    pub(crate) fn new() -> Self {
        Self {
            tried: 0,
            copies: RetryPolicy::default(),
        }
    }
}

impl<B> Policy<Request<Body>, Response<B>, BoxError> for Throttled {
    type Future = Sleep;

    fn retry(
        &mut self,
        _asked: &mut Request<Body>,
        answer: &mut Result<Response<B>, BoxError>,
    ) -> Option<Sleep> {
        let answer = answer.as_ref().ok()?;
        // Without the header it is the word of an admission webhook: of a request that was looked at.
        let wait = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
        let wait = Duration::from_secs(wait.parse().ok()?);
        let is_throttled = answer.status() == StatusCode::TOO_MANY_REQUESTS;
        if !is_throttled || wait > LONGEST || self.tried >= TRIES {
            return None;
        }
        self.tried += 1;
        Some(sleep(wait))
    }

    fn clone_request(&mut self, asked: &Request<Body>) -> Option<Request<Body>> {
        Policy::<Request<Body>, Response<B>, BoxError>::clone_request(&mut self.copies, asked)
    }
}
