//! Which release works where, decided from what was seen of one Lease. Pure, as the election is.
//!
//! Releases that work on the same namespaces would make each account twice. So the leader of each release
//! claims its namespaces in a Lease that all releases of one operator namespace share. It is one object, so
//! whoever replaces it in the version that it read has seen every other claim: "all namespaces" and "some
//! namespaces" exclude each other whichever comes first, and of two that claim at once one gets a conflict.
//!
//! A claim belongs to the release, not to the replica. It is not given up at the end, and lasts
//! [`CLAIM_LEASES`] lease durations, so that a replica of the same release always finds it when it takes over.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of the Lease in which the releases of one operator namespace claim what they work on.
pub const SCOPES: &str = "scopes.composio.dev";
/// The annotation that holds the claims: a JSON object, the release's Lease → its claim.
const CLAIMS: &str = "composio.dev/scopes";
/// Whose claim it is when the annotation is no JSON object.
const BROKEN: &str = "";
/// How many lease durations a claim lasts without being renewed: one until another replica of the release may lead,
/// and one for that replica to renew it.
const CLAIM_LEASES: u32 = 2;
/// Namespaces that a message names before it only counts.
const NAMED: usize = 3;

/// The namespaces that a release works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the cluster.
    AllNamespaces,
    /// These and no others.
    Namespaces(BTreeSet<String>),
}

impl Scope {
    /// The scope of `--watch-namespace`: no name means all namespaces.
    pub fn of(namespaces: &[String]) -> Self {
        match namespaces {
            [] => Self::AllNamespaces,
            some => Self::Namespaces(some.iter().cloned().collect()),
        }
    }

    /// What both work on, if there is anything.
    fn overlap(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::AllNamespaces, scope) | (scope, Self::AllNamespaces) => Some(scope.clone()),
            (Self::Namespaces(ours), Self::Namespaces(theirs)) => {
                let both: BTreeSet<_> = ours.intersection(theirs).cloned().collect();
                (!both.is_empty()).then_some(Self::Namespaces(both))
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Namespaces(names) = self else {
            return out.write_str("all namespaces");
        };
        let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        let plural = if names.len() == 1 { "" } else { "s" };
        write!(out, "namespace{plural} {}", named.join(", "))?;
        match names.len() - named.len() {
            0 => Ok(()),
            more => write!(out, " and {more} more"),
        }
    }
}

/// Another release that works on some of the same namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeHolder {
    release: String,
    /// Its replica that claimed last.
    replica: String,
    overlap: Scope,
}

impl fmt::Display for ScopeHolder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            release,
            replica,
            overlap,
        } = self;
        match replica.is_empty() {
            // What cannot be read names nobody.
            true => write!(
                out,
                "the Lease {SCOPES} holds a claim of {release:?} that cannot be read, so it counts for {overlap}"
            ),
            false => write!(out, "release {release} ({replica}) works on {overlap}"),
        }
    }
}

/// A claim as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    holder_identity: String,
    /// Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespaces: Option<BTreeSet<String>>,
    lease_duration_seconds: u32,
    /// Never compared, only written: each renewal changes the claim.
    renew_time: String,
}

/// A claim of another release, and since when it says what it says, by our own clock.
struct OtherClaim {
    claim: Value,
    since: Instant,
}

/// What one release claims, and what it has seen of the others.
pub(super) struct Scopes {
    release: String,
    identity: String,
    scope: Scope,
    /// How long a claim lasts that does not say it.
    duration: Duration,
    lease: Option<Lease>,
    others: BTreeMap<String, OtherClaim>,
    /// Whether this candidate has claimed.
    holds: bool,
}

/// What the release may do now.
#[derive(Debug, PartialEq)]
pub(super) enum ClaimStep {
    /// Write this Lease: new where it has no version, else in the place of exactly that version.
    Claim(Box<Lease>),
    /// Another release holds a part of the scope, until then unless it renews its claim.
    Held { by: ScopeHolder, until: Instant },
}

impl Scopes {
    pub(super) fn new(
        release: String,
        identity: String,
        scope: Scope,
        lease_duration: Duration,
    ) -> Self {
        Self {
            release,
            identity,
            scope,
            duration: lease_duration * CLAIM_LEASES,
            lease: None,
            others: BTreeMap::new(),
            holds: false,
        }
    }

    /// Takes note of the Lease that was written with our claim.
    pub(super) fn hold(&mut self, written: Lease, now: Instant) {
        self.holds = true;
        self.see(Some(written), now);
    }

