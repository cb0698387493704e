//! What persons, colleagues with the dashboard, providers and networks do.

use composio_operator::crd::{ALIAS_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION};
use serde_json::{Value, json};

use super::{Sequence, user};
use crate::convergence::ground::{Ground, Hand};
use crate::support::pinned_alias;

use super::declare::some_users;

/// An auth config that an app has made for itself.
const AUTH_CONFIG_OF_AN_APP: &str = "ac_of_an_app";

impl<G: Ground> Sequence<G> {
    pub(super) async fn hand(&mut self, name: &'static str) -> String {
        let Some(id) = self.recorded(name).await else {
            return String::new();
        };
        let hand = match self.random.u32(..16) {
            0..6 => Hand::Consent,
            6 => Hand::Cancel,
            7 | 8 => Hand::Expire,
            9 => Hand::RevokeAtProvider,
            10 => Hand::Disable,
            11 => Hand::Enable,
            12 => Hand::Delete,
            13 => Hand::Rename(format!("by-hand-{}", self.token())),
            14 => {
                self.refused = true;
                Hand::State("REVOKED")
            }
            _ => Hand::State(["PAUSED", "EXPIRED", "FAILED"][self.random.usize(..3)]),
        };
        let done = self.ground.hand(&id, &hand).await;
        format!("{id}: {hand:?} {done}")
    }

    /// Somebody does not want it as declared, and says so again and again.
    pub(super) async fn hand_and_back(&mut self, name: &'static str) -> String {
        for _ in 0..6 {
            let Some(id) = self.recorded(name).await else {
                break;
            };
            let account = self.account(&id).await;
            match account
                .as_ref()
                .and_then(|account| account["status"].as_str())
            {
                Some("ACTIVE") => drop(self.ground.hand(&id, &Hand::Disable).await),
                Some("INACTIVE") => drop(self.ground.hand(&id, &Hand::Enable).await),
                _ => {}
            }
            let token = format!("t{}", self.token());
            let look = RECONCILE_REQUESTED_ANNOTATION;
            self.ground.annotate(name, look, Some(&token)).await;
            let before = self.objects().await;
            self.pass(before, 20).await;
        }
        self.changed_back.insert(name);
        format!("{name} is changed back again and again")
    }

    pub(in crate::convergence) async fn account(&mut self, id: &str) -> Option<Value> {
        let accounts = self.ground.accounts().await;
        accounts.into_iter().find(|account| account["id"] == id)
    }

    pub(super) async fn share_by_hand(&mut self, name: &'static str) -> String {
        let users = some_users(&mut self.random);
        let Some(id) = self.recorded(name).await else {
            return String::new();
        };
        let list = json!({"allow_all_users": self.random.bool(), "allowed_user_ids": users});
        let body = json!({"experimental": {"acl_config_for_shared": list}});
        let path = format!("connected_accounts/{id}");
        // Not every account is one that can be shared, or there.
        let world = self.world_with(&id).await;
        self.ground.api(world, "PATCH", &path, &body).await;
        format!("{id} is shared by hand: {body}")
    }

    /// Somebody restores an object whose account is another's, with all its marks, and thinks better of it.
    pub(super) async fn restore_and_delete(&mut self, name: &'static str) -> String {
        if self.ground.object(name).await.is_none() || self.recorded(name).await.is_some() {
            return String::new();
        }
        self.ground.give_marks(name, "by-hand").await;
        self.ground.lose_status(name).await;
        self.delete(name).await;
        format!("{name} is restored, and deleted")
    }

    /// A call that makes an account never arrives, and nobody waits for it.
    pub(super) async fn lose_a_call_and_delete(&mut self, name: &'static str) -> String {
        if self.ground.object(name).await.is_some() || ["spare", "rival", "odd"].contains(&name) {
            return String::new();
        }
        let fault = json!({"method": "POST", "status": "cut_before", "times": 1});
        for project in 0..G::PROJECTS {
            let world = self.ground.leads_to(project);
            self.ground.fault(world, &fault).await;
        }
        let declared = self.declare(name).await;
        let before = self.objects().await;
        self.pass(before, 1).await;
        self.delete(name).await;
        format!("{declared}, and its call is lost, and it is deleted")
    }

