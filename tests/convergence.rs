//! Whatever users, persons, providers and networks do, in whatever order: once they are quiet, every
//! account is as the last declaration says, and nothing more is asked.
//!
//! Sequences are random and told by their seed: `SEED=7 cargo test convergence` runs one again.

use composio_operator::crd::{LINK_REQUESTED_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION};
use composio_operator::plan::computed_alias;
use composio_operator::sandbox::world::{Fault, Seed, Switches};
use jiff::SignedDuration;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::support::fingerprint;
use crate::support::simulation::{NAMESPACE, Simulation};
use crate::support::story::condition;

/// About 25 seconds of them; `SEQUENCES=10000 cargo test convergence` for more.
const SEQUENCES: u64 = 250;
const STEPS: usize = 24;
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
            self.simulation
                .advance(SignedDuration::from_secs(seconds))
                .await;
            self.at_most_one_account_each();
        }
        self.quiet().await;
        self.check().await;
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
        self.simulation.advance(SignedDuration::from_mins(90)).await;
    }

    async fn check(&mut self) {
        let seq = self
            .simulation
            .world()
            .log_since(0)
            .last()
            .map_or(0, |entry| entry.seq);
        for name in NAMES {
            self.check_object(name);
        }
        // The slow look-again of what is refused is the only call that goes on.
        self.simulation.advance(SignedDuration::from_mins(5)).await;
        let writes: Vec<_> = self
            .simulation
            .world()
            .log_since(seq)
            .into_iter()
            // Of an alias that is in use only a new try can tell that it is free.
            .filter(|entry| entry.method != "GET" && entry.status != Some(400))
            .collect();
        assert!(writes.is_empty(), "still acting: {}", self.told());
    }

    fn check_object(&mut self, name: &'static str) {
        let spec = self
            .declared
            .iter()
            .find(|(declared, _)| *declared == name)
            .map(|(_, spec)| spec.clone());
        let Some(object) = self.simulation.object(name) else {
            assert!(
                spec.is_none(),
                "{name} is declared and not there: {}",
                self.told()
            );
            return;
        };
        let spec = spec
            .unwrap_or_else(|| panic!("{name} was deleted and is still there: {}", self.told()));
        let ready = condition(&object, "Ready").clone();
        let reason = ready["reason"].as_str().unwrap_or_default();
        let status = &object["status"];
        assert_eq!(
            status["observedGeneration"],
            object["metadata"]["generation"],
            "{}",
            self.told()
        );
        let now = self.simulation.now();
        let account = status["connectedAccountId"]
            .as_str()
            .and_then(|id| self.simulation.world().account(id, now).ok())
            .map(|account| json!(account));
        let synced = condition(&object, "Synced")["reason"].clone();
        if name == "crm" && self.key.is_none() {
            let told = synced == "SecretMissing" || synced == "AliasInUse";
            assert!(
                told,
                "{name} is {synced} without its Secret: {}",
                self.told()
            );
        }
        match reason {
            _ if synced == "SecretMissing" => {
                assert_eq!(self.key, None, "{name}: {}", self.told());
            }
            "Connected" | "Disabled" => {
                let account = account.unwrap_or_else(|| {
                    panic!("{name} is {reason} without an account: {}", self.told())
                });
                let state = account["status"].as_str().unwrap_or_default();
                if !["ACTIVE", "INACTIVE"].contains(&state) {
                    // A dead grant needs no disabling.
                    assert_eq!(reason, "Disabled", "{name}: {}", self.told());
                    return;
                }
                let enabled = spec["enabled"].as_bool().expect("it says so");
                let expected = if enabled { "ACTIVE" } else { "INACTIVE" };
                assert_eq!(state, expected, "{name}: {}", self.told());
                if let Some(key) = self.key.as_ref().filter(|_| name == "crm") {
                    let held = &account["credentials"]["api_key"];
                    assert_eq!(*held, fingerprint(key), "{name}: {}", self.told());
                }
                if synced == "AliasInUse" {
                    // One that was retained has it.
                    return;
                }
                let alias = spec["metadata"]["alias"]
                    .as_str()
                    .map_or_else(|| computed_alias("", NAMESPACE, name), str::to_owned);
                assert_eq!(account["alias"], alias, "{name}: {}", self.told());
            }
            "LinkIssued"
            | "LinkExpired"
            | "ReauthorizationRequired"
            | "Revoked"
            | "AwaitingUser"
            | "CredentialsRejected" => {}
            other => panic!("{name} ends as {other:?}: {}", self.told()),
        }
    }

    /// No object has two accounts that are not deleted.
    fn at_most_one_account_each(&mut self) {
        let now = self.simulation.now();
        let accounts = self.simulation.world().accounts(now);
        for name in NAMES {
            let user = format!("user-of-{name}");
            let live: Vec<_> = accounts
                .iter()
                .map(|account| json!(account))
                .filter(|account| account["user_id"] == user && account["deleted_at"].is_null())
                .collect();
            // One that was retained may be there besides, under another alias.
            let mut aliases: Vec<_> = live
                .iter()
                .map(|account| account["alias"].to_string())
                .collect();
            aliases.dedup();
            assert_eq!(
                aliases.len(),
                live.len(),
                "{name} has two accounts: {}",
                self.told()
            );
        }
    }

    fn told(&self) -> String {
        format!("{}\n{}", self.history.join("\n"), self.simulation.told())
    }
}
