//! `kubectl composio webhook register`: has Composio tell of accounts that have expired, and keeps the secret that
//! signs it in a Secret.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use composio_api::ProjectKind;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ObjectMeta, PostParams, Preconditions};
use kube::{Api, Client};
use tokio::time::timeout;

use crate::arguments::{Options, Register};
use crate::cluster::{Cluster, MANAGER};
use crate::composio::Composio;
use crate::failure::{self, Failure, Right};
use crate::interrupt::Stop;
use crate::print::Out;
use crate::{project, strict, text};

/// The key in the Secret.
const KEY: &str = "secret";

/// Once something may have been made: so long an answer that is on its way is waited for, before it is looked for.
const GRACE: Duration = Duration::from_secs(3);

/// Registers, where nobody has.
pub(crate) async fn register(
    options: &Options,
    arguments: &Register,
    stop: &mut Stop,
    out: &mut Out,
) -> Result<(), Failure> {
    let webhook = stop.or(Webhook::prepare(options, arguments)).await?;
    webhook.make(stop).await?;
    let Webhook {
        namespace, secret, ..
    } = &webhook;
    out.line(&format!("secret/{secret} created"))?;
    out.note(&format!(
        "Composio tells {} of expired accounts of {}, and signs with the key {KEY:?} of the Secret {namespace}/{secret}.",
        text::plain(webhook.url),
        webhook.project
    ));
    Ok(())
}

/// A subscription to be, for which there is a place.
struct Webhook<'a> {
    composio: Composio,
    project: String,
    url: &'a str,
    client: Client,
    secrets: Api<Secret>,
    namespace: String,
    /// The name of the Secret.
    secret: String,
}

impl<'a> Webhook<'a> {
    /// Looks whether it can be made. Nothing is.
    async fn prepare(options: &Options, arguments: &'a Register) -> Result<Self, Failure> {
        let cluster = Cluster::of(options).await?;
        let project = project::chosen(&cluster, arguments.project.project.as_ref()).await?;
        let composio = Composio::connect(&cluster, &project, &arguments.project.key).await?;
        let name = project.key.name();
        let namespace = match project.key.kind() {
            ProjectKind::ComposioProject => project.key.namespace(),
            ProjectKind::ClusterComposioProject => {
                arguments.project.key.cluster_resource_namespace.as_deref()
            }
        };
        let namespace = namespace.unwrap_or(&cluster.namespace);
        let secret = arguments.secret.clone();
        let webhook = Self {
            project: project.key.to_string(),
            url: &arguments.url,
            client: cluster.client.clone(),
            secrets: Api::namespaced(cluster.client.clone(), namespace),
            namespace: namespace.to_owned(),
            secret: secret.unwrap_or_else(|| format!("{name}-webhook")),
            composio,
        };
        if let Some(found) = webhook.composio.subscriptions().await?.first() {
            let url = found.url.as_deref();
            return Err(Failure::Failed(format!(
                "{} has a webhook subscription, to {}: a project has one, and its receiver can pass events on",
                project.key,
                text::plain(url.unwrap_or("an address that cannot be shown"))
            )));
        }
        // Before anything is made: the secret is told once, and must have a place then.
        webhook.create("", true).await?;
        Ok(webhook)
    }

    /// Makes it, or leaves nothing behind.
    async fn make(&self, stop: &mut Stop) -> Result<(), Failure> {
        let mut subscribing = pin!(self.composio.subscribe(self.url));
        let made = tokio::select! {
            made = &mut subscribing => made?,
            why = stop.next() => {
                let undo = async {
                    match timeout(GRACE, subscribing).await {
                        Ok(Ok(made)) => self.composio.unsubscribe(&made.id).await,
                        Ok(Err(_)) => Ok(()),
                        Err(_) => self.composio.unsubscribe_url(self.url).await,
                    }
                };
                return Err(self.undone(why, undo, stop).await);
            }
        };
        let secret = made.secret.expose();
        let mut writing = pin!(self.create(secret, false));
        let (why, is_known) = tokio::select! {
            written = &mut writing => match written {
                Ok(()) => return Ok(()),
                Err(why) => (why, true),
            },
            why = stop.next() => (why, false),
        };
        let undo = async {
            if !is_known {
                // What came of it is seen when it is looked for.
                let _ = timeout(GRACE, writing).await;
            }
            self.delete(secret).await;
            self.composio.unsubscribe(&made.id).await
        };
        Err(self.undone(why, undo, stop).await)
    }

    /// What is told after that, which another signal ends.
    async fn undone(
        &self,
        why: Failure,
        undo: impl Future<Output = Result<(), Failure>>,
        stop: &mut Stop,
    ) -> Failure {
        match (stop.signals.or(undo).await, why) {
            (Ok(()), Failure::Failed(why)) => {
                Failure::Failed(format!("{why}; the subscription is deleted again"))
            }
            (Ok(()), stopped) => stopped,
            (Err(kept), why) => Failure::Failed(format!(
                "{why}; the subscription to {} may be there and could not be deleted: {kept}",
                text::plain(self.url)
            )),
        }
    }

    /// Makes the Secret, or asks whether it could be made.
    async fn create(&self, secret: &str, dry_run: bool) -> Result<(), Failure> {
        let object = Secret {
            metadata: ObjectMeta {
                name: Some(self.secret.clone()),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some(data(secret)),
            ..Secret::default()
        };
        let parameters = PostParams {
            dry_run,
            field_manager: Some(MANAGER.to_owned()),
        };
        let right = Right {
            verb: "create",
            group: "",
            resource: "secrets",
            namespace: Some(&self.namespace),
        };
        let made = strict::create(&self.client, &self.secrets, &parameters, &object).await;
        made.map(drop).map_err(|error| failure::of(error, right))
    }

    /// Deletes the Secret if it is the one that was made here. Who may not leaves it: what it holds signs nothing.
    async fn delete(&self, secret: &str) {
        let Ok(Some(found)) = self.secrets.get_opt(&self.secret).await else {
            return;
        };
        if found.data != Some(data(secret)) {
            return;
        }
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: found.metadata.uid,
                resource_version: found.metadata.resource_version,
            }),
            ..DeleteParams::default()
        };
        let _ = self.secrets.delete(&self.secret, &parameters).await;
    }
}

fn data(secret: &str) -> BTreeMap<String, ByteString> {
    BTreeMap::from([(KEY.to_owned(), ByteString(secret.as_bytes().to_vec()))])
}
