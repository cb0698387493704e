//! Accounts that nobody has, and those that were to end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::convergence::ground::Ground;
use crate::convergence::sequence::{Sequence, forged_record, user};
use crate::support::pinned_alias;

impl<G: Ground> Sequence<G> {
    /// No account is left without an object, and every grant has ended whose end was promised.
    pub(super) async fn check_accounts(&mut self) -> Result<(), String> {
        let mut recorded = BTreeMap::new();
        for name in self.names.clone() {
            let Some(object) = self.ground.object(name).await else {
                continue;
            };
            if let Some(id) = object["status"]["connectedAccountId"].as_str()
                && let Some(other) = recorded.insert(id.to_owned(), name)
            {
                return Err(self
                    .told(&format!("{id} is of {name} and of {other}"))
                    .await);
            }
        }
        self.check_duplicates().await?;
        let accounts = self.ground.accounts().await;
        for account in accounts.clone() {
            let id = account["id"].as_str().unwrap_or_default().to_owned();
            let has_an_object = recorded.contains_key(&id);
            // Somebody took the record away, and two rows that were active carry the alias: one is adopted,
            // the other may hold a grant and is left alone.
            let is_left_alone = account["ever_active"] == true
                && accounts.iter().any(|other| {
                    let is_recorded = other["id"]
                        .as_str()
                        .is_some_and(|id| recorded.contains_key(id));
                    let same = |field: &str| other[field] == account[field];
                    is_recorded && ["alias", "user_id", "toolkit"].into_iter().all(same)
                });
            let whose = account["user_id"].as_str().unwrap_or_default().to_owned();
            let deleted = !account["deleted_at"].is_null();
            let let_go = self.retained.contains(&id) || self.let_go.contains(&whose);
            if !(deleted || has_an_object || let_go || is_left_alone) {
                return Err(self.told(&format!("{id} is nobody's")).await);
            }
            // What Composio refused to do, and what it does not do by its own rules, nobody can promise.
            let can_be_promised = !self.refused && !self.switches.revoke_on_delete_needs_active;
            let promised = can_be_promised && self.ended.contains(&id);
            if !has_an_object && promised && account["grant"]["alive"] != false {
                return Err(self.told(&format!("the grant of {id} is alive")).await);
            }
        }
        Ok(())
    }

    /// No duplicate is left that holds nobody's grant.
    async fn check_duplicates(&mut self) -> Result<(), String> {
        for (name, duplicate) in self.duplicates.clone() {
            let Some(account) = self.account(&duplicate).await else {
                continue;
            };
            let Some(object) = self.ground.object(name).await else {
                continue;
            };
            let own = object["status"]["connectedAccountId"].as_str();
            let pin = pinned_alias(&object);
            let kept = match own {
                Some(own) => self.account(own).await.unwrap_or_default(),
                None => Value::Null,
            };
            // Of what took the alias of an account that somebody renamed no Secret is known to have made it. One
            // that is called as declared was not renamed.
            let declared = &object["spec"]["metadata"]["alias"];
            let is_called = [&account["alias"], declared].contains(&&kept["alias"]);
            let is_over = (name == "crm" && is_called) || account["status"] == "EXPIRED";
            // Of one whose state is not known nothing is touched.
            let is_known = object["status"]["state"] != "PAUSED";
            // One that a page leaves out when it is new may never be noticed.
            let is_told = !self.switches.shifting_pages && !self.untold.contains(&duplicate);
            let is_duplicate = is_told
                && own.is_some_and(|id| id != duplicate)
                && account["alias"] == pin
                && is_known;
            if is_duplicate
                && is_over
                && account["deleted_at"].is_null()
                && self.usable_key().is_some()
            {
                let left = format!("{duplicate}, a duplicate of {name}, is still there");
                return Err(self.told(&left).await);
            }
        }
        Ok(())
    }

    /// Whether nothing but a record of a key that is not known here speaks for the account that the status names,
    /// and the object's own is not there: as after a change of the API key only a person can tell whose it is.
    pub(super) async fn is_for_a_person_to_tell(&mut self, name: &str, object: &Value) -> bool {
        let status = &object["status"];
        let is_theirs = |id: &Value| self.theirs.iter().any(|(_, theirs)| *id == theirs.as_str());
        if !is_theirs(&status["connectedAccountId"]) || status["record"] != forged_record() {
            return false;
        }
        let (alias, declared) = (pinned_alias(object), &object["spec"]["connectedAccountId"]);
        let accounts = self.ground.accounts().await;
        !accounts.iter().any(|account| {
            let is_of = account["user_id"] == user(name);
            let is_own = account["alias"] == alias || account["id"] == *declared;
            account["deleted_at"].is_null() && is_of && is_own
        })
    }
}
