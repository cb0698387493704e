//! What must hold after a sequence, and all the time in it.

use std::collections::BTreeSet;

use composio_operator::plan::computed_alias;
use jiff::SignedDuration;
use serde_json::json;

use super::{NAMES, Sequence};
use crate::support::fingerprint;
use crate::support::simulation::NAMESPACE;
use crate::support::story::condition;

impl Sequence {
    pub(super) async fn check(&mut self) {
        let seq = self
            .simulation
            .world()
            .log_since(0)
            .last()
            .map_or(0, |entry| entry.seq);
        for name in NAMES {
            self.check_object(name);
        }
        self.check_accounts();
        self.simulation.advance(SignedDuration::from_mins(5)).await;
        let (refused, done): (Vec<_>, Vec<_>) = self
            .simulation
            .world()
            .log_since(seq)
            .into_iter()
            .filter(|entry| entry.method != "GET")
            .partition(|entry| entry.status == Some(400));
        assert!(done.is_empty(), "still acting: {}", self.told());
        // Of an alias that is in use only a new try, now and then, can tell that it is free.
        assert!(
            refused.len() <= NAMES.len(),
            "refused again and again: {}",
            self.told()
        );
    }

    /// No account is left without an object, and every grant has ended whose end was promised.
    fn check_accounts(&mut self) {
        let now = self.simulation.now();
        let recorded: BTreeSet<String> = NAMES
            .iter()
            .filter_map(|name| self.simulation.object(name))
            .filter_map(|object| {
                object["status"]["connectedAccountId"]
                    .as_str()
                    .map(str::to_owned)
            })
            .collect();
        let accounts = self.simulation.world().accounts(now);
        for account in accounts.iter().map(|account| json!(account)) {
            let id = account["id"].as_str().unwrap_or_default();
            let has_an_object = recorded.contains(id);
            let deleted = !account["deleted_at"].is_null();
            assert!(
                deleted || has_an_object || self.retained.contains(id),
                "{id} is nobody's: {}",
                self.told()
            );
            assert!(
                has_an_object || !self.ended.contains(id) || account["grant"]["alive"] == false,
                "the grant of {id} is alive: {}",
                self.told()
            );
        }
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
            // One that was retained has the alias that a new account would have.
            "AliasInUse" if account.is_none() => {}
            "Connected" | "Disabled" | "AliasInUse" => {
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
                if reason == "AliasInUse" {
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
    pub(super) fn at_most_one_account_each(&mut self) {
        let now = self.simulation.now();
        let accounts = self.simulation.world().accounts(now);
        for name in NAMES {
            let user = format!("user-of-{name}");
            let live: Vec<_> = accounts
                .iter()
                .map(|account| json!(account))
                .filter(|account| {
                    let id = account["id"].as_str().unwrap_or_default();
                    account["user_id"] == user
                        && account["deleted_at"].is_null()
                        && !self.retained.contains(id)
                })
                .collect();
            assert!(live.len() <= 1, "{name} has two accounts: {}", self.told());
        }
    }
}
