//! A sequence in memory, under simulated time.

use std::collections::BTreeSet;

use composio_operator::crd::{ALIAS_ANNOTATION, Allow, FINALIZER};
use composio_operator::sandbox::world::{AuthConfig, Fault, Switches, World};
use http::Request;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::ground::{Asked, Ground, Hand, Seen};
use crate::support::pin_in;
use crate::support::simulation::{INSTANCE, NAMESPACE, Simulation};

impl Hand {
    /// What is not possible in the account's state does not happen.
    fn in_world(&self, world: &mut World, id: &str, now: Timestamp) -> bool {
        match self {
            Hand::Consent => world.consent(id, now).is_ok(),
            Hand::Cancel => world.cancel(id, now).is_ok(),
            Hand::Expire => world.expire(id, now).is_ok(),
            Hand::RevokeAtProvider => world.revoke_at_provider(id, now).is_ok(),
            Hand::Disable => world.set_enabled(id, false, now).is_ok(),
            Hand::Enable => world.set_enabled(id, true, now).is_ok(),
            Hand::Delete => world.delete_by_hand(id, now).is_ok(),
            Hand::Rename(alias) => world.rename_by_hand(id, alias, now).is_ok(),
            Hand::State(word) => world.force_state(id, word, None, now).is_ok(),
        }
    }
}

impl Ground for Simulation {
    const STANDS_STILL: bool = true;
    const PROJECTS: usize = 2;
    const WORLDS: usize = 3;

    fn namespace(&self) -> &str {
        NAMESPACE
    }

    async fn apply(&mut self, name: &'static str, spec: &Value) {
        Simulation::apply(self, name, spec.clone());
    }

    async fn delete(&mut self, name: &'static str) {
        Simulation::delete(self, name);
    }

    async fn annotate(&mut self, name: &'static str, annotation: &str, value: Option<&str>) {
        let annotations = json!({"annotations": {annotation: value}});
        self.merge(name, json!({"metadata": annotations}));
    }

    async fn lose_status(&mut self, name: &'static str) {
        Simulation::lose_status(self, name);
    }

    async fn make_anew(&mut self, name: &'static str, spec: &Value, restored: &Value) {
        self.merge(name, json!({"metadata": {"finalizers": null}}));
        Simulation::delete(self, name);
        Simulation::apply(self, name, spec.clone());
        self.merge(name, restored.clone());
    }

    async fn give_marks(&mut self, name: &'static str, alias: &str) {
        let object = Simulation::object(self, name).unwrap_or_default();
        let pin = pin_in(&object["spec"]["projectRef"], NAMESPACE, name, alias);
        let annotations = json!({ALIAS_ANNOTATION: pin});
        let metadata = json!({"finalizers": [FINALIZER], "annotations": annotations});
        self.merge(name, json!({"metadata": metadata}));
    }

    async fn give_status(&mut self, name: &'static str, status: &Value) {
        self.merge(name, json!({"status": status}));
    }

    async fn drop_finalizer(&mut self, name: &'static str) {
        self.merge(name, json!({"metadata": {"finalizers": null}}));
    }

    async fn secret(&mut self, name: &str, values: &Value) {
        let encoded = values.as_object().map(|values| {
            let encode = |(key, value): (&String, &Value)| {
                let text = value.as_str().unwrap_or_default().to_owned();
                (key.clone(), json!(ByteString(text.into_bytes())))
            };
            Value::Object(values.iter().map(encode).collect())
        });
        Simulation::secret(self, name, encoded.unwrap_or(Value::Null));
    }

    async fn restart(&mut self) {
        Simulation::restart(self);
    }

    async fn hide_another_namespace(&mut self, hidden: bool) {
        Simulation::hide_another_namespace(self, hidden);
    }

    async fn conflicts(&mut self, writes: u32) {
        self.apiserver().conflicts = writes;
    }

    async fn hand(&mut self, id: &str, hand: &Hand) -> bool {
        let now = self.now();
        let mut worlds = self.all_worlds();
        let mut whose = worlds.find_map(|mut world| world.account(id, now).ok().map(|_| world));
        whose
            .as_mut()
            .is_some_and(|world| hand.in_world(world, id, now))
    }

    async fn api(&mut self, world: usize, method: &str, path: &str, body: &Value) -> Value {
        let now = self.now();
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v3.1/{path}"))
            .header("x-api-key", "sandbox")
            .body(body.to_string().into())
            .expect("a request");
        match self.world_of(world).exchange(&request, now) {
            Ok(answer) => serde_json::from_slice(answer.body()).unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }

    async fn auth_config(&mut self, config: &Value) {
        let config: AuthConfig = serde_json::from_value(config.clone()).expect("an auth config");
        for mut world in self.all_worlds() {
            let put = world.put_auth_config(config.clone());
            put.expect("an auth config that can be");
        }
    }

    fn leads_to(&self, project: usize) -> usize {
        Simulation::leads_to(self, project)
    }

    async fn allow(&mut self, project: usize, allow: Option<&[Allow]>) {
        Simulation::allow(self, project, allow);
    }

    async fn give_key(&mut self, project: usize, is_there: bool) {
        Simulation::give_key(self, project, is_there);
    }

    async fn make_project_again(&mut self) {
        self.make_again(1);
    }

    async fn refuse(&mut self, names: BTreeSet<String>) {
        self.refused.names = names;
    }

    async fn asked_though_refused(&mut self) -> Vec<String> {
        self.refused.asked.clone()
    }

    async fn switches(&mut self, switches: &Switches) {
        for mut world in self.all_worlds() {
            world.set_switches(*switches);
        }
    }

    async fn fault(&mut self, world: usize, fault: &Value) {
        let fault: Fault = serde_json::from_value(fault.clone()).expect("a fault");
        let added = self.world_of(world).add_fault(fault);
        added.expect("a fault that can be");
    }

    async fn clear_faults(&mut self) {
        self.all_worlds().for_each(|mut world| world.clear_faults());
    }

    async fn object(&mut self, name: &str) -> Option<Value> {
        Simulation::object(self, name)
    }

    async fn accounts(&mut self) -> Vec<Value> {
        let now = self.now();
        let mut all = Vec::new();
        for (n, mut world) in self.all_worlds().enumerate() {
            all.extend(world.accounts(now).iter().map(|account| {
                let mut account = json!(account);
                account["world"] = json!(n);
                account
            }));
        }
        all
    }

    async fn unmarked(&mut self) -> Vec<String> {
        self.apiserver().unmarked.clone()
    }

    async fn asked(&mut self, since: &Seen) -> Vec<Asked> {
        let mut all = Vec::new();
        for (n, world) in self.all_worlds().enumerate() {
            let log = world.log_since(since.get(&n).copied().unwrap_or_default());
            let log = log.into_iter().filter(|entry| entry.instance == INSTANCE);
            all.extend(log.map(|entry| Asked {
                world: n,
                seq: entry.seq,
                time: entry.time,
                method: entry.method,
                path: entry.path,
                rest: format!("{} {}", entry.query, entry.body),
                status: entry.status,
            }));
        }
        all
    }

    async fn pass(&mut self, seconds: u32) {
        self.advance(SignedDuration::from_secs(seconds.into()))
            .await;
    }

    async fn told(&mut self) -> String {
        Simulation::describe(self)
    }
}
