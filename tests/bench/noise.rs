//! What a noisy namespace does, a hundred times in a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composio_operator::crd::{ConnectRequest, ConnectedAccount};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde::Serialize;
use serde_json::json;

use super::beside::{CROWD, account};
use crate::support::project::in_cluster;

/// What it asks for in a second.
const CHANGES: u32 = 100;
const AT_A_TIME: u32 = 8;
const SECRET: &str = "key";
/// The objects that use the Secret.
const FROM_SECRET: usize = 20;
/// So many objects more, at the most.
const MANY: usize = 2_000;

/// What it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Noise {
    Annotations,
    ConnectRequests,
    Secrets,
    Declarations,
    Objects,
}

impl Noise {
    pub(crate) const ALL: [Noise; 5] = [
        Noise::Annotations,
        Noise::ConnectRequests,
        Noise::Secrets,
        Noise::Declarations,
        Noise::Objects,
    ];
}

/// The namespace, and how much it has asked for.
pub(crate) struct Neighbour {
    pub(crate) client: Client,
    pub(crate) namespace: &'static str,
    pub(crate) asked: AtomicUsize,
}

impl Neighbour {
    /// Declares what the noise is about.
    pub(crate) async fn crowd(&self) {
        let accounts: Api<ConnectedAccount> = self.api();
        let made = stream::iter(0..CROWD).map(|n| {
            let object = account(self.namespace, &format!("crowd-{n}"));
            let accounts = accounts.clone();
            async move {
                let made = accounts.create(&PostParams::default(), &object).await;
                made.expect("it is taken");
            }
        });
        made.buffer_unordered(8).for_each(|()| async {}).await;
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": SECRET, "annotations": {"composio.dev/credentials": "true"}},
            "stringData": {"api_key": "0"},
        }))
        .expect("a Secret");
        let secrets: Api<Secret> = self.api();
        let made = secrets.create(&PostParams::default(), &secret).await;
        made.expect("it is taken");
        for n in 0..FROM_SECRET {
            let name = format!("from-secret-{n}");
            let spec = in_cluster(json!({
                "user": name, "toolkit": "hubspot", "authConfig": "ac_hubspot",
                "credentials": {"scheme": "API_KEY", "secretRef": {"name": SECRET}},
            }));
            let object: ConnectedAccount = serde_json::from_value(json!({
                "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
                "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
            }))
            .expect("a declaration");
            let made = accounts.create(&PostParams::default(), &object).await;
            made.expect("it is taken");
        }
    }

    /// Makes it, for ever.
    pub(crate) async fn make(&self, noise: Noise) {
        let accounts: Api<ConnectedAccount> = self.api();
        let listed = accounts.list(&kube::api::ListParams::default()).await;
        let listed = listed.expect("it is listed").items;
        let all: Vec<ConnectedAccount> = listed
            .into_iter()
            .filter(|one| one.name_any().starts_with("crowd-"))
            .collect();
        let each = stream::iter(0..).map(|n: usize| {
            let one = &all[n % all.len()];
            async move {
                let pause = tokio::time::sleep(Duration::from_secs(1) * AT_A_TIME / CHANGES);
                let ((), ()) = tokio::join!(self.ask(noise, n, one), pause);
                self.asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        let at_a_time = usize::try_from(AT_A_TIME).expect("it is small");
        each.buffer_unordered(at_a_time)
            .for_each(|()| async {})
            .await;
    }

    async fn ask(&self, noise: Noise, n: usize, one: &ConnectedAccount) {
        let accounts: Api<ConnectedAccount> = self.api();
        let patch = async |change| {
            let params = PatchParams::default();
            let change = Patch::Merge(change);
            let patched = accounts.patch(&one.name_any(), &params, &change).await;
            patched.expect("it is taken");
        };
        let number = n.to_string();
        match noise {
            Noise::Annotations => {
                let asked = json!({"composio.dev/reconcile-requested-at": number});
                patch(json!({"metadata": {"annotations": asked}})).await;
            }
            Noise::Declarations => {
                patch(json!({"spec": {"connectionData": {"subdomain": number}}})).await;
            }
            Noise::ConnectRequests => {
                let uid = one.uid().expect("it was made");
                let name = format!("{uid}-look");
                let request: ConnectRequest = serde_json::from_value(json!({
                    "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectRequest",
                    "metadata": {"name": name},
                    "spec": {"accountName": one.name_any(), "accountUID": uid, "kind": "Look"},
                }))
                .expect("a request");
                let requests: Api<ConnectRequest> = self.api();
                // The operator may not have been through with the last one, or may be quicker than this.
                let _ = requests.create(&PostParams::default(), &request).await;
                let _ = requests.delete(&name, &DeleteParams::default()).await;
            }
            Noise::Secrets => {
                let secrets: Api<Secret> = self.api();
                let change = Patch::Merge(json!({"stringData": {"api_key": number}}));
                let patched = secrets
                    .patch(SECRET, &PatchParams::default(), &change)
                    .await;
                patched.expect("it is taken");
            }
            Noise::Objects if n < MANY => {
                let object = account(self.namespace, &format!("many-{n}"));
                let made = accounts.create(&PostParams::default(), &object).await;
                made.expect("it is taken");
            }
            Noise::Objects => {}
        }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), self.namespace)
    }
}
