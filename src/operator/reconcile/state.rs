//! What a pass knows, and the one way in which the result of a step changes it.

use super::{Context, Error, ReconcileResult, status_writer::StatusWriter};
use crate::{
    act::{EffectError, EffectResult},
    crd::{ConnectedAccount, Reason},
    log,
    plan::{
        AfterFailure, Applied, Desired, Effect, Failure, Need, Observed, Outcome, OutcomeKind,
        Plan, Presence, Refused,
    },
    report::{
        handled_requests, not_completed,
        object_event::{self, ObjectEvent},
    },
};

/// An object, what is seen of its account, and what is to be written of both.
pub(super) struct State<'a> {
    pub(super) context: &'a Context,
    pub(super) desired: Desired,
    pub(super) observed: Observed,
    pub(super) status: StatusWriter<'a>,
    /// The uids of ConnectRequests that were handled in this pass.
    pub(super) handled: Vec<String>,
}

/// What a decision asks of the pass.
pub(super) enum Step {
    Look(Need),
    Act(Effect),
    End(OutcomeKind),
}

/// What came of a look or an effect.
pub(super) enum StepResult {
    /// A look was answered.
    Looked(Box<Observed>),
    /// A look was not.
    NotLooked(Failure),
    /// Nothing new is to be begun any more.
    Stopped,
    /// An effect went through.
    Applied(Effect, Box<EffectResult>),
    /// An effect did not.
    NotApplied(Effect, EffectError),
}

/// How the pass goes on.
pub(super) enum NextStep {
    /// With another decision.
    Decide,
    /// It reports this, and ends.
    End(OutcomeKind),
    /// It writes what is pending, and ends.
    Leave(ReconcileResult),
    /// It ends at once: there is nothing that could be written.
    Drop(ReconcileResult),
    /// It fails.
    Fail(Error),
}

impl<'a> State<'a> {
    /// By what is remembered: no I/O.
    pub(super) fn remembered(context: &'a Context, object: ConnectedAccount) -> Self {
        let desired = context.project_context.objects.desired(&object);
        let recorded = object.status.clone().unwrap_or_default();
        let observed = context.project_context.remembered(&desired, recorded);
        Self {
            context,
            desired,
            observed,
            status: StatusWriter::new(object, &context.report),
            handled: Vec::new(),
        }
    }

    /// Decides the next step. From here on each line of the log holds the rule.
    pub(super) fn decide(&self) -> Step {
        let now = self.context.project_context.project.now();
        let decision = (self.context.decide)(&self.desired, &self.observed, now);
        self.context.metrics.decided(decision.rule.as_str());
        log::record_rule(decision.rule.as_str());
        Self::log_account_of(&self.observed);
        match decision.plan {
            Plan::Look(need) => Step::Look(need),
            Plan::Do(effect) => Step::Act(effect),
            Plan::Nothing => Step::End(OutcomeKind::Settled),
            Plan::Wait(wait) => Step::End(OutcomeKind::Waiting(wait)),
            Plan::Refuse(refusal) => Step::End(OutcomeKind::Refused(refusal)),
        }
    }

    /// Whether nothing can be done but to mark the object, once the account was looked for. The apiserver
    /// refuses that unless the object is still as it is known here: no look at it can tell more.
    pub(super) fn is_to_be_marked(&self) -> bool {
        self.desired.presence == Presence::Present
            && !self.desired.is_marked()
            && self.observed.recorded.connected_account_id.is_none()
    }

    /// Takes in what came of a step.
    pub(super) fn apply(&mut self, result: StepResult) -> NextStep {
        match result {
            StepResult::Looked(observed) => {
                self.observed = *observed;
                NextStep::Decide
            }
            StepResult::NotLooked(failure) => NextStep::End(OutcomeKind::Failed(failure)),
            StepResult::Stopped => NextStep::Leave(ReconcileResult::STOPPED),
            StepResult::Applied(effect, result) => self.apply_effect(&effect, *result),
            StepResult::NotApplied(effect, EffectError::Composio(failure)) => {
                self.apply_failure(effect, failure)
            }
            StepResult::NotApplied(_, EffectError::Kubernetes(error)) => match error {
                kube::Error::Api(status) if status.is_conflict() => {
                    NextStep::Leave(ReconcileResult::CONFLICTED)
                }
                kube::Error::Api(status) if status.is_not_found() => {
                    NextStep::Drop(ReconcileResult::GONE)
                }
                error => self.apply_refusal(error.into()),
            },
        }
    }

