//! Whether a drain that runs as a Job is the pre-delete hook of `helm uninstall`.
//!
//! What Helm runs before it deletes a release is an ordinary Job for everybody else: `helm template | kubectl
//! apply`, kustomize and GitOps tools create it at once, and it would delete every account at the moment of the
//! installation. So both the Deployment and the Job must show that Helm wrote them. Helm alone writes the
//! annotations that say which release an object is of; a template does not hold them. That is not enough where
//! somebody applies a template over what Helm installed, so the Job is looked at too: whoever wrote that it is a
//! hook must be Helm, as the server recorded it.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::{apps::v1::Deployment, batch::v1::Job},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, Resource};

use super::Error;
use crate::crd::LAST_APPLIED_ANNOTATION;

const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
const HOOK: &str = "helm.sh/hook";
const PRE_DELETE: &str = "pre-delete";

/// What the chart says of the Job that it runs a drain in.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The release.
    pub release: String,
    /// Where it is installed, which is where both objects are.
    pub namespace: String,
    /// The operator's Deployment.
    pub deployment: String,
    /// The Job itself.
    pub job: String,
}

impl Hook {
    /// Why this is no uninstall by Helm; `None` if it is one.
    ///
    /// # Errors
    /// When the apiserver does not show one of the objects. Then nothing is known, and nothing may be deleted.
    pub(super) async fn refusal(&self, client: &Client) -> Result<Option<String>, Error> {
        let deployment = self
            .metadata::<Deployment>(client, "Deployment", &self.deployment)
            .await?;
        let job = self.metadata::<Job>(client, "Job", &self.job).await?;
        Ok(self.decide(deployment.as_ref(), job.as_ref()).err())
    }

    async fn metadata<K>(
        &self,
        client: &Client,
        kind: &'static str,
        name: &str,
    ) -> Result<Option<ObjectMeta>, Error>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let api = Api::<K>::namespaced(client.clone(), &self.namespace);
        match api.get_metadata_opt(name).await {
            Ok(found) => Ok(found.map(|object| object.metadata)),
            Err(error) => Err(Error::NotShown {
                what: format!("{kind} {}/{name}", self.namespace),
                error: Box::new(error),
            }),
        }
    }

    /// Pure: what was found → whether it is an uninstall, or why not.
    fn decide(
        &self,
        deployment: Option<&ObjectMeta>,
        job: Option<&ObjectMeta>,
    ) -> Result<(), String> {
        let Self {
            release, namespace, ..
        } = self;
        let name = format!("Deployment {namespace}/{}", self.deployment);
        let deployment = deployment.ok_or_else(|| format!("{name} does not exist"))?;
        if deployment.deletion_timestamp.is_some() {
            return Err(format!("{name} is being deleted already"));
        }
        for (annotation, expected) in [(RELEASE_NAME, release), (RELEASE_NAMESPACE, namespace)] {
            match value(deployment, annotation) {
                Some(found) if found == expected => {}
                Some(found) => {
                    return Err(format!(
                        "{name} has the annotation {annotation}: {found:?}, not {expected:?}: another release installed it"
                    ));
                }
                None => {
                    return Err(format!(
                        "{name} has no annotation {annotation}: it was applied, and not installed by Helm"
                    ));
                }
            }
        }
        let name = format!("Job {namespace}/{}", self.job);
        let job = job.ok_or_else(|| format!("{name} does not exist"))?;
        let events = value(job, HOOK).unwrap_or_default();
        if !events.split(',').any(|event| event.trim() == PRE_DELETE) {
            return Err(format!("{name} has no annotation {HOOK}: {PRE_DELETE}"));
        }
        if value(job, LAST_APPLIED_ANNOTATION).is_some() {
            return Err(format!(
                "{name} was applied by kubectl, and not created by Helm"
            ));
        }
        let helm = writers(deployment, RELEASE_NAME);
        let hook = writers(job, HOOK);
        match hook.iter().find(|manager| !is_helm(manager, &helm)) {
            Some(other) => Err(format!("{name} was written by {other:?}, and not by Helm")),
            None if hook.is_empty() => Err(format!("{name} does not tell who wrote it")),
            None => Ok(()),
        }
    }
}

fn value<'a>(object: &'a ObjectMeta, annotation: &str) -> Option<&'a str> {
    let annotations = object.annotations.as_ref()?;
    annotations.get(annotation).map(String::as_str)
}

/// The field managers that have set an annotation.
fn writers<'a>(object: &'a ObjectMeta, annotation: &str) -> BTreeSet<&'a str> {
    let field = format!("f:{annotation}");
    let entries = object.managed_fields.iter().flatten();
    entries
        .filter(|entry| {
            let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
            fields.is_some_and(|fields| fields["f:metadata"]["f:annotations"].get(&field).is_some())
        })
        .map(|entry| entry.manager.as_deref().unwrap_or_default())
        .collect()
}

/// Helm calls itself by the name of the program that it is in: helm, helm-controller (Flux),
/// terraform-provider-helm_v3, or any other name, under which it has then written the Deployment too.
fn is_helm(manager: &str, writers_of_release: &BTreeSet<&str>) -> bool {
    let alone = writers_of_release.len() == 1 && writers_of_release.contains(manager);
    manager.contains("helm") || (alone && !manager.starts_with("kubectl"))
}

#[cfg(test)]
mod tests;
