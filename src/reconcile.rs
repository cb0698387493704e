//! One pass over one object: observe → plan → act → report, until there is nothing left to do now.

use std::{sync::Arc, time::Duration};

use kube::{Api, ResourceExt, api::PostParams};
use tracing::{info, warn};

use crate::{
    act::{Acted, Trouble, act},
    crd::{ConnectedAccount, ConnectedAccountStatus, Reason},
    plan::{
        AfterFailure, Desired, Done, Effect, Happened, Need, Observed, Outcome, Plan, Refused,
        urgency,
    },
    report::{
        must_be_kept,
        news::{self, News},
        next_look,
    },
};

mod context;
mod ledger;
mod passed;
pub use context::{Context, Decide, Report, Tell};
use ledger::{Ledger, Written};
pub use passed::Passed;
use passed::{AGAIN, GONE, RELEASED};

/// The most effects of one pass: to take over an account that differs in everything takes eight, of
/// which two or three find their place in the next pass.
const MAX_EFFECTS: usize = 6;
/// The most rounds of one pass: each effect and the end may need the three looks that there are.
const MAX_ROUNDS: usize = (MAX_EFFECTS + 1) * 4;

/// What the apiserver did not let happen. Composio's failures are no errors of a pass: they are told in
/// the object's status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A read or write of the object failed.
    #[error("the apiserver: {}", told(.0))]
    Kubernetes(#[from] Box<kube::Error>),
}

/// Without what could not be decoded, which the client's own words would quote: it may be a link.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::SerdeError(_) => "its answer has a form that is not known here".to_owned(),
        other => other.to_string(),
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}

/// Makes one object's account as declared, as far as that is possible now.
///
/// # Guarantees
/// - What is remembered may only conclude that there is nothing to do. Every effect is planned on the
///   object and the account as they were read in this pass.
/// - The id and link of an effect's answer are written, or being written, before another effect.
/// - A status that says the same is not written.
///
/// # Assumptions
/// No other pass over the same object runs at the same time.
///
/// # Errors
/// When the apiserver fails. Nothing is lost by it: the alias that was pinned before the first POST
/// finds the account again.
pub async fn reconcile(object: Arc<ConnectedAccount>, context: &Context) -> Result<Passed, Error> {
    let api = context.sources.api(&object.namespace().unwrap_or_default());
    let mut remembered = Pass::begin(&api, context, (*object).clone());
    if let Some(event) = remembered.quiet().await {
        return remembered.end(event).await;
    }
    if let Some(later) = remembered.put_off(&remembered.plan()) {
        return Ok(later);
    }
    // The watch may lag behind our own last write.
    match api.get_opt(&object.name_any()).await? {
        Some(current) if current.uid() == object.uid() => {
            Pass::begin(&api, context, current).run().await
        }
        Some(_) | None => Ok(GONE),
    }
}

struct Pass<'a> {
    api: &'a Api<ConnectedAccount>,
    context: &'a Context,
    desired: Desired,
    observed: Observed,
    ledger: Ledger<'a>,
}

impl<'a> Pass<'a> {
    fn begin(
        api: &'a Api<ConnectedAccount>,
        context: &'a Context,
        object: ConnectedAccount,
    ) -> Self {
        let desired = Desired::of(&object, &context.flags);
        let recorded = object.status.clone().unwrap_or_default();
        let observed = context.sources.remembered(&desired, recorded);
        Self {
            api,
            context,
            desired,
            observed,
            ledger: Ledger::new(object, &context.report),
        }
    }

    fn plan(&self) -> Plan {
        (self.context.plan)(
            &self.desired,
            &self.observed,
            self.context.sources.project.now(),
        )
    }

