//! Leader election: of several replicas one works, and the others are ready to.
//!
//! The one that holds the Lease leads. It renews it; the others watch it, and take it when it was given
//! up or has not changed for its duration, as client-go does: a Lease is read, and replaced only in the
//! version that was read, so that of two who try at once one gets a conflict.
//!
//! A leader cannot be told that it is one no more when it is frozen, or cut off. So it stops by its own
//! clock, before the others may begin: [`Leadership::is_held`] is false from the renew deadline on, and
//! what it guards lets nothing through from that moment. What is left are the calls in flight.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::PostParams,
    runtime::{
        WatchStreamExt,
        watcher::{self, watch_object},
    },
};
use tokio::{sync::watch, time::timeout};
use tracing::{debug, info, warn};

mod election;
mod leadership;

use election::{Election, Next};
pub use leadership::{Leadership, NotLeading, Standing};

/// The Lease's name.
pub const NAME: &str = "composio-operator";
/// To give the Lease up. Whoever cannot is waited for as if it had died.
const RELEASE: Duration = Duration::from_secs(1);

/// How long everything takes.
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
    /// What is wrong, in words.
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
pub enum Lost {
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
}

/// How a try ended.
enum Tried {
    Held { until: Instant },
    Waits { holder: String, until: Instant },
}

/// One candidate.
pub struct Elector {
    api: Api<Lease>,
    timing: Timing,
    election: Election,
    told: watch::Sender<Standing>,
}

impl Elector {
    /// A candidate of that name, which must be no other's, and its leadership. The client must not be
    /// one that [`Leadership::guard`] guards.
    pub fn new(
        client: Client,
        namespace: &str,
        identity: String,
        timing: Timing,
    ) -> (Self, Leadership) {
        let (told, standing) = watch::channel(Standing::Unknown("starting".to_owned()));
        let elector = Self {
            api: Api::namespaced(client, namespace),
            timing,
            election: Election::new(NAME.to_owned(), identity, timing.duration),
            told,
        };
        (elector, Leadership::new(standing))
    }

    /// Waits for its turn, leads, and gives the Lease up when `end` is done: by then all work must have
    /// ended.
    ///
    /// # Errors
    /// When the leadership is lost: the process is to end, and to be started anew.
    pub async fn run(mut self, end: impl Future<Output = ()>) -> Result<(), Lost> {
        let mut end = pin!(end);
        let until = tokio::select! {
            until = self.turn() => until,
            () = &mut end => {
                // The answer to a claim may have been on its way.
                self.give_up().await;
                return Ok(());
            }
        };
        info!("leading");
        let ended = tokio::select! {
            lost = self.keep(until) => Err(lost),
            () = &mut end => {
                self.give_up().await;
                Ok(())
            }
        };
        self.told.send_replace(Standing::Ended);
        ended
    }

    /// Waits until it holds the Lease, and tells until when.
    async fn turn(&mut self) -> Instant {
        let mut changes = pin!(watch_object(self.api.clone(), NAME).default_backoff());
        loop {
            match self.attempt().await {
                Ok(Tried::Held { until }) => return until,
                Ok(Tried::Waits { holder, until }) => {
                    self.tell_waiting(holder);
                    self.watch(until, &mut changes).await;
                }
                Err(why) => {
                    self.tell_trouble(why);
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
            let now = Instant::now();
            self.election.see(lease, now);
            match self.election.next(now, Timestamp::now()) {
                Next::Claim(_) => return,
                Next::Wait { holder, until: new } => {
                    self.tell_waiting(holder);
                    until = new;
                }
            }
        }
    }

    /// Renews the Lease until that fails for too long.
    async fn keep(&mut self, mut until: Instant) -> Lost {
        let mut why = String::new();
        loop {
            self.told
                .send_replace(Standing::Leading { until: Some(until) });
            let pause = tokio::time::sleep(self.timing.retry_period);
            // A process that was frozen beyond it learns that here.
            let tried = tokio::time::timeout_at(until.into(), async {
                pause.await;
                self.attempt().await
            });
            match tried.await {
                Ok(Ok(Tried::Held { until: renewed })) => {
                    why.clear();
                    until = renewed;
                }
                Ok(Ok(Tried::Waits { holder, .. })) => return Lost::Taken(holder),
                Ok(Err(error)) => {
                    warn!("the Lease was not renewed: {error}");
                    why = format!(": {error}");
                }
                Err(_) => {
                    let deadline = self.timing.renew_deadline;
                    return Lost::NotRenewed { deadline, why };
                }
            }
        }
    }

    /// Reads the Lease, and claims or renews it if that may be. Each try has a time limit of its own, as
    /// controller-runtime sets it: on a dead connection the next one gets a new connection.
    async fn attempt(&mut self) -> Result<Tried, String> {
        let began = Instant::now();
        let limit = self.timing.renew_deadline / 2;
        let (api, election) = (&self.api, &mut self.election);
        let tried = timeout(limit, async {
            let found = api.get_opt(NAME).await?;
            let now = Instant::now();
            election.see(found, now);
            let claimed = match election.next(now, Timestamp::now()) {
                Next::Claim(lease) => write(api, &lease).await?,
                Next::Wait { holder, until } => return Ok(Tried::Waits { holder, until }),
            };
            election.see(Some(claimed), Instant::now());
            Ok(Tried::Held {
                // From before it was asked: the others count from when they see the answer.
                until: began + self.timing.renew_deadline,
            })
        });
        match tried.await {
            Ok(Ok(tried)) => Ok(tried),
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() => {
                Err("another one was quicker".to_owned())
            }
            Ok(Err(error)) => Err(innermost(&error)),
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }

    /// Gives the Lease up, if it is ours. Nothing gets through the guards from before that on.
    async fn give_up(&mut self) {
        self.told.send_replace(Standing::Ended);
        let (api, election) = (&self.api, &mut self.election);
        let given_up = timeout(RELEASE, async {
            election.see(api.get_opt(NAME).await?, Instant::now());
            match election.given_up(Timestamp::now()) {
                Some(lease) => write(api, &lease).await.map(|_| info!("gave the Lease up")),
                None => Ok(()),
            }
        });
        match given_up.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!("the Lease was not given up: {}", innermost(&error)),
            Err(_) => warn!("the Lease was not given up within {RELEASE:?}"),
        }
    }

    fn tell_waiting(&self, holder: String) {
        let new = Standing::Waiting { holder };
        self.told.send_if_modified(|standing| {
            if *standing == new {
                return false;
            }
            if let Standing::Waiting { holder } = &new {
                info!(%holder, "waiting, another replica leads");
            }
            *standing = new;
            true
        });
    }

    /// Who waits already goes on waiting: that the Lease cannot be read now says nothing new of it.
    fn tell_trouble(&self, why: String) {
        self.told.send_if_modified(|standing| match standing {
            Standing::Unknown(before) if *before != why => {
                warn!("the Lease {NAME} cannot be had: {why}");
                *before = why;
                true
            }
            Standing::Unknown(_) => false,
            Standing::Waiting { .. } | Standing::Leading { .. } | Standing::Ended => {
                debug!("the Lease {NAME} cannot be had: {why}");
                false
            }
        });
    }
}

async fn write(api: &Api<Lease>, lease: &Lease) -> Result<Lease, kube::Error> {
    if lease.metadata.resource_version.is_none() {
        return api.create(&PostParams::default(), lease).await;
    }
    api.replace(NAME, &PostParams::default(), lease).await
}

/// The last cause says what is wrong; the ones before it say where.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
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
