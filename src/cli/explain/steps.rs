//! One decision after the other: what decides now, and what would come next. Pure.

use composio_operator::plan::{AccountLookup, Decision, Desired, Need, Observed, Plan, decide};
use jiff::{SignedDuration, Timestamp};

use crate::foresee::{MOST, carry_out};

/// A moment after the time at which something is over.
const MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// A decision, and when it is taken.
pub(super) struct Step {
    pub(super) decision: Decision,
    pub(super) comes: Comes,
}

/// When a decision is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comes {
    Now,
    /// After the look that the one before asks for.
    AfterLook,
    /// After the one before was carried out.
    AfterStep,
    /// If nothing happens until then.
    At(Timestamp),
}

/// The decisions, each as if the one before had been carried out, as far as anybody can know.
pub(super) fn of(mut desired: Desired, mut observed: Observed, now: Timestamp) -> Vec<Step> {
    let was_looked_at = observed.account != AccountLookup::NotLooked;
    // First as it is remembered, then as if the look had found what was seen.
    observed.fresh = false;
    let mut steps: Vec<Step> = Vec::new();
    let (mut comes, mut at) = (Comes::Now, now);
    loop {
        let decision = decide(&desired, &observed, at);
        let is_new = (steps.last()).is_none_or(|last| last.decision.rule != decision.rule);
        if matches!(comes, Comes::At(_)) && !is_new {
            return steps;
        }
        let plan = decision.plan.clone();
        steps.push(Step { decision, comes });
        if steps.len() >= MOST {
            return steps;
        }
        comes = match plan {
            Plan::Look(Need::Account) if was_looked_at && !observed.fresh => Comes::AfterLook,
            Plan::Do(effect) if carry_out(&effect, &mut desired, &mut observed, at) => {
                Comes::AfterStep
            }
            Plan::Wait(wait) if at == now => match wait.until {
                Some(until) => {
                    at = until.saturating_add(MOMENT).unwrap_or(until);
                    Comes::At(at)
                }
                None => return steps,
            },
            Plan::Look(_) | Plan::Do(_) | Plan::Wait(_) | Plan::Refuse(_) | Plan::Nothing => {
                return steps;
            }
        };
        observed.fresh = was_looked_at;
    }
}