    /// The provider refuses to revoke when an object goes, or Composio refuses, for good or to delete.
    pub(super) async fn delete_against_the_provider(&mut self, name: &'static str) -> String {
        let Some(id) = self.recorded(name).await else {
            return String::new();
        };
        self.ground.hand(&id, &Hand::Consent).await;
        let (revoke, account) = (
            format!("/connected_accounts/{id}/revoke"),
            format!("/connected_accounts/{id}"),
        );
        let (method, path, status) = match self.random.u32(..4) {
            0 => ("DELETE", account, 403),
            1 => ("POST", revoke, 400),
            _ => ("POST", revoke, 500),
        };
        self.refused |= status != 500;
        let times = self.random.u32(1..4);
        let fault = json!({"method": method, "path": path, "status": status, "times": times});
        let world = self.world_with(&id).await;
        self.ground.fault(world, &fault).await;
        self.delete(name).await;
        format!("{name} is deleted, and of {id} is refused: {fault}")
    }

    /// What the key opened is closed, and there is a new key.
    pub(super) async fn end_the_key(&mut self) -> String {
        let Some(id) = self.recorded("crm").await else {
            return String::new();
        };
        let state = ["EXPIRED", "FAILED"][self.random.usize(..2)];
        self.ground.hand(&id, &Hand::State(state)).await;
        let key = format!("key-{}", self.token());
        self.is_fit = true;
        self.put_key(Some(key)).await;
        format!("{id} is {state}, and the key is {:?}", self.key)
    }

    /// Where nothing stops it, a second account gets the alias of an object's own.
    pub(super) async fn make_duplicate(&mut self, name: &'static str) -> String {
        let Some(id) = self.recorded(name).await else {
            return String::new();
        };
        let alias = self
            .account(&id)
            .await
            .map(|account| account["alias"].clone());
        let (Some(alias), true) = (alias, self.switches.alias_not_unique) else {
            return String::new();
        };
        let user = user(name);
        let (path, body, field) = if name == "crm" {
            let state =
                json!({"authScheme": "API_KEY", "val": {"status": "ACTIVE", "api_key": "by-hand"}});
            let connection = json!({"user_id": user, "alias": alias, "state": state});
            let body = json!({"auth_config": {"id": "ac_hubspot"}, "connection": connection});
            ("connected_accounts", body, "id")
        } else {
            let (auth_config, kind) = match name {
                "chat" => ("ac_slack", "SHARED"),
                _ => ("ac_gmail", "PRIVATE"),
            };
            let body = json!({
                "auth_config_id": auth_config, "user_id": user, "alias": alias,
                "experimental": {"account_type": kind},
            });
            ("connected_accounts/link", body, "connected_account_id")
        };
        self.ground.clear_faults().await;
        let world = self.world_with(&id).await;
        let made = self.ground.api(world, "POST", path, &body).await;
        let Some(duplicate) = made[field].as_str() else {
            return format!("no duplicate of {id}: {made}");
        };
        self.retained.insert(duplicate.to_owned());
        self.duplicates.push((name, duplicate.to_owned()));
        let deleted = self.random.bool();
        if deleted {
            let before = self.objects().await;
            self.pass(before, 300).await;
            self.delete(name).await;
        }
        format!("{duplicate} is a duplicate of {id}, which is deleted: {deleted}")
    }

    /// What finds an account after that is its alias alone: it must be the one that the object knows.
    pub(super) async fn lose_status(&mut self, name: &'static str) -> String {
        let Some(object) = self.ground.object(name).await else {
            return String::new();
        };
        // Together these leave nothing by which an account that was just made could be found.
        if self.switches.alias_not_unique && self.switches.list_lag_seconds > 0 {
            return String::new();
        }
        let pin = pinned_alias(&object);
        if let Some(id) = object["status"]["connectedAccountId"].as_str() {
            let account = self.account(id).await;
            if account.is_none_or(|account| account["alias"] != pin) {
                return String::new();
            }
            // Of two with its alias nobody can tell any more which one it had.
            if self.duplicates.iter().any(|(whose, _)| *whose == name) {
                self.retained.insert(id.to_owned());
            }
        }
        self.ground.lose_status(name).await;
        format!("{name} loses its status")
    }

    /// The operator is started anew. From then on it reads what changes, and what its objects have on record: a
    /// duplicate that was left alone while its object is suspended, and has run out, is in neither.
    pub(super) async fn restart(&mut self) {
        for (name, id) in self.duplicates.clone() {
            let object = self.ground.object(name).await.unwrap_or_default();
            let account = self.account(&id).await.unwrap_or_default();
            if object["spec"]["suspend"] == true && account["status"] == "EXPIRED" {
                self.untold.insert(id);
            }
        }
        self.ground.restart().await;
    }

