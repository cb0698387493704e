//! Who decides and who tells.

use std::sync::Arc;

use composio_operator::crd::ConnectedAccountStatus;
use composio_operator::plan::{Desired, Observed, Outcome, Plan, plan};
use composio_operator::report::report;
use jiff::Timestamp;

type Decide = dyn Fn(&Desired, &Observed, Timestamp) -> Plan + Send + Sync;
type Report = dyn Fn(&Desired, &ConnectedAccountStatus, &Outcome, Timestamp) -> ConnectedAccountStatus
    + Send
    + Sync;

/// Who decides and who tells: the program's own, or one that a test has put around them.
#[derive(Clone)]
pub(crate) struct Mind {
    pub(crate) plan: Arc<Decide>,
    pub(crate) report: Arc<Report>,
}

impl Default for Mind {
    fn default() -> Mind {
        Mind {
            plan: Arc::new(plan),
            report: Arc::new(report),
        }
    }
}
