//! Whether an admission policy keeps the caller from writing what only the operator should.

use composio_operator::check::marks::{self, Tried};
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use kube::Api;
use kube::api::ListParams;

use super::{Found, not_seen};
use crate::cluster::Cluster;
use crate::failure::Right;

/// The labels of the chart's policy and its binding.
const POLICY: &str = "app.kubernetes.io/name=composio-operator,app.kubernetes.io/component=marks";

/// Tries it on an object of the namespace, without changing it.
pub(super) async fn protected(cluster: &Cluster) -> Found {
    let namespace = Some(cluster.namespace.as_str());
    let right = Right::on_accounts("patch", namespace);
    let place = &cluster.namespace;
    match marks::may_write(&cluster.client, namespace).await {
        Ok(false) => {}
        Ok(true) => {
            return Found::Unknown(format!(
                "you may write what only the operator should in namespace {place}, policy or not: whether others may is told to whoever may only edit objects"
            ));
        }
        Err(error) => return not_seen(&error, right),
    }
    match marks::try_to_write(&cluster.client, namespace).await {
        Ok(Tried::Refused) => Found::Ok(
            "an admission policy keeps you from writing what only the operator should".to_owned(),
        ),
        Ok(Tried::NoObject) => Found::Unknown(format!(
            "there is no ConnectedAccount in namespace {place} to try it on"
        )),
        Ok(Tried::Taken(object)) => unprotected(cluster, &object).await,
        Err(error) => not_seen(&error, right),
    }
}

/// Nothing refused it: whether that is meant to be so.
async fn unprotected(cluster: &Cluster, object: &str) -> Found {
    let api: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client.clone());
    let taken = format!(
        "nothing keeps you from writing what only the operator should, tried on {object} and not written"
    );
    match api.list(&ListParams::default().labels(POLICY)).await {
        Ok(list) => match list.items.first() {
            None => Found::Ok(format!(
                "{taken}: no policy is there (tenancy.protectMarks)"
            )),
            Some(found) => Found::Failed(format!(
                "{taken}, though the policy {} is there: it takes a moment to be in force, and with watchNamespaces it is for these only",
                found.metadata.name.as_deref().unwrap_or_default()
            )),
        },
        Err(_) => Found::Unknown(format!(
            "{taken}: tenancy.protectMarks is off, or not in force yet. You may not see which"
        )),
    }
}
