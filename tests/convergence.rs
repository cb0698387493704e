//! Whatever users, persons, providers and networks do, in whatever order: once they are quiet, every
//! account is as the last declaration says, and nothing more is asked.
//!
//! Sequences are random and told by their seed: `SEED=7 cargo test convergence` runs one again.

use std::collections::BTreeSet;

use composio_operator::crd::{LINK_REQUESTED_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION};
use composio_operator::sandbox::world::{Fault, Seed, Switches};
use jiff::SignedDuration;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::support::simulation::Simulation;

/// About 25 seconds of them; `SEQUENCES=10000 cargo test convergence` for more.
const SEQUENCES: u64 = 250;
const STEPS: usize = 24;
mod check;

const NAMES: [&str; 3] = ["mail", "crm", "chat"];

#[test]
fn whatever_happens_the_last_declaration_holds_once_all_is_quiet() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built");
    let seeds = match std::env::var("SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SEED is a number");
            seed..seed + 1
        }
        Err(_) => {
            0..std::env::var("SEQUENCES").map_or(SEQUENCES, |sequences| {
                sequences.parse().expect("SEQUENCES is a number")
            })
        }
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async { Sequence::new(seed).run().await });
        }));
        if let Err(panic) = outcome {
            let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            panic!("SEED={seed}: {said}");
        }
    }
}

/// One random sequence.
struct Sequence {
    simulation: Simulation,
    random: fastrand::Rng,
    tokens: u32,
    history: Vec<String>,
    /// Accounts that were left alone when their object went.
    retained: BTreeSet<String>,
    /// Accounts whose grant was promised to end with their object.
    ended: BTreeSet<String>,
    /// The last declaration of each object that is not deleted.
    declared: Vec<(&'static str, Value)>,
    /// The value in the Secret of `crm`, if there is one.
    key: Option<String>,
}

impl Sequence {
    fn new(seed: u64) -> Sequence {
        let mut random = fastrand::Rng::with_seed(seed);
        let switches = Switches {
            refresh_leaves_expired: random.bool(),
            refresh_keeps_deadline: random.bool(),
            patch_does_not_revive: random.bool(),
            revoke_on_delete_needs_active: false,
            deleted_holds_alias: false,
            ..Switches::default()
        };
        let world = Seed {
            entropy: seed,
            switches,
            ..Seed::default()
        };
        let mut sequence = Sequence {
            simulation: Simulation::new(world),
            random,
            tokens: 0,
            history: Vec::new(),
            retained: BTreeSet::new(),
            ended: BTreeSet::new(),
            declared: Vec::new(),
            key: None,
        };
        sequence.put_key(Some("first-key".to_owned()));
        sequence
    }

    /// Puts a value into the Secret of `crm`, or takes the Secret away.
    fn put_key(&mut self, key: Option<String>) {
        let data = |key: &String| json!({"api_key": ByteString(key.clone().into_bytes())});
        self.simulation
            .secret("key", key.as_ref().map_or(Value::Null, data));
        self.key = key;
    }

    async fn run(mut self) {
        for _ in 0..STEPS {
            let step = self.step();
            self.history.push(step);
            let seconds = [0, 0, 1, 20, 120, 700][self.random.usize(..6)];
            self.pass(SignedDuration::from_secs(seconds)).await;
            self.at_most_one_account_each();
        }
        self.quiet().await;
        self.check().await;
    }

    /// Lets time pass, and notes which objects went and what that means for their accounts.
    async fn pass(&mut self, time: SignedDuration) {
        let before = NAMES.map(|name| self.simulation.object(name));
        let now = self.simulation.now();
        let deleted: BTreeSet<String> = self
            .simulation
            .world()
            .accounts(now)
            .iter()
            .map(|account| json!(account))
            .filter(|account| !account["deleted_at"].is_null())
            .filter_map(|account| account["id"].as_str().map(str::to_owned))
            .collect();
        self.simulation.advance(time).await;
        for object in before.into_iter().flatten() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let after = self.simulation.object(name);
            if after.is_some_and(|after| after["metadata"]["uid"] == object["metadata"]["uid"]) {
                continue;
            }
            let Some(id) = object["status"]["connectedAccountId"].as_str() else {
                continue;
            };
            // The policy is the one of the moment in which the account is dealt with.
            if deleted.contains(id) {
                continue;
            }
            match object["spec"]["deletionPolicy"].as_str() {
                Some("Retain") => drop(self.retained.insert(id.to_owned())),
                Some("Revoke") => drop(self.ended.insert(id.to_owned())),
                _ => {}
            }
        }
    }

