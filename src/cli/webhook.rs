//! `kubectl composio webhook register`: has Composio tell of accounts that have expired, and keeps the secret that
//! signs it in a Secret.

use std::collections::BTreeMap;

use composio_api::ProjectKind;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};

use crate::arguments::{Options, Register};
use crate::cluster::{Cluster, MANAGER};
use crate::composio::Composio;
use crate::failure::{self, Failure, Right};
use crate::print::Out;
use crate::{project, text};

/// The key in the Secret.
const KEY: &str = "secret";

/// Registers, where nobody has.
pub(crate) async fn register(
    options: &Options,
    arguments: &Register,
    out: &mut Out,
) -> Result<(), Failure> {
    let cluster = Cluster::of(options).await?;
    let project = project::chosen(&cluster, arguments.project.project.as_ref()).await?;
    let composio = Composio::connect(&cluster, &project, &arguments.project.key).await?;
    let name = &project.key.name;
    let secret = arguments
        .secret
        .clone()
        .unwrap_or_else(|| format!("{name}-webhook"));
    let namespace = match project.key.kind {
        ProjectKind::ComposioProject => project.key.namespace.as_deref(),
        ProjectKind::ClusterComposioProject => {
            arguments.project.key.cluster_resource_namespace.as_deref()
        }
    };
    let namespace = namespace.unwrap_or(&cluster.namespace);
    let place = Place {
        api: Api::namespaced(cluster.client.clone(), namespace),
        namespace,
        name: &secret,
    };
    if let Some(found) = composio.subscriptions().await?.first() {
        let url = found
            .url
            .as_deref()
            .unwrap_or("an address that cannot be shown");
        return Err(Failure::Failed(format!(
            "{} has a webhook subscription, to {}: a project has one, and its receiver can pass events on",
            project.key,
            text::plain(url)
        )));
    }
    // Before anything is made: the secret is told once, and must have a place then.
    place.try_on().await?;
    let made = composio.subscribe(&arguments.url).await?;
    if let Err(why) = place.write(made.secret.expose()).await {
        let undone = composio.unsubscribe(&made.id).await;
        return Err(Failure::Failed(match undone {
            Ok(()) => format!("{why}; the subscription is deleted again"),
            Err(kept) => format!(
                "{why}; the subscription {} is there and could not be deleted: {kept}",
                text::plain(&made.id)
            ),
        }));
    }
    let line = format!("secret/{secret} created");
    out.line(&line)?;
    out.note(&format!(
        "Composio tells {} of expired accounts of {}, and signs with the key {KEY:?} of the Secret {namespace}/{secret}.",
        text::plain(&arguments.url),
        project.key
    ));
    Ok(())
}

/// Where the secret is kept.
struct Place<'a> {
    api: Api<Secret>,
    namespace: &'a str,
    name: &'a str,
}

impl Place<'_> {
    /// Whether the Secret could be made; nothing is stored.
    async fn try_on(&self) -> Result<(), Failure> {
        self.create("", true).await
    }

    async fn write(&self, secret: &str) -> Result<(), Failure> {
        self.create(secret, false).await
    }

    async fn create(&self, secret: &str, dry_run: bool) -> Result<(), Failure> {
        let object = Secret {
            metadata: ObjectMeta {
                name: Some(self.name.to_owned()),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some(BTreeMap::from([(
                KEY.to_owned(),
                ByteString(secret.as_bytes().to_vec()),
            )])),
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
            namespace: Some(self.namespace),
        };
        let made = self.api.create(&parameters, &object).await;
        made.map(drop).map_err(|error| failure::of(error, right))
    }
}
