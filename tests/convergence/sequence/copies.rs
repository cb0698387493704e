//! What people do who copy, restore and edit objects, and what they may not get by it.

use composio_operator::crd::{ALIAS_ANNOTATION, OWN_ACCOUNT_ANNOTATION};
use composio_operator::plan::computed_alias;
use serde_json::{Value, json};

use super::Sequence;
use crate::convergence::ground::{Ground, Hand};
use crate::support::pinned_alias;

/// What stands in a status beside an id that the operator has not written: of a key that nobody here knows.
pub(crate) fn forged_record() -> Value {
    json!({"keyId": "AAAAAAAA", "mac": "AAAA"})
}

impl<G: Ground> Sequence<G> {
    /// Accounts that somebody made by hand, for the users of two of the objects.
    pub(super) async fn make_theirs(&mut self, world: usize) {
        for (name, user) in [("mail", "user-of-mail"), ("spare", "user-of-spare")] {
            let body = json!({"auth_config_id": "ac_gmail", "user_id": user, "alias": "theirs"});
            let path = "connected_accounts/link";
            let made = self.ground.api(world, "POST", path, &body).await;
            let id = made["connected_account_id"]
                .as_str()
                .expect("an id")
                .to_owned();
            self.ground.hand(&id, &Hand::Consent).await;
            self.retained.insert(id.clone());
            self.theirs.push((world, name, id));
        }
    }

    /// Whether the account of an object is found by its alias again, whatever becomes of its status.
    async fn is_found_by_alias(&mut self, object: &Value) -> bool {
        let Some(id) = object["status"]["connectedAccountId"].as_str() else {
            return false;
        };
        // Together these leave nothing by which an account that was just made could be found.
        if self.switches.alias_not_unique && self.switches.list_lag_seconds > 0 {
            return false;
        }
        let account = self.account(id).await;
        account.is_some_and(|account| account["alias"] == pinned_alias(object))
    }

    /// Somebody writes the id of an account that is not the object's into its status.
    pub(super) async fn forge_status(&mut self, name: &'static str) -> String {
        let user = if name == "rival" { "spare" } else { name };
        let Some(object) = self.ground.object(name).await else {
            return String::new();
        };
        let world = self.world_of(name);
        let mut theirs = self.theirs.iter();
        let theirs = theirs.find(|(place, whose, _)| (*place, *whose) == (world, user));
        let Some(id) = theirs.map(|(_, _, id)| id.clone()) else {
            return String::new();
        };
        if !self.is_at_home(name, &object) || !self.is_found_by_alias(&object).await {
            return String::new();
        }
        let mut status = json!({"connectedAccountId": id});
        match self.random.u32(..4) {
            // The record of the own account stays.
            0 => {}
            1 => status["record"] = forged_record(),
            2 => status["adopted"] = json!("ByDeclaredAlias"),
            _ => status["record"] = Value::Null,
        }
        self.ground.give_status(name, &status).await;
        format!("{name} is given the status {status}")
    }

    /// Somebody restores an object over another one: its annotation and what its status says of its account.
    pub(super) async fn copy_over(&mut self, name: &'static str) -> String {
        let from = self.names[self.random.usize(..self.names.len())];
        let (Some(object), Some(copied)) = (
            self.ground.object(name).await,
            self.ground.object(from).await,
        ) else {
            return String::new();
        };
        let is_going = object["metadata"].get("deletionTimestamp").is_some();
        // Of what is in another project nothing but the annotation tells so.
        let are_at_home = [(name, &object), (from, &copied)]
            .into_iter()
            .all(|(one, object)| self.is_at_home(one, object))
            && self.homes.of(name) == self.homes.of(from);
        if from == name || is_going || !are_at_home || !self.is_found_by_alias(&object).await {
            return String::new();
        }
        // The annotation goes with it: what is left to find the account by is what is declared.
        let alias = pinned_alias(&object);
        let declared = &object["spec"]["metadata"]["alias"];
        let sought = match declared {
            Value::Null => json!(computed_alias("", self.ground.namespace(), name)),
            declared => declared.clone(),
        };
        if alias != sought {
            return String::new();
        }
        let pin = copied["metadata"]["annotations"][ALIAS_ANNOTATION].as_str();
        self.ground.annotate(name, ALIAS_ANNOTATION, pin).await;
        let id = &copied["status"]["connectedAccountId"];
        if self.random.bool() && id.is_string() {
            let record = &copied["status"]["record"];
            let status = json!({"connectedAccountId": id, "record": record});
            self.ground.give_status(name, &status).await;
        }
        format!("{from} is restored over {name}")
    }

    /// A person confirms that an account which was found by its declared alias is the object's.
    pub(super) async fn confirm(&mut self, name: &'static str) -> String {
        let Some(object) = self.ground.object(name).await else {
            return String::new();
        };
        let status = &object["status"];
        let (Some(id), false) = (
            status["connectedAccountId"].as_str(),
            status["adopted"].is_null(),
        ) else {
            return String::new();
        };
        if self.is_theirs(id) {
            return String::new();
        }
        self.ground
            .annotate(name, OWN_ACCOUNT_ANNOTATION, Some(id))
            .await;
        self.retained.remove(id);
        format!("{id} is confirmed to be of {name}")
    }
}
