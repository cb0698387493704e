//! What users do.

use composio_operator::crd::{LINK_REQUESTED_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION};
use serde_json::{Value, json};

use super::{Sequence, homes::pin, user};
use crate::convergence::ground::Ground;
use crate::support::pinned_alias;

impl<G: Ground> Sequence<G> {
    pub(super) async fn declare(&mut self, name: &'static str) -> String {
        let deleting = self
            .ground
            .object(name)
            .await
            .is_some_and(|object| object["metadata"].get("deletionTimestamp").is_some());
        if deleting && !G::STANDS_STILL {
            return String::new();
        }
        let is_new = self.ground.object(name).await.is_none();
        if is_new {
            self.homes.choose(name, G::PROJECTS, &mut self.random);
            self.homes.born.insert(name, self.world_of(name));
        }
        let spec = self.spec(name);
        self.rename_a_copy(name, &spec).await;
        self.ground.apply(name, &spec).await;
        if !deleting {
            self.declared.retain(|(declared, _)| *declared != name);
            self.declared.push((name, spec.clone()));
        }
        format!("declare {name}: {spec}")
    }

    /// Where the annotation is another object's, nothing but the declared alias leads to the account.
    async fn rename_a_copy(&mut self, name: &'static str, spec: &Value) {
        let Some(object) = self.ground.object(name).await else {
            return;
        };
        let is_anothers = pin(&object)["name"].as_str().is_some_and(|of| of != name);
        let is_renamed = object["spec"]["metadata"]["alias"] != spec["metadata"]["alias"];
        if is_anothers && is_renamed {
            self.let_go.insert((self.world_of(name), user(name)));
        }
    }

    pub(super) fn spec(&mut self, name: &'static str) -> Value {
        // Whoever names an account by its id names no other one later.
        let born = self.homes.born.get(name).copied().unwrap_or_default();
        let by_hand = self.by_hand[born].clone();
        let random = &mut self.random;
        let policy = ["Revoke", "Revoke", "Delete", "Retain"][random.usize(..4)];
        let ready_when = ["Active", "LinkIssued"][random.usize(..2)];
        let mut spec = json!({
            "user": user(name),
            "enabled": random.u32(..4) > 0,
            "deletionPolicy": policy,
            "readyWhen": ready_when,
            "suspend": random.u32(..10) == 0,
        });
        if random.bool() {
            spec["metadata"] = json!({"alias": format!("alias-{}", random.u32(..3))});
        }
        if let Some(reference) = self.homes.reference(name) {
            spec["projectRef"] = reference;
        }
        match name {
            "crm" => {
                spec["toolkit"] = json!("hubspot");
                spec["authConfig"] = json!("ac_hubspot");
                let credentials = json!({"scheme": "API_KEY", "secretRef": {"name": "key"}});
                spec["credentials"] = credentials;
            }
            "chat" => {
                spec["toolkit"] = json!("slack");
                spec["visibility"] = json!("Shared");
                spec["sharing"] = json!({
                    "allowAll": random.bool(),
                    "allowedUsers": some_users(random),
                    "deniedUsers": some_users(random),
                });
            }
            _ => {
                spec["toolkit"] = json!("gmail");
                if random.bool() {
                    let subdomain = format!("acme-{}", random.u32(..2));
                    spec["connectionData"] = json!({"subdomain": subdomain});
                }
                if self.names_auth_config {
                    spec["authConfig"] = json!("ac_gmail");
                }
            }
        }
        match name {
            "spare" | "rival" => spec["connectedAccountId"] = json!(by_hand[0]),
            "odd" => {
                let ids = [by_hand[1].as_str(), "ca_nowhere"];
                spec["connectedAccountId"] = json!(ids[self.odd]);
            }
            _ => {}
        }
        spec
    }

    pub(super) async fn delete(&mut self, name: &'static str) -> String {
        let object = self.ground.object(name).await;
        if let Some(object) = object {
            let is_retained = object["spec"]["deletionPolicy"] == "Retain";
            let by_hand = is_let_go_by_hand(&object);
            // Without a pin no account was asked for by it: then there is none to be left.
            let is_pinned = !pinned_alias(&object).is_null();
            match object["status"]["connectedAccountId"].as_str() {
                Some(id) if is_retained || by_hand => drop(self.retained.insert(id.to_owned())),
                None if is_retained || (by_hand && is_pinned) => {
                    let world = self.world_of_pin(name, &object);
                    self.let_go.insert((world, user(name)));
                }
                Some(_) | None => {}
            }
        }
        self.ground.delete(name).await;
        self.declared.retain(|(declared, _)| *declared != name);
        format!("delete {name}")
    }

    pub(super) async fn annotate(&mut self, name: &'static str) -> String {
        let token = format!("t{}", self.token());
        let which = [LINK_REQUESTED_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION];
        let annotation = which[self.random.usize(..2)];
        self.ground.annotate(name, annotation, Some(&token)).await;
        format!("{name}: {annotation}={token}")
    }
}

/// Whether the operator has no part in how the object goes: somebody took its finalizer off, and while it is
/// suspended nothing is changed, so that it is not put back.
pub(super) fn is_let_go_by_hand(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    object["spec"]["suspend"] == true && finalizers.is_none_or(Vec::is_empty)
}

pub(super) fn some_users(random: &mut fastrand::Rng) -> Vec<&'static str> {
    ["x", "y", "z"]
        .into_iter()
        .filter(|_| random.bool())
        .collect()
}