    /// Takes note of the Lease. A claim that has vanished is remembered until it would be over: its holder
    /// works, and writes it again when somebody has deleted the Lease.
    pub(super) fn see(&mut self, lease: Option<Lease>, now: Instant) {
        let mut claims = claims(lease.as_ref());
        claims.remove(&self.release);
        let remembered = std::mem::take(&mut self.others);
        for (release, other) in remembered {
            let vanished = !claims.contains_key(&release);
            if vanished && now < self.until(&other) {
                self.others.insert(release, other);
            } else if claims.get(&release) == Some(&other.claim) {
                claims.remove(&release);
                self.others.insert(release, other);
            }
        }
        let new = claims
            .into_iter()
            .map(|(release, claim)| (release, OtherClaim { claim, since: now }));
        self.others.extend(new);
        self.lease = lease;
    }

    /// What may be done, by what was seen last.
    pub(super) fn next(&self, now: Instant, wall: Timestamp) -> ClaimStep {
        let mut held: Option<(ScopeHolder, Instant)> = None;
        for (release, other) in &self.others {
            let until = self.until(other);
            let claim = read(&other.claim);
            if claim.is_none() && self.holds {
                // Whoever broke it did not ask us: what we hold stays ours.
                continue;
            }
            let theirs = claim.as_ref().map_or(Scope::AllNamespaces, Claim::scope);
            let Some(overlap) = self.scope.overlap(&theirs).filter(|_| now < until) else {
                continue;
            };
            if held.as_ref().is_none_or(|(_, longest)| *longest < until) {
                let holder = ScopeHolder {
                    release: release.clone(),
                    replica: claim.map_or_else(String::new, |claim| claim.holder_identity),
                    overlap,
                };
                held = Some((holder, until));
            }
        }
        match held {
            Some((by, until)) => ClaimStep::Held { by, until },
            None => ClaimStep::Claim(Box::new(self.claimed(now, wall))),
        }
    }

    /// The Lease with our claim, and without those that are over.
    fn claimed(&self, now: Instant, wall: Timestamp) -> Lease {
        let mut lease = self.lease.clone().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(SCOPES.to_owned()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let mut claims = claims(self.lease.as_ref());
        claims.retain(|release, _| {
            let other = self.others.get(release);
            let is_live = other.is_some_and(|other| now < self.until(other));
            is_live && !(self.holds && release == BROKEN)
        });
        let seconds = self.duration.as_secs_f64().ceil() as u32;
        let ours = Claim {
            holder_identity: self.identity.clone(),
            namespaces: match &self.scope {
                Scope::AllNamespaces => None,
                Scope::Namespaces(names) => Some(names.clone()),
            },
            lease_duration_seconds: seconds,
            renew_time: wall.to_string(),
        };
        // A struct of strings and numbers always has a JSON form.
        claims.insert(self.release.clone(), serde_json::json!(ours));
        let releases: Vec<&str> = claims.keys().map(String::as_str).collect();
        // For people: kubectl get leases shows it.
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(releases.join(",")),
            renew_time: Some(MicroTime(wall)),
            ..lease.spec.unwrap_or_default()
        });
        let annotations = lease.metadata.annotations.get_or_insert_default();
        annotations.insert(CLAIMS.to_owned(), serde_json::json!(claims).to_string());
        lease
    }

    /// When a claim is over. It says itself how long it lasts, since its holder is not on our flags.
    fn until(&self, other: &OtherClaim) -> Instant {
        let seconds = read(&other.claim).map(|claim| claim.lease_duration_seconds);
        other.since + seconds.map_or(self.duration, |seconds| Duration::from_secs(seconds.into()))
    }
}

impl Claim {
    fn scope(&self) -> Scope {
        match &self.namespaces {
            None => Scope::AllNamespaces,
            Some(names) => Scope::Namespaces(names.clone()),
        }
    }
}

/// The claims that the Lease holds. An annotation that is no JSON object is a claim of nobody known: those
/// who hold one write it again before it is over.
fn claims(lease: Option<&Lease>) -> BTreeMap<String, Value> {
    let annotations = lease.and_then(|lease| lease.metadata.annotations.as_ref());
    let Some(text) = annotations.and_then(|annotations| annotations.get(CLAIMS)) else {
        return BTreeMap::new();
    };
    serde_json::from_str(text)
        .unwrap_or_else(|_| BTreeMap::from([(BROKEN.to_owned(), Value::String(text.clone()))]))
}

/// A claim, unless somebody wrote something else in its place.
fn read(claim: &Value) -> Option<Claim> {
    let claim = Claim::deserialize(claim).ok()?;
    (!claim.holder_identity.is_empty()).then_some(claim)
}

#[cfg(test)]
mod tests;
