//! The rounds of one pass.

use std::time::Duration;

use kube::Api;
use tokio::{sync::SemaphorePermit, time::Instant};
use tracing::{info, warn};

use super::{
    Context, Error, Passed,
    ledger::{Ledger, Written},
    passed::{AGAIN, GONE, RELEASED, STOPPED, THROTTLED},
    told,
};
use crate::{
    act::{Acted, Trouble, act},
    crd::{ConnectedAccount, Reason, condition},
    plan::{
        AfterFailure, Decision, Desired, Done, Effect, Failure, Happened, Need, Observed, Outcome,
        Plan, Presence, Refused, Rule, Wait, urgency,
    },
    report::{
        must_be_kept,
        news::{self, News},
        next_look,
    },
};

/// The most effects of one pass: to take over an account that differs in everything takes eight, of
/// which two or three find their place in the next pass.
const MAX_EFFECTS: usize = 6;
/// The most rounds of one pass: each effect and the end may need the three looks that there are.
const MAX_ROUNDS: usize = (MAX_EFFECTS + 1) * 4;

/// After a longer wait for a slot the account is looked at once more.
const FRESH: Duration = Duration::from_secs(5);

/// An object that waits longer for its turn says so.
const PATIENCE: Duration = Duration::from_secs(5);
/// Why it waits.
const NOT_ITS_TURN: &str =
    "what is left of it in this minute is kept for other users of it and for what is more urgent";

/// An object, what is seen of its account, and what is to be written of both.
pub(super) struct Pass<'a> {
    api: &'a Api<ConnectedAccount>,
    context: &'a Context,
    /// None while the object is looked for together with others.
    pub(super) slot: Option<SemaphorePermit<'a>>,
    desired: Desired,
    observed: Observed,
    ledger: Ledger<'a>,
}

impl<'a> Pass<'a> {
    pub(super) fn begin(
        api: &'a Api<ConnectedAccount>,
        context: &'a Context,
        slot: SemaphorePermit<'a>,
        object: ConnectedAccount,
    ) -> Self {
        let desired = Desired::of(&object, &context.flags);
        let recorded = object.status.clone().unwrap_or_default();
        let observed = context.sources.remembered(&desired, recorded);
        Self {
            api,
            context,
            slot: Some(slot),
            desired,
            observed,
            ledger: Ledger::new(object, &context.report),
        }
    }

    pub(super) fn decide(&self) -> Decision {
        (self.context.decide)(
            &self.desired,
            &self.observed,
            self.context.sources.project.now(),
        )
    }

    /// Whether nothing can be done but to mark the object, once the account was looked for. The apiserver
    /// refuses that unless the object is still as it is known here: no look at it can tell more.
    pub(super) fn is_to_be_marked(&self) -> bool {
        self.desired.presence == Presence::Present
            && !self.desired.is_marked()
            && self.observed.recorded.connected_account_id.is_none()
    }

    /// Looks. Whoever is asked for together with others keeps nobody from joining them.
    async fn look(&mut self, need: Need) -> Result<(), Failure> {
        let by_alias = self.observed.recorded.connected_account_id.is_none()
            && self.desired.spec.connected_account_id.is_none();
        let is_shared = need == Need::Account && by_alias;
        if is_shared {
            self.slot = None;
        }
        let sources = &self.context.sources;
        let look = sources.look(need, &self.desired, self.observed.clone());
        let looked = look.await;
        let seen = Instant::now();
        if is_shared {
            self.slot = self.context.slot().await;
        }
        self.observed = looked?;
        if seen.elapsed() > FRESH {
            self.observed.forget_account();
        }
        Ok(())
    }

    /// The end of a pass whose next call to Composio must leave the rate limit to others.
    pub(super) fn put_off(&self, plan: &Plan) -> Option<Passed> {
        let calls = match plan {
            Plan::Look(Need::Account | Need::AuthConfig) => true,
            Plan::Do(effect) => effect.writes_to_composio(),
            Plan::Look(Need::Secret) | Plan::Nothing | Plan::Wait(_) | Plan::Refuse(_) => false,
        };
        if !calls {
            return None;
        }
        let project = &self.context.sources.project;
        let urgency = urgency(&self.desired, &self.observed, project.now());
        let wait = project.admit(urgency).err()?;
        Some(Passed {
            again: Some(wait),
            outcome: THROTTLED,
        })
    }

