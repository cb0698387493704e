//! The pure functions of a pass, which a test may wrap.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use composio_operator::crd::ConnectedAccountStatus;
use composio_operator::plan::{Decision, Desired, Observed, Outcome, decide};
use composio_operator::report::report;
use jiff::Timestamp;
use serde_json::Value;

use super::lock;

type Decide = dyn Fn(&Desired, &Observed, Timestamp) -> Decision + Send + Sync;
type Report = dyn Fn(&Desired, &ConnectedAccountStatus, &Outcome, Timestamp) -> ConnectedAccountStatus
    + Send
    + Sync;

/// How a pass decides and reports: the program's own functions, or what a test has put around them.
#[derive(Clone)]
pub(crate) struct Logic {
    pub(crate) decide: Arc<Decide>,
    pub(crate) report: Arc<Report>,
    pub(crate) repeats: Repeats,
}

impl Default for Logic {
    fn default() -> Logic {
        Logic {
            decide: Arc::new(decide),
            report: Arc::new(report),
            repeats: Repeats::default(),
        }
    }
}

/// Which rows stood twice in the last list of a look, which may be read more than once.
#[derive(Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<Listed>>);

#[derive(Default)]
struct Listed {
    /// What was asked for; empty once something else was.
    query: String,
    once: BTreeSet<String>,
    twice: BTreeSet<String>,
    is_counted: bool,
}

impl Repeats {
    /// Something was asked, and answered.
    pub(super) fn answered(&self, query: &str, answer: &[u8]) {
        let mut listed = lock(&self.0);
        if !query.contains("user_ids=") {
            listed.query.clear();
            return;
        }
        if !query.contains("cursor=") {
            listed.once.clear();
            if listed.query != query {
                *listed = Listed {
                    query: query.to_owned(),
                    ..Listed::default()
                };
            }
        }
        let page: Value = serde_json::from_slice(answer).unwrap_or_default();
        for row in page["items"].as_array().into_iter().flatten() {
            let id = row["id"].as_str().unwrap_or_default().to_owned();
            if !listed.once.insert(id.clone()) {
                listed.twice.insert(id);
            }
        }
    }

    /// Whether the account that was seen stood twice in the list.
    pub(crate) fn show(&self, observed: &Observed) -> bool {
        let account = observed.account.account();
        observed.fresh && account.is_some_and(|account| lock(&self.0).twice.contains(&account.id))
    }

    /// The same, once for each list.
    pub(crate) fn show_anew(&self, observed: &Observed) -> bool {
        self.show(observed) && !std::mem::replace(&mut lock(&self.0).is_counted, true)
    }
}
