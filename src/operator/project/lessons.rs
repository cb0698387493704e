//! What an answer of Composio says of more than its request: of the API key, the rate limit and the time there. Projects
//! that share a key share such an answer too.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Project, budget_share::BudgetShare, clock::Clock, deprecations::Deprecations,
    gates::AccessGates,
};
use crate::composio::{Call, Class, Endpoint, ListQuery, Page, error::Error};

/// Where it is kept.
pub(super) struct Lessons {
    pub(super) gates: Arc<Mutex<AccessGates>>,
    pub(super) budget: Arc<BudgetShare>,
    pub(super) offset: Arc<Mutex<Option<SignedDuration>>>,
    pub(super) key_rejected: Arc<Notify>,
    pub(super) deprecations: Deprecations,
    pub(super) clock: Clock,
}

impl Lessons {
    pub(super) fn take(&self, call: &Call) {
        let now = self.clock.instant();
        if let Some(date) = call.date {
            *self.offset.lock() = Some(date.duration_since(self.clock.now()));
        }
        if let Some(limit) = call.rate_limit {
            self.budget.with(|budget, _| budget.update(limit, now));
        }
        if call.class == Class::EdgeThrottled {
            self.budget
                .with(|budget, _| budget.edge_throttled(edge_wait(), now));
        }
        if let Some(deprecation) = &call.deprecation {
            self.deprecations
                .warn_once_a_day(call.endpoint, deprecation, now);
        }
        let mut gates = self.gates.lock();
        let status = status_of_key(call);
        gates.note(call.endpoint.is_effect(), status, now);
        if status == Some(401) {
            self.key_rejected.notify_one();
        }
        if status == Some(401)
            && let Some(fix) = &call.suggested_fix
        {
            gates.suggest(&fix.to_string());
        }
        if let Some(retry_after) = call.retry_after {
            gates.pause(retry_after, now);
        }
    }
}

impl Project {
    /// One page of accounts, and how the call went, for those that share the key: see [`Project::learn_from`].
    pub(crate) async fn list_and_tell(
        &self,
        query: &ListQuery,
    ) -> (Result<Page, Error>, Option<Call>) {
        let told = Arc::new(Mutex::new(None));
        let observer = {
            let told = Arc::clone(&told);
            Arc::new(move |call: &Call| *told.lock() = Some(call.clone()))
        };
        let page = self.client.also_observed(observer).list(query).await;
        let call = told.lock().take();
        (page, call)
    }

    /// Takes in how a call went that another project with the same key has made: what it says of the key, the rate
    /// limit and the time. It is counted where it was made.
    pub(crate) fn learn_from(&self, call: &Call) {
        self.lessons.take(call);
    }
}

/// The status of an answer, as far as it says something of the key. A refusal of the whole project counts as one of the
/// key: nobody is refused a list for what he lists. Not every key may ask whose it is.
fn status_of_key(call: &Call) -> Option<u16> {
    if call.endpoint == Endpoint::SessionInfo {
        return None;
    }
    let is_list = matches!(call.endpoint, Endpoint::List | Endpoint::AuthConfigs);
    let is_block = is_list && call.class == Class::Refused && call.status == Some(403);
    if is_block { Some(401) } else { call.status }
}

/// The edge turns calls away for blocks of fifteen to thirty seconds: not all come back at the same moment.
fn edge_wait() -> Duration {
    Duration::from_millis(fastrand::u64(5_000..15_000))
}
