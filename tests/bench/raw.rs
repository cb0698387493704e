//! The raw limit: the same Composio calls and the same kube writes by a bare loop with the same
//! concurrency, which decides nothing and looks at nothing.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use composio_operator::crd::ConnectedAccount;
use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::meter::{metered, pause};
use super::stage::{Kind, LATENCY_MS, Stage};
use crate::support::sandbox::Sandbox;
use crate::support::{http_client, pin_of};

/// Times of the bare loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    pub(crate) onboard: Duration,
    pub(crate) delete: Duration,
    /// Calls a second where nothing but Composio was called.
    pub(crate) rate: f64,
    /// What that must be at least for the figures to count.
    pub(crate) least_rate: f64,
}

/// One HTTP client with kept connections, as the operator has.
struct Composio<'a> {
    client: reqwest::Client,
    sandbox: &'a Sandbox,
}

impl Composio<'_> {
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let method = method.parse::<reqwest::Method>().expect("a method");
        let url = format!("{}/api/v3.1/{path}", self.sandbox.url());
        let mut request = self.client.request(method, url).header("x-api-key", "raw");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    async fn make(&self, kind: Kind, n: usize, alias: &str) -> String {
        let user = format!("user-{n}@acme.com");
        let shared = json!({
            "account_type": "SHARED",
            "acl_config_for_shared": {"allowed_user_ids": ["agent-1", "agent-2"]},
        });
        let link = |config: &str, experimental: Value| json!({"auth_config_id": config, "user_id": user, "alias": alias, "experimental": experimental});
        let (path, body) = match kind {
            Kind::Link => ("link", link("ac_gmail", json!({"account_type": "PRIVATE"}))),
            Kind::SharedLink => ("link", link("ac_slack", shared)),
            Kind::Secret => (
                "",
                json!({
                    "auth_config": {"id": "ac_hubspot"},
                    "connection": {"user_id": user, "alias": alias, "state": {
                        "authScheme": "API_KEY", "val": {"status": "ACTIVE", "api_key": "key"},
                    }},
                }),
            ),
        };
        let path = format!("connected_accounts/{path}");
        let made = self
            .call("POST", path.trim_end_matches('/'), Some(body))
            .await;
        let id = made["connected_account_id"]
            .as_str()
            .or(made["id"].as_str());
        id.expect("an id").to_owned()
    }
}

/// The raw limit for so many accounts, whose objects are there.
pub(crate) async fn measure(size: usize, stage: &Stage, sandbox: &Sandbox) -> Raw {
    let composio = Composio {
        client: http_client(Duration::from_secs(60)),
        sandbox,
    };
    let concurrency = usize::from(stage.concurrency);
    let rate = rate(&composio, concurrency).await;
    let objects = stage.list().await;
    let api = stage.api();
    let made = Mutex::new(Vec::new());
    let started = Instant::now();
    let onboarding = stream::iter(objects.into_iter().take(size).enumerate()).for_each_concurrent(
        concurrency,
        |(n, object)| {
            let (composio, api, made) = (&composio, &api, &made);
            async move {
                let name = object.name_any();
                let namespace = object.namespace().unwrap_or_default();
                let marked = json!({"metadata": {
                    "finalizers": ["composio.dev/connected-account"],
                    "annotations": {"composio.dev/alias": pin_of(&namespace, &name, &format!("raw-{name}"))},
                }});
                patch(api, &name, &marked).await;
                let id = composio.make(stage.mix.kind(n), n, &format!("raw-{name}")).await;
                let status = json!({"status": {
                    "connectedAccountId": id, "observedGeneration": 1, "state": "INITIALIZING",
                    "link": {"url": "https://example.com/link", "expiresAt": "2030-01-01T00:00:00Z"},
                    "conditions": [condition("Ready"), condition("Synced"), condition("Reconciling")],
                }});
                api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
                    .await
                    .expect("it is taken");
                made.lock().expect("a list").push((name, id));
            }
        },
    );
    metered(&stage.client, sandbox, pause(size), onboarding).await;
    let onboard = started.elapsed();
    let made = made.into_inner().expect("a list");
    consent(&made, sandbox).await;
    let names: Vec<String> = made.iter().map(|(name, _)| name.clone()).collect();
    let started = Instant::now();
    stage.delete_all().await;
    let deletion = stream::iter(made).for_each_concurrent(concurrency, |(name, id)| {
        let (composio, api) = (&composio, &api);
        async move {
            let path = format!("connected_accounts/{id}");
            composio.call("POST", &format!("{path}/revoke"), None).await;
            composio.call("DELETE", &path, None).await;
            patch(api, &name, &json!({"metadata": {"finalizers": []}})).await;
        }
    });
    metered(&stage.client, sandbox, pause(size), deletion).await;
    let delete = started.elapsed();
    assert_eq!(names.len(), size);
    Raw {
        onboard,
        delete,
        rate,
        least_rate: 0.8 * concurrency as f64 / (f64::from(LATENCY_MS) / 1000.0),
    }
}

async fn rate(composio: &Composio<'_>, concurrency: usize) -> f64 {
    let calls = concurrency * 50;
    let started = Instant::now();
    stream::iter(0..calls)
        .for_each_concurrent(concurrency, |_| async {
            composio.call("GET", "auth_configs/ac_gmail", None).await;
        })
        .await;
    calls as f64 / started.elapsed().as_secs_f64()
}

async fn patch(api: &kube::Api<ConnectedAccount>, name: &str, patch: &Value) {
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .expect("it is taken");
}

async fn consent(made: &[(String, String)], sandbox: &Sandbox) {
    stream::iter(made)
        .for_each_concurrent(8, |(_, id)| async move {
            let path = format!("accounts/{id}/state?key=raw");
            sandbox
                .control("POST", &path, json!({"state": "ACTIVE"}))
                .await;
        })
        .await;
}

fn condition(type_: &str) -> Value {
    json!({
        "type": type_, "status": "True", "reason": "AwaitingUser", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "message": "The declared user must open the link in `status.link.url`, which is good for ten minutes.",
    })
}
