//! Accounts that nobody has, and those that were to end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::convergence::ground::Ground;
use crate::convergence::sequence::{Sequence, forged_record, user};
use crate::support::pinned_alias;

impl<G: Ground> Sequence<G> {
    /// No account is left without an object, and every grant has ended whose end was promised.
    pub(super) async fn check_accounts(&mut self) -> Result<(), String> {
        let (mut recorded, mut remembered) = (BTreeMap::new(), Vec::new());
        let mut objects = Vec::new();
        for name in self.names.clone() {
            let Some(object) = self.ground.object(name).await else {
                continue;
            };
            objects.push((name, object.clone()));
            let Some(id) = object["status"]["connectedAccountId"].as_str() else {
                continue;
            };
            // What one that waits elsewhere remembers another one may have taken over since.
            if !self.is_at_home(name, &object) {
                remembered.push((id.to_owned(), name));
                continue;
            }
            if let Some(other) = recorded.insert(id.to_owned(), name) {
                return Err(self
                    .told(&format!("{id} is of {name} and of {other}"))
                    .await);
            }
        }
        recorded.extend(remembered);
        self.check_duplicates().await?;
        let accounts = self.ground.accounts().await;
        for account in accounts.clone() {
            let id = account["id"].as_str().unwrap_or_default().to_owned();
            let has_an_object = recorded.contains_key(&id)
                || (objects.iter()).any(|(name, object)| self.is_of(name, object, &account));
            // Somebody took the record away, and two rows that were active carry the alias: one is adopted,
            // the other may hold a grant and is left alone.
            let is_left_alone = account["ever_active"] == true
                && accounts.iter().any(|other| {
                    let is_recorded = other["id"]
                        .as_str()
                        .is_some_and(|id| recorded.contains_key(id));
                    let same = |field: &str| other[field] == account[field];
                    let fields = ["alias", "user_id", "toolkit", "world"];
                    is_recorded && fields.into_iter().all(same)
                });
            let deleted = !account["deleted_at"].is_null();
            let let_go = self.retained.contains(&id) || self.is_let_go(&account);
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
            // Of one that waits elsewhere nothing is done.
            let is_duplicate = is_told
                && self.is_at_home(name, &object)
                && kept["world"] == account["world"]
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
        let id = status["connectedAccountId"].as_str().unwrap_or_default();
        if !self.is_theirs(id) || status["record"] != forged_record() {
            return false;
        }
        let world = self.world_with(id).await;
        let (alias, declared) = (pinned_alias(object), &object["spec"]["connectedAccountId"]);
        let accounts = self.ground.accounts().await;
        !accounts.iter().any(|account| {
            let is_of = account["user_id"] == user(name);
            let is_own = account["alias"] == alias || account["id"] == *declared;
            let is_there = account["world"] == world && account["deleted_at"].is_null();
            is_there && is_of && is_own
        })
    }
}
