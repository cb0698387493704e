//! A sequence on the real control plane: the operator and the sandbox in processes of their own, a user
//! with kubectl.

use std::time::Duration;

use composio_operator::crd::{ALIAS_ANNOTATION, ConnectedAccount, FINALIZER};
use composio_operator::sandbox::world::Switches;
use futures::StreamExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::ground::{Asked, Ground, Hand, Seen};
use super::sequence::{Sequence, world};
use crate::support::child::Signal;
use crate::support::operator::Operator;
use crate::support::pin_of;
use crate::support::scene::Scene;
use crate::support::tools::say;
use crate::support::wait;

/// The gate runs as many; each has a namespace, a sandbox and an operator of its own.
const SEQUENCES: u64 = 20;
/// Fewer than in memory: time is real.
const STEPS: u32 = 12;
/// So many at the same time.
const AT_ONCE: usize = 4;
/// Seeds that the sequences in memory do not begin with.
const FIRST_SEED: u64 = 1_000_000;
/// Longer than anything takes on a busy machine, once all is quiet.
const QUIET: Duration = Duration::from_secs(120);

/// What Composio shows late it shows before the operator, whose own waits are short here, takes it for gone.
fn in_time(switches: Switches) -> Switches {
    Switches {
        list_lag_seconds: switches.list_lag_seconds.min(1),
        get_lag_seconds: switches.get_lag_seconds.min(1),
        ..switches
    }
}

struct Cluster {
    scene: Scene<'static>,
    operator: Option<Operator>,
    objects: Api<ConnectedAccount>,
    starts: u32,
}

impl Cluster {
    async fn new(seed: u64) -> Cluster {
        let scene = Scene::new(&format!("seq-{seed}")).await;
        let world = world(seed);
        let switches = json!(in_time(world.switches));
        scene.sandbox.control("POST", "switches", switches).await;
        let objects = Api::namespaced(scene.client.clone(), &scene.namespace);
        let mut cluster = Cluster {
            scene,
            operator: None,
            objects,
            starts: 0,
        };
        cluster.start().await;
        cluster
    }

    async fn start(&mut self) {
        self.starts += 1;
        let name = format!("operator-{}", self.starts);
        let options = self.scene.options().flag("--stalled-interval", "2s");
        self.operator = Some(self.scene.start(&name, &options).await);
    }

    async fn merge(&self, name: &str, patch: Value) {
        let params = PatchParams::default();
        // It may have gone in the meantime.
        drop(
            self.objects
                .patch(name, &params, &Patch::Merge(patch))
                .await,
        );
    }
}

impl Ground for Cluster {
    const STANDS_STILL: bool = false;

    fn namespace(&self) -> &str {
        &self.scene.namespace
    }

    async fn apply(&mut self, name: &'static str, spec: &Value) {
        self.scene.declare(name, spec.clone()).await;
    }

    async fn delete(&mut self, name: &'static str) {
        // It may not be there.
        drop(self.objects.delete(name, &DeleteParams::default()).await);
    }

    async fn annotate(&mut self, name: &'static str, annotation: &str, value: Option<&str>) {
        let annotations = json!({"annotations": {annotation: value}});
        self.merge(name, json!({"metadata": annotations})).await;
    }

    async fn lose_status(&mut self, name: &'static str) {
        let Some(object) = self.object(name).await else {
            return;
        };
        let mut status = object["status"].clone();
        for (_, value) in status.as_object_mut().into_iter().flatten() {
            value.take();
        }
        status["observedGeneration"] = json!(-1);
        let patch = Patch::Merge(json!({"status": status}));
        let params = PatchParams::default();
        drop(self.objects.patch_status(name, &params, &patch).await);
    }

    async fn give_marks(&mut self, name: &'static str, alias: &str) {
        let annotations = json!({ALIAS_ANNOTATION: pin_of(&self.scene.namespace, name, alias)});
        let metadata = json!({"finalizers": [FINALIZER], "annotations": annotations});
        self.merge(name, json!({"metadata": metadata})).await;
    }

    async fn give_status(&mut self, name: &'static str, status: &Value) {
        let patch = Patch::Merge(json!({"status": status}));
        let params = PatchParams::default();
        drop(self.objects.patch_status(name, &params, &patch).await);
    }

    async fn drop_finalizer(&mut self, name: &'static str) {
        self.merge(name, json!({"metadata": {"finalizers": null}}))
            .await;
    }

