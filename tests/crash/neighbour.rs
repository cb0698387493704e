//! A second project beside that of a run, with an API key and a world of Composio of its own. The sandbox is the witness
//! that neither key was ever used for what is the other's.

use std::collections::BTreeSet;

use composio_operator::crd::{ComposioProject, ConnectedAccount};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::invariants::{Holds, check, holds};
use super::notified;
use super::scenario::{Step, Then};
use super::test_bed::{TestBed, World};
use crate::support::project::KEY;
use crate::support::sandbox::Asked;
use crate::support::scene::SOON;
use crate::support::wait;

/// The project, and the user of its account.
pub(super) const NEIGHBOUR: &str = "neighbour";
/// The Secret of its API key.
pub(super) const NEIGHBOURS_SECRET: &str = "composio-neighbour";

/// The API key that it begins with, beside a project with that one.
pub(super) fn key_beside(key: &str) -> String {
    format!("{key}-neighbour")
}

impl TestBed<'_> {
    /// The world beside that one, with its project.
    pub(super) async fn neighbour(&self, own: &World<'_>, switches: &Value) -> World<'_> {
        let name = format!("{}-neighbour", own.name);
        let world = self
            .empty_world(name, key_beside(&own.key), &json!([]), switches)
            .await;
        world.make_project().await;
        world
    }
}

impl World<'_> {
    fn projects(&self) -> Api<ComposioProject> {
        let test_bed = self.test_bed;
        Api::namespaced(test_bed.client.clone(), &test_bed.namespace)
    }

    /// Makes the neighbour's project, with the key of its world.
    pub(super) async fn make_project(&self) {
        self.put_api_key().await;
        let project = json!({
            "apiVersion": "composio.dev/v1alpha1",
            "kind": "ComposioProject",
            "metadata": {"name": NEIGHBOUR},
            "spec": {
                "apiKeySecretRef": {"name": NEIGHBOURS_SECRET, "key": KEY},
                "baseURL": self.test_bed.base_url(),
            },
        });
        let apply = PatchParams::apply("tests").force();
        let made = self.projects();
        let made = made.patch(NEIGHBOUR, &apply, &Patch::Apply(project)).await;
        made.expect("the project is taken");
    }

    async fn put_api_key(&self) {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NEIGHBOURS_SECRET},
            "stringData": {KEY: self.key},
        });
        let test_bed = self.test_bed;
        let secrets: Api<Secret> = Api::namespaced(test_bed.client.clone(), &test_bed.namespace);
        let apply = PatchParams::apply("tests").force();
        let made = secrets
            .patch(NEIGHBOURS_SECRET, &apply, &Patch::Apply(secret))
            .await;
        made.expect("the Secret is taken");
    }

    /// The former key is worthless before the new one is in the Secret.
    pub(super) async fn rotate_api_key(&mut self) {
        let key = format!("{}-new", self.key);
        self.control("POST", "api-key", json!({"api_key": key}))
            .await;
        self.key = key;
        self.put_api_key().await;
    }

    /// Deletes the project, and waits for nothing.
    pub(super) async fn delete_project(&self) {
        let params = DeleteParams::default();
        let deleted = self.projects().delete(NEIGHBOUR, &params).await;
        deleted.expect("it is there");
    }

    async fn has_project(&self) -> bool {
        let found = self.projects().get_opt(NEIGHBOUR).await;
        found.expect("the apiserver answers").is_some()
    }

    /// Takes the project away, also where nobody takes its finalizer off.
    async fn remove_project(&self) {
        let projects = self.projects();
        wait::until("the end of the neighbour", SOON, async || {
            let params = DeleteParams::default();
            // Each of them fails where it is gone.
            let _ = projects.delete(NEIGHBOUR, &params).await;
            let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            let params = PatchParams::default();
            let _ = projects.patch(NEIGHBOUR, &params, &release).await;
            match self.has_project().await {
                true => Err("it is there".to_owned()),
                false => Ok(()),
            }
        })
        .await;
    }

    /// The ids of all accounts that there ever were in this world.
    async fn ids(&self) -> BTreeSet<String> {
        let accounts = self.control("GET", "accounts", Value::Null).await;
        let accounts = accounts["accounts"].as_array().cloned().unwrap_or_default();
        let ids = accounts.iter().filter_map(|account| account["id"].as_str());
        ids.map(str::to_owned).collect()
    }

    async fn asked(&self) -> Vec<Asked> {
        let log = self.control("GET", "log", Value::Null).await;
        let entries = log["entries"].as_array().cloned().unwrap_or_default();
        let asked = entries.iter().map(Asked::deserialize);
        let asked: Result<Vec<Asked>, _> = asked.collect();
        asked.expect("they are entries")
    }
}

/// The world of a run, and the one beside it, if its scenario has one.
pub(super) struct Worlds<'a> {
    pub(super) own: World<'a>,
    pub(super) neighbour: Option<World<'a>>,
}