    /// The end of a pass whose next call to Composio must leave the rate limit to others.
    fn put_off(&self, plan: &Plan) -> Option<Passed> {
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
            again: Some(Duration::try_from(wait).unwrap_or(self.context.pace.min)),
            outcome: "Throttled",
        })
    }

    /// The event of a plan that does nothing, if it is one. Only the Secret is read for it.
    async fn quiet(&mut self) -> Option<Happened> {
        if self.plan() == Plan::Look(Need::Secret) {
            let sources = &self.context.sources;
            let look = sources.look(Need::Secret, &self.desired, self.observed.clone());
            self.observed = look.await.ok()?;
        }
        match self.plan() {
            Plan::Nothing => Some(Happened::Settled),
            Plan::Wait(wait) => Some(Happened::Waiting(wait)),
            Plan::Refuse(refusal) => Some(Happened::Refused(refusal)),
            Plan::Look(_) | Plan::Do(_) => None,
        }
    }

    async fn run(mut self) -> Result<Passed, Error> {
        let mut effects = 0;
        for _ in 0..MAX_ROUNDS {
            let plan = self.plan();
            if let Some(later) = self.put_off(&plan) {
                self.write().await?;
                return Ok(later);
            }
            match plan {
                Plan::Nothing => return self.end(Happened::Settled).await,
                Plan::Wait(wait) => return self.end(Happened::Waiting(wait)).await,
                Plan::Refuse(refusal) => return self.end(Happened::Refused(refusal)).await,
                Plan::Look(need) => {
                    let look =
                        self.context
                            .sources
                            .look(need, &self.desired, self.observed.clone());
                    match look.await {
                        Ok(observed) => self.observed = observed,
                        Err(failure) => return self.end(Happened::Failed(failure)).await,
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
                    match self.act(&effect).await {
                        Ok(Done::Released) => return Ok(RELEASED),
                        Ok(done) => self.did(&effect, done),
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
                        Err(Trouble::Kubernetes(error)) => return Err(error.into()),
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
                                effect: effect.kind(),
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

    async fn act(&mut self, effect: &Effect) -> Result<Done, Trouble> {
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
        match &acted {
            Ok(_) => info!(%object, effect = effect.kind().as_str(), "done"),
            Err(Trouble::Composio(failure)) => {
                warn!(%object, effect = effect.kind().as_str(), reason = %failure.reason, "{}", failure.message);
            }
            Err(Trouble::Kubernetes(error)) => {
                warn!(%object, effect = effect.kind().as_str(), "{}", told(error));
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

    fn did(&mut self, effect: &Effect, done: Done) {
        let previous = self.observed.recorded.clone();
        self.note(Happened::Did(done.clone()));
        self.tell(news::of_effect(
            effect,
            &done,
            &self.desired,
            &previous,
            &self.observed,
        ));
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

    async fn end(mut self, event: Happened) -> Result<Passed, Error> {
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
        let written = self.ledger.write(self.api).await?;
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

/// The status as the apiserver takes it: the object it is of, and exactly the version it is for.
fn with_status(object: &ConnectedAccount, status: ConnectedAccountStatus) -> ConnectedAccount {
    let mut bare = ConnectedAccount::new(&object.name_any(), object.spec.clone());
    bare.metadata.namespace = object.namespace();
    bare.metadata.uid = object.uid();
    bare.metadata.resource_version = object.resource_version();
    bare.status = Some(status);
    bare
}

async fn replace_status(
    api: &Api<ConnectedAccount>,
    object: &ConnectedAccount,
    status: ConnectedAccountStatus,
) -> Result<ConnectedAccount, kube::Error> {
    let body = with_status(object, status);
    api.replace_status(&object.name_any(), &PostParams::default(), &body)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_decoded_is_not_quoted() {
        let quoted = serde_json::from_str::<crate::crd::Link>(r#""https://connect.example/1""#);
        let error = kube::Error::SerdeError(quoted.expect_err("a text is no link"));
        assert!(error.to_string().contains("https://"), "{error}");
        let told = Error::from(error).to_string();
        assert_eq!(
            told,
            "the apiserver: its answer has a form that is not known here"
        );
    }
}
