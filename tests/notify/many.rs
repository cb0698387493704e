//! Many accounts in several namespaces, since of one no more than sixty are told an hour.

use composio_operator::crd::ConnectedAccount;
use futures::future::join_all;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::Told;
use crate::support::operator::Options;
use crate::support::story::{condition, without_identity};

pub(super) const NAMESPACES: usize = 4;
const OF_EACH: usize = 50;
pub(super) const ACCOUNTS: usize = NAMESPACES * OF_EACH;

/// The accounts, and whom they tell of.
pub(super) struct Many<'a> {
    told: &'a Told,
    pub(super) namespaces: Vec<String>,
    /// The declaration of each.
    spec: fn(usize) -> Value,
}

impl<'a> Many<'a> {
    pub(super) async fn new(told: &'a Told, spec: fn(usize) -> Value) -> Many<'a> {
        let scene = &told.scene;
        let mut namespaces = Vec::new();
        for _ in 0..NAMESPACES {
            let made = scene.control_plane.namespace(&scene.client, "many");
            namespaces.push(made.await);
        }
        Many {
            told,
            namespaces,
            spec,
        }
    }

    /// An operator of these namespaces.
    pub(super) fn options(&self) -> Options {
        let namespaces = self.namespaces.join(",");
        let options = self.told.options();
        options.flag("--watch-namespace", &namespaces)
    }

    fn api(&self, namespace: &str) -> Api<ConnectedAccount> {
        Api::namespaced(self.told.scene.client.clone(), namespace)
    }

    /// What stands in Git.
    pub(super) async fn declare(&self) {
        for (number, namespace) in self.namespaces.iter().enumerate() {
            let object = |n: usize| {
                let mut spec = (self.spec)(n);
                spec["user"] = json!(format!("user-{n}@team-{number}.example"));
                json!({
                    "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
                    "metadata": {"name": format!("account-{n}"), "namespace": namespace}, "spec": spec,
                })
            };
            let objects: Vec<Value> = (0..OF_EACH).map(object).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
            self.told.scene.apply_in(namespace, &list).await;
        }
    }

    /// Waits until all say so of themselves.
    pub(super) async fn all(&self, what: &str, is_so: fn(&Value) -> bool) -> Vec<Value> {
        let mut all = Vec::new();
        for namespace in &self.namespaces {
            let found = self
                .told
                .scene
                .until_all_in(namespace, what, OF_EACH, is_so);
            all.extend(found.await);
        }
        all
    }

    /// All objects are lost, as if etcd had been thrown away.
    pub(super) async fn lose(&self) {
        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        for namespace in &self.namespaces {
            let api = self.api(namespace);
            let all = api.list(&Default::default()).await.expect("it answers");
            let lost = all.items.iter().map(async |object| {
                let name = object.name_any();
                let params = DeleteParams::default();
                api.delete(&name, &params).await.expect("it is there");
                // One that has none is gone already.
                let _ = api.patch(&name, &PatchParams::default(), &release).await;
            });
            join_all(lost).await;
            let scene = &self.told.scene;
            scene
                .until_all_in(namespace, "an empty namespace", 0, |_| true)
                .await;
        }
    }

    /// Makes the objects of a backup again, with their status.
    pub(super) async fn restore(&self, backup: &[Value]) {
        let restored = backup.iter().map(async |kept| {
            let mut object = kept.clone();
            without_identity(&mut object);
            let object: ConnectedAccount = serde_json::from_value(object).expect("it is one");
            let api = self.api(&object.namespace().expect("it has one"));
            let made = api.create(&PostParams::default(), &object).await;
            let name = made.expect("it is taken").name_any();
            let status = Patch::Merge(json!({"status": kept["status"]}));
            let params = PatchParams::default();
            let given = api.patch_status(&name, &params, &status).await;
            given.expect("it is taken");
        });
        join_all(restored).await;
    }
}

pub(super) fn is_told(object: &Value) -> bool {
    let status = &object["status"];
    status["notificationState"].is_string() && status["pendingNotification"].is_null()
}

/// Whether the object says that of itself, for that reason.
pub(super) fn says(object: &Value, type_: &str, reason: &str) -> bool {
    condition(object, type_)["reason"] == reason
}
