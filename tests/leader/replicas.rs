//! Replicas of one operator, and who of them works.

use std::collections::BTreeSet;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use crate::support::operator::{Operator, Options};
use crate::support::scene::{SOON, Scene};
use crate::support::wait;

pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];
pub(super) const LEASE: &str = "composio-operator";

/// One that a test need not wait long for, and that a busy machine still renews.
pub(super) const LEASE_DURATION: &str = "12s";
pub(super) const RENEW_DEADLINE: &str = "9s";

pub(super) fn short(options: Options) -> Options {
    options
        .flag("--lease-duration", LEASE_DURATION)
        .flag("--renew-deadline", RENEW_DEADLINE)
        .flag("--retry-period", "1s")
}

/// How a leader ends that could not renew the Lease in time.
pub(super) fn not_renewed() -> String {
    format!("not the leader any more: the Lease was not renewed within {RENEW_DEADLINE}")
}

/// Replicas of one operator, by name.
pub(super) struct Replicas<'a> {
    scene: &'a Scene<'static>,
    running: Vec<(&'static str, Operator)>,
}

impl<'a> Replicas<'a> {
    /// Starts all at the same moment, and waits until each is ready and one leads.
    pub(super) async fn start(
        scene: &'a Scene<'static>,
        options: impl Fn(&str) -> Options,
    ) -> Replicas<'a> {
        let running = NAMES
            .iter()
            .map(|name| {
                (
                    *name,
                    scene.spawn(name, &options(name).flag("--instance", name)),
                )
            })
            .collect();
        let replicas = Replicas { scene, running };
        for (_, operator) in &replicas.running {
            operator.readyz(200, "leadership").await;
        }
        replicas
    }

    /// The one that has the Lease.
    pub(super) async fn leader(&self) -> &'static str {
        wait::until("a leader", SOON, async || {
            let holder = holder(self.scene).await?;
            let named = self
                .running
                .iter()
                .map(|(name, _)| *name)
                .find(|name| holder.starts_with(&format!("{name}_")));
            named.ok_or(holder)
        })
        .await
    }

    pub(super) fn operator(&self, name: &str) -> &Operator {
        let mut running = self.running.iter();
        let found = running.find(|(running, _)| *running == name);
        &found.expect("it runs").1
    }

    /// Takes one away, for the caller to keep.
    pub(super) fn take(&mut self, name: &str) -> Operator {
        let at = self
            .running
            .iter()
            .position(|(running, _)| *running == name);
        self.running.remove(at.expect("it runs")).1
    }

    /// Waits until another one than those in the log has asked Composio for something.
    pub(super) async fn next_to(&self, before: &[&str]) -> String {
        wait::until("work of another one", SOON, async || {
            let order = order(self.scene).await;
            match order.last() {
                Some(last) if !before.contains(&last.as_str()) => Ok(last.clone()),
                _ => Err(format!("{order:?}")),
            }
        })
        .await
    }
}

pub(super) async fn lease(scene: &Scene<'_>) -> Result<Lease, String> {
    Api::<Lease>::namespaced(scene.client.clone(), &scene.namespace)
        .get(LEASE)
        .await
        .map_err(|error| error.to_string())
}

async fn holder(scene: &Scene<'_>) -> Result<String, String> {
    let spec = lease(scene).await?.spec.unwrap_or_default();
    spec.holder_identity
        .filter(|holder| !holder.is_empty())
        .ok_or("nobody holds it".to_owned())
}

/// The same, where nobody had two turns: once another one has begun, the former is done for good. How many
/// turns there are is the machine's affair: on a busy one a leader may lose its Lease.
pub(super) async fn turns(scene: &Scene<'_>) -> Vec<String> {
    let order = order(scene).await;
    let distinct: BTreeSet<_> = order.iter().collect();
    assert_eq!(distinct.len(), order.len(), "two worked at once: {order:?}");
    order
}

/// Who asked Composio for something, in the order in which they took turns.
pub(super) async fn order(scene: &Scene<'_>) -> Vec<String> {
    let asked = scene.sandbox.asked().await;
    let mut order: Vec<String> = asked.into_iter().map(|asked| asked.instance).collect();
    order.dedup();
    order
}