    /// An effect is reported, and told of in the words of the object that it was decided on.
    fn apply_effect(&mut self, effect: &Effect, result: EffectResult) -> NextStep {
        let EffectResult {
            done,
            observed,
            object,
        } = result;
        let mut decided_on = self.desired.clone();
        self.observed = observed;
        if let Some(object) = object {
            self.desired = self.context.project_context.objects.desired(&object);
            self.status.patched(object);
        }
        let previous = self.observed.recorded.clone();
        let is_released = done == Applied::Released;
        if is_released {
            // What becomes of the account is told of an object that is gone by then: no status can say it.
            decided_on = self.desired.clone();
        } else {
            self.record_outcome(OutcomeKind::Applied(done.clone()));
        }
        self.emit(object_event::of_effect(
            effect,
            &done,
            &decided_on,
            &previous,
            &self.observed,
        ));
        if is_released {
            return NextStep::Drop(ReconcileResult::RELEASED);
        }
        NextStep::Decide
    }

    /// Composio has not done it. What else is due may still be done.
    fn apply_failure(&mut self, effect: Effect, failure: Failure) -> NextStep {
        match failure.next(&effect, &self.desired) {
            AfterFailure::End => return NextStep::End(OutcomeKind::Failed(failure)),
            AfterFailure::LookAgain => self.observed.forget_account(),
            AfterFailure::GoOn => {}
        }
        if failure.reason == Reason::AuthConfigNotFound {
            self.context.project_context.project.forget_auth_configs();
        }
        self.observed.refused.push(Refused {
            effect,
            failure: failure.clone(),
        });
        self.record_outcome(OutcomeKind::Failed(failure));
        NextStep::Decide
    }

    /// The apiserver has not taken it. A refusal is told in the status, if that is taken.
    fn apply_refusal(&mut self, error: Error) -> NextStep {
        if let Some(refusal) = error.refusal() {
            self.record_outcome(OutcomeKind::Failed(Failure::of_kubernetes(refusal)));
        }
        NextStep::Fail(error)
    }

    /// Takes an outcome into the status, in memory.
    pub(super) fn record_outcome(&mut self, kind: OutcomeKind) {
        let outcome = Outcome {
            observed: self.observed.clone(),
            kind,
        };
        let now = self.context.project_context.project.now();
        self.status.add(self.desired.clone(), outcome.clone(), now);
        let status = self.status.pending();
        let previous = std::mem::replace(&mut self.observed.recorded, status);
        let status = &self.observed.recorded;
        let handled = handled_requests(&self.desired, &previous, status, &outcome);
        let account = previous.connected_account_id.as_deref();
        let not_completed = not_completed(&self.desired, &previous, &outcome, &handled);
        let event = not_completed.map(|why| object_event::of_incomplete_sign_in(account, &why));
        self.emit(event.into_iter().collect());
        self.handled.extend(handled.into_iter().map(|one| one.uid));
    }

    pub(super) fn emit(&self, events: Vec<ObjectEvent>) {
        for event in events {
            if event.is_unrevoked_deletion() {
                self.context.metrics.deleted_unrevoked();
            }
            (self.context.emit)(self.status.object(), event);
        }
    }

    /// From here on each line of the log holds the account.
    pub(super) fn log_account_of(observed: &Observed) {
        let seen = observed.account.account().map(|account| &account.id);
        if let Some(account) = seen.or(observed.recorded.connected_account_id.as_ref()) {
            log::record_account(account);
        }
    }
}