    fn step(&mut self) -> String {
        let name = NAMES[self.random.usize(..NAMES.len())];
        match self.random.u32(..20) {
            0..6 => self.declare(name),
            6 => {
                self.simulation.delete(name);
                self.declared.retain(|(declared, _)| *declared != name);
                format!("delete {name}")
            }
            7 => {
                self.tokens += 1;
                let token = format!("t{}", self.tokens);
                let which = [LINK_REQUESTED_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION];
                let annotation = which[self.random.usize(..2)];
                self.simulation.annotate(name, annotation, &token);
                format!("{name}: {annotation}={token}")
            }
            8..14 => self.remote(name),
            14 | 15 => self.fault(),
            16 => {
                self.simulation.restart();
                "restart".to_owned()
            }
            17 => {
                self.simulation.shelf().conflicts = self.random.u32(1..3);
                "conflicts".to_owned()
            }
            18 => {
                self.tokens += 1;
                let key = format!("key-{}", self.tokens);
                let key = (self.random.u32(..3) > 0).then_some(key);
                self.put_key(key);
                format!("the key is {:?}", self.key)
            }
            _ => String::new(),
        }
    }

    fn declare(&mut self, name: &'static str) -> String {
        let random = &mut self.random;
        let policy = ["Revoke", "Revoke", "Delete", "Retain"][random.usize(..4)];
        let ready_when = ["Active", "LinkIssued"][random.usize(..2)];
        let mut spec = json!({
            "user": format!("user-of-{name}"),
            "enabled": random.u32(..4) > 0,
            "deletionPolicy": policy,
            "readyWhen": ready_when,
            "suspend": random.u32(..10) == 0,
        });
        if random.bool() {
            spec["metadata"] = json!({"alias": format!("alias-{}", random.u32(..3))});
        }
        match name {
            "mail" => {
                spec["toolkit"] = json!("gmail");
                spec["authConfig"] = json!("ac_gmail");
            }
            "crm" => {
                spec["toolkit"] = json!("hubspot");
                spec["authConfig"] = json!("ac_hubspot");
                let credentials = json!({"scheme": "API_KEY", "secretRef": {"name": "key"}});
                spec["credentials"] = credentials;
            }
            _ => {
                spec["toolkit"] = json!("slack");
                spec["visibility"] = json!("Shared");
                let users = |random: &mut fastrand::Rng| {
                    ["x", "y", "z"]
                        .into_iter()
                        .filter(|_| random.bool())
                        .collect::<Vec<_>>()
                };
                spec["sharing"] = json!({
                    "allowAll": random.bool(),
                    "allowedUsers": users(random),
                    "deniedUsers": users(random),
                });
            }
        }
        self.simulation.apply(name, spec.clone());
        let deleting = self
            .simulation
            .object(name)
            .is_some_and(|object| object["metadata"].get("deletionTimestamp").is_some());
        if !deleting {
            self.declared.retain(|(declared, _)| *declared != name);
            self.declared.push((name, spec.clone()));
        }
        format!("declare {name}: {spec}")
    }

    fn remote(&mut self, name: &str) -> String {
        let object = self.simulation.object(name);
        let id = object.and_then(|object| {
            object["status"]["connectedAccountId"]
                .as_str()
                .map(str::to_owned)
        });
        let Some(id) = id else {
            return String::new();
        };
        let now = self.simulation.now();
        let what = self.random.u32(..8);
        let mut world = self.simulation.world();
        // What is not possible in the account's state does not happen.
        let done = match what {
            0..4 => world.consent(&id, now).is_ok(),
            4 => world.cancel(&id, now).is_ok(),
            5 | 6 => world.expire(&id, now).is_ok(),
            _ => world.revoke_at_provider(&id, now).is_ok(),
        };
        format!(
            "{id}: {} {done}",
            [
                "consent", "consent", "consent", "consent", "cancel", "expire", "expire", "revoked"
            ][what as usize]
        )
    }

    fn fault(&mut self) -> String {
        let faults = [
            json!({"status": "cut_before"}),
            json!({"status": "cut_after"}),
            json!({"status": 500}),
            json!({"status": 500, "after_commit": true}),
            json!({"status": 503, "body": "<html>gateway</html>"}),
            json!({"status": 429, "headers": {"retry-after": "7"}}),
            json!({"status": 400}),
        ];
        let mut fault = faults[self.random.usize(..faults.len())].clone();
        fault["method"] = json!(["POST", "PATCH", "DELETE", "GET"][self.random.usize(..4)]);
        fault["times"] = json!(self.random.u32(1..3));
        let told = format!("fault {fault}");
        let fault: Fault = serde_json::from_value(fault).expect("a fault");
        self.simulation
            .world()
            .add_fault(fault)
            .expect("a fault that can be");
        told
    }

    /// Nobody does anything any more, and everything that can heal does.
    async fn quiet(&mut self) {
        self.simulation.world().clear_faults();
        self.simulation.shelf().conflicts = 0;
        for (name, mut spec) in std::mem::take(&mut self.declared) {
            spec["suspend"] = json!(false);
            if self.simulation.object(name).is_some() {
                self.simulation.apply(name, spec.clone());
            }
            self.declared.push((name, spec));
        }
        self.pass(SignedDuration::from_mins(90)).await;
    }

    fn told(&self) -> String {
        format!("{}\n{}", self.history.join("\n"), self.simulation.told())
    }
}