    /// The operator is started anew and is refused another namespace: who holds what is found is not known
    /// for a while. What had nobody's record before has none now.
    pub(super) async fn hide_another_namespace(&mut self, name: &'static str) -> String {
        self.ground.hide_another_namespace(true).await;
        self.restart().await;
        let lost = self.lose_status(name).await;
        let before = self.objects().await;
        self.pass(before, 20).await;
        let deleted = match self.random.bool() {
            true => self.delete(name).await,
            false => String::new(),
        };
        let before = self.objects().await;
        self.pass(before, 120).await;
        self.ground.hide_another_namespace(false).await;
        format!("another namespace was hidden; meanwhile: {lost}, {deleted}")
    }

    /// Somebody takes our annotation or our finalizer off; the operator gets a moment to notice.
    pub(super) async fn take_marks(&mut self, name: &'static str) -> String {
        let deleting = self
            .ground
            .object(name)
            .await
            .is_none_or(|object| object["metadata"].get("deletionTimestamp").is_some());
        let Some(id) = self.recorded(name).await.filter(|_| !deleting) else {
            return String::new();
        };
        // Without its annotation and with another's id in its status nothing would tell its account.
        let is_forged = self.is_theirs(&id);
        let object = self.ground.object(name).await.unwrap_or_default();
        if self.random.bool() && !is_forged && self.is_at_home(name, &object) {
            self.ground.annotate(name, ALIAS_ANNOTATION, None).await;
            return format!("{name} loses its alias");
        }
        self.ground.drop_finalizer(name).await;
        for _ in 0..20 {
            let before = self.objects().await;
            self.pass(before, 60).await;
            let object = self.ground.object(name).await;
            if object.is_none_or(|object| object["metadata"]["finalizers"].is_array()) {
                break;
            }
        }
        format!("{name} loses its finalizer for a while")
    }

    pub(super) async fn auth_config(&mut self) -> String {
        let enabled = self.random.bool();
        let id = ["ac_gmail", "ac_gmail", AUTH_CONFIG_OF_AN_APP][self.random.usize(..3)];
        let config = json!({"id": id, "toolkit": "gmail", "enabled": enabled});
        self.ground.auth_config(&config).await;
        format!("auth config {config}")
    }

    /// Accounts can be made again, and what was made from another auth config can be used.
    pub(super) async fn settle_auth_configs(&mut self) {
        let is_of_app = |account: &Value| {
            account["auth_config"] == AUTH_CONFIG_OF_AN_APP && account["deleted_at"].is_null()
        };
        let is_in_use = self.ground.accounts().await.iter().any(is_of_app);
        for (id, enabled) in [("ac_gmail", true), (AUTH_CONFIG_OF_AN_APP, is_in_use)] {
            let config = json!({"id": id, "toolkit": "gmail", "enabled": enabled});
            self.ground.auth_config(&config).await;
        }
    }

    pub(super) async fn fault(&mut self) -> String {
        let faults = [
            json!({"status": "cut_before"}),
            json!({"status": "cut_after"}),
            json!({"status": "half_body"}),
            json!({"status": 500}),
            json!({"status": 500, "after_commit": true}),
            json!({"status": 503, "body": "<html>gateway</html>"}),
            json!({"status": 429, "headers": {"retry-after": "7"}}),
            json!({"status": 400}),
            json!({"status": 400, "path": "/connected_accounts/*/refresh"}),
            json!({"status": 501, "path": "/connected_accounts/*/refresh", "times": 3}),
            json!({"status": 400, "path": "/connected_accounts/*/revoke"}),
            json!({"status": 500, "path": "/connected_accounts/*/revoke", "times": 8}),
            json!({"status": 400, "path": "/connected_accounts/*/status"}),
            json!({"status": 403}),
            json!({"status": 403, "path": "/connected_accounts/*", "method": "DELETE", "times": 2}),
            json!({"status": 401, "times": 5}),
        ];
        let mut fault = faults[self.random.usize(..faults.len())].clone();
        if fault.get("path").is_none() {
            // Of a project that is made again it is asked which one it is: else nobody could tell the two apart.
            let methods = match self.homes.is_made_again {
                true => &["POST", "PATCH", "DELETE"][..],
                false => &["POST", "PATCH", "DELETE", "GET"],
            };
            fault["method"] = json!(methods[self.random.usize(..methods.len())]);
        }
        if fault.get("times").is_none() {
            fault["times"] = json!(self.random.u32(1..3));
        }
        self.refused |=
            [400, 403].iter().any(|status| fault["status"] == *status) || fault["times"] == 8;
        let world = self.ground.leads_to(self.random.usize(..G::PROJECTS));
        self.ground.fault(world, &fault).await;
        format!("fault of {world}: {fault}")
    }
}
