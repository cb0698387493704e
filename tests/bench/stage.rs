//! A control plane, a Composio without a rate limit that answers after 20 ms, and the objects.

use std::path::PathBuf;
use std::str::FromStr;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use serde::Serialize;
use serde_json::{Value, json};

use composio_operator::crd::ConnectedAccount;

use crate::support::child::Folder;
use crate::support::control_plane::ControlPlane;
use crate::support::operator::{CLUSTER_RULES, LEASE_RULES, Operator, Options, RULES};
use crate::support::sandbox::Sandbox;

pub(crate) const NAMESPACE: &str = "bench";
const OPERATOR: &str = "composio-operator";
/// How long an answer of Composio takes.
pub(crate) const LATENCY_MS: u32 = 20;
const AT_A_TIME: usize = 16;
const MOST_DELETIONS: usize = 60;

pub(crate) struct Stage {
    pub(crate) control_plane: ControlPlane,
    pub(crate) client: Client,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) folder: Folder,
    pub(crate) concurrency: u16,
    pub(crate) mix: Mix,
    deletion_policy: &'static str,
}

/// How the account of an object is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Link,
    SharedLink,
    Secret,
}

/// Which accounts are declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mix {
    /// Half are links, four tenths are links of shared accounts, and a tenth is made from Secrets.
    #[default]
    Usual,
    Links,
    Secrets,
}

impl Mix {
    pub(crate) fn kind(self, n: usize) -> Kind {
        match (self, n % 10) {
            (Mix::Links, _) | (Mix::Usual, 0..5) => Kind::Link,
            (Mix::Usual, 5..9) => Kind::SharedLink,
            (Mix::Secrets, _) | (Mix::Usual, _) => Kind::Secret,
        }
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        match text {
            "usual" => Ok(Mix::Usual),
            "links" => Ok(Mix::Links),
            "secrets" => Ok(Mix::Secrets),
            other => Err(format!("{other} is none of usual, links, secrets")),
        }
    }
}

/// A Composio for the whole of a run.
pub(crate) async fn composio(folder: &Folder) -> Sandbox {
    let seed = folder
        .write("seed.yaml", "limit: 4000000000\n")
        .expect("the folder is there");
    let sandbox = Sandbox::start_with(folder, "sandbox", &["--seed", &seed.to_string_lossy()])
        .await
        .expect("the sandbox starts");
    let raw = json!({"api_key": "raw", "limit": 4_000_000_000_u32});
    sandbox.control("POST", "worlds", raw).await;
    for key in ["sandbox", "raw"] {
        let latency = json!({"milliseconds": LATENCY_MS});
        sandbox
            .control("POST", &format!("latency?key={key}"), latency)
            .await;
    }
    sandbox
}

/// With the variables that the image sets: they decide how much memory is given back.
fn in_environment_of_image(options: Options) -> Options {
    let lines = include_str!("../../Dockerfile").lines();
    let set = lines.filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    set.fold(options, |options, (name, value)| {
        options.env(name, Some(value))
    })
}

impl Stage {
    pub(crate) async fn set(concurrency: u16, mix: Mix) -> Stage {
        let control_plane = ControlPlane::start().await.expect("a control plane starts");
        control_plane.install_crd().await;
        let client = control_plane.client().await;
        let made = control_plane
            .kubectl(&["create", "namespace", NAMESPACE])
            .await;
        assert!(made.status.success(), "{made:?}");
        let rules = format!("{RULES}\n{CLUSTER_RULES}");
        let token = control_plane
            .service_account(&client, NAMESPACE, OPERATOR, &rules)
            .await;
        control_plane
            .allow(&client, NAMESPACE, OPERATOR, LEASE_RULES)
            .await;
        let kubeconfig = control_plane.kubeconfig_for_token(&token);
        let folder = Folder::new().expect("a folder can be made");
        Stage {
            control_plane,
            client,
            kubeconfig,
            folder,
            concurrency,
            mix,
            deletion_policy: "Revoke",
        }
    }

    /// With accounts that are deleted and not revoked.
    pub(crate) fn with_deletion(self) -> Stage {
        Stage {
            deletion_policy: "Delete",
            ..self
        }
    }

    pub(crate) fn api(&self) -> Api<ConnectedAccount> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// How the operator is shipped.
    pub(crate) fn options(&self, sandbox: &Sandbox) -> Options {
        let url = sandbox.url();
        let options = Options::with_defaults(&self.control_plane, &self.kubeconfig, url, NAMESPACE)
            .flag("--concurrency", &self.concurrency.to_string())
            // On a machine that is very busy the apiserver comes back later than a Lease lasts.
            .flag("--lease-duration", "45s")
            .flag("--renew-deadline", "40s");
        in_environment_of_image(options)
    }

