//! Leader election: of several replicas of a release one works, and the others are ready to. And of several
//! releases that work on the same namespaces one works, and the others say whom they wait for.
//!
//! The replica that holds the release's Lease leads. It renews it; the others watch it, and take it when it was
//! given up or has not changed for its duration, as client-go does: a Lease is read, and replaced only in the
//! version that was read, so that of two who try at once one gets a conflict. The leader also claims what the
//! release works on, in the Lease [`SCOPES`] that all releases share, and renews both together.
//!
//! A leader cannot be told that it is one no more when it is frozen, or cut off. So it stops by its own
//! clock, before the others may begin: [`Leadership::is_held`] is false from the renew deadline on, and
//! what it guards lets nothing through from that moment. What is left are the calls in flight.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, watch_object},
    },
};
use tokio::sync::watch;
use tracing::{debug, info, warn};

mod attempt;
mod election;
mod leadership;
mod scope;

use attempt::{AttemptResult, Attempts};
pub use leadership::{LeaderState, Leadership, NotLeading};
pub use scope::{SCOPES, Scope, ScopeHolder};

/// The longest that giving the Lease up may take. A leader that cannot is waited for as if it had died.
const RELEASE: Duration = Duration::from_secs(1);

/// The durations of the election, as client-go has them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

impl Timing {
    /// Checks that a leader has stopped before another one may begin, and can try more than once.
    ///
    /// # Errors
    /// Which flag is wrong, and why.
    pub fn new(
        duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, String> {
        if duration <= renew_deadline {
            return Err(format!(
                "--lease-duration ({duration:?}) must be longer than --renew-deadline ({renew_deadline:?}): a leader stops before another one begins"
            ));
        }
        if renew_deadline < retry_period * 2 {
            return Err(format!(
                "--renew-deadline ({renew_deadline:?}) must be at least twice --retry-period ({retry_period:?}): one lost try is no reason to stop"
            ));
        }
        Ok(Self {
            duration,
            renew_deadline,
            retry_period,
        })
    }
}

/// Why a leader stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeadershipLost {
    /// In time is what counts: by now another one may lead.
    #[error("not the leader any more: the Lease was not renewed within {deadline:?}{why}")]
    NotRenewed {
        /// How long it tried.
        deadline: Duration,
        /// What the last try was answered, if it was.
        why: String,
    },
    /// Somebody took it by force, or has changed it by hand.
    #[error("not the leader any more: the Lease is held by {0}")]
    Taken(String),
    /// Another release works on a part of the scope: ours did not renew its claim for too long.
    #[error("not the leader any more: {0}")]
    ScopeTaken(ScopeHolder),
}

/// Who wants to lead, and what.
pub struct Candidate {
    /// The name of the release's Lease, which is also what other releases know it by.
    pub lease: String,
    /// The replica's name, which must be no other's.
    pub identity: String,
    /// What the release works on.
    pub scope: Scope,
    /// The durations of the election.
    pub timing: Timing,
}

/// One candidate.
pub struct Elector {
    attempts: Attempts,
    timing: Timing,
    state_tx: watch::Sender<LeaderState>,
}

impl Elector {
    /// A candidate, and its leadership. The Leases are in that namespace. The client must not be one that
    /// [`Leadership::guard`] guards.
    pub fn new(client: Client, namespace: &str, candidate: Candidate) -> (Self, Leadership) {
        let (state_tx, state) = watch::channel(LeaderState::Unknown("starting".to_owned()));
        let timing = candidate.timing;
        let elector = Self {
            attempts: Attempts::new(client, namespace, candidate),
            timing,
            state_tx,
        };
        (elector, Leadership::new(state))
    }

    /// Waits for its turn, leads, and gives the Lease up when `end` is done: by then all work must have
    /// ended.
    ///
    /// # Errors
    /// When the leadership is lost: the process is to end, and to be started anew.
    pub async fn run(mut self, end: impl Future<Output = ()>) -> Result<(), LeadershipLost> {
        let mut end = pin!(end);
        let until = tokio::select! {
            until = self.acquire() => until,
            () = &mut end => {
                // The answer to a claim may have been on its way.
                self.give_up().await;
                return Ok(());
            }
        };
        info!("leading");
        let ended = tokio::select! {
            lost = self.renew_loop(until) => Err(lost),
            () = &mut end => {
                self.give_up().await;
                Ok(())
            }
        };
        self.state_tx.send_replace(LeaderState::Ended);
        ended
    }

