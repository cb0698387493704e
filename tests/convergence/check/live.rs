//! What must hold of the accounts of declared objects all the time.

use std::collections::BTreeMap;

use crate::convergence::ground::Ground;
use crate::convergence::sequence::{Sequence, user, world_and_user};
use crate::support::{fingerprint, pinned_alias};

impl<G: Ground> Sequence<G> {
    /// The active accounts that carry the alias of an object that is declared and not going, and whose users
    /// no other object speaks of.
    pub(in crate::convergence) async fn live_and_declared(
        &mut self,
    ) -> Vec<(&'static str, String)> {
        let mut live = Vec::new();
        // Elsewhere something may happen between this look and what follows.
        let names = self.names.clone().into_iter().filter(|_| G::STANDS_STILL);
        for name in names {
            let Some(object) = self.ground.object(name).await else {
                continue;
            };
            // Which of two with one alias is the object's own nobody may know.
            let has_duplicates = self.duplicates.iter().any(|(whose, _)| *whose == name);
            let is_shared = ["spare", "rival"].contains(&name);
            if is_shared || has_duplicates || !object["metadata"]["deletionTimestamp"].is_null() {
                continue;
            }
            let pin = pinned_alias(&object);
            for account in self.ground.accounts().await {
                let is_own = account["user_id"] == user(name) && account["alias"] == pin;
                let id = account["id"].as_str().unwrap_or_default();
                if is_own && account["status"] == "ACTIVE" && account["deleted_at"].is_null() {
                    live.push((name, id.to_owned()));
                }
            }
        }
        live
    }

    /// None of them was deleted, but with an object that has gone.
    pub(in crate::convergence) async fn must_live_on(&mut self, live: Vec<(&'static str, String)>) {
        for (name, id) in live {
            let object = self.ground.object(name).await;
            let is_declared =
                object.is_some_and(|object| object["metadata"]["deletionTimestamp"].is_null());
            let account = self.account(&id).await.unwrap_or_default();
            let is_deleted = !account["deleted_at"].is_null();
            // What only a new account takes.
            let has_made_room = name == "crm"
                && account["credentials"]["subdomain"] != fingerprint(&self.subdomain());
            if is_declared && is_deleted && !has_made_room {
                self.killed.push(format!("{id} of {name}"));
            }
        }
    }

    /// No live account of a declared object was deleted, and no object has two that are not deleted.
    pub(in crate::convergence) async fn accounts_live_and_are_one_each(
        &mut self,
    ) -> Result<(), String> {
        if !self.killed.is_empty() {
            let killed = format!("live accounts were deleted: {:?}", self.killed);
            return Err(self.told(&killed).await);
        }
        let mut live: BTreeMap<(usize, String), usize> = BTreeMap::new();
        for account in self.ground.accounts().await {
            let id = account["id"].as_str().unwrap_or_default();
            if account["deleted_at"].is_null() && !self.retained.contains(id) {
                *live.entry(world_and_user(&account)).or_default() += 1;
            }
        }
        live.retain(|whose, _| !self.let_go.contains(whose));
        for ((_, whose), count) in live {
            let wanted = self.names.iter().filter(|name| user(name) == whose).count();
            if count > wanted.max(1) {
                return Err(self.told(&format!("{whose} has {count} accounts")).await);
            }
        }
        Ok(())
    }
}