    /// The end of a pass that is put off. Of an object of which nothing is said yet as it is declared now, that
    /// is said once it has waited for a while.
    pub(super) async fn wait_for_turn(
        self,
        later: Passed,
        waited: Duration,
    ) -> Result<Passed, Error> {
        let synced = self.observed.recorded.condition(condition::SYNCED);
        let said_of = synced.and_then(|synced| synced.observed_generation);
        if said_of == Some(self.desired.generation) {
            return Ok(later);
        }
        if waited < PATIENCE {
            return Ok(Passed {
                again: later.again.map(|again| again.min(PATIENCE - waited)),
                ..later
            });
        }
        let ended = self
            .end(Happened::Waiting(Wait {
                reason: Reason::RateLimited,
                detail: NOT_ITS_TURN.to_owned(),
                until: None,
            }))
            .await?;
        Ok(match ended {
            AGAIN | GONE => ended,
            _ => later,
        })
    }

    /// The event of a plan that does nothing, if it is one. Only the Secret is read for it.
    pub(super) async fn quiet(&mut self) -> Option<Happened> {
        if self.decide().plan == Plan::Look(Need::Secret) {
            self.look(Need::Secret).await.ok()?;
        }
        match self.decide().plan {
            Plan::Nothing => Some(Happened::Settled),
            Plan::Wait(wait) => Some(Happened::Waiting(wait)),
            Plan::Refuse(refusal) => Some(Happened::Refused(refusal)),
            Plan::Look(_) | Plan::Do(_) => None,
        }
    }

    pub(super) async fn run(mut self) -> Result<Passed, Error> {
        let mut effects = 0;
        for _ in 0..MAX_ROUNDS {
            let Decision { rule, plan } = self.decide();
            if let Some(later) = self.put_off(&plan) {
                self.write().await?;
                return Ok(later);
            }
            match plan {
                Plan::Nothing => return self.end(Happened::Settled).await,
                Plan::Wait(wait) => return self.end(Happened::Waiting(wait)).await,
                Plan::Refuse(refusal) => return self.end(Happened::Refused(refusal)).await,
                Plan::Look(need) => {
                    let looked = self.look(need).await;
                    if self.slot.is_none() {
                        self.write().await?;
                        return Ok(STOPPED);
                    }
                    if let Err(failure) = looked {
                        return self.end(Happened::Failed(failure)).await;
                    }
                }
                Plan::Do(_) if effects == MAX_EFFECTS => break,
                Plan::Do(effect) => {
                    effects += 1;
                    if must_be_kept(&self.ledger.written(), &self.observed.recorded) {
                        match self.write().await? {
                            Written::UpToDate => {}
                            Written::Renewed => return Ok(AGAIN),
                            Written::ObjectGone => return Ok(GONE),
                        }
                    }
                    let before = self.desired.clone();
                    match self.act(rule, &effect).await {
                        Ok(Done::Released) => {
                            self.told_release(&effect);
                            return Ok(RELEASED);
                        }
                        Ok(done) => self.did(&effect, done, &before),
                        Err(Trouble::Kubernetes(kube::Error::Api(status)))
                            if status.is_conflict() =>
                        {
                            self.write().await?;
                            return Ok(AGAIN);
                        }
                        Err(Trouble::Kubernetes(kube::Error::Api(status)))
                            if status.is_not_found() =>
                        {
                            return Ok(GONE);
                        }
                        Err(Trouble::Kubernetes(error)) => return self.refused(error).await,
                        Err(Trouble::Composio(failure)) => {
                            let next = failure.next(&effect, &self.desired);
                            if next == AfterFailure::End {
                                return self.end(Happened::Failed(failure)).await;
                            }
                            if next == AfterFailure::LookAgain {
                                self.observed.forget_account();
                            }
                            if failure.reason == Reason::AuthConfigNotFound {
                                self.context.sources.project.forget_auth_configs();
                            }
                            self.observed.refused.push(Refused {
                                effect: effect.clone(),
                                failure: failure.clone(),
                            });
                            self.note(Happened::Failed(failure));
                        }
                    }
                }
            }
        }
        // What was done does not stay done. The wait of a failure is the right one for it.
        self.write().await?;
        Ok(Passed {
            again: Some(self.context.pace.min),
            outcome: "DoesNotConverge",
        })
    }

