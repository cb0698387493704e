//! Whether it is the object's turn, and what is told where it is not.

use std::time::Duration;

use super::{Context, Error, Pass, ReconcileResult, State, Step};
use crate::{
    composio::Urgency,
    crd::Reason,
    plan::{Need, OutcomeKind, Wait, urgency},
};

/// An object that waits longer for its turn says so.
const PATIENCE: Duration = Duration::from_secs(5);
/// Why it waits.
const NOT_ITS_TURN: &str = "the object has waited for its turn: Composio has paused this class of calls, or what is left of this minute's limit is kept for others and for what is more urgent, or its namespace has asked for much of late";

impl Pass<'_> {
    /// For how long the next call to Composio must leave the rate limit to others.
    pub(in crate::reconcile) fn throttled(&self, step: &Step) -> Option<Duration> {
        let calls = match step {
            Step::Look(Need::Account | Need::AuthConfig) => true,
            Step::Act(effect) => effect.writes_to_composio(),
            Step::Look(Need::Secret) | Step::End(_) => false,
        };
        if !calls {
            return None;
        }
        let Context {
            project_context,
            pace,
            requeue_policy,
            ..
        } = self.context;
        let (project, shortest) = (&project_context.project, requeue_policy.min);
        let State {
            desired, observed, ..
        } = &self.state;
        let now = project.instant();
        let namespace = &desired.namespace;
        if let Err(wait) = project.admit(urgency(desired, observed, project.now())) {
            pace.put_off(namespace, shortest, now);
            return Some(wait);
        }
        match step {
            Step::Act(effect) if effect.asks_for_account() => {
                pace.post(namespace, shortest, now).err()
            }
            Step::Act(_) | Step::Look(_) | Step::End(_) => None,
        }
    }

    /// For how long the look that somebody asks for must leave the turn to others. To be asked once a pass. What is
    /// new, and what takes access away, does not wait.
    pub(in crate::reconcile) fn paced(&self) -> Option<Duration> {
        let State {
            desired, observed, ..
        } = &self.state;
        let recorded = &observed.recorded;
        let is_known = recorded.observed_generation.is_some();
        let has_secret = desired.spec.credentials.is_some();
        let is_asked = desired.has_unanswered_request(recorded)
            || recorded.observed_generation != Some(desired.generation)
            || (has_secret && recorded.connected_account_id.is_some());
        let project = &self.context.project_context.project;
        let is_end = || urgency(desired, observed, project.now()) == Urgency::Withdrawal;
        // Whoever comes back from a sign-in has waited for it.
        if !is_known || !is_asked || desired.has_news(recorded, project.now()) || is_end() {
            return None;
        }
        let (shortest, now) = (self.context.requeue_policy.min, project.instant());
        let pace = &self.context.pace;
        pace.look(&desired.namespace, &desired.uid, shortest, now)
            .err()
    }

    /// The end of a pass that is put off. Of an object of which nothing is said yet as it is declared now, that
    /// is said once it has waited for a while.
    pub(in crate::reconcile) async fn wait_for_turn(
        &mut self,
        wait: Duration,
        waited: Duration,
    ) -> Result<ReconcileResult, Error> {
        let said_of = self.state.observed.recorded.observed_generation;
        if said_of == Some(self.state.desired.generation) {
            return Ok(ReconcileResult::throttled(wait));
        }
        if waited < PATIENCE {
            let wait = wait.min(PATIENCE - waited);
            return Ok(ReconcileResult::throttled(wait));
        }
        let ended = self
            .end(OutcomeKind::Waiting(Wait {
                reason: Reason::RateLimited,
                detail: NOT_ITS_TURN.to_owned(),
                until: None,
            }))
            .await?;
        Ok(match ended {
            ReconcileResult::CONFLICTED | ReconcileResult::GONE => ended,
            _ => ReconcileResult::throttled(wait),
        })
    }
}
