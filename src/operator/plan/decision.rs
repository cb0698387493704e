//! A decision, and how a rule makes one.

use jiff::Timestamp;

use crate::crd::Reason;

use super::{Effect, Need, Plan, Refusal, Rule, Wait};

/// A decision: what to do next, and by which rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The rule that decided.
    pub rule: Rule,
    /// What to do.
    pub plan: Plan,
}

impl Rule {
    pub(super) fn nothing(self) -> Decision {
        self.decides(Plan::Nothing)
    }

    pub(super) fn does(self, effect: Effect) -> Decision {
        self.decides(Plan::Do(effect))
    }

    pub(super) fn looks(self, need: Need) -> Decision {
        self.decides(Plan::Look(need))
    }

    pub(super) fn waits(
        self,
        reason: Reason,
        detail: impl Into<String>,
        until: Option<Timestamp>,
    ) -> Decision {
        self.decides(Plan::Wait(Wait {
            reason,
            detail: detail.into(),
            until,
        }))
    }

    pub(super) fn refuses(self, reason: Reason, detail: impl Into<String>) -> Decision {
        self.decides(Plan::Refuse(Refusal {
            reason,
            detail: detail.into(),
        }))
    }

    fn decides(self, plan: Plan) -> Decision {
        Decision { rule: self, plan }
    }
}