    /// The end of a pass whose effect the apiserver did not take. A refusal is told in the status, if that is
    /// taken.
    async fn refused(mut self, error: kube::Error) -> Result<Passed, Error> {
        let error = Error::from(error);
        if let Some(refusal) = error.refusal() {
            self.note(Happened::Failed(Failure::of_kubernetes(refusal)));
            if let Err(another) = self.write().await {
                warn!(object = %format!("{}/{}", self.desired.namespace, self.desired.name), "{another}");
            }
        }
        Err(error)
    }

    async fn act(&mut self, rule: Rule, effect: &Effect) -> Result<Done, Trouble> {
        let acted = act(
            effect,
            &self.context.sources.project,
            self.api,
            self.ledger.object(),
            &self.desired,
            self.observed.clone(),
        )
        .await;
        let object = format!("{}/{}", self.desired.namespace, self.desired.name);
        let rule = rule.as_str();
        match &acted {
            Ok(_) => info!(%object, rule, %effect, "effect applied"),
            Err(Trouble::Composio(failure)) => {
                warn!(%object, rule, %effect, reason = %failure.reason, "{}", failure.message);
            }
            Err(Trouble::Kubernetes(error)) => {
                warn!(%object, rule, %effect, "{}", told(error));
            }
        }
        let Acted {
            done,
            observed,
            object,
        } = acted?;
        self.observed = observed;
        if let Some(object) = object {
            self.desired = Desired::of(&object, &self.context.flags);
            self.ledger.patched(object);
        }
        Ok(done)
    }

    /// Reports an effect and tells of it. `before` is the object that it was decided on.
    fn did(&mut self, effect: &Effect, done: Done, before: &Desired) {
        let previous = self.observed.recorded.clone();
        self.note(Happened::Did(done.clone()));
        self.tell(news::of_effect(
            effect,
            &done,
            before,
            &previous,
            &self.observed,
        ));
    }

    /// What becomes of the account is told of an object that is gone by then: no status can say it.
    fn told_release(&self, effect: &Effect) {
        let recorded = &self.observed.recorded;
        let done = Done::Released;
        let news = news::of_effect(effect, &done, &self.desired, recorded, &self.observed);
        self.tell(news);
    }

    fn tell(&self, news: Vec<News>) {
        for one in news {
            if one.is_unrevoked_deletion() {
                self.context.metrics.deleted_unrevoked();
            }
            (self.context.tell)(self.ledger.object(), one);
        }
    }

    /// Takes an event into the status, in memory.
    fn note(&mut self, event: Happened) {
        let outcome = Outcome {
            observed: self.observed.clone(),
            event,
        };
        let now = self.context.sources.project.now();
        self.ledger.note(self.desired.clone(), outcome, now);
        self.observed.recorded = self.ledger.unwritten();
    }

    pub(super) async fn end(mut self, event: Happened) -> Result<Passed, Error> {
        self.note(event.clone());
        match self.write().await? {
            Written::UpToDate => {}
            Written::Renewed => return Ok(AGAIN),
            Written::ObjectGone => return Ok(GONE),
        }
        let now = self.context.sources.project.now();
        let outcome = match &event {
            Happened::Settled => "Settled",
            Happened::Waiting(wait) => wait.reason.as_str(),
            Happened::Refused(refusal) => refusal.reason.as_str(),
            Happened::Failed(failure) => failure.reason.as_str(),
            Happened::Did(_) => "Did",
        };
        let again = next_look(
            &self.desired,
            &self.observed.recorded,
            &event,
            self.context.pace,
            now,
        );
        Ok(Passed { again, outcome })
    }

    async fn write(&mut self) -> Result<Written, Error> {
        let written = self.ledger.write(&self.context.sources).await?;
        self.observed.recorded = self.ledger.written();
        if let Some(previous) = self.ledger.take_replaced() {
            self.tell(news::of_status(
                &self.desired,
                &previous,
                &self.observed.recorded,
            ));
        }
        Ok(written)
    }
}
