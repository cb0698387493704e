//! Who leads.

use composio_operator::arguments::DEFAULT_LEASE_NAME;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;

use super::operators::place;
use super::{Found, Operators, deployment};
use crate::view::ago;

/// Who holds the Leases of the operators.
pub(super) fn leader(operators: &Operators) -> Found {
    match operators.seen_leases() {
        Ok(leases) => {
            let deployments = operators.deployments.as_deref().unwrap_or_default();
            judge(deployments, leases, Timestamp::now())
        }
        Err(why) => why,
    }
}

/// What the Leases say of those Deployments, and of operators without one.
fn judge(deployments: &[Deployment], leases: &[Lease], now: Timestamp) -> Found {
    let mut told: Vec<(bool, String)> = Vec::new();
    let mut leading: Vec<&Deployment> = Vec::new();
    let mut known = Vec::new();
    for one in deployments {
        let Some(of_it) = deployment::lease(one) else {
            let words = format!("{}: elects no leader", deployment::place(one));
            told.push((true, words));
            continue;
        };
        let found = leases.iter().find(|lease| place(lease) == of_it);
        let (is_held, words) = match found {
            Some(lease) => held(lease, now),
            None => {
                let (namespace, name) = &of_it;
                let why = "nobody leads: there is no such Lease";
                (false, format!("{namespace}/{name}: {why}"))
            }
        };
        leading.extend(is_held.then_some(one));
        told.push((is_held, words));
        known.push(of_it);
    }
    // An operator may run without the chart.
    let others = leases.iter().filter(|lease| {
        let (namespace, name) = place(lease);
        name == DEFAULT_LEASE_NAME && !known.contains(&(namespace, name))
    });
    told.extend(others.map(|lease| held(lease, now)));
    told.extend(rivals(&leading).map(|words| (false, words)));
    let words = told.iter().map(|(_, words)| words.as_str());
    let words = words.collect::<Vec<_>>().join("; ");
    match told.iter().all(|(is_well, _)| *is_well) {
        _ if told.is_empty() => {
            Found::Failed("nobody leads: there is no Lease of an operator".to_owned())
        }
        true => Found::Ok(words),
        false => Found::Failed(words),
    }
}

/// Operators that lead at the same time, and work on the same namespaces. Within one namespace they see each other.
fn rivals(leading: &[&Deployment]) -> impl Iterator<Item = String> {
    let pairs = leading.iter().enumerate().flat_map(|(at, one)| {
        let others = leading.get(at + 1..).unwrap_or_default();
        others.iter().map(move |other| (*one, *other))
    });
    pairs.filter_map(|(one, other)| {
        let (of_one, of_other) = (deployment::watched(one), deployment::watched(other));
        let shared = match (of_one.as_slice(), of_other.as_slice()) {
            ([], []) => "all namespaces".to_owned(),
            ([], some) | (some, []) => format!("namespace {}", some.join(", ")),
            (some, _) => {
                let both = some.iter().filter(|name| of_other.contains(name));
                let both: Vec<&str> = both.map(String::as_str).collect();
                if both.is_empty() {
                    return None;
                }
                format!("namespace {}", both.join(", "))
            }
        };
        Some(format!(
            "{} and {} both lead, and both work on {shared}: uninstall one, or give each namespaces of its own",
            deployment::place(one),
            deployment::place(other)
        ))
    })
}

/// Whether somebody holds the Lease, and in words.
fn held(lease: &Lease, now: Timestamp) -> (bool, String) {
    let metadata = &lease.metadata;
    let place = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref());
    let Some(holder) = holder.filter(|holder| !holder.is_empty()) else {
        return (false, format!("{place}: nobody leads"));
    };
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref());
    let seconds = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or_default();
    let lasts = SignedDuration::from_secs(i64::from(seconds));
    match renewed.map(|time| time.0) {
        Some(renewed) if now.duration_since(renewed) <= lasts => {
            (true, format!("{place}: {holder} leads"))
        }
        Some(renewed) => (
            false,
            format!(
                "{place}: {holder} led, and has not renewed the Lease for {}: it does not run, or cannot write it",
                ago(renewed, now)
            ),
        ),
        None => (
            false,
            format!("{place}: {holder} has never said that it leads"),
        ),
    }
}