    /// Waits until it holds the Lease, and returns until when.
    async fn acquire(&mut self) -> Instant {
        let (api, name) = (self.attempts.api().clone(), self.attempts.name().to_owned());
        let mut changes = pin!(watch_object(api, &name).default_backoff());
        loop {
            match self.attempts.attempt().await {
                Ok(AttemptResult::Held { until }) => return until,
                Ok(AttemptResult::Blocked { by, until }) => {
                    self.report_blocked(by);
                    self.attempts.give_up_if_held().await;
                    let next = Instant::now() + self.timing.retry_period;
                    tokio::time::sleep_until(next.min(until).into()).await;
                }
                Ok(AttemptResult::Waits { holder, until }) => {
                    self.report_waiting(holder);
                    self.watch(until, &mut changes).await;
                }
                Err(why) => {
                    self.report_error(why);
                    tokio::time::sleep(self.timing.retry_period).await;
                }
            }
        }
    }

    /// Waits until the Lease may be free: it was given up, or nothing was heard of it. A watch that is
    /// dead says nothing either, so the Lease is read when the holder should long have renewed it.
    async fn watch(
        &mut self,
        mut until: Instant,
        changes: &mut (impl Stream<Item = Result<Option<Lease>, watcher::Error>> + Unpin),
    ) {
        let early = self.timing.duration - self.timing.renew_deadline;
        loop {
            let now = Instant::now();
            let wake = until.checked_sub(early).filter(|wake| now < *wake);
            let sleep = tokio::time::sleep_until(wake.unwrap_or(until).into());
            let change = tokio::select! {
                () = sleep => return,
                change = changes.next() => change,
            };
            let lease = match change {
                Some(Ok(lease)) => lease,
                Some(Err(error)) => {
                    debug!("the Lease cannot be watched, it is read instead: {error}");
                    tokio::time::sleep(self.timing.retry_period).await;
                    return;
                }
                None => return,
            };
            match self.attempts.see(lease) {
                None => return,
                Some((holder, new)) => {
                    self.report_waiting(holder);
                    until = new;
                }
            }
        }
    }

    /// Renews the Lease until that fails for too long.
    async fn renew_loop(&mut self, mut until: Instant) -> LeadershipLost {
        let mut why = String::new();
        loop {
            self.state_tx
                .send_replace(LeaderState::Leading { until: Some(until) });
            let pause = tokio::time::sleep(self.timing.retry_period);
            // A process that was frozen beyond it learns that here.
            let tried = tokio::time::timeout_at(until.into(), async {
                pause.await;
                self.attempts.attempt().await
            });
            match tried.await {
                Ok(Ok(AttemptResult::Held { until: renewed })) => {
                    why.clear();
                    until = renewed;
                }
                Ok(Ok(AttemptResult::Waits { holder, .. })) => {
                    return LeadershipLost::Taken(holder);
                }
                Ok(Ok(AttemptResult::Blocked { by, .. })) => return LeadershipLost::ScopeTaken(by),
                Ok(Err(error)) => {
                    warn!("the Lease was not renewed: {error}");
                    why = format!(": {error}");
                }
                Err(_) => {
                    let deadline = self.timing.renew_deadline;
                    return LeadershipLost::NotRenewed { deadline, why };
                }
            }
        }
    }

    /// Gives the Lease up, if it is ours. Nothing gets through the guards from before that on.
    async fn give_up(&mut self) {
        self.state_tx.send_replace(LeaderState::Ended);
        self.attempts.give_up().await;
    }

    fn report_blocked(&self, by: ScopeHolder) {
        let new = LeaderState::Blocked { by };
        self.state_tx.send_if_modified(|state| {
            if *state == new {
                return false;
            }
            if let LeaderState::Blocked { by } = &new {
                warn!("not working: {by}");
            }
            *state = new;
            true
        });
    }

    fn report_waiting(&self, holder: String) {
        let new = LeaderState::Waiting { holder };
        self.state_tx.send_if_modified(|state| {
            if *state == new {
                return false;
            }
            if let LeaderState::Waiting { holder } = &new {
                info!(%holder, "waiting, another replica leads");
            }
            *state = new;
            true
        });
    }

    /// Who waits already goes on waiting: that the Lease cannot be read now says nothing new of it.
    fn report_error(&self, why: String) {
        let name = self.attempts.name();
        self.state_tx.send_if_modified(|state| match state {
            LeaderState::Unknown(before) if *before != why => {
                warn!("the Lease {name} cannot be had: {why}");
                *before = why;
                true
            }
            LeaderState::Unknown(_) => false,
            LeaderState::Waiting { .. }
            | LeaderState::Blocked { .. }
            | LeaderState::Leading { .. }
            | LeaderState::Ended => {
                debug!("the Lease {name} cannot be had: {why}");
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_never_lead_by_these_times_and_one_lost_try_ends_nobody() {
        let seconds = Duration::from_secs;
        assert!(Timing::new(seconds(15), seconds(10), seconds(2)).is_ok());
        let overlap = Timing::new(seconds(10), seconds(10), seconds(2));
        assert!(overlap.is_err_and(|why| why.contains("a leader stops before another one begins")));
        let hasty = Timing::new(seconds(15), seconds(3), seconds(2));
        assert!(hasty.is_err_and(|why| why.contains("one lost try is no reason to stop")));
    }
}
