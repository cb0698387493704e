//! The rounds of one pass: decide → admit → look | act | end.

use std::time::Duration;

use kube::Api;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Context, Error, ReconcileResult, config_map,
    context::Slot,
    describe,
    result::SETTLED,
    state::{NextStep, State, Step, StepResult},
    status_writer::Written,
};
use crate::{
    act::{EffectError, act},
    crd::{ConnectedAccount, is_unanswered},
    kubernetes::delete_connect_request,
    look::ProjectContext,
    plan::{Effect, Need, OutcomeKind, Presence, config_map_step},
    report::{config_map_requeue_after, must_be_kept, object_event, requeue_after},
};

/// The most effects of one pass: to take over an account that differs in everything takes eight, of
/// which two or three find their place in the next pass.
const MAX_EFFECTS: usize = 6;
/// The most rounds of one pass: each effect and the end may need the three looks that there are.
const MAX_ROUNDS: usize = (MAX_EFFECTS + 1) * 4;

/// After a longer wait for a slot the account is looked at once more.
const FRESH: Duration = Duration::from_secs(5);

mod turn;

/// A pass at work. It is lent to what it waits for: each that owned it would hold its kilobytes once more.
pub(super) struct Pass<'a> {
    context: &'a Context,
    api: &'a Api<ConnectedAccount>,
    /// None while the object is looked for together with others.
    slot: Option<Slot>,
    pub(super) state: State<'a>,
    effects: usize,
    /// Somebody asks, by annotation, for a look at everything.
    is_asked: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn begin(
        api: &'a Api<ConnectedAccount>,
        context: &'a Context,
        slot: Slot,
        object: ConnectedAccount,
    ) -> Self {
        let state = State::remembered(context, object);
        let handled = state.observed.recorded.last_handled_reconcile_at.as_deref();
        let is_asked = is_unanswered(state.desired.reconcile_request.as_deref(), handled);
        Self {
            context,
            api,
            slot: Some(slot),
            state,
            effects: 0,
            is_asked,
        }
    }

    /// The right to be at work, for the pass that goes on.
    pub(super) fn into_slot(self) -> Option<Slot> {
        self.slot
    }

    /// The first step by what is remembered. Only the Secret is read for it.
    pub(super) async fn first_step(&mut self) -> Step {
        match self.state.decide() {
            Step::Look(Need::Secret) => match self.look(Need::Secret).await {
                looked @ StepResult::Looked(_) => {
                    self.state.apply(looked);
                    self.state.decide()
                }
                _ => Step::Look(Need::Secret),
            },
            step => step,
        }
    }

    /// Goes on until there is nothing left to do now.
    pub(super) async fn run(&mut self) -> Result<ReconcileResult, Error> {
        let gone = self.delete_requests().await;
        let requests = &mut self.state.desired.requests;
        requests.retain(|request| !gone.contains(&request.uid));
        for _ in 0..MAX_ROUNDS {
            let step = self.state.decide();
            if let Some(ended) = self.admit(&step).await? {
                return Ok(ended);
            }
            let result = match step {
                Step::Look(need) => self.look(need).await,
                Step::Act(effect) => self.act(effect).await,
                Step::End(outcome) => return self.end(outcome).await,
            };
            match self.state.apply(result) {
                NextStep::Decide => {}
                NextStep::End(outcome) => return self.end(outcome).await,
                NextStep::Leave(ended) => return self.leave(ended).await,
                NextStep::Drop(ended) => return Ok(ended),
                NextStep::Fail(error) => return self.fail(error).await,
            }
        }
        let ended = self.does_not_converge();
        self.leave(ended).await
    }

    /// Whether the step may be taken now; if not, how the pass has ended. Before an effect, what the former ones
    /// have learned is written.
    async fn admit(&mut self, step: &Step) -> Result<Option<ReconcileResult>, Error> {
        if let Some(wait) = self.throttled(step) {
            self.save_all().await?;
            return Ok(Some(ReconcileResult::throttled(wait)));
        }
        let Step::Act(_) = step else {
            return Ok(None);
        };
        if self.effects == MAX_EFFECTS {
            self.save_all().await?;
            return Ok(Some(self.does_not_converge()));
        }
        self.effects += 1;
        if must_be_kept(&self.state.status.written(), &self.state.observed.recorded) {
            return self.save().await;
        }
        Ok(None)
    }

    /// Looks. Whoever is asked for together with others keeps nobody from joining them, so the slot is given
    /// away meanwhile.
    async fn look(&mut self, need: Need) -> StepResult {
        let State {
            desired, observed, ..
        } = &self.state;
        let by_alias = observed.recorded.connected_account_id.is_none()
            && desired.spec.connected_account_id.is_none();
        let is_shared = need == Need::Account && by_alias;
        if is_shared {
            self.slot = None;
        }
        let project_context = &self.context.project_context;
        let looked = project_context.look(need, desired, observed.clone()).await;
        let seen = Instant::now();
        if is_shared {
            let share = self.context.share(&desired.namespace);
            let is_urgent = desired.presence != Presence::Present;
            self.slot = self.context.slots.take(share, is_urgent).await;
            if self.slot.is_none() {
                return StepResult::Stopped;
            }
        }
        match looked {
            Ok(mut observed) => {
                if seen.elapsed() > FRESH {
                    observed.forget_account();
                }
                StepResult::Looked(Box::new(observed))
            }
            Err(failure) => StepResult::NotLooked(failure),
        }
    }

    /// Applies an effect, and logs how it ended.
    async fn act(&self, effect: Effect) -> StepResult {
        let State {
            desired,
            observed,
            status,
            ..
        } = &self.state;
        let project = &self.context.project_context.project;
        let object = status.object();
        let acted = act(
            &effect,
            project,
            self.api,
            object,
            desired,
            observed.clone(),
        );
        match acted.await {
            Ok(result) => {
                State::log_account_of(&result.observed);
                info!(%effect, "effect applied");
                StepResult::Applied(effect, Box::new(result))
            }
            Err(error) => {
                match &error {
                    EffectError::Composio(failure) => {
                        warn!(%effect, reason = %failure.reason, "{}", failure.message);
                    }
                    EffectError::Kubernetes(error) => warn!(%effect, "{}", describe(error)),
                }
                StepResult::NotApplied(effect, error)
            }
        }
    }

    /// Reports what the pass has come to, and ends it.
    pub(super) async fn end(&mut self, outcome: OutcomeKind) -> Result<ReconcileResult, Error> {
        self.state.record_outcome(outcome.clone());
        if let Some(ended) = self.save_all().await? {
            return Ok(ended);
        }
        let gone = self.delete_requests().await;
        let now = self.context.project_context.project.now();
        let label = match &outcome {
            OutcomeKind::Settled => SETTLED,
            OutcomeKind::Waiting(wait) => wait.reason.as_str(),
            OutcomeKind::Refused(refusal) => refusal.reason.as_str(),
            OutcomeKind::Failed(failure) => failure.reason.as_str(),
            OutcomeKind::Applied(_) => "Did",
        };
        let (desired, recorded) = (&self.state.desired, &self.state.observed.recorded);
        let requeue_after = requeue_after(
            desired,
            recorded,
            &outcome,
            self.context.requeue_policy,
            now,
        );
        let config_map = config_map_requeue_after(recorded, self.context.requeue_policy, now);
        // Who asked beside one that was answered has their turn now.
        let is_left = desired
            .requests
            .iter()
            .any(|one| one.is_for_link() && !gone.contains(&one.uid));
        let next = (is_left && !gone.is_empty()).then_some(self.context.requeue_policy.min);
        let requeue_after = requeue_after
            .into_iter()
            .chain(config_map)
            .chain(next)
            .min();
        let spec = &desired.spec;
        let is_reread = spec.credentials.is_some() || spec.write_to.is_some();
        Ok(ReconcileResult::ended(requeue_after, label, is_reread))
    }

    /// Deletes the ConnectRequests of which the status tells by now what came of them, and tells their uids. One that
    /// is left is deleted at another pass, and not handled again.
    async fn delete_requests(&self) -> Vec<String> {
        let State {
            desired,
            observed,
            handled,
            ..
        } = &self.state;
        let ProjectContext {
            objects, client, ..
        } = &self.context.project_context;
        let requests = objects.connect_requests();
        let mut gone = Vec::new();
        // Also those that are over.
        for request in requests.of_account(&desired.namespace, &desired.uid, &desired.name) {
            let pending = &request.pending;
            let is_handled =
                handled.contains(&pending.uid) || pending.is_handled(&observed.recorded);
            if is_handled && delete_connect_request(client, requests, &request).await {
                gone.push(request.pending.uid);
            }
        }
        gone
    }

    /// Ends a pass of which nothing new is reported.
    async fn leave(&mut self, ended: ReconcileResult) -> Result<ReconcileResult, Error> {
        self.write().await?;
        Ok(ended)
    }

    /// Ends a pass whose effect the apiserver did not take.
    async fn fail(&mut self, error: Error) -> Result<ReconcileResult, Error> {
        if error.refusal().is_some()
            && let Err(another) = self.write().await
        {
            warn!("{another}");
        }
        Err(error)
    }

    fn does_not_converge(&self) -> ReconcileResult {
        ReconcileResult::does_not_converge(self.context.requeue_policy.min)
    }

    /// Writes what is pending, and the ConfigMap of the object if that must say something else now. What must not be
    /// lost goes first, and so does the note that there will be a ConfigMap.
    async fn save_all(&mut self) -> Result<Option<ReconcileResult>, Error> {
        let State {
            desired, observed, ..
        } = &self.state;
        let is_asked = self.is_asked
            && observed.recorded.last_handled_reconcile_at == desired.reconcile_request;
        let Some(step) = config_map_step(desired, &observed.recorded, is_asked) else {
            return self.save().await;
        };
        let written = self.state.status.written();
        if (written.written_to.is_none() || must_be_kept(&written, &observed.recorded))
            && let Some(ended) = self.save().await?
        {
            return Ok(Some(ended));
        }
        let State {
            desired, status, ..
        } = &mut self.state;
        let project_context = &self.context.project_context;
        let client = project_context.client.clone();
        let result = config_map::take(client, status.object(), desired, step).await;
        let now = project_context.project.now();
        status.add_config_map(desired.clone(), result, now);
        self.is_asked = false;
        self.save().await
    }

    /// Writes what is pending. If the object is another one than was decided on, the pass has ended.
    async fn save(&mut self) -> Result<Option<ReconcileResult>, Error> {
        Ok(match self.write().await? {
            Written::UpToDate => None,
            Written::Renewed => Some(ReconcileResult::CONFLICTED),
            Written::ObjectGone => Some(ReconcileResult::GONE),
        })
    }

    async fn write(&mut self) -> Result<Written, Error> {
        let state = &mut self.state;
        let written = state
            .status
            .write(&self.context.project_context, &self.context.slots)
            .await?;
        state.observed.recorded = state.status.written();
        if let Some(previous) = state.status.take_replaced() {
            let recorded = &state.observed.recorded;
            let (former, now) = (
                &previous.pending_notification,
                &recorded.pending_notification,
            );
            if former.is_some() && now.is_some() && former != now {
                self.context.metrics.notification_dropped("superseded");
            }
            state.emit(object_event::of_status(&state.desired, &previous, recorded));
        }
        Ok(written)
    }
}