    async fn secret(&mut self, name: &str, values: &Value) {
        if values.is_null() {
            let args = ["delete", "secret", name, "--ignore-not-found"];
            self.scene.kubectl(&args).await;
        } else {
            self.scene.secret(name, values.clone()).await;
        }
    }

    async fn restart(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.child.signal(Signal::Kill).expect("it runs");
        }
        self.start().await;
    }

    /// One namespace is all that this operator watches: `tests/namespaces` has others.
    async fn hide_another_namespace(&mut self, _hidden: bool) {}

    async fn conflicts(&mut self, writes: u32) {
        for n in 0..writes {
            let label = json!({"metadata": {"labels": {"somebody-was-here": n.to_string()}}});
            for name in super::sequence::NAMES {
                self.merge(name, label.clone()).await;
            }
        }
    }

    async fn hand(&mut self, id: &str, hand: &Hand) -> bool {
        let (what, body) = hand.call();
        let path = format!("accounts/{id}/{what}");
        self.scene.sandbox.may_control("POST", &path, body).await
    }

    async fn api(&mut self, _world: usize, method: &str, path: &str, body: &Value) -> Value {
        self.scene.sandbox.api(method, path, body.clone()).await
    }

    async fn auth_config(&mut self, config: &Value) {
        let config = config.clone();
        self.scene
            .sandbox
            .control("POST", "auth-configs", config)
            .await;
    }

    async fn switches(&mut self, switches: &Switches) {
        let switches = json!(in_time(*switches));
        let sandbox = &self.scene.sandbox;
        sandbox.control("POST", "switches", switches).await;
    }

    async fn fault(&mut self, _world: usize, fault: &Value) {
        let mut fault = fault.clone();
        // Waited for in real time.
        if fault["status"] == 429 {
            fault["headers"] = json!({"retry-after": "1"});
        }
        if fault["status"] == 401 {
            fault["times"] = json!(1);
        }
        self.scene.sandbox.control("POST", "fault", fault).await;
    }

    async fn clear_faults(&mut self) {
        self.scene
            .sandbox
            .control("DELETE", "fault", Value::Null)
            .await;
    }

    async fn object(&mut self, name: &str) -> Option<Value> {
        let object = self
            .objects
            .get_opt(name)
            .await
            .expect("the apiserver answers");
        object.map(|object| json!(object))
    }

    async fn accounts(&mut self) -> Vec<Value> {
        let mut accounts = self.scene.sandbox.accounts().await;
        for account in &mut accounts {
            account["world"] = json!(0);
        }
        accounts
    }

    async fn unmarked(&mut self) -> Vec<String> {
        Vec::new()
    }

    async fn asked(&mut self, since: &Seen) -> Vec<Asked> {
        let since = since.get(&0).copied().unwrap_or_default();
        let asked = self.scene.sandbox.asked_since(since).await.into_iter();
        asked
            .filter(|asked| asked.instance == self.scene.namespace)
            .map(|asked| Asked {
                world: 0,
                seq: asked.seq,
                time: asked.time.to_string(),
                method: asked.method,
                path: asked.path,
                rest: asked.body.to_string(),
                status: asked.status,
            })
            .collect()
    }

    /// Composio's clock goes on by itself and by what is asked; the operator's own waits are short.
    async fn pass(&mut self, seconds: u32) {
        if seconds > 0 {
            let advance = json!({"advance_seconds": seconds});
            self.scene.sandbox.control("POST", "clock", advance).await;
            self.scene.polled(2).await;
        }
    }

    async fn told(&mut self) -> String {
        let objects = self
            .scene
            .kubectl(&["get", "connectedaccounts", "-o", "json"])
            .await;
        let accounts = self.accounts().await;
        let accounts: Vec<String> = accounts.iter().map(Value::to_string).collect();
        let log = self
            .operator
            .as_ref()
            .map(|operator| operator.child.log_tail(40));
        let log = log.unwrap_or_default();
        format!("{objects}\n{}\n{log}", accounts.join("\n"))
    }
}

async fn run(seed: u64) -> Result<(), String> {
    let mut sequence = Sequence::new(Cluster::new(seed).await, seed);
    sequence.act(STEPS).await?;
    wait::within(QUIET, async || sequence.check().await)
        .await
        .map_err(|wrong| format!("SEED={seed}: {wrong}"))
}

#[tokio::test]
async fn the_same_holds_on_a_real_control_plane() {
    let seeds = FIRST_SEED..FIRST_SEED + SEQUENCES;
    let results: Vec<_> = futures::stream::iter(seeds)
        .map(run)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    say(&format!(
        "{SEQUENCES} sequences of {STEPS} steps on a real control plane"
    ));
}
