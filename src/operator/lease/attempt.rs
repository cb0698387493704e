//! One try to lead: the Lease of the release, and its claim on what it works on.

use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};
use tokio::time::timeout;
use tracing::{info, warn};

use super::{
    Candidate, RELEASE, Timing,
    election::{Election, ElectionStep},
    scope::{ClaimStep, SCOPES, ScopeHolder, Scopes},
};
use crate::log::cause;

/// How a try ended.
pub(super) enum AttemptResult {
    /// It leads, and nobody else works on its scope.
    Held { until: Instant },
    /// Another replica of the release leads.
    Waits { holder: String, until: Instant },
    /// Another release works on a part of the scope.
    Blocked { by: ScopeHolder, until: Instant },
}

/// Both Leases, as one candidate sees them.
pub(super) struct Attempts {
    api: Api<Lease>,
    name: String,
    timing: Timing,
    election: Election,
    scopes: Scopes,
}

impl Attempts {
    pub(super) fn new(client: Client, namespace: &str, candidate: Candidate) -> Self {
        let Candidate {
            lease,
            identity,
            scope,
            timing,
        } = candidate;
        Self {
            api: Api::namespaced(client, namespace),
            name: lease.clone(),
            timing,
            election: Election::new(lease.clone(), identity.clone(), timing.duration),
            scopes: Scopes::new(lease, identity, scope, timing.duration),
        }
    }

    /// Reads both Leases, and claims or renews them if that may be. Each try has a time limit of its own, as
    /// controller-runtime sets it: on a dead connection the next one gets a new connection.
    pub(super) async fn attempt(&mut self) -> Result<AttemptResult, String> {
        let limit = self.timing.renew_deadline / 2;
        match timeout(limit, self.acquire_or_renew()).await {
            Ok(Ok(tried)) => Ok(tried),
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() => {
                Err("another one was quicker".to_owned())
            }
            Ok(Err(error)) => Err(cause(&error)),
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }

    /// One try for both Leases, without a time limit.
    async fn acquire_or_renew(&mut self) -> Result<AttemptResult, kube::Error> {
        let began = Instant::now();
        // First of all, so that no replica of a release stands by for work that another release does.
        if let Some(blocked) = self.blocked().await? {
            return Ok(blocked);
        }
        let (api, election) = (&self.api, &mut self.election);
        let found = api.get_opt(&self.name).await?;
        let now = Instant::now();
        election.see(found, now);
        let claimed = match election.next(now, Timestamp::now()) {
            ElectionStep::Claim(lease) => write(api, &self.name, &lease).await?,
            ElectionStep::Wait { holder, until } => {
                return Ok(AttemptResult::Waits { holder, until });
            }
        };
        election.see(Some(claimed), Instant::now());
        loop {
            let claim = match self.scopes.next(Instant::now(), Timestamp::now()) {
                ClaimStep::Claim(lease) => lease,
                ClaimStep::Held { by, until } => return Ok(AttemptResult::Blocked { by, until }),
            };
            match write(&self.api, SCOPES, &claim).await {
                Ok(written) => {
                    self.scopes.hold(written, Instant::now());
                    return Ok(AttemptResult::Held {
                        // From before it was asked: the others count from when they see the answer.
                        until: began + self.timing.renew_deadline,
                    });
                }
                // Another release renewed its own claim in between.
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    if let Some(blocked) = self.blocked().await? {
                        return Ok(blocked);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads the claims, and tells whether another release holds a part of the scope.
    async fn blocked(&mut self) -> Result<Option<AttemptResult>, kube::Error> {
        let found = self.api.get_opt(SCOPES).await?;
        let now = Instant::now();
        self.scopes.see(found, now);
        match self.scopes.next(now, Timestamp::now()) {
            ClaimStep::Claim(_) => Ok(None),
            ClaimStep::Held { by, until } => Ok(Some(AttemptResult::Blocked { by, until })),
        }
    }

    /// Takes note of a change of the Lease; whether it may be free now is told by who holds it until when.
    pub(super) fn see(&mut self, lease: Option<Lease>) -> Option<(String, Instant)> {
        let now = Instant::now();
        self.election.see(lease, now);
        match self.election.next(now, Timestamp::now()) {
            ElectionStep::Claim(_) => None,
            ElectionStep::Wait { holder, until } => Some((holder, until)),
        }
    }

    /// Gives the Lease up where a try got it and then found the scope taken.
    pub(super) async fn give_up_if_held(&mut self) {
        if self.election.is_held() {
            self.give_up().await;
        }
    }

    /// Gives the Lease up, if it is ours. The claim on the scope stays for the next replica of the release.
    pub(super) async fn give_up(&mut self) {
        let (api, election) = (&self.api, &mut self.election);
        let given_up = timeout(RELEASE, async {
            election.see(api.get_opt(&self.name).await?, Instant::now());
            match election.given_up(Timestamp::now()) {
                Some(lease) => write(api, &self.name, &lease)
                    .await
                    .map(|_| info!("gave the Lease up")),
                None => Ok(()),
            }
        });
        match given_up.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!("the Lease was not given up: {}", cause(&error)),
            Err(_) => warn!("the Lease was not given up within {RELEASE:?}"),
        }
    }

    pub(super) fn api(&self) -> &Api<Lease> {
        &self.api
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

async fn write(api: &Api<Lease>, name: &str, lease: &Lease) -> Result<Lease, kube::Error> {
    if lease.metadata.resource_version.is_none() {
        return api.create(&PostParams::default(), lease).await;
    }
    api.replace(name, &PostParams::default(), lease).await
}