    /// The operator as it is shipped.
    pub(crate) fn operator(&self, name: &str, sandbox: &Sandbox) -> Operator {
        let options = self.options(sandbox);
        Operator::spawn(&self.folder, name, &options).expect("the operator starts")
    }

    /// Declares so many accounts.
    pub(crate) async fn declare(&self, size: usize, prefix: &str) {
        let objects = self.api();
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        stream::iter(0..size)
            .for_each_concurrent(AT_A_TIME, |n| {
                let (objects, secrets) = (&objects, &secrets);
                async move {
                    if self.mix.kind(n) == Kind::Secret {
                        let secret = serde_json::from_value(json!({
                            "metadata": {"name": format!("{prefix}-{n}")},
                            "stringData": {"api_key": format!("key-{n}")},
                        }));
                        let made = secrets
                            .create(&PostParams::default(), &secret.expect("a Secret"))
                            .await;
                        made.expect("it is taken");
                    }
                    let made = objects
                        .create(&PostParams::default(), &self.object(n, prefix))
                        .await;
                    made.expect("it is taken");
                }
            })
            .await;
    }

    pub(crate) async fn list(&self) -> Vec<ConnectedAccount> {
        let mut all = Vec::new();
        let mut params = ListParams::default().limit(500);
        loop {
            let page = self.api().list(&params).await.expect("a list");
            all.extend(page.items);
            match page.metadata.continue_ {
                Some(next) if !next.is_empty() => params.continue_token = Some(next),
                Some(_) | None => return all,
            }
        }
    }

    /// When each object has reported, in seconds since then: when its status was written last, as the apiserver tells it.
    pub(crate) async fn reports(&self, since: Timestamp) -> Vec<f64> {
        let reports = self.list().await.into_iter().map(|object| {
            let writes = object.metadata.managed_fields.unwrap_or_default();
            let status = writes
                .into_iter()
                .filter(|one| one.subresource.as_deref() == Some("status"));
            let last = status.filter_map(|one| one.time).map(|time| time.0).max();
            let last = last.expect("each has reported");
            last.duration_since(since).as_secs_f64().max(0.0)
        });
        let mut reports: Vec<f64> = reports.collect();
        reports.sort_by(f64::total_cmp);
        reports
    }

    /// Whether the status of each names its account.
    pub(crate) async fn all_report_an_account(&self) -> bool {
        let all = self.list().await;
        let account = |object: &ConnectedAccount| {
            let status = object.status.as_ref();
            status.is_some_and(|status| status.connected_account_id.is_some())
        };
        all.iter().all(account)
    }

    pub(crate) async fn is_empty(&self) -> bool {
        let one = ListParams::default().limit(1);
        self.api()
            .list(&one)
            .await
            .expect("a list")
            .items
            .is_empty()
    }

    /// Asks for the end of all of them, and does not wait for it.
    pub(crate) async fn delete_all(&self) {
        let (api, params) = (self.api(), DeleteParams::background());
        // Of many it does not come to the end within the client's time limit: the next one goes on.
        for _ in 0..MOST_DELETIONS {
            match api.delete_collection(&params, &ListParams::default()).await {
                Ok(_) => return,
                Err(kube::Error::Service(_)) => {}
                Err(error) => panic!("the administrator deletes: {error}"),
            }
        }
        panic!("{MOST_DELETIONS} times the deletion did not come to its end");
    }

    fn object(&self, n: usize, prefix: &str) -> ConnectedAccount {
        let name = format!("{prefix}-{n}");
        let user = format!("user-{n}@acme.com");
        let mut spec: Value = match self.mix.kind(n) {
            Kind::Link => json!({"user": user, "toolkit": "gmail", "authConfig": "ac_gmail"}),
            Kind::SharedLink => json!({
                "user": user, "toolkit": "slack", "authConfig": "ac_slack", "visibility": "Shared",
                "sharing": {"allowedUsers": ["agent-1", "agent-2"]},
            }),
            Kind::Secret => json!({
                "user": user, "toolkit": "hubspot", "authConfig": "ac_hubspot",
                "credentials": {"scheme": "API_KEY", "secretRef": {"name": name}},
            }),
        };
        spec["deletionPolicy"] = self.deletion_policy.into();
        serde_json::from_value(json!({
            "apiVersion": "composio.dev/v1alpha1", "kind": "ConnectedAccount",
            "metadata": {"name": name}, "spec": spec,
        }))
        .expect("a declaration")
    }
}