impl Worlds<'_> {
    /// Does what people do in that step.
    pub(super) async fn act(&mut self, step: &Step) {
        for act in &step.acts {
            self.own.act(act).await;
        }
        if let (Some(neighbour), Some((acts, _))) = (&mut self.neighbour, &step.beside) {
            for act in acts {
                neighbour.act(act).await;
            }
        }
    }

    /// What must hold when the operator has nothing left to do.
    pub(super) async fn check(&self, step: &Step) -> Holds {
        let facts = self.own.facts().await;
        check(&facts, step.then)?;
        notified::check(&self.own, &facts, step)?;
        let (Some(neighbour), Some((_, then))) = (&self.neighbour, step.beside.as_ref()) else {
            return Ok(());
        };
        check(&neighbour.facts().await, *then).map_err(|why| format!("{NEIGHBOUR}: {why}"))?;
        let is_over = *then == Then::GoneWithProject;
        let is_there = neighbour.has_project().await;
        holds(!is_over || !is_there, || format!("{NEIGHBOUR} is there"))
    }

    /// What must hold at any time: no key is used for what is another project's.
    pub(super) async fn witness(&self) -> Holds {
        let Some(neighbour) = &self.neighbour else {
            return Ok(());
        };
        let (own, other) = (self.own.ids().await, neighbour.ids().await);
        holds(own.is_disjoint(&other), || {
            "both have an account".to_owned()
        })?;
        for (world, foreign, users) in [
            (&self.own, &other, ["u", NEIGHBOUR]),
            (neighbour, &own, [NEIGHBOUR, "u"]),
        ] {
            for asked in world.asked().await {
                let why = misuse(&asked, foreign, users);
                holds(why.is_none(), || {
                    let asked = format!("{} {}?{}", asked.method, asked.path, asked.query);
                    let why = why.unwrap_or_default();
                    format!("{asked}: the key of {} was used for {why}", world.key)
                })?;
            }
        }
        Ok(())
    }

    /// Everything that can be told of what went wrong.
    pub(super) async fn describe(&self) -> String {
        let mut text = self.own.describe().await;
        if let Some(neighbour) = &self.neighbour {
            text.push_str(&format!("  {NEIGHBOUR}:\n"));
            text.push_str(&neighbour.describe().await);
        }
        text
    }

    /// Takes away what is left.
    pub(super) async fn end(self) {
        if let Some(neighbour) = self.neighbour {
            // Who is gone with its project cannot be in its way.
            neighbour.remove_project().await;
            neighbour.end().await;
        }
        self.own.end().await;
    }
}

/// What of another project is in a request. `users`: whose the accounts of this one are, and of the other.
fn misuse(asked: &Asked, foreign: &BTreeSet<String>, [own, other]: [&str; 2]) -> Option<String> {
    if let Some(id) = asked.account.as_ref().filter(|id| foreign.contains(*id)) {
        return Some(format!("the account {id}"));
    }
    let user = ["/user_id", "/connection/user_id"]
        .iter()
        .find_map(|place| asked.body.pointer(place).and_then(Value::as_str));
    if let Some(user) = user.filter(|user| *user != own) {
        return Some(format!("an account of {user}"));
    }
    let mut pairs = asked.query.split('&');
    let is_others = pairs.any(|pair| pair == format!("user_ids={other}"));
    is_others.then(|| format!("a list of {other}"))
}

/// Takes every finalizer off an object, if it is there.
pub(super) async fn release(objects: &Api<ConnectedAccount>, name: &str) {
    let nobody = json!({"metadata": {"finalizers": Value::Null}});
    // Where it is gone already there is nothing to do.
    let _ = objects
        .patch(name, &PatchParams::default(), &Patch::Merge(nobody))
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, account: Option<&str>, query: &str, body: Value) -> Asked {
        let entry = json!({"seq": 1, "time": "2026-01-01T00:00:00Z", "method": method, "path": "/", "query": query,
            "status": 200, "account": account, "auth_config": null, "body": body, "user_agent": "", "instance": ""});
        Asked::deserialize(entry).expect("it is one")
    }

    #[test]
    fn a_key_that_is_used_for_anothers_account_is_seen() {
        let foreign = BTreeSet::from(["ca_theirs".to_owned()]);
        let misuse = |asked: &Asked| misuse(asked, &foreign, ["u", NEIGHBOUR]);
        let null = Value::Null;
        for fine in [
            asked("GET", Some("ca_ours"), "", null.clone()),
            asked("GET", None, "limit=1&user_ids=u", null.clone()),
            asked("GET", None, "limit=1", null.clone()),
            asked("POST", Some("ca_ours"), "", json!({"user_id": "u"})),
        ] {
            assert_eq!(misuse(&fine), None, "{fine:?}");
        }
        for wrong in [
            asked("GET", Some("ca_theirs"), "", null.clone()),
            asked(
                "DELETE",
                Some("ca_theirs"),
                "revoke_on_delete=false",
                null.clone(),
            ),
            asked("GET", None, "limit=1&user_ids=neighbour", null),
            asked("POST", None, "", json!({"user_id": NEIGHBOUR})),
            asked(
                "POST",
                None,
                "",
                json!({"connection": {"user_id": NEIGHBOUR}}),
            ),
        ] {
            assert!(misuse(&wrong).is_some(), "{wrong:?}");
        }
    }
}
